# Everything starts here: `make run` opens the product, `make test` passes its tests. Both set up what they need.
ARTICLES ?= seeds
INDEX ?= index
HOST ?= 127.0.0.1
PORT ?= 7860
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet

.PHONY: run test unit lint nightly chromium clean

run: .venv/installed
	$(BIN)/qa rebuild "$(ARTICLES)" --index "$(INDEX)" || [ $$? -eq 4 ]
	$(BIN)/qa serve --index "$(INDEX)" --host "$(HOST)" --port "$(PORT)"

test: .venv/tools chromium node_modules/axe-core
	$(BIN)/python -m pytest -m "not server and not cluster"

# Those that take a moment each, all in about a minute: to be run at every change.
unit: .venv/tools chromium node_modules/axe-core
	$(BIN)/python -m pytest -m "not slow"

lint: .venv/tools
	$(BIN)/ruff check .
	$(BIN)/mypy

# What SECURITY.md counts, in full size, and the tests that need a real Milvus server or Ray: about an hour.
nightly: .venv/tools
	$(PIP) --editable ".[dev,ray]"
	$(BIN)/python -m bench.crash --kills 1100 --faults 1000 --disks 200
	$(BIN)/python -m bench.crash --kills 1100 --faults 1000 --disks 0 --segments
	$(BIN)/python -m bench.damage --flips 20000 --truncations 5000
	$(BIN)/python -m bench.damage --flips 10000 --truncations 2500 --segments
	$(BIN)/python -m bench.soak --seconds 600
	$(BIN)/python -m pytest --numprocesses=0 -m "server or cluster"
	QA_FUZZ=2000 $(BIN)/python -m pytest -s tests/test_fuzz.py tests/test_build.py tests/test_segments.py

# The two stamps are older than pyproject.toml exactly when something is still to be installed.
.venv/installed: pyproject.toml | .venv/bin/python
	@echo "Installing what qa needs into .venv (a few minutes, once)"
	$(PIP) --editable .
	@touch $@

.venv/tools: .venv/installed
	@echo "Installing what the tests need into .venv"
	$(PIP) --editable ".[dev]"
	@touch $@

.venv/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is missing. Install it: apt-get install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q python3-venv; \
	  else echo "Python's venv is missing. Install it: sudo apt-get install python3-venv" >&2; exit 1; fi; }
	$(PYTHON) -m venv .venv

# The page's tests drive Debian's own Chromium.
chromium:
	@command -v chromium >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then echo "Installing Chromium for the page's tests"; apt-get update -q && apt-get install -y -q chromium; \
	  elif sudo -n true 2>/dev/null; then sudo apt-get update -q && sudo apt-get install -y -q chromium; \
	  else echo "The page's tests need Chromium. Install it: sudo apt-get install chromium" >&2; exit 1; fi; }

# Checks of accessibility, run inside the page by its tests.
node_modules/axe-core: package.json package-lock.json | npm
	npm ci --silent --ignore-scripts --no-audit --no-fund
	@touch $@

npm:
	@command -v npm >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then echo "Installing npm for the page's tests"; apt-get update -q && apt-get install -y -q --no-install-recommends npm; \
	  elif sudo -n true 2>/dev/null; then sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends npm; \
	  else echo "The page's tests need npm. Install it: sudo apt-get install npm" >&2; exit 1; fi; }

clean:
	rm -rf node_modules .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

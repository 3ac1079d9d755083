"""The wheel, not only the checkout: what `pip install .` gives works in an empty folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import free_port, page_of

ROOT = Path(__file__).parent.parent
LARGEST = 60_000_000  # bytes: what people will download for a tool that needs no further download

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment in which the wheel's qa, and no other, is found; its dependencies are those of this run."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--target", str(folder), str(wheel)], check=True)
    return {**os.environ, "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def empty(installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but one article and the index made of it by the installed command."""
    folder = tmp_path_factory.mktemp("empty")
    articles = folder / "articles"
    articles.mkdir()
    (articles / "2021-05-03-lantern.txt").write_text(
        "Le maire a allumé la grande lanterne sur le port de Brume. La fête dure trois jours.\n", "utf-8")
    subprocess.run([sys.executable, "-m", "qa", "rebuild", "articles"], cwd=folder, env=installed, check=True)
    return folder


def test_the_wheel_holds_the_model_and_the_page_and_nothing_else_of_the_repository(wheel: Path) -> None:
    """Model, page assets and unrelated questions are inside; articles, tests and training are not."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for wanted in ("qa/model/model.safetensors", "qa/model/tokenizer.json", "qa/model/modules.json",
                   "qa/unrelated.json", "qa/names.tsv", "qa/spoken.tsv", "qa/ranker.safetensors", "qa/page/page.css",
                   "qa/page/page.js", "qa/py.typed"):
        assert wanted in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"qa"}
    assert wheel.stat().st_size <= LARGEST


def test_the_installed_command_answers(installed: dict[str, str], empty: Path) -> None:
    """`qa ask` in an empty folder finds the article by the wheel's own model."""
    run = subprocess.run([sys.executable, "-c", "import qa.cli; print(qa.cli.__file__); "
                          "raise SystemExit(qa.cli.main(['ask', 'Who lit the lantern in the port of Brume?']))"],
                         cwd=empty, env=installed, capture_output=True, text=True)
    assert run.stdout.splitlines()[0].startswith(installed["PYTHONPATH"])
    assert "2021-05-03-lantern.txt · 2021-05-03 (file name)" in run.stdout


def test_the_installed_page_opens(installed: dict[str, str], empty: Path) -> None:
    """`qa serve` works from the wheel in a folder that has no app.py."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "qa", "serve", "--port", str(port)], cwd=empty, env=installed,
                              stderr=subprocess.PIPE, text=True)
    try:
        assert "gradio" in page_of(server, port)
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=600)

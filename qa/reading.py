"""Reading a file into an article and its passages; a large one in a process of its own, within limits.

A page of a few megabytes can keep a parser busy for hours, or take all memory, or bring the whole process down. A small
file cannot do much harm, so only large ones are sent to the other process, which stays there for the next one.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from qa import articles
from qa.articles import Article
from qa.dates import Dated, Section
from qa.errors import Unreadable
from qa.passages import Passage, passages

LARGE, LARGE_PAGE = 500_000, 200_000  # bytes: what is smaller took no parser longer than three seconds
SECONDS = 60            # of processor time for one file: a hundred times what an article of that size needs
WAITED = 600            # seconds by the clock, on a machine that has better things to do
MEMORY = 3_000_000_000  # bytes of address space


def read(file: str, data: bytes, passage_size: int) -> tuple[Article, list[Passage]]:
    """The article that the bytes of a file hold, and its passages. Raises Unreadable with the reason."""
    article = articles.article(file, data)
    return article, passages(article, passage_size)


class Reader:
    """Reads files one after the other; what takes too long or too much memory is unreadable."""

    def __init__(self) -> None:
        self._worker: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._stop()

    def read(self, file: str, data: bytes, passage_size: int) -> tuple[Article, list[Passage]]:
        """As the function `read`, within the limits."""
        page = articles.SUFFIXES[Path(file).suffix.lower()] == "html"
        if len(data) < (LARGE_PAGE if page else LARGE):
            return read(file, data, passage_size)
        fields = self._asked(file, data, passage_size)
        if "unreadable" in fields:
            raise Unreadable(str(fields["unreadable"]))
        return _article(file, fields)

    def _asked(self, file: str, data: bytes, passage_size: int) -> dict[str, Any]:
        worker = self._worker = self._worker or _worker()
        head = {"file": file, "size": len(data), "passage_size": passage_size, "seconds": SECONDS, "memory": MEMORY}
        try:
            worker.stdin.write(json.dumps(head).encode() + b"\n" + data)  # type: ignore[union-attr]
            worker.stdin.flush()  # type: ignore[union-attr]
            answer = _answer(worker.stdout)  # type: ignore[arg-type]
        except BrokenPipeError:
            answer = b""
        if answer:
            return dict(json.loads(answer))
        code = self._stop(killed=answer is None)
        if answer is None:
            return {"unreadable": f"not read after {WAITED} s"}
        if code == -signal.SIGXCPU:
            return {"unreadable": f"takes more than {SECONDS} s to read"}
        return {"unreadable": f"what reads it broke down over it (exit code {code})"}

    def _stop(self, *, killed: bool = True) -> int | None:
        """Ends the other process, if there is one, or waits for its end; its exit code."""
        worker, self._worker = self._worker, None
        if worker is None:
            return None
        if killed:
            worker.kill()
        for stream in (worker.stdin, worker.stdout):
            with contextlib.suppress(OSError):  # what it did not read any more
                stream.close()  # type: ignore[union-attr]
        return worker.wait()


def _worker() -> subprocess.Popen[bytes]:
    # the index's lock is not handed down: Python opens no file for its children
    return subprocess.Popen(
        [sys.executable, "-m", "qa.reading"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1",
             "OPENBLAS_NUM_THREADS": "1"})


def _answer(stream: IO[bytes]) -> bytes | None:
    """The line that the other process writes; b"" when it ended instead, None when it has not in all that time."""
    end = time.monotonic() + WAITED
    parts: list[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        if not select.select([stream], [], [], max(0.0, end - time.monotonic()))[0]:
            return None
        parts.append(os.read(stream.fileno(), 1 << 20))
        if not parts[-1]:
            return b""
    return b"".join(parts)


# --- what goes from one process to the other: JSON, which cannot do anything but be read ----------------------


def _fields(article: Article, cut: list[Passage]) -> dict[str, Any]:
    return {"text": article.text, "title": article.title, "language": article.language,
            "sections": [(one.start, one.end, _dated_fields(one.published)) for one in article.sections],
            "furniture": article.furniture,
            "passages": [(one.start, one.end, one.title, _dated_fields(one.published)) for one in cut]}


def _article(file: str, fields: dict[str, Any]) -> tuple[Article, list[Passage]]:
    text, language = str(fields["text"]), str(fields["language"])
    sections = tuple(Section(start, end, _dated(dated)) for start, end, dated in fields["sections"])
    article = Article(file, text, fields["title"], language, sections,
                      tuple((start, end) for start, end in fields["furniture"]))
    return article, [Passage(file, start, end, text[start:end], _dated(dated), title, language)
                     for start, end, title, dated in fields["passages"]]


def _dated_fields(dated: Dated | None) -> tuple[str, str, str, int | None] | None:
    return None if dated is None else (dated.date, dated.source, dated.evidence, dated.start)


def _dated(fields: Any) -> Dated | None:
    return None if fields is None else Dated(*fields)


# --- the other process --------------------------------------------------------------------------------------


def _serve() -> None:
    """Reads files from standard input until that ends, and answers a line of JSON for each."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # should a library print
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with os.fdopen(0, "rb") as questions:
        while line := questions.readline():
            head = json.loads(line)
            data = questions.read(head["size"])
            used = resource.getrusage(resource.RUSAGE_SELF)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + head["seconds"],
                                                     resource.RLIM_INFINITY))
            with contextlib.suppress(ValueError, OSError):  # not every system limits memory
                resource.setrlimit(resource.RLIMIT_AS, (head["memory"], resource.RLIM_INFINITY))
            try:
                answer = json.dumps(_fields(*read(head["file"], data, head["passage_size"])))
            except Unreadable as error:
                answer = json.dumps({"unreadable": str(error)})
            except MemoryError:
                answer = json.dumps({"unreadable": f"takes more than {head['memory'] // 1_000_000:,} MB to read"})
            answers.write(answer.encode() + b"\n")
            answers.flush()


if __name__ == "__main__":
    _serve()

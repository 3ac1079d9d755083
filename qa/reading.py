"""Reading files into articles, passages and sentences, on all cores and within limits of time and memory.

A page of a few megabytes can keep a parser busy for hours, or take all memory, or bring the whole process down. So
large files are read in processes of their own, within limits. A small file cannot do much harm; small ones are read
there too where there are many of them, and by whoever waits for them as long as those processes are busy or not there.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import resource
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from numpy.typing import NDArray

from qa import articles, beside
from qa.articles import Article
from qa.beside import process as _process
from qa.cores import cores
from qa.cuts import Cut, cut, meanings
from qa.dates import Dated, Section
from qa.encoder import Encoder, LightEncoder, StaticEncoder, Units, Vectors
from qa.errors import ModelError, Unreadable
from qa.passages import Passage, passages

LARGE, LARGE_PAGE = 500_000, 200_000  # bytes: what is smaller took no parser longer than three seconds
MANY = 2_000_000        # bytes: about 500 articles; for fewer the other processes would hardly be ready in time
FEW = 200_000           # bytes: about 50 articles; another process that is ready reads them before this one could begin
SECONDS = 60            # of processor time for one file: a hundred times what an article of that size needs
WAITED = 600            # seconds by the clock, on a machine that has better things to do
MEMORY = 3_000_000_000  # bytes of address space


@dataclass(frozen=True, slots=True)
class Reading:
    """One file, read."""

    article: Article
    passages: list[Passage]
    cuts: list[Cut]     # the sentences of each passage
    units: Units | None = None      # of all these sentences; None: not embedded
    vectors: Vectors | None = None  # of the passages, (passages, dimension)


def read(file: str, data: bytes, passage_size: int, encoder: LightEncoder | None = None) -> Reading:
    """What the bytes of a file hold, embedded where there is an encoder. Raises Unreadable with the reason."""
    article = articles.article(file, data)
    found = passages(article, passage_size)
    cuts = [cut(passage) for passage in found]
    return Reading(article, found, cuts, *(meanings(found, cuts, encoder) if encoder else (None, None)))


class Job:
    """A file that is being read, or waits for it."""

    def __init__(self, file: str, data: bytes, passage_size: int) -> None:
        self.file, self.data, self.passage_size = file, data, passage_size
        page = articles.SUFFIXES[Path(file).suffix.lower()] == "html"
        self.large = len(data) >= (LARGE_PAGE if page else LARGE)
        self.done: Reading | Unreadable | bytes | None = None  # bytes: what another process answered


class Reader:
    """Reads files, several at a time when there are many; what takes too long or too much memory is unreadable.

    Whoever waits for a file reads others meanwhile, so that nothing is ever slower than one after the other.
    """

    def __init__(self, expected: int = 0, encoder: Encoder | None = None) -> None:
        """`expected`: bytes of all files that are going to be read. `encoder`: embeds what is read, where it is a
        model that can be opened once more in each process, and the file is not large: what takes long to read has no
        time left for it."""
        self.encoder = encoder if isinstance(encoder, StaticEncoder) else None
        self._small: deque[Job] = deque()
        self._large: deque[Job] = deque()
        self._changed = threading.Condition()
        self._wanted = cores() - 1 if expected >= MANY else 0
        self.several = self._wanted > 0  # whether it is worth while to begin a file before the one before has ended
        self._room = max(1, min(cores() - 1, _memory() // (2 * MEMORY)))  # large files that may be read at once
        self._large_now = 0
        self._hands: list[_Hand] = []
        self._closed = False
        if not expected:
            beside.forget()
        begun = beside.taken()
        self._left_to_it = begun is not None and expected < FEW  # what small files there are
        if begun is None:
            self._lives, self._life = os.pipe()  # its end is ours alone: it closes when we die, however we die
        else:
            self._lives, self._life = begun.lives, begun.life
            self.several = True
            self._hands.append(_Hand(self, begun.process))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._changed:
            self._closed = True
            for hand in self._hands:
                hand.kill()
            self._changed.notify_all()
        for hand in self._hands:
            hand.join()
        for end in (self._lives, self._life):
            os.close(end)

    def begin(self, file: str, data: bytes, passage_size: int) -> Job:
        """Begins to read a file, as the function `read`."""
        job = Job(file, data, passage_size)
        with self._changed:
            (self._large if job.large else self._small).append(job)
            self._left_to_it &= not job.large
            if len(self._hands) < max(self._wanted, min(len(self._large), self._room)):
                self._hands.append(_Hand(self))
            self._changed.notify_all()
        return job

    def end(self, job: Job) -> Reading:
        """The file, once it is read. Raises Unreadable with the reason."""
        while (own := self._own(job)) is not None:
            try:
                done: Reading | Unreadable = read(own.file, own.data, own.passage_size, self.encoder)
            except Unreadable as error:
                done = error
            own.done, own.data = done, b""
        if isinstance(job.done, bytes):
            job.done = received(job.file, job.done)
        if isinstance(job.done, Unreadable):
            raise job.done
        assert job.done is not None
        return job.done

    def _own(self, job: Job) -> Job | None:
        """What to read while waiting for `job`, best of all itself; None when it is done."""
        with self._changed:
            while job.done is None:
                if job in self._small and not self._left_to_it:
                    self._small.remove(job)
                    return job
                if self._small and not self._left_to_it:
                    return self._small.popleft()
                self._changed.wait()
        return None

    def _next(self) -> Job | None:
        """What another process reads next; None when there is nothing more to come."""
        with self._changed:
            while not self._closed:
                if self._large and self._large_now < self._room:
                    self._large_now += 1
                    return self._large.popleft()
                if self._small:
                    return self._small.popleft()
                self._changed.wait()
        return None

    def _finish(self, job: Job, done: Unreadable | bytes) -> None:
        with self._changed:
            self._large_now -= job.large
            job.done, job.data = done, b""
            self._changed.notify_all()


def _memory() -> int:
    """Bytes that the machine has."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class _Hand(threading.Thread):
    """Gives files to one other process, and starts another when that has ended over one."""

    def __init__(self, reader: Reader, process: subprocess.Popen[bytes] | None = None) -> None:
        """`process`: one that was begun already."""
        super().__init__(daemon=True)
        self._reader = reader
        self._process = process
        self.start()

    def run(self) -> None:
        while (job := self._reader._next()) is not None:
            try:
                done = self._asked(job)
            except Exception as error:  # no memory for another process, no more files to be opened
                done = Unreadable(f"what reads it could not be started ({error})")
            self._reader._finish(job, done)
        self._stop()

    def kill(self) -> None:
        """Ends the other process; held by whoever holds the reader's lock, so that none is started meanwhile."""
        if self._process is not None:
            self._process.kill()

    def _asked(self, job: Job) -> Unreadable | bytes:
        with self._reader._changed:
            if self._reader._closed:
                return Unreadable("not read")
            process = self._process = self._process or _process(self._reader._lives)
        encoder = None if job.large or self._reader._left_to_it else self._reader.encoder
        head = {"file": job.file, "size": len(job.data), "passage_size": job.passage_size, "seconds": SECONDS,
                "memory": MEMORY, "model": encoder and str(encoder.folder.absolute()),
                "fingerprint": encoder and encoder.fingerprint}
        try:
            process.stdin.write(json.dumps(head).encode() + b"\n" + job.data)  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
            answer = _answer(process.stdout)  # type: ignore[arg-type]
        except BrokenPipeError:
            answer = b""
        if answer:
            return answer
        code = self._stop()
        if answer is None:
            return Unreadable(f"not read after {WAITED} s")
        if code == -signal.SIGXCPU:
            return Unreadable(f"takes more than {SECONDS} s to read")
        return Unreadable(f"what reads it broke down over it (exit code {code})")

    def _stop(self) -> int | None:
        """Ends the other process, if there is one that has not ended by itself; its exit code."""
        with self._reader._changed:
            process, self._process = self._process, None
        if process is None:
            return None
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what it did not read any more
                stream.close()  # type: ignore[union-attr]
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(_ENDING)
        process.kill()
        return process.wait()


_ENDING = 1.0  # seconds that a process has to end by itself, which tells its exit code


def _answer(stream: IO[bytes]) -> bytes | None:
    """What the other process writes; b"" when it ended instead, None when it has not in all that time."""
    end = time.monotonic() + WAITED
    waiting = select.poll()  # select() knows no more than 1,024 open files
    waiting.register(stream, select.POLLIN)
    held = bytearray()
    while len(held) < _SIZES.size or len(held) < _SIZES.size + sum(_SIZES.unpack_from(held)):
        if not waiting.poll(max(0.0, end - time.monotonic()) * 1_000):
            return None
        part = os.read(stream.fileno(), 1 << 20)
        if not part:
            return b""
        held += part
    return bytes(held)


# --- what goes from one process to the other: JSON and numbers, which cannot do anything but be read -----------

_SIZES = struct.Struct("<QQ")  # bytes of JSON, and of the arrays after it
_ARRAYS = (("counts", "<i8"), ("totals", "<f4"), ("lengths", "<f4"), ("tokens", "<i4"), ("firsts", "?"))


def sent(reading: Reading | Unreadable) -> bytes:
    """What was read, as `received` reads it in another process."""
    if isinstance(reading, Unreadable):
        return _packed({"unreadable": str(reading)}, [])
    article, units, vectors = reading.article, reading.units, reading.vectors
    arrays = []
    if units is not None and vectors is not None:
        arrays = [np.ascontiguousarray(getattr(units, name), kind) for name, kind in _ARRAYS]
        arrays.append(np.ascontiguousarray(vectors, "<f4"))
    return _packed({
        "text": article.text, "title": article.title, "language": article.language,
        "sections": [(one.start, one.end, _dated_fields(one.published)) for one in article.sections],
        "furniture": article.furniture,
        "passages": [(one.start, one.end, one.title, _dated_fields(one.published)) for one in reading.passages],
        # a word holds no white space
        "cuts": [(one.spans, " ".join(one.title), [" ".join(words) for words in one.words]) for one in reading.cuts],
        "shapes": [array.shape for array in arrays],
    }, arrays)


def _packed(fields: dict[str, Any], arrays: list[NDArray[Any]]) -> bytes:
    text = json.dumps(fields).encode()
    return b"".join((_SIZES.pack(len(text), sum(array.nbytes for array in arrays)), text,
                     *(array.tobytes() for array in arrays)))


def received(file: str, answer: bytes) -> Reading | Unreadable:
    """What `sent` gave."""
    at = _SIZES.size + _SIZES.unpack_from(answer)[0]
    fields: dict[str, Any] = json.loads(memoryview(answer)[_SIZES.size : at].tobytes())
    if "unreadable" in fields:
        return Unreadable(str(fields["unreadable"]))
    text, language = str(fields["text"]), str(fields["language"])
    sections = tuple(Section(start, end, _dated(dated)) for start, end, dated in fields["sections"])
    article = Article(file, text, fields["title"], language, sections,
                      tuple((start, end) for start, end in fields["furniture"]))
    found = [Passage(file, start, end, text[start:end], _dated(dated), title, language)
             for start, end, title, dated in fields["passages"]]
    arrays: list[NDArray[Any]] = []
    for shape, (_, kind) in zip(fields["shapes"], (*_ARRAYS, ("vectors", "<f4")), strict=False):
        count = math.prod(shape)
        arrays.append(np.frombuffer(answer, kind, count, at).reshape(shape))
        at += arrays[-1].nbytes
    return Reading(article, found, [
        Cut(tuple((start, end) for start, end in spans), tuple(title.split()),
            tuple(tuple(sentence.split()) for sentence in words)) for spans, title, words in fields["cuts"]],
        Units(*arrays[:-1]) if arrays else None, arrays[-1] if arrays else None)


def _dated_fields(dated: Dated | None) -> tuple[str, str, str, int | None] | None:
    return None if dated is None else (dated.date, dated.source, dated.evidence, dated.start)


def _dated(fields: Any) -> Dated | None:
    return None if fields is None else Dated(*fields)


# --- the other process --------------------------------------------------------------------------------------


def _serve(lives: int) -> None:
    """Reads the files that it is sent, and answers as `sent` does."""
    with beside.serving(lives) as (questions, answers):
        read("first.txt", b"What nearly every file needs is imported now. " * 50, 1_000)
        while line := questions.readline():
            head = json.loads(line)
            data = questions.read(head["size"])
            used = resource.getrusage(resource.RUSAGE_SELF)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + head["seconds"],
                                                     resource.RLIM_INFINITY))
            with contextlib.suppress(ValueError, OSError):  # not every system limits memory
                resource.setrlimit(resource.RLIMIT_AS, (head["memory"], resource.RLIM_INFINITY))
            try:
                encoder = _encoder(head["model"], head["fingerprint"]) if head["model"] else None
                answer = sent(read(head["file"], data, head["passage_size"], encoder))
            except Unreadable as error:
                answer = sent(error)
            except MemoryError:
                answer = sent(Unreadable(f"takes more than {head['memory'] // 1_000_000:,} MB to read"))
            answers.write(answer)
            answers.flush()


@cache
def _encoder(folder: str, fingerprint: str) -> StaticEncoder | None:
    """The model; None where it is not the same any more: then whoever asked embeds."""
    with contextlib.suppress(ModelError):
        encoder = StaticEncoder(folder)
        if encoder.fingerprint == fingerprint:
            return encoder
    return None


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

"""Writing the word side of the index: bm25s weighs the texts, some thousands at a time, while others are still read."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import threading
from array import array
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import beside, ranges
from qa.cores import cores
from qa.encoder import apart
from qa.lexical import (
    COUNT,
    K1,
    LENGTHS,
    LISTS,
    MOST_TERMS,
    NONE,
    ROWS,
    TERMS,
    TERMS_OF,
    WEIGHTS,
    B,
    log_rarity,
    reweighed,
)
from qa.words import terms

Numbers = NDArray[np.int64]

AT_ONCE = 10_000  # texts that bm25s weighs at once, some 120 MB
_BLOCK = 2_000_000  # entries of lists put together at once, some 60 MB

# Of some of the texts, while they are weighed:
_OWN = "own.npy"        # the numbers of the terms whose lists there are
_HELD = "held.npy"      # the numbers of the terms of each text, one text after the other
_BOUNDS = "bounds.npy"  # where those of each text begin, and where the last ones end


@dataclass(frozen=True, slots=True)
class _Lot:
    """Some successive texts, and what bm25s says of them."""

    folder: Path    # of its files
    prefix: str     # of their names; none where it is all texts
    first: int      # the row of the first
    count: int      # texts

    def path(self, name: str) -> Path:
        return self.folder / f"{self.prefix}{name}"

    def keep(self, held: NDArray[np.int32], bounds: Numbers) -> None:
        """Writes what `weigh` needs, for another process. Raises OSError."""
        np.save(self.path(_HELD), held)
        np.save(self.path(_BOUNDS), bounds)

    def weigh(self, held: NDArray[np.int32] | None = None, bounds: Numbers | None = None) -> None:
        """Writes the weights of its texts. `held`: the numbers of the terms of each text, one text after the other,
        `bounds`: where those of each begin, and where the last ones end; None: what was kept. Raises OSError."""
        import bm25s

        if held is None or bounds is None:
            held, bounds = np.load(self.path(_HELD)), np.load(self.path(_BOUNDS))
        own, places = apart(held, int(held.max()) + 1)  # bm25s takes terms that are numbered from 0 on
        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        found = index.build_index_from_ids(list(range(len(own))), _Texts(places, bounds), show_progress=False)
        np.save(self.path(WEIGHTS), np.asarray(found["data"], np.float32) * np.float32(K1 + 1))
        np.save(self.path(ROWS), np.asarray(found["indices"], np.int32))
        np.save(self.path(LISTS), np.asarray(found["indptr"], np.int64))
        if self.prefix:
            np.save(self.path(_OWN), own)

    def clear(self) -> None:
        """Removes its files; what is alone keeps its weights. Raises OSError."""
        if self.prefix:
            for name in (WEIGHTS, ROWS, LISTS, _OWN, _HELD, _BOUNDS):
                self.path(name).unlink(missing_ok=True)


class _Texts(Sequence[list[int]]):
    """The terms of some texts, made lists anew whenever they are asked for: all of them would fill the memory."""

    def __init__(self, terms: NDArray[np.int32], bounds: Numbers) -> None:
        self._terms = terms
        self._bounds = bounds

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._terms[self._bounds[place] : self._bounds[place + 1]].tolist()


@contextlib.contextmanager
def _read_back() -> Iterator[None]:
    """A disk may have lost what was written without a word; numpy then says that the numbers do not fit."""
    try:
        yield
    except ValueError as error:
        raise OSError(f"what was written cannot be read: {error}") from error


class Writer:
    """Writes a word index into a folder, which is made if missing; text i becomes row i.

    bm25s weighs AT_ONCE texts at a time, so that its memory does not grow with them, and another process does so as
    soon as they are there, if there is a core for it. What bm25s says of each lot is put together at the end and
    weighed among all texts, see `qa.lexical.reweighed`. The files are the same whoever weighs.
    """

    def __init__(self, folder: Path, texts: Callable[[int, int], tuple[NDArray[Any], Numbers]],
                 vocabulary: Collection[str]) -> None:
        """`texts`: the words of the texts from one number up to another, one text after the other, each word by its
        number in the `vocabulary`, repeated as the text repeats it; and where those of each text begin, and where the
        last ones end. Texts and vocabulary may grow. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._texts = texts
        self._vocabulary = vocabulary
        self._terms: dict[str, int] = {}  # the number of each
        self._terms_of = array("i")  # of each word the numbers of its terms, filled up with NONE
        self._lengths: list[NDArray[np.int32]] = []
        self._lots: list[_Lot] = []
        self._weighed: set[_Lot] = set()  # of these
        self._taken = 0  # texts that lots are made of
        self._beside: _Beside | None = None

    def advance(self, count: int) -> None:
        """Begins to weigh what is whole of the first `count` texts. Raises OSError."""
        with _read_back():
            while count > self._taken + AT_ONCE:
                lot, held, bounds = self._lot(AT_ONCE)
                if cores() > 1 and len(held):
                    lot.keep(held, bounds)
                    self._beside = self._beside or _Beside()
                    self._beside.add(lot)
                elif len(held):
                    lot.weigh(held, bounds)
                    self._weighed.add(lot)

    def finish(self, count: int) -> None:
        """Completes the index of the first `count` texts. Raises OSError."""
        self.advance(count)
        with _read_back():
            self._finish(count)

    def _finish(self, count: int) -> None:
        alone = self._taken == 0
        lot, held, bounds = self._lot(count - self._taken, alone)
        (self._folder / COUNT).write_text(json.dumps(count), "utf-8")
        if len(held):
            lot.weigh(held, bounds)
            self._weighed.add(lot)
        while self._beside and (left := self._beside.take()):  # it has begun with the first ones
            left.weigh()
            self._weighed.add(left)
        if self._terms:
            self._write_terms()
        self._weighed |= self._beside.finish() if self._beside else set()
        for lot in self._lots:
            if lot not in self._weighed:  # the other process could not
                lot.weigh()
        if self._terms:
            lengths = np.concatenate(self._lengths)
            np.save(self._folder / LENGTHS, lengths)
            if not alone:
                _put_together(self._folder, self._lots, lengths, len(self._terms))
        for lot in self._lots:
            lot.clear()

    def close(self) -> None:
        """Ends the other process, whatever it does."""
        if self._beside is not None:
            self._beside.kill()

    def _lot(self, size: int, alone: bool = False) -> tuple[_Lot, NDArray[np.int32], Numbers]:
        """A lot of the next texts, which are `alone` where they are all, and what weighing it needs; it counts unless
        they are without a word."""
        words, bounds = self._texts(self._taken, self._taken + size)
        found = self._numbered()[words]
        real = found != NONE
        bounds = np.concatenate([[0], np.cumsum(real.sum(axis=1))])[bounds]
        self._lengths.append(np.diff(bounds).astype(np.int32))
        lot = _Lot(self._folder, "" if alone else f"{self._taken}-", self._taken, size)
        self._taken += size
        if bounds[-1]:
            self._lots.append(lot)
        return lot, found[real], bounds

    def _numbered(self) -> NDArray[np.int32]:
        """The numbers of the terms of each word so far, (words, MOST_TERMS)."""
        numbers, flat = self._terms, self._terms_of
        for own in map(terms, islice(self._vocabulary, len(flat) // MOST_TERMS, None)):
            for term in own:
                flat.append(numbers.setdefault(term, len(numbers)))
            flat.extend([NONE] * (MOST_TERMS - len(own)))
        return np.array(flat, np.int32).reshape(-1, MOST_TERMS)

    def _write_terms(self) -> None:
        terms_of = self._numbered()
        np.save(self._folder / TERMS_OF, terms_of)
        words = np.full(len(self._terms), NONE)
        words[terms_of[:, 0]] = np.arange(len(terms_of))  # the first of a word's terms is the word itself
        database = sqlite3.connect(self._folder / TERMS)
        try:
            database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                                   " CREATE TABLE terms (term TEXT PRIMARY KEY, number INTEGER NOT NULL,"
                                   " word INTEGER NOT NULL) WITHOUT ROWID;")
            database.executemany("INSERT INTO terms VALUES (?, ?, ?)",
                                 ((term, self._terms[term], int(words[self._terms[term]]))
                                  for term in sorted(self._terms)))
            database.commit()
        finally:
            database.close()


def build(folder: Path, texts: Sequence[NDArray[np.int64]], vocabulary: Collection[str]) -> None:
    """Writes the word index of `texts` that are all there already; each is the numbers of its words in `vocabulary`,
    repeated as it repeats them. Raises OSError."""
    def some(first: int, last: int) -> tuple[NDArray[Any], Numbers]:
        part = [texts[place] for place in range(first, last)]
        return np.concatenate([np.zeros(0, np.int64), *part]), np.cumsum([0, *map(len, part)])

    writer = Writer(folder, some, vocabulary)
    try:
        writer.finish(len(texts))
    finally:
        writer.close()


def _put_together(folder: Path, lots: Sequence[_Lot], lengths: NDArray[np.int32], terms: int) -> None:
    """One list of each term out of those of all lots, a block of terms at a time."""
    every = [(np.load(lot.path(_OWN), mmap_mode="r"), np.load(lot.path(LISTS), mmap_mode="r")) for lot in lots]
    lists = np.zeros(terms + 1, np.int64)
    for own, each in every:
        lists[own + 1] += np.diff(each)
    np.cumsum(lists, out=lists)
    np.save(folder / LISTS, lists)
    average = float(lengths.mean())
    with (folder / WEIGHTS).open("wb") as weights, (folder / ROWS).open("wb") as rows:
        for file, form in ((weights, "<f4"), (rows, "<i4")):
            np.lib.format.write_array_header_1_0(file, {"descr": form, "fortran_order": False,
                                                        "shape": (int(lists[-1]),)})
        first = 0
        while first < len(lists) - 1:
            last = max(first + 1, int(np.searchsorted(lists, lists[first] + _BLOCK, "right")) - 1)
            block_rows = np.zeros(lists[last] - lists[first], np.int32)
            block_weights = np.zeros(len(block_rows), np.float32)
            at = lists[first:last] - lists[first]
            after = log_rarity(len(lengths), np.diff(lists[first : last + 1]))
            for lot, (own, each) in zip(lots, every, strict=True):
                some = slice(*np.searchsorted(own, [first, last]))
                begins = np.asarray(each[some.start : some.stop + 1])
                begin, end, counts = int(begins[0]), int(begins[-1]), np.diff(begins)
                held_by = own[some] - first
                target = ranges.joined(at[held_by], counts)
                mine = lengths[lot.first : lot.first + lot.count]
                held = _part(lot.path(ROWS), begin, end, "<i4")
                block_rows[target] = held + lot.first
                block_weights[target] = reweighed(
                    _part(lot.path(WEIGHTS), begin, end, "<f4"), mine[held],
                    (np.repeat(log_rarity(lot.count, counts), counts), float(mine.mean())),
                    (np.repeat(after[held_by], counts), average))
                at[held_by] += counts
            weights.write(block_weights.tobytes())
            rows.write(block_rows.tobytes())
            first = last


def _part(path: Path, begin: int, end: int, kind: str) -> NDArray[Any]:
    """Some of the numbers of a file, read and not mapped: mapped pages stay with the process."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        np.lib.format.read_array_header_1_0(file)
        file.seek(begin * np.dtype(kind).itemsize, 1)
        return np.fromfile(file, kind, end - begin)


class _Beside(threading.Thread):
    """Has lots weighed by another process, one after the other; what that cannot do is left."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._waiting: deque[_Lot] = deque()
        self._weighed: set[_Lot] = set()
        self._finished = False
        self._changed = threading.Condition()
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def add(self, lot: _Lot) -> None:
        """Has one more weighed."""
        with self._changed:
            self._waiting.append(lot)
            self._changed.notify()

    def take(self) -> _Lot | None:
        """Takes one back that is not begun, if there is any."""
        with self._changed:
            return self._waiting.popleft() if self._waiting else None

    def finish(self) -> set[_Lot]:
        """Waits for what is begun; all that were weighed."""
        with self._changed:
            self._finished = True
            self._changed.notify()
        self.join()
        return self._weighed

    def kill(self) -> None:
        """Ends the other process."""
        with self._changed:
            self._finished = True
            self._waiting.clear()
            if self._process is not None:
                self._process.kill()
            self._changed.notify()
        self.join()

    def run(self) -> None:
        with contextlib.suppress(OSError):  # no memory for another process, or it ended
            with self._changed:
                begun = beside.begun("qa.weighing")
                self._process = begun.process
            try:
                while (lot := self._next()) is not None:
                    line = [str(lot.folder.absolute()), lot.prefix, lot.first, lot.count]
                    begun.process.stdin.write(json.dumps(line).encode() + b"\n")  # type: ignore[union-attr]
                    begun.process.stdin.flush()  # type: ignore[union-attr]
                    if not begun.process.stdout.readline():  # type: ignore[union-attr]
                        break
                    self._weighed.add(lot)
            finally:
                begun.kill()

    def _next(self) -> _Lot | None:
        with self._changed:
            while not self._waiting and not self._finished:
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None


def _serve(lives: int) -> None:
    """Weighs the lots of standard input, and answers an empty line for each that is done."""
    with beside.serving(lives) as (lots, answers):
        for line in lots:
            folder, prefix, first, count = json.loads(line)
            _Lot(Path(folder), prefix, first, count).weigh()
            answers.write(b"\n")
            answers.flush()


if __name__ == "__main__":
    _serve(int(sys.argv[1]))

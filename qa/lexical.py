"""The word side of the index: BM25 over folded words, weighed by bm25s and read where it lies."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.words import BEGINNINGS, terms

K1, B = 1.2, 0.75       # anything from 0.6 to 1.5, and from 0.6 to 0.9, is as good: bench/lexical.md
TERMS_A_QUESTION = 128  # the rarest are kept: a pasted article is a slow question and no better one

_WORTH_STOPPING = 20_000  # entries of lists yet to be read: fewer are read faster than the best so far are found

_COUNT = "count.json"   # of texts; the other files are missing where no text has a word
_TERMS = "terms.sqlite"  # the number of each term: a question looks up a few, so none need be in memory
# bm25s' matrix of weights by term, in compressed columns: of term n the texts rows[lists[n] : lists[n + 1]], ascending,
# and what each gets for it. Mapped, never read whole.
_WEIGHTS, _ROWS, _LISTS = "weights.npy", "rows.npy", "lists.npy"
_TERMS_OF = "terms_of.npy"  # of each word of the vocabulary the numbers of its terms, filled up with _NONE

_NONE = -1
_MOST_TERMS = 1 + len(BEGINNINGS)

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


class _TermNumbers(Sequence[list[int]]):
    """The term numbers of each text, made anew whenever they are asked for: all of them would fill the memory."""

    def __init__(self, texts: Sequence[NDArray[np.int64]], terms_of: NDArray[np.int32]) -> None:
        self._texts = texts
        self._terms_of = terms_of

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, place: Any) -> Any:
        numbers = self._terms_of[self._texts[place]]
        return numbers[numbers >= 0].tolist()


def build(folder: Path, texts: Sequence[NDArray[np.int64]], vocabulary: Iterable[str]) -> None:
    """Writes the word index of `texts` into `folder`, which is made if missing; text i becomes row i. Each text is
    the numbers of its words in `vocabulary`, repeated as it repeats them."""
    import bm25s

    numbers: dict[str, int] = {}
    terms_of = np.array([[numbers.setdefault(term, len(numbers)) for term in own] + [_NONE] * (_MOST_TERMS - len(own))
                         for own in map(terms, vocabulary)], np.int32).reshape(-1, _MOST_TERMS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _COUNT).write_text(json.dumps(len(texts)), "utf-8")
    if numbers:
        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        found = index.build_index_from_ids(list(numbers.values()), _TermNumbers(texts, terms_of), show_progress=False)
        np.save(folder / _WEIGHTS, np.asarray(found["data"], np.float32) * np.float32(K1 + 1))
        np.save(folder / _ROWS, np.asarray(found["indices"], np.int32))
        np.save(folder / _LISTS, np.asarray(found["indptr"], np.int64))
        np.save(folder / _TERMS_OF, terms_of)
        database = sqlite3.connect(folder / _TERMS)
        try:
            database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                                   " CREATE TABLE terms (term TEXT PRIMARY KEY, number INTEGER NOT NULL)"
                                   " WITHOUT ROWID;")
            database.executemany("INSERT INTO terms VALUES (?, ?)", sorted(numbers.items()))
            database.commit()
        finally:
            database.close()


def unchanging(database: Path, owner: object) -> sqlite3.Connection:
    """Opens a database for reading that never changes, so that no lock is taken and a read-only disk will do.

    It is closed when its owner is gone: a connection refers to itself, and would stay open until Python looks for such
    circles, which may be many generations later.
    """
    opened = sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)
    weakref.finalize(owner, opened.close)
    return opened


@dataclass(frozen=True, slots=True)
class _Asked:
    """The terms of a question: rarest first, then those of no text."""

    words: tuple[str, ...]
    terms: list[str]
    numbers: list[int]      # _NONE for one of no text
    rarity: list[float]


class Lexical:
    """A word index opened for reading; its arrays are mapped. Usable from several threads.

    Scores are BM25 over the terms of a text: the sum, over the terms of the question, of
    ln(1 + (N - n + 0.5) / (n + 0.5)) · f · (K1 + 1) / (f + K1 · (1 - B + B · length / average length)),
    where f is how often the text holds the term and n how many of the N texts do (Robertson & Zaragoza 2009, with
    the logarithm kept above 0).
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError or ValueError when the files are missing or cannot be read."""
        self.count = int(json.loads((folder / _COUNT).read_text("utf-8")))
        self._last = threading.local()
        self._terms: sqlite3.Connection | None = None
        if (folder / _TERMS).exists():
            self._terms = unchanging(folder / _TERMS, self)
            self._weights, self._rows, self._lists, self._terms_of = (
                np.load(folder / name, mmap_mode="r") for name in (_WEIGHTS, _ROWS, _LISTS, _TERMS_OF))

    def close(self) -> None:
        """Lets go of the files; nothing can be asked afterwards."""
        if self._terms is not None:
            self._terms.close()

    def _numbers(self, terms: Sequence[str]) -> dict[str, int]:
        """The number of each term that some text holds."""
        found: dict[str, int] = {}
        if self._terms is None:
            return found
        for begin in range(0, len(terms), 500):
            part = terms[begin : begin + 500]
            found.update(self._terms.execute(
                f"SELECT term, number FROM terms WHERE term IN ({','.join('?' * len(part))})", part))
        return found

    def _asked(self, words: Iterable[str]) -> _Asked:
        """The question's terms; the last one's are kept for the thread, since searching, weighing and marking each
        ask for them."""
        key = tuple(dict.fromkeys(words))
        last: _Asked | None = getattr(self._last, "asked", None)
        if last is None or last.words != key:
            last = self._last.asked = self._looked_up(key)
        return last

    def _looked_up(self, words: tuple[str, ...]) -> _Asked:
        asked = list(dict.fromkeys(chain.from_iterable(map(terms, words))))
        numbers = self._numbers(asked)
        known = [(self._frequency(numbers[term]), place) for place, term in enumerate(asked) if term in numbers]
        unknown = [(0, place) for place, term in enumerate(asked) if term not in numbers]
        kept = [*sorted(known), *unknown][:TERMS_A_QUESTION]
        return _Asked(words, [asked[place] for _, place in kept],
                      [numbers.get(asked[place], _NONE) for _, place in kept],
                      [self._rarity(frequency) for frequency, _ in kept])

    def _frequency(self, number: int) -> int:
        return int(self._lists[number + 1] - self._lists[number])

    def _rarity(self, frequency: int) -> float:
        return log1p((self.count - frequency + 0.5) / (frequency + 0.5))

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """The weight of each term of the words: the fewer texts hold it the greater, greatest for one that none
        holds."""
        asked = self._asked(words)
        return dict(zip(asked.terms, asked.rarity, strict=True))

    def held(self, words: Iterable[str], numbers: NDArray[np.int64], texts: NDArray[np.int64], count: int) -> Scores:
        """The summed rarity of those terms of the question that each of `count` texts holds, (count,). `numbers`
        are the texts' words, as the vocabulary numbers them, and `texts` the text that each stands in."""
        asked = self._asked(words)
        if self._terms is None or not len(numbers):
            return np.zeros(count, np.float32)
        places = np.zeros(len(self._lists), np.uint8)  # one more than terms, so that _NONE finds nothing
        for place, number in enumerate(asked.numbers):
            if number != _NONE:
                places[number] = place + 1
        found = places[self._terms_of[numbers]]
        word, column = np.nonzero(found)
        each = np.unique(texts[word] * (TERMS_A_QUESTION + 1) + found[word, column])  # a text's word may repeat
        text, term = np.divmod(each, TERMS_A_QUESTION + 1)
        return np.bincount(text, np.array([0.0, *asked.rarity])[term], count).astype(np.float32)

    def search(self, words: Sequence[str], k: int, rows: Rows | None = None) -> tuple[Rows, Scores]:
        """The k best rows that hold a word of the question, best first and equal ones by row, with their scores;
        of `rows` alone if given, which are ascending.

        Terms are taken from the rarest on. Once k texts have more than all terms to come could give, only those that
        may still be among the best are looked up in the remaining lists (MaxScore: Turtle & Flood 1995).
        """
        if k <= 0 or self._terms is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        asked = [number for number in self._asked(words).numbers if number != _NONE]
        lengths = [self._frequency(number) for number in asked]
        most = [self._rarity(length) * (K1 + 1) for length in lengths]  # what a text full of the term would get
        scores = np.zeros(self.count, np.float32)
        for place, number in enumerate(asked):
            own = slice(self._lists[number], self._lists[number + 1])
            scores[self._rows[own]] += self._weights[own]  # a text stands once in a list
            rest = sum(most[place + 1 :])
            if sum(lengths[place + 1 :]) > _WORTH_STOPPING and sum(most[: place + 1]) > rest:
                found = _above_zero(scores, rows)
                if len(found) >= k and (least := _least(scores[found], k)) > rest:
                    found = found[scores[found] + np.float32(rest) >= least]
                    return _best(found, self._added(scores[found], asked[place + 1 :], found), k)
        found = _above_zero(scores, rows)
        return _best(found, scores[found], k)

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """The score of each of `rows`, 0 where no word of the question stands."""
        asked = [number for number in self._asked(words).numbers if number != _NONE]
        return self._added(np.zeros(len(rows), np.float32), asked, np.asarray(rows, np.int64))

    def _added(self, scores: Scores, numbers: Iterable[int], rows: Rows) -> Scores:
        """`scores` of these rows and what each of these terms gives them."""
        wanted = rows.astype(np.int32)  # of the lists' own type: they would be copied whole to compare them
        for number in numbers:
            own = slice(self._lists[number], self._lists[number + 1])
            listed = self._rows[own]
            places = np.minimum(np.searchsorted(listed, wanted), len(listed) - 1)
            scores += np.where(listed[places] == wanted, self._weights[own][places], np.float32(0))
        return scores


def _above_zero(scores: Scores, allowed: Rows | None) -> Rows:
    return np.flatnonzero(scores) if allowed is None else allowed[scores[allowed] > 0]


def _least(scores: Scores, k: int) -> float:
    """The k-th best score."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def _best(rows: Rows, scores: Scores, k: int) -> tuple[Rows, Scores]:
    """The k best, best first and equal ones by row."""
    if len(rows) > k:
        kept = scores >= _least(scores, k)
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order].astype(np.int64), scores[order]

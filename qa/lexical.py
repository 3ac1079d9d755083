"""The word side of the index: BM25 over folded words, weighed by bm25s and read where it lies."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from math import log1p
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.words import terms, tokens

K1, B = 1.2, 0.75       # anything from 0.6 to 1.5, and from 0.6 to 0.9, is as good: bench/lexical.md
TERMS_A_QUESTION = 128  # the rarest are kept: a pasted article is a slow question and no better one

_COUNT = "count.json"   # of texts; the other files are missing where no text has a word
_TERMS = "terms.sqlite"  # the number of each term: a question looks up a few, so none need be in memory
# bm25s' matrix of weights by term, in compressed columns: of term n the texts rows[lists[n] : lists[n + 1]], ascending,
# and what each gets for it. Mapped, never read whole.
_WEIGHTS, _ROWS, _LISTS = "weights.npy", "rows.npy", "lists.npy"

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


def build(folder: Path, texts: Iterable[str]) -> None:
    """Writes the word index of `texts` into `folder`, which is made if missing; text i becomes row i."""
    import bm25s

    numbers: dict[str, int] = {}
    found: list[list[int]] = []
    for text in texts:
        own = [numbers.setdefault(term, len(numbers)) for term in chain.from_iterable(map(terms, tokens(text)))]
        found.append(own)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _COUNT).write_text(json.dumps(len(found)), "utf-8")
    if numbers:
        index = bm25s.BM25(method="lucene", k1=K1, b=B)
        index.index((found, numbers), show_progress=False, create_empty_token=False)
        lists = np.asarray(index.scores["indptr"], np.int64)
        np.save(folder / _WEIGHTS, np.asarray(index.scores["data"], np.float32) * np.float32(K1 + 1))
        np.save(folder / _ROWS, np.asarray(index.scores["indices"], np.int32))
        np.save(folder / _LISTS, lists)
        database = sqlite3.connect(folder / _TERMS)
        try:
            database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
                                   " CREATE TABLE terms (term TEXT PRIMARY KEY, number INTEGER NOT NULL)"
                                   " WITHOUT ROWID;")
            database.executemany("INSERT INTO terms VALUES (?, ?)", sorted(numbers.items()))
            database.commit()
        finally:
            database.close()


def unchanging(database: Path) -> sqlite3.Connection:
    """Opens a database for reading that never changes, so that no lock is taken and a read-only disk will do."""
    return sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)


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
        self._terms: sqlite3.Connection | None = None
        if (folder / _TERMS).exists():
            self._terms = unchanging(folder / _TERMS)
            self._weights, self._rows, self._lists = (
                np.load(folder / name, mmap_mode="r") for name in (_WEIGHTS, _ROWS, _LISTS))

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

    def _asked(self, words: Iterable[str]) -> list[tuple[int, str, int]]:
        """How often each term of the question's words stands, the term, and its number: rarest first, then those of
        no text, whose number is -1."""
        asked = list(dict.fromkeys(chain.from_iterable(map(terms, dict.fromkeys(words)))))
        numbers = self._numbers(asked)
        known = [(self._frequency(numbers[term]), place) for place, term in enumerate(asked) if term in numbers]
        unknown = [(0, place) for place, term in enumerate(asked) if term not in numbers]
        return [(frequency, asked[place], numbers.get(asked[place], -1))
                for frequency, place in [*sorted(known), *unknown][:TERMS_A_QUESTION]]

    def _frequency(self, number: int) -> int:
        return int(self._lists[number + 1] - self._lists[number])

    def frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """In how many texts each word stands, 0 for one that stands nowhere."""
        listed = list(words)
        numbers = self._numbers(listed)
        return {word: self._frequency(numbers[word]) if word in numbers else 0 for word in listed}

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """The weight of each term of the words: the fewer texts hold it the greater, greatest for one that none
        holds."""
        return {term: log1p((self.count - frequency + 0.5) / (frequency + 0.5))
                for frequency, term, _ in self._asked(words)}

    def _all(self, words: Iterable[str]) -> Scores:
        """The score of every text, (count,)."""
        scores = np.zeros(self.count, np.float32)
        for frequency, _, number in self._asked(words):
            if frequency:
                own = slice(self._lists[number], self._lists[number + 1])
                scores[self._rows[own]] += self._weights[own]  # a text stands once in a list
        return scores

    def search(self, words: Sequence[str], k: int, rows: Rows | None = None) -> tuple[Rows, Scores]:
        """The k best rows that hold a word of the question, best first and equal ones by row, with their scores;
        of `rows` alone if given."""
        scores = self._all(words)
        found = np.flatnonzero(scores > 0) if rows is None else np.unique(rows)[scores[np.unique(rows)] > 0]
        if len(found) > k:
            least = np.partition(scores[found], len(found) - k)[len(found) - k] if k > 0 else np.inf
            found = found[scores[found] >= least]
        order = np.lexsort((found, -scores[found]))[: max(k, 0)]
        return found[order].astype(np.int64), scores[found][order]

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """The score of each of `rows`, 0 where no word of the question stands."""
        return self._all(words)[np.asarray(rows, np.int64)]

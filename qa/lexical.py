"""The word side of the index: BM25 over folded words, by bm25s."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from math import log1p
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.words import terms, tokens

K1, B = 1.2, 0.75       # anything from 0.6 to 1.5, and from 0.6 to 0.9, is as good: bench/lexical.md
TERMS_A_QUESTION = 128  # the rarest are kept: a pasted article is a slow question and no better one

_COUNT = "count.json"   # of texts; bm25s' own files lie beside it, and are missing where no text has a word

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
        index.save(folder, show_progress=False)


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
        self._numbers: dict[str, int] = {}
        if (folder / "vocab.index.json").exists():
            import bm25s

            self._index: Any = bm25s.BM25.load(folder, mmap=True, load_corpus=False)
            self._numbers = self._index.vocab_dict
            self._lists = np.asarray(self._index.scores["indptr"])

    def _asked(self, words: Iterable[str]) -> list[tuple[int, str]]:
        """How often each term of the question's words stands, and the term: rarest first, then those of no text."""
        asked = dict.fromkeys(chain.from_iterable(map(terms, dict.fromkeys(words))))
        rarest = sorted((self._frequency(term) or self.count + 1, place, term) for place, term in enumerate(asked))
        return [(frequency % (self.count + 1), term) for frequency, _, term in rarest[:TERMS_A_QUESTION]]

    def _frequency(self, term: str) -> int:
        number = self._numbers.get(term)
        return 0 if number is None else int(self._lists[number + 1] - self._lists[number])

    def frequencies(self, words: Iterable[str]) -> dict[str, int]:
        """In how many texts each word stands, 0 for one that stands nowhere."""
        return {word: self._frequency(word) for word in words}

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """The weight of each term of the words: the fewer texts hold it the greater, greatest for one that none
        holds."""
        return {term: log1p((self.count - frequency + 0.5) / (frequency + 0.5))
                for frequency, term in self._asked(words)}

    def _all(self, words: Iterable[str]) -> Scores:
        """The score of every text, (count,)."""
        numbers = [self._numbers[term] for frequency, term in self._asked(words) if frequency]
        if not numbers:
            return np.zeros(self.count, np.float32)
        return np.asarray(self._index.get_scores_from_ids(numbers) * (K1 + 1), np.float32)

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

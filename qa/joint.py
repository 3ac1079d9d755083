"""The word side and the sentences of several segments, as if they were one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qa.cuts import Cuts, Sentences, gathered
from qa.engine import Rows, Scores
from qa.lexical import MOST_TERMS, Asked, Lexical, Questions, Weighing, asked_for, best, covered
from qa.runs import Runs

Numbers = NDArray[np.int64]


class JointWords:
    """Scores are BM25 over all passages that count, as `qa.lexical.Lexical` gives them for one index of these: how many
    there are, how many hold each term and how long they are on average is what holds now, while the weights of each
    segment were made among its own passages and are put right for each question. They differ from those of one index by
    the last figures of float32. Usable from several threads."""

    def __init__(self, parts: Sequence[Lexical], rows: Runs, removed: Sequence[Numbers]) -> None:
        """`rows`: the rows that count. `removed`: of each segment the terms of its other rows, by their numbers, and
        how many of these rows hold each, (terms, 2)."""
        self._parts = parts
        self._rows = rows
        self._removed = removed
        self._questions = Questions()
        self._firsts = np.cumsum([0, *(part.vocabulary for part in parts)])  # of each part's words, see `JointCuts`
        self._count = len(rows)
        total = sum(int(part.lengths.sum(dtype=np.int64))
                    - int(part.lengths[rows.missing(number, part.count)].sum(dtype=np.int64))
                    for number, part in enumerate(parts))
        self._average = total / max(1, self._count)

    def _asked(self, words: tuple[str, ...]) -> Asked:
        return asked_for(words, self._frequencies, self._count)

    def _frequencies(self, terms: Sequence[str]) -> dict[str, int]:
        """In how many passages each term stands, without those that stand in none."""
        found: dict[str, int] = {}
        for part, removed in zip(self._parts, self._removed, strict=True):
            for term, number in part.numbers(terms).items():
                at = int(np.searchsorted(removed[:, 0], number))
                gone = int(removed[at, 1]) if at < len(removed) and removed[at, 0] == number else 0
                found[term] = found.get(term, 0) + part.frequency(number) - gone
        return {term: frequency for term, frequency in found.items() if frequency}

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """See `qa.engine.Words.rarity`."""
        asked = self._questions.of(words, self._asked)
        return dict(zip(asked.terms, asked.rarity, strict=True))

    def covered(self, words: Sequence[str], rows: Rows, cut: Sentences) -> tuple[Scores, Scores]:
        """See `qa.engine.Words.covered`. The words are numbered as in `JointCuts`."""
        asked = self._questions.of(words, self._asked)
        segments, there = self._rows.places(np.asarray(rows, np.int64))
        lengths = np.zeros(len(rows), np.int64)
        for number in np.unique(segments).tolist():
            mine = segments == number
            lengths[mine] = self._parts[number].lengths[there[mine]]
        return covered(asked, self._places(asked, cut.all_words), lengths, self._average, cut)

    def _places(self, asked: Asked, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Which of the question's terms each of these words stands for, see `qa.lexical.Lexical.places`."""
        owner = np.searchsorted(self._firsts, numbers, "right") - 1
        found = np.zeros((len(numbers), MOST_TERMS), np.uint8)
        for number in np.unique(owner).tolist():
            mine = owner == number
            found[mine] = self._parts[number].places(asked, numbers[mine] - self._firsts[number])
        return found

    def _weighing(self, asked: Asked, part: int) -> Weighing:
        return self._parts[part].weighing(asked, self._average)

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """See `qa.engine.Words.scores`."""
        asked = self._questions.of(words, self._asked)
        segments, there = self._rows.places(np.asarray(rows, np.int64))
        scores = np.zeros(len(rows), np.float32)
        for part in np.unique(segments).tolist():
            mine = segments == part
            scores[mine] = self._parts[part].scores_of(self._weighing(asked, part), there[mine])
        return scores

    def search(self, words: Sequence[str], k: int, within: Sequence[Rows | None], without: Sequence[Rows]
               ) -> tuple[Rows, Scores]:
        """The k best rows, best first and equal ones by row, with their scores; of each segment only the rows `within`,
        unless that is None, and none `without`."""
        asked = self._questions.of(words, self._asked)
        rows: list[Rows] = []
        scores: list[Scores] = []
        for number, part in enumerate(self._parts):
            own, reached = part.best(self._weighing(asked, number), k, within[number], without[number])
            rows.append(self._rows.numbers(number, own))
            scores.append(reached)
        return best(np.concatenate(rows), np.concatenate(scores), k)


class JointCuts:
    """The sentences of the passages of several segments. A word has the number that the oldest segment gives it which
    knows it, plus all words of the segments before that one. Usable from several threads."""

    def __init__(self, parts: Sequence[Cuts], rows: Runs, numbers: Sequence[Numbers | None]) -> None:
        """`numbers`: those of each segment's words, None where they are as the segment itself numbers them."""
        self._parts = parts
        self._rows = rows
        self._numbers = numbers

    def of(self, rows: Rows) -> Sentences:
        """See `qa.engine.Sliced.of`."""
        segments, there = self._rows.places(np.asarray(rows, np.int64))
        return gathered(self._parts, segments, there, self._numbers)

    def part(self, rows: Rows) -> tuple[Cuts, Rows]:
        """Where the passages of one article lie by themselves."""
        segments, there = self._rows.places(np.asarray(rows, np.int64))
        return self._parts[int(segments[0]) if len(segments) else 0], there

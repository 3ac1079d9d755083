"""The word side of the index: BM25 over folded words, weighed by bm25s (qa/weighing.py) and read where it lies."""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.cuts import Sentences
from qa.names import names
from qa.words import BEGINNINGS, terms

K1, B = 1.2, 0.75       # anything from 0.6 to 1.5, and from 0.6 to 0.9, is as good: bench/lexical.md
TERMS_A_QUESTION = 128  # the rarest are kept: a pasted article is a slow question and no better one
# Chosen on half of the Chinese development questions, and in larger folders of many languages: bench/README.md
NAME = 5.0        # times its rarity counts a beginning of a name that is certain, in place of all its signs
_LIKELIEST = 3    # beginnings of each length that a name may have
_ANOTHER = 0.05   # how likely a name begins otherwise than any word of the texts

_WORTH_STOPPING = 20_000  # entries of lists yet to be read: fewer are read faster than the best so far are found
_A_LOOKUP = 16  # entries of a list that are read while one text is looked up in it
_ROUNDING = 1e-5  # of a score: what adding up in float32 may change

COUNT = "count.json"   # of texts; the other files are missing where no text has a word
TERMS = "terms.sqlite"  # the number of each term, and of the word that it is itself, if any: a question looks up a
# few, so none need be in memory
# bm25s' matrix of weights by term, in compressed columns: of term n the texts rows[lists[n] : lists[n + 1]], ascending,
# and what each gets for it. Mapped, never read whole.
WEIGHTS, ROWS, LISTS = "weights.npy", "rows.npy", "lists.npy"
LENGTHS = "lengths.npy"  # of each text, how many terms it holds
TERMS_OF = "terms_of.npy"  # of each word of the vocabulary the numbers of its terms, filled up with NONE

NONE = -1
MOST_TERMS = 1 + len(BEGINNINGS)

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


def log_rarity(count: int, frequency: Any) -> Any:
    """The weight of terms of which so many of `count` texts hold each: ln(1 + (N - n + 0.5) / (n + 0.5))."""
    return np.log1p((count - frequency + 0.5) / (frequency + 0.5))


def reweighed(weights: Scores, lengths: NDArray[Any], before: tuple[Any, float], after: tuple[Any, float]
              ) -> Scores:
    """What BM25 gives for the same texts among others, (len(weights),).

    `lengths` are those of the texts, `before` and `after` the rarity of the term and the average length of all texts,
    among which the weights were made and among which they are to hold. How often a text holds the term is read back
    from its weight and is a whole number again, so that equal texts get equal weights, wherever they were weighed.
    """
    lengths = lengths.astype(np.float32)
    often = np.rint(_damping(lengths, before[1]) / (_full(before[0]) / weights - 1))
    return np.asarray(_full(after[0]) * (often / (often + _damping(lengths, after[1]))), np.float32)


def _full(rarity: Any) -> Any:
    """What a text gets that is full of a term."""
    return np.float32(rarity * (K1 + 1)) if isinstance(rarity, float) else (rarity * (K1 + 1)).astype(np.float32)


def _damping(lengths: Any, average: float) -> Any:
    """The part of BM25 that a text's length has; the average is 0 where no text that counts holds a word."""
    return np.float32(K1 * (1 - B)) + np.float32(K1 * B / (average or 1.0)) * lengths


def unchanging(database: Path, owner: object) -> sqlite3.Connection:
    """Opens a database for reading that never changes, so that no lock is taken and a read-only disk will do.

    It is closed when its owner is gone: a connection refers to itself, and would stay open until Python looks for such
    circles, which may be many generations later.
    """
    opened = sqlite3.connect(f"{database.resolve().as_uri()}?immutable=1", uri=True, check_same_thread=False)
    weakref.finalize(owner, opened.close)
    return opened


@dataclass(frozen=True, slots=True)
class Asked:
    """The terms of a question: rarest first, then those of no text."""

    words: tuple[str, ...]
    terms: tuple[str, ...]
    rarity: tuple[float, ...]   # of each, times its share


@dataclass(frozen=True, slots=True)
class Weighing:
    """What the terms of a question weigh in one word index, the rarest first."""

    numbers: tuple[int, ...]    # of those terms that some text of the index holds
    rarity: tuple[float, ...]   # of each, times its share
    average: float | None       # length of all texts that count; None: the stored weights hold as they are


def asked_for(words: tuple[str, ...], frequencies: Callable[[Sequence[str]], dict[str, int]], count: int) -> Asked:
    """The terms of a question by their rarity, as many as count. `frequencies` says how many of the `count` texts hold
    each term, without those that none holds."""
    every = list(dict.fromkeys(chain.from_iterable(map(terms, words))))
    found = frequencies(every)
    spelled, shares = _spelled(words, found, frequencies)
    every.extend(term for term in spelled if term not in found)
    found = spelled | found
    known = sorted((found[term], place) for place, term in enumerate(every) if term in found)
    kept = [*known, *((0, place) for place, term in enumerate(every) if term not in found)][:TERMS_A_QUESTION]
    return Asked(words, tuple(every[place] for _, place in kept), tuple(
        float(log_rarity(count, frequency)) * shares.get(every[place], 1.0) for frequency, place in kept))


def _spelled(words: Sequence[str], found: dict[str, int], frequencies: Callable[[Sequence[str]], dict[str, int]]
             ) -> tuple[dict[str, int], dict[str, float]]:
    """What names of the question may begin with in Latin letters (see qa/names.py) and some text holds, with how many
    do; and by how much the terms of the question count for more or less than their rarity. `found`: the question's own
    terms, which are not looked for again.

    Of the beginnings that texts hold the likeliest count, by how likely they are among these: with the letters of a
    name that none of the texts holds, another word may begin. What is found so stands for those signs of the name that
    stand nowhere.
    """
    spelled: dict[str, int] = {}
    shares: dict[str, float] = {}
    for name in names(words):
        signs = [word for word in words if word in name.words]
        wanted = [term for term in name.beginnings if term not in found]
        known = frequencies(wanted)
        best = 0.0
        for size in BEGINNINGS:
            likely = sorted(((name.beginnings[term], term) for term in wanted
                             if term in known and len(term) == size + 1), reverse=True)[:_LIKELIEST]
            others = sum(probability for probability, _ in likely) + _ANOTHER
            for probability, term in likely:
                share = name.sure * probability / others
                spelled[term] = known[term]
                shares[term] = max(shares.get(term, 0.0), NAME * share)
                best = max(best, share)
        for term in signs:
            if term not in found:
                shares[term] = min(shares.get(term, 1.0), 1 - best)
    return spelled, shares


class Questions:
    """The terms of the last question of each thread, since searching, weighing and marking each ask for them."""

    def __init__(self) -> None:
        self._last = threading.local()

    def of(self, words: Iterable[str], look_up: Callable[[tuple[str, ...]], Asked]) -> Asked:
        """The terms of these words; `look_up` finds them."""
        key = tuple(dict.fromkeys(words))
        last: Asked | None = getattr(self._last, "asked", None)
        if last is None or last.words != key:
            last = self._last.asked = look_up(key)
        return last


class Lexical:
    """A word index opened for reading; its arrays are mapped. Usable from several threads.

    Scores are BM25 over the terms of a text: the sum, over the terms of the question, of
    ln(1 + (N - n + 0.5) / (n + 0.5)) · f · (K1 + 1) / (f + K1 · (1 - B + B · length / average length)),
    where f is how often the text holds the term and n how many of the N texts do (Robertson & Zaragoza 2009, with
    the logarithm kept above 0).
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError or ValueError when the files are missing or cannot be read."""
        self.count = int(json.loads((folder / COUNT).read_text("utf-8")))
        self._questions = Questions()
        self._last = threading.local()
        # arrays of zeros that the next question finds, as many as were asked at once: new ones take longer to clear
        self._zeros: deque[Scores] = deque()  # a number for each text
        self._marks: deque[NDArray[np.uint8]] = deque()  # one for each term, and one more
        self._terms: sqlite3.Connection | None = None
        self._terms_of = np.zeros((0, MOST_TERMS), np.int32)
        self.lengths = np.zeros(self.count, np.int32)  # of each text, how many terms it holds
        if (folder / TERMS).exists():
            self._terms = unchanging(folder / TERMS, self)
            self._weights, self._rows, self._lists, self._terms_of, self.lengths = (
                np.load(folder / name, mmap_mode="r").view(np.ndarray)  # slices of a memmap are slower
                for name in (WEIGHTS, ROWS, LISTS, TERMS_OF, LENGTHS))
        self._average = float(self.lengths.mean()) if self.count else 0.0

    def close(self) -> None:
        """Lets go of the files; nothing can be asked afterwards."""
        if self._terms is not None:
            self._terms.close()

    @property
    def vocabulary(self) -> int:
        """How many words it knows."""
        return len(self._terms_of)

    def numbers(self, asked: Sequence[str]) -> dict[str, int]:
        """The number of each term that some text holds."""
        return self._found("number", asked)

    def words(self, asked: Sequence[str]) -> dict[str, int]:
        """The number of each word that some text holds, as the vocabulary numbers them."""
        return {word: number for word, number in self._found("word", asked).items() if number != NONE}

    def _found(self, column: str, asked: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        if self._terms is None:
            return found
        for begin in range(0, len(asked), 500):
            part = asked[begin : begin + 500]
            found.update(self._terms.execute(
                f"SELECT term, {column} FROM terms WHERE term IN ({','.join('?' * len(part))})", part))
        return found

    def _asked(self, words: tuple[str, ...]) -> Asked:
        numbers: dict[str, int] = {}

        def frequencies(every: Sequence[str]) -> dict[str, int]:
            numbers.update(self.numbers(every))
            return {term: self.frequency(number) for term, number in numbers.items()}

        asked = asked_for(words, frequencies, self.count)
        self._last.numbers = asked, numbers
        return asked

    def weighing(self, asked: Asked, average: float | None) -> Weighing:
        """What a question's terms weigh here; `average` as in `Weighing`."""
        numbers = self._numbers_of(asked)
        known = [(numbers[term], rarity) for term, rarity in zip(asked.terms, asked.rarity, strict=True)
                 if term in numbers]
        return Weighing(tuple(number for number, _ in known), tuple(rarity for _, rarity in known), average)

    def _numbers_of(self, asked: Asked) -> dict[str, int]:
        """The numbers of its terms, looked up once for the thread's last question."""
        last: tuple[Asked, dict[str, int]] | None = getattr(self._last, "numbers", None)
        if last is None or last[0] is not asked:
            last = self._last.numbers = asked, self.numbers(asked.terms)
        return last[1]

    def frequency(self, number: int) -> int:
        """How many texts hold a term."""
        return int(self._lists[number + 1] - self._lists[number])

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """The weight of each term of the words: the fewer texts hold it the greater, greatest for one that none
        holds."""
        asked = self._questions.of(words, self._asked)
        return dict(zip(asked.terms, asked.rarity, strict=True))

    def covered(self, words: Sequence[str], rows: Rows, cut: Sentences) -> tuple[Scores, Scores]:
        """The score of each of some passages, and the summed rarity of those terms of the question that each of their
        sentences holds. `cut` are the sentences of `rows`, with all words of each: no list is read."""
        asked = self._questions.of(words, self._asked)
        return covered(asked, self.places(asked, cut.all_words), self.lengths[rows], self._average, cut)

    def places(self, asked: Asked, numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Which of the question's terms each of these words stands for, one more than its place or 0, (words, terms of
        a word)."""
        if self._terms is None:
            return np.zeros((len(numbers), MOST_TERMS), np.uint8)
        numbered = self._numbers_of(asked)
        known = [(numbered[term], place + 1) for place, term in enumerate(asked.terms) if term in numbered]
        try:
            places = self._marks.pop()
        except IndexError:
            places = np.zeros(len(self._lists), np.uint8)  # one more than terms, so that NONE finds nothing
        held = [number for number, _ in known]
        places[held] = [place for _, place in known]
        found = np.take(places, np.take(self._terms_of, numbers, axis=0, mode="clip"), mode="wrap")
        places[held] = 0
        self._marks.append(places)
        return found

    def frequencies_among(self, numbers: NDArray[np.int64], texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """The terms of some texts and how many of these texts hold each, (terms, 2), by the terms' numbers.
        `numbers` are the texts' words and `texts` the text that each stands in."""
        found = self._terms_of[numbers]
        word, column = np.nonzero(found >= 0)
        each = np.unique(found[word, column] + texts[word] * max(1, len(self._lists)))  # a text's word may repeat
        return np.stack(np.unique(each % len(self._lists), return_counts=True), axis=1).astype(np.int64)

    def search(self, words: Sequence[str], k: int, rows: Rows | None = None) -> tuple[Rows, Scores]:
        """The k best rows that hold a word of the question, best first and equal ones by row, with their scores;
        of `rows` alone if given, which are ascending."""
        return self.best(self.weighing(self._questions.of(words, self._asked), None), k, rows)

    def best(self, weighing: Weighing, k: int, rows: Rows | None = None, removed: Rows | None = None
             ) -> tuple[Rows, Scores]:
        """The same for a question that is weighed already, without the rows `removed`.

        Terms are taken from the rarest on. Once k texts have more than all terms to come could give, only those that
        may still be among the best are looked up in the remaining lists, and fewer with each list (MaxScore: Turtle &
        Flood 1995).
        """
        if k <= 0 or self._terms is None:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        lengths = [self.frequency(number) for number in weighing.numbers]
        left = _suffix_sums(lengths)
        rests = _suffix_sums([rarity * (K1 + 1) for rarity in weighing.rarity])  # what texts full of terms would get
        allowed = self._allowed(rows, removed)
        try:
            scores = self._zeros.pop()
        except IndexError:
            scores = np.zeros(self.count, np.float32)
        found: list[Rows] = []
        count = since = 0  # of the texts found, and of entries read since they were last looked at
        for place, number in enumerate(weighing.numbers):
            own = slice(int(self._lists[number]), int(self._lists[number + 1]))
            held = self._rows[own].astype(np.int64)
            weights = self._weights_of(weighing, place, own, held)
            if allowed is not None:
                some = np.flatnonzero(allowed[held])
                held, weights = held[some], weights[some]
            before = scores[held]  # a text stands once in a list
            fresh = held[before == 0]
            scores[held] = before + weights
            found.append(fresh)
            count += len(fresh)
            since += len(held)
            if (left[place + 1] > _WORTH_STOPPING and count >= k and rests[0] - rests[place + 1] > rests[place + 1]
                    and since + lengths[place + 1] >= count):
                since = 0
                every = np.concatenate(found)
                reached = scores[every]
                least = _least(reached, k) * (1 - _ROUNDING)
                if least > rests[place + 1]:
                    some = np.flatnonzero(reached + rests[place + 1] >= least)
                    if _A_LOOKUP * len(some) * (len(lengths) - place - 1) < left[place + 1]:
                        self._return(scores, found)
                        ordered = some[np.argsort(every[some])]
                        return self._among(weighing, place + 1, every[ordered], reached[ordered], rests, k)
        every = np.concatenate(found) if found else np.zeros(0, np.int64)
        reached = scores[every]
        self._return(scores, found)
        return best(every, reached, k)

    def _allowed(self, rows: Rows | None, removed: Rows | None) -> NDArray[np.bool_] | None:
        """Whether each text may be found; None where all may."""
        if rows is None and (removed is None or not len(removed)):
            return None
        allowed = np.full(self.count, rows is None)
        if rows is not None:
            allowed[rows] = True
        if removed is not None:
            allowed[removed] = False
        return allowed

    def _return(self, scores: Scores, found: Iterable[Rows]) -> None:
        """Keeps an array for the next search, all zeros again: clearing what was found is quicker than a new one."""
        for some in found:
            scores[some] = 0
        self._zeros.append(scores)

    def _among(self, weighing: Weighing, first: int, rows: Rows, scores: Scores, rests: Sequence[float], k: int
               ) -> tuple[Rows, Scores]:
        """The k best of these rows, ascending, among which the best are, with their scores from the terms before the
        first one. `rests`: what the terms from each on can give."""
        for place in range(first, len(weighing.numbers)):
            some = np.flatnonzero(scores + rests[place] >= _least(scores, k) * (1 - _ROUNDING))
            rows, scores = rows[some], scores[some]
            self._add(scores, weighing, place, rows.astype(np.int32))
        return best(rows, scores, k)

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """The score of each of `rows`, 0 where no word of the question stands."""
        return self.scores_of(self.weighing(self._questions.of(words, self._asked), None), np.asarray(rows, np.int64))

    def scores_of(self, weighing: Weighing, rows: Rows) -> Scores:
        """The same for a question that is weighed already."""
        scores = np.zeros(len(rows), np.float32)
        for place in range(len(weighing.numbers)):
            self._add(scores, weighing, place, rows.astype(np.int32))
        return scores

    def _add(self, scores: Scores, weighing: Weighing, place: int, wanted: NDArray[np.int32]) -> None:
        """Adds to the `scores` of these rows what a term gives them. The rows are of the lists' own type: lists would
        be copied whole to compare them with others."""
        number = weighing.numbers[place]
        begin, end = int(self._lists[number]), int(self._lists[number + 1])
        listed = self._rows[begin:end]
        places = np.minimum(np.searchsorted(listed, wanted), len(listed) - 1)
        meant = np.flatnonzero(listed[places] == wanted)
        scores[meant] += self._weights_of(weighing, place, begin + places[meant], wanted[meant])

    def _weights_of(self, weighing: Weighing, place: int, own: Any, held: NDArray[np.int32]) -> Scores:
        """What a term gives these texts that hold it; `own` is where their weights stand."""
        weights: Scores = self._weights[own]
        before = float(log_rarity(self.count, self.frequency(weighing.numbers[place])))
        if weighing.average is None:
            share = weighing.rarity[place] / before
            return weights if share == 1.0 else weights * np.float32(share)
        return reweighed(weights, self.lengths[held], (before, self._average), (weighing.rarity[place],
                                                                                 weighing.average))


def covered(asked: Asked, places: NDArray[np.uint8], lengths: NDArray[Any], average: float, cut: Sentences
            ) -> tuple[Scores, Scores]:
    """The score of each of some passages, and the summed rarity of the terms that each of their sentences holds.

    `places` is what `Lexical.places` gives for all words of `cut`; `lengths` how many terms each passage holds, and
    `average` how many those that count hold on average.
    """
    terms = 1 + len(asked.terms)
    some = np.flatnonzero(places.ravel() > 0)  # most words stand for none
    word, term = some // places.shape[1], places.ravel()[some]
    passages, sentences = cut.standing(word)
    often = np.bincount(passages * terms + term, minlength=len(lengths) * terms).reshape(-1, terms)
    rarity = np.array([0.0, *asked.rarity])
    damping = _damping(lengths.astype(np.float32), average)[:, None]
    scores = (often / (often + damping)) @ (rarity * (K1 + 1))
    stands = np.zeros((len(cut) + 1, terms), bool)  # the last for the words of titles
    stands[sentences, term] = True
    return np.asarray(scores, np.float32), np.asarray(stands[:-1] @ rarity, np.float32)


def _suffix_sums(values: Sequence[Any]) -> list[Any]:
    """What the values from each on add up to, and 0 at the end."""
    return [0, *accumulate(reversed(values))][::-1]


def _least(scores: Scores, k: int) -> float:
    """The k-th best score."""
    return float(np.partition(scores, len(scores) - k)[len(scores) - k])


def best(rows: Rows, scores: Scores, k: int) -> tuple[Rows, Scores]:
    """The k best of these rows, best first and equal ones by row."""
    if len(rows) > k:
        kept = scores >= _least(scores, k)
        rows, scores = rows[kept], scores[kept]
    order = np.lexsort((rows, -scores))[:k]
    return rows[order].astype(np.int64), scores[order]

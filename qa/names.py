"""Names of a question that another script spells by their sound: how they may begin in Latin letters."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice, pairwise
from pathlib import Path

from qa.words import BEGINNINGS

TABLE = Path(__file__).with_name("names.tsv")  # made by `python -m training.names`

_UNSPACED = "\u3400-\u9fff", "\uac00-\ud7a3", "\u30a1-\u30fc"  # Han, Hangul, katakana: `tokens` gives pairs of signs
_SPACED = "\u0900-\u097f"  # Devanagari. Not Arabic and Hebrew, which leave vowels out: too many words would be meant
_PAIR = re.compile("|".join(f"[{script}]{{2}}" for script in _UNSPACED))
_WORD = re.compile(f"[{_SPACED}]{{3,16}}")
_SPELLED = re.compile(f"[{''.join(_UNSPACED)}{_SPACED}]")

# Chosen on half of the Chinese development questions, none of them critical: bench/README.md
_NAMES = 8       # of a question, the first: a pasted article is a slow question and no better one
_RUN = 100       # signs that are looked at together
_START = 2.0     # odds, as a logarithm, that a name must have before it is more likely one than not
_LONGEST = 9     # signs of a name
_LATER = 0.3     # how likely a name begins with a later sign: the first may belong to what stands before it
_STATES = 60     # spellings that are followed at once
_LEAST = 0.004   # spellings of a smaller probability are not looked for
_READ = 6        # signs: enough for the longest beginning

Pieces = tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Name:
    """What may be a name."""

    words: frozenset[str]          # of the question, that it consists of
    sure: float                    # 0..1, that its signs spell a name at all
    beginnings: dict[str, float]   # terms as `qa.words.terms` marks them → how likely it begins so, if it is a name


def names(words: Sequence[str]) -> list[Name]:
    """The first possible names among the words of a question, which are as `qa.words.tokens` gives them, in their
    order."""
    if not any(map(_SPELLED.match, words)):  # before the table is read
        return []
    return list(islice((name for run in _runs(words) for name in _names(run)), _NAMES))


def _runs(words: Sequence[str]) -> Iterator[str]:
    """Successive signs of one script without spaces, put together again from the pairs of them, and words of
    Devanagari."""
    run = ""
    for word in words:
        if _PAIR.fullmatch(word):
            if run and run[-1] == word[0] and len(run) < _RUN:
                run += word[1]
                continue
            if run:
                yield run
            run = word
        elif _WORD.fullmatch(word):
            yield word
    if run:
        yield run


@lru_cache(maxsize=1 << 10)
def _names(run: str) -> tuple[Name, ...]:
    if _WORD.fullmatch(run):
        known = [found for found in map(_sign, run) if found]
        return (_name(run, frozenset([run]), sum(odds for odds, _ in known) - _START),) * (len(known) == len(run))
    return tuple(_name(run[begin:end], frozenset([*run[begin:end], *map("".join, pairwise(run[begin:end]))]), odds)
                 for begin, end, odds in _spans(run))


def _spans(run: str) -> list[tuple[int, int, float]]:
    """Where names stand in the run, beginning, end and odds: of all ways to cut it into names and other signs, the one
    of the greatest odds."""
    signs = [_sign(sign) for sign in run]
    best = [0.0] * (len(run) + 1)
    cuts: list[tuple[int, float] | None] = [None] * (len(run) + 1)
    for end in range(1, len(run) + 1):
        best[end] = best[end - 1]
        odds = -_START
        for begin in range(end - 1, max(-1, end - 1 - _LONGEST), -1):
            sign = signs[begin]
            if sign is None:
                break
            odds += sign[0]
            if end - begin > 1 and best[begin] + odds > best[end]:
                best[end], cuts[end] = best[begin] + odds, (begin, odds)
    found = []
    end = len(run)
    while end:
        cut = cuts[end]
        if cut is None:
            end -= 1
        else:
            found.append((cut[0], end, cut[1]))
            end = cut[0]
    return found[::-1]


def _name(signs: str, words: frozenset[str], odds: float) -> Name:
    found = dict(_beginnings(signs[:_READ]))
    for later in range(1, len(signs) - 1):
        for term, probability in _beginnings(signs[later : later + _READ]).items():
            found[term] = max(found.get(term, 0.0), _LATER * probability)
    return Name(words, 1 / (1 + math.exp(-odds)), {
        term: probability for term, probability in found.items() if probability >= _LEAST})


def _beginnings(signs: str) -> dict[str, float]:
    """How likely a word that these signs spell, and maybe more of them, begins so in Latin letters: a beam search over
    what each sign may be heard as."""
    found: dict[str, float] = {}
    states = {"": 1.0}
    for place, (_, pieces) in enumerate(filter(None, map(_sign, signs))):
        reached: dict[str, float] = {}
        for heard, probability in states.items():
            for piece, likely in pieces:
                longer = heard + (piece[1:] if heard and piece and heard[-1] == piece[0] else piece)  # see `sound`
                reached[longer] = reached.get(longer, 0.0) + probability * likely
                if place:
                    for size in BEGINNINGS:
                        # counted once, when it is long enough; one sign alone spells no name
                        if len(longer) >= size and (len(heard) < size or place == 1):
                            term = f"{longer[:size]}*"
                            found[term] = found.get(term, 0.0) + probability * likely
        unfinished = [(probability, heard) for heard, probability in reached.items()
                      if not place or len(heard) < BEGINNINGS[-1]]
        states = {heard: probability for probability, heard in sorted(unfinished, reverse=True)[:_STATES]}
    return found


@lru_cache(maxsize=1 << 11)
def _sign(sign: str) -> tuple[float, Pieces] | None:
    """The logarithm of the odds that a sign spells a name, and what it may be heard as, with probabilities."""
    if sign not in _table():
        return None
    odds, *pieces = _table()[sign].split("\t")
    parts = [piece.partition(":") for piece in pieces]
    return float(odds), tuple((piece, float(probability)) for piece, _, probability in parts)


@cache
def _table() -> dict[str, str]:
    """The lines of the table by their signs; few are ever read."""
    return {line[0]: line[2:] for line in TABLE.read_text("utf-8").splitlines()}

"""How the signs of other scripts are heard in the Latin spelling of names: `qa/names.tsv`, which `qa/names.py` reads.

    python -m training.names --work .work

Reads what `training.dictionaries` wrote: the cities of GeoNames, the names of the Unicode CLDR, and of CC-CEDICT the
entries whose English words all begin with a capital. Each sign of a name stands for a piece of the sound of its Latin
spelling, as `qa.words.sound` folds it, or for nothing; which piece is learned from the pairs alone, by expectation
maximisation over all alignments in order (Knight & Graehl 1998 learn katakana so). To start with, a sign is heard as
anyascii romanises it. A pair that is a translation rather than a spelling (湖北, Hubei, but 盐湖城, Salt Lake City)
counts the less the worse it can be aligned.

How likely a sign is to spell a name rather than to be a word of running text is the logarithm of how often it spells,
by how often it stands in text at all (`wordfreq`, Speer 2022).
"""

from __future__ import annotations

import argparse
import lzma
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from anyascii import anyascii

from qa.words import sound, tokens

OUTPUT = Path("qa/names.tsv")
HAN, HANGUL, KATAKANA, DEVANAGARI = "\u3400-\u9fff", "\uac00-\ud7a3", "\u30a1-\u30fc", "\u0900-\u097f"
SCRIPTS: dict[str, tuple[str, str | float, tuple[str, ...]]] = {
    # → signs; the language whose texts are counted, or the same odds for every sign; files of pairs
    "han": (HAN, "zh", ("geonames/en-zh", "cldr_names/en-zh", "cedict/en-zh")),
    "hangul": (HANGUL, "ko", ("geonames/en-ko", "cldr_names/en-ko")),
    "katakana": (KATAKANA, 1.0, ("geonames/en-ja", "cldr_names/en-ja")),  # spells names and words from elsewhere
    "devanagari": (DEVANAGARI, 0.0, ("geonames/en-hi", "cldr_names/en-hi")),  # all words are spelled
}
ROUNDS = 6
LONGEST_PIECE = 5    # letters that one sign stands for
LONGEST_NAME = 20    # letters
SHARED = 3.0         # names: how much the signs of the same reading count for a sign
DISCOUNT = 0.6       # names: taken from every piece, so that what is met once counts little
POOR = -5.0          # logarithm of the probability of a sign, on average: a pair aligned so badly counts half
SPELLED = -3.0       # the same: a pair aligned better shows which signs spell
MET = 3              # names: a sign that spells fewer is left out
LIKELY = 0.015       # pieces of a smaller probability are left out
MOST = 12            # pieces of a sign
ODDS = -2.5          # signs of smaller odds are left out: they are words
RAREST = 2e-6        # of running text: what is met more rarely is taken to be met so often

Pairs = list[tuple[str, str]]
Pieces = dict[str, dict[str, float]]


def heard(name: str) -> str:
    """The sound of a name in Latin letters, its words joined."""
    return "".join(map(sound, tokens(name)))


def pairs(corpora: Path, files: Iterable[str], signs: str) -> Pairs:
    """(sound, signs) of the names in these files that are written with the signs alone."""
    written = re.compile(f"[{signs}]{{2,14}}")
    found: dict[tuple[str, str], None] = {}
    for file in files:
        with lzma.open(corpora / f"{file}.tsv.xz", "rt", encoding="utf-8") as lines:
            for line in lines:
                latin, _, other = line.rstrip("\n").partition("\t")
                if file.startswith("cedict/") and not all(word[0].isupper() for word in latin.split()):
                    continue
                other = _folded(re.sub(r"[·・\s]", "", other))
                spelled = heard(latin)
                if (written.fullmatch(other) and len(latin.split()) < 3 and spelled.isascii() and spelled.isalpha()
                        and len(spelled) <= LONGEST_NAME):
                    found[spelled, other] = None
    return list(found)


def _folded(word: str) -> str:
    """As the signs of a question are."""
    found = tokens(word)
    singles = [one for one in found if len(one) == 1]
    return "".join(singles if len(singles) > 1 else found)


@cache
def reading(sign: str) -> str:
    return sound(anyascii(sign).lower()) or "-"


@cache
def _likeness(read: str, piece: str) -> float:
    """How likely a piece is for a sign of which nothing is known but its reading; not a probability."""
    if not piece:
        return 0.02
    alike = SequenceMatcher(None, read, piece, autojunk=False).ratio()
    return math.exp(6 * alike - 6) * (2.0 if piece[0] == read[0] else 0.5) / 4.0 ** abs(len(piece) - len(read))


def aligned(spelled: str, signs: str, pieces: Pieces | None) -> tuple[float, dict[tuple[int, str], float]]:
    """The logarithm of the probability that the signs are heard so, and how likely each piece is at each sign. Without
    `pieces` by likeness alone. Minus infinity where they cannot be."""
    size = len(spelled)
    forward = [{0: 1.0}]
    steps: list[list[tuple[int, int, str, float]]] = []
    for sign in signs:
        own: list[tuple[int, int, str, float]] = []
        reached: dict[int, float] = defaultdict(float)
        for begin, sum_so_far in forward[-1].items():
            if pieces is None:
                options: Iterable[tuple[str, float]] = (
                    (spelled[begin:end], _likeness(reading(sign), spelled[begin:end]))
                    for end in range(begin, min(size, begin + LONGEST_PIECE) + 1))
            else:
                options = ((piece, one) for piece, one in pieces.get(sign, {}).items()
                           if spelled.startswith(piece, begin))
            for piece, one in options:
                own.append((begin, begin + len(piece), piece, one))
                reached[begin + len(piece)] += sum_so_far * one
        steps.append(own)
        forward.append(reached)
    total = forward[-1].get(size, 0.0)
    if total <= 0:
        return -math.inf, {}
    shares: dict[tuple[int, str], float] = defaultdict(float)
    backward: dict[int, float] = {size: 1.0}
    for place in range(len(signs) - 1, -1, -1):
        before: dict[int, float] = defaultdict(float)
        for begin, end, piece, one in steps[place]:
            if end in backward:
                shares[place, piece] += forward[place][begin] * one * backward[end] / total
                before[begin] += one * backward[end]
        backward = before
    return math.log(total), shares


def learned(names: Pairs) -> Pieces:
    """What each sign is heard as, with probabilities."""
    pieces: Pieces | None = None
    for turn in range(ROUNDS):
        counts: Pieces = defaultdict(lambda: defaultdict(float))
        whole = 0.0
        for spelled, signs in names:
            logarithm, shares = aligned(spelled, signs, pieces)
            if not shares:
                continue
            weight = 1.0 if turn == 0 else 1 / (1 + math.exp(2 * (POOR - logarithm / len(signs))))
            whole += weight
            for (place, piece), share in shares.items():
                if share * weight > 1e-3:
                    counts[signs[place]][piece] += share * weight
        pieces = _smoothed(counts)
        print(f"  round {turn + 1}: {whole:.0f} of {len(names)} names count", flush=True)
    return pieces or {}


def _smoothed(counts: Pieces) -> Pieces:
    """Probabilities: signs that read alike lend one another what they are heard as."""
    alike: Pieces = defaultdict(lambda: defaultdict(float))
    for sign, own in counts.items():
        for piece, count in own.items():
            alike[reading(sign)][piece] += max(0.0, count - DISCOUNT)
    found: Pieces = {}
    for sign, own in counts.items():
        shared = alike[reading(sign)]
        total, others = sum(own.values()), sum(shared.values()) or 1.0
        mixed = {piece: (max(0.0, own.get(piece, 0.0) - DISCOUNT) + SHARED * shared.get(piece, 0.0) / others)
                 / (total + SHARED) for piece in {*own, *shared}}
        found[sign] = {piece: value for piece, value in mixed.items() if value > 1e-4}
    return found


def spelling(names: Pairs, pieces: Pieces) -> Counter[str]:
    """How many names each sign spells a piece of."""
    found: Counter[str] = Counter()
    for spelled, signs in names:
        logarithm, shares = aligned(spelled, signs, pieces)
        if shares and logarithm / len(signs) > SPELLED:
            silent = Counter(signs[place] for (place, piece), share in shares.items() if not piece and share > 0.5)
            found.update(Counter(signs) - silent)
    return found


def odds(spelled: Counter[str], language: str, corpora: Path) -> dict[str, float]:
    """The logarithm of how often a sign spells, by how often it stands in texts of the language at all."""
    from wordfreq import get_frequency_dict

    texts: dict[str, float] = defaultdict(float)
    for word, frequency in get_frequency_dict(language).items():
        for sign in word:
            texts[sign] += frequency
    if language == "zh":  # counted in simplified signs
        with lzma.open(corpora / "cedict/zh-zh_tw.tsv.xz", "rt", encoding="utf-8") as lines:
            for simplified, _, traditional in (line.rstrip("\n").partition("\t") for line in lines):
                if len(simplified) == len(traditional) == 1 and traditional not in texts:
                    texts[traditional] = texts[simplified]
    every, often = sum(texts.values()), sum(spelled.values())
    return {sign: math.log(count / often / max(texts.get(sign, 0.0) / every, RAREST))
            for sign, count in spelled.items()}


def table(names: Pairs, counted: str | float, corpora: Path) -> Iterator[str]:
    """Lines of the table: a sign, its odds, and what it is heard as, each piece with its probability. `counted`: the
    language whose texts are counted, or the same odds for every sign."""
    pieces = learned(names)
    if isinstance(counted, str):
        spelled = spelling(names, pieces)
        chances = odds(spelled, counted, corpora)
    else:  # signs that are always silent spell too: a virama, a small tsu
        spelled = Counter("".join(signs for _, signs in names))
        chances = dict.fromkeys(spelled, counted)
    for sign in sorted(set(spelled) & set(pieces)):
        likely = sorted(((value, piece) for piece, value in pieces[sign].items() if value >= LIKELY),
                        reverse=True)[:MOST]
        if spelled[sign] >= MET and chances[sign] >= ODDS and likely:
            yield "\t".join([sign, f"{chances[sign]:.1f}",
                             *(f"{piece}:{value:.3f}".replace("0.", ".") for value, piece in likely)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--scripts", nargs="*", default=list(SCRIPTS))
    arguments = parser.parse_args()
    corpora = arguments.work / "corpora"
    lines: list[str] = []
    for script in arguments.scripts:
        signs, counted, files = SCRIPTS[script]
        names = pairs(corpora, files, signs)
        print(f"{script}: {len(names)} names", flush=True)
        lines.extend(table(names, counted, corpora))
        print(f"  {len(lines)} signs so far", flush=True)
    arguments.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

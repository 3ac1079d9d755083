"""What the words of other languages mean, for the questions of qa/lexicon.py.

    python -m training.dictionaries --work .work    # writes .work/corpora
    python -m training.lexicon --work .work         # writes qa/model/lexicon.safetensors: 3 minutes

Reads the dictionaries of `training.dictionaries` and of `corpora/dictionaries`, every pair in both directions, and
simplemma's lists of forms. Of each language the words that are met most often (wordfreq) and that some dictionary
knows get an entry: the tokens of up to MOST translations into any language, those first that most dictionaries give.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from qa.encoder import StaticEncoder, load
from qa.lexicon import LONGEST, NAME, SEPARATOR, number
from qa.recipe import SHIPPED_FOLDER
from training.dictionaries import CODES, forms

SETS = ("freedict", "cedict", "cldr_names")
# The others gained nothing, see training/README.md
LANGUAGES = ("zh", "ru", "cs", "el", "id", "it", "pl", "ro", "sv", "tr")
UNSPACED = ("zh", "ja")
MOST = {"ru": 12, "zh": 12}     # translations of a word
MOST_OTHERWISE = 6
WORDS = 3          # of a translation: what is longer is an explanation
KEPT = {"ru": 250_000, "zh": 250_000}  # entries of a language, the commonest
KEPT_OTHERWISE = 40_000
_LEADING = {
    "en": "to|a|an|the", "de": "der|die|das|sich", "fr": "le|la|les|un|une|se", "es": "el|la|los|las|un|una",
    "it": "il|lo|la|i|gli|le|un|una", "pt": "o|a|os|as|um|uma", "nl": "de|het|een|zich", "sv": "en|ett|att",
}  # fmt: skip
_LED = {language: re.compile(rf"(?:{words}) +") for language, words in _LEADING.items()}

Entries = dict[str, dict[str, Counter[tuple[str, str]]]]  # language → word → (language, translation) → dictionaries


def pairs(work: Path, corpora: Path) -> Iterator[tuple[str, str, str, str]]:
    """Yield (language, word, language, word) of every dictionary."""
    folders = [work / "corpora" / name for name in SETS] + [corpora / "dictionaries"]
    for path in (path for folder in folders for path in sorted(folder.glob("*.tsv.xz"))):
        left, right = (CODES.get(code, code) for code in path.name.removesuffix(".tsv.xz").split("-"))
        if "zh_tw" in (left, right):
            continue
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                first, tab, second = line.rstrip("\n").partition("\t")
                if tab and first and second:
                    yield left, first, right, second


def is_word(text: str, language: str) -> bool:
    size = len(text)
    return (all(unicodedata.category(one)[0] in "LM" for one in text)
            and (1 < size <= LONGEST if language in UNSPACED else size > 1))


def entries(work: Path, corpora: Path, encoder: StaticEncoder) -> Entries:
    found: Entries = defaultdict(lambda: defaultdict(Counter))
    for left, first, right, second in pairs(work, corpora):
        both = [(language, _LED[language].sub("", said, count=1) if language in _LED else said)
                for language, said in ((left, encoder.folded(first).strip()), (right, encoder.folded(second).strip()))]
        for (language, word), other in (both, both[::-1]):
            if is_word(word, language) and len(other[1].split()) <= WORDS:
                found[language][word][other] += 1
    return found


def meanings(known: dict[str, Counter[tuple[str, str]]], language: str, encoder: StaticEncoder
             ) -> Iterator[tuple[str, list[str]]]:
    """Yield (word, its translations) of the words of a language that are met most often."""
    from wordfreq import get_frequency_dict

    lemmas: dict[str, set[str]] = defaultdict(set)
    for word in known:
        lemmas[word].add(word)
    for lemma, listed in forms(language).items():
        if (word := encoder.folded(lemma)) in known:
            for form in map(encoder.folded, listed):
                if is_word(form, language):
                    lemmas[form].add(word)
    often: dict[str, float] = defaultdict(float)
    for word, frequency in get_frequency_dict(language, "best").items():
        often[encoder.folded(word)] += frequency
    kept = sorted(lemmas, key=lambda word: (-often.get(word, 0.0), word))
    for word in kept[: KEPT.get(language, KEPT_OTHERWISE)]:
        translations: Counter[tuple[str, str]] = Counter()
        for lemma in sorted(lemmas[word]):
            translations.update(known[lemma])
        ordered = sorted(translations.items(), key=lambda item: (-item[1], item[0]))
        yield word, list(dict.fromkeys(text for (_, text), _ in ordered))[: MOST.get(language, MOST_OTHERWISE)]


def save(path: Path, listed: Mapping[str, Iterable[tuple[str, list[list[int]]]]]) -> None:
    """Write the lexicon: of each language its words, each with the tokens of its translations."""
    numbers: list[np.ndarray] = []
    which: list[np.ndarray] = []
    blocks: dict[str, list[int]] = {}
    tokens: list[int] = []
    bounds = [0]
    same: dict[tuple[int, ...], int] = {}  # words of one meaning share it
    begin = 0
    for language, words in listed.items():
        place: dict[int, int] = {}
        for word, translations in words:
            meaning = tuple(chain.from_iterable((SEPARATOR, *one) for one in translations if one))[1:]
            if not meaning:
                continue
            if meaning not in same:
                same[meaning] = len(same)
                tokens += meaning
                bounds.append(len(tokens))
            place.setdefault(number(word), same[meaning])
        ordered = sorted(place)
        numbers.append(np.array(ordered, np.uint32))
        which.append(np.array([place[one] for one in ordered], np.uint32))
        blocks[language] = [begin, begin := begin + len(ordered)]
        print(f"{language}  {len(ordered):8,} words  {len(same):8,} meanings, {len(tokens):9,} tokens", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"numbers": np.concatenate(numbers), "meanings": np.concatenate(which),
               "bounds": np.array(bounds, np.uint32), "tokens": np.array(tokens, np.uint16)}, path,
              metadata={"languages": json.dumps(blocks)})
    path.chmod(0o644)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES))
    parser.add_argument("--output", type=Path, default=SHIPPED_FOLDER / NAME)
    given = parser.parse_args()
    encoder = load()
    assert isinstance(encoder, StaticEncoder)
    known = entries(given.work, given.corpora, encoder)

    @cache
    def spelled(text: str) -> list[int]:
        return [int(token) for token in encoder.units([text])[0].tokens]

    def kept(language: str) -> Iterator[tuple[str, list[list[int]]]]:
        for word, translations in meanings(known[language], language, encoder):
            # one token of an alphabet was learned by itself, and is better left alone
            if language in MOST or len(spelled(word)) > 1:
                yield word, [spelled(text) for text in translations]

    save(given.output, {language: kept(language) for language in given.languages})
    print(f"{given.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

"""How likely each word is in each language, by which the language of a question is told (qa/spoken.py).

    python -m training.spoken --work .work

Counts the folded words of the pairs that `training.corpora` wrote, in languages of the Latin alphabet (the others are
told by their script), and prints how many of the texts it did not count are told right. Each set counts by the square
root of its size, so that no one kind of text decides.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from qa.spoken import UNITS, WORDS, language_of
from qa.words import tokens

LANGUAGES = ("cs", "de", "en", "es", "fr", "id", "it", "nl", "pl", "pt", "ro", "sv", "tr", "vi")
SETS = ("mono_commonvoice", "tatoeba_manythings", "bilinguator_books", "tico19", "mozilla_www", "quiz",
        "wikipedia_app", "mono_questions")
LINES = 30_000      # of a file that are read
KEPT = 6_000        # words of a language
RAREST = -12.0      # natural logarithm of how often a word is met: one rarer counts as unknown
HELD_BACK = 10      # one text in as many is not counted
TOLD = 600          # of these of a language and set that are told again


def texts(work: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (set, language, text) of the Latin languages."""
    for record in json.loads((work / "sources.json").read_text())["used"]:
        if record["set"] not in SETS:
            continue
        sides = [record["left"]] if record["kind"] == "single" else [record["left"], record["right"]]
        with (work / "pairs" / f"{record['name']}.tsv").open(encoding="utf-8") as lines:
            for _, line in zip(range(LINES), lines, strict=False):
                for language, text in zip(sides, line.rstrip("\n").split("\t"), strict=False):
                    if language in LANGUAGES:
                        yield record["set"], language, text


def is_held_back(text: str) -> bool:
    return zlib.crc32(text.encode()) % HELD_BACK == 0


def likelihoods(counts: dict[str, Counter[str]]) -> dict[str, int]:
    """Return how much likelier than an unknown word each common word of one language is, in tenths of a natural
    logarithm, from its counts in each set."""
    totals = {name: sum(counted.values()) for name, counted in counts.items()}
    met: Counter[str] = Counter()
    for name, counted in counts.items():
        for word, count in counted.items():
            met[word] += count / math.sqrt(totals[name])
    every = sum(map(math.sqrt, totals.values()))
    common = {word: round(UNITS * (math.log(count / every) - RAREST)) for word, count in met.most_common(KEPT)}
    return {word: above for word, above in common.items() if above > 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".work"))
    work = parser.parse_args().work
    counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    kept: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name, language, text in texts(work):
        if is_held_back(text):
            kept[name, language].append(text)
        else:
            counts[language][name].update(word for word in tokens(text) if word.isalpha())
    table: dict[str, list[str]] = defaultdict(list)
    for language in LANGUAGES:
        for word, above in likelihoods(counts[language]).items():
            table[word].append(f"{language}{above}")
    words = sorted(table, key=str.encode)
    WORDS.write_bytes("".join(f"{word}\t{' '.join(table[word])}\n" for word in words).encode())
    print(f"{len(words)} words, {WORDS.stat().st_size} bytes\n")
    print("| set | language | texts | told | right |\n|---|---|---|---|---|")
    for (name, language), held in sorted(kept.items()):
        chosen = random.Random(name).sample(held, min(TOLD, len(held)))
        told = Counter(map(language_of, chosen))
        print(f"| {name} | {language} | {len(chosen)} | {1 - told['und'] / len(chosen):.3f} |"
              f" {told[language] / len(chosen):.3f} |")


if __name__ == "__main__":
    main()

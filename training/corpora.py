"""Text pairs from a folder of corpora: what may be used, what is too near the evaluation, what is held back.

A folder holds one sub-folder a set, and in it tab-separated, xz-compressed files of one pair a line:
`en-fr.tsv.xz` (translations), `fr.tsv.xz` or `fr.faq.tsv.xz` in sets named `qa_*` (query, passage),
`fr.tsv.xz` in sets named `mono_*` (single texts).

    python -m training.corpora --corpora ../shared/corpora --evaluation ../shared/evaluation --work .work
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import lzma
import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

LICENCES = {  # only the sets named here are read; a new set must be given its licence first
    "bible_scrollmapper": "public domain",
    "bilinguator_books": "MIT (repository); old books",
    "bitcoin_org": "MIT",
    "cedict": "CC BY-SA 4.0 (CC-CEDICT)",
    "cldr_names": "Unicode licence (CLDR)",
    "country_names": "open",
    "dictionaries": "CC BY-SA (Wiktionary), free licences (FreeDict)",
    "freedict": "CC BY-SA 3.0 (WikDict, FreeDict)",
    "geonames": "CC BY 4.0 (GeoNames)",
    "gnome_help": "CC BY-SA",
    "inflections": "CC BY-SA (dictionaries), ODbL and CC BY-SA (lists of forms, by simplemma)",
    "laws_canada": "Open Government Licence - Canada",
    "mono_commonvoice": "CC0",
    "mono_questions": "CC BY-SA 4.0",
    "mozilla_www": "MPL 2.0",
    "ms_docs": "CC BY 4.0",
    "ms_docs_cpp": "CC BY 4.0",
    "opensource_guide": "CC BY",
    "php_docs": "CC BY 3.0",
    "python_docs": "PSF / CC0",
    "qa_covid_faq": "Apache 2.0 (repository)",
    "qa_docs": "CC BY 4.0 (Microsoft part)",
    "qa_docs_more": "CC BY 4.0 (Microsoft part)",
    "qa_gouv_fr": "Etalab open licence",
    "qa_laws_canada": "Open Government Licence - Canada",
    "qa_medquad": "CC BY 4.0",
    "qa_native": "CC BY-SA (JaQuAD, DRCD, CMRC)",
    "qa_quiz": "CC BY-SA 4.0",
    "quiz": "CC BY-SA 4.0",
    "tatoeba_manythings": "CC BY 2.0 FR",
    "tico19": "CC0",
    "tldr": "CC BY",
    "wikipedia_app": "Apache 2.0",
    "win32_docs": "CC BY 4.0",
}

EXCLUDED = {  # pattern of "set/file name": why its text stays out of a shipped model
    "wmt_news_refs/*": "no licence file; released for research",
    "qa_gouv_fr/fr.faq.*": "CC BY-NC-SA: no commercial use",
    "qa_gouv_fr/fr.q.*": "CC BY-NC-SA: no commercial use",
    "qa_native/tr.*": "TQuAD has no licence",
    "qa_native/ar.*": "its origin and licence are not stated",
    "qa_native/pt.*": "its origin and licence are not stated",
    "qa_docs/en.*": "mostly Adobe's documentation, without a clear licence",
    "qa_docs/it.*": "Adobe's documentation, without a clear licence",
    "qa_docs/ja.*": "Adobe's documentation, without a clear licence",
    "qa_docs/pt.*": "Adobe's documentation, without a clear licence",
    "qa_docs/zh.*": "Adobe's documentation, without a clear licence",
}

ADOBE = re.compile(r"adobe|\[!UICONTROL|\[!DNL|audience manager|\beVar", re.IGNORECASE)  # lines of qa_docs to drop
RUN = 8            # words: two texts that share a run of as many words are near-duplicates
RUN_UNSPACED = 14  # characters: the same in scripts without spaces
HELD_BACK = 50     # one English sentence in as many is kept for measuring translation retrieval
LONGEST = 1500     # characters of a side that are kept
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]|[^\W\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\u0e00-\u0e7f]")


@dataclass(frozen=True, slots=True)
class Source:
    """One file of pairs."""

    path: Path
    set: str            # the folder's name
    kind: str           # "translation", "question" or "single"
    left: str           # language of the first column, or of the query
    right: str          # language of the second column, or of the passage

    @property
    def name(self) -> str:
        """The name of the source in the working folder, as "qa_docs.fr.faq"."""
        return f"{self.set}.{self.path.name.removesuffix('.tsv.xz')}"


def sources(folder: Path) -> tuple[list[Source], dict[str, str]]:
    """Return the sources below `folder` that may be used, and the reason of each file that may not."""
    used, refused = [], {}
    for path in sorted(folder.glob("*/*.tsv.xz")):
        name = f"{path.parent.name}/{path.name}"
        reason = next((why for pattern, why in EXCLUDED.items() if fnmatch.fnmatch(name, pattern)), None)
        if reason is None and path.parent.name not in LICENCES:
            reason = "no licence is known for this set"
        if reason is not None:
            refused[name] = reason
            continue
        languages = path.name.split(".")[0].split("-")
        kind = "translation" if len(languages) == 2 else "single"
        if path.parent.name.startswith("qa_"):
            kind = "question"
        used.append(Source(path, path.parent.name, kind, languages[0], languages[-1]))
    return used, refused


def words(text: str) -> list[str]:
    """Return the words of a text without case and accents; each character of an unspaced script is a word."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return WORD.findall("".join(c for c in folded if not "\u0300" <= c <= "\u036f"))


def _run_length(tokens: list[str]) -> int:
    unspaced = sum(1 for token in tokens if UNSPACED.match(token))
    return RUN_UNSPACED if 2 * unspaced > len(tokens) else RUN


def _almost(tokens: list[str]) -> Iterator[int]:
    """Yield hashes that two short texts share when their words differ in one word at most, in any order."""
    ordered = sorted(tokens)
    yield hash(tuple(ordered))
    for i in range(len(ordered)):
        yield hash((*ordered[:i], *ordered[i + 1 :]))


class NearDuplicates:
    """Tells whether a text is nearly one of the evaluation texts.

    Two texts are near-duplicates when they share a run of 8 words (14 characters in scripts without
    spaces), as in the contamination tests of GPT-3 and Llama but shorter; or, for texts under that
    length, when their words are the same but for one. Texts of fewer than 4 words never count.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self.runs: set[int] = set()
        self.short: set[int] = set()
        for text in texts:
            tokens = words(text)
            n = _run_length(tokens)
            self.runs.update(hash(tuple(tokens[i : i + n])) for i in range(len(tokens) - n + 1))
            if 4 <= len(tokens) <= 2 * n:
                self.short.update(_almost(tokens))

    def __contains__(self, text: str) -> bool:
        tokens = words(text)
        n = _run_length(tokens)
        runs = self.runs
        for i in range(len(tokens) - n + 1):
            if hash(tuple(tokens[i : i + n])) in runs:
                return True
        return 4 <= len(tokens) <= 2 * n + 1 and not self.short.isdisjoint(_almost(tokens))


def evaluation_texts(folder: Path) -> Iterator[str]:
    """Yield all passages, questions and seed articles that the model is measured on."""
    for path in sorted(folder.glob("**/*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield json.loads(line)["q"]
    for path in [*sorted(folder.glob("*/articles/*.txt")), *sorted((folder.parent / "seeds").glob("*.txt"))]:
        yield path.read_text(encoding="utf-8")


def pairs(source: Source) -> Iterator[tuple[str, str]]:
    """Yield the pairs of a file; a single text is paired with the empty string."""
    with lzma.open(source.path, "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            left, _, right = line.rstrip("\n").partition("\t")
            if source.set.startswith("qa_docs") and ADOBE.search(line):
                continue
            if source.set == "mono_questions":
                right = right.partition("\t")[0]
            if len(left) > 1 and (len(right) > 1 or source.kind == "single"):
                yield left[:LONGEST], right[:LONGEST]


def is_held_back(source: Source, left: str) -> bool:
    """Tell whether a translation is kept for measuring: by its English side, so in all languages alike."""
    return source.kind == "translation" and source.left == "en" and zlib.crc32(left.encode()) % HELD_BACK == 0


_near: NearDuplicates


def _start(folder: Path) -> None:
    global _near
    _near = NearDuplicates(evaluation_texts(folder))


def _prepare(source: Source, folder: Path) -> dict[str, object]:
    counts = {"read": 0, "kept": 0, "near_evaluation": 0, "held_back": 0}
    with (
        open(folder / f"{source.name}.tsv", "w", encoding="utf-8", newline="\n") as kept,
        open(folder / f"{source.name}.held", "w", encoding="utf-8", newline="\n") as held,
    ):
        for left, right in pairs(source):
            counts["read"] += 1
            if left in _near or right in _near:
                counts["near_evaluation"] += 1
            elif is_held_back(source, left):
                counts["held_back"] += 1
                held.write(f"{left}\t{right}\n")
            else:
                counts["kept"] += 1
                kept.write(f"{left}\t{right}\n")
    record = {"name": source.name, "set": source.set, "kind": source.kind, "left": source.left}
    return {**record, "right": source.right, **counts}


def prepare(corpora: Path, evaluation: Path, work: Path, *, processes: int = 4) -> list[dict[str, object]]:
    """Write the usable pairs to `work`/pairs, one file a source, and `sources.json` with the counts."""
    folder = work / "pairs"
    folder.mkdir(parents=True, exist_ok=True)
    used, refused = sources(corpora)
    more, refused_too = sources(work / "corpora")  # from `training.dictionaries`, if it was run
    used, refused = used + more, refused | refused_too
    used.sort(key=lambda source: -source.path.stat().st_size)
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(evaluation,)) as pool:
        records = list(pool.map(_prepare, used, [folder] * len(used)))
    (work / "sources.json").write_text(json.dumps({"used": records, "refused": refused}, indent=1))
    return records


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    parser.add_argument("--evaluation", type=Path, default=Path("../shared/evaluation"))
    parser.add_argument("--work", type=Path, default=Path(".work"))
    arguments = parser.parse_args()
    records = prepare(arguments.corpora, arguments.evaluation, arguments.work)
    for count in ("read", "kept", "near_evaluation", "held_back"):
        print(count, sum(int(str(record[count])) for record in records))


if __name__ == "__main__":
    main()

"""Folders of real text at any size, for the benches of speed: articles of several paragraphs in a dozen languages.

    python -m bench.corpus 2000 --questions 3       # makes .work/bench/articles-2000 and prints where it lies

The paragraphs are those of ../shared/corpora, each used once, in their own order; an article's paragraphs come from
one set in one language. The same number always gives the same folder; a smaller folder is the beginning of a larger.
Beyond some 70,000 articles the rest of ../shared/corpora follows, whatever its languages; questions are never text.
"""

from __future__ import annotations

import argparse
import lzma
import os
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".work" / "bench"  # nothing of it is committed
ARTICLE = 4_000  # characters: about five passages, as news articles have
PASSAGE = 300   # characters at least: paragraphs are joined up to here
LONGEST = 1_000  # characters: longer paragraphs are cut
A_FOLDER = 1_000  # files
# set, column of the text; a set's question, where it has one, is its first column
SETS = (
    ("qa_laws_canada/fr", 1), ("qa_medquad/en", 1), ("qa_native/ja", 1), ("qa_laws_canada/en", 1), ("qa_native/tr", 1),
    ("wmt_news_refs/en-de", 1), ("qa_docs/fr", 1), ("wmt_news_refs/en-ru", 1), ("qa_docs/es", 1), ("qa_native/zh", 1),
    ("bilinguator_books/en-fr", 1), ("wmt_news_refs/en-zh", 1), ("laws_canada/en-fr", 1), ("qa_docs/de", 1),
    ("tatoeba_manythings/en-es", 1), ("laws_canada/en-fr", 0),
)
UNREAD = ("mono_questions", "quiz", "dictionaries", "country_names")  # questions, words and names: no text to read
ASKED = ("qa_medquad/en", "qa_native/ja", "qa_native/tr", "qa_quiz/fr", "qa_native/zh", "qa_quiz/de")


def shared() -> Path:
    return Path(os.environ.get("QA_SHARED", ROOT.parent / "shared")) / "corpora"


def _rest() -> list[tuple[str, int]]:
    """The sets that SETS leaves over, the richest first, so that they are used up at about the same time."""
    files = sorted((path for path in shared().glob("*/*.tsv.xz") if path.parent.name not in UNREAD),
                   key=lambda path: (-path.stat().st_size, path))
    every = [(path.relative_to(shared()).as_posix().removesuffix(".tsv.xz"), column) for path in files
             for column in ((1,) if path.parent.name.startswith("qa_") else (0, 1) if "-" in path.name else (0,))]
    return [one for one in every if one not in SETS]


def _language(name: str, column: int) -> str:
    """Which text one set may share with another: its folder and its language."""
    folder, _, languages = name.rpartition("/")
    return f"{folder}/{languages.split('-')[column] if '-' in languages else languages.split('.')[0]}"


def _unspaced(name: str, column: int) -> bool:
    return _language(name, column).endswith(("/ja", "/zh", "/zh_tw"))  # signs say more


def _lines(name: str) -> Iterator[list[str]]:
    with lzma.open(shared() / f"{name}.tsv.xz", "rt", encoding="utf-8", newline="\n") as lines:
        for line in lines:
            yield line.rstrip("\n").split("\t")


def _paragraphs(name: str, column: int, seen: set[int]) -> Iterator[str]:
    for fields in _lines(name):
        text = fields[column].strip() if len(fields) > column else ""
        if text and hash(text) not in seen:
            seen.add(hash(text))  # of a million paragraphs only a number each
            yield text


def _pieces(name: str, column: int, seen: set[int], size: int) -> Iterator[str]:
    """Successive paragraphs of one set, together at least `size` characters long."""
    paragraphs: list[str] = []
    for text in _paragraphs(name, column, seen):
        paragraphs.append(text)
        if sum(map(len, paragraphs)) >= size * (0.4 if _unspaced(name, column) else 1):
            yield "\n\n".join(paragraphs) + "\n"
            paragraphs = []


def _all(size: int) -> Iterator[str]:
    """Pieces of the first sets in turn until each is used up, then of the rest."""
    seen: defaultdict[str, set[int]] = defaultdict(set)
    for sets in (SETS, _rest()):
        turns = [_pieces(*one, seen[_language(*one)], size) for one in sets]
        while turns:
            for turn in list(turns):
                piece = next(turn, None)
                if piece is None:
                    turns.remove(turn)
                else:
                    yield piece


def passages() -> Iterator[str]:
    """Texts of about a passage's length, for what is measured without articles: as many as there are."""
    for piece in _all(PASSAGE):
        yield from textwrap.wrap(piece, LONGEST, break_long_words=True, replace_whitespace=False)


def folder(articles: int) -> Path:
    """A folder of so many articles, made when it is not there. Raises ValueError when the text does not suffice."""
    where = WORK / f"articles-{articles}"
    if where.is_dir():
        return where
    aside = WORK / f"articles-{articles}.{os.getpid()}"
    number = -1
    for number, text in enumerate(islice(_all(ARTICLE), articles)):
        path = aside / f"{number // A_FOLDER:03d}" / f"{number:06d}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    if number + 1 < articles:
        raise ValueError(f"{shared()} holds text for {number + 1} articles, not for {articles}")
    aside.rename(where)
    return where


def questions(count: int) -> list[str]:
    """So many different real questions in five languages; a part of the articles holds their answers."""
    each = -(-count // len(ASKED))
    sets = [list(dict.fromkeys(fields[0].strip() for fields in islice(_lines(name), 10 * each)))[:each]
            for name in ASKED]
    return [question for turn in zip(*sets, strict=True) for question in turn][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=int)
    parser.add_argument("--questions", type=int, default=0)
    given = parser.parse_args()
    print(folder(given.articles))
    for question in questions(given.questions):
        print(question)


if __name__ == "__main__":
    main()

"""One generation in Milvus, opened for reading: the same answers as from files."""

from __future__ import annotations

import json
import sqlite3
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from qa.articles import Article
from qa.cuts import Sentences
from qa.dates import Dated, Section
from qa.encoder import Vectors
from qa.engine import EVERYWHERE, Known, Rows, Scores, Within
from qa.errors import IndexDamaged
from qa.lexical import K1, TERMS_A_QUESTION, B, Questions, asked_for
from qa.milvus import BOUNDED, PASSAGES, RECORDS, STRONG, Milvus
from qa.milvus_records import (
    ARTICLE,
    DETAILS,
    SUMMARY,
    TERMS,
    Sliced,
    article_key,
    joined,
    of_kind,
    read,
    unpacked,
    unpacked_all,
)
from qa.passages import Passage
from qa.words import BEGINNINGS, terms

FIELDS = (("row", "INT64"), ("article", "INT64"), ("language", "INT64"), ("first_day", "INT64"), ("last_day", "INT64"),
          ("passage", "VARCHAR"), ("cut", "VARCHAR"), ("terms", "VARCHAR"))
# Days an undated passage is stored under: it begins before every range and ends after it, and so is in none.
UNDATED_FIRST, UNDATED_LAST = -1, 1 << 40
EXACT = 200_000     # passages: up to so many every one is compared with the question, which is exact; a graph is
# built over more (HNSW, Malkov & Yashunin 2018)
NEIGHBOURS, BUILD_EF = 32, 200
_EF, _FILTERED_EF = 1_024, 2_048  # how far the graph is searched: 0.995 of the ten nearest, and 0.967 of those in a
# tenth of all, over 112,132 passages, see docs/milvus.md
_MOST = 16_384      # rows of one answer of Milvus
_REMEMBERED = 4_096  # passages: some 30 MB
_BUCKETS_REMEMBERED = 4_096
_RUNS = 8           # of successive articles, that a condition names one by one: Milvus Lite refuses long ones
_NONE = -1
_MOST_TERMS = 1 + len(BEGINNINGS)


@dataclass(frozen=True, slots=True)
class _Row:
    """A passage as it was read."""

    passage: Passage
    vector: Vectors
    sliced: Sliced
    numbers: NDArray[np.int64]  # of its words, those of its title first
    text: str                   # its sentences as they are stored


class _Vocabulary:
    """Numbers for the words that have been read so far, and for the terms of each: some 100 bytes a word."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        self.terms: dict[str, int] = {}
        self.terms_of = np.full((1_024, _MOST_TERMS), _NONE, np.int64)
        self._adding = threading.Lock()

    def numbers(self, words: Sequence[str]) -> NDArray[np.int64]:
        with self._adding:
            for word in words:
                if word not in self._words:
                    own = [self.terms.setdefault(term, len(self.terms)) for term in terms(word)]
                    if len(self._words) == len(self.terms_of):
                        more = np.full_like(self.terms_of, _NONE)
                        self.terms_of = np.concatenate([self.terms_of, more])
                    self.terms_of[len(self._words), : len(own)] = own
                    self._words[word] = len(self._words)
            return np.fromiter((self._words[word] for word in words), np.int64, len(words))


class MilvusStore:
    """A generation in Milvus. Usable from several threads.

    What Milvus finds is measured from what it keeps of each passage: a question costs one search by meaning, one by
    words, and reading the passages found. Those read last are remembered, since rows never change.
    """

    def __init__(self, milvus: Milvus, token: str) -> None:
        """Raises IndexDamaged when something of the generation is missing, IndexProblem when Milvus does not answer."""
        self._milvus = milvus
        self._token = token
        self._passages = milvus.collection(token, PASSAGES)
        self._records = milvus.collection(token, RECORDS)
        summary = unpacked(milvus, token, SUMMARY, 0, STRONG)
        if summary is None:
            raise IndexDamaged(f"{self._records}: the summary is missing")
        self._summary: dict[str, Any] = summary
        self.count = int(summary["passages"])
        # once, with all that was ever written: nobody writes a generation afterwards
        held = milvus.count(self._passages, consistency=STRONG)
        if held != self.count:
            raise IndexDamaged(f"{self._passages}: holds {held} passages, not {self.count}")
        self.by_words = bool(summary["by_words"])
        self.name = milvus.engine
        self.vocabulary = _Vocabulary()
        self.lexical = MilvusWords(self)
        self.cuts = MilvusCuts(self)
        self._read: OrderedDict[int, _Row] = OrderedDict()
        self._reading = threading.Lock()
        self._buckets: dict[int, dict[str, int]] = {}
        self._known = lru_cache(_REMEMBERED)(self._stored)
        self._among = lru_cache(64)(self._matching)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """The connection is shared, and stays open."""

    # --- finding

    def alike(self, one: Within, other: Within) -> bool:
        """See `Engine.alike`: only what says the same is known to be."""
        return one == other

    def nearest(self, vector: Vectors, k: int, within: Within = EVERYWHERE) -> tuple[Rows, Vectors]:
        """See `Engine.nearest`."""
        (found,) = self._search("vector", [vector.astype(np.float32)], k, within)
        return found

    def nearest_to_each(self, vectors: Vectors, k: int, within: Within = EVERYWHERE) -> Rows:
        """See `Engine.nearest_to_each`."""
        found = self._search("vector", list(vectors.astype(np.float32)), k, within)
        wide = max((len(rows) for rows, _ in found), default=0)
        each = np.full((len(vectors), wide), -1, np.int64)
        for place, (rows, _) in enumerate(found):
            each[place, : len(rows)] = rows
        return each

    def nearest_by_words(self, words: Sequence[str], k: int, within: Within = EVERYWHERE) -> tuple[Rows, Scores]:
        """See `Engine.nearest_by_words`."""
        asked = " ".join(self.lexical.rarity(words))
        if not self.by_words or not asked:
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        (found,) = self._search("sparse", [asked], k, within)
        return found

    def _search(self, field: str, asked: list[Any], k: int, within: Within) -> list[tuple[Rows, Scores]]:
        condition = self._condition(within)
        limit = min(k, self.count, _MOST)
        if condition is None or limit <= 0:
            return [(np.zeros(0, np.int64), np.zeros(0, np.float32)) for _ in asked]
        parameters = self._parameters(bool(condition), limit) if field == "vector" else {}
        answers = self._milvus.call("search", self._passages, asked, anns_field=field, limit=limit, filter=condition,
                                    search_params=parameters, consistency_level=BOUNDED)
        found: list[tuple[Rows, Scores]] = []
        for answer in answers:
            rows = np.array([hit["row"] if "row" in hit else hit["id"] for hit in answer], np.int64)
            scores = np.array([hit["distance"] for hit in answer], np.float32)
            order = np.lexsort((rows, -scores))  # equal scores: the earlier passage first, so that answers repeat
            found.append((rows[order], scores[order]))
        return found

    def _parameters(self, filtered: bool, limit: int) -> dict[str, Any]:
        """How far a search among vectors goes, as Milvus is told."""
        if self._summary["index"] != "HNSW":
            return {}
        return {"params": {"ef": max(_FILTERED_EF if filtered else _EF, limit)}}

    def _condition(self, within: Within) -> str | None:
        """In Milvus' language, in numbers alone: no text of a question or a file's name gets there. None where no
        passage can meet it."""
        found: list[str] = []
        days = [*([f"first_day >= {within.since.toordinal()}"] if within.since else []),
                *([f"last_day <= {within.until.toordinal()}"] if within.until else [])]
        if days:
            found.append(f"({' and '.join(days)})" if not within.undated
                         else f"(({' and '.join(days)}) or first_day == {UNDATED_FIRST})")
        if within.file is not None:
            articles = self._among(within.file)
            if articles is None:
                return None
            found.append(articles)
        if within.language is not None:
            if within.language not in self._summary["languages"]:
                return None
            found.append(f"language == {self._summary['languages'].index(within.language)}")
        return " and ".join(found)

    def _matching(self, glob: str) -> str | None:
        """The condition that an article's file matches; None where none does."""
        with sqlite3.connect(":memory:") as matcher:
            numbers = sorted(number for file, number in self._files.items()
                             if matcher.execute("SELECT ? GLOB ?", (file, glob)).fetchone()[0])
        matcher.close()
        runs: list[tuple[int, int]] = []
        for number in numbers:
            if runs and runs[-1][1] == number - 1:
                runs[-1] = (runs[-1][0], number)
            else:
                runs.append((number, number))
        if not runs:
            return None
        if len(runs) > _RUNS:
            return f"article in {numbers}"
        return "(" + " or ".join(f"(article >= {first} and article <= {last})" for first, last in runs) + ")"

    # --- passages

    def read(self, rows: Rows) -> list[_Row]:
        """What is stored of these passages, in the order asked for."""
        wanted = [int(row) for row in rows]
        with self._reading:
            found = {row: self._read[row] for row in wanted if row in self._read}
        missing = [row for row in dict.fromkeys(wanted) if row not in found]
        if missing:
            stored = self._milvus.rows(self._passages, missing, ["passage", "cut", "vector"], "row")
            for row in missing:
                if row not in stored:
                    raise IndexDamaged(f"Passage {row} is missing in {self._passages}. Build it anew with: qa rebuild"
                                       " --full")
                found[row] = self._parsed(row, stored[row])
        with self._reading:
            for row in wanted:
                self._read[row] = found[row]
                self._read.move_to_end(row)
            while len(self._read) > _REMEMBERED:
                self._read.popitem(last=False)
        return [found[row] for row in wanted]

    def _parsed(self, row: int, stored: dict[str, Any]) -> _Row:
        try:
            file, start, end, text, published, title, language = json.loads(stored["passage"])
            sliced = read(stored["cut"])
            return _Row(Passage(file, start, end, text, Dated(*published) if published else None, title, language),
                        np.asarray(stored["vector"], np.float32), sliced, self.vocabulary.numbers(sliced.words),
                        stored["cut"])
        except (ValueError, TypeError, KeyError, struct.error, zlib.error) as error:
            raise IndexDamaged(f"Passage {row} cannot be read in {self._passages}. Build it anew with: qa rebuild"
                               " --full") from error

    def passages(self, rows: Iterable[int]) -> list[Passage]:
        """See `Engine.passages`."""
        return [row.passage for row in self.read(np.fromiter(rows, np.int64))]

    def vectors(self, rows: Rows) -> Vectors:
        """See `Engine.vectors`."""
        read = [row.vector for row in self.read(rows)]
        return np.stack(read) if read else np.zeros((0, int(self._summary["dimension"])), np.float32)

    def files_of(self, rows: Rows) -> list[str]:
        """See `Engine.files_of`."""
        return [row.passage.file for row in self.read(rows)]

    def languages_of(self, rows: Rows) -> list[str]:
        """See `Engine.languages_of`."""
        return [row.passage.language for row in self.read(rows)]

    def undated_of(self, rows: Rows) -> NDArray[np.bool_]:
        """See `Engine.undated_of`."""
        return np.array([row.passage.published is None for row in self.read(rows)], np.bool_)

    def undated(self, file: str | None) -> int:
        """See `Engine.undated`."""
        if file is None:
            return int(self._summary["undated_passages"])
        condition = self._condition(Within(file=file))
        if condition is None:
            return 0
        return self._milvus.count(self._passages, f"{condition} and first_day == {UNDATED_FIRST}")

    def passages_in(self) -> dict[str, int]:
        """See `Engine.passages_in`."""
        return {str(language): int(count) for language, count in self._summary["passages_in"].items()}

    # --- articles

    def _stored(self, file: str) -> dict[str, Any] | None:
        """What is stored of a file beside its text."""
        at = article_key(file)
        row = self._milvus.rows(self._records, [at], ["number", "value"], "id").get(at)
        if row is None:
            return None
        stored: dict[str, Any] = {**json.loads(row["value"]), "number": int(row["number"])}
        return stored if stored["file"] == file else None

    def known_file(self, file: str) -> Known | None:
        """See `Engine.known_file`."""
        stored = self._known(file)
        return None if stored is None else _known(stored)

    def _all(self) -> list[dict[str, Any]]:
        rows = self._milvus.all(self._records, of_kind(ARTICLE), ["number", "value"])
        return sorted(({**json.loads(row["value"]), "number": int(row["number"])} for row in rows),
                      key=lambda stored: int(stored["number"]))

    @cached_property
    def _files(self) -> dict[str, int]:
        return {stored["file"]: stored["number"] for stored in self._all()}

    def known(self) -> dict[str, Known]:
        """See `Engine.known`."""
        return {stored["file"]: _known(stored) for stored in self._all()}

    def article(self, file: str) -> Article | None:
        """See `Engine.article`."""
        stored = self._known(file)
        if stored is None:
            return None
        details = unpacked(self._milvus, self._token, DETAILS, stored["number"])
        if details is None:
            raise IndexDamaged(f"The text of {file!r} is missing in {self._records}. Build it anew with: qa rebuild"
                               " --full")
        sections = tuple(Section(start, end, Dated(*published) if published else None)
                         for start, end, published in details["sections"])
        return Article(file, details["text"], details["title"], stored["language"], sections,
                       tuple((start, end) for start, end in details["furniture"]))

    def rows_of(self, file: str) -> Rows:
        """See `Engine.rows_of`."""
        stored = self._known(file)
        return np.arange(stored["first"], stored["first"] + stored["passages"]) if stored else np.zeros(0, np.int64)

    def each(self) -> Iterator[Known]:
        """See `Engine.each`."""
        return iter(sorted(self.known().values(), key=lambda known: known.file))

    def languages_of_files(self) -> dict[str, str]:
        """See `Engine.languages_of_files`."""
        return {stored["file"]: stored["language"] for stored in self._all()}

    def languages(self) -> dict[str, int]:
        """See `Engine.languages`."""
        counts = {str(language): int(count) for language, count in self._summary["articles_in"].items()}
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    def dated(self) -> int:
        """See `Engine.dated`."""
        return int(self._summary["dated"])

    def span(self) -> tuple[str | None, str | None]:
        """See `Engine.span`."""
        return self._summary["first"], self._summary["last"]

    def titles(self, limit: int) -> list[tuple[str, str, str]]:
        """See `Engine.titles`."""
        return [(file, title, language) for file, title, language in self._summary["titles"][:limit]]

    # --- words

    def frequencies(self, asked: Sequence[str]) -> dict[str, int]:
        """In how many passages each term stands, without those that stand in none."""
        buckets = {term: bucket(term, int(self._summary["buckets"])) for term in asked}
        known = self._buckets
        missing = sorted({number for number in buckets.values() if number not in known})
        if missing:
            if len(known) + len(missing) > _BUCKETS_REMEMBERED:
                known = self._buckets = {}
                missing = sorted(set(buckets.values()))
            read = unpacked_all(self._milvus, self._token, TERMS, missing)
            known.update({number: one or {} for number, one in zip(missing, read, strict=True)})
        return {term: known[number][term] for term, number in buckets.items() if term in known[number]}

    @property
    def average_terms(self) -> float:
        """How many terms a passage has, on average."""
        return float(self._summary["average_terms"])


def bucket(term: str, buckets: int) -> int:
    """Which record says in how many passages a term stands."""
    return zlib.crc32(term.encode("utf-8")) % buckets


def _known(stored: dict[str, Any]) -> Known:
    return Known(stored["number"], stored["file"], stored["size"], stored["modified"], stored["touched"],
                 stored["sha256"])


class MilvusCuts:
    """The sentences of passages in Milvus."""

    def __init__(self, store: MilvusStore) -> None:
        self._store = store

    def of(self, rows: Rows) -> Sentences:
        """See `qa.engine.Sliced.of`."""
        read = self._store.read(rows)
        return joined([row.sliced for row in read], [row.numbers for row in read])

    def stored(self, rows: Rows) -> list[tuple[str, list[str]]]:
        """The sentences of each passage as they are stored, and all its words: what another generation takes over."""
        return [(row.text, row.sliced.words) for row in self._store.read(rows)]


class MilvusWords:
    """The word side: what a word weighs is read from Milvus, what passages hold of it from the passages."""

    def __init__(self, store: MilvusStore) -> None:
        self._store = store
        self._questions = Questions()

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """See `qa.engine.Words.rarity`. The rarest terms come first, then those of no passage, TERMS_A_QUESTION at
        most."""
        asked = self._questions.of(words, lambda key: asked_for(key, self._store.frequencies, self._store.count))
        return dict(zip(asked.terms, asked.rarity, strict=True))

    def _found(self, rarity: dict[str, float], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which of the question's terms each word stands for, one more than its place or 0, (words, terms)."""
        vocabulary = self._store.vocabulary
        terms_of = vocabulary.terms_of[numbers]
        places = np.zeros(len(vocabulary.terms) + 1, np.int64)  # one more, so that _NONE finds nothing
        for place, term in enumerate(rarity):
            number = vocabulary.terms.get(term)
            if number is not None:
                places[number] = place + 1
        return places[terms_of]

    def covered(self, words: Sequence[str], rows: Rows, cut: Sentences) -> tuple[Scores, Scores]:
        """See `qa.engine.Words.covered`."""
        return self.scores(words, rows), self._held(words, *cut.words(), len(cut))

    def _held(self, words: Iterable[str], numbers: NDArray[np.int64], texts: NDArray[np.int64], count: int) -> Scores:
        rarity = self.rarity(words)
        if not len(numbers):
            return np.zeros(count, np.float32)
        found = self._found(rarity, numbers)
        word, column = np.nonzero(found)
        each = np.unique(texts[word] * (TERMS_A_QUESTION + 1) + found[word, column])  # a text's word may repeat
        text, term = np.divmod(each, TERMS_A_QUESTION + 1)
        return np.bincount(text, np.array([0.0, *rarity.values()])[term], count).astype(np.float32)

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """See `qa.engine.Words.scores`."""
        rarity = self.rarity(words)
        weights = np.array([*rarity.values()])
        scores = np.zeros(len(rows), np.float32)
        for place, row in enumerate(self._store.read(rows)):
            found = self._found(rarity, row.numbers)
            times = np.bincount(found.ravel(), minlength=len(rarity) + 1)[1:]
            length = int((self._store.vocabulary.terms_of[row.numbers] != _NONE).sum())
            damping = K1 * (1 - B + B * length / max(self._store.average_terms, 1e-12))
            scores[place] = float((weights * times * (K1 + 1) / (times + damping)).sum()) if len(times) else 0.0
        return scores

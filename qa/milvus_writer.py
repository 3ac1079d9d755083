"""Writing one generation into Milvus: passages, articles, the frequency of every term, and the summary."""

from __future__ import annotations

import heapq
import json
import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain, repeat
from types import TracebackType
from typing import Any, Self

import numpy as np

from qa.articles import Article, Found
from qa.cuts import Cut, Cuts
from qa.dates import Dated, bounds
from qa.encoder import Units, Vectors
from qa.engine import Rows
from qa.errors import IndexProblem
from qa.milvus import LONGEST, PASSAGES, RECORDS, Milvus
from qa.milvus_records import DETAILS, SUMMARY, TERMS, article_key, copied, packed, record, written
from qa.milvus_records import FIELDS as RECORD_FIELDS
from qa.milvus_store import (
    BUILD_EF,
    EXACT,
    FIELDS,
    NEIGHBOURS,
    UNDATED_FIRST,
    UNDATED_LAST,
    MilvusCuts,
    bucket,
)
from qa.passages import Passage
from qa.words import terms

_BATCH = 500            # rows of passages written at once, a few MB
_TITLES = 500           # kept for the page's first questions
_TERMS_A_BUCKET = 100   # a question looks up some thirty
_SPREAD = 2_654_435_761  # scatters numbers over 32 bits (Knuth's multiplicative hash)


def owner() -> str:
    """Who writes a generation, as its collections tell: a build that was killed is known by it."""
    return json.dumps({"host": socket.gethostname(), "process": os.getpid(), "since": int(time.time())})


class MilvusWriter:
    """Writes the collections of one generation, article by article. Rows follow from the order of articles alone, so
    that a part written twice is there once."""

    def __init__(self, milvus: Milvus, token: str, dimension: int, exact: int = EXACT) -> None:
        """Up to `exact` passages every one is compared with the question."""
        self._exact = exact
        self._milvus = milvus
        self._passages = milvus.collection(token, PASSAGES)
        self._records = milvus.collection(token, RECORDS)
        self._dimension = dimension
        milvus.make(self._records, RECORD_FIELDS, 2, False, owner())
        milvus.index(self._records, "vector", "FLAT", "IP")
        milvus.load(self._records)  # read from the beginning: a generation without a manifest is not complete
        milvus.make(self._passages, FIELDS, dimension, milvus.searches_words, owner())
        self._waiting: dict[str, list[dict[str, Any]]] = {self._passages: [], self._records: []}
        self._articles = self._rows = self._terms = self._dated = self._undated_passages = 0
        self._languages: dict[str, int] = {}
        self._articles_in: Counter[str] = Counter()
        self._passages_in: Counter[str] = Counter()
        self._frequencies: Counter[str] = Counter()
        self._titles: list[tuple[int, str, str, str]] = []
        self._first: tuple[int, int, str] | None = None
        self._last: tuple[int, int, str] | None = None

    def add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage], vectors: Vectors,
            cut: Sequence[Cut] | tuple[object, Rows], units: Units | None = None) -> None:
        """See `qa.store.Writer.add`. Raises IndexProblem."""
        if len(passages) != len(vectors):
            raise ValueError("one vector a passage")
        number = self._articles
        language = self._languages.setdefault(article.language, len(self._languages))
        if isinstance(cut, tuple):
            before, rows = cut
            assert isinstance(before, (MilvusCuts, Cuts))
            sliced = before.stored(rows) if isinstance(before, MilvusCuts) else copied(before, rows)
        else:
            each = repeat(None) if units is None else units.of([len(one.spans) for one in cut])
            sliced = [(written(one, own), [*one.title, *chain.from_iterable(one.words)])
                      for one, own in zip(cut, each, strict=False)]
        rounded = np.asarray(vectors, np.float16).astype(np.float32)  # as files keep them: answers are the same
        for offset, (passage, vector, (stored, words)) in enumerate(zip(passages, rounded, sliced, strict=True)):
            spelled = [term for word in words for term in terms(word)]
            self._frequencies.update(set(spelled))
            self._terms += len(spelled)
            row = {"row": self._rows + offset, "article": number, "language": language,
                   **dict(zip(("first_day", "last_day"), self._days(passage.published), strict=True)),
                   "passage": json.dumps([passage.file, passage.start, passage.end, passage.text,
                                          _stored(passage.published), passage.title, passage.language],
                                         ensure_ascii=False),
                   "cut": stored, "terms": " ".join(spelled) if self._milvus.searches_words else "", "vector": vector}
            self._fits(row, passage)
            self._write(self._passages, [row])
        self._add_article(number, found, sha256, article, len(passages))
        self._articles += 1
        self._rows += len(passages)
        self._passages_in[article.language] += len(passages)

    def _add_article(self, number: int, found: Found, sha256: str, article: Article, passages: int) -> None:
        dated = any(section.published for section in article.sections)
        self._dated += dated
        self._articles_in[article.language] += 1
        if article.title:
            entry = (-(number * _SPREAD % (1 << 32)), found.file, article.title[:1_000], article.language)
            (heapq.heappush if len(self._titles) < _TITLES else heapq.heappushpop)(self._titles, entry)
        value = json.dumps({"file": found.file, "size": found.size, "modified": found.modified,
                            "touched": found.touched, "sha256": sha256, "language": article.language,
                            "first": self._rows, "passages": passages}, ensure_ascii=False)
        self._write(self._records, [record(article_key(found.file), number, value), *packed(DETAILS, number, {
            "text": article.text, "title": article.title,
            "sections": [[section.start, section.end, _stored(section.published)] for section in article.sections],
            "furniture": article.furniture})])

    def _days(self, published: Dated | None) -> tuple[int, int]:
        if published is None:
            self._undated_passages += 1
            return UNDATED_FIRST, UNDATED_LAST
        first, last = (day.toordinal() for day in bounds(published.date))
        if self._first is None or (first, last) < self._first[:2]:
            self._first = first, last, published.date
        if self._last is None or (last, first) > self._last[:2]:
            self._last = last, first, published.date
        return first, last

    def _fits(self, row: dict[str, Any], passage: Passage) -> None:
        for field in ("passage", "cut", "terms"):
            if len(row[field].encode("utf-8")) > LONGEST:
                raise IndexProblem(f"A passage of {passage.file!r} is too long for a field of Milvus ({LONGEST} bytes)."
                                   " Build with smaller passages (passage_size of qa.rebuild)")

    def _write(self, name: str, rows: list[dict[str, Any]]) -> None:
        waiting = self._waiting[name]
        waiting.extend(rows)
        if len(waiting) >= _BATCH or sum(len(row.get("value", "")) for row in rows) > LONGEST:
            self._milvus.write(name, waiting)
            waiting.clear()

    def finish(self) -> None:
        """Writes what is still in memory and makes all of it searchable. The generation is complete afterwards but
        for its manifest."""
        buckets = max(1, len(self._frequencies) // _TERMS_A_BUCKET)
        filled: list[dict[str, int]] = [{} for _ in range(buckets)]
        for term, frequency in self._frequencies.items():
            filled[bucket(term, buckets)][term] = frequency
        for number, one in enumerate(filled):
            self._write(self._records, packed(TERMS, number, one))
        kind = "HNSW" if self._rows > self._exact and not self._milvus.address.lite else "FLAT"
        self._write(self._records, packed(SUMMARY, 0, {
            "passages": self._rows, "undated_passages": self._undated_passages, "dimension": self._dimension,
            "index": kind, "by_words": self._milvus.searches_words, "dated": self._dated,
            "languages": list(self._languages), "articles_in": self._articles_in, "passages_in": self._passages_in,
            "first": self._first and self._first[2], "last": self._last and self._last[2],
            "titles": [entry[1:] for entry in sorted(self._titles, reverse=True)],
            "buckets": buckets, "average_terms": self._terms / max(self._rows, 1)}))
        for name, waiting in self._waiting.items():
            self._milvus.write(name, waiting)
            waiting.clear()
        parameters = {"M": NEIGHBOURS, "efConstruction": BUILD_EF} if kind == "HNSW" else {}
        self._milvus.index(self._passages, "vector", kind, "IP", **parameters)
        for name in (self._passages, self._records):
            self._milvus.flush(name)
        if kind != "FLAT":
            self._milvus.indexed(self._passages, "vector", self._rows)
        self._milvus.load(self._passages)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """What is not finished is removed by whoever holds the place."""


def _stored(published: Dated | None) -> list[object] | None:
    return None if published is None else [published.date, published.source, published.evidence, published.start]

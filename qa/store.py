"""The files of one segment, mostly a whole generation: passages, vectors and words, written once and only read
afterwards."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import starmap
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from qa import cuts, weighing
from qa.articles import Article, Found
from qa.cores import spread
from qa.cuts import Cut, Cuts
from qa.dates import Dated, Section, bounds
from qa.encoder import Units, Vectors
from qa.engine import EVERYWHERE, Known, Rows, Scores, Sliced, Within
from qa.errors import IndexDamaged, IndexProblem
from qa.joint import JointCuts
from qa.lexical import Lexical, unchanging
from qa.passages import Passage
from qa.vectors import EXACT, Search, VectorIndex, VectorWriter

# Every file of a generation is named here and nowhere else.
DATABASE = "articles.sqlite"
VECTORS = "vectors.faiss"
SHORTLIST = "shortlist.faiss"  # only of a large index, see qa/vectors.py
WORDS = "words"  # a folder, see qa/lexical.py
CUTS = "cuts"  # a folder, see qa/cuts.py
TABLE = "passages.int32"  # (passages, 3), mapped: what passages are chosen by

_ARTICLE, _FIRST, _LAST = range(3)  # its columns: the number of the article, and the first and the last day of the date
# (proleptic Gregorian ordinals), 0 where it has none
_SELECTED = 4   # selections of rows that are kept: a large one takes 8 bytes a passage
_SCHEMA = """
CREATE TABLE articles (
    number INTEGER PRIMARY KEY, file TEXT NOT NULL, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    touched INTEGER NOT NULL, sha256 TEXT NOT NULL, title TEXT, language TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE sections (
    article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL, end INTEGER NOT NULL,
    date TEXT, source TEXT, evidence TEXT, evidence_start INTEGER);
CREATE TABLE furniture (article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL, end INTEGER NOT NULL);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL,
    end INTEGER NOT NULL, text TEXT NOT NULL, title TEXT, date TEXT, source TEXT, evidence TEXT,
    evidence_start INTEGER);
"""
# The first holds all that is asked of every article at once: the articles themselves lie far apart, with their texts.
_INDEXES = """
CREATE INDEX files ON articles (file, number, size, modified, touched, sha256, language);
CREATE INDEX sections_of ON sections (article);
CREATE INDEX furniture_of ON furniture (article);
"""


def document(passage: Passage) -> str:
    """What is embedded and indexed for a passage: its text under its article's title, which names what
    «il» or «ce traité» stand for. Only the text is ever shown."""
    return f"{passage.heading}\n{passage.text}" if passage.heading else passage.text


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turns what the libraries raise when a disk is full or fails into one clear IndexProblem."""
    try:
        yield
    except (OSError, sqlite3.Error, RuntimeError) as error:
        raise IndexProblem(f"The index could not be written ({error}); what was there before is untouched. See that"
                           f" the disk that holds {folder.parent} has room, or choose another folder with --index"
                           ) from error


class Writer:
    """Writes the files of one generation into an empty folder, article by article."""

    def __init__(self, folder: Path, dimension: int, tokens: int = 0) -> None:
        """`tokens`: how many the model knows; 0 for one whose tokens are not kept."""
        self.search = EXACT  # how the vectors are to be searched, known when all is written
        self._folder = folder
        with writing(folder):
            self._vectors = VectorWriter(folder / VECTORS, folder / SHORTLIST, dimension)
            self._cuts = cuts.Writer(folder / CUTS, tokens)
            self._words = weighing.Writer(folder / WORDS, self._cuts.documents, self._cuts.vocabulary)
            self._table = (folder / TABLE).open("wb")
            self._database = sqlite3.connect(folder / DATABASE)
            self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192;"
                                         + _SCHEMA)
        self._articles = 0
        self._rows = 0

    def add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage], vectors: Vectors,
            cut: Sequence[Cut] | tuple[Sliced, Rows], units: Units | None = None) -> None:
        """See `qa.engine.Writer.add`."""
        if len(passages) != len(vectors):
            raise ValueError("one vector a passage")
        with writing(self._folder):
            self._add(found, sha256, article, passages)
            if isinstance(cut, tuple):
                before, rows = cut
                if isinstance(before, JointCuts):
                    before, rows = before.part(rows)
                assert isinstance(before, Cuts)
                self._cuts.take_over(before, rows)
            else:
                self._cuts.add(cut, units)
            self._vectors.add(vectors)
            self._articles += 1
            self._rows += len(passages)
            self._words.advance(self._rows)

    def _add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage]) -> None:
        number, execute = self._articles, self._database.execute
        execute("INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (number, found.file, found.size, found.modified, found.touched, sha256, article.title, article.language,
                 article.text))
        self._database.executemany("INSERT INTO sections VALUES (?, ?, ?, ?, ?, ?, ?)",
                                   [(number, section.start, section.end, *_stored(section.published))
                                    for section in article.sections])
        self._database.executemany("INSERT INTO furniture VALUES (?, ?, ?)",
                                   [(number, start, end) for start, end in article.furniture])
        self._database.executemany(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._rows + offset, number, passage.start, passage.end, passage.text, passage.title,
              *_stored(passage.published)) for offset, passage in enumerate(passages)])
        self._table.write(np.array([(number, *_days(passage.published)) for passage in passages], "<i4").tobytes())

    def finish(self) -> None:
        """Writes what is still in memory. The folder is complete afterwards but for its manifest."""
        with writing(self._folder):
            self._database.executescript(_INDEXES)
            self._database.commit()
            self._database.close()
            self._table.close()
            self._cuts.finish()
            # the vectors let Python's lock go, the words take it
            spread(lambda finish: finish(), [self._finish_vectors, self._finish_words])
            self._words.close()

    def _finish_vectors(self) -> None:
        self.search = self._vectors.finish()

    def _finish_words(self) -> None:
        self._words.finish(self._rows)

    @property
    def vocabulary(self) -> list[str]:
        """Every word so far, in the order of their numbers."""
        return list(self._cuts.vocabulary)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):  # what is not finished is thrown away
            self._database.close()
            self._table.close()
            self._cuts.close()
            self._vectors.close()
        self._words.close()


def _stored(published: Dated | None) -> tuple[str | None, str | None, str | None, int | None]:
    if published is None:
        return None, None, None, None
    return published.date, published.source, published.evidence, published.start


def _days(published: Dated | None) -> tuple[int, int]:
    if published is None:
        return 0, 0
    first, last = bounds(published.date)
    return first.toordinal(), last.toordinal()


def _dated(date_: str | None, source: str | None, evidence: str | None, start: int | None) -> Dated | None:
    return None if date_ is None else Dated(date_, source or "", evidence or "", start)


def _mapped(path: Path) -> NDArray[np.int32]:
    flat = np.memmap(path, "<i4", "r") if path.stat().st_size else np.zeros(0, np.int32)
    return np.asarray(flat.view(np.ndarray).reshape(-1, 3), np.int32)


class Store:
    """One segment in files, opened for reading: a whole generation, or a part of one (qa/segments.py); see
    `qa.engine.Engine`. Usable from several threads."""

    name = "faiss"
    by_words = True

    def __init__(self, folder: Path, search: Search = EXACT, held: NDArray[np.int64] | None = None) -> None:
        """Opens the files of `folder`; `search` is what its Writer said. Only the articles numbered `held` are
        found, all if that is None; rows keep their numbers. Raises IndexDamaged when a file cannot be read."""
        self._selected: dict[Within, Rows | None] = {}
        self._last = threading.local()
        try:
            self._database = unchanging(folder / DATABASE, self)
            self._vectors = VectorIndex(folder / VECTORS, folder / SHORTLIST, search)
            self.lexical = Lexical(folder / WORDS)
            self.cuts = Cuts(folder / CUTS)
            self._table = _mapped(folder / TABLE)
            self._articles = np.ascontiguousarray(self._table[:, _ARTICLE])
            last = self._database.execute("SELECT max(row), max(article) FROM passages"
                                          " WHERE row = (SELECT max(row) FROM passages)").fetchone()
            self.articles = int(self._database.execute("SELECT coalesce(max(number) + 1, 0) FROM articles"
                                                       ).fetchone()[0])  # how many it was written with
            self._stay = np.full(self.articles + 1, held is None)
            if held is not None:
                self._stay[held] = True
        except Exception as error:  # each library has its own errors for damage
            raise IndexDamaged(f"The index in {folder} cannot be read ({str(error).splitlines()[0]})."
                               " Build it anew with: qa rebuild --full") from error
        self.count = len(self._table)  # passages it was written with
        ends = (self.count - 1, int(self._table[-1, _ARTICLE])) if self.count else (None, None)
        if last != ends or not self._vectors.count == self.lexical.count == self.cuts.count == self.count:
            raise IndexDamaged(f"The files of the index in {folder} do not belong together."
                               " Build it anew with: qa rebuild --full")
        self._gone = np.flatnonzero(~self._stay[: self.articles])
        self.removed = np.flatnonzero(~self._stay[self._articles])  # rows of articles that are gone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._database.close()
        self.lexical.close()

    @property
    def dimension(self) -> int:
        """Of its vectors."""
        return self._vectors.dimension

    # --- passages and articles

    def passages(self, rows: Iterable[int]) -> list[Passage]:
        """The passages of these rows, in the order asked for."""
        wanted = [int(row) for row in rows]
        found: dict[int, Passage] = {}
        for begin in range(0, len(wanted), 500):
            part = wanted[begin : begin + 500]
            for values in self._database.execute(
                    "SELECT p.row, a.file, p.start, p.end, p.text, p.date, p.source, p.evidence, p.evidence_start,"
                    " p.title, a.language FROM passages p JOIN articles a ON a.number = p.article"
                    f" WHERE p.row IN ({','.join('?' * len(part))})", part):
                row, file, start, end, text, *published, title, language = values
                found[row] = Passage(file, start, end, text, _dated(*published), title, language)
        return [found[row] for row in wanted]

    def known(self) -> dict[str, Known]:
        """Every indexed file by its name, in the order of their names."""
        return {known.file: known for known in self.each()}

    def each(self) -> Iterator[Known]:
        """Every indexed file, one after the other in the order of their names, which is that of their numbers."""
        every = starmap(Known, self._database.execute(
            "SELECT number, file, size, modified, touched, sha256 FROM articles ORDER BY file"))
        return filter(lambda known: self._stay[known.number], every) if len(self._gone) else every

    def known_file(self, file: str) -> Known | None:
        """What is known of one file; None when the index does not hold it."""
        values = self._database.execute("SELECT number, file, size, modified, touched, sha256 FROM articles"
                                        " WHERE file = ?", (file,)).fetchone()
        return Known(*values) if values and self._stay[values[0]] else None

    def article(self, file: str) -> Article | None:
        """The article of `file` as it was read; None when the index does not hold it."""
        values = self._database.execute("SELECT number, text, title, language FROM articles WHERE file = ?",
                                        (file,)).fetchone()
        if values is None or not self._stay[values[0]]:
            return None
        number, text, title, language = values
        sections = tuple(Section(start, end, _dated(*published)) for start, end, *published in self._database.execute(
            "SELECT start, end, date, source, evidence, evidence_start FROM sections WHERE article = ?"
            " ORDER BY start", (number,)))
        furniture = tuple(self._database.execute("SELECT start, end FROM furniture WHERE article = ? ORDER BY start",
                                                 (number,)))
        return Article(file, text, title, language, sections, furniture)

    def rows_of(self, file: str) -> Rows:
        """The rows of a file's passages, in the article's order."""
        known = self.known_file(file)
        if known is None:
            return np.zeros(0, np.int64)
        return np.arange(*self.bounds(np.array([known.number, known.number + 1])))

    def bounds(self, articles: NDArray[np.int64]) -> Rows:
        """The row with which each of these articles begins, or would begin."""
        return np.searchsorted(self._articles, articles.astype(np.int32)).astype(np.int64)

    def undated_of(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each is without a date, (len(rows),)."""
        return np.asarray(self._table[rows, _FIRST] == 0)

    def undated(self, file: str | None) -> int:
        """How many passages are without a date, of the files that match the glob."""
        undated = self._days[0] == 0
        undated[self.removed] = False
        return int(np.count_nonzero(undated if file is None else undated & self._in_articles("file GLOB ?", file)))

    def passages_in(self) -> dict[str, int]:
        """How many passages there are in each language."""
        each = np.bincount(self._articles[self._stay[self._articles]])
        found: dict[str, int] = {}
        for number, language in self._database.execute("SELECT number, language FROM articles"):
            if number < len(each) and each[number]:
                found[language] = found.get(language, 0) + int(each[number])
        return found

    def _in_articles(self, condition: str, value: str) -> NDArray[np.bool_]:
        """Whether the article of each passage meets a condition, (count,)."""
        numbers = [number for number, in self._database.execute(f"SELECT number FROM articles WHERE {condition}",
                                                                (value,))]
        meets = np.zeros(max(numbers, default=0) + 2, bool)
        meets[numbers] = True
        return np.asarray(meets[np.minimum(self._articles, len(meets) - 1)])

    def files_of(self, rows: Rows) -> list[str]:
        """The file of each of these rows' articles."""
        return [file for file, _ in self._of_articles(rows)]

    def languages_of(self, rows: Rows) -> list[str]:
        """The language of each of these rows' articles."""
        return [language for _, language in self._of_articles(rows)]

    def _of_articles(self, rows: Rows) -> list[tuple[str, str]]:
        """File and language of each row's article. Those of the thread's last rows are kept: an answer asks for both,
        one after the other."""
        articles = self._articles[rows].tolist()
        last: dict[int, tuple[str, str]] = getattr(self._last, "articles", {})
        if not last.keys() >= set(articles):
            wanted = list(dict.fromkeys(articles))
            last = self._last.articles = {}
            for begin in range(0, len(wanted), 500):
                part = wanted[begin : begin + 500]
                last.update((number, (file, language)) for number, file, language in self._database.execute(
                    "SELECT number, file, language FROM articles WHERE number IN"
                    f" ({','.join('?' * len(part))})", part))
        return [last[number] for number in articles]

    def languages_of_files(self) -> dict[str, str]:
        """The language of every article by its file."""
        return {file: language for number, file, language in self._database.execute(
            "SELECT number, file, language FROM articles ORDER BY file") if self._stay[number]}

    def languages(self) -> dict[str, int]:
        """How many articles there are in each language, most first."""
        counts = Counter(dict(self._database.execute("SELECT language, count(*) FROM articles GROUP BY language")))
        counts.subtract(self._of_gone("SELECT language FROM articles WHERE number"))
        return dict(sorted((+counts).items(), key=lambda one: (-one[1], one[0])))

    def dated(self) -> int:
        """How many articles give a date."""
        (count,) = self._database.execute("SELECT count(DISTINCT article) FROM sections WHERE date IS NOT NULL"
                                          ).fetchone()
        gone = self._of_gone("SELECT DISTINCT article FROM sections WHERE date IS NOT NULL AND article")
        return int(count) - len(gone)

    def _of_gone(self, select: str) -> list[Any]:
        """What a query that ends with a number gives for the articles that are gone."""
        gone = self._gone.tolist()
        return [value for begin in range(0, len(gone), 500) for value, in self._database.execute(
            f"{select} IN ({','.join('?' * len(gone[begin : begin + 500]))})", gone[begin : begin + 500])]

    def span(self) -> tuple[str | None, str | None]:
        """The earliest and the latest date of the index, as their articles give them."""
        (_, _, earliest), (_, _, latest) = self.ends() or ((0, 0, None), (0, 0, None))
        return earliest, latest

    def ends(self) -> tuple[tuple[int, int, str], tuple[int, int, str]] | None:
        """The earliest and the latest date, each with its first and its last day; None where nothing is dated."""
        rows = np.flatnonzero((self._table[:, _FIRST] > 0) & self._stay[self._articles])
        if not len(rows):
            return None
        first, last = self._table[rows, _FIRST], self._table[rows, _LAST]
        earliest, latest = rows[np.lexsort((rows, last, first))[0]], rows[np.lexsort((-rows, first, last))[-1]]
        return self._date_of(int(earliest)), self._date_of(int(latest))

    def _date_of(self, row: int) -> tuple[int, int, str]:
        (date_,) = self._database.execute("SELECT date FROM passages WHERE row = ?", (row,)).fetchone()
        return int(self._table[row, _FIRST]), int(self._table[row, _LAST]), date_

    def titles(self, limit: int) -> list[tuple[str, str, str]]:
        """(file, title, language) of articles that have a title, spread over the whole index."""
        return [(file, title, language) for number, file, title, language in self._database.execute(
            "SELECT number, file, title, language FROM articles WHERE title IS NOT NULL"
            " ORDER BY (number * 2654435761) % 4294967296 LIMIT ?", (limit + len(self._gone),))
            if self._stay[number]][:limit]

    # --- finding

    def within(self, within: Within) -> Rows | None:
        """The rows that meet the conditions, ascending; None when all do. Those of the last few are kept: each side of
        the index is searched within the same, and «en 2022» is tried again without."""
        if not within and not len(self.removed):
            return None
        if within not in self._selected:
            if len(self._selected) >= _SELECTED:
                self._selected = {}
            meets = self._meets(within)
            self._selected[within] = None if meets.all() else np.flatnonzero(meets)
        return self._selected[within]

    def alike(self, one: Within, other: Within) -> bool:
        """See `Engine.alike`."""
        mine, others = self.within(one), self.within(other)
        return mine is others or (mine is not None and others is not None and np.array_equal(mine, others))

    def _meets(self, within: Within) -> NDArray[np.bool_]:
        """Whether each passage meets the conditions, (count,)."""
        meets = np.ones(self.count, np.bool_)
        if within.since is not None or within.until is not None:
            first, last = self._days
            if within.since is not None:
                meets &= first >= within.since.toordinal()
            if within.until is not None:
                meets &= first > 0
                meets &= last <= within.until.toordinal()
            if within.undated:
                meets |= first == 0
        if len(self.removed):
            meets[self.removed] = False
        if within.file is not None:
            meets &= self._in_articles("file GLOB ?", within.file)
        if within.language is not None:
            meets &= self._in_articles("language = ?", within.language)
        return meets

    @cached_property
    def _days(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The first and the last day of each passage's date, 0 without one; each by themselves they are compared in a
        fifth of the time."""
        return np.ascontiguousarray(self._table[:, _FIRST]), np.ascontiguousarray(self._table[:, _LAST])

    def nearest_by_words(self, words: Sequence[str], k: int, within: Within = EVERYWHERE) -> tuple[Rows, Scores]:
        """See `Engine.nearest_by_words`."""
        return self.lexical.search(words, k, self.within(within))

    def nearest(self, vector: Vectors, k: int, within: Within = EVERYWHERE) -> tuple[Rows, Vectors]:
        """See `Engine.nearest`."""
        return self._vectors.nearest(vector, k, self.within(within))

    def nearest_to_each(self, vectors: Vectors, k: int, within: Within = EVERYWHERE) -> Rows:
        """See `Engine.nearest_to_each`."""
        return self._vectors.nearest_to_each(vectors, k, self.within(within))

    def vectors(self, rows: Rows) -> Vectors:
        """The unit vectors of these rows, (len(rows), dimension)."""
        return self._vectors.rows(rows)

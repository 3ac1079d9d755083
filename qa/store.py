"""The files of one generation: passages, vectors and words, written once and only read afterwards."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from qa import cuts
from qa.articles import Article, Found
from qa.cuts import Cut, Cuts
from qa.dates import Dated, Section, bounds
from qa.encoder import Units, Vectors
from qa.engine import EVERYWHERE, Known, Rows, Scores, Sliced, Within
from qa.errors import IndexDamaged, IndexProblem
from qa.lexical import Lexical, unchanging
from qa.lexical import build as build_lexical
from qa.passages import Passage
from qa.vectors import EXACT, Search, VectorIndex, VectorWriter

# Every file of a generation is named here and nowhere else.
DATABASE = "articles.sqlite"
VECTORS = "vectors.faiss"
SHORTLIST = "shortlist.faiss"  # only of a large index, see qa/vectors.py
WORDS = "words"  # a folder, see qa/lexical.py
CUTS = "cuts"  # a folder, see qa/cuts.py
MANIFEST = "manifest.json"

_SELECTED = 4   # selections of rows that are kept: a large one takes 8 bytes a passage
_SCHEMA = """
CREATE TABLE articles (
    number INTEGER PRIMARY KEY, file TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    touched INTEGER NOT NULL, sha256 TEXT NOT NULL, title TEXT, language TEXT NOT NULL, text TEXT NOT NULL);
CREATE TABLE sections (
    article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL, end INTEGER NOT NULL,
    date TEXT, source TEXT, evidence TEXT, evidence_start INTEGER);
CREATE TABLE furniture (article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL, end INTEGER NOT NULL);
CREATE TABLE passages (
    row INTEGER PRIMARY KEY, article INTEGER NOT NULL REFERENCES articles, start INTEGER NOT NULL,
    end INTEGER NOT NULL, text TEXT NOT NULL, title TEXT, date TEXT, source TEXT, evidence TEXT,
    evidence_start INTEGER, first_day INTEGER, last_day INTEGER);
"""  # first_day, last_day: proleptic Gregorian ordinals of the days a date covers; NULL when undated
_INDEXES = """
CREATE INDEX sections_of ON sections (article);
CREATE INDEX furniture_of ON furniture (article);
CREATE INDEX passages_of ON passages (article);
CREATE INDEX passages_by_day ON passages (first_day, last_day);
"""


def document(passage: Passage) -> str:
    """What is embedded and indexed for a passage: its text under its article's title, which names what
    «il» or «ce traité» stand for. Only the text is ever shown."""
    if passage.title and not passage.text.startswith(passage.title):
        return f"{passage.title}\n{passage.text}"
    return passage.text


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
            self._database = sqlite3.connect(folder / DATABASE)
            self._database.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA page_size=8192;"
                                         + _SCHEMA)
        self._articles = 0
        self._rows = 0

    def add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage], vectors: Vectors,
            cut: Sequence[Cut] | tuple[Sliced, Rows], units: Sequence[Units] = ()) -> None:
        """See `qa.engine.Writer.add`."""
        if len(passages) != len(vectors):
            raise ValueError("one vector a passage")
        with writing(self._folder):
            self._add(found, sha256, article, passages)
            if isinstance(cut, tuple):
                before, rows = cut
                assert isinstance(before, Cuts)
                self._cuts.take_over(before, rows)
            else:
                self._cuts.add(cut, units)
            self._vectors.add(vectors)
        self._articles += 1
        self._rows += len(passages)

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
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(self._rows + offset, number, passage.start, passage.end, passage.text, passage.title,
              *_stored(passage.published), *_days(passage.published)) for offset, passage in enumerate(passages)])

    def finish(self) -> None:
        """Writes what is still in memory. The folder is complete afterwards but for its manifest."""
        with writing(self._folder):
            self._database.executescript(_INDEXES)
            self._database.commit()
            self._database.close()
            self._cuts.finish()
            build_lexical(self._folder / WORDS, Cuts(self._folder / CUTS).documents(), self._cuts.vocabulary)
            self.search = self._vectors.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(sqlite3.Error, OSError):  # what is not finished is thrown away
            self._database.close()
            self._cuts.close()
            self._vectors.close()


def _stored(published: Dated | None) -> tuple[str | None, str | None, str | None, int | None]:
    if published is None:
        return None, None, None, None
    return published.date, published.source, published.evidence, published.start


def _days(published: Dated | None) -> tuple[int | None, int | None]:
    if published is None:
        return None, None
    first, last = bounds(published.date)
    return first.toordinal(), last.toordinal()


def _dated(date_: str | None, source: str | None, evidence: str | None, start: int | None) -> Dated | None:
    return None if date_ is None else Dated(date_, source or "", evidence or "", start)


class Store:
    """One generation in files, opened for reading; see `qa.engine.Engine`. Usable from several threads."""

    name = "faiss"
    by_words = True

    def __init__(self, folder: Path, search: Search = EXACT) -> None:
        """Opens the files of `folder`; `search` is what its Writer said. Raises IndexDamaged when one of them cannot be
        read."""
        self._undated: Rows | None = None
        self._selected: dict[Within, Rows] = {}
        try:
            self._database = unchanging(folder / DATABASE, self)
            self._vectors = VectorIndex(folder / VECTORS, folder / SHORTLIST, search)
            self.lexical = Lexical(folder / WORDS)
            self.cuts = Cuts(folder / CUTS)
            self.count = int(self._database.execute("SELECT count(*) FROM passages").fetchone()[0])
        except Exception as error:  # each library has its own errors for damage
            raise IndexDamaged(f"The index in {folder} cannot be read ({str(error).splitlines()[0]})."
                               " Build it anew with: qa rebuild --full") from error
        if not self._vectors.count == self.lexical.count == self.cuts.count == self.count:
            raise IndexDamaged(f"The files of the index in {folder} do not belong together."
                               " Build it anew with: qa rebuild --full")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._database.close()
        self.lexical.close()

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
        """Every indexed file by its name."""
        rows = self._database.execute("SELECT number, file, size, modified, touched, sha256 FROM articles")
        return {values[1]: Known(*values) for values in rows}

    def known_file(self, file: str) -> Known | None:
        """What is known of one file; None when the index does not hold it."""
        values = self._database.execute("SELECT number, file, size, modified, touched, sha256 FROM articles"
                                        " WHERE file = ?", (file,)).fetchone()
        return Known(*values) if values else None

    def article(self, file: str) -> Article | None:
        """The article of `file` as it was read; None when the index does not hold it."""
        values = self._database.execute("SELECT number, text, title, language FROM articles WHERE file = ?",
                                        (file,)).fetchone()
        if values is None:
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
        return self._rows("SELECT row FROM passages WHERE article = (SELECT number FROM articles WHERE file = ?)"
                          " ORDER BY row", (file,))

    def rows(self, since: date | None, until: date | None, file: str | None) -> Rows | None:
        """The rows whose date lies wholly within since..until (inclusive) and whose file matches the glob;
        None when nothing is filtered. An undated passage is in no range of dates."""
        conditions, values = _conditions(since, until, file)
        if not conditions:
            return None
        return self._rows("SELECT p.row FROM passages p JOIN articles a ON a.number = p.article WHERE "
                          + " AND ".join(conditions) + " ORDER BY p.row", values)

    def undated_rows(self, file: str | None) -> Rows:
        """The rows without a date, of the files that match the glob. Those of all files are kept: there may be many."""
        if file is None and self._undated is not None:
            return self._undated
        conditions, values = _conditions(None, None, file)
        found = self._rows("SELECT p.row FROM passages p JOIN articles a ON a.number = p.article WHERE "
                           + " AND ".join(["p.first_day IS NULL", *conditions]) + " ORDER BY p.row", values)
        if file is None:
            self._undated = found
        return found

    def _rows(self, query: str, values: Sequence[object]) -> Rows:
        return np.fromiter((row[0] for row in self._database.execute(query, values)), np.int64)

    def rows_in(self, language: str) -> Rows:
        """The rows of all articles in a language."""
        return self._rows("SELECT p.row FROM passages p JOIN articles a ON a.number = p.article WHERE a.language = ?"
                          " ORDER BY p.row", (language,))

    def undated_of(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each is without a date, (len(rows),)."""
        return np.isin(rows, self.undated_rows(None))

    def undated(self, file: str | None) -> int:
        """How many passages are without a date, of the files that match the glob."""
        return len(self.undated_rows(file))

    def passages_in(self) -> dict[str, int]:
        """How many passages there are in each language."""
        return dict(self._database.execute("SELECT a.language, count(*) FROM passages p JOIN articles a"
                                           " ON a.number = p.article GROUP BY a.language"))

    def files_of(self, rows: Rows) -> list[str]:
        """The file of each of these rows' articles."""
        return self._of_articles("file", rows)

    def languages_of(self, rows: Rows) -> list[str]:
        """The language of each of these rows' articles."""
        return self._of_articles("language", rows)

    def _of_articles(self, column: str, rows: Rows) -> list[str]:
        wanted = rows.tolist()
        found: dict[int, str] = {}
        for begin in range(0, len(wanted), 500):
            part = wanted[begin : begin + 500]
            found.update(self._database.execute(
                f"SELECT p.row, a.{column} FROM passages p JOIN articles a ON a.number = p.article"
                f" WHERE p.row IN ({','.join('?' * len(part))})", part))
        return [found[row] for row in wanted]

    def languages_of_files(self) -> dict[str, str]:
        """The language of every article by its file."""
        return dict(self._database.execute("SELECT file, language FROM articles ORDER BY file"))

    def languages(self) -> dict[str, int]:
        """How many articles there are in each language, most first."""
        return dict(self._database.execute("SELECT language, count(*) FROM articles GROUP BY language"
                                           " ORDER BY count(*) DESC, language"))

    def dated(self) -> int:
        """How many articles give a date."""
        return int(self._database.execute("SELECT count(DISTINCT article) FROM sections WHERE date IS NOT NULL"
                                          ).fetchone()[0])

    def span(self) -> tuple[str | None, str | None]:
        """The earliest and the latest date of the index, as their articles give them."""
        first = self._database.execute("SELECT date FROM passages WHERE date IS NOT NULL ORDER BY first_day, last_day"
                                       " LIMIT 1").fetchone()
        last = self._database.execute("SELECT date FROM passages WHERE date IS NOT NULL ORDER BY last_day DESC,"
                                      " first_day DESC LIMIT 1").fetchone()
        return (first[0] if first else None), (last[0] if last else None)

    def titles(self, limit: int) -> list[tuple[str, str, str]]:
        """(file, title, language) of articles that have a title, spread over the whole index."""
        return [tuple(values) for values in self._database.execute(
            "SELECT file, title, language FROM articles WHERE title IS NOT NULL"
            " ORDER BY (number * 2654435761) % 4294967296 LIMIT ?", (limit,))]

    # --- finding

    def _within(self, within: Within) -> Rows | None:
        """The rows that meet the conditions; None when there are none. Those of the last few are kept: each side of
        the index is searched within the same, and «en 2022» is tried again without."""
        if not within:
            return None
        found = self._selected.get(within)
        if found is None:
            chosen = self.rows(within.since, within.until, within.file)
            if within.undated and chosen is not None and (within.since or within.until):
                chosen = np.union1d(chosen, self.undated_rows(within.file))
            if within.language is not None:
                own = self.rows_in(within.language)
                chosen = own if chosen is None else np.intersect1d(chosen, own)
            assert chosen is not None
            if len(self._selected) >= _SELECTED:
                self._selected = {}
            found = self._selected[within] = chosen
        return found

    def nearest_by_words(self, words: Sequence[str], k: int, within: Within = EVERYWHERE) -> tuple[Rows, Scores]:
        """See `Engine.nearest_by_words`."""
        return self.lexical.search(words, k, self._within(within))

    def nearest(self, vector: Vectors, k: int, within: Within = EVERYWHERE) -> tuple[Rows, Vectors]:
        """See `Engine.nearest`."""
        return self._vectors.nearest(vector, k, self._within(within))

    def nearest_to_each(self, vectors: Vectors, k: int, within: Within = EVERYWHERE) -> Rows:
        """See `Engine.nearest_to_each`."""
        return self._vectors.nearest_to_each(vectors, k, self._within(within))

    def vectors(self, rows: Rows) -> Vectors:
        """The unit vectors of these rows, (len(rows), dimension)."""
        return self._vectors.rows(rows)


def _conditions(since: date | None, until: date | None, file: str | None) -> tuple[list[str], list[object]]:
    conditions: list[str] = []
    values: list[object] = []
    if since is not None:
        conditions.append("p.first_day >= ?")
        values.append(since.toordinal())
    if until is not None:
        conditions.append("p.last_day <= ?")
        values.append(until.toordinal())
    if file is not None:
        conditions.append("a.file GLOB ?")
        values.append(file)
    return conditions, values

"""What an index must do wherever it lies: `Engine` reads one generation, `Writer` writes one, `Place` holds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from qa.articles import Article, Found
from qa.cuts import Cut, Sentences
from qa.encoder import Units, Vectors
from qa.generations import Manifest, Whole
from qa.passages import Passage

Rows = NDArray[np.int64]
Scores = NDArray[np.float32]


class Known(NamedTuple):  # see qa.articles.Found
    """What the index holds about one file: enough to tell whether it changed."""

    number: int
    file: str
    size: int       # bytes
    modified: int   # nanoseconds
    touched: int    # nanoseconds
    sha256: str


@dataclass(frozen=True, slots=True)
class Within:
    """Which passages may answer; every condition that is given must hold."""

    since: date | None = None   # whose date lies wholly within since..until, inclusive
    until: date | None = None
    file: str | None = None     # whose file matches the glob, as SQLite's GLOB does: `*` also stands for slashes
    language: str | None = None
    undated: bool = False       # passages without a date too, which are in no range of dates

    def __bool__(self) -> bool:
        """Whether there is any condition at all."""
        return not (self.since is None and self.until is None and self.file is None and self.language is None)


EVERYWHERE = Within()


class Words(Protocol):
    """The word side of an engine. Scores are BM25, see `qa.lexical.Lexical`."""

    def rarity(self, words: Iterable[str]) -> dict[str, float]:
        """The weight of each term of the words: the fewer passages hold it the greater."""

    def scores(self, words: Sequence[str], rows: Rows) -> Scores:
        """The score of each of `rows`, 0 where no word stands."""

    def covered(self, words: Sequence[str], rows: Rows, cut: Sentences) -> tuple[Scores, Scores]:
        """The score of each of `rows`, and the summed rarity of those terms of the words that each of their sentences
        holds. `cut` are the sentences of `rows`."""


class Sliced(Protocol):
    """The passages' sentences as they were cut when the index was built."""

    def of(self, rows: Rows) -> Sentences:
        """The sentences of these passages, in the order asked for."""


class Engine(AbstractContextManager["Engine"], Protocol):
    """One generation, opened for reading from several threads. A passage is known by its row, a file's passages
    have successive rows, and no row ever changes."""

    name: str       # of the engine and its version
    by_words: bool  # whether `nearest_by_words` finds anything
    count: int      # passages

    @property
    def lexical(self) -> Words: ...
    @property
    def cuts(self) -> Sliced: ...

    # --- finding

    def alike(self, one: Within, other: Within) -> bool:
        """Whether the same passages are known to meet the one as the other."""

    def nearest(self, vector: Vectors, k: int, within: Within = EVERYWHERE) -> tuple[Rows, Vectors]:
        """The k passages with the greatest inner product with `vector`, best first: (rows, inner products)."""

    def nearest_to_each(self, vectors: Vectors, k: int, within: Within = EVERYWHERE) -> Rows:
        """The rows of the k passages nearest to each of `vectors`, (len(vectors), k or fewer), -1 where there are
        fewer."""

    def nearest_by_words(self, words: Sequence[str], k: int, within: Within = EVERYWHERE) -> tuple[Rows, Scores]:
        """The k passages with the best scores that hold a word, best first: (rows, scores). None where the engine
        cannot search by words."""

    # --- passages

    def passages(self, rows: Iterable[int]) -> list[Passage]:
        """The passages of these rows, in the order asked for."""

    def vectors(self, rows: Rows) -> Vectors:
        """Their unit vectors, (len(rows), dimension)."""

    def files_of(self, rows: Rows) -> list[str]:
        """The file of each."""

    def languages_of(self, rows: Rows) -> list[str]:
        """The language of each one's article."""

    def undated_of(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether each is without a date, (len(rows),)."""

    def undated(self, file: str | None) -> int:
        """How many passages are without a date, of the files that match the glob."""

    def passages_in(self) -> dict[str, int]:
        """How many passages there are in each language."""

    # --- articles

    def article(self, file: str) -> Article | None:
        """The article of `file` as it was read; None when the index does not hold it."""

    def rows_of(self, file: str) -> Rows:
        """The rows of a file's passages, in the article's order."""

    def known(self) -> dict[str, Known]:
        """Every indexed file by its name."""

    def each(self) -> Iterator[Known]:
        """Every indexed file, one after the other in the order of their names."""

    def known_file(self, file: str) -> Known | None:
        """What is known of one file; None when the index does not hold it."""

    def languages_of_files(self) -> dict[str, str]:
        """The language of every article by its file."""

    def languages(self) -> dict[str, int]:
        """How many articles there are in each language, most first."""

    def dated(self) -> int:
        """How many articles give a date."""

    def span(self) -> tuple[str | None, str | None]:
        """The earliest and the latest date of the index, as their articles give them."""

    def titles(self, limit: int) -> list[tuple[str, str, str]]:
        """(file, title, language) of articles that have a title, spread over the whole index."""


class Writer(AbstractContextManager["Writer"], Protocol):
    """Writes one generation, article by article. Raises IndexProblem."""

    def add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage], vectors: Vectors,
            cut: Sequence[Cut] | tuple[Sliced, Rows], units: Units | None = None) -> None:
        """Adds one article; `vectors` are the unit rows of `passages`, (len(passages), dimension). `cut` are the
        passages' sentences with the `units` of all of them, or where a generation of the same place and model holds
        them."""

    def finish(self) -> None:
        """Writes what is still in memory. The generation is complete afterwards but for its manifest."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Articles whose files look as they did when they were read, in the order of their files."""

    files: Sequence[str]
    numbers: NDArray[np.int64]  # as they are known by
    size: int                   # bytes of all


@dataclass(frozen=True, slots=True)
class Shared:
    """What a new generation shares with the one before."""

    files: Sequence[str] = ()
    passages: int = 0


class Making(Protocol):
    """A generation in the making, which nobody sees."""

    parts: Path     # a folder of this machine, see qa/parts.py

    def last(self) -> tuple[Whole, Engine] | None:
        """The generation before this, opened; None where none is whole."""

    def share(self, unchanged: Unchanged, size: int) -> Shared:
        """What it shares with the generation before: some of the articles that look as they did, or all. `size` is that
        of all files of the folder, in bytes. Before `writer`, which does not write what is shared."""

    def writer(self, dimension: int, tokens: int) -> Writer:
        """Writes it, from nothing but what is shared. `tokens`: how many the model knows; 0 for one whose tokens are
        not kept."""

    def read_back(self) -> AbstractContextManager[Engine]:
        """What was written, opened. Raises IndexProblem, inside too, when it is not there."""

    def next_generation(self) -> int:
        """Its number: one more than any other's."""

    def files(self) -> dict[str, dict[str, Any]]:
        """What its manifest says of its files."""

    def switch(self, manifest: Manifest) -> None:
        """Makes it the current one in one step, and removes all others but the one before."""


class Place(Protocol):
    """Where the generations of one index lie."""

    key: str        # the same for all names of one place

    def pointer(self) -> bytes | None:
        """What changes with each switch; None where there is no current generation."""

    def whole(self) -> Whole:
        """The current generation when it is whole, else the newest other one that is, with a warning. Raises
        IndexMissing, IndexMismatch, IndexDamaged or IndexProblem."""

    def store(self, found: Whole) -> Engine:
        """Opens a generation. Raises IndexDamaged or IndexProblem."""

    def verify(self) -> list[str]:
        """What is damaged, in the current generation first. Raises IndexMissing, IndexMismatch or IndexProblem."""

    def building(self) -> AbstractContextManager[Making]:
        """Begins a generation; what is not switched to is removed at the end. Raises IndexBusy or IndexProblem."""

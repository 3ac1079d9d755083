"""A generation of several segments: a large one that earlier generations share, and small ones of what came since.

    articles.sqlite, vectors.faiss, ...     the first segment, as in a generation of one (qa/store.py)
    later/000012/articles.sqlite, ...       a segment that generation 12 wrote
    later/000012/numbers.npy                the numbers of its words, see `qa.joint.JointCuts`
    runs.npy                                which articles of which segment count, in the order of their files
    removed.npy                             (terms, 3): segment, term, and how many rows that do not count hold it

Rows and their order are those of an index that was built at once, whatever the segments.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from qa import merging
from qa.articles import Article, Found
from qa.cuts import Cut
from qa.encoder import Units, Vectors
from qa.engine import EVERYWHERE, Known, Rows, Scores, Sliced, Unchanged, Within
from qa.errors import IndexDamaged
from qa.joint import JointCuts, JointWords
from qa.passages import Passage
from qa.runs import Numbers, Runs
from qa.store import VECTORS, Store, Writer, writing
from qa.vectors import Search

LATER = "later"
RUNS = "runs.npy"
REMOVED = "removed.npy"
NUMBERS = "numbers.npy"

# What a disk says that knows no second name of a file, or no more of them.
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


def segment_of(name: str) -> str:
    """The folder of the segment that a generation's file belongs to, "" for the first."""
    return "/".join(name.split("/")[:2]) if name.startswith(f"{LATER}/") else ""


def by_segment(names: Iterable[str]) -> list[str]:
    """The names of a generation's files, those of the oldest segment first."""
    return sorted(names, key=lambda name: (segment_of(name), name))


def opened(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> Store | Segments:
    """A generation, by what its manifest says of its files. Raises IndexDamaged."""
    searches = {segment_of(name): Search(**files[name]["search"]) for name in by_segment(files)
                if name.rpartition("/")[2] == VECTORS}
    return Segments(folder, searches) if RUNS in files else Store(folder, searches[""])


class Segments:
    """A generation of several segments, opened for reading; see `qa.engine.Engine`. Usable from several threads.

    What it gives is what an index built at once gives, but for the last figures of the words' scores (see
    `qa.joint.JointWords`), and for a shortlist of vectors (see `qa.vectors.Search`), which holds fewer of them.
    """

    name = Store.name
    by_words = True

    def __init__(self, folder: Path, searches: Mapping[str, Search]) -> None:
        """`searches`: how the vectors of each segment are searched, by its folder, oldest first. Raises
        IndexDamaged."""
        try:
            self.runs = Runs.load(folder / RUNS)
            removed = np.load(folder / REMOVED).astype(np.int64)
            numbers = [np.load(folder / name / NUMBERS) if name else None for name in searches]
            self.parts = [Store(folder / name, search, self.runs.held(number))
                          for number, (name, search) in enumerate(searches.items())]
            self.firsts = np.cumsum([0, *(part.articles for part in self.parts)])  # of the articles of each
            self._rows = self.runs.bounded([part.bounds(np.arange(part.articles + 1)) for part in self.parts])
            if [len(own) for own in numbers if own is not None] != [part.lexical.vocabulary for part in self.parts[1:]]:
                raise ValueError("its files do not belong together")
            self.count = len(self._rows)
            self.lexical = JointWords([part.lexical for part in self.parts], self._rows, [
                removed[removed[:, 0] == number, 1:] for number in range(len(self.parts))])
            self.cuts = JointCuts([part.cuts for part in self.parts], self._rows, numbers)
        except (OSError, ValueError, IndexError) as error:
            raise IndexDamaged(f"The index in {folder} cannot be read ({error}). Build it anew with: qa rebuild --full"
                               ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        for part in self.parts:
            part.__exit__(kind, error, trace)

    def _each(self, rows: Rows) -> Iterable[tuple[Store, NDArray[np.int64], Rows]]:
        """The segments in which some of these rows lie: each with the rows' places and their numbers there."""
        segments, there = self._rows.places(np.asarray(rows, np.int64))
        for number in np.unique(segments).tolist():
            mine = np.flatnonzero(segments == number)
            yield self.parts[number], mine, there[mine]

    def _gathered(self, rows: Rows, of: Callable[[Store, Rows], Any], found: NDArray[Any]) -> NDArray[Any]:
        """What the segments say of these rows, put into `found`."""
        for part, places, there in self._each(rows):
            found[places] = of(part, there)
        return found

    # --- passages

    def passages(self, rows: Iterable[int]) -> list[Passage]:
        """See `Engine.passages`."""
        wanted = np.fromiter(rows, np.int64)
        found: dict[int, Passage] = {}
        for part, places, there in self._each(wanted):
            found.update(zip(places.tolist(), part.passages(there.tolist()), strict=True))
        return [found[place] for place in range(len(wanted))]

    def vectors(self, rows: Rows) -> Vectors:
        """See `Engine.vectors`."""
        return self._gathered(rows, Store.vectors, np.zeros((len(rows), self.parts[0].dimension), np.float32))

    def files_of(self, rows: Rows) -> list[str]:
        """See `Engine.files_of`."""
        return list(self._gathered(rows, Store.files_of, np.empty(len(rows), object)))

    def languages_of(self, rows: Rows) -> list[str]:
        """See `Engine.languages_of`."""
        return list(self._gathered(rows, Store.languages_of, np.empty(len(rows), object)))

    def undated_of(self, rows: Rows) -> NDArray[np.bool_]:
        """See `Engine.undated_of`."""
        return self._gathered(rows, Store.undated_of, np.zeros(len(rows), np.bool_))

    def undated(self, file: str | None) -> int:
        """See `Engine.undated`."""
        return sum(part.undated(file) for part in self.parts)

    def passages_in(self) -> dict[str, int]:
        """See `Engine.passages_in`."""
        return dict(sum((Counter(part.passages_in()) for part in self.parts), Counter()))

    # --- articles

    def article(self, file: str) -> Article | None:
        """See `Engine.article`."""
        return next((found for part in self.parts if (found := part.article(file)) is not None), None)

    def rows_of(self, file: str) -> Rows:
        """See `Engine.rows_of`."""
        for number, part in enumerate(self.parts):
            there = part.rows_of(file)
            if len(there):
                return self._rows.numbers(number, there)
        return np.zeros(0, np.int64)

    def known(self) -> dict[str, Known]:
        """See `Engine.known`; in the order of their names."""
        return {known.file: known for known in self.each()}

    def each(self) -> Iterator[Known]:
        """See `Engine.each`."""
        every = [part.each() for part in self.parts]
        for segment, size in zip(self.runs.segment.tolist(), self.runs.size.tolist(), strict=True):
            some = islice(every[segment], size)
            yield from (known._replace(number=known.number + int(self.firsts[segment])) for known in some
                        ) if segment else some

    def known_file(self, file: str) -> Known | None:
        """See `Engine.known_file`."""
        for part, first in zip(self.parts, self.firsts.tolist(), strict=False):
            known = part.known_file(file)
            if known is not None:
                return known._replace(number=known.number + first)
        return None

    def languages_of_files(self) -> dict[str, str]:
        """See `Engine.languages_of_files`."""
        every = {file: language for part in self.parts for file, language in part.languages_of_files().items()}
        return dict(sorted(every.items()))

    def languages(self) -> dict[str, int]:
        """See `Engine.languages`."""
        counts = sum((Counter(part.languages()) for part in self.parts), Counter())
        return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))

    def dated(self) -> int:
        """See `Engine.dated`."""
        return sum(part.dated() for part in self.parts)

    def span(self) -> tuple[str | None, str | None]:
        """See `Engine.span`."""
        ends = [own for part in self.parts if (own := part.ends()) is not None]
        if not ends:
            return None, None
        return (min((first for first, _ in ends), key=lambda one: one[:2])[2],
                max((last for _, last in ends), key=lambda one: (one[1], one[0]))[2])

    def titles(self, limit: int) -> list[tuple[str, str, str]]:
        """See `Engine.titles`."""
        shares = [max(1, limit * len(self.runs.held(number)) // max(1, len(self.runs)))
                  for number in range(len(self.parts))]
        return [title for part, share in zip(self.parts, shares, strict=True) for title in part.titles(share)][:limit]

    # --- finding

    def alike(self, one: Within, other: Within) -> bool:
        """See `Engine.alike`."""
        return all(part.alike(one, other) for part in self.parts)

    def nearest_by_words(self, words: Sequence[str], k: int, within: Within = EVERYWHERE) -> tuple[Rows, Scores]:
        """See `Engine.nearest_by_words`."""
        return self.lexical.search(words, k, [part.within(within) if within else None for part in self.parts],
                                   [part.removed for part in self.parts])

    def nearest(self, vector: Vectors, k: int, within: Within = EVERYWHERE) -> tuple[Rows, Vectors]:
        """See `Engine.nearest`."""
        found = [part.nearest(vector, k, within) for part in self.parts]
        rows = np.concatenate([self._rows.numbers(number, own) for number, (own, _) in enumerate(found)])
        scores = np.concatenate([own for _, own in found])
        best = np.lexsort((rows, -scores))[:k]
        return rows[best], scores[best]

    def nearest_to_each(self, vectors: Vectors, k: int, within: Within = EVERYWHERE) -> Rows:
        """See `Engine.nearest_to_each`."""
        found = [self.nearest(vector, k, within)[0] for vector in vectors]
        each = np.full((len(vectors), max(map(len, found), default=0)), -1, np.int64)
        for place, rows in enumerate(found):
            each[place, : len(rows)] = rows
        return each


class Share:
    """What a new generation shares with the one before."""

    def __init__(self, folder: Path, files: Mapping[str, dict[str, Any]], before: Store | Segments,
                 unchanged: Unchanged, size: int) -> None:
        """`folder` and `files` are those of the generation before; `size`: bytes of the whole folder."""
        self._folder = folder
        self._parts = [before] if isinstance(before, Store) else before.parts
        firsts = np.zeros(1, np.int64) if isinstance(before, Store) else before.firsts[:-1]
        segments = np.searchsorted(firsts, unchanged.numbers, "right") - 1
        numbers = unchanged.numbers - firsts[segments]
        sizes = [np.diff(part.bounds(np.arange(part.articles + 1))) for part in self._parts]
        living = [int(own[numbers[segments == place]].sum()) for place, own in enumerate(sizes)]
        fresh = (size - unchanged.size) * sum(living) // max(1, unchanged.size)
        self.count = merging.shared(living, [part.count - own for part, own in zip(self._parts, living, strict=True)],
                                    fresh)
        mine = segments < self.count
        self.living = sum(living[: self.count])  # passages
        self.files = [file for file, shared in zip(unchanged.files, mine.tolist(), strict=True) if shared]
        self._segments, self._numbers = segments[mine], numbers[mine]
        kept = list(dict.fromkeys(map(segment_of, by_segment(files))))[: self.count]
        self.names = {name: about for name, about in files.items()
                      if segment_of(name) in kept and name not in (RUNS, REMOVED)}
        self._parts = self._parts[: self.count]

    def complete(self, aside: Path, files: Sequence[str], vocabulary: Sequence[str], later: Path | None) -> None:
        """Brings what is shared into the folder of the new generation, and writes what it says of all segments. `files`
        are those of the new segment, which lies in the folder `later`, in their order, `vocabulary` its words. Raises
        OSError."""
        for name in self.names:
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            _link(self._folder / name, aside / name)
        places = np.searchsorted(np.array(self.files, object), np.array(files, object)) if files else np.zeros(0, int)
        runs = Runs.joined(np.insert(self._segments, places, self.count),
                           np.insert(self._numbers, places, np.arange(len(files))))
        runs.save(aside / RUNS)
        np.save(aside / REMOVED, np.concatenate([np.zeros((0, 3), np.int32), *(
            _removed(number, part, runs) for number, part in enumerate(self._parts))]))
        if later is not None:
            np.save(later / NUMBERS, self._words(vocabulary))

    def _words(self, vocabulary: Sequence[str]) -> Numbers:
        """The numbers of the new segment's words, see `qa.joint.JointCuts`."""
        known: dict[str, int] = {}
        first = 0
        for part in self._parts:
            missing = [word for word in vocabulary if word not in known]
            known.update((word, first + number) for word, number in part.lexical.words(missing).items())
            first += part.lexical.vocabulary
        return np.array([known.get(word, first + number) for number, word in enumerate(vocabulary)], np.int64)


def _link(source: Path, target: Path) -> None:
    """Gives a file a second name, or makes a copy where the disk knows no such thing."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)


def _removed(number: int, part: Store, runs: Runs) -> NDArray[np.int32]:
    """The terms of the rows of a segment that do not count, (terms, 3)."""
    stay = np.zeros(part.articles + 1, bool)
    stay[runs.held(number)] = True
    bounds = part.bounds(np.arange(part.articles + 1))
    documents = part.cuts.documents()
    texts = [documents[row] for article in np.flatnonzero(~stay[: part.articles])
             for row in range(bounds[article], bounds[article + 1])]
    if not any(map(len, texts)):
        return np.zeros((0, 3), np.int32)
    found = part.lexical.frequencies_among(np.concatenate(texts), np.repeat(
        np.arange(len(texts)), [len(text) for text in texts]))
    return np.insert(found, 0, number, axis=1).astype(np.int32)


class SegmentWriter:
    """Writes what a new generation does not share, as a segment of its own; see `qa.engine.Writer`."""

    def __init__(self, aside: Path, name: str, dimension: int, tokens: int, share: Share) -> None:
        """`name`: of the segment, greater than those before."""
        self.folder = aside / LATER / name
        self._aside = aside
        self._share = share
        self._files: list[str] = []
        with writing(aside):
            self.folder.mkdir(parents=True)
        self._writer = Writer(self.folder, dimension, tokens)

    @property
    def search(self) -> Search:
        """How its vectors are to be searched, known when all is written."""
        return self._writer.search

    @property
    def empty(self) -> bool:
        """Whether nothing was written."""
        return not self._files

    def add(self, found: Found, sha256: str, article: Article, passages: Sequence[Passage], vectors: Vectors,
            cut: Sequence[Cut] | tuple[Sliced, Rows], units: Units | None = None) -> None:
        """See `qa.engine.Writer.add`."""
        self._writer.add(found, sha256, article, passages, vectors, cut, units)
        self._files.append(found.file)

    def finish(self) -> None:
        """See `qa.engine.Writer.finish`."""
        vocabulary = self._writer.vocabulary
        if self.empty:
            self._writer.__exit__(None, None, None)
            with writing(self._aside):
                shutil.rmtree(self._aside / LATER)
                self._share.complete(self._aside, [], [], None)
        else:
            self._writer.finish()
            with writing(self._aside):
                self._share.complete(self._aside, self._files, vocabulary, self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with contextlib.suppress(OSError):
            self._writer.__exit__(kind, error, trace)

"""`rebuild`: a folder → a new generation, and a report of the counts."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from array import array
from collections import deque
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from qa import articles, encoder
from qa.articles import Found
from qa.background import background
from qa.embedding import Ready, embedded
from qa.encoder import Encoder, LightEncoder, Vectors
from qa.engine import Engine, Known, Place, Shared, Unchanged
from qa.errors import Unreadable
from qa.generations import Manifest, Whole
from qa.parts import Parts
from qa.places import place
from qa.reading import Job, Reader
from qa.recipe import PASSAGE_SIZE, Recipe
from qa.store import document

SHARDS = "shards"  # a folder among what an unfinished build had embedded, see qa/archive.py

_SETTLED = 50_000_000  # nanoseconds: a file touched so shortly before it was looked at may be changed again without a
# clock showing it, so that its text is compared next time
_KEPT_FROM = 1_000  # passages: what unrelated questions reach among them is not measured anew when most are shared
_AHEAD, _AHEAD_BYTES = 128, 16_000_000  # files that are read before their turn comes, at most


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild has come."""

    stage: str      # "reading" or "writing"
    done: int       # files
    total: int      # files
    file: str       # the file at hand; "" while writing


@dataclass(frozen=True, slots=True)
class UnreadableFile:
    file: str       # path below the articles folder
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What a rebuild did; the fields of `qa rebuild --json`."""

    generation: int
    articles: int
    passages: int
    embedded: int   # passages embedded in this build
    reused: int     # passages taken over from an earlier build; embedded + reused == passages
    removed: int    # articles of the generation before whose file is gone
    dated: int      # articles that give at least one date
    undated: int    # articles that give none; dated + undated == articles
    unreadable: tuple[UnreadableFile, ...]
    seconds: float
    model: str
    resumed: int    # of the reused: passages that a build which did not finish had embedded

    def to_dict(self) -> dict[str, object]:
        fields = asdict(self)
        fields["unreadable"] = [asdict(one) for one in self.unreadable]
        return fields


def rebuild(folder: str | os.PathLike[str] = "seeds", *, index: str | os.PathLike[str] = "index",
            model: str | None = None, full: bool = False, progress: Callable[[Progress], None] | None = None,
            encoder: Encoder | None = None, passage_size: int = PASSAGE_SIZE, on: str | None = None) -> Report:
    """Reads every article below `folder` and makes it the next generation of the index.

    Passages of unchanged files are taken over from the generation before, unless `full`, or the model or the
    reading rules have changed; where only these rules have, every file is read again, and passages whose text stays
    keep their vectors. When nothing has changed at all, the generation stays. `model` names any
    sentence-transformers model (None: the shipped one); `encoder` gives one already loaded instead. `passage_size`
    is in characters. The old generation answers until the new one is complete; an exception raised by `progress`
    cancels. What a build that was cancelled or killed has embedded, the next one does not embed again. `on` lets Ray
    read and embed: "local" on the cores of this machine, "ray://host:10001" on those of a cluster, whose machines
    see both folders under the same paths (see docs/scale.md).

    Raises UsageError (no such folder), ModelError, IndexBusy, IndexProblem (the disk is full or fails), ClusterError.
    Files that cannot be read are in the report.
    """
    if on is not None:
        from qa import cluster  # what only Ray needs takes a fiftieth of a second to import

        cluster.check(on)
    return _rebuild(Path(folder), place(index), model, full, progress or (lambda _: None), encoder, passage_size, on)


def _rebuild(folder: Path, where: Place, model: str | None, full: bool, progress: Callable[[Progress], None],
             chosen: Encoder | None, passage_size: int, on: str | None) -> Report:
    began = time.perf_counter()
    if not folder.is_dir():
        articles.scan(folder)  # says what is wrong with it, before anything is made
    chosen = chosen or encoder.load(model)
    recipe = Recipe(chosen.name, chosen.fingerprint, chosen.dimension, passage_size)
    with where.building() as making, contextlib.ExitStack() as closing:
        scanned = time.time_ns()
        # under the lock: what another builder has taken in meanwhile must not look deleted
        found, refused = articles.scan(folder)
        opened = making.last()
        last = _Before(opened[0], closing.enter_context(opened[1])) if opened else None
        before = last if last and last.whole.manifest.recipe == recipe and not full else None
        reread = last if last and not before and not full and (
            replace(last.whole.manifest.recipe, reading=recipe.reading) == recipe) else None
        known, unchanged, removed = _compared(found, last, takes_over=before is not None)
        shared = making.share(unchanged, sum(one.size for one in found)) if unchanged.files else Shared()
        left_out = set(shared.files)
        wanted = [one for one in found if one.file not in left_out]
        if before:
            known.update((one.file, old) for one in wanted if one.file not in known
                         and (old := before.store.known_file(one.file)))
        left = set(known)  # of these something is written anew, or they are gone
        parts = Parts(making.parts, recipe, 2 * sum(one.size for one in found))
        tokens = chosen.vocabulary if isinstance(chosen, LightEncoder) else 0
        writer = closing.enter_context(making.writer(recipe.dimension, tokens))
        stream = (embedded(_read(folder, wanted, len(found), refused, before, known, recipe, chosen, progress), chosen,
                           parts, reread.vectors if reread else None) if on is None else
                  _gathered(on, folder, wanted, len(found), refused, before, known, recipe, making.parts / SHARDS,
                            progress))
        closing.enter_context(contextlib.closing(stream))
        fresh = resumed = changed = dated = 0
        reused, total = shared.passages, len(shared.files)
        for ready, own, again in stream:
            settled = ready.found.touched < scanned - _SETTLED
            writer.add(ready.found if settled else ready.found._replace(touched=0), ready.sha256, ready.article,
                       ready.passages, ready.vectors if ready.vectors is not None else chosen.encode_passages([]),
                       ready.cut, ready.units)
            fresh += own
            resumed += again
            reused += len(ready.passages) - own
            changed += not ready.taken_over
            total += 1
            dated += ready.article.published is not None
            left.discard(ready.found.file)
        removed += len(left)
        unreadable = tuple(sorted(refused))
        if before and not before.whole.damaged and not changed and not removed and (
                unreadable == before.whole.manifest.unreadable
                and before.whole.manifest.folder == str(folder.resolve())):
            generation = before.number
            dated = before.store.dated()
        else:
            progress(Progress("writing", len(found), len(found), ""))
            writer.finish()
            generation = making.next_generation()
            with making.read_back() as written:
                if before and shared.passages >= _KEPT_FROM:
                    measured = before.whole.manifest.background
                else:
                    measured = background(written, chosen)
                dated = written.dated()
            manifest = Manifest(
                generation, recipe, datetime.now(UTC).isoformat(timespec="seconds"), str(folder.resolve()), total,
                fresh + reused, unreadable, measured, making.files())
            making.switch(manifest)
        parts.clear()
    return Report(generation, total, fresh + reused, fresh, reused, removed, dated, total - dated,
                  tuple(UnreadableFile(file, reason) for file, reason in unreadable),
                  round(time.perf_counter() - began, 3), recipe.model, resumed)


@dataclass(frozen=True, slots=True)
class _Before:
    """The generation before, undamaged."""

    whole: Whole
    store: Engine

    @property
    def number(self) -> int:
        return self.whole.manifest.generation

    def vectors(self, file: str) -> dict[str, Vectors]:
        """The vectors of a file's passages, (dimension,) each, by what was embedded of them."""
        rows = self.store.rows_of(file)
        return dict(zip(map(document, self.store.passages(rows.tolist())), self.store.vectors(rows), strict=True))

    def ready(self, found: Found, kept: Known) -> Ready:
        """An article as this generation holds it."""
        article = self.store.article(found.file)
        assert article is not None
        rows = self.store.rows_of(found.file)
        return Ready(found, kept.sha256, article, self.store.passages(rows.tolist()), self.store.vectors(rows),
                      (self.store.cuts, rows), None)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A file of the folder whose turn comes soon."""

    found: Found
    kept: Known | None  # what the generation before holds of it, if that still holds
    sha256: str         # of a file that is read
    job: Job | None     # None: it is kept, or cannot be read
    unreadable: str     # the reason, if known already


def _compared(found: list[Found], last: _Before | None, takes_over: bool) -> tuple[dict[str, Known], Unchanged, int]:
    """What the generation before holds of the folder's files: of those that look otherwise (of all, unless it
    `takes_over`), what is known; of the others how they are found there; and how many are not in the folder any
    more."""
    folder = {one.file: one for one in found}
    known: dict[str, Known] = {}
    files: list[str] = []
    numbers = array("q")
    size = gone = 0
    for old in last.store.each() if last else ():
        one = folder.get(old.file)
        if one is None:
            gone += 1
        elif takes_over and _same(old, one):
            files.append(one.file)
            numbers.append(old.number)
            size += old.size
        else:
            known[old.file] = old
    return known, Unchanged(files, np.array(numbers, np.int64), size), gone


def _read(folder: Path, wanted: list[Found], total: int, refused: list[tuple[str, str]], before: _Before | None,
          known: Mapping[str, Known], recipe: Recipe, chosen: Encoder, progress: Callable[[Progress], None]
          ) -> Generator[Ready, None, None]:
    """The articles that are wanted in their order, the next of them being read meanwhile; what cannot be read is added
    to `refused`. The folder has `total` of them: the others are done already. `known` is what is known of them if they
    may be taken over from `before`."""
    known = known if before else {}
    ahead: deque[_Begun] = deque()
    size = 0  # bytes of the files ahead
    following = iter(wanted)
    with Reader(sum(one.size for one in wanted if not _same(known.get(one.file), one)), chosen) as reader:
        for number, one in enumerate(wanted, total - len(wanted)):
            while (not ahead or (reader.several and len(ahead) < _AHEAD and size < _AHEAD_BYTES)) and (
                    next_one := next(following, None)):
                ahead.append(_begun(folder, next_one, known.get(next_one.file), reader, recipe))
                size += next_one.size
            progress(Progress("reading", number, total, one.file))
            size -= one.size
            try:
                yield _ready(ahead.popleft(), before, reader)
            except Unreadable as error:
                refused.append((one.file, str(error)))
    progress(Progress("reading", total, total, ""))


def _gathered(on: str, folder: Path, wanted: list[Found], total: int, refused: list[tuple[str, str]],
              before: _Before | None, known: Mapping[str, Known], recipe: Recipe, shards: Path,
              progress: Callable[[Progress], None]) -> Generator[tuple[Ready, int, int], None, None]:
    """The same as `embedded` of `_read`, read and embedded by Ray."""
    from qa.archive import gathered
    from qa.overseer import on_ray

    known = known if before else {}
    fresh = [one for one in wanted if not _same(known.get(one.file), one)]
    with contextlib.closing(gathered(on_ray(on), folder, fresh, {file: one.sha256 for file, one in known.items()},
                                     recipe, shards)) as made:
        for number, one in enumerate(wanted, total - len(wanted)):
            progress(Progress("reading", number, total, one.file))
            old = known.get(one.file)
            ready, resumed = (None, False) if _same(old, one) else next(made)
            if isinstance(ready, Unreadable):
                refused.append((one.file, str(ready)))
            elif ready is None:
                assert before is not None
                assert old is not None
                yield before.ready(one, old), 0, 0
            else:
                count = len(ready.passages)
                yield replace(ready, found=one), 0 if resumed else count, count if resumed else 0
    progress(Progress("reading", total, total, ""))


def _same(old: Known | None, one: Found) -> bool:
    """Whether a file looks as it did when it was read."""
    return old is not None and old[2:5] == one[1:]  # size, modified, touched


def _begun(folder: Path, one: Found, old: Known | None, reader: Reader, recipe: Recipe) -> _Begun:
    if _same(old, one):
        return _Begun(one, old, "", None, "")
    try:
        data = articles.read_bytes(folder, one.file)
    except Unreadable as error:
        return _Begun(one, None, "", None, str(error))
    sha256 = hashlib.sha256(data).hexdigest()
    if old is not None and sha256 == old.sha256:
        return _Begun(one, old, "", None, "")
    return _Begun(one, None, sha256, reader.begin(one.file, data, recipe.passage_size), "")


def _ready(begun: _Begun, before: _Before | None, reader: Reader) -> Ready:
    """Raises Unreadable with the reason."""
    if begun.kept is not None and before is not None:
        return before.ready(begun.found, begun.kept)
    if begun.job is None:
        raise Unreadable(begun.unreadable)
    reading = reader.end(begun.job)
    return Ready(begun.found, begun.sha256, reading.article, reading.passages, reading.vectors, reading.cuts,
                 reading.units)

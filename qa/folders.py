"""`Folder`: the generations of an index in files below one folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa import beside, generations, switching
from qa.engine import Engine, Shared, Unchanged, Writer
from qa.errors import IndexDamaged, IndexProblem, UsageError
from qa.generations import Manifest, Whole
from qa.segments import Segments, SegmentWriter, Share, opened
from qa.store import VECTORS, Store, writing
from qa.store import Writer as FileWriter


class Folder:
    """The folder of an index."""

    def __init__(self, index: str | os.PathLike[str]) -> None:
        self._where = Path(index)
        self.key = str(self._where.resolve())

    def pointer(self) -> bytes | None:
        """See `Place.pointer`."""
        return generations.current(self._where)

    def whole(self) -> Whole:
        """See `Place.whole`."""
        return generations.whole(self._where)

    def store(self, found: Whole) -> Engine:
        """See `Place.store`."""
        return _store(found)

    def verify(self) -> list[str]:
        """See `Place.verify`."""
        return generations.verify(self._where)

    @contextlib.contextmanager
    def building(self) -> Iterator[_Making]:
        """See `Place.building`."""
        if self._where.exists() and not self._where.is_dir():
            raise UsageError(f"{self._where} is a file, not a folder for an index. Choose another with --index")
        with switching.building(self._where) as aside:
            # both while the folder of articles is listed
            generations.begin(self._where)
            if self.pointer() is not None:
                beside.begin()
            try:
                yield _Making(self._where, aside)
            finally:
                generations.forget(self._where)
                beside.forget()


def _store(found: Whole) -> Store | Segments:
    return opened(found.folder, found.manifest.files)


class _Making:
    """See `Making`."""

    def __init__(self, where: Path, aside: Path) -> None:
        self.parts = where / generations.PARTS
        self._where = where
        self._aside = aside
        self._before: int | None = None
        self._last: tuple[Whole, Store | Segments] | None = None
        self._share: Share | None = None
        self._writer: FileWriter | SegmentWriter | None = None

    def last(self) -> tuple[Whole, Engine] | None:
        try:
            found = generations.whole(self._where)
            store = _store(found)
        except IndexProblem:
            return None  # a build from nothing mends whatever is wrong with it
        self._before = found.manifest.generation
        if not found.damaged:  # a killed build may have completed a generation and not switched to it
            switching.finish_switch(self._where, found)
            switching.keep_only(self._where, (self._before, switching.generation_before(self._where, self._before)))
        self._last = found, store
        return found, store

    def share(self, unchanged: Unchanged, size: int) -> Shared:
        assert self._last is not None
        found, store = self._last
        share = Share(found.folder, found.manifest.files, store, unchanged, size)
        self._share = share if share.count else None
        return Shared(share.files, share.living)

    def writer(self, dimension: int, tokens: int) -> Writer:
        if self._share is None:
            self._writer = FileWriter(self._aside, dimension, tokens)
        else:
            self._writer = SegmentWriter(self._aside, f"{self.next_generation():012}", dimension, tokens, self._share)
        return self._writer

    @contextlib.contextmanager
    def read_back(self) -> Iterator[Engine]:
        """A disk may have lost what was written without a word."""
        with writing(self._aside):
            try:
                with opened(self._aside, self._about({path.relative_to(self._aside).as_posix(): {}
                                                      for path in self._aside.rglob("*")})) as store:
                    yield store
            except IndexDamaged as error:
                raise OSError(str(error.__cause__ or error)) from error

    def next_generation(self) -> int:
        return switching.next_generation(self._where)

    def files(self) -> dict[str, dict[str, Any]]:
        return self._about(switching.checksums(self._aside, self._share.names if self._share else ()))

    def _about(self, files: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """These files with how the vectors among them are searched, and what is known of those that are shared."""
        writer = self._writer
        assert writer is not None
        if isinstance(writer, SegmentWriter):
            if not writer.empty:
                files[f"{writer.folder.relative_to(self._aside).as_posix()}/{VECTORS}"]["search"] = (
                    writer.search.to_dict())
            files.update(self._share.names if self._share else {})
        else:
            files[VECTORS]["search"] = writer.search.to_dict()
        return dict(sorted(files.items()))

    def switch(self, manifest: Manifest) -> None:
        switching.switch(self._where, self._aside, manifest)
        switching.keep_only(self._where, (manifest.generation, self._before))

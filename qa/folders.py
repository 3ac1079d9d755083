"""`Folder`: the generations of an index in files below one folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa import generations, switching
from qa.engine import Engine, Writer
from qa.errors import IndexDamaged, IndexProblem, UsageError
from qa.generations import Manifest, Whole
from qa.store import VECTORS, Store, writing
from qa.store import Writer as FileWriter
from qa.vectors import EXACT, Search


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
            yield _Making(self._where, aside)


def _store(found: Whole) -> Store:
    return Store(found.folder, Search(**found.manifest.files[VECTORS]["search"]))


class _Making:
    """See `Making`."""

    def __init__(self, where: Path, aside: Path) -> None:
        self.parts = where / generations.PARTS
        self._where = where
        self._aside = aside
        self._before: int | None = None
        self._writer: FileWriter | None = None

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
        return found, store

    def writer(self, dimension: int, tokens: int) -> Writer:
        self._writer = FileWriter(self._aside, dimension, tokens)
        return self._writer

    @contextlib.contextmanager
    def read_back(self) -> Iterator[Engine]:
        """A disk may have lost what was written without a word."""
        with writing(self._aside):
            try:
                with Store(self._aside, self._search()) as store:
                    yield store
            except IndexDamaged as error:
                raise OSError(str(error.__cause__ or error)) from error

    def next_generation(self) -> int:
        return switching.next_generation(self._where)

    def files(self) -> dict[str, dict[str, Any]]:
        files = switching.checksums(self._aside)
        files[VECTORS]["search"] = self._search().to_dict()
        return files

    def _search(self) -> Search:
        return self._writer.search if self._writer else EXACT

    def switch(self, manifest: Manifest) -> None:
        switching.switch(self._where, self._aside, manifest)
        switching.keep_only(self._where, (manifest.generation, self._before))

"""The generations of an index in Milvus: finding one that is whole, making one, and switching to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qa import switching
from qa.addresses import Address
from qa.engine import Engine, Shared, Unchanged, Writer
from qa.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, IndexProblem
from qa.generations import PARTS, Manifest, Whole, manifest_of
from qa.milvus import PASSAGES, RECORDS, STRONG, Milvus
from qa.milvus_records import ARTICLE, MANIFEST, of_kind, packed, unpacked
from qa.milvus_store import MilvusStore
from qa.milvus_writer import MilvusWriter

_ABANDONED = 7 * 86_400  # seconds after which a build on another machine, of which nothing else is known, is given up

_connections: dict[str, Milvus] = {}  # by uri: a file of Milvus Lite is opened once by a process
_connecting = threading.Lock()


def connection(address: Address, *, make: bool = False) -> Milvus:
    """The process' connection to an address. Raises IndexMissing or IndexProblem."""
    with _connecting:
        known = _connections.get(address.uri)
        if known is not None and address.lite and not os.path.exists(address.uri):
            _connections.pop(address.uri).close()
            known = None
        if known is None:
            known = _connections[address.uri] = Milvus(address, make=make)
        return known.named(address)


def disconnect() -> None:
    """Lets go of all connections, and so of files of Milvus Lite, which another process may then open."""
    with _connecting:
        while _connections:
            _connections.popitem()[1].close()


class MilvusPlace:
    """An index in Milvus. On a server an alias stands for its current generation; Milvus Lite has no aliases, and the
    newest generation that is complete is the current one there."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.key = f"{address.uri}/{address.name}"

    def pointer(self) -> bytes | None:
        """See `Place.pointer`."""
        token = _current(connection(self._address))
        return token.encode() if token else None

    def whole(self) -> Whole:
        """See `Place.whole`."""
        milvus = connection(self._address)
        problems: list[str] = []
        for token, manifest, damaged in _inspected(milvus):
            if manifest and not damaged:
                warning = None if not problems else (
                    f"The index in {self._address.text} is damaged ({problems[0]}); generation {manifest.generation},"
                    f" built {manifest.built}, answers. Mend the index with: qa rebuild")
                return Whole(Path(token), manifest, tuple(problems), warning)
            problems.extend(damaged)
        raise IndexDamaged(f"The index is damaged: {problems[0]}. Build it anew with: qa rebuild --full",
                           tuple(problems))

    def store(self, found: Whole) -> Engine:
        """See `Place.store`."""
        return MilvusStore(connection(self._address), found.folder.name)

    def verify(self) -> list[str]:
        """See `Place.verify`."""
        return [line for *_, lines in _inspected(connection(self._address)) for line in lines]

    @contextlib.contextmanager
    def building(self) -> Iterator[_Making]:
        """See `Place.building`. Builds of one machine wait for their lock; those of different machines write
        different collections, and the one that ends last is current."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "qa")
        local = cache / hashlib.sha256(self.key.encode()).hexdigest()[:16]
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(switching.building(local))
            except IndexBusy as error:
                raise IndexBusy(str(error).replace(str(local), self._address.text)) from error
            milvus = connection(self._address, make=True)
            _clear(milvus)
            making = _Making(milvus, f"{time.time_ns():016x}", local / PARTS)
            try:
                yield making
            finally:
                if not making.switched:
                    with contextlib.suppress(IndexProblem):  # the next build removes it
                        milvus.drop(making.token)


class _Making:
    """See `Making`."""

    def __init__(self, milvus: Milvus, token: str, parts: Path) -> None:
        self.parts = parts
        self.token = token
        self.switched = False
        self._milvus = milvus
        self._before: str | None = None

    def last(self) -> tuple[Whole, Engine] | None:
        place = MilvusPlace(self._milvus.address)
        try:
            found = place.whole()
            store = place.store(found)
        except (IndexMissing, IndexMismatch, IndexDamaged):
            return None  # a build from nothing mends whatever is wrong with it
        self._before = found.folder.name
        if not found.damaged and not self._milvus.address.lite and self._milvus.current() is None:
            self._milvus.switch(self._before)  # a build was stopped just before it did
        return found, store

    def share(self, unchanged: Unchanged, size: int) -> Shared:
        return Shared()  # collections are not shared

    def writer(self, dimension: int, tokens: int) -> Writer:
        return MilvusWriter(self._milvus, self.token, dimension)

    @contextlib.contextmanager
    def read_back(self) -> Iterator[Engine]:
        with MilvusStore(self._milvus, self.token) as store:
            yield store

    def next_generation(self) -> int:
        return max((manifest.generation for _, manifest, _ in _manifests(self._milvus) if manifest), default=0) + 1

    def files(self) -> dict[str, dict[str, Any]]:
        return {}

    def switch(self, manifest: Manifest) -> None:
        sealed, _ = manifest.sealed()
        records = self._milvus.collection(self.token, RECORDS)
        self._milvus.write(records, packed(MANIFEST, 0, sealed.decode("utf-8")))
        self._milvus.flush(records)
        if not self._milvus.address.lite:
            self._milvus.switch(self.token)
        self.switched = True
        for token in self._milvus.tokens():
            with contextlib.suppress(IndexProblem):  # it lies there one build longer
                if token not in (self.token, self._before) and (
                        _was_finished(self._milvus, token) or _unfinished(self._milvus, token)):
                    self._milvus.drop(token)


def _current(milvus: Milvus) -> str | None:
    """The token of the current generation; None where there is none."""
    token = None if milvus.address.lite else milvus.current()
    if token is None:
        tokens = milvus.tokens()
        known = milvus.complete  # what is complete stays so, and every question asks
        for one in [one for one in tokens if one not in known]:
            with contextlib.suppress(IndexMismatch, IndexDamaged):
                manifest = _manifest(milvus, one)
                if manifest:
                    known[one] = manifest.generation
        token = max((one for one in tokens if one in known), key=lambda one: (known[one], one), default=None)
    return token


def _was_finished(milvus: Milvus, token: str) -> bool:
    """Whether a generation was finished once, whatever has become of it."""
    try:
        return _manifest(milvus, token) is not None
    except (IndexDamaged, IndexMismatch):
        return True


def _unfinished(milvus: Milvus, token: str) -> bool:
    """Whether a generation has no manifest and nobody writes it any more. Raises IndexProblem when that cannot be told:
    what may be complete is not removed."""
    try:
        complete = token == (None if milvus.address.lite else milvus.current()) or _manifest(milvus, token) is not None
    except (IndexDamaged, IndexMismatch):
        return False
    return not complete and _left(milvus, token)


def _manifests(milvus: Milvus) -> Iterator[tuple[str, Manifest | None, list[str]]]:
    """(token, manifest, what is wrong with it) of each generation that was finished, the newest first."""
    for token in reversed(milvus.tokens()):
        with contextlib.suppress(IndexMismatch):
            try:
                manifest = _manifest(milvus, token)
            except IndexDamaged as error:
                yield token, None, [str(error)]
            else:
                if manifest:
                    yield token, manifest, []


def _manifest(milvus: Milvus, token: str) -> Manifest | None:
    """None of a generation that was not finished. Raises IndexMismatch or IndexDamaged."""
    name = milvus.collection(token, RECORDS)
    try:
        sealed = unpacked(milvus, token, MANIFEST, 0, STRONG)
    except IndexDamaged:
        raise
    except IndexProblem:
        if milvus.has(name) and not milvus.never_loaded(name):
            raise  # a server that is still starting must not look empty
        return None  # it was removed meanwhile, or has hardly been begun
    return None if sealed is None else manifest_of(sealed.encode("utf-8"), name, milvus.address.text)[0]


def _inspected(milvus: Milvus) -> Iterator[tuple[str, Manifest | None, list[str]]]:
    """(token, manifest, what is damaged) of each generation, the current one first and then the newest."""
    current = _current(milvus)
    tokens = [token for token in reversed(milvus.tokens()) if token != current]
    nothing = True
    for token in [*([current] if current else []), *tokens]:
        try:
            manifest = _manifest(milvus, token)
            if manifest is None and token != current:
                continue
            nothing = False
            if manifest is None:
                yield token, None, [f"{milvus.collection(token, RECORDS)}: the manifest is missing"]
            else:
                yield token, manifest, _damage(milvus, token, manifest)
        except IndexDamaged as error:
            nothing = False
            yield token, None, [str(error)]
        except IndexMismatch:
            if token == (current or tokens[0]):
                raise
    if nothing:
        raise IndexMissing(f"There is no index in {milvus.address.text}. Build it with: qa rebuild FOLDER --index"
                           f" {milvus.address.text}")


def _damage(milvus: Milvus, token: str, manifest: Manifest) -> list[str]:
    """Whether as much is there as was written; Milvus itself watches over what it stores."""
    damaged: list[str] = []
    for kind, condition, expected in ((PASSAGES, "", manifest.passages),
                                      (RECORDS, of_kind(ARTICLE), manifest.articles)):
        name = milvus.collection(token, kind)
        held = milvus.count(name, condition, STRONG) if milvus.has(name) else 0
        if held != expected:
            damaged.append(f"{name}: holds {held} of {expected}")
    return damaged


def _clear(milvus: Milvus) -> None:
    """Removes what builds left that did not finish."""
    for token in milvus.tokens():
        if _unfinished(milvus, token):
            milvus.drop(token)


def _left(milvus: Milvus, token: str) -> bool:
    """Whether nobody writes an unfinished generation any more: its process is gone, or on another machine and old."""
    if milvus.address.lite:
        return True  # no other process can have it open
    try:
        owner = json.loads(milvus.description(token))
        if owner["host"] != socket.gethostname():
            return bool(time.time() - owner["since"] > _ABANDONED)
        os.kill(owner["process"], 0)
    except (ProcessLookupError, ValueError, KeyError, TypeError):
        return True
    except PermissionError:
        return False
    return int(owner["process"]) == os.getpid()

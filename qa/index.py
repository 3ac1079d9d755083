"""Generations on disk: write aside, switch, open, verify."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.background import Background
from qa.closeness import Meter
from qa.encoder import Encoder, load
from qa.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, ModelError
from qa.recipe import FORMAT, Recipe
from qa.store import MANIFEST, Store, writing

# Every file beside the generations is named here and nowhere else.
CURRENT = "CURRENT"  # {"generation": number, "manifest": SHA-256 of its manifest}
GENERATIONS = "generations"
LOCK = "lock"
_BUILDING = "building"  # in GENERATIONS: a generation not yet complete

_KEPT = 2  # generations: the current one, and the one before it for readers that still have it open


@dataclass(frozen=True, slots=True)
class Manifest:
    """How one generation was made, and what belongs to it."""

    generation: int
    recipe: Recipe
    built: str              # ISO 8601, UTC
    folder: str             # absolute path of the articles folder
    articles: int
    passages: int
    unreadable: tuple[tuple[str, str], ...]  # (file, reason)
    background: Background  # see qa/background.py
    files: dict[str, dict[str, Any]]    # {name: {"size": bytes, "sha256": hex}}

    def to_json(self) -> str:
        return json.dumps({
            "format": self.recipe.format, "generation": self.generation, "recipe": self.recipe.to_dict(),
            "built": self.built, "folder": self.folder, "articles": self.articles, "passages": self.passages,
            "unreadable": [list(pair) for pair in self.unreadable], "background": self.background,
            "files": self.files}, ensure_ascii=False, indent=1)


def _manifest(text: str, where: Path) -> Manifest:
    try:
        fields = json.loads(text)
        if fields["format"] != FORMAT:
            raise IndexMismatch(f"The index in {where} was made by another version of qa (format"
                                f" {fields['format']}, this one reads {FORMAT}). Build it anew with: qa rebuild --full")
        return Manifest(int(fields["generation"]), Recipe(**fields["recipe"]), fields["built"], fields["folder"],
                        int(fields["articles"]), int(fields["passages"]),
                        tuple((file, reason) for file, reason in fields["unreadable"]), fields["background"],
                        fields["files"])
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"The manifest of the index in {where} is damaged. Build it anew with: qa rebuild --full"
                           ) from error


def generation_folder(index: str | os.PathLike[str], generation: int) -> Path:
    """Where the files of one generation lie."""
    return Path(index) / GENERATIONS / f"{generation:06d}"


# --- reading ------------------------------------------------------------------------------------------------


def _current(index: Path) -> tuple[int, str]:
    """The number of the current generation and its manifest's checksum."""
    try:
        text = (index / CURRENT).read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise IndexMissing(f"There is no index in {index}. Build it with: qa rebuild FOLDER"
                           + (f" --index {index}" if str(index) != "index" else "")) from error
    except (OSError, UnicodeDecodeError) as error:
        raise IndexDamaged(f"{index / CURRENT} cannot be read ({error}). Build the index anew with: qa rebuild --full"
                           ) from error
    try:
        fields = json.loads(text)
        return int(fields["generation"]), str(fields["manifest"])
    except (ValueError, KeyError, TypeError) as error:
        raise IndexDamaged(f"{index / CURRENT} is damaged. Build the index anew with: qa rebuild --full") from error


def read_manifest(index: str | os.PathLike[str]) -> Manifest:
    """The manifest of the current generation, verified. Raises IndexMissing, IndexDamaged or IndexMismatch."""
    generation, checksum = _current(Path(index))
    folder = generation_folder(Path(index), generation)
    try:
        data = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{folder / MANIFEST} cannot be read ({error.strerror})."
                           " Build the index anew with: qa rebuild --full") from error
    if hashlib.sha256(data).hexdigest() != checksum:
        raise IndexDamaged(f"{folder / MANIFEST} was changed since it was written."
                           " Build the index anew with: qa rebuild --full")
    return _manifest(data.decode("utf-8"), Path(index))


def verify(index: str | os.PathLike[str]) -> list[str]:
    """The files of the current generation that are gone, cut short or changed; empty when all is well.

    Raises IndexMissing, IndexDamaged or IndexMismatch when there is not even a manifest to compare with.
    """
    manifest = read_manifest(index)
    return _damage(generation_folder(Path(index), manifest.generation), manifest)


def _damage(folder: Path, manifest: Manifest) -> list[str]:
    damaged: list[str] = []
    for name, expected in sorted(manifest.files.items()):
        try:
            if (folder / name).stat().st_size != expected["size"] or _sha256(folder / name) != expected["sha256"]:
                damaged.append(f"{folder / name}: changed since it was written")
        except OSError as error:
            damaged.append(f"{folder / name}: {error.strerror}")
    return damaged


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Index:
    """One complete generation, opened: every answer comes from one of these."""

    where: Path
    manifest: Manifest
    store: Store
    encoder: Encoder
    meter: Meter


_opened: dict[str, tuple[tuple[int, str], Index]] = {}
_encoders: dict[str, Encoder] = {}
_opening = threading.Lock()


def open_index(index: str | os.PathLike[str], encoder: Encoder | None = None) -> Index:
    """Opens the current generation; a second call gives the same one until a rebuild has switched to another.

    Every file is checked against its checksum before it is used. `encoder` replaces the one the index names
    (it must have the same fingerprint). Raises IndexMissing, IndexDamaged, IndexMismatch or ModelError.
    """
    where = Path(index)
    current = _current(where)
    key = str(where.resolve())
    with _opening:
        known = _opened.get(key)
        if known and known[0] == current and encoder in (None, known[1].encoder):
            return known[1]
        opened = _open(where, encoder)
        _opened[key] = ((opened.manifest.generation, current[1]), opened)
        return opened


def _open(where: Path, encoder: Encoder | None) -> Index:
    for attempt in (1, 2, 3):
        manifest = read_manifest(where)
        folder = generation_folder(where, manifest.generation)
        damaged = _damage(folder, manifest)
        if not damaged:
            break
        if attempt == 3 or _current(where)[0] == manifest.generation:  # else: a rebuild went past us meanwhile
            raise IndexDamaged(f"The index is damaged: {damaged[0]}. Build it anew with: qa rebuild --full")
    recipe = manifest.recipe
    if encoder is None:
        encoder = _encoders.get(recipe.fingerprint)
    if encoder is None:
        try:
            encoder = load(recipe.model)
        except ModelError as error:
            raise ModelError(f"The index in {where} was made with the model {recipe.model!r}. {error}") from error
        _encoders[encoder.fingerprint] = encoder
    if encoder.fingerprint != recipe.fingerprint or encoder.dimension != recipe.dimension:
        raise IndexMismatch(f"The index in {where} was made with another version of the model {recipe.model!r}."
                            " Its vectors cannot be compared with this one's. Build it anew with: qa rebuild")
    store = Store(folder)
    return Index(where, manifest, store, encoder, Meter(store, encoder))


# --- writing ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def building(index: str | os.PathLike[str]) -> Iterator[Path]:
    """Holds the index's lock and gives an empty folder to write a generation into.

    Raises IndexBusy while another process builds. What a killed build left behind is removed. The lock is the
    operating system's: it ends with its owner, however that ends.
    """
    where = Path(index)
    try:
        (where / GENERATIONS).mkdir(parents=True, exist_ok=True)
        lock = (where / LOCK).open("a+", encoding="utf-8")
    except OSError as error:
        raise IndexMissing(f"The index cannot be written to {where} ({error.strerror})."
                           " Choose another folder with --index") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            owner = lock.read().strip() or "another process"
            raise IndexBusy(f"The index in {where} is being built by {owner}. Wait until it has finished, or stop it"
                            ) from error
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {socket.gethostname()}\n")
        lock.flush()
        aside = where / GENERATIONS / _BUILDING
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        try:
            yield aside
        finally:
            shutil.rmtree(aside, ignore_errors=True)
            lock.truncate(0)


def next_generation(index: str | os.PathLike[str]) -> int:
    """One more than any generation on disk, whether or not it is the current one."""
    numbers = [int(path.name) for path in (Path(index) / GENERATIONS).iterdir() if path.name.isdigit()]
    return max(numbers, default=0) + 1


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """{name: size in bytes and SHA-256} of every file below `folder`."""
    return {path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)}
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST}


def switch(index: str | os.PathLike[str], aside: Path, manifest: Manifest) -> None:
    """Makes the complete generation in `aside` the current one, in one step, and removes the oldest ones."""
    with writing(aside):
        _switch(Path(index), aside, manifest)


def _switch(where: Path, aside: Path, manifest: Manifest) -> None:
    data = manifest.to_json().encode("utf-8")
    (aside / MANIFEST).write_bytes(data)
    for path in sorted(aside.rglob("*")):
        _fsync(path)
    _fsync(aside)
    target = generation_folder(where, manifest.generation)
    aside.rename(target)
    _fsync(target.parent)
    current = json.dumps({"generation": manifest.generation, "manifest": hashlib.sha256(data).hexdigest()})
    temporary = where / f"{CURRENT}.new"
    temporary.write_text(current + "\n", "utf-8")
    _fsync(temporary)
    temporary.replace(where / CURRENT)
    _fsync(where)
    numbered = sorted((path for path in target.parent.iterdir() if path.name.isdigit()), reverse=True)
    for path in numbered[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

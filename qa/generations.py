"""Generations on disk: written aside, switched to at once, checked before use, one builder at a time.

    index/CURRENT                       the number of the current generation and its manifest's checksum
    index/lock                          who is building; the lock itself is the operating system's
    index/generations/000012/           one complete build, never written again: manifest.json and what it lists
    index/generations/building/         a build not yet complete
    index/parts/                        what a build that did not finish had embedded, see qa/parts.py

A reader sees one complete build: the current one, or, when a file of that is damaged, the newest other one that is
whole. A manifest carries its own checksum and those of all files beside it, so a generation needs nothing else to be
found whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qa.background import Background
from qa.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing, IndexProblem
from qa.recipe import FORMAT, Recipe
from qa.store import MANIFEST, writing

# Every file beside the generations is named here and nowhere else.
CURRENT = "CURRENT"  # {"generation": number, "manifest": its checksum, "sha256": of these two}
GENERATIONS = "generations"
PARTS = "parts"
LOCK = "lock"
_BUILDING = "building"  # in GENERATIONS: a generation not yet complete
_LEAVING = "leaving"    # in GENERATIONS: a generation that is being removed

_FIRST_LINE = re.compile(rb'\{"sha256": "([0-9a-f]{64})",\n')  # of a manifest: the checksum of all that follows it


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

    def sealed(self) -> tuple[bytes, str]:
        """JSON whose first line is the checksum of the others, and that checksum."""
        body = json.dumps({
            "format": self.recipe.format, "generation": self.generation, "recipe": self.recipe.to_dict(),
            "built": self.built, "folder": self.folder, "articles": self.articles, "passages": self.passages,
            "unreadable": [list(pair) for pair in self.unreadable], "background": self.background,
            "files": self.files}, ensure_ascii=False, indent=1).removeprefix("{\n").encode("utf-8") + b"\n"
        checksum = hashlib.sha256(body).hexdigest()
        return f'{{"sha256": "{checksum}",\n'.encode() + body, checksum


@dataclass(frozen=True, slots=True)
class Whole:
    """A generation found whole."""

    folder: Path
    manifest: Manifest
    damaged: tuple[str, ...]  # what was found instead of whole files on the way to this generation; mostly nothing
    warning: str | None       # the same in one line with its remedy


# --- reading ------------------------------------------------------------------------------------------------


def generation_folder(index: str | os.PathLike[str], generation: int) -> Path:
    """Where the files of one generation lie."""
    return Path(index) / GENERATIONS / f"{generation:06d}"


def current(index: str | os.PathLike[str]) -> bytes | None:
    """What CURRENT holds, which is something else after each switch; None when it cannot be read."""
    try:
        return (Path(index) / CURRENT).read_bytes()
    except OSError:
        return None


def _pointed_to(data: bytes) -> tuple[int, str]:
    """Raises ValueError, KeyError or TypeError for what `switch` has not written."""
    fields = json.loads(data)
    generation, checksum = int(fields["generation"]), str(fields["manifest"])
    if data != pointer(generation, checksum):
        raise ValueError("not as it was written")
    return generation, checksum


def pointer(generation: int, checksum: str) -> bytes:
    """What CURRENT holds for a generation."""
    own = hashlib.sha256(f"{generation} {checksum}".encode()).hexdigest()
    return (json.dumps({"generation": generation, "manifest": checksum, "sha256": own}) + "\n").encode()


def _numbers(where: Path) -> list[int]:
    """The generations on disk, newest first."""
    try:
        names = os.listdir(where / GENERATIONS)
    except OSError:
        return []
    return sorted((int(name) for name in names if re.fullmatch(r"[0-9]{6,12}", name)), reverse=True)


def _read(folder: Path, where: Path) -> tuple[Manifest, str]:
    """The manifest of one generation and its checksum. Raises IndexMismatch, or IndexDamaged with no more than what
    is wrong."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{path}: {error.strerror}") from error
    first = _FIRST_LINE.match(data)
    checksum = hashlib.sha256(data[first.end() :]).hexdigest() if first else ""
    sound = first is not None and checksum == first.group(1).decode("ascii")
    try:
        fields = json.loads(data)
        # asked before anything else, because another version may keep its checksum elsewhere
        if (sound or first is None) and fields["format"] != FORMAT:
            raise IndexMismatch(f"The index in {where} was made by another version of qa (format"
                                f" {fields['format']}, this one reads {FORMAT}). Build it anew with: qa rebuild --full")
        if not sound:
            raise ValueError("not as it was written")
        return Manifest(int(fields["generation"]), Recipe(**fields["recipe"]), fields["built"], fields["folder"],
                        int(fields["articles"]), int(fields["passages"]),
                        tuple((file, reason) for file, reason in fields["unreadable"]), fields["background"],
                        fields["files"]), checksum
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"{path}: changed since it was written") from error


def whole(index: str | os.PathLike[str]) -> Whole:
    """The current generation when each of its files is as it was written, else the newest other one of which that
    is true, with a warning. Every file is compared with its checksum.

    Raises IndexMissing, IndexMismatch (of the current generation: one before it is then no substitute), or
    IndexDamaged when no generation is whole.
    """
    where = Path(index)
    while True:
        before = current(where)
        try:
            found = _whole(where, before)
            if not found.damaged or current(where) == before:
                return found
        except IndexProblem:
            if current(where) == before:
                raise
        # else: a rebuild has switched meanwhile, and what looked damaged may have been removed by right


def _whole(where: Path, pointer: bytes | None) -> Whole:
    problems: list[str] = []
    for folder, manifest, damaged in _inspected(where, pointer):
        if folder and manifest and not damaged:
            return Whole(folder, manifest, tuple(problems), _warning(where, manifest, problems))
        problems.extend(damaged)
    raise IndexDamaged(f"The index is damaged: {problems[0]}. Build it anew with: qa rebuild --full", tuple(problems))


def verify(index: str | os.PathLike[str]) -> list[str]:
    """The files of the index that are gone, cut short or changed, the current generation's first; empty when all
    is well. A generation before the current one that is of another format is not looked into.

    Raises IndexMissing, or IndexMismatch of the current generation.
    """
    where = Path(index)
    while True:
        before = current(where)
        damaged = [line for *_, lines in _inspected(where, before) for line in lines]
        if not damaged or current(where) == before:
            return damaged


def _inspected(where: Path, pointer: bytes | None) -> Iterator[tuple[Path | None, Manifest | None, list[str]]]:
    """(folder, manifest, what is damaged) of each generation, the current one first and then the newest; before
    them (None, None, what is wrong with CURRENT), if anything is."""
    numbers = _numbers(where)
    if pointer is None and not numbers:
        raise IndexMissing(f"There is no index in {where}. Build it with: qa rebuild FOLDER"
                           + (f" --index {where}" if str(where) != "index" else ""))
    expected: tuple[int, str] | None = None
    if pointer is None and numbers == [1] and not (where / CURRENT).exists():
        pass  # a first build was stopped just before it switched
    elif pointer is None:
        yield None, None, [f"{where / CURRENT}: cannot be read"]
    else:
        try:
            expected = _pointed_to(pointer)
        except (ValueError, KeyError, TypeError, RecursionError):
            yield None, None, [f"{where / CURRENT}: changed since it was written"]
    first = [expected[0]] if expected else numbers[:1]
    for number in [*first, *(number for number in numbers if number not in first)]:
        folder = generation_folder(where, number)
        try:
            manifest, checksum = _read(folder, where)
        except IndexDamaged as error:
            yield folder, None, [str(error)]
        except IndexMismatch:
            if [number] == first:
                raise
        else:
            another = expected is not None and expected[0] == number and expected[1] != checksum
            if another or manifest.generation != number:
                yield folder, manifest, [f"{folder / MANIFEST}: belongs to another generation"]
            else:
                yield folder, manifest, _damage(folder, manifest)


def _warning(where: Path, manifest: Manifest, problems: list[str]) -> str | None:
    if not problems:
        return None
    return (f"The index in {where} is damaged ({problems[0]}); generation {manifest.generation}, built"
            f" {manifest.built}, answers. Mend the index with: qa rebuild")


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


# --- writing ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def building(index: str | os.PathLike[str]) -> Iterator[Path]:
    """Holds the index's lock and gives an empty folder to write a generation into.

    Raises IndexBusy while another process builds. What a killed build left behind is removed, its parts aside. The
    lock is the operating system's: it ends with its owner, however that ends.
    """
    where = Path(index)
    try:
        (where / GENERATIONS).mkdir(parents=True, exist_ok=True)
        # without a buffer: one that a full disk has refused would be refused again when it is closed
        lock = (where / LOCK).open("a+b", buffering=0)
    except OSError as error:
        raise IndexMissing(f"The index cannot be written to {where} ({error.strerror})."
                           " Choose another folder with --index") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read(1_000).decode("utf-8", "replace").strip() or "another process"
            raise IndexBusy(f"The index in {where} is being built by {owner}. Wait until it has finished, or stop it"
                            ) from error
        except OSError as error:
            raise IndexProblem(f"The index in {where} cannot be locked ({error.strerror}): its disk knows no locks."
                               " Choose another folder with --index") from error
        aside = where / GENERATIONS / _BUILDING
        try:
            with writing(aside):
                lock.truncate(0)
                lock.write(f"process {os.getpid()} on {socket.gethostname()} since"
                           f" {datetime.now(UTC).isoformat(timespec='seconds')}\n".encode())
                _clear(where)
                aside.mkdir()
            yield aside
        except BrokenPipeError:
            raise  # of whoever watches the progress
        except OSError as error:  # libraries unpack what they need into the folder of temporary files
            raise IndexProblem(f"The index could not be built ({error}); what was there before is untouched. See that"
                               f" there is room in {tempfile.gettempdir()} and on the disk that holds {where}"
                               ) from error
        finally:
            _clear(where)
            with contextlib.suppress(OSError):
                lock.truncate(0)


def _clear(where: Path) -> None:
    """Removes what is no complete generation."""
    for leftover in (_BUILDING, _LEAVING):
        shutil.rmtree(where / GENERATIONS / leftover, ignore_errors=True)
    with contextlib.suppress(OSError):
        (where / f"{CURRENT}.new").unlink(missing_ok=True)


def next_generation(index: str | os.PathLike[str]) -> int:
    """One more than any generation on disk, whether or not it is the current one."""
    numbers = _numbers(Path(index))
    pointer = current(index)
    if pointer is not None:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            numbers.append(_pointed_to(pointer)[0])
    return max(numbers, default=0) + 1


def checksums(folder: Path) -> dict[str, dict[str, Any]]:
    """{name: size in bytes and SHA-256} of every file below `folder`."""
    return {path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": _sha256(path)}
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST}


def switch(index: str | os.PathLike[str], aside: Path, manifest: Manifest) -> None:
    """Makes the complete generation in `aside` the current one, in one step. Raises IndexProblem."""
    with writing(aside):
        _switch(Path(index), aside, manifest)


def _switch(where: Path, aside: Path, manifest: Manifest) -> None:
    data, checksum = manifest.sealed()
    (aside / MANIFEST).write_bytes(data)
    for path in sorted(aside.rglob("*")):
        _fsync(path)
    _fsync(aside)
    target = generation_folder(where, manifest.generation)
    aside.rename(target)
    _fsync(target.parent)
    temporary = where / f"{CURRENT}.new"
    temporary.write_bytes(pointer(manifest.generation, checksum))
    _fsync(temporary)
    temporary.replace(where / CURRENT)
    _fsync(where)
    with contextlib.suppress(OSError):  # not every folder that holds an index may be read
        _fsync(where.absolute().parent)


def generation_before(index: str | os.PathLike[str], generation: int) -> int | None:
    """The newest generation on disk that is older than this one."""
    return max((number for number in _numbers(Path(index)) if number < generation), default=None)


def keep_only(index: str | os.PathLike[str], kept: Collection[int | None]) -> None:
    """Removes all generations but these.

    Each is renamed before it is removed, so that no half of one is ever taken for damaged. Readers that have one
    open keep its files until they close them.
    """
    where = Path(index)
    leaving = where / GENERATIONS / _LEAVING
    for number in _numbers(where):
        if number not in kept:
            with contextlib.suppress(OSError):  # it lies there one build longer
                shutil.rmtree(leaving, ignore_errors=True)
                generation_folder(where, number).rename(leaving)
                shutil.rmtree(leaving, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

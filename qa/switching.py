"""Making a generation: the lock, the folder aside, the switch, and what goes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qa.checksums import checksum
from qa.cores import spread
from qa.errors import IndexBusy, IndexMissing, IndexProblem
from qa.generations import (
    BUILDING,
    CURRENT,
    GENERATIONS,
    LEAVING,
    LOCK,
    MANIFEST,
    Manifest,
    Whole,
    current,
    generation_folder,
    numbers_on_disk,
    pointed_to,
    pointer,
    read_manifest,
)
from qa.store import writing


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
        aside = where / GENERATIONS / BUILDING
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
    for leftover in (BUILDING, LEAVING):
        shutil.rmtree(where / GENERATIONS / leftover, ignore_errors=True)
    with contextlib.suppress(OSError):
        (where / f"{CURRENT}.new").unlink(missing_ok=True)


def next_generation(index: str | os.PathLike[str]) -> int:
    """One more than any generation on disk, whether or not it is the current one."""
    numbers = numbers_on_disk(Path(index))
    named = current(index)
    if named is not None:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            numbers.append(pointed_to(named)[0])
    return max(numbers, default=0) + 1


def checksums(folder: Path, known: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """{name: size in bytes and checksum} of every file below `folder` but those that are known."""
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST
             and path.relative_to(folder).as_posix() not in known}
    largest_first = sorted(sizes, key=lambda path: (-sizes[path], path))
    found = dict(zip(largest_first, spread(checksum, largest_first), strict=True))
    return {path.relative_to(folder).as_posix(): {"size": sizes[path], "xxh3": found[path]} for path in sorted(sizes)}


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
    _point_to(where, manifest.generation, checksum)


def finish_switch(index: str | os.PathLike[str], found: Whole) -> None:
    """Makes a whole generation the current one where there is none: a first build was stopped just before it did."""
    where = Path(index)
    if current(where) is None:
        with writing(found.folder):
            manifest, checksum = read_manifest(found.folder, where)
            _point_to(where, manifest.generation, checksum)


def _point_to(where: Path, generation: int, checksum: str) -> None:
    temporary = where / f"{CURRENT}.new"
    temporary.write_bytes(pointer(generation, checksum))
    _fsync(temporary)
    temporary.replace(where / CURRENT)
    _fsync(where)
    with contextlib.suppress(OSError):  # not every folder that holds an index may be read
        _fsync(where.absolute().parent)


def generation_before(index: str | os.PathLike[str], generation: int) -> int | None:
    """The newest generation on disk that is older than this one."""
    return max((number for number in numbers_on_disk(Path(index)) if number < generation), default=None)


def keep_only(index: str | os.PathLike[str], kept: Collection[int | None]) -> None:
    """Removes all generations but these.

    Each is renamed before it is removed, so that no half of one is ever taken for damaged. Readers that have one
    open keep its files until they close them.
    """
    where = Path(index)
    leaving = where / GENERATIONS / LEAVING
    for number in numbers_on_disk(where):
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

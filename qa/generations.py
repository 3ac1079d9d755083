"""Generations on disk: what lies where, and finding one that is whole.

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
import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.checksums import checksum
from qa.cores import spread
from qa.errors import IndexDamaged, IndexMismatch, IndexMissing, IndexProblem
from qa.recipe import FORMAT, Recipe

# Every file beside the generations is named here and nowhere else.
CURRENT = "CURRENT"  # {"generation": number, "manifest": its checksum, "sha256": of these two}
GENERATIONS = "generations"
PARTS = "parts"
LOCK = "lock"
BUILDING = "building"  # in GENERATIONS: a generation not yet complete
LEAVING = "leaving"    # in GENERATIONS: a generation that is being removed
MANIFEST = "manifest.json"  # in each generation: its other files are named in qa/store.py

# Measured by qa/background.py: question language → passage language → [median of the best cosine, its spread, the same
# two of the best coverage, and of the best interaction]; spread: 1.4826 × the median absolute deviation, which the few
# questions that a folder does answer leave alone (Rousseeuw & Croux 1993).
Background = dict[str, dict[str, list[float]]]

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
    files: dict[str, dict[str, Any]]    # {name: {"size": bytes, "xxh3": its checksum}}

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

    folder: Path            # of its files; for one in Milvus, what its collections are called by
    manifest: Manifest
    damaged: tuple[str, ...]  # what was found instead of whole files on the way to this generation; mostly nothing
    warning: str | None       # the same in one line with its remedy


def generation_folder(index: str | os.PathLike[str], generation: int) -> Path:
    """Where the files of one generation lie."""
    return Path(index) / GENERATIONS / f"{generation:06d}"


def current(index: str | os.PathLike[str]) -> bytes | None:
    """What CURRENT holds, which is something else after each switch; None when it cannot be read."""
    try:
        return (Path(index) / CURRENT).read_bytes()
    except OSError:
        return None


def pointed_to(data: bytes) -> tuple[int, str]:
    """Raises ValueError, KeyError or TypeError for what `switch` has not written."""
    fields = json.loads(data)
    generation, checksum = _counted(fields["generation"]), str(fields["manifest"])
    if data != pointer(generation, checksum):
        raise ValueError("not as it was written")
    return generation, checksum


def _counted(value: object) -> int:
    """A whole number of JSON, whose 1e999 is more than any."""
    if not isinstance(value, int):
        raise ValueError("not a whole number")
    return value


def pointer(generation: int, checksum: str) -> bytes:
    """What CURRENT holds for a generation."""
    own = hashlib.sha256(f"{generation} {checksum}".encode()).hexdigest()
    return (json.dumps({"generation": generation, "manifest": checksum, "sha256": own}) + "\n").encode()


def numbers_on_disk(where: Path) -> list[int]:
    """The generations on disk, newest first."""
    try:
        names = os.listdir(where / GENERATIONS)
    except OSError:
        return []
    return sorted((int(name) for name in names if re.fullmatch(r"[0-9]{6,12}", name)), reverse=True)


def read_manifest(folder: Path, where: Path) -> tuple[Manifest, str]:
    """The manifest of one generation and its checksum. Raises IndexMismatch, or IndexDamaged with no more than what
    is wrong."""
    path = folder / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise IndexDamaged(f"{path}: {error.strerror}") from error
    return manifest_of(data, path, where)


def manifest_of(data: bytes, path: Path | str, where: Path | str) -> tuple[Manifest, str]:
    """What `Manifest.sealed` wrote, of the index in `where`, and its checksum. Raises IndexMismatch, or IndexDamaged
    of `path`."""
    first = _FIRST_LINE.match(data)
    checksum = hashlib.sha256(data[first.end() :]).hexdigest() if first else ""
    sound = first is not None and checksum == first.group(1).decode("ascii")
    try:
        fields = json.loads(data)
        # asked before anything else, because another version may keep its checksum elsewhere
        if (sound or first is None) and fields["format"] != FORMAT:
            raise IndexMismatch(f"The index in {where} was made by another version of qa (format {fields['format']!r},"
                                f" this one reads {FORMAT}). Build it anew with: qa rebuild --full")
        if not sound:
            raise ValueError("not as it was written")
        return Manifest(_counted(fields["generation"]), Recipe(**fields["recipe"]), fields["built"], fields["folder"],
                        _counted(fields["articles"]), _counted(fields["passages"]),
                        tuple((file, reason) for file, reason in fields["unreadable"]), fields["background"],
                        fields["files"]), checksum
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise IndexDamaged(f"{path}: changed since it was written") from error


def begin(index: str | os.PathLike[str]) -> None:
    """Begins what the next call of `whole` for this index waits for, while the caller imports what it needs besides:
    comparing files with their checksums needs no interpreter."""
    _begun[os.path.abspath(index)] = _Begun(Path(index))


def forget(index: str | os.PathLike[str]) -> None:
    """Takes back `begin`, for whoever did not come to call `whole`."""
    _begun.pop(os.path.abspath(index), None)


class _Begun(threading.Thread):
    """Looks for a whole generation; keeps no interrupted command from ending."""

    def __init__(self, where: Path) -> None:
        super().__init__(daemon=True)
        self.where = where
        self.pointer: bytes | None = None
        self.found: Whole | None = None
        self.start()

    def run(self) -> None:
        self.pointer = current(self.where)
        with contextlib.suppress(Exception):  # whoever asks next meets it again, and can tell
            self.found = _found(self.where)


_begun: dict[str, _Begun] = {}


def whole(index: str | os.PathLike[str]) -> Whole:
    """The current generation when each of its files is as it was written, else the newest other one of which that
    is true, with a warning. Every file is compared with its checksum.

    Raises IndexMissing, IndexMismatch (of the current generation: one before it is then no substitute), or
    IndexDamaged when no generation is whole.
    """
    begun = _begun.pop(os.path.abspath(index), None)
    if begun is not None:
        begun.join()
        if begun.found is not None and begun.pointer == current(index):
            return begun.found
    return _found(Path(index))


def _found(where: Path) -> Whole:
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
    numbers = numbers_on_disk(where)
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
            expected = pointed_to(pointer)
        except (ValueError, KeyError, TypeError, RecursionError):
            yield None, None, [f"{where / CURRENT}: changed since it was written"]
    first = [expected[0]] if expected else numbers[:1]
    for number in [*first, *(number for number in numbers if number not in first)]:
        folder = generation_folder(where, number)
        try:
            manifest, checksum = read_manifest(folder, where)
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
    def damage(name: str) -> str | None:
        expected = manifest.files[name]
        try:
            if (folder / name).stat().st_size != expected["size"] or checksum(folder / name) != expected["xxh3"]:
                return f"{folder / name}: changed since it was written"
        except OSError as error:
            return f"{folder / name}: {error.strerror}"
        return None

    largest_first = sorted(manifest.files, key=lambda name: (-int(manifest.files[name]["size"]), name))
    found = dict(zip(largest_first, spread(damage, largest_first), strict=True))
    return [line for _, line in sorted(found.items()) if line]

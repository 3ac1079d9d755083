"""What a build that did not finish had embedded, so that the next one embeds only the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from qa.encoder import Vectors
from qa.recipe import Recipe

_KEY = 32  # bytes of a text's SHA-256


class Parts:
    """Vectors by the text they were made of, in files that are whole or are not used.

    A part is one line of JSON, {"recipe", "characters", "rows", "dimension", "sha256"}, then the SHA-256 of each
    text, then the vectors as little-endian float32. The checksum is of the number of characters and of all that
    follows the line. A disk that has no room for parts may have room for the build, so what goes wrong in writing
    them stops nothing.
    """

    def __init__(self, folder: Path, recipe: Recipe, most: int) -> None:
        """Reads the parts of `folder` that are whole and of this recipe, newest first, as long as their texts are
        together no longer than `most` characters; removes the others."""
        self._folder = folder
        self._recipe = hashlib.sha256(json.dumps(recipe.to_dict()).encode()).hexdigest()
        self._vectors: dict[bytes, Vectors] = {}
        self._number = 0
        self._full = False
        characters = 0
        for path in sorted(_files(folder), reverse=True):
            read = self._read(path, recipe.dimension)
            if read is None or characters + read[0] > most:
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            characters += read[0]
            self._vectors = {**read[1], **self._vectors}
            self._number = max(self._number, int(path.stem))

    def _read(self, path: Path, dimension: int) -> tuple[int, dict[bytes, Vectors]] | None:
        try:
            line, _, rest = path.read_bytes().partition(b"\n")
            head = json.loads(line)
            rows, characters = int(head["rows"]), int(head["characters"])
            int(path.stem)
            whole = (line == self._head(rows, dimension, characters, rest)
                     and len(rest) == rows * (_KEY + 4 * dimension))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not whole:
            return None
        keys = [rest[at : at + _KEY] for at in range(0, rows * _KEY, _KEY)]
        vectors = np.frombuffer(rest, "<f4", offset=rows * _KEY).reshape(rows, dimension).astype(np.float32)
        return characters, dict(zip(keys, vectors, strict=True))

    def _head(self, rows: int, dimension: int, characters: int, rest: bytes) -> bytes:
        return json.dumps({"recipe": self._recipe, "characters": characters, "rows": rows, "dimension": dimension,
                           "sha256": hashlib.sha256(b"%d %b" % (characters, rest)).hexdigest()}).encode()

    def find(self, texts: Sequence[str]) -> list[Vectors | None]:
        """The vector of each text, (dimension,), or None where none is kept."""
        return [self._vectors.get(_key(text)) for text in texts] if self._vectors else [None] * len(texts)

    def keep(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Writes one part of these texts' vectors, (len(texts), dimension)."""
        if not texts or self._full:
            return
        rest = b"".join(map(_key, texts)) + np.ascontiguousarray(vectors, "<f4").tobytes()
        head = self._head(len(texts), vectors.shape[1], sum(map(len, texts)), rest)
        self._number += 1
        try:
            self._folder.mkdir(exist_ok=True)
            (self._folder / f"{self._number:06d}").write_bytes(head + b"\n" + rest)
        except OSError:
            self._full = True
            self.clear()

    def clear(self) -> None:
        """Removes all parts."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _files(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in os.scandir(folder)] if folder.is_dir() else []


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8")).digest()

"""One generation, opened with its model: what every answer comes from."""

from __future__ import annotations

import hashlib
import os
import threading
from dataclasses import dataclass

from qa import articles
from qa.closeness import Meter
from qa.encoder import Encoder, load
from qa.engine import Engine, Place, Rows
from qa.errors import IndexDamaged, IndexMismatch, ModelError, Unreadable
from qa.generations import Manifest, Whole
from qa.places import place


@dataclass(frozen=True, slots=True)
class Index:
    """One complete generation, opened: every answer comes from one of these."""

    where: str      # the folder or the address it lies at, the same for all its names
    manifest: Manifest
    store: Engine
    encoder: Encoder
    meter: Meter
    warning: str | None = None  # a newer generation is damaged: what, and how to mend it

    def there(self, rows: Rows) -> Rows:
        """These rows without those of files that were deleted since, which nobody could read on in.

        All of them where not one of the files is there: then it is the folder that is elsewhere, or not mounted.
        """
        folder = os.path.join(self.manifest.folder, "")
        files = self.store.files_of(rows)
        gone = {file for file in set(files) if not os.path.lexists(folder + file)}
        if not gone or len(gone) == len(set(files)):
            return rows
        return rows[[file not in gone for file in files]]

    def changed(self, file: str) -> bool:
        """Whether an article's file is no longer as it was read; False where the whole folder is elsewhere."""
        folder = self.manifest.folder
        known = self.store.known_file(file)
        try:
            about = os.stat(os.path.join(folder, file))
        except OSError:
            return os.path.isdir(folder)
        if known is None or (known.size, known.modified, known.touched) == (
                about.st_size, about.st_mtime_ns, about.st_ctime_ns):
            return False
        try:
            return hashlib.sha256(articles.read_bytes(folder, file)).hexdigest() != known.sha256
        except Unreadable:
            return True


_opened: dict[str, tuple[bytes, Index]] = {}  # by folder, with what CURRENT held when it was opened; last used last
_KEPT = 8  # indexes open at once: each holds a dozen files, and a process may ask any number of them
_encoders: dict[str, Encoder] = {}
_opening = threading.Lock()


def open_index(index: str | os.PathLike[str], encoder: Encoder | None = None) -> Index:
    """Opens the current generation; a second call gives the same one until a rebuild has switched to another.

    Every file is compared with its checksum before it is used; when one is damaged, the newest generation that is
    whole is opened instead, with a warning. `encoder` replaces the one the index names (it must have the same
    fingerprint). Raises IndexMissing, IndexDamaged, IndexMismatch or ModelError.
    """
    where = place(index)
    with _opening:
        pointer = where.pointer()
        known = _opened.pop(where.key, None)
        if known and known[0] == pointer and encoder in (None, known[1].encoder):
            _opened[where.key] = known
            return known[1]
        opened = _open(where, encoder)
        if pointer is not None and pointer == where.pointer():
            _opened[where.key] = (pointer, opened)
            if len(_opened) > _KEPT:
                del _opened[next(iter(_opened))]
        return opened


def _open(where: Place, encoder: Encoder | None) -> Index:
    found, store = _whole_store(where)
    recipe = found.manifest.recipe
    if encoder is None:
        encoder = _encoders.get(recipe.fingerprint)
    if encoder is None:
        try:
            encoder = load(recipe.model)
        except ModelError as error:
            raise ModelError(f"The index in {where.key} was made with the model {recipe.model!r}. {error}") from error
        _encoders[encoder.fingerprint] = encoder
    if encoder.fingerprint != recipe.fingerprint or encoder.dimension != recipe.dimension:
        raise IndexMismatch(f"The index in {where.key} was made with another version of the model {recipe.model!r}."
                            " Its vectors cannot be compared with this one's. Build it anew with: qa rebuild")
    return Index(where.key, found.manifest, store, encoder, Meter(store, encoder), found.warning)


def _whole_store(where: Place) -> tuple[Whole, Engine]:
    for _ in range(9):  # rebuilds may switch, and remove what was found whole a moment ago
        before = where.pointer()
        found = where.whole()
        try:
            return found, where.store(found)
        except IndexDamaged:
            if where.pointer() == before:
                raise
    found = where.whole()
    return found, where.store(found)

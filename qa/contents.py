"""What an index holds, and what has changed in its folder since."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, dataclass
from typing import Any

from qa import articles
from qa.articles import Article
from qa.engine import Engine, Place
from qa.errors import Unreadable, UsageError
from qa.generations import Whole
from qa.index import open_index
from qa.places import place

_TITLES = 500  # of so many, spread over the index, some of each language are offered as a first question
_EXAMPLES = 4  # titles of one language


@dataclass(frozen=True, slots=True)
class Status:
    """The fields of `qa status --json`."""

    generation: int
    model: str
    dimension: int
    articles: int
    passages: int
    dated: int              # articles that give a date; dated + undated == articles
    undated: int
    first_date: str | None  # the earliest and the latest date of a passage
    last_date: str | None
    languages: dict[str, int]  # articles in each, most first
    built: str              # ISO 8601, UTC
    folder: str             # absolute path of the articles
    unreadable: tuple[dict[str, str], ...]  # {"file", "reason"}
    added: tuple[str, ...]  # files of the folder that came, changed or went since the build
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    damaged: tuple[str, ...] | None  # None: not verified
    examples: tuple[dict[str, str], ...]  # {"title", "language"}: titles to begin with, some of each language
    warning: str | None     # a newer generation is damaged: what, and how to mend it
    engine: str             # that searches: "faiss", or Milvus and its version
    by_words: bool          # False: the engine finds passages by their meaning alone

    def to_dict(self) -> dict[str, Any]:
        fields = asdict(self)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def status(index: str | os.PathLike[str] = "index", *, verify_checksums: bool = False) -> Status:
    """What the index holds. Loads no model. `verify_checksums` compares every file anew with its checksum, also of
    generations that answer nothing at present. Raises IndexMissing, IndexDamaged or IndexMismatch."""
    where = place(index)
    damaged = tuple(where.verify()) if verify_checksums else None
    found = _whole(where)
    manifest = found.manifest
    with where.store(found) as store:
        added, changed, deleted = _changes(store, manifest.folder, {file for file, _ in manifest.unreadable})
        dated = store.dated()
        first, last = store.span()
        examples = _examples(store.titles(_TITLES))
        return Status(
            manifest.generation, manifest.recipe.model, manifest.recipe.dimension, manifest.articles,
            manifest.passages, dated, manifest.articles - dated, first, last, store.languages(), manifest.built,
            manifest.folder, tuple({"file": file, "reason": reason} for file, reason in manifest.unreadable),
            tuple(added), tuple(changed), tuple(deleted), damaged, examples, found.warning, store.name, store.by_words)


def _examples(titles: list[tuple[str, str, str]]) -> tuple[dict[str, str], ...]:
    counts: dict[str, int] = {}
    chosen: list[dict[str, str]] = []
    for title, language in dict.fromkeys((title, language) for _, title, language in titles):
        counts[language] = counts.get(language, 0) + 1
        if counts[language] <= _EXAMPLES:
            chosen.append({"title": title, "language": language})
    return tuple(chosen)


_checked: dict[str, tuple[bytes, Whole]] = {}  # by place, with its pointer: a page asks at every visit


def _whole(where: Place) -> Whole:
    pointer = where.pointer()
    known = _checked.get(where.key)
    if known and known[0] == pointer:
        return known[1]
    found = where.whole()
    if pointer is not None and pointer == where.pointer():
        _checked[where.key] = (pointer, found)
    return found


def _changes(store: Engine, folder: str, unreadable: set[str]) -> tuple[list[str], list[str], list[str]]:
    try:
        found, _ = articles.scan(folder)
    except UsageError:
        return [], [], []  # the index was moved here without its articles
    known = store.known()
    added: list[str] = []
    changed: list[str] = []
    for one in found:
        old = known.pop(one.file, None)
        if old is None:
            if one.file not in unreadable:
                added.append(one.file)
        elif (old.size, old.modified) != (one.size, one.modified):
            try:
                same = hashlib.sha256(articles.read_bytes(folder, one.file)).hexdigest() == old.sha256
            except Unreadable:
                same = False
            if not same:
                changed.append(one.file)
    return added, changed, sorted(known)


def article(file: str, *, index: str | os.PathLike[str] = "index") -> Article:
    """The article `file` as the index read it. Raises UsageError when the index does not hold it."""
    found = open_index(index).store.article(file)
    if found is None:
        raise UsageError(f"The index holds no article {file!r}. See what it holds with: qa status")
    return found

"""What a build hands to the writer: articles that were read, with the vectors and units of their passages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from qa.articles import Article, Found
from qa.cuts import Cut, meanings
from qa.encoder import Encoder, LightEncoder, Units, Vectors
from qa.engine import Rows, Sliced
from qa.parts import Parts
from qa.passages import Passage
from qa.store import document

_BATCH = 256  # passages: embedded at once, about as many held in memory, and lost when the build is killed


@dataclass(frozen=True, slots=True)
class Ready:
    """One article ready to be written; vectors None: whoever read it has not embedded it."""

    found: Found
    sha256: str
    article: Article
    passages: list[Passage]
    vectors: Vectors | None
    cut: list[Cut] | tuple[Sliced, Rows]  # the passages' sentences, or where the generation before holds them
    units: Units | None  # of these sentences, once they are embedded by a light encoder

    @property
    def taken_over(self) -> bool:
        """Whether it is as the generation before holds it."""
        return isinstance(self.cut, tuple)


def embedded(stream: Iterator[Ready], chosen: Encoder, parts: Parts | None,
             earlier: Callable[[str], Mapping[str, Vectors]] | None = None
             ) -> Generator[tuple[Ready, int, int], None, None]:
    """The same articles in the same order, all with vectors; beside each how many of its passages were embedded
    here, and how many of them an unfinished build had embedded. `parts`: None keeps nothing of what is embedded.
    `earlier` gives the vectors of a file's passages by their documents, where this model has made them before; a light
    encoder makes them as soon as they are looked up."""
    waiting: list[Ready] = []
    size = 0
    for ready in stream:
        waiting.append(ready)
        size += len(ready.passages)
        if size >= _BATCH:
            yield from _flush(waiting, chosen, parts, earlier)
            waiting, size = [], 0
    yield from _flush(waiting, chosen, parts, earlier)


def _flush(waiting: list[Ready], chosen: Encoder, parts: Parts | None,
           earlier: Callable[[str], Mapping[str, Vectors]] | None) -> Iterator[tuple[Ready, int, int]]:
    fresh = [ready for ready in waiting if not ready.taken_over]
    texts = [document(passage) for ready in fresh for passage in ready.passages]
    resumed = parts.find(texts) if parts else [None] * len(texts)
    kept = list(resumed)
    if earlier and not isinstance(chosen, LightEncoder):
        known = [vectors.get(document(passage)) for ready in fresh for vectors in (earlier(ready.found.file),)
                 for passage in ready.passages]
        kept = [other if own is None else own for own, other in zip(kept, known, strict=True)]
    missing = [place for place, vector in enumerate(kept) if vector is None]
    if isinstance(chosen, LightEncoder):
        meant = [_meant(ready, chosen) for ready in fresh]
        embedded = np.concatenate([np.zeros((0, chosen.dimension), np.float32), *(own for _, own in meant)])[missing]
    else:
        meant = []
        embedded = chosen.encode_passages([texts[place] for place in missing])
    if parts:
        parts.keep([texts[place] for place in missing], embedded)
    rest = iter(embedded)
    vectors = [next(rest) if vector is None else vector for vector in kept]
    following = iter(meant)
    cursor = 0
    for ready in waiting:
        if ready.taken_over:
            yield ready, 0, 0
        else:
            mine = slice(cursor, cursor + len(ready.passages))
            cursor = mine.stop
            here = sum(vector is None for vector in kept[mine])
            again = sum(vector is not None for vector in resumed[mine])
            rows = np.stack(vectors[mine]) if vectors[mine] else embedded[:0]
            units, _ = next(following, (None, rows))
            yield replace(ready, vectors=rows, units=units), here, again


def _meant(ready: Ready, chosen: LightEncoder) -> tuple[Units, Vectors]:
    """What whoever read an article has found, or what is found now."""
    if ready.units is not None and ready.vectors is not None:
        return ready.units, ready.vectors
    assert not isinstance(ready.cut, tuple)
    return meanings(ready.passages, ready.cut, chosen)

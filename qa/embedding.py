"""What a build hands to the writer: articles that were read, with the vectors and units of their passages."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from qa.articles import Article, Found
from qa.cuts import Cut
from qa.encoder import Encoder, LightEncoder, Units, Vectors, unit
from qa.engine import Rows, Sliced
from qa.parts import Parts
from qa.passages import Passage
from qa.store import document

_BATCH = 256  # passages: embedded at once, about as many held in memory, and lost when the build is killed


@dataclass(frozen=True, slots=True)
class Ready:
    """One article ready to be written; vectors None: still to be embedded."""

    found: Found
    sha256: str
    article: Article
    passages: list[Passage]
    vectors: Vectors | None
    cut: list[Cut] | tuple[Sliced, Rows]  # the passages' sentences, or where the generation before holds them
    units: list[Units]  # of these sentences, once they are embedded

    @property
    def taken_over(self) -> bool:
        """Whether it is as the generation before holds it."""
        return isinstance(self.cut, tuple)


def embedded(stream: Iterator[Ready], chosen: Encoder, parts: Parts) -> Iterator[tuple[Ready, int, int]]:
    """The same articles in the same order, all with vectors; beside each how many of its passages were embedded
    here, and how many of them an unfinished build had embedded."""
    waiting: list[Ready] = []
    size = 0
    for ready in stream:
        waiting.append(ready)
        size += len(ready.passages)
        if size >= _BATCH:
            yield from _flush(waiting, chosen, parts)
            waiting, size = [], 0
    yield from _flush(waiting, chosen, parts)


def _flush(waiting: list[Ready], chosen: Encoder, parts: Parts) -> Iterator[tuple[Ready, int, int]]:
    cut = [(passage, one) for ready in waiting if not isinstance(ready.cut, tuple)
           for passage, one in zip(ready.passages, ready.cut, strict=True)]
    texts = [document(passage) for passage, _ in cut]
    kept = parts.find(texts)
    missing = [place for place, vector in enumerate(kept) if vector is None]
    if isinstance(chosen, LightEncoder):
        units = chosen.units([passage.text[start:end] for passage, one in cut for start, end in one.spans])
        embedded = _sums(cut, units, chosen)[missing]
    else:
        units = []
        embedded = chosen.encode_passages([texts[place] for place in missing])
    parts.keep([texts[place] for place in missing], embedded)
    rest = iter(embedded)
    vectors = [next(rest) if vector is None else vector for vector in kept]
    following = iter(units)
    cursor = 0
    for ready in waiting:
        if isinstance(ready.cut, tuple):
            yield ready, 0, 0
        else:
            mine = slice(cursor, cursor + len(ready.passages))
            cursor = mine.stop
            here = sum(vector is None for vector in kept[mine])
            rows = np.stack(vectors[mine]) if vectors[mine] else embedded[:0]
            own = list(itertools.islice(following, sum(len(one.spans) for one in ready.cut)))
            yield replace(ready, vectors=rows, units=own), here, len(ready.passages) - here


def _sums(cut: list[tuple[Passage, Cut]], units: list[Units], chosen: LightEncoder) -> Vectors:
    """What `encode_passages` gives for the passages' documents, (len(cut), dimension), from the units of all their
    sentences: a light encoder's vector of a text is the sum of its tokens', so that nothing is tokenized twice."""
    if not cut:
        return np.zeros((0, chosen.dimension), np.float32)
    firsts = np.cumsum([0, *(len(one.spans) for _, one in cut)])[:-1]
    sums = np.add.reduceat(np.stack([each.total for each in units]), firsts)
    titles = [passage.title if document(passage) != passage.text else None for passage, _ in cut]
    different = list(dict.fromkeys(title for title in titles if title))
    totals = {title: each.total for title, each in zip(different, chosen.units(different), strict=True)}
    for number, title in enumerate(titles):
        if title:
            sums[number] += totals[title]
    return unit(sums)

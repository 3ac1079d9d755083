"""Every passage cut into its sentences, with their words and the model's tokens: made once, when the index is built.

A question is compared with each sentence and each word of some hundred passages. What does not depend on the question
is kept beside the passages, in arrays that are mapped, so that an answer reads no text again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from qa.encoder import LightEncoder, Units, Vectors, unit
from qa.passages import Passage
from qa.sentences import spans
from qa.words import tokens

Rows = NDArray[np.int64]
Numbers = NDArray[np.int64]

# The arrays, each a file of its own: the type of a number, and how many stand in a row. All but the first follow one
# another from passage to passage.
_FILES = {
    "passages": ("<i8", 4),   # one row more than passages: where its sentences, words, units and tokens begin
    "sentences": ("<i4", 5),  # start, end (characters of the passage); how many words, units and tokens
    "totals": ("<f4", 1),     # of each sentence, the length of its vector before it is scaled to one
    "words": ("<u4", 1),      # of each passage, the words of the title above it, then those of its sentences
    "lengths": ("<f4", 1),    # of each unit, the length of its vector
    "tokens": ("<u2", 1),     # <u4 for a model that has more than 65,536
    "firsts": ("<u1", 1),     # 1 for a token with which a unit begins
}
_AT_ONCE = 256  # passages whose sentences' vectors are in memory together
_VOCABULARY = "vocabulary.txt"  # a word a line, in the order of their numbers


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage cut into its sentences."""

    spans: tuple[tuple[int, int], ...]   # start and end, characters of the passage; at least one
    title: tuple[str, ...]               # folded words of the title it stands under; none where it begins with it
    words: tuple[tuple[str, ...], ...]   # folded words of each sentence


def cut(passage: Passage) -> Cut:
    """The sentences of a passage and their words."""
    found = tuple(spans(passage.text, passage.language)) or ((0, len(passage.text)),)
    return Cut(found, tuple(tokens(passage.heading)),
               tuple(tuple(tokens(passage.text[start:end])) for start, end in found))


def meanings(passages: Sequence[Passage], cuts: Sequence[Cut], encoder: LightEncoder) -> tuple[Units, Vectors]:
    """The units of all sentences of some passages, and what `encode_passages` gives for the passages' documents,
    (len(passages), dimension): a light encoder's vector of a text is the sum of its tokens', so that nothing is
    tokenized twice."""
    titles = [passage.heading for passage in passages]
    different = list(dict.fromkeys(filter(None, titles)))
    parts: list[Units] = []
    sums = np.zeros((len(passages), encoder.dimension), np.float32)
    for begin in range(0, len(passages), _AT_ONCE):
        some = slice(begin, begin + _AT_ONCE)
        units, vectors = encoder.units([passage.text[start:end] for passage, one in zip(
            passages[some], cuts[some], strict=True) for start, end in one.spans])
        firsts = np.cumsum([0, *(len(one.spans) for one in cuts[some])])[:-1]
        sums[some] = np.add.reduceat(vectors, firsts)
        parts.append(units)
    nothing, above = encoder.units(different)
    totals = dict(zip(different, above, strict=True))
    for number, title in enumerate(titles):
        if title:
            sums[number] += totals[title]
    return Units.joined(parts or [nothing]), unit(sums)


class Writer:
    """Writes the cuts of passages into a folder that it makes, in the order of their rows."""

    def __init__(self, folder: Path, tokens: int) -> None:
        """`tokens`: how many the model knows, 0 for a model whose tokens are not kept."""
        folder.mkdir()
        self.vocabulary: dict[str, int] = {}  # the number of each word
        self._folder = folder
        self._types = {name: np.dtype(_token_type(tokens) if name == "tokens" else kind)
                       for name, (kind, _) in _FILES.items()}
        self._files: dict[str, IO[bytes]] = {name: (folder / name).open("wb") for name in _FILES}
        self._at = np.zeros((1, 4), np.int64)
        self._renumbered: dict[Cuts, Numbers] = {}
        self._append("passages", self._at)

    def add(self, cuts: Sequence[Cut], units: Units | None) -> None:
        """Adds passages; `units` are those of all their sentences in order, None where tokens are not kept."""
        words = list(chain.from_iterable(chain(one.title, *one.words) for one in cuts))
        numbers = list(map(self.vocabulary.get, words))
        if None in numbers:
            for word in dict.fromkeys(word for word, number in zip(words, numbers, strict=True) if number is None):
                self.vocabulary[word] = len(self.vocabulary)
            numbers = list(map(self.vocabulary.get, words))
        self._append("words", np.array(numbers, np.int64))
        counts = np.zeros((sum(len(one.spans) for one in cuts), 5), np.int64)
        if len(counts):
            counts[:, :2] = list(chain.from_iterable(one.spans for one in cuts))
            counts[:, 2] = [len(own) for one in cuts for own in one.words]
        if units is None:
            self._append("totals", np.zeros(len(counts)))
        else:
            counts[:, 3:] = units.counts
            for name in ("totals", "lengths", "tokens", "firsts"):
                self._append(name, getattr(units, name))
        bounds = np.cumsum([len(one.spans) for one in cuts], dtype=np.int64)
        titles = np.array([len(one.title) for one in cuts], np.int64)
        self._end(counts, bounds, titles)

    def take_over(self, before: Cuts, rows: Rows) -> None:
        """Adds passages as another index holds them, which was made with the same model."""
        renumbered = self._renumbered.get(before)
        if renumbered is None:
            renumbered = self._renumbered[before] = np.full(len(before.vocabulary), -1)
        taken = before.of(rows)
        fresh = taken.all_words[renumbered[taken.all_words] < 0]
        for old in dict.fromkeys(fresh.tolist()):
            renumbered[old] = self.vocabulary.setdefault(before.vocabulary[old], len(self.vocabulary))
        self._append("words", renumbered[taken.all_words])
        for name, values in (("lengths", taken.lengths), ("tokens", taken.tokens), ("firsts", taken.firsts),
                             ("totals", taken.totals)):
            self._append(name, values)
        self._end(taken.counts, taken.bounds[1:], taken.titles)

    def _end(self, counts: NDArray[np.int64], bounds: Numbers, titles: Numbers) -> None:
        """Writes the counts of sentences, and where the passages that end with them begin."""
        self._append("sentences", counts)
        sums = np.zeros((len(counts) + 1, 4), np.int64)
        sums[1:, 0] = 1
        sums[1:, 1:] = counts[:, 2:]
        ends = np.cumsum(sums, axis=0)[bounds]
        ends[:, 1] += np.cumsum(titles)
        if len(ends):
            self._append("passages", self._at + ends)
            self._at = self._at + ends[-1:]

    def documents(self, first: int, last: int) -> tuple[NDArray[np.uint32], Numbers]:
        """The word numbers of the passages from one row up to another, one passage after the other, those of its title
        first; and where those of each begin, and where the last ones end."""
        for name in ("passages", "words"):
            if not self._files[name].closed:
                self._files[name].flush()
        bounds = np.fromfile(self._folder / "passages", "<i8", 4 * (last - first + 1), offset=32 * first)[1::4]
        return np.fromfile(self._folder / "words", "<u4", bounds[-1] - bounds[0], offset=4 * bounds[0]), (
            bounds - bounds[0])

    def _append(self, name: str, values: NDArray[Any]) -> None:
        self._files[name].write(np.ascontiguousarray(values, self._types[name]).tobytes())

    def finish(self) -> None:
        """Writes what is still in memory."""
        self.close()
        (self._folder / _VOCABULARY).write_text("".join(f"{word}\n" for word in self.vocabulary), "utf-8")

    def close(self) -> None:
        """Lets go of the files."""
        for file in self._files.values():
            file.close()


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences of some passages, one passage after the other."""

    bounds: Numbers     # (passages + 1,) where the sentences of each passage begin
    counts: NDArray[np.int64]  # (sentences, 5) start, end (characters of the passage), words, units, tokens
    titles: Numbers     # (passages,) how many words stand in the title above each
    all_words: Numbers  # word numbers, those of the title before those of the sentences of each passage
    totals: NDArray[np.float32]   # (sentences,) length of the vector; 0 where tokens are not kept
    lengths: NDArray[np.float32]  # (units,) length of each unit's vector
    tokens: Numbers
    firsts: NDArray[np.uint8]     # (tokens,) 1 where a unit begins

    def __len__(self) -> int:
        return len(self.counts)

    def spans(self, passage: int) -> list[tuple[int, int]]:
        """Start and end of each sentence of one of these passages."""
        own = self.counts[self.bounds[passage] : self.bounds[passage + 1], :2]
        return [(start, end) for start, end in own.tolist()]

    def words(self) -> tuple[Numbers, Numbers]:
        """The word numbers of the sentences, without titles, and the sentence of each, ascending."""
        words, _ = self.words_of_passages()
        return words, np.repeat(np.arange(len(self.counts)), self.counts[:, 2])

    def standing(self, words: Numbers) -> tuple[Numbers, Numbers]:
        """The passage of each of these places among `all_words`, ascending, and its sentence; len(self) for the words
        of a title."""
        spoken = np.concatenate([[0], np.cumsum(self.counts[:, 2])])
        begins = spoken[self.bounds] + np.concatenate([[0], np.cumsum(self.titles)])
        passages = np.searchsorted(begins, words, "right") - 1
        places = words - np.cumsum(self.titles)[passages]  # among those of all sentences
        sentences = np.searchsorted(spoken, places, "right") - 1
        return passages, np.where(words < begins[passages] + self.titles[passages], len(self), sentences)

    def words_of_passages(self) -> tuple[Numbers, Numbers]:
        """The word numbers of the sentences, without titles, and where those of each passage begin and end,
        (passages + 1,)."""
        ends = np.concatenate([[0], np.cumsum(self.counts[:, 2])])[self.bounds]
        if not self.titles.any():
            return self.all_words, ends
        kinds = np.stack([self.titles, np.diff(ends)], axis=1).ravel()
        return self.all_words[np.repeat(np.tile([False, True], len(self.titles)), kinds)], ends


class Cuts:
    """The cuts of all passages, mapped. Usable from several threads."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError or ValueError when the files are missing or do not fit together."""
        self._folder = folder
        self._arrays = {name: _mapped(folder / name, kind, width) for name, (kind, width) in _FILES.items()
                        if name != "tokens"}
        passages = self._arrays["passages"]
        if not len(passages):
            raise ValueError(f"{folder.name}/passages is empty")
        last = passages[-1]
        size = (folder / "tokens").stat().st_size
        self._arrays["tokens"] = _mapped(folder / "tokens", "<u4" if last[3] and size == 4 * last[3] else "<u2", 1)
        held = [len(self._arrays[name]) for name in ("sentences", "words", "lengths", "tokens", "totals", "firsts")]
        if held != [*last.tolist(), last[0], last[3]]:
            raise ValueError(f"the files in {folder.name} do not belong together")
        self.count = len(passages) - 1

    @cached_property
    def vocabulary(self) -> list[str]:
        """Every word, in the order of their numbers."""
        return (self._folder / _VOCABULARY).read_text("utf-8").split("\n")[:-1]

    def documents(self) -> Sequence[NDArray[np.int64]]:
        """The word numbers of each passage, those of its title first."""
        return _Documents(self._arrays["passages"][:, 1], self._arrays["words"])

    def of(self, rows: Rows) -> Sentences:
        """The sentences of these passages, in the order asked for."""
        rows = np.asarray(rows, np.int64)
        return gathered([self], np.zeros(len(rows), np.int64), rows, [None])


def gathered(cuts: Sequence[Cuts], places: Rows, rows: Rows, numbers: Sequence[Numbers | None]) -> Sentences:
    """The sentences of passages that lie in several places, in the order asked for: passage i is row rows[i] of
    cuts[places[i]]. `numbers` says for each place how its words are numbered instead, None: as they are there."""
    begin, end = np.zeros((len(rows), 4), np.int64), np.zeros((len(rows), 4), np.int64)
    for place in np.unique(places).tolist():
        mine = places == place
        bounds = cuts[place]._arrays["passages"]
        begin[mine], end[mine] = bounds[rows[mine]], bounds[rows[mine] + 1]

    def joined(name: str, column: int) -> NDArray[Any]:
        arrays = [each._arrays[name] for each in cuts]
        pieces = [arrays[place][a:b] for place, a, b in zip(
            places.tolist(), begin[:, column].tolist(), end[:, column].tolist(), strict=True)]
        if name == "words":
            pieces = [piece if (own := numbers[place]) is None else own[piece]
                      for place, piece in zip(places.tolist(), pieces, strict=True)]
        return np.concatenate(pieces) if pieces else arrays[0][:0]

    counts = joined("sentences", 0).astype(np.int64)
    bounds = np.concatenate([[0], np.cumsum(end[:, 0] - begin[:, 0])])
    spoken = np.concatenate([[0], np.cumsum(counts[:, 2])])[bounds]
    return Sentences(bounds, counts, (end - begin)[:, 1] - np.diff(spoken), joined("words", 1).astype(np.int64),
                     joined("totals", 0).astype(np.float32), joined("lengths", 2).astype(np.float32),
                     joined("tokens", 3).astype(np.int64), joined("firsts", 3).astype(np.uint8))


class _Documents(Sequence[NDArray[np.int64]]):
    def __init__(self, bounds: NDArray[Any], words: NDArray[Any]) -> None:
        self._bounds = bounds
        self._words = words

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __getitem__(self, place: Any) -> Any:
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._words[self._bounds[place] : self._bounds[place + 1]].astype(np.int64)


def _token_type(tokens: int) -> str:
    return "<u2" if tokens <= 1 << 16 else "<u4"


def _mapped(path: Path, kind: str, width: int) -> NDArray[Any]:
    """A file as an array, (n,) or (n, width)."""
    flat: Any = np.memmap(path, kind, "r") if path.stat().st_size else np.zeros(0, kind)
    flat = flat.view(np.ndarray)  # taking slices of a memmap is slower
    return np.asarray(flat.reshape(-1, width) if width > 1 else flat)

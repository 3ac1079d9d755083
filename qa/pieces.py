"""The tokens of texts, every piece between two spaces looked up once: running text repeats most of its words."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import ranges

_KEPT = 1_000_000  # characters of pieces: some 120,000 words, which take about 30 MB
_JOINED = 64       # pieces looked up as one text: one by one they take three times as long

# What looks at no character on the other side of a space.
_NORMALIZERS = frozenset(("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "BertNormalizer"))
_PRETOKENIZERS = frozenset(("WhitespaceSplit", "Whitespace", "BertPreTokenizer"))
# Of the shipped tokenizer: accents, but the breve of й.
_EXPRESSIONS = frozenset((
    "[\u0300-\u0305\u0307-\u036f\u0640\u064b-\u065f\u0670\u0591-\u05c7]|(?<![\u0438\u0418])\u0306",))


@dataclass(frozen=True, slots=True)
class Tokenized:
    """The tokens of some texts, one text after the other."""

    counts: NDArray[np.int64]   # (texts,) tokens of each
    tokens: NDArray[np.int32]   # their numbers
    firsts: NDArray[np.bool_]   # (tokens,) whether a word begins with it, as the tokenizer cuts words


class Pieces:
    """A tokenizer that remembers; it gives what the tokenizer gives for each whole text. Usable from several threads.

    A tokenizer that cuts at every space first, and whose normalizer looks at no character beyond one, gives a text the
    tokens of its pieces. Another reads the texts whole.
    """

    def __init__(self, tokenizer: Any) -> None:
        """`tokenizer`: one of the library tokenizers."""
        self._tokenizer = tokenizer
        self._local = _cuts_at_spaces(tokenizer)
        self._using = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        self._size = 0
        self._bounds = _Growing(np.int64)   # where the tokens of each piece begin
        self._bounds.add(np.zeros(1, np.int64))
        self._tokens = _Growing(np.int32)
        self._firsts = _Growing(np.bool_)

    def tokenized(self, texts: Sequence[str]) -> Tokenized:
        """The tokens of each text, without special ones; a text may have none."""
        if not self._local:
            return self._encoded(texts)
        pieces = [text.split(" ") for text in texts]
        with self._using:
            numbers = self._looked_up(list(chain.from_iterable(pieces)))
            begins = self._bounds.held[numbers]
            sizes = self._bounds.held[numbers + 1] - begins
            places = ranges.joined(begins, sizes)
            tokens, firsts = self._tokens.held[places], self._firsts.held[places]
        firsts_of = np.cumsum([0, *map(len, pieces)])
        before = np.concatenate([[0], np.cumsum(sizes)])[firsts_of]
        return Tokenized(np.diff(before), tokens, firsts)

    def _looked_up(self, pieces: list[str]) -> NDArray[np.int64]:
        """The number of each piece; those not known yet get one."""
        found = list(map(self._numbers.get, pieces))
        if None in found:
            if self._size > _KEPT:
                self._forget()
                found = list(map(self._numbers.get, pieces))
            missing = list(dict.fromkeys(piece for piece, number in zip(pieces, found, strict=True) if number is None))
            fresh = self._joined(missing)
            self._numbers.update(zip(missing, range(len(self._numbers), len(self._numbers) + len(missing)),
                                     strict=True))
            self._size += sum(map(len, missing))
            self._bounds.add(self._tokens.size + np.cumsum(fresh.counts))
            self._tokens.add(fresh.tokens)
            self._firsts.add(fresh.firsts)
            found = list(map(self._numbers.get, pieces))
        return np.array(found, np.int64)

    def _joined(self, pieces: Sequence[str]) -> Tokenized:
        """The tokens of each piece, many looked up together."""
        together = [pieces[begin : begin + _JOINED] for begin in range(0, len(pieces), _JOINED)]
        counts: list[NDArray[np.int64]] = []
        tokens: list[NDArray[np.int32]] = []
        firsts: list[NDArray[np.bool_]] = []
        for own, encoding in zip(together, self._encodings([" ".join(own) for own in together]), strict=True):
            ends = np.cumsum([len(piece) + 1 for piece in own])
            piece = np.searchsorted(ends, np.array([begin for begin, _ in encoding.offsets], np.int64), "right")
            counts.append(np.bincount(piece, minlength=len(own)))
            tokens.append(np.array(encoding.ids, np.int32))
            firsts.append(_begins(encoding.word_ids))
        return Tokenized(np.concatenate(counts), np.concatenate(tokens), np.concatenate(firsts))

    def _encoded(self, texts: Sequence[str]) -> Tokenized:
        encodings = self._encodings(texts)
        return Tokenized(
            np.array([len(one.ids) for one in encodings], np.int64),
            np.fromiter(chain.from_iterable(one.ids for one in encodings), np.int32),
            np.concatenate([np.zeros(0, np.bool_), *(_begins(one.word_ids) for one in encodings)]))

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        return list(self._tokenizer.encode_batch(list(texts), add_special_tokens=False))


class _Growing:
    """Numbers that more are added to, without copying them all each time."""

    def __init__(self, kind: type) -> None:
        self.held: NDArray[Any] = np.zeros(1 << 10, kind)  # the first `size` count
        self.size = 0

    def add(self, values: NDArray[Any]) -> None:
        end = self.size + len(values)
        if end > len(self.held):
            self.held = np.resize(self.held, 2 * end)
        self.held[self.size : end] = values
        self.size = end


def _begins(words: list[int]) -> NDArray[np.bool_]:
    """Whether each token belongs to another word than the one before it."""
    begins = np.ones(len(words), np.bool_)
    numbers = np.array(words, np.int64)
    begins[1:] = numbers[1:] != numbers[:-1]
    return begins


def _cuts_at_spaces(tokenizer: Any) -> bool:
    first, *_ = [*_parts(_said(tokenizer.pre_tokenizer), "pretokenizers"), {"type": ""}]
    return (tokenizer.truncation is None and first["type"] in _PRETOKENIZERS
            and all(map(_is_local, _parts(_said(tokenizer.normalizer), "normalizers")))
            and not any(" " in one.content or one.lstrip or one.rstrip
                        for one in tokenizer.get_added_tokens_decoder().values()))


def _said(part: Any) -> dict[str, Any] | None:
    """What a part of a tokenizer says of itself; the whole would tell its vocabulary too, in a tenth of a second."""
    return None if part is None else json.loads(part.__getstate__())


def _parts(one: dict[str, Any] | None, name: str) -> list[dict[str, Any]]:
    if one is None:
        return []
    return [part for each in one[name] for part in _parts(each, name)] if one["type"] == "Sequence" else [one]


def _is_local(normalizer: dict[str, Any]) -> bool:
    if normalizer["type"] == "Replace":
        pattern = normalizer["pattern"]
        return pattern.get("Regex") in _EXPRESSIONS or " " not in pattern.get("String", " ")
    return normalizer["type"] in _NORMALIZERS

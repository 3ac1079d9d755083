"""What a generation in Milvus keeps beside its passages, and how each passage's sentences are written in it."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.cuts import Cut, Cuts, Sentences
from qa.encoder import Units
from qa.errors import IndexDamaged
from qa.milvus import BOUNDED, LONGEST, RECORDS, Milvus

# A record's key is its kind, its number and, for one longer than a field, which piece of it: writing one twice is
# writing it once.
MANIFEST, SUMMARY, ARTICLE, DETAILS, TERMS = range(1, 6)
_KIND, _NUMBER = 56, 16  # bits from the right
FIELDS = (("id", "INT64"), ("number", "INT64"), ("value", "VARCHAR"))
_VECTOR = [0.0, 1.0]    # every collection of Milvus has vectors


def key(kind: int, number: int, piece: int = 0) -> int:
    """Of a record; numbers are below 2^40, pieces below 2^16."""
    return kind << _KIND | number << _NUMBER | piece


def article_key(file: str) -> int:
    """Of an article, by its file: 56 bits of a checksum."""
    return ARTICLE << _KIND | int.from_bytes(hashlib.sha256(file.encode()).digest()[:7], "big")


def of_kind(kind: int) -> str:
    """The condition that all records of a kind meet."""
    return f"id >= {kind << _KIND} and id < {(kind + 1) << _KIND}"


def record(id_: int, number: int, value: str) -> dict[str, Any]:
    """One row of the records."""
    return {"id": id_, "number": number, "value": value, "vector": _VECTOR}


def packed(kind: int, number: int, value: object) -> list[dict[str, Any]]:
    """The rows that hold a JSON value of any length."""
    text = base64.b64encode(zlib.compress(json.dumps(value, ensure_ascii=False).encode("utf-8"), 6)).decode()
    room = LONGEST - 8
    pieces = [text[begin : begin + room] for begin in range(0, len(text), room)]
    pieces[0] = f"{len(pieces)}:{pieces[0]}"
    return [record(key(kind, number, place), number, piece) for place, piece in enumerate(pieces)]


def unpacked(milvus: Milvus, token: str, kind: int, number: int, consistency: str = BOUNDED) -> Any:
    """The JSON value of a record; None where it is not there. Raises IndexDamaged."""
    (value,) = unpacked_all(milvus, token, kind, [number], consistency)
    return value


def unpacked_all(milvus: Milvus, token: str, kind: int, numbers: Sequence[int],
                 consistency: str = BOUNDED) -> list[Any]:
    """The JSON values of several records, None for each that is not there. Raises IndexDamaged."""
    name = milvus.collection(token, RECORDS)
    first = milvus.rows(name, [key(kind, number) for number in numbers], ["value"], "id", consistency)
    counts = {at: int(row["value"].partition(":")[0]) for at, row in first.items()}
    more = [at + piece for at, count in counts.items() for piece in range(1, count)]
    rest = milvus.rows(name, more, ["value"], "id", consistency)
    values: list[Any] = []
    for number in numbers:
        at = key(kind, number)
        if at not in first:
            values.append(None)
            continue
        try:
            text = first[at]["value"].partition(":")[2] + "".join(
                rest[at + piece]["value"] for piece in range(1, counts[at]))
            values.append(json.loads(zlib.decompress(base64.b64decode(text, validate=True))))
        except (KeyError, ValueError, zlib.error) as error:
            raise IndexDamaged(f"{name}: record {at} cannot be read") from error
    return values


# --- the sentences of a passage -----------------------------------------------------------------------------

_HEAD = struct.Struct("<5I")  # sentences, words of the title, units, tokens, bytes of all words


@dataclass(frozen=True, slots=True)
class Sliced:
    """The sentences of one passage; see `qa.cuts.Sentences` for the arrays."""

    title: int              # how many of the words stand in the title above it
    words: list[str]        # folded, those of the title first
    counts: NDArray[np.int64]
    totals: NDArray[np.float32]
    lengths: NDArray[np.float32]
    tokens: NDArray[np.int64]
    firsts: NDArray[np.uint8]


def written(cut: Cut, units: Units | None) -> str:
    """A passage's sentences as text; `units` are those of its sentences, None where tokens are not kept."""
    words = [*cut.title, *(word for own in cut.words for word in own)]
    counts = np.zeros((len(cut.spans), 5), np.int64)
    counts[:, :2], counts[:, 2] = cut.spans, [len(own) for own in cut.words]
    if units is None:
        nothing = np.zeros(0, np.float32)
        return _text(Sliced(len(cut.title), words, counts, np.zeros(len(cut.spans), np.float32), nothing,
                            nothing.astype(np.int64), nothing.astype(np.uint8)))
    counts[:, 3:] = units.counts
    return _text(Sliced(len(cut.title), words, counts, units.totals, units.lengths, units.tokens.astype(np.int64),
                        units.firsts.astype(np.uint8)))


def copied(held: Cuts, rows: NDArray[np.int64]) -> list[tuple[str, list[str]]]:
    """The sentences of passages of an index in files, as `written` gives them, and all words of each."""
    found: list[tuple[str, list[str]]] = []
    for row in rows.tolist():
        one = held.of(np.array([row]))
        words = [held.vocabulary[number] for number in one.all_words.tolist()]
        found.append((_text(Sliced(int(one.titles[0]), words, one.counts, one.totals, one.lengths, one.tokens,
                                   one.firsts)), words))
    return found


def _text(one: Sliced) -> str:
    spelled = "\n".join(one.words).encode("utf-8")
    data = b"".join((
        _HEAD.pack(len(one.counts), one.title, len(one.lengths), len(one.tokens), len(spelled)),
        one.counts.astype("<i4").tobytes(), one.totals.astype("<f4").tobytes(), one.lengths.astype("<f4").tobytes(),
        one.tokens.astype("<u4").tobytes(), one.firsts.astype(np.uint8).tobytes(), spelled))
    return base64.b64encode(zlib.compress(data, 6)).decode()


def read(text: str) -> Sliced:
    """What `written` wrote. Raises ValueError, struct.error or zlib.error for anything else."""
    data = zlib.decompress(base64.b64decode(text, validate=True))
    sentences, title, units, tokens, spelled = _HEAD.unpack_from(data)
    sizes = (20 * sentences, 4 * sentences, 4 * units, 4 * tokens, tokens, spelled)
    ends = np.cumsum([_HEAD.size, *sizes]).tolist()
    if ends[-1] != len(data):
        raise ValueError("not as long as it says")
    parts = [data[begin:end] for begin, end in itertools.pairwise(ends)]
    return Sliced(title, parts[5].decode("utf-8").split("\n") if spelled else [],
                  np.frombuffer(parts[0], "<i4").reshape(-1, 5).astype(np.int64), np.frombuffer(parts[1], "<f4"),
                  np.frombuffer(parts[2], "<f4"), np.frombuffer(parts[3], "<u4").astype(np.int64),
                  np.frombuffer(parts[4], np.uint8))


def joined(slices: Sequence[Sliced], numbers: Sequence[NDArray[np.int64]]) -> Sentences:
    """The sentences of several passages; `numbers` are those of each one's words."""
    def all_of(arrays: list[NDArray[Any]], empty: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([empty, *arrays]) if arrays else empty

    return Sentences(
        np.concatenate([[0], np.cumsum([len(one.counts) for one in slices])]).astype(np.int64),
        all_of([one.counts for one in slices], np.zeros((0, 5), np.int64)),
        np.array([one.title for one in slices], np.int64),
        all_of(list(numbers), np.zeros(0, np.int64)),
        all_of([one.totals for one in slices], np.zeros(0, np.float32)),
        all_of([one.lengths for one in slices], np.zeros(0, np.float32)),
        all_of([one.tokens for one in slices], np.zeros(0, np.int64)),
        all_of([one.firsts for one in slices], np.zeros(0, np.uint8)))

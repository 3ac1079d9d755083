"""How much each term weighs in each text: BM25, sorted in blocks and merged, in memory that does not grow."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

_SORTED = 500_000   # words sorted at once: some 60 MB
_MERGED = 2_000_000  # entries written at once: about as much

Numbers = NDArray[np.int64]


def write(weights: Path, rows: Path, texts: Sequence[Numbers], terms_of: NDArray[np.int32], terms: int, k1: float,
          b: float) -> Numbers:
    """Writes the entries of each term, one term after the other, as two arrays of NumPy's format that run in parallel:
    the texts that hold it (int32, ascending) and what each gets for it (float32). Gives where the entries of each
    begin, (terms + 1,).

    texts: the numbers of each text's words, repeated as it repeats them. terms_of: (words, most terms of a word), the
    numbers of each word's terms, negative where it has fewer.

    The weight is ln(1 + (N - n + 0.5) / (n + 0.5)) · f · (k1 + 1) / (f + k1 · (1 - b + b · length / average length)),
    see `qa.lexical.Lexical`. Raises OSError.
    """
    with tempfile.TemporaryFile(dir=weights.parent) as kept:
        lengths, frequencies, sizes = _sort(texts, terms_of, terms, kept)
        lists = np.concatenate([[0], np.cumsum(frequencies)])
        rarity = (k1 + 1) * np.log1p((len(texts) - frequencies + 0.5) / (frequencies + 0.5))
        length = k1 * (1 - b + b * lengths / max(float(lengths.mean()), 1e-9))
        with weights.open("wb") as weights_file, rows.open("wb") as rows_file:
            for file, kind in ((weights_file, "<f4"), (rows_file, "<i4")):
                np.lib.format.write_array_header_1_0(
                    file, {"descr": kind, "fortran_order": False, "shape": (int(lists[-1]),)})
            for term, row, count in _merged(kept, sizes, lists):
                weights_file.write((rarity[term] * count / (count + length[row])).astype("<f4").tobytes())
                rows_file.write(row.tobytes())
    return lists


def _sort(texts: Sequence[Numbers], terms_of: NDArray[np.int32], terms: int,
          kept: IO[bytes]) -> tuple[Numbers, Numbers, list[int]]:
    """Keeps block after block of entries, each sorted by term and text: all its terms, then their texts, then how often
    each holds it (int32). Gives how many terms each text has, how many texts hold each term, and how many entries
    each block has."""
    lengths = np.zeros(len(texts), np.int64)
    frequencies = np.zeros(terms, np.int64)
    sizes: list[int] = []
    for begin, part in _blocks(texts):
        owners = np.repeat(np.arange(begin, begin + len(part)), [len(words) for words in part])
        found = terms_of[np.concatenate(part)]
        known = found >= 0
        owners = np.repeat(owners, known.sum(axis=1))
        lengths[begin : begin + len(part)] = np.bincount(owners - begin, minlength=len(part))
        keys = found[known].astype(np.int64) << 32 | owners
        keys.sort()
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(firsts, append=len(keys))
        entries = keys[firsts]
        frequencies += np.bincount(entries >> 32, minlength=terms)
        for column in (entries >> 32, entries & 0xFFFFFFFF, counts):
            kept.write(column.astype("<i4").tobytes())
        sizes.append(len(entries))
    kept.flush()
    return lengths, frequencies, sizes


def _blocks(texts: Sequence[Numbers]) -> Iterator[tuple[int, list[Numbers]]]:
    part: list[Numbers] = []
    size = begin = 0
    for place, words in enumerate(texts):
        part.append(words)
        size += len(words)
        if size >= _SORTED or place == len(texts) - 1:
            yield begin, part
            part, size, begin = [], 0, place + 1


def _merged(kept: IO[bytes], sizes: list[int], lists: Numbers) -> Iterator[tuple[NDArray[np.int32], ...]]:
    """All entries by term and text: terms, texts, and how often; each time those of some successive terms."""
    ends = np.unique(np.searchsorted(lists, np.arange(_MERGED, lists[-1] + _MERGED, _MERGED), side="right") - 1)
    bounds = np.unique([0, *ends, len(lists) - 1])  # of terms; a term that is longer than that comes whole
    starts = np.cumsum([0, *(3 * 4 * size for size in sizes)])
    cuts = [np.searchsorted(_read(kept, start, size), bounds) for start, size in zip(starts, sizes, strict=False)]
    for number in range(len(bounds) - 1):
        columns = [np.concatenate([
            _read(kept, start + 4 * (column * size + cut[number]), cut[number + 1] - cut[number])
            for start, size, cut in zip(starts, sizes, cuts, strict=False)]) for column in range(3)]
        order = np.argsort(columns[0], kind="stable")  # texts ascend from block to block
        yield tuple(column[order] for column in columns)


def _read(kept: IO[bytes], start: int, count: int) -> NDArray[np.int32]:
    kept.seek(int(start))
    return np.frombuffer(kept.read(4 * int(count)), "<i4")

"""`Runs`: which articles of several segments count, in the order of their files, and the rows of their passages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa import ranges

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Runs:
    """Stretches of segments that follow one another: segment[i] from first[i] on, size[i] long, begins at start[i] of
    the whole. Of rows or of articles. Within one segment stretches ascend, and no two overlap."""

    segment: Numbers
    first: Numbers
    size: Numbers
    start: Numbers

    @staticmethod
    def of(segment: Numbers, first: Numbers, size: Numbers) -> Runs:
        """The stretches that are not empty."""
        kept = np.flatnonzero(size)
        size = size[kept]
        return Runs(segment[kept], first[kept], size, np.cumsum(size) - size)

    @staticmethod
    def joined(segment: Numbers, number: Numbers) -> Runs:
        """The fewest stretches that say the same as the segment of each thing and its number there."""
        breaks = np.flatnonzero((np.diff(segment) != 0) | (np.diff(number) != 1)) + 1
        ends = np.concatenate([[0], breaks, [len(segment)]]) if len(segment) else np.zeros(1, np.int64)
        return Runs.of(segment[ends[:-1]], number[ends[:-1]], np.diff(ends))

    def __len__(self) -> int:
        return int(self.size.sum())

    def places(self, numbers: Numbers) -> tuple[Numbers, Numbers]:
        """The segment of each of these numbers of the whole, and its number there. Raises IndexError."""
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self)):
            raise IndexError(f"no such row among {len(self)}")
        run = np.searchsorted(self.start, numbers, "right") - 1
        return self.segment[run], self.first[run] + numbers - self.start[run]

    def numbers(self, segment: int, there: Numbers) -> Numbers:
        """The numbers of the whole of some that count in one segment."""
        mine = np.flatnonzero(self.segment == segment)
        run = mine[np.searchsorted(self.first[mine], there, "right") - 1] if len(there) else mine[:0]
        return np.asarray(self.start[run] + there - self.first[run])

    def held(self, segment: int) -> Numbers:
        """The numbers of one segment that count, ascending."""
        mine = np.flatnonzero(self.segment == segment)
        return ranges.joined(self.first[mine], self.size[mine])

    def missing(self, segment: int, count: int) -> Numbers:
        """The others of its `count` numbers, ascending."""
        there = np.zeros(count, bool)
        there[self.held(segment)] = True
        return np.flatnonzero(~there)

    def bounded(self, bounds: Sequence[NDArray[np.int64]]) -> Runs:
        """Of articles, the rows of their passages: article n of segment s has the rows bounds[s][n] to
        bounds[s][n + 1]."""
        first, last = np.zeros(len(self.first), np.int64), np.zeros(len(self.first), np.int64)
        for segment in np.unique(self.segment).tolist():
            mine = self.segment == segment
            first[mine] = bounds[segment][self.first[mine]]
            last[mine] = bounds[segment][(self.first + self.size)[mine]]
        return Runs.of(self.segment, first, last - first)

    def save(self, path: Path) -> None:
        """Writes them as a NumPy array, (runs, 3). Raises OSError."""
        np.save(path, np.stack([self.segment, self.first, self.size], axis=1))

    @staticmethod
    def load(path: Path) -> Runs:
        """Raises OSError or ValueError for any other file."""
        read = np.load(path)
        if read.ndim != 2 or read.shape[1] != 3 or read.dtype != np.int64 or read.min(initial=0) < 0:
            raise ValueError(f"{path.name} holds no stretches")
        return Runs.of(*read.T)

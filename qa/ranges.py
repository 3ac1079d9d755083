"""Ranges of numbers, one after the other: where the things stand that some of many texts hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def joined(begins: NDArray[Any], counts: NDArray[Any]) -> NDArray[np.int64]:
    """begins[i], begins[i] + 1, … for counts[i] numbers, then those of i + 1, (sum of counts,)."""
    ends = np.cumsum(counts, dtype=np.int64)
    return np.asarray(np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(begins - (ends - counts), counts))

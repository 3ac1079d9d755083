"""Which segments a new generation shares with the one before, and which it writes anew.

A change is written as a small segment beside a large one that stays (log-structured merge trees: O'Neil, Cheng,
Gawlick, O'Neil 1996), small segments are put together as soon as they are no larger than what is being written, so that
there are few, each larger than all that follow (logarithmic merging: Lester, Moffat, Zobel 2005), and from time to time
everything is written anew.
"""

from __future__ import annotations

from collections.abc import Sequence

SHARED_FROM = 1_000  # passages: a smaller index is written anew in about a second
SHARE = 0.1          # of all passages may lie in small segments or be gone: more, and everything is written anew
SMALL = 500          # passages: segments of no more are put together at each change, in about a tenth of a second


def shared(living: Sequence[int], gone: Sequence[int], fresh: int) -> int:
    """How many of the segments, from the oldest on, a new generation shares with the one before.

    `living` are the passages of each that stay as they are, `gone` those that do not count or will not any more,
    `fresh` (about) how many there are besides. 0: none is shared.
    """
    if sum(living) + fresh < SHARED_FROM:
        return 0
    kept = len(living)
    while kept > 1 and living[kept - 1] <= max(fresh, SMALL):
        kept -= 1
        fresh += living[kept]
    beside = fresh + sum(living[1:kept]) + sum(gone[:kept])
    return kept if beside <= SHARE * (living[0] + beside) else 0

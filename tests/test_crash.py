"""A rebuild that is killed, or whose disk fails, at any moment: nothing lost, nothing wrong, nothing left over."""

from __future__ import annotations

import pytest

from bench import crash


@pytest.mark.skipif(crash.COMPILER is None, reason="needs a C compiler: apt-get install gcc")
@pytest.mark.parametrize("segments", [False, True])
@pytest.mark.slow
def test_a_stopped_rebuild_loses_nothing(segments: bool) -> None:
    """After each of 50 kills and 30 failing writes an old or a new generation answers exactly, without a word of
    damage; the next build succeeds by itself; and nothing is left over. `make nightly` does it a thousand times. And
    each step is synced before the next, which only a power cut would show otherwise. Also where generations share
    segments."""
    result = crash.run(50, 30, seed=3, segments=segments)
    assert result["wrong"] == []
    counts = result["counts"]
    assert counts["kills at a call"] + counts["kills at a random moment"] >= 35  # the others were done before
    assert counts["EIO"] == counts["ENOSPC"] == 15
    assert counts["faults said as an error"] >= 20


@pytest.mark.skipif(crash.COMPILER is None, reason="needs a C compiler: apt-get install gcc")
@pytest.mark.skipif(not crash.MOUNTABLE, reason="this machine allows no mounts of one's own (unshare -rm)")
@pytest.mark.slow
def test_a_full_disk_loses_nothing() -> None:
    """On a disk that really has no room, or a few pages too little, the old index answers on, and the next build
    succeeds as soon as there is room."""
    result = crash.run(0, 0, 10, seed=3)
    assert result == {"counts": {"builds on a disk that was too small": 10}, "wrong": []}

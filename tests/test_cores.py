"""Work spread over the cores: every item once, results in order, and what fails is raised."""

from __future__ import annotations

import os
import threading

import pytest

from qa import cores
from qa.cores import spread


@pytest.mark.parametrize("many", [1, 2, 4])
def test_results_come_in_the_order_of_the_items(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread takes which item, each is done once."""
    monkeypatch.setattr(cores, "cores", lambda: many)
    done: list[int] = []

    def square(number: int) -> int:
        done.append(number)
        return number * number

    assert spread(square, range(50)) == [number * number for number in range(50)]
    assert sorted(done) == list(range(50))
    assert spread(square, []) == []


def test_as_many_work_at_once_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three items that wait for one another are done when there are three cores."""
    monkeypatch.setattr(cores, "cores", lambda: 3)
    together = threading.Barrier(3)
    assert sorted(spread(lambda _: together.wait(timeout=60), range(3))) == [0, 1, 2]


def test_the_first_that_failed_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are done all the same."""
    monkeypatch.setattr(cores, "cores", lambda: 2)
    done: list[int] = []

    def fails_at_five_and_seven(number: int) -> None:
        done.append(number)
        if number in (5, 7):
            raise ValueError(number)

    with pytest.raises(ValueError, match=r"^5$"):
        spread(fails_at_five_and_seven, range(9))
    assert sorted(done) == list(range(9))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system ties no process to cores")
def test_a_process_tied_to_one_core_has_one() -> None:
    """A container or taskset decides, not the machine."""
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert cores.cores() == len(before)

"""Work spread over the cores: every item once, results in order, and what fails is raised; and turns that are fair."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from qa import cores
from qa.cores import Turns, busy, spread


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


def test_turns_are_taken_in_the_order_of_asking() -> None:
    """Two are let through at once; the others follow in the order they came, though one that failed was among them."""
    turns = Turns(2)
    came: list[int] = []
    may_leave = threading.Event()

    def first() -> None:
        with turns:
            may_leave.wait(timeout=60)

    def later(number: int) -> None:
        with contextlib.suppress(ValueError), turns:
            came.append(number)
            raise ValueError(number)

    holders = [threading.Thread(target=first) for _ in range(2)]
    waiting = [threading.Thread(target=later, args=(number,)) for number in range(6)]
    for thread in holders:
        thread.start()
    while turns._free:
        time.sleep(0.001)
    for number, thread in enumerate(waiting):
        thread.start()
        while len(turns._waiting) <= number:
            time.sleep(0.001)
    assert came == []
    may_leave.set()
    for thread in [*holders, *waiting]:
        thread.join(timeout=60)
    assert sorted(came) == list(range(6))
    assert came[0] in (0, 1)
    assert turns._free == 2


def test_a_child_process_has_all_turns() -> None:
    """A process that forks while others have their turn does not wait for them in the child."""
    turns = Turns(1)
    with turns:
        child = os.fork()
        if not child:
            signal.alarm(20)  # rather than wait for ever
            with turns:
                os._exit(7)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_a_process_that_computes_is_seen_at_once() -> None:
    """How busy the machine is just now, not in the last minute: this process, and the one beside it that never ends."""
    with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
        try:
            time.sleep(0.5)
            assert max(busy() for _ in range(20)) >= 2
        finally:
            other.kill()


def test_a_system_that_says_no_more_gives_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc."""

    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", missing)
    monkeypatch.setattr(os, "getloadavg", lambda: (2.5, 0.0, 0.0))
    assert busy() == 2.5

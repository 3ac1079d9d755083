"""The cores this process may use, and work spread over them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def cores() -> int:
    """How many cores this process may use: a container or `taskset` may give it fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """`function` of each item, in their order, on as many threads as there are cores; they begin in that order too.

    For functions that let the interpreter's lock go. Raises what the first item that failed has raised. The threads
    keep no interrupted command from ending.
    """
    waiting = deque(enumerate(items))
    done: dict[int, _Result] = {}
    failed: dict[int, Exception] = {}

    def work() -> None:
        while True:
            try:
                place, item = waiting.popleft()
            except IndexError:
                return
            try:
                done[place] = function(item)
            except Exception as error:
                failed[place] = error

    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(cores(), len(items)) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[min(failed)]
    return [done[place] for place in range(len(items))]

"""The cores this process may use, work spread over them, and turns taken where threads would hinder one another."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def cores() -> int:
    """How many cores this process may use: a container or `taskset` may give it fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def busy() -> float:
    """How many threads of all processes of the machine have or want a core just now, this one among them; in the mean
    of the last minute where the system says no more."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/loadavg", encoding="ascii") as file:
        return int(file.read().split()[3].partition("/")[0])
    return os.getloadavg()[0]


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


class Turns:
    """Lets so many threads through at once, in the order they came; a context manager.

    Threads that all need the interpreter's lock every few microseconds wait for it longer than they work.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._reset()
        if hasattr(os, "register_at_fork"):  # whoever was in the middle is not there any more
            os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._free = self._at_once
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            called = threading.Lock()
            called.acquire()
            self._waiting.append(called)
        try:
            called.acquire()
        except BaseException:  # interrupted
            self._leave(called)
            raise

    def _leave(self, called: threading.Lock) -> None:
        """Gives up waiting; a turn that came meanwhile goes to the next."""
        with self._lock:
            if called in self._waiting:
                self._waiting.remove(called)
                return
        self.__exit__(None, None, None)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1

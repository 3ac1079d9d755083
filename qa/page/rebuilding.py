"""A rebuild that runs beside the page: its newest progress, and stopping it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from qa.build import Progress

Rebuilds = Callable[[Callable[[Progress], None]], object]  # takes what is called with each file's progress


class Cancelled(Exception):
    """The reader stopped a rebuild."""


def steps(rebuild: Rebuilds, stop: threading.Event) -> Iterator[Progress]:
    """Runs `rebuild` in a thread and yields its newest progress; raises what it raises, or Cancelled.

    Whoever stops to listen stops the rebuild too: a reader who closed the page waits for nothing.
    """
    news: queue.SimpleQueue[Progress | None] = queue.SimpleQueue()
    failed: list[BaseException] = []

    def progress(step: Progress) -> None:
        if stop.is_set():
            raise Cancelled
        news.put(step)

    def run() -> None:
        try:
            rebuild(progress)
        except BaseException as error:
            failed.append(error)
        news.put(None)

    worker = threading.Thread(target=run, name="qa-rebuild", daemon=True)
    worker.start()
    try:
        step = news.get()
        while step is not None:
            while not news.empty() and step is not None:
                step = news.get()  # a browser needs the newest step only
            if step is not None:
                yield step
                step = news.get()
    finally:
        if worker.is_alive():
            stop.set()
        worker.join()
    if failed:
        raise failed[0]

"""A rebuild after few changes in a large folder, and answers from the segments that it leaves.

    python -m bench.changes                     # 1,000, 10,000 and 20,000 articles
    python -m bench.changes --articles 100000   # whose first build takes half an hour

The folder and its index stay in .work/bench/changes-N, so that the next run builds nothing from nothing. Answers are
compared with those from the index that bench.answers builds at once over the same articles, where it is there.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import time
from pathlib import Path

from bench import corpus, machine

ASKED = 100  # questions


def one(folder: Path, index: Path, counts: list[int]) -> None:
    """Rebuilds in this process, each after so many articles have changed; prints the seconds of each as JSON."""
    sys.modules["numba"] = None  # type: ignore[assignment]  # comes with what only benches need, and bm25s imports it
    import qa

    files = sorted(folder.rglob("*.txt"))
    chance = random.Random()
    done = []
    for count in counts:
        for path in chance.sample(files, count):
            with path.open("a", encoding="utf-8") as file:
                file.write(f"\nOne sentence more, number {chance.randrange(10**9)}.\n")
        time.sleep(0.1)  # files touched a moment ago would be read again
        began = time.perf_counter()
        report = qa.rebuild(folder, index=index)
        done.append([time.perf_counter() - began, report.passages, report.embedded])
    print(json.dumps(done))


def changed(folder: Path, index: Path, counts: list[int]) -> tuple[machine.Run, list[list[float]]]:
    return machine.told([sys.executable, "-m", "bench.changes", "--one", folder, index, *map(str, counts)])


def answering(index: Path) -> list[float]:
    """Seconds of each answer."""
    import qa

    spent = []
    for question in corpus.questions(ASKED + 10):
        began = time.perf_counter()
        qa.retrieve(question, index=index)
        spent.append(time.perf_counter() - began)
    return spent[10:]


def measure(count: int) -> list[object]:
    """A row of the table for a folder of so many articles."""
    from qa.index import open_index

    where = corpus.WORK / f"changes-{count}"
    folder, index = where / "articles", where / "index"
    if not folder.exists():
        shutil.copytree(corpus.folder(count), folder)
        time.sleep(0.1)
    changed(folder, index, [0])
    idle, _ = changed(folder, index, [0])
    first, (alone,) = changed(folder, index, [1])
    again = [changed(folder, index, [1])[0].seconds for _ in range(4)]
    _, (_, warm, many) = changed(folder, index, [1, 1, count // 100])
    parts = len(getattr(open_index(index).store, "parts", [0]))
    segments, beside = answering(index), corpus.WORK / f"index-articles-{count}"
    try:
        at_once = f"{1000 * machine.median(answering(beside)):.1f}"
    except Exception:  # not there, or of another format
        at_once = "–"
    return [f"{count:,}", f"{alone[1]:,.0f}", f"{machine.median([first.seconds, *again]):.2f}", f"{alone[0]:.2f}",
            f"{first.memory:.0f}", f"{warm[0]:.2f}", f"{idle.seconds:.2f}", f"{many[0]:.1f}", f"{many[2]:.0f}", parts,
            f"{1000 * machine.median(segments):.1f}", at_once]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[1_000, 10_000, 20_000], help="sizes of folders")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # what `changed` starts
    given = parser.parse_args()
    if given.one:
        return one(Path(given.one[0]), Path(given.one[1]), list(map(int, given.one[2:])))
    rows = [measure(count) for count in given.articles]
    print(machine.facts(), end="\n\n")
    machine.table(["articles", "passages", "one changed: the process, s (median of 5)", "of that `qa.rebuild`", "MB",
                   "in a process that has built before, s", "none changed: the process, s",
                   "one in a hundred changed, s", "passages embedded then", "segments", "answer from them, p50 ms",
                   "from one built at once, p50 ms"], rows)


if __name__ == "__main__":
    main()

"""A rebuild after few changes in a large folder, and answers from the segments that it leaves.

    python -m bench.changes                     # 1,000, 10,000 and 20,000 articles
    python -m bench.changes --articles 100000   # whose first build takes half an hour

The folder and its index stay in .work/bench/changes-N, so that the next run builds nothing from nothing. Answers are
compared with those from the index that bench.answers builds at once over the same articles, where it is there.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import time
from pathlib import Path

from bench import corpus, machine

ASKED = 100  # questions


# numba comes with what only benches need, and bm25s imports it
_COMMAND = "import sys; sys.modules['numba'] = None; from qa.cli import main; sys.exit(main(sys.argv[1:]))"


def change(folder: Path, count: int) -> None:
    """Changes so many articles of a folder."""
    chance = random.Random()
    for path in chance.sample(sorted(folder.rglob("*.txt")), count):
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\nOne sentence more, number {chance.randrange(10**9)}.\n")
    time.sleep(0.1)  # files touched a moment ago would be read again


def command(folder: Path, index: Path, count: int) -> tuple[machine.Run, dict[str, float]]:
    """`qa rebuild`, after so many articles have changed; its report."""
    change(folder, count)
    return machine.told([sys.executable, "-c", _COMMAND, "rebuild", folder, "--index", index, "--json"])


def one(folder: Path, index: Path, counts: list[int]) -> None:
    """Rebuilds in this process, each after so many articles have changed; prints the seconds of each as JSON."""
    sys.modules["numba"] = None  # type: ignore[assignment]
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does
    import qa

    done = []
    for count in counts:
        change(folder, count)
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
    command(folder, index, 0)
    idle = [command(folder, index, 0)[0].seconds for _ in range(5)]
    alone = [command(folder, index, 1) for _ in range(5)]
    _, (_, warm, many) = changed(folder, index, [1, 1, count // 100])
    parts = len(getattr(open_index(index).store, "parts", [0]))
    segments, beside = answering(index), corpus.WORK / f"index-articles-{count}"
    try:
        at_once = f"{1000 * machine.median(answering(beside)):.1f}"
    except Exception:  # not there, or of another format
        at_once = "–"
    return [f"{count:,}", f"{alone[0][1]['passages']:,}", f"{machine.median([run.seconds for run, _ in alone]):.2f}",
            f"{machine.median([report['seconds'] for _, report in alone]):.2f}",
            f"{machine.median([run.processor for run, _ in alone]):.2f}", f"{max(run.memory for run, _ in alone):.0f}",
            f"{warm[0]:.2f}", f"{machine.median(idle):.2f}", f"{many[0]:.1f}", f"{many[2]:.0f}", parts,
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
    machine.table(["articles", "passages", "one changed: the command, s (median of 5)", "of that `qa.rebuild`",
                   "of processor time", "MB", "in a process that has built before, s", "none changed: the command, s",
                   "one in a hundred changed, s", "passages embedded then", "segments", "answer from them, p50 ms",
                   "from one built at once, p50 ms"], rows)


if __name__ == "__main__":
    main()

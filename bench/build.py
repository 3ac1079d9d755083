"""The build: passages a second from a folder to an index, stage by stage, beside the plain recipe.

    python -m bench.build           # 1,000 and 10,000 articles, and again after one of them has changed
    python -m bench.build --quick   # 100 articles

Every build is a process of its own, so that its memory is its own. The plain recipe embeds the first articles of the
same folder, its imports and its model's loading not counted; qa's seconds are those of the whole process.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from bench import corpus, machine

PLAIN = 100  # articles that the plain recipe embeds: its passages a second do not depend on how many
RECIPE = Path(__file__).with_name("plain.py")
REST = "the rest"


def stages() -> dict[str, tuple[tuple[object, str], ...]]:
    """Which functions make up each stage."""
    from qa import articles, build, embedding, reading, store, switching

    return {
        "reading": ((articles, "scan"), (articles, "read_bytes"), (build, "_read")),
        "splitting": ((reading, "passages"),),
        "cutting": ((reading, "cut"),),
        "embedding": ((embedding, "_flush"),),
        "words": ((store, "build_lexical"),),
        "background": ((build, "background"),),
        "writing": ((store.Writer, "add"), (store.Writer, "finish"), (switching, "switch")),
        "checksums": ((switching, "checksums"),),
    }


def one(folder: Path, index: Path) -> None:
    """One rebuild in this process, its stages watched; prints them as JSON."""
    began = time.perf_counter()
    watch = machine.Stages()
    import qa

    with watch.watching(stages()), watch.stage(REST):
        report = qa.rebuild(folder, index=index)
    print(json.dumps({"report": report.to_dict(), "stages": watch.seconds, "seconds": time.perf_counter() - began}))


def built(folder: Path, index: Path) -> tuple[machine.Run, dict[str, object]]:
    done = machine.run([sys.executable, "-m", "bench.build", "--one", folder, index])
    if done.code:
        raise SystemExit(f"the build of {folder} ended with {done.code}: {done.errors[-2_000:]}")
    return done, machine.json_of(done)


def measure(count: int, model: Path) -> tuple[list[object], list[object], list[object]]:
    """A row of each table for a folder of so many articles."""
    folder, index = corpus.WORK / f"changing-{count}", corpus.WORK / f"build-{count}"
    for old in (folder, index):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(corpus.folder(count), folder)
    time.sleep(0.1)  # files touched a moment ago would be read again
    plain = machine.json_of(machine.run([sys.executable, RECIPE, "build", model, folder, index / "plain", str(PLAIN)]))
    shutil.rmtree(index)
    first, made = built(folder, index)
    plain_after = machine.json_of(
        machine.run([sys.executable, RECIPE, "build", model, folder, corpus.WORK / "plain-again", str(PLAIN)]))
    changed = sorted(folder.rglob("*.txt"))[count // 2]
    changed.write_text(changed.read_text("utf-8") + "\nOne sentence more.\n", "utf-8")
    again, after = built(folder, index)
    newest = max(index.glob("generations/0*"))
    size = sum(path.stat().st_size for path in newest.rglob("*") if path.is_file())
    shutil.rmtree(folder)
    shutil.rmtree(index)
    passages = made["report"]["passages"]
    ours = passages / first.seconds
    theirs = [run["passages"] / run["seconds"] for run in (plain, plain_after)]
    shares = {name: made["stages"].get(name, 0.0) for name in (*stages(), REST)}
    total = sum(shares.values())
    return ([f"{count:,}", f"{passages:,}", f"{first.seconds:.1f}", f"{ours:.0f}",
             " and ".join(f"{rate:.0f}" for rate in theirs), f"{2 * ours / sum(theirs):.1f}", f"{first.memory:.0f}",
             f"{size / passages:.0f}"],
            [f"{count:,}", *(f"{value:.1f} s ({100 * value / total:.0f} %)" for value in shares.values())],
            [f"{count:,}", f"{again.seconds:.1f}", after["report"]["embedded"], f"{again.memory:.0f}",
             *(f"{after['stages'].get(name, 0.0):.1f}" for name in shares)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[1_000, 10_000], help="sizes of folders")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)  # what `built` starts
    given = parser.parse_args()
    if given.one:
        return one(*given.one)
    model = machine.minilm()
    rows = [measure(count, model) for count in ([100] if given.quick else given.articles)]
    whole, split, again = zip(*rows, strict=True)
    print(machine.facts(), end="\n\n")
    machine.table(["articles", "passages", "seconds", "passages a second", "plain recipe, before and after",
                   "qa / plain recipe", "MB", "bytes of index a passage"], whole)
    print("Each stage by itself:\n")
    machine.table(["articles", *stages(), REST], split)
    print("Again after one article has changed, seconds:\n")
    machine.table(["articles", "in all", "passages embedded", "MB", *stages(), REST], again)


if __name__ == "__main__":
    main()

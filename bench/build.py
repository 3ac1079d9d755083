"""The build: passages a second from a folder to an index, stage by stage, beside the plain recipe.

    python -m bench.build           # 1,000 and 10,000 articles, and again after one of them has changed
    python -m bench.build --quick   # 100 articles

Every build is a process of its own, so that its memory is its own. The plain recipe embeds the first articles of the
same folder, its imports and its model's loading not counted; qa's seconds are those of the whole process. Its stages
are timed in a build on one core, where none of them hides behind another. With another model (all-MiniLM-L6-v2) a
build is compared with bare SentenceTransformer.encode of the very texts that it embeds.
"""

from __future__ import annotations

import argparse
import json
import os
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
    from qa import articles, build, embedding, reading, store, switching, weighing

    return {
        "reading": ((articles, "scan"), (articles, "read_bytes"), (build, "_read")),
        "splitting": ((reading, "passages"),),
        "cutting": ((reading, "cut"),),
        "embedding": ((reading, "meanings"), (embedding, "_flush")),
        "words": ((weighing.Writer, "advance"), (weighing.Writer, "finish")),
        "background": ((build, "background"),),
        "writing": ((store.Writer, "add"), (store.Writer, "finish"), (switching, "switch")),
        "checksums": ((switching, "checksums"),),
    }


def one(folder: Path, index: Path, cores: str = "0", model: str | None = None) -> None:
    """One rebuild in this process, its stages watched; prints them as JSON. `cores`: how many it may use, "0" for
    all."""
    began = time.perf_counter()
    if int(cores):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(cores):])
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command does, before numpy is imported
    watch = machine.Stages()
    import qa

    with watch.watching(stages()), watch.stage(REST):
        report = qa.rebuild(folder, index=index, model=model)
    print(json.dumps({"report": report.to_dict(), "stages": watch.seconds, "seconds": time.perf_counter() - began}))


def bare(index: Path, model: Path) -> None:
    """SentenceTransformer.encode of every document of an index in one call, which sorts them by length; prints its
    seconds, the model loaded."""
    from sentence_transformers import SentenceTransformer

    from qa.index import open_index
    from qa.store import document

    store = open_index(index).store
    texts = [document(passage) for passage in store.passages(range(store.count))]
    encoder = SentenceTransformer(str(model), device="cpu")
    encoder.encode(texts[:8])
    began = time.perf_counter()
    encoder.encode(texts, normalize_embeddings=True)
    print(json.dumps({"passages": len(texts), "seconds": time.perf_counter() - began}))


def built(folder: Path, index: Path, *given: object) -> tuple[machine.Run, dict[str, object]]:
    return machine.told([sys.executable, "-m", "bench.build", "--one", folder, index, *map(str, given)])


def measure(count: int, model: Path) -> tuple[list[object], list[object], list[object]]:
    """A row of each table for a folder of so many articles."""
    folder, index = corpus.WORK / f"changing-{count}", corpus.WORK / f"build-{count}"
    for old in (folder, index):
        shutil.rmtree(old, ignore_errors=True)
    shutil.copytree(corpus.folder(count), folder)
    time.sleep(0.1)  # files touched a moment ago would be read again
    _, plain = machine.told([sys.executable, RECIPE, "build", model, folder, index / "plain", str(PLAIN)])
    shutil.rmtree(index)
    first, made = built(folder, index)
    _, plain_after = machine.told(
        [sys.executable, RECIPE, "build", model, folder, corpus.WORK / "plain-again", str(PLAIN)])
    alone = corpus.WORK / f"build-alone-{count}"
    shutil.rmtree(alone, ignore_errors=True)
    _, split = built(folder, alone, 1)
    shutil.rmtree(alone)
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
    shares = {name: split["stages"].get(name, 0.0) for name in (*stages(), REST)}
    total = sum(shares.values())
    return ([f"{count:,}", f"{passages:,}", f"{first.seconds:.1f}", f"{ours:.0f}",
             " and ".join(f"{rate:.0f}" for rate in theirs), f"{2 * ours / sum(theirs):.1f}", f"{first.memory:.0f}",
             f"{size / passages:.0f}"],
            [f"{count:,}", *(f"{value:.1f} s ({100 * value / total:.0f} %)" for value in shares.values())],
            [f"{count:,}", f"{again.seconds:.1f}", after["report"]["embedded"], f"{again.memory:.0f}",
             *(f"{after['stages'].get(name, 0.0):.1f}" for name in shares)])


def transformed(count: int, model: Path) -> list[object]:
    """A row of the table of builds with another model: the bare encoder before and after."""
    index = corpus.WORK / f"build-transformer-{count}"
    shutil.rmtree(index, ignore_errors=True)
    done, made = built(corpus.folder(count), index, 0, model)
    again = [sys.executable, "-m", "bench.build", "--bare", index, model]
    rates = [run["passages"] / run["seconds"] for _, run in (machine.told(again) for _ in range(2))]
    shutil.rmtree(index)
    passages, embedding = made["report"]["passages"], made["stages"]["embedding"]
    return [f"{count:,}", f"{passages:,}", f"{done.seconds:.1f}", f"{embedding:.1f}", f"{passages / embedding:.1f}",
            " and ".join(f"{rate:.1f}" for rate in rates), f"{2 * passages / embedding / sum(rates):.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[1_000, 10_000], help="sizes of folders")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--transformer", type=int, nargs="*", default=[200], help="sizes of folders for another model")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)  # what `built` starts
    parser.add_argument("--bare", nargs=2, type=Path, help=argparse.SUPPRESS)  # what `transformed` starts
    given = parser.parse_args()
    if given.one:
        return one(Path(given.one[0]), Path(given.one[1]), *given.one[2:])
    if given.bare:
        return bare(*given.bare)
    model = machine.minilm()
    rows = [measure(count, model) for count in ([100] if given.quick else given.articles)]
    whole, split, again = zip(*rows, strict=True)
    print(machine.facts(), end="\n\n")
    machine.table(["articles", "passages", "seconds", "passages a second", "plain recipe, before and after",
                   "qa / plain recipe", "MB", "bytes of index a passage"], whole)
    print("Each stage by itself, on one core:\n")
    machine.table(["articles", *stages(), REST], split)
    print("Again after one article has changed, seconds:\n")
    machine.table(["articles", "in all", "passages embedded", "MB", *stages(), REST], again)
    others = [transformed(count, model) for count in ([20] if given.quick else given.transformer)]
    if others:
        print(f"With {machine.MODEL_PACKAGE} as --model, passages a second:\n")
        machine.table(["articles", "passages", "seconds", "of which embedding", "embedded a second",
                       "bare SentenceTransformer.encode, twice", "qa / bare"], others)


if __name__ == "__main__":
    main()

"""Kinds of vector index side by side, over real embeddings of real passages: speed, memory and what each misses.

    python -m bench.vectors             # 10,000, 100,000 and 1,000,000 passages: embeds for some minutes the first time
    python -m bench.vectors --quick     # 10,000 passages

One thread. Every kind is built, written, opened again as qa opens it (mapped, where FAISS can) in a process of its own,
and asked real questions one after another for the 50 best; recall is against comparing each question with every vector
in float32. "+ n" compares the n best again, exactly, with float16 vectors. Filters allow a tenth and a hundredth of all
rows, taken at random, which is the worst order that they can have. The floor is the time in which the same process
reads as many bytes as a search reads, once, from one end to the other.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import corpus, machine
from qa import encoder
from qa.vectors import SHORTLIST_FROM, VectorIndex, VectorWriter

WORK = corpus.ROOT / ".work" / "vectors"  # nothing of it is committed
K = 50  # what retrieval asks for
QUESTIONS, FILTERED = 300, 100
SHARES = (0.1, 0.01)
BATCH = 16_384
QA = "qa"
# kind: what FAISS's factory calls it, the least and the most vectors it is measured with, [(nprobe or efSearch,
# candidates compared exactly, 0 for none)]
KINDS: dict[str, tuple[str, int, int, tuple[tuple[int, int], ...]]] = {
    "float32": ("Flat", 0, 10**7, ((0, 0),)),
    "float16": ("SQfp16", 0, 10**7, ((0, 0),)),
    "bfloat16": ("SQbf16", 0, 100_000, ((0, 0),)),
    "8 bits": ("SQ8", 0, 10**7, ((0, 0), (0, 200))),
    "lists of float16": ("IVF{lists},SQfp16", 100_000, 10**7, ((16, 0), (64, 0), (256, 0))),
    "lists of 8 bits": ("IVF{lists},SQ8", 100_000, 100_000, ((64, 200), (256, 200))),
    "graph of 8 bits": ("HNSW16,SQ8", 0, 100_000, ((64, 200), (256, 200), (1_024, 1_024))),
    "1 bit": ("RaBitQfs", 0, 10**7, ((0, 1_000), (0, 2_000))),
    "4 bits for 8 dimensions": ("PQ{eighth}x4fs", 100_000, 10**7, ((0, 1_000), (0, 4_000))),
    "4 bits for 4 dimensions": ("PQ{quarter}x4fs", 100_000, 10**7, ((0, 500), (0, 1_000), (0, 2_000))),
    QA: (QA, 0, 10**7, ((0, 0),)),
}
Halves = NDArray[np.float16]


# --- embeddings ---------------------------------------------------------------------------------------------


def embeddings(count: int) -> Halves:
    """So many passages embedded by the shipped model, kept as float16, (count, dimension)."""
    model = encoder.load()
    path, size = WORK / "passages.f16", 2 * model.dimension
    if not path.exists() or path.stat().st_size < count * size:
        WORK.mkdir(parents=True, exist_ok=True)
        texts = islice(corpus.passages(), count)
        with path.with_suffix(".new").open("wb") as file:
            while batch := list(islice(texts, BATCH)):
                file.write(model.encode_passages(batch).astype("<f2").tobytes())
                print(f"{file.tell() // size:,} of {count:,} embedded", file=sys.stderr)
        path.with_suffix(".new").rename(path)
    return np.memmap(path, np.float16, "r", shape=(count, model.dimension))


def asked() -> NDArray[np.float32]:
    return encoder.load().encode_passages(corpus.questions(QUESTIONS))


def exact(rows: Halves, questions: NDArray[np.float32], allowed: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The K best rows of each question."""
    rows_of = np.arange(len(rows)) if allowed is None else allowed
    scores, best = np.zeros((len(questions), 0), np.float32), np.zeros((len(questions), 0), np.int64)
    for begin in range(0, len(rows_of), BATCH):
        some = rows_of[begin : begin + BATCH]
        scores = np.hstack([scores, questions @ rows[some].astype(np.float32).T])
        best = np.hstack([best, np.tile(some, (len(questions), 1))])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :K]
        scores, best = np.take_along_axis(scores, order, 1), np.take_along_axis(best, order, 1)
    return best


def recall(found: list[list[int]], truth: NDArray[np.int64], k: int) -> float:
    return float(np.mean([len(set(one[:k]) & set(other[:k].tolist())) / k
                          for one, other in zip(found, truth, strict=True)]))


# --- one kind, in a process of its own ----------------------------------------------------------------------


def build(kind: str, rows: Halves, folder: Path) -> dict[str, Any]:
    """Writes an index; what exact comparing needs besides lies in a file of its own."""
    import faiss

    count, dimension = rows.shape
    began = time.perf_counter()

    def batches() -> Iterator[NDArray[np.float32]]:
        for begin in range(0, count, BATCH):
            yield rows[begin : begin + BATCH].astype(np.float32)

    if kind == QA:
        writer = VectorWriter(folder / "v", folder / "s", dimension)
        for batch in batches():
            writer.add(batch)
        return {"search": writer.finish().to_dict(), "seconds": time.perf_counter() - began}
    name = KINDS[kind][0].format(lists=max(64, min(1_024, count // 64)), eighth=dimension // 8, quarter=dimension // 4)
    index = faiss.index_factory(dimension, name, faiss.METRIC_INNER_PRODUCT)
    if isinstance(index, faiss.IndexIVF):
        index.cp.max_points_per_centroid = 64
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efConstruction = 100
    index.train(rows[np.unique(np.linspace(0, count - 1, min(count, 65_536)).astype(int))].astype(np.float32))
    for batch in batches():
        index.add(batch)
    faiss.write_index(index, str(folder / "i"))
    spent = time.perf_counter() - began
    if any(candidates for _, candidates in KINDS[kind][3]):
        began = time.perf_counter()
        writer = VectorWriter(folder / "v", folder / "s", dimension, 10**9)
        for batch in batches():
            writer.add(batch)
        writer.finish()
        spent += time.perf_counter() - began
    return {"seconds": spent}


Finder = Callable[[NDArray[np.float32]], list[int]]


def finder(kind: str, folder: Path, effort: int, candidates: int, built: dict[str, Any], count: int,
           allowed: NDArray[np.int64] | None = None) -> Finder:
    """Opens an index as qa does and gives its search for one question. Raises RuntimeError where it has no filter."""
    import faiss

    if kind == QA:
        from qa.vectors import Search

        opened = VectorIndex(folder / "v", folder / "s", Search(**built["search"]))
        return lambda question: opened.nearest(question, K, allowed)[0].tolist()
    index = base = faiss.read_index(str(folder / "i"), faiss.IO_FLAG_MMAP_IFC)
    given: dict[str, Any] = {}
    if allowed is not None:
        mask = np.zeros(count, np.bool_)
        mask[allowed] = True
        given["sel"] = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    parameters = flat = None
    if isinstance(base, faiss.IndexIVF):
        parameters = faiss.SearchParametersIVF(nprobe=effort, **given)
    elif isinstance(base, faiss.IndexHNSW):
        parameters = faiss.SearchParametersHNSW(efSearch=effort, **given)
    elif given:
        parameters = faiss.SearchParameters(**given)
    if candidates:
        flat = faiss.read_index(str(folder / "v"), faiss.IO_FLAG_MMAP_IFC)
        index = faiss.IndexRefine(base, flat)
        parameters = faiss.IndexRefineSearchParameters(
            k_factor=candidates / K, **({"base_index_params": parameters} if parameters else {}))
    kept = base, index, flat  # FAISS does not hold on to them

    def find(question: NDArray[np.float32]) -> list[int]:
        return [int(row) for row in kept[1].search(question[None], K, params=parameters)[1][0] if row >= 0]

    return find


def resident() -> int:
    return next(int(line.split()[1]) * 1024 for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith("VmRSS"))


def times(find: Finder, questions: NDArray[np.float32]) -> tuple[list[float], list[list[int]]]:
    find(questions[0])
    seconds, found = [], []
    for question in questions:
        began = time.perf_counter()
        found.append(find(question))
        seconds.append(time.perf_counter() - began)
    return seconds, found


def reading(size: int) -> float:
    """Seconds to read so many bytes once."""
    data = np.ones(max(size // 4, 1), np.float32)
    best = []
    for _ in range(7):
        began = time.perf_counter()
        data.sum()
        best.append(time.perf_counter() - began)
    return min(best)


def one(kind: str, count: int, truth_file: str) -> list[dict[str, Any]]:
    """Builds and measures one kind."""
    import faiss

    faiss.omp_set_num_threads(1)
    folder = WORK / "index"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    rows = embeddings(count)
    with np.load(truth_file) as stored:
        questions, truth = stored["questions"], stored["truth"]
        filters = [(stored[f"rows{share}"], stored[f"truth{share}"]) for share in SHARES]
    child = os.fork()  # the memory that building takes is not the index's
    if not child:
        (folder / "built.json").write_text(json.dumps(build(kind, rows, folder)))
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError(f"{kind} could not be built")
    built = json.loads((folder / "built.json").read_text())
    measured = []
    for effort, candidates in KINDS[kind][3]:
        size = sum(path.stat().st_size for path in folder.iterdir()
                   if path.name in ("i", "v", "s")[: 1 if kind != QA and not candidates else 3])
        before = resident()
        find = finder(kind, folder, effort, candidates, built, count)
        seconds, found = times(find, questions)
        after = resident()
        filtered = []
        for allowed, expected in filters:
            try:
                narrowed = finder(kind, folder, effort, candidates, built, count, allowed)
                spent, got = times(narrowed, questions[:FILTERED])
            except RuntimeError:
                filtered.append(None)  # it knows no filter
            else:
                assert all(set(rows) <= set(allowed.tolist()) for rows in got), kind
                filtered.append([machine.median(spent), recall(got, expected, 10)])
        kept = Path(folder / "i").stat().st_size if kind != QA else (built["search"]["candidates"] and (
            folder / "s").stat().st_size) or size
        if KINDS[kind][0].startswith(("IVF", "HNSW")):
            kept = 0  # which bytes are read depends on the question
        also = 2 * rows.shape[1] * max(candidates, built.get("search", {}).get("candidates", 0), 0)
        measured.append({
            "kind": kind, "count": count, "effort": effort, "candidates": candidates, "build": built["seconds"],
            "search": built.get("search"), "file": size / count, "memory": max(0, after - before) / count,
            "p50": machine.median(seconds), "p99": machine.worst(seconds), "recall10": recall(found, truth, 10),
            "recall50": recall(found, truth, 50), "filtered": filtered,
            "floor": reading(kept + also) if kept else None})
        del find
    return measured


# --- all ----------------------------------------------------------------------------------------------------


def truth(count: int) -> str:
    """A file of the questions, their best rows, and the same under each filter."""
    path = WORK / f"truth-{count}.npz"
    if not path.exists():
        rows, questions = embeddings(count), asked()
        kept: dict[str, Any] = {"questions": questions, "truth": exact(rows, questions)}
        for share in SHARES:
            allowed = np.sort(np.random.default_rng(0).permutation(count)[: int(share * count)]).astype(np.int64)
            kept[f"rows{share}"] = allowed
            kept[f"truth{share}"] = exact(rows, questions[:FILTERED], allowed)
        np.savez(path, **kept)
    return str(path)


def rounding(count: int) -> float:
    """Recall@10 of float16 vectors against float32 ones."""
    model = encoder.load()
    whole = model.encode_passages(list(islice(corpus.passages(), count)))
    questions = asked()
    return recall(exact(whole.astype(np.float16), questions).tolist(), exact(whole, questions), 10)  # type: ignore[arg-type]


def row(one: dict[str, Any]) -> list[object]:
    name = one["kind"]
    if name == QA:
        search = one["search"]
        name = f"**qa**: {search['kind']}" + (f" + {search['candidates']:,}" if search["candidates"] else "")
    elif one["candidates"]:
        name += f" + {one['candidates']:,}"
    if one["effort"]:
        name += f", {'ef' if 'graph' in name else 'nprobe'} {one['effort']:,}"

    def ms(seconds: float | None) -> str:
        return "" if seconds is None else f"{1000 * seconds:.2f}"

    filters = [cell for each in one["filtered"]
               for cell in (("–", "–") if each is None else (ms(each[0]), f"{each[1]:.3f}"))]
    return [f"{one['count']:,}", name, f"{one['build']:.1f}", f"{one['file']:,.0f}", f"{one['memory']:,.0f}",
            ms(one["p50"]), ms(one["p99"]), ms(one["floor"]), f"{one['recall10']:.3f}", f"{one['recall50']:.3f}",
            *filters]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        given.sizes = [10_000]
    embeddings(max(given.sizes))
    if given.one:
        print(json.dumps(one(given.one, given.sizes[0], truth(given.sizes[0]))))
        return
    rows = []
    for count in given.sizes:
        truth(count)
        for kind in given.kinds:
            _, least, most, _ = KINDS[kind]
            if least <= count <= most:
                print(f"{count:,} {kind}", file=sys.stderr)
                done = machine.run([sys.executable, "-m", "bench.vectors", "--one", kind, "--sizes", str(count)])
                if done.code:
                    print(done.errors, file=sys.stderr)
                    continue
                for measured in json.loads(done.output):
                    rows.append(row(measured))
                    print("| " + " | ".join(map(str, rows[-1])) + " |", file=sys.stderr, flush=True)
    print(machine.facts(("numpy", "faiss-cpu")), end="\n\n")
    print(f"Exact below {SHORTLIST_FROM:,} vectors. Recall@10 of float16 against float32 vectors, 10,000 passages:"
          f" {rounding(10_000):.4f}\n")
    machine.table(["passages", "kind", "build, s", "file, bytes a passage", "memory", "p50 ms", "p99", "floor",
                   "recall@10", "recall@50", "a tenth: p50", "recall@10", "a hundredth: p50", "recall@10"], rows)


if __name__ == "__main__":
    main()

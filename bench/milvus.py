"""An index in Milvus: what is lost when the server is killed, and how fast and how well it finds.

    python -m bench.milvus                       # kills a real server (milvus 2.3.5) while 8 clients write
    python -m bench.milvus --index INDEX         # and copies the passages of an index in files into Milvus: latency
                                                 # and recall of 8 clients, on files, on Milvus Lite and on the server,
                                                 # exactly and with each graph the server has

The questions are real ones, which no passage was chosen for; recall is against comparing all vectors, in float32.

Rows are written as `qa rebuild` writes them. A row counts as acknowledged when the call that wrote it returned; it is
lost when it is not there, or is not as it was written, after the last restart.
"""

from __future__ import annotations

import argparse
import itertools
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench import corpus, machine
from bench.milvus_server import Server, missing
from qa.addresses import Address
from qa.articles import Found
from qa.closeness import Meter, asked
from qa.encoder import unit
from qa.engine import Engine, Within
from qa.errors import IndexProblem
from qa.index import Index, open_index
from qa.milvus import STRONG, Milvus
from qa.milvus_place import disconnect
from qa.milvus_store import BUILD_EF, NEIGHBOURS, MilvusStore
from qa.milvus_writer import MilvusWriter
from qa.retrieval import rank
from qa.store import Store

CLIENTS = 8
_FIELDS = (("row", "INT64"), ("passage", "VARCHAR"))
_DIMENSION = 64
_BATCH = 20     # rows a call
# index, how it is built, and how far it is searched
INDEXES: tuple[tuple[str, dict[str, int], tuple[dict[str, int], ...]], ...] = (
    ("HNSW", {"M": NEIGHBOURS, "efConstruction": BUILD_EF}, tuple({"ef": ef} for ef in (64, 256, 512, 1_024, 2_048,
                                                                                       4_096))),
    ("IVF_SQ8", {"nlist": 1_024}, tuple({"nprobe": lists} for lists in (64, 256))),
    ("SCANN", {"nlist": 1_024}, ({"nprobe": 256},)),
)  # DISKANN: the server on PyPI takes it, and then fails to build it again and again ("bad_function_call")
_RETRIES = 600  # of a client whose server is gone, a tenth of a second apart


def _row(number: int) -> dict[str, object]:
    generator = np.random.default_rng(number)
    return {"row": number, "passage": f"passage {number} " * 20,
            "vector": unit(generator.normal(size=(1, _DIMENSION)).astype(np.float32))[0]}


class _Client(threading.Thread):
    """Writes rows of its own until told to stop; a call that fails is made again."""

    def __init__(self, uri: str, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[int] = []
        self.failed = 0
        self.times: list[float] = []
        self._uri, self._number, self._until = uri, number, stop

    def run(self) -> None:
        milvus: Milvus | None = None
        for batch in itertools.count():
            rows = [(self._number + CLIENTS * (batch * _BATCH + place)) for place in range(_BATCH)]
            for _ in range(_RETRIES):
                if self._until.is_set():
                    return
                began = time.perf_counter()
                try:
                    milvus = milvus or Milvus(Address.read(self._uri))
                    milvus.call("upsert", "kill", [_row(row) for row in rows], timeout=10)
                except IndexProblem:
                    self.failed += 1
                    time.sleep(0.1)
                else:
                    self.acknowledged += rows
                    self.times.append(time.perf_counter() - began)
                    break


def kill(rounds: int, seconds: float) -> list[list[str]]:
    """One line a round: rows acknowledged so far, of those lost and doubled, calls that failed, milliseconds a call,
    and seconds until the server took writes again."""
    random.seed(8)
    lines: list[list[str]] = []
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), 1) as server:
        milvus = Milvus(Address.read(server.uri))
        milvus.make("kill", _FIELDS, _DIMENSION)
        milvus.index("kill", "vector", "FLAT", "IP")
        milvus.load("kill")
        stop = threading.Event()
        clients = [_Client(server.uri, number, stop) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for number in range(rounds):
            time.sleep(seconds * random.uniform(0.5, 1.5))
            server.kill()
            before = sum(len(client.times) for client in clients)
            began = time.perf_counter()
            server.start()
            while sum(len(client.times) for client in clients) == before and time.perf_counter() - began < 120:
                time.sleep(0.05)
            again = time.perf_counter() - began
            lines.append(_counted(number + 1, server.uri, clients, again))
        time.sleep(seconds)
        stop.set()
        for client in clients:
            client.join()
        lines.append(_counted(0, server.uri, clients, 0.0))
    return lines


def _counted(number: int, uri: str, clients: Sequence[_Client], again: float) -> list[str]:
    acknowledged = [row for client in clients for row in list(client.acknowledged)]
    milvus = Milvus(Address.read(uri))
    there: dict[int, int] = {}
    wrong = 0
    for _ in range(_RETRIES):
        try:
            there, wrong = _there(milvus, acknowledged)
            break
        except IndexProblem:
            time.sleep(0.2)  # it is still starting
    lost = len(set(acknowledged) - set(there)) + wrong
    doubled = sum(count > 1 for count in there.values())
    times = [one for client in clients for one in list(client.times)]
    return [str(number) if number else "at the end", f"{len(acknowledged):,}", str(lost), str(doubled),
            str(sum(client.failed for client in clients)), f"{1e3 * statistics.median(times):.0f}",
            f"{1e3 * float(np.quantile(times, 0.95)):.0f}", f"{again:.1f}" if number else ""]


def _there(milvus: Milvus, acknowledged: Sequence[int]) -> tuple[dict[int, int], int]:
    """How often each row stands there, and how many of some hundred are not as they were written."""
    milvus.load("kill")
    milvus.count("kill", consistency=STRONG)  # from here on everything acknowledged is seen
    counts: dict[int, int] = {}
    pages = milvus.call("query_iterator", "kill", filter="row >= 0", batch_size=10_000, output_fields=["row"],
                        consistency_level=STRONG, timeout=60)
    while page := pages.next():
        for row in page:
            counts[int(row["row"])] = counts.get(int(row["row"]), 0) + 1
    pages.close()
    some = random.sample(list(acknowledged), min(200, len(acknowledged)))
    held = milvus.rows("kill", some, ["passage", "vector"], "row", STRONG)
    wrong = sum(row in held and (held[row]["passage"] != _row(row)["passage"]
                                 or not np.allclose(held[row]["vector"], np.asarray(_row(row)["vector"])))
                for row in some)
    return counts, wrong


# --- how fast and how well it finds -------------------------------------------------------------------------


def copied(files: Store, milvus: Milvus, exact: bool) -> Engine:
    """The passages of an index in files, in Milvus: days, vectors and terms, as `qa rebuild` writes them."""
    token = f"{time.time_ns():016x}"
    dimension = files.vectors(np.zeros(1, np.int64)).shape[1]
    with MilvusWriter(milvus, token, dimension, sys.maxsize if exact else 0) as writer:
        for known in files.known().values():
            article, rows = files.article(known.file), files.rows_of(known.file)
            assert article is not None
            writer.add(Found(known.file, known.size, known.modified, known.touched), known.sha256, article,
                       files.passages(rows.tolist()), files.vectors(rows), (files.cuts, rows))
        writer.finish()
    return MilvusStore(milvus, token)


class _Tuned(MilvusStore):
    """Searches with what a test of an index says."""

    parameters: ClassVar[dict[str, Any]] = {}

    def _parameters(self, filtered: bool, limit: int) -> dict[str, Any]:
        return {"params": self.parameters}


def reindexed(milvus: Milvus, engine: MilvusStore, kind: str, **built: int) -> None:
    """Puts another index over the vectors of a generation; returns when it is loaded."""
    name = engine._passages
    milvus.call("release_collection", name, timeout=600)
    milvus.call("drop_index", name, "vector", timeout=600)
    milvus.index(name, "vector", kind, "IP", **built)
    milvus.indexed(name, "vector", engine.count)
    milvus.load(name)


def measured(name: str, engine: Engine, vectors: np.ndarray, truth: dict[str, list[list[int]]],
             withins: dict[str, Within]) -> list[list[str]]:
    """One line a filter: median and 95th percentile of one client and of eight, questions a second of the eight, and
    recall of the 10 and of the 50 nearest."""
    lines = []
    for label, within in withins.items():
        def search(vector: np.ndarray, within: Within = within) -> tuple[float, list[int]]:
            began = time.perf_counter()
            rows, _ = engine.nearest(vector, 50, within)
            return time.perf_counter() - began, rows.tolist()

        search(vectors[0])
        alone = [search(vector) for vector in vectors]
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as threads:
            together = list(threads.map(search, vectors))
        rate = len(vectors) / (time.perf_counter() - began)
        recalls = [statistics.mean(len(set(found[:k]) & set(true[:k])) / max(1, len(true[:k])) for (_, found), true in
                                   zip(alone, truth[label], strict=True)) for k in (10, 50)]
        lines.append([name, label, *(_ms([took for took, _ in runs]) for runs in (alone, together)), f"{rate:.0f}",
                      *(f"{recall:.3f}" for recall in recalls)])
        print(" | ".join(lines[-1]), file=sys.stderr)
    return lines


def ranked(name: str, index: Index, questions: Sequence[str]) -> list[str]:
    """One line: candidates found, read and measured, by one client and by eight, for questions never asked before."""
    def answer(question: str) -> float:
        began = time.perf_counter()
        rank(index, asked(question, index.encoder, "en"), "en")
        return time.perf_counter() - began

    half = len(questions) // 2
    answer("warm up")
    alone = [answer(question) for question in questions[:half]]
    with ThreadPoolExecutor(CLIENTS) as threads:
        together = list(threads.map(answer, questions[half:]))
    return [name, "candidates of a question, read and measured", _ms(alone), _ms(together), "", "", ""]


def _ms(times: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(times):.1f} / {1e3 * float(np.quantile(times, 0.95)):.1f}"


def _memory(server: Server) -> str:
    """What the server has in memory."""
    assert server.process is not None
    return f"{int(Path(f'/proc/{server.process}/statm').read_text().split()[1]) * 4_096 / 1e6:.0f} MB"


def found(where: str, questions: int, lite: bool, indexes: Sequence[str]) -> list[list[str]]:
    """The table of latency and recall over the passages of one index in files."""
    opened = open_index(where)
    files = opened.store
    assert isinstance(files, Store)
    texts = corpus.questions(2 * questions)
    vectors = np.stack([opened.encoder.encode_question(text) for text in texts[:questions]])
    withins = {"all": Within(), "one file in ten": Within(file="*7.*"), "one file in a hundred": Within(file="*77.*")}
    every = files.vectors(np.arange(files.count))
    truth = {}
    for label, within in withins.items():
        among = files.within(within)
        inside = np.arange(files.count) if among is None else among
        truth[label] = [inside[np.argsort(-(every[inside] @ vector))[:50]].tolist() for vector in vectors]
        print(f"{label}: {len(inside):,} passages", file=sys.stderr)
    del every

    def lines_of(name: str, engine: Engine) -> list[list[str]]:
        return [*measured(name, engine, vectors, truth, withins),
                ranked(name, replace(opened, store=engine, meter=Meter(engine, opened.encoder)), texts[questions:])]

    lines = lines_of(files.name, files)
    with tempfile.TemporaryDirectory() as folder:
        if lite:
            own = Milvus(Address.read(f"{folder}/bench.db"), make=True)
            lines += lines_of("Milvus Lite, exact", copied(files, own, True))
            own.close()
        with Server(Path(folder, "server"), 2) as server:
            milvus = Milvus(Address.read(server.uri))
            began = time.perf_counter()
            exact = copied(files, milvus, True)
            inserted = time.perf_counter() - began
            stored = sum(path.stat().st_size for path in Path(folder, "server").rglob("*") if path.is_file())
            print(f"inserted in {inserted:.0f} s: {stored / files.count:,.0f} bytes a passage on disk, logs and all",
                  file=sys.stderr)
            assert isinstance(exact, MilvusStore)
            lines += lines_of(f"Milvus 2.3.5, exact, {_memory(server)}", exact)
            for kind, built, searched in (one for one in INDEXES if one[0] in indexes):
                began = time.perf_counter()
                try:
                    reindexed(milvus, exact, kind, **built)
                    loaded = f"{kind}, {time.perf_counter() - began:.0f} s, {_memory(server)}"
                    for parameters in searched:
                        tuned = _Tuned(milvus, exact._token)
                        tuned.parameters = parameters
                        (said,) = [f"{name} {value}" for name, value in parameters.items()]
                        lines += measured(f"Milvus 2.3.5, {loaded}, {said}", tuned, vectors, truth, withins)
                except IndexProblem as error:
                    lines.append([f"Milvus 2.3.5, {kind}", f"refused: {error}", *[""] * 5])
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="times the server is killed (default: 5)")
    parser.add_argument("--seconds", type=float, default=5, help="of writing before each kill (default: 5)")
    parser.add_argument("--index", help="an index in files whose passages are copied, for latency and recall")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--indexes", nargs="*", default=[kind for kind, *_ in INDEXES], help="besides comparing all")
    parser.add_argument("--no-lite", action="store_true", help="leave Milvus Lite out")
    given = parser.parse_args()
    if reason := missing():
        sys.exit(f"bench.milvus: {reason}")
    print(machine.facts(("pymilvus", "milvus", "milvus-lite", "faiss-cpu", "numpy")))
    if given.rounds:
        machine.table(
            ["kill", "rows acknowledged", "lost", "doubled", "calls failed", "ms a call", "95th", "s until it writes"],
            kill(given.rounds, given.seconds))
    if given.index:
        machine.table(["engine", "filter", "one client, ms median / 95th", "eight", "questions a second", "recall@10",
                       "recall@50"], found(given.index, given.questions, not given.no_lite,
                                            given.indexes))
    disconnect()


if __name__ == "__main__":
    main()

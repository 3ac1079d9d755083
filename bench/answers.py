"""Each answer: `qa.retrieve` on an open index, by one client and by eight, split into its stages.

    python -m bench.answers             # over 1,000, 10,000 and 100,000 passages
    python -m bench.answers --quick     # over 1,000 passages, 60 questions
    python -m bench.answers --million   # over 1,100,000, in the index that bench.growth makes

Real questions, each asked once, half of them in languages that the articles are not written in. After each answer the
bare vector search of the same index is timed for the same question, so that what else the machine does falls on both.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

import qa
from bench import corpus, growth, machine
from qa import answers, closeness, cuts, index, lexical, ranker, retrieval, store

STAGES = {
    "understanding": ((answers, "understand"),),
    "embedding": ((answers, "asked"),),
    "vector search": ((store.Store, "nearest"),),
    "word search": ((lexical.Lexical, "search"),),
    "cuts": ((cuts.Cuts, "of"),),
    "coverage": ((lexical.Lexical, "covered"),),
    "interaction": ((closeness.Meter, "sentences"),),
    "cosines": ((closeness.Meter, "met"),),
    "ranker": ((ranker.Meeting, "of"), (ranker.Ranker, "merits")),
    "marking": ((answers, "_answering"), (answers, "_matched")),
    "hits": ((answers, "_hits"),),
    "files": ((index.Index, "there"), (index.Index, "changed")),
}
REST = "the rest"


def search(opened: index.Index, question: str) -> float:
    """Seconds of the bare vector search of one question, its vector made beforehand."""
    vector = opened.encoder.encode_question(question)
    began = time.perf_counter()
    opened.store.nearest(vector, retrieval.CANDIDATES)
    return time.perf_counter() - began


def answer(where: Path, question: str) -> float:
    """Seconds of one whole answer."""
    began = time.perf_counter()
    qa.retrieve(question, index=where)
    return time.perf_counter() - began


def floor(opened: index.Index) -> float:
    """The least seconds in which one thread can read all vectors from memory: what stops exact search."""
    vectors = np.ones((opened.store.count, opened.encoder.dimension), np.float32)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        vectors.sum()
        times.append(time.perf_counter() - began)
    return min(times)


def measure(where: Path, questions: list[str], clients: int) -> tuple[list[object], list[object], list[object]]:
    """A row of each table for an index."""
    opened = index.open_index(where)
    for question in questions[:10]:
        answer(where, question)
    stages = machine.Stages()
    whole, bare = [], []
    with stages.watching(STAGES):
        for question in questions[10:]:
            with stages.stage(REST):
                whole.append(answer(where, question))
            bare.append(search(opened, question))
        # the bare searches went through Store.nearest too
        stages.seconds["vector search"] -= sum(bare)
    with ThreadPoolExecutor(clients) as threads:
        began = time.perf_counter()
        many = list(threads.map(lambda question: answer(where, question), questions[10:]))
        spent = time.perf_counter() - began
        nearest = list(threads.map(lambda question: search(opened, question), questions[10:]))
    name = f"{opened.store.count:,}"
    milliseconds = [f"{1000 * value:.1f}" for value in (
        machine.median(whole), machine.worst(whole), machine.median(bare), machine.worst(bare), floor(opened))]
    ratios = [f"{machine.ratio(bare, whole):.1f}", f"{machine.worst(whole) / machine.median(whole):.1f}"]
    total = sum(stages.seconds.values())
    return ([name, *milliseconds, *ratios],
            [name, *(f"{1000 * stages.seconds[stage] / len(whole):.1f} ({100 * stages.seconds[stage] / total:.0f} %)"
                     for stage in (*STAGES, REST))],
            [name, f"{len(many) / spent:.1f}", *(f"{1000 * value:.1f}" for value in (
                machine.median(many), machine.worst(many), machine.median(nearest), machine.worst(nearest)))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[200, 2_000, 20_000], help="sizes of folders")
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--million", action="store_true")
    given = parser.parse_args()
    if given.quick:
        given.articles, given.questions = [200], 60
    questions = corpus.questions(given.questions + 10)
    rows = []
    for count in [100_000] if given.million else given.articles:
        print(f"{count:,} articles", file=sys.stderr)
        where = growth.where(count) if given.million else corpus.WORK / f"index-articles-{count}"
        if not given.million:
            qa.rebuild(corpus.folder(count), index=where)
        rows.append(measure(where, questions, given.clients))
    whole, split, many = zip(*rows, strict=True)
    print(machine.facts(), end="\n\n")
    print(f"One client, {given.questions} questions, milliseconds:\n")
    machine.table(["passages", "answer p50", "p99", "bare vector search p50", "p99", "reading all vectors once",
                   "answer / bare", "p99 / p50"], whole)
    print("Mean milliseconds an answer spends in each stage itself:\n")
    machine.table(["passages", *STAGES, REST], split)
    print(f"{given.clients} clients, milliseconds:\n")
    machine.table(["passages", "answers a second", "answer p50", "p99", "bare vector search p50", "p99"], many)


if __name__ == "__main__":
    main()

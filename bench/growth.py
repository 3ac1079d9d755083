"""What size costs: a build and an answer over ten, a hundred and a thousand times as many passages, as a plot.

    python -m bench.growth              # 100 to 100,000 articles, about 1,000 to 1,000,000 passages of 500 characters
    python -m bench.growth --articles 100000 --kept     # that one anew, the others as they were measured last
    python -m bench.growth --again      # only the answers, over the indexes that were built last
    python -m bench.growth --quick      # 100 and 1,000 articles, and no plot

Every build is a process of its own, and so is every round of questions; the questions are real, each asked once. The
cost of a build is its processor time, which other work on the machine changes less than the clock's; the
exponent is the slope of the straight line through the logarithms: 1 is as many times the cost as there are passages.
Writes docs/growth.svg (matplotlib, of the extra `dev`).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import corpus, machine

PASSAGES = 500  # characters: so that the text there is makes a million
KEPT = corpus.WORK / "growth.json"
PLOT = corpus.ROOT / "docs" / "growth.svg"
# curve: what it is called, its colour
CURVES = {"processor": ("build, processor time", "#1f77b4"), "p50": ("answer, p50", "#d62728"),
          "bare": ("vector search, p50", "#2ca02c")}


def build(articles: int) -> None:
    """One rebuild from nothing in this process; prints its report as JSON."""
    import qa

    report = qa.rebuild(corpus.folder(articles), index=where(articles), passage_size=PASSAGES, full=True)
    print(json.dumps(report.to_dict()))


def ask(articles: int, questions: int) -> None:
    """Asks over an index in this process; prints the seconds of each answer and of each bare search."""
    import qa
    from qa import index, retrieval

    opened = index.open_index(where(articles))
    asked = corpus.questions(questions + 10)
    whole, bare = [], []
    for question in asked:
        began = time.perf_counter()
        qa.retrieve(question, index=where(articles))
        whole.append(time.perf_counter() - began)
        vector = opened.encoder.encode_question(question)
        began = time.perf_counter()
        opened.store.nearest(vector, retrieval.CANDIDATES)
        bare.append(time.perf_counter() - began)
    print(json.dumps({"whole": whole[10:], "bare": bare[10:],
                      "search": opened.manifest.files["vectors.faiss"]["search"]}))


def where(articles: int) -> Path:
    return corpus.WORK / f"growth-{articles}"


def measure(articles: int, questions: int) -> dict[str, Any]:
    """Builds and asks, each in a process of its own."""
    made, report = machine.told([sys.executable, "-m", "bench.growth", "--build", str(articles)])
    newest = max(where(articles).glob("generations/0*"))
    return {"articles": articles, "passages": report["passages"], "seconds": made.seconds,
            "processor": made.processor, "memory": made.memory,
            "disk": sum(path.stat().st_size for path in newest.rglob("*") if path.is_file()),
            **asking(articles, questions)}


def asking(articles: int, questions: int) -> dict[str, Any]:
    """Asks over the index that stands, in a process of its own."""
    asked, answers = machine.told([sys.executable, "-m", "bench.growth", "--ask", str(articles),
                                   "--questions", str(questions)])
    return {"p50": machine.median(answers["whole"]), "p99": machine.worst(answers["whole"]),
            "bare": machine.median(answers["bare"]), "serving": asked.memory, "search": answers["search"]}


def exponent(measured: list[dict[str, Any]], name: str) -> float:
    """The slope of the line through the logarithms of passages and of what they cost."""
    passages, costs = (np.log([one[of] for one in measured]) for of in ("passages", name))
    return float(np.polyfit(passages, costs, 1)[0])


def plot(measured: list[dict[str, Any]]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "qa"  # the same figures give the same file
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
    passages = [one["passages"] for one in measured]
    for name, (label, colour) in CURVES.items():
        axes.plot(passages, [one[name] for one in measured], "o-", color=colour,
                  label=f"{label} (exponent {exponent(measured, name):.2f})")
    axes.set(xscale="log", yscale="log", xlabel="passages", ylabel="seconds", title="What size costs")
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    figure.savefig(PLOT, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[100, 1_000, 10_000, 100_000])
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--kept", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--build", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--ask", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.build:
        return build(given.build)
    if given.ask:
        return ask(given.ask, given.questions)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() and (given.kept or given.again) else {}
    for articles in [100, 1_000] if given.quick else given.articles:
        corpus.folder(articles)
        kept[str(articles)] = {**kept[str(articles)], **asking(articles, given.questions)} if given.again else measure(
            articles, given.questions)
        KEPT.write_text(json.dumps(kept))
    measured = sorted(kept.values(), key=lambda one: one["passages"])
    print(machine.facts(("numpy", "faiss-cpu", "bm25s")), end="\n\n")
    machine.table(
        ["articles", "passages", "search", "build, s", "processor, s", "passages a processor second", "MB",
         "bytes of index a passage", "answer p50", "p99", "vector search p50", "MB of a process that asked"],
        [[f"{one['articles']:,}", f"{one['passages']:,}", one["search"]["kind"], f"{one['seconds']:.0f}",
          f"{one['processor']:.0f}", f"{one['passages'] / one['processor']:.0f}", f"{one['memory']:.0f}",
          f"{one['disk'] / one['passages']:,.0f}",
          *(f"{1000 * one[name]:.1f} ms" for name in ("p50", "p99", "bare")), f"{one['serving']:.0f}"]
         for one in measured])
    print("Exponents: " + ", ".join(f"{label.split(',')[0]} {exponent(measured, name):.2f}"
                                    for name, (label, _) in CURVES.items()))
    if not given.quick:
        plot(measured)


if __name__ == "__main__":
    main()

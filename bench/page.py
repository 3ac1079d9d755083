"""The page beside an empty Gradio page, and readers at once beside the bare function.

    python -m bench.page                            # over seeds/, with the questions of the tests
    python -m bench.page --rounds 3 --readers 1 8   # a short look

Three tables: when one can type, from the question to the cards, and 1, 8, 32 and 128 readers at once. Ends with 1 when
a goal is missed or an answer is not the one that `qa.ask` gives. Needs Chromium; everything stays on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import qa
from bench.corpus import ROOT
from bench.machine import median, table, worst
from qa.evaluation import read_questions

READY, CARDS, READERS = 1.5, 0.3, 32  # times an empty page; seconds; how many at once must all be right
BOX = "#qa-question textarea"
# The first moment at which `selector` is there to type into, in milliseconds since the visit began.
WATCH = """(selector) => {
  const look = () => {
    const box = document.querySelector(selector);
    if (!box || box.disabled || !box.getClientRects().length) requestAnimationFrame(look);
    else window.ready = performance.now();
  };
  look();
}"""
# From the key press to the frame that holds the cards of this very question, in milliseconds.
ASK = """(question) => new Promise((done) => {
  const box = document.querySelector("#qa-question textarea");
  const began = performance.now();
  box.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  box.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true, cancelable: true }));
  const look = () => {
    const answer = document.querySelector("#qa-answer");
    if (answer?.dataset.question === question && answer.querySelector(".qa-card")) done(performance.now() - began);
    else requestAnimationFrame(look);
  };
  look();
})"""


class Timed:
    """`qa.ask`, which notes how long each answer took."""

    def __init__(self, index: Path) -> None:
        self.index = index
        self.seconds: list[float] = []

    def __call__(self, question: str, **narrowed: Any) -> qa.Answer:
        began = time.perf_counter()
        try:
            return qa.ask(question, index=self.index, **narrowed)
        finally:
            self.seconds.append(time.perf_counter() - began)


# --- in a browser -------------------------------------------------------------------------------------------


def empty_page() -> Any:
    """The least that one can type into: Gradio's own page with one box and nothing of ours."""
    import gradio as gr

    with gr.Blocks() as blocks:
        gr.Textbox(label="Question")
    return blocks


def ready(browser: Any, address: str, selector: str, *, again: bool) -> float:
    """Seconds until one can type; `again`: on a second visit, when the browser knows the files already."""
    context = browser.new_context(locale="fr-FR")
    tab = context.new_page()
    if again:
        tab.goto(address)
        tab.locator(selector).wait_for()
    tab.add_init_script(f"({WATCH})({json.dumps(selector)})")
    tab.goto(address)
    tab.wait_for_function("window.ready !== undefined")
    seconds = float(tab.evaluate("window.ready")) / 1000
    context.close()
    return seconds


def typing(browser: Any, address: str, plain: str, rounds: int) -> list[str]:
    missed, rows = [], []
    for label, again in (("first visit", False), ("later visit", True)):
        times: dict[str, list[float]] = {"empty": [], "qa": []}
        for _ in range(rounds):  # in turn, so that what else the machine does falls on both
            times["empty"].append(ready(browser, plain, "textarea", again=again))
            times["qa"].append(ready(browser, address, BOX, again=again))
        empty, ours = median(times["empty"]), median(times["qa"])
        rows.append([label, f"{empty:.2f} s", f"{ours:.2f} s", f"{ours / empty:.2f}"])
        if ours > READY * empty and not again:  # a later one is told, but waits for no network
            missed.append(f"{label}: {ours / empty:.2f} times the empty page, more than {READY}")
    table([f"ready to type, median of {rounds}", "empty Gradio page", "qa", "qa / empty"], rows)
    return missed


def cards(browser: Any, address: str, timed: Timed, questions: Sequence[str]) -> list[str]:
    tab = browser.new_context(locale="fr-FR").new_page()
    tab.goto(address)
    tab.locator("#qa-folder summary").first.wait_for()
    whole, own = [], []
    for question in questions:
        tab.fill(BOX, question)
        before = len(timed.seconds)
        seconds = tab.evaluate(ASK, question) / 1000
        whole.append(seconds)
        own.append(sum(timed.seconds[before:]))
    rest = [one - other for one, other in zip(whole, own, strict=True)]
    table([f"question to cards, {len(questions)} questions", "median", "p99", "worst"], [
        [label, *(f"{1000 * value:.0f} ms" for value in (median(values), worst(values), max(values)))]
        for label, values in (("from Enter to the cards", whole), ("the server's own answering", own),
                              ("the rest", rest))])
    if max(rest) <= CARDS:
        return []
    return [f"question to cards takes {max(rest):.2f} s more than answering, over {CARDS} s"]


# --- many at once -------------------------------------------------------------------------------------------


async def _visit(address: str, number: int, each: int, questions: Sequence[str], expected: dict[str, Any],
                 times: list[float], wrong: list[str]) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=300) as client:
        for turn in range(each):
            question = questions[(number + turn) % len(questions)]
            began = time.perf_counter()
            try:
                call = await client.post(f"{address}gradio_api/call/ask", json={"data": [question]})
                events = (await client.get(f"{address}gradio_api/call/ask/{call.json()['event_id']}")).text
                found = json.loads(events.split("event: complete\ndata: ")[1].split("\n")[0])[0]
            except (httpx.HTTPError, LookupError, ValueError) as error:
                wrong.append(f"{question}: {error!r}")
                continue
            times.append(time.perf_counter() - began)
            if found["hits"] != expected[question]:
                wrong.append(f"{question}: another answer")


async def _visits(address: str, readers: int, each: int, expected: dict[str, Any]) -> dict[str, Any]:
    times: list[float] = []
    wrong: list[str] = []
    questions = list(expected)
    began = time.perf_counter()
    await asyncio.gather(*(_visit(address, number, each, questions, expected, times, wrong)
                           for number in range(readers)))
    return {"seconds": time.perf_counter() - began, "times": times, "wrong": wrong}


def over_http(address: str, readers: int, each: int, expected: Path) -> dict[str, Any]:
    """Readers in a process of their own, so that what they do is no work of the server's."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.page", "--visit", address, str(readers), str(each), str(expected)],
        capture_output=True, text=True, check=True, cwd=ROOT)
    return dict(json.loads(done.stdout))


def bare(ask: Callable[[str], Any], readers: int, each: int, questions: Sequence[str]) -> tuple[float, list[float]]:
    """The same questions to the function itself, from as many threads: seconds in all and for each."""
    times: list[float] = []

    def visit(number: int) -> None:
        for turn in range(each):
            began = time.perf_counter()
            ask(questions[(number + turn) % len(questions)])
            times.append(time.perf_counter() - began)

    began = time.perf_counter()
    with ThreadPoolExecutor(readers) as threads:
        list(threads.map(visit, range(readers)))
    return time.perf_counter() - began, times


def many(address: str, index: Path, crowds: Sequence[int], asked: int, questions: Sequence[str],
         folder: Path) -> list[str]:
    ask = partial(qa.ask, index=index)
    expected = {question: ask(question).to_dict()["hits"] for question in questions}
    kept = folder / "expected.json"
    kept.write_text(json.dumps(expected), "utf-8")
    missed, rows = [], []
    for readers in crowds:
        each = max(2, asked // readers)
        seconds, alone = bare(ask, readers, each, questions)
        served = over_http(address, readers, each, kept)
        rows.append([readers, readers * each, f"{len(alone) / seconds:.0f}",
                     *(f"{1000 * worst(alone, share):.0f} ms" for share in (0.5, 0.99)),
                     f"{len(served['times']) / served['seconds']:.0f}",
                     *(f"{1000 * worst(served['times'], share):.0f} ms" for share in (0.5, 0.99)),
                     len(served["wrong"])])
        missed += [f"{readers} readers: {one}" for one in served["wrong"][:3]]
    table(["readers at once", "questions", "function: a second", "function: p50", "function: p99", "page: a second",
           "page: p50", "page: p99", "wrong or failed"], rows)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=Path, default=ROOT / "seeds")
    parser.add_argument("--questions", type=Path, default=ROOT / "tests" / "seeds_questions.jsonl")
    parser.add_argument("--rounds", type=int, default=9, help="visits to each page (default: 9)")
    parser.add_argument("--readers", type=int, nargs="+", default=[1, 8, READERS, 128])
    parser.add_argument("--asked", type=int, default=512, help="questions in all for each number of readers")
    parser.add_argument("--visit", nargs=4, help=argparse.SUPPRESS)  # what over_http starts
    given = parser.parse_args()
    if given.visit:
        address, readers, each, expected = given.visit
        wanted = json.loads(Path(expected).read_text("utf-8"))
        print(json.dumps(asyncio.run(_visits(address, int(readers), int(each), wanted))))
        return 0

    from playwright.sync_api import sync_playwright

    from qa.page import launch, page

    questions = list(dict.fromkeys(one.q for one in read_questions(given.questions)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        index = Path(folder, "index")
        report = qa.rebuild(given.articles, index=index)
        print(f"{report.articles} articles, {report.passages} passages, {len(questions)} questions\n")
        timed = Timed(index)
        timed("warm", k=1, since=None, until=None, file=None)
        ours = page(timed, partial(qa.status, index), article=partial(qa.article, index=index))
        address = launch(ours, port=0)
        plain = empty_page()
        _, other, _ = plain.launch(prevent_thread_lock=True, quiet=True)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=["--no-sandbox"])
        missed = typing(browser, address, str(other), given.rounds)
        missed += cards(browser, address, timed, questions)
        browser.close()
        missed += many(address, index, given.readers, given.asked, questions, Path(folder))
        ours.close()
        plain.close()
    for line in missed:
        print(f"FAILED {line}")
    print(f"The page: {len(missed)} goals missed" if missed else "The page: every goal reached, every answer right")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())

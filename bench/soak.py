"""Asks an index from eight threads of four processes, and its page, while rebuilds with edits run; counts failures.

    python -m bench.soak --seconds 600

A builder brings the folder from one of three states to the next and rebuilds, over and over. Every answer must be,
hit for hit, that of the state its generation was built from (without files deleted since); none may fail; the page must
answer from the newest generation soon after each build; and memory and open files of every process must stay flat.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from bench import verdict
from bench.toys import QUESTIONS, STATES, brief, write

PROCESSES, THREADS = 4, 2
_STATES = (*STATES, {"harbour.txt": "The harbour closes. No ferry leaves it, no tea arrives.", **STATES[0]})
_FLAT = 24  # MB, and open files, that a process may have more at its end than after its first quarter
_PAUSE = 0.02  # seconds between two questions of a thread: the builder needs a processor too
_SOON = 30  # seconds after a build in which the page has to show it, however busy the machine is


def _without(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what says when it was given: its generation, and whether files have changed since."""
    return {**{name: value for name, value in answer.items() if name != "generation"},
            "hits": [{**hit, "changed": None} for hit in answer["hits"]]}


_COMING_AND_GOING = {name for state in _STATES for name in state if any(name not in other for other in _STATES)}


def _agree(expected: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Whether an answer is the expected one, but for files that the next edit has already deleted."""
    gone = {hit["file"] for hit in expected["hits"]} - {hit["file"] for hit in answer["hits"]}
    if not gone:
        return expected == answer
    left = [hit for hit in expected["hits"] if hit["file"] not in gone]
    return gone <= _COMING_AND_GOING and len(left) == len(answer["hits"]) and all(
        abs(one - other) < 1e-4 if isinstance(one, float) else one == other  # fewer rows may differ in the last digit
        for hit, told in zip(left, answer["hits"], strict=True) for one, other in zip(hit.values(), told.values(),
                                                                                      strict=True))


def _use(process: int | str = "self") -> tuple[float, int]:
    """Resident memory in MB, and open files."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir(f"/proc/{process}/fd"))


# --- asking -------------------------------------------------------------------------------------------------


def _asks(root: Path, seconds: float, seed: int) -> dict[str, Any]:
    """One process of several threads that ask; what they met."""
    import qa

    brief()
    expected = json.loads((root / "expected.json").read_text())
    met: dict[int, set[int]] = {}  # generation → states whose answers it gave
    failed: list[str] = []
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    watched: list[tuple[float, int]] = []

    def asks(chance: random.Random) -> None:
        last = 0
        while time.monotonic() < end:
            question = chance.randrange(len(QUESTIONS))
            try:
                answer = json.loads(json.dumps(qa.ask(QUESTIONS[question], k=50, index=root / "index").to_dict()))
            except Exception as error:
                failed.append(f"{type(error).__name__}: {error}")
                continue
            generation, counts["questions"] = answer["generation"], counts["questions"] + 1
            states = [state for state, answers in enumerate(expected) if _agree(answers[question], _without(answer))]
            if not states:
                failed.append(f"generation {generation} gave a wrong answer")
            elif len(states) == 1:
                met.setdefault(generation, set()).add(states[0])
            if generation < last:
                failed.append(f"generation {generation} after {last}")
            last = generation
            time.sleep(_PAUSE)

    threads = [threading.Thread(target=asks, args=(random.Random(seed * 100 + number),)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        watched.append(_use())
    return {"questions": counts["questions"], "failed": failed, "watched": watched,
            "met": [[generation, sorted(states)] for generation, states in met.items()]}


# --- building -----------------------------------------------------------------------------------------------


def _ask_page(port: int) -> int:
    """The generation that the page's endpoint answers from."""
    url = f"http://127.0.0.1:{port}/gradio_api/call/ask"
    posted = urllib.request.Request(url, json.dumps({"data": [QUESTIONS[0]]}).encode(),
                                    {"Content-Type": "application/json"})
    with urllib.request.urlopen(posted, timeout=120) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/{event}", timeout=120) as answer:
        found = re.search(rb'"generation": (\d+)', answer.read())
    if not found:
        raise RuntimeError("the page gave no answer")
    return int(found[1])


def _flat(watched: list[list[float]]) -> bool:
    quarter = max(1, len(watched) // 4)
    early, late = watched[quarter : 2 * quarter] or watched, watched[-quarter:]
    return all(statistics.median(one[which] for one in late) - statistics.median(one[which] for one in early) <= _FLAT
               for which in (0, 1))


def run(seconds: float, *, page: bool = True) -> dict[str, Any]:
    """{"counts": {what: how many}, "wrong": [what went wrong], "memory": {process: MB early and late}}."""
    import qa

    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        brief()
        expected = []
        for state in range(len(_STATES)):
            write(root / "articles", _STATES[state])
            qa.rebuild(root / "articles", index=root / "index")
            expected.append([json.loads(json.dumps(_without(qa.ask(question, k=50, index=root / "index").to_dict())))
                             for question in QUESTIONS])
        (root / "expected.json").write_text(json.dumps(expected))
        built = {qa.status(root / "index").generation: len(_STATES) - 1}
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
                       "PYTHONPATH": str(Path(__file__).parent.parent), "GRADIO_ANALYTICS_ENABLED": "False"}

        def start(*arguments: str) -> subprocess.Popen[str]:
            return subprocess.Popen([sys.executable, "-m", "bench.soak", *arguments], env=environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(__file__).parent.parent)

        server, port = None, 0
        if page:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = int(probe.getsockname()[1])
            server = start("--page", str(root / "index"), str(port))
        try:
            if server:
                _wait(server, port)
            end = time.monotonic() + seconds
            asking = [start("--asks", name, str(seconds), str(number)) for number in range(PROCESSES)]
            watched: dict[str, list[tuple[float, int]]] = {"the builder": [], "the page": []}
            newest, state, pages, late = max(built), len(_STATES) - 1, 0, 0.0
            while time.monotonic() < end:
                state = (state + 1) % len(_STATES)
                write(root / "articles", _STATES[state])
                report = qa.rebuild(root / "articles", index=root / "index", full=newest % 7 == 0)
                newest = report.generation
                built[newest] = state
                watched["the builder"].append(_use())
                if server:
                    switched = time.monotonic()
                    try:
                        while (shown := _ask_page(port)) < newest and time.monotonic() - switched < _SOON:
                            pages += 1
                    except Exception as error:
                        wrong.append(f"the page: {type(error).__name__}: {error}")
                        break
                    pages += 1
                    late = max(late, time.monotonic() - switched)
                    if shown < newest:
                        wrong.append(f"the page still answers from generation {shown}, {newest} is there")
                    watched["the page"].append(_use(server.pid))
                time.sleep(0.1)
            results = []
            for process in asking:
                out, err = process.communicate(timeout=seconds + 120)
                if process.returncode:
                    wrong.append(f"an asking process ended with {process.returncode}: {err[-300:]}")
                else:
                    results.append(json.loads(out.splitlines()[-1]))
        finally:
            if server:
                server.terminate()
                server.communicate(timeout=120)
        for number, result in enumerate(results):
            wrong += result["failed"]
            watched[f"asking process {number + 1}"] = result["watched"]
            for generation, states in result["met"]:
                if generation in built and states != [built[generation]]:
                    wrong.append(f"generation {generation} of state {built[generation]} gave answers of {states}")
    memory = {}
    for who, seen in watched.items():
        if seen:
            quarter = max(1, len(seen) // 4)
            memory[who] = [*map(round, seen[min(quarter, len(seen) - 1)]), *map(round, seen[-1])]
            if not _flat([list(one) for one in seen]):
                wrong.append(f"{who} grows: {memory[who]}")
    counts = {"questions": sum(result["questions"] for result in results), "builds": len(built) - 1,
              "generations met while asking": len({pair[0] for result in results for pair in result["met"]}),
              "questions to the page": pages, "seconds until the page showed a build, at most": round(late, 1)}
    return {"counts": counts, "wrong": wrong, "memory": memory}


def _wait(server: subprocess.Popen[str], port: int) -> None:
    for _ in range(1200):
        if server.poll() is not None:
            raise RuntimeError(server.communicate()[1])
        try:
            _ask_page(port)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the page never came")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--no-page", action="store_true")
    parser.add_argument("--asks", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--page", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.asks:
        root, seconds, seed = given.asks
        print(json.dumps(_asks(Path(root), float(seconds), int(seed))))
    elif given.page:
        brief()
        from qa.page import serve

        serve(given.page[0], port=int(given.page[1]))
    else:
        result = run(given.seconds, page=not given.no_page)
        for who, (early, files, late, files_late) in result["memory"].items():
            print(f"{who:30}{early:>6} MB, {files:>3} files; at the end {late:>6} MB, {files_late:>3} files")
        verdict.end(result, "failed, wrong or grown")


if __name__ == "__main__":
    main()

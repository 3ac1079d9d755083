"""The first answer: the whole process, from the shell to the printed passages, beside the plain recipe.

    python -m bench.ask             # over seeds/ and over 100,000 passages
    python -m bench.ask --quick     # over seeds/ and over 1,000 passages, three times

Both indexes lie on disk beforehand; what is measured is loading, embedding the question, searching and printing. The
commands take turns, so that what else the machine does falls on all. Memory is the most that was resident, mapped
files counted when they were read.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from bench import corpus, machine

QUESTION = "Où Xi et Poutine se sont-ils rencontrés en 2022 ?"
PLAIN = 200  # articles that the plain recipe embeds; its larger indexes repeat their vectors
QA = Path(sys.executable).with_name("qa")
RECIPE = Path(__file__).with_name("plain.py")


def plain_index(articles: Path, index: Path, model: Path) -> None:
    """The plain recipe's index of the same articles: all passages, and of a large folder the first vectors repeated,
    because embedding them all takes it up to an hour, and loading and searching takes as long."""
    import faiss
    import numpy as np
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    if index.exists():
        return
    whole, index = index, index.with_name(f"{index.name}.new")
    print(f"the plain recipe embeds {articles.name}", file=sys.stderr)
    machine.run([sys.executable, RECIPE, "build", model, articles, index, str(PLAIN)])
    splitter = RecursiveCharacterTextSplitter(chunk_size=1000, chunk_overlap=0)
    passages = [{"file": str(path), "text": text} for path in sorted(articles.rglob("*")) if path.is_file()
                for text in splitter.split_text(path.read_text("utf-8", "replace"))]
    few = faiss.read_index(str(index / "vectors.faiss"))
    if few.ntotal < len(passages):
        flat = faiss.IndexFlatIP(few.d)
        flat.add(np.resize(few.reconstruct_n(0, few.ntotal), (len(passages), few.d)))
        faiss.write_index(flat, str(index / "vectors.faiss"))
        (index / "passages.json").write_text(json.dumps(passages), "utf-8")
    index.rename(whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, nargs="+", default=[20_000], help="sizes of folders beside seeds/")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="200 articles, 3 rounds: under a minute once made")
    given = parser.parse_args()
    if given.quick:
        given.articles, given.rounds = [200], 3
    model = machine.minilm()
    commands: dict[str, list[str | Path]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -c 'import numpy'": [sys.executable, "-c", "import numpy"],
        "qa --help": [QA, "--help"]}
    pairs: list[tuple[str, str]] = []
    for name, folder in (("seeds", corpus.ROOT / "seeds"),
                         *((f"{count:,} articles", corpus.folder(count)) for count in given.articles)):
        ours, theirs = corpus.WORK / f"index-{folder.name}", corpus.WORK / f"plain-{folder.name}"
        _, report = machine.told([QA, "rebuild", folder, "--index", ours, "--json"])
        plain_index(folder, theirs, model)
        passages = report["passages"]
        pairs.append((f"qa ask, {name}, {passages:,} passages", f"plain recipe, {name}"))
        commands[pairs[-1][0]] = [QA, "ask", QUESTION, "--index", ours]
        commands[pairs[-1][1]] = [sys.executable, RECIPE, "ask", model, theirs, QUESTION]
    for command in commands.values():  # so that all files are in memory
        machine.run(command)
    runs: dict[str, list[machine.Run]] = {name: [] for name in commands}
    for _ in range(given.rounds):
        for name, command in commands.items():
            runs[name].append(machine.run(command))
    print(machine.facts(), end="\n\n")
    against = dict(pairs) | {"qa --help": pairs[0][1]}

    def seconds(name: str) -> list[float]:
        return [run.seconds for run in runs[name]]

    def memory(name: str) -> list[float]:
        return [run.memory for run in runs[name]]

    machine.table(
        [f"median of {given.rounds}", "seconds", "worst", "MB", "times as fast as the plain recipe", "share of its MB"],
        [[name, f"{machine.median(seconds(name)):.2f}", f"{max(seconds(name)):.2f}",
          f"{machine.median(memory(name)):.0f}",
          f"{machine.ratio(seconds(name), seconds(against[name])):.1f}" if name in against else "",
          f"{1 / machine.ratio(memory(name), memory(against[name])):.2f}" if name in against else ""]
         for name in commands])
    for name, made in runs.items():
        for one in made:
            if one.code not in (0, 1):
                raise SystemExit(f"{name} failed with {one.code}: {one.errors[-2_000:]}")


if __name__ == "__main__":
    main()

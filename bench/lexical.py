"""`python -m bench.lexical`: the word index against other engines, fed with the same terms, in one run.

Needs tantivy and bm25s beside the package, and the folder of development data (`--shared`). Every engine builds,
opens and asks in processes of its own, in turns, so that memory and cold starts are its own.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import platform
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

SETS = (("piaf-fr", "fr"), ("xquad-en", "en"), ("xquad-es", "es"), ("news-en", "en"), ("xquad-en", "es"),
        ("xquad-es", "en"))   # folder of articles, language of the questions
MIXTURE = ("qa_laws_canada/fr", "qa_laws_canada/en", "qa_docs/fr", "qa_docs/es", "qa_docs/de", "qa_docs/en",
           "qa_native/ja", "qa_native/zh")
K = 100   # rows asked for, as many as retrieval takes from the word side


class Engine(Protocol):
    """What every engine is asked to do; `rows` are numbers of texts."""

    def build(self, folder: Path, texts: Iterable[str]) -> None: ...
    def open(self, folder: Path) -> None: ...
    def search(self, words: list[str], k: int, rows: Any = None) -> list[tuple[int, float]]: ...
    def update(self, folder: Path, row: int, text: str, texts: list[str]) -> Path: ...


def words_of(text: str) -> list[str]:
    from qa.words import terms, tokens

    return [term for word in tokens(text) for term in terms(word)]


def terms_of(words: list[str]) -> list[str]:
    from qa.words import terms

    return list(dict.fromkeys(term for word in words for term in terms(word)))


class Product:
    """qa/lexical.py and qa/weighing.py as they ship."""

    def build(self, folder: Path, texts: Iterable[str]) -> None:
        import numpy as np

        from qa.weighing import build
        from qa.words import tokens

        vocabulary: dict[str, int] = {}
        numbers = [np.array([vocabulary.setdefault(word, len(vocabulary)) for word in tokens(text)], np.int64)
                   for text in texts]
        build(folder, numbers, vocabulary)

    def open(self, folder: Path) -> None:
        from qa.lexical import Lexical

        self._index = Lexical(folder)

    def search(self, words: list[str], k: int, rows: Any = None) -> list[tuple[int, float]]:
        found, scores = self._index.search(words, k, rows)
        return list(zip(found.tolist(), scores.tolist(), strict=True))

    def update(self, folder: Path, row: int, text: str, texts: list[str]) -> Path:
        following = folder.with_name(folder.name + "-next")
        self.build(following, [*texts[:row], text, *texts[row + 1:]])
        return following


class Tantivy:
    def build(self, folder: Path, texts: Iterable[str]) -> None:
        import tantivy

        folder.mkdir(parents=True)
        schema = tantivy.SchemaBuilder()
        schema.add_text_field("words", stored=False, tokenizer_name="spaces", index_option="freq")
        schema.add_unsigned_field("row", stored=False, indexed=True, fast=True)
        index = self._spaced(tantivy.Index(schema.build(), str(folder)))
        writer = index.writer(heap_size=400_000_000, num_threads=1)
        for row, text in enumerate(texts):
            writer.add_document(self._document(row, text))
        writer.commit()
        writer.wait_merging_threads()

    @staticmethod
    def _spaced(index: Any) -> Any:
        import tantivy

        index.register_tokenizer("spaces", tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build())
        return index

    @staticmethod
    def _document(row: int, text: str) -> Any:
        import tantivy

        document = tantivy.Document()
        document.add_text("words", " ".join(words_of(text)))
        document.add_unsigned("row", row)
        return document

    def open(self, folder: Path) -> None:
        import tantivy

        self._query, self._occur = tantivy.Query, tantivy.Occur
        index = tantivy.Index.open(str(folder))
        self._schema, self._searcher = index.schema, index.searcher()

    def search(self, words: list[str], k: int, rows: Any = None) -> list[tuple[int, float]]:
        query = self._query.boolean_query([
            (self._occur.Should, self._query.term_query(self._schema, "words", term, "freq"))
            for term in terms_of(words)])
        if rows is not None:
            chosen = self._query.term_set_query(self._schema, "row", rows.tolist())
            query = self._query.boolean_query([
                (self._occur.Must, self._query.const_score_query(chosen, 0.0)), (self._occur.Must, query)])
        hits = self._searcher.search(query, k, count=False).hits
        found = self._searcher.fast_field_values("row", [place for _, place in hits])
        return sorted(((int(row), score) for row, (score, _) in zip(found, hits, strict=True)),
                      key=lambda hit: (-hit[1], hit[0]))

    def update(self, folder: Path, row: int, text: str, texts: list[str]) -> Path:
        import tantivy

        index = self._spaced(tantivy.Index.open(str(folder)))
        writer = index.writer(heap_size=50_000_000, num_threads=1)
        writer.delete_documents_by_term("row", row)
        writer.add_document(self._document(row, text))
        writer.commit()
        writer.wait_merging_threads()
        return folder


class Bm25s:
    def build(self, folder: Path, texts: Iterable[str]) -> None:
        import bm25s

        index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        index.index([words_of(text) for text in texts], show_progress=False)
        index.save(str(folder))

    def open(self, folder: Path) -> None:
        import bm25s

        self._index = bm25s.BM25.load(str(folder), mmap=True)

    def search(self, words: list[str], k: int, rows: Any = None) -> list[tuple[int, float]]:
        import numpy as np

        known = [term for term in terms_of(words) if term in self._index.vocab_dict]
        if not known:
            return []
        count = int(self._index.scores["num_docs"])
        mask = None
        if rows is not None:
            mask = np.zeros(count, np.float32)
            mask[rows] = 1
        found, scores = self._index.retrieve([known], k=min(k, count), show_progress=False, weight_mask=mask)
        return [(int(row), float(score)) for row, score in zip(found[0], scores[0], strict=True) if score > 0]

    def update(self, folder: Path, row: int, text: str, texts: list[str]) -> Path:
        following = folder.with_name(folder.name + "-next")
        self.build(following, [*texts[:row], text, *texts[row + 1:]])   # it knows no other way
        return following


class Fts5:
    # with less detail a table without content knows no frequencies, and every score is 0
    _TABLE = ("CREATE VIRTUAL TABLE t USING fts5(words, content='', tokenize=\"unicode61 "
              "remove_diacritics 0 categories 'L* N* M* Co' tokenchars '*.%$€£¥'\")")

    def build(self, folder: Path, texts: Iterable[str]) -> None:
        folder.mkdir(parents=True)
        database = sqlite3.connect(folder / "words.sqlite")
        database.execute("PRAGMA journal_mode=OFF")
        database.execute(self._TABLE)
        database.executemany("INSERT INTO t(rowid, words) VALUES (?, ?)",
                             ((row, " ".join(words_of(text))) for row, text in enumerate(texts)))
        database.execute("INSERT INTO t(t) VALUES ('optimize')")
        database.commit()
        database.close()

    def open(self, folder: Path) -> None:
        where = (folder / "words.sqlite").resolve().as_uri()
        self._database = sqlite3.connect(f"{where}?mode=ro", uri=True)
        self._database.execute("PRAGMA mmap_size=1000000000")

    def search(self, words: list[str], k: int, rows: Any = None) -> list[tuple[int, float]]:
        asked = " OR ".join(f'"{term}"' for term in terms_of(words))
        if not asked:
            return []
        among, values = "", [asked]
        if rows is not None:
            # the plus keeps SQLite from searching anew for each row
            among, values = " AND +rowid IN (SELECT value FROM json_each(?))", [asked, json.dumps(rows.tolist())]
        return [(row, -score) for row, score in self._database.execute(
            f"SELECT rowid, rank FROM t WHERE t MATCH ?{among} ORDER BY rank LIMIT {int(k)}", values)]

    def update(self, folder: Path, row: int, text: str, texts: list[str]) -> Path:
        database = sqlite3.connect(folder / "words.sqlite")
        database.execute("INSERT INTO t(t, rowid, words) VALUES ('delete', ?, ?)",
                         (row, " ".join(words_of(texts[row]))))
        database.execute("INSERT INTO t(rowid, words) VALUES (?, ?)", (row, " ".join(words_of(text))))
        database.commit()
        database.close()
        return folder


ENGINES: dict[str, type[Engine]] = {"qa": Product, "tantivy": Tantivy, "bm25s": Bm25s, "fts5": Fts5}

# --- data -----------------------------------------------------------------------------------------------------


def articles_and_questions(shared: Path, name: str, language: str) -> tuple[list[str], list[tuple[str, int]]]:
    """The articles of one development set, and its questions with the number of the article meant."""
    folder = shared / "evaluation" / name
    files = sorted((folder / "articles").glob("*.txt"))
    numbers = {file.stem: number for number, file in enumerate(files)}
    lines = [json.loads(line) for line in (folder / "questions.jsonl").open(encoding="utf-8")]
    return ([file.read_text(encoding="utf-8") for file in files],
            [(line["q"], numbers[line["file"].removesuffix(".txt")]) for line in lines if line["lang"] == language])


def pairs(shared: Path, name: str) -> Iterator[tuple[str, str]]:
    with lzma.open(shared / "corpora" / f"{name}.tsv.xz", "rt", encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if len(fields) == 2:
                yield fields[0], fields[1]


def asked_of_passages(shared: Path, name: str, number: int) -> tuple[list[str], list[tuple[str, int]]]:
    """`number` questions of a set of pairs, drawn with a fixed seed, over all its passages."""
    passages: dict[str, int] = {}
    questions = [(question, passages.setdefault(passage, len(passages))) for question, passage in pairs(shared, name)]
    random.Random(0).shuffle(questions)
    return list(passages), questions[:number]


def mixture(shared: Path, number: int) -> list[str]:
    """`number` distinct passages of many languages, 700 characters at most, spread alike over the sets."""
    streams = [pairs(shared, name) for name in MIXTURE]
    passages: dict[str, None] = {}
    while len(passages) < number and streams:
        for stream in list(streams):
            pair = next(stream, None)
            if pair is None:
                streams.remove(stream)
            elif len(pair[1]) >= 80:
                passages[pair[1][:700]] = None
    return list(passages)[:number]


# --- measuring ------------------------------------------------------------------------------------------------


def quality(shared: Path, folder: Path) -> list[tuple[str, dict[str, float]]]:
    """nDCG@10, in points of 100, of every engine on every set."""
    import ir_measures
    from ir_measures import Qrel, ScoredDoc, nDCG

    from qa.words import tokens

    sets = [(f"{name} {language}", articles_and_questions(shared, name, language)) for name, language in SETS]
    sets += [(f"{name} (1,000 of qa_native)", asked_of_passages(shared, f"qa_native/{name}", 1_000))
             for name in ("zh", "ja", "tr", "ar")]
    lines = []
    for number, (title, (texts, questions)) in enumerate(sets):
        truth = [Qrel(str(place), str(row), 1) for place, (_, row) in enumerate(questions)]
        figures = {}
        for name, kind in ENGINES.items():
            engine = kind()
            where = folder / f"quality-{name}-{number}"
            engine.build(where, texts)
            engine.open(where)
            found = [ScoredDoc(str(place), str(row), score) for place, (question, _) in enumerate(questions)
                     for row, score in engine.search(tokens(question), 10)]
            figures[name] = 100 * float(ir_measures.calc_aggregate([nDCG @ 10], truth, found)[nDCG @ 10])
        lines.append((title, figures))
    return lines


def peak() -> float:
    """The most memory this process has held, in MB; rusage would count what its parent held when it forked."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def child(step: str, name: str, folder: Path, data: Path) -> dict[str, Any]:
    """One step of one engine, in a process of its own."""
    import numpy as np

    import qa.words  # noqa: F401  so that nobody pays for what every process of qa needs

    engine = ENGINES[name]()
    result: dict[str, Any] = {}
    if step == "build":
        texts = json.loads((data / "passages.json").read_text(encoding="utf-8"))
        before = peak()
        began = time.perf_counter()
        engine.build(folder, texts)
        result["seconds"] = time.perf_counter() - began
        result["more_mb"] = peak() - before
    elif step == "cold":
        words = json.loads((data / "words.json").read_text(encoding="utf-8"))[0]
        before = peak()
        began = time.perf_counter()
        engine.open(folder)
        engine.search(words, K)
        result["first_ms"] = 1e3 * (time.perf_counter() - began)
        result["more_mb"] = peak() - before
    elif step == "ask":
        questions = json.loads((data / "words.json").read_text(encoding="utf-8"))
        engine.open(folder)
        texts = json.loads((data / "passages.json").read_text(encoding="utf-8"))
        tenth = np.sort(np.random.default_rng(0).choice(len(texts), len(texts) // 10, replace=False))
        for title, rows in (("ms", None), ("filtered_ms", tenth)):
            for words in questions[:20]:
                engine.search(words, K, rows)
            times = []
            for words in questions:
                start = time.perf_counter()
                engine.search(words, K, rows)
                times.append(1e3 * (time.perf_counter() - start))
            result[title] = [float(value) for value in np.percentile(times, (50, 99))]
    elif step == "update":
        texts = json.loads((data / "passages.json").read_text(encoding="utf-8"))
        row, text = len(texts) // 2, texts[0] + " " + texts[-1]
        began = time.perf_counter()
        now = engine.update(folder, row, text, texts)
        result["seconds"] = time.perf_counter() - began
        texts[row] = text
        fresh = folder.with_name(folder.name + "-fresh")
        engine.build(fresh, texts)
        apart = 0.0
        questions = json.loads((data / "words.json").read_text(encoding="utf-8"))[:100]
        answers = []
        for where in (now, fresh):
            engine.open(where)
            answers.append([engine.search(words, 10) for words in questions])
        for ours, theirs in zip(*answers, strict=True):
            for (row_a, score_a), (row_b, score_b) in zip(ours, theirs, strict=True):
                apart = max(apart, 1.0 if row_a != row_b else abs(score_a - score_b) / score_b)
        result["apart"] = apart
    return result


def run(step: str, name: str, folder: Path, data: Path) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", "bench.lexical", "--child", step, name, str(folder), str(data)],
                          check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def speed(shared: Path, folder: Path, number: int, turns: int) -> dict[str, dict[str, Any]]:
    """Build, size, cold start, questions and update of every engine over `number` passages."""
    from qa.words import tokens

    data = folder / "data"
    data.mkdir()
    (data / "passages.json").write_text(json.dumps(mixture(shared, number)), encoding="utf-8")
    questions = [question for name, language in SETS[:3]
                 for question, _ in articles_and_questions(shared, name, language)[1][:130]]
    questions += [question for question, _ in asked_of_passages(shared, "qa_native/zh", 60)[1]]
    random.Random(0).shuffle(questions)
    (data / "words.json").write_text(json.dumps([tokens(question) for question in questions]), encoding="utf-8")
    figures: dict[str, dict[str, Any]] = {name: {} for name in ENGINES}
    for name, all_of in figures.items():
        where = folder / f"speed-{name}"
        all_of["build"] = run("build", name, where, data)
        all_of["mb"] = sum(file.stat().st_size for file in where.rglob("*") if file.is_file()) / 2**20
    turned: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    asked: dict[str, list[dict[str, Any]]] = {name: [] for name in ENGINES}
    for _ in range(turns):
        for name in ENGINES:
            turned[name].append(run("cold", name, folder / f"speed-{name}", data))
            asked[name].append(run("ask", name, folder / f"speed-{name}", data))
    for name, all_of in figures.items():
        all_of["cold"] = {key: statistics.median(one[key] for one in turned[name]) for key in turned[name][0]}
        all_of["ask"] = {key: [statistics.median(one[key][place] for one in asked[name]) for place in (0, 1)]
                         for key in asked[name][0]}
        all_of["update"] = run("update", name, folder / f"speed-{name}", data)
    return figures


def table(lines: list[list[str]]) -> str:
    return "\n".join(["| " + " | ".join(lines[0]) + " |", "|---" * len(lines[0]) + "|",
                      *("| " + " | ".join(line) + " |" for line in lines[1:])])


def same(apart: float) -> str:
    return "equal" if apart == 0 else "other rows" if apart >= 1 else f"within {apart:.0e}"


def machine() -> str:
    processor = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                      if line.startswith("model name")), platform.processor())
    return (f"{processor}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()},"
            f" SQLite {sqlite3.sqlite_version}, {platform.system()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder of the development data")
    parser.add_argument("--passages", type=int, nargs="*", default=[100_000], help="sizes to time")
    parser.add_argument("--turns", type=int, default=3, help="cold starts and rounds of questions, in turns")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        step, name, folder, data = arguments.child
        print(json.dumps(child(step, name, Path(folder), Path(data))))
        return
    print(f"Machine: {machine()}\n", flush=True)
    with tempfile.TemporaryDirectory() as aside:
        for number in arguments.passages:
            folder = Path(aside) / str(number)
            folder.mkdir()
            figures = speed(arguments.shared, folder, number, arguments.turns)
            lines = [[f"{number:,} passages", *ENGINES]]
            for title, what in (
                    ("build from text, s", lambda one: f"{one['build']['seconds']:.1f}"),
                    ("memory of the build, MB", lambda one: f"{one['build']['more_mb']:.0f}"),
                    ("on disk, MB", lambda one: f"{one['mb']:.0f}"),
                    ("new process: import, open, first question, ms", lambda one: f"{one['cold']['first_ms']:.1f}"),
                    ("… and the memory this takes, MB", lambda one: f"{one['cold']['more_mb']:.0f}"),
                    ("question p50 / p99, ms", lambda one: "{:.1f} / {:.1f}".format(*one["ask"]["ms"])),
                    ("… among a tenth of the rows", lambda one: "{:.1f} / {:.1f}".format(*one["ask"]["filtered_ms"])),
                    ("one text replaced, s", lambda one: f"{one['update']['seconds']:.2f}"),
                    ("… best 10 and scores as a fresh build's", lambda one: same(one["update"]["apart"]))):
                lines.append([title, *(what(figures[name]) for name in ENGINES)])
            print(table(lines) + "\n", flush=True)
            shutil.rmtree(folder)
        lines = [["nDCG@10", *ENGINES]]
        lines += [[title, *(f"{figures[name]:.2f}" for name in ENGINES)]
                  for title, figures in quality(arguments.shared, Path(aside))]
        print(table(lines))


if __name__ == "__main__":
    main()

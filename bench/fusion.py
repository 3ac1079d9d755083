"""Words alone, meaning alone, interaction alone, and all together, on the development questions: nDCG@10 × 100.

    python -m bench.fusion ../shared/evaluation

Each folder is asked alone, and all are asked in one mixed folder too, where passages in the question's language that
do not answer stand beside passages in another that do. A file counts as found when one of its passages is. The
columns: BM25 coverage alone, cosine alone, the two as the usual ways join them (the plain sum of z-scores, and
reciprocal rank fusion, Cormack et al. 2009), the interaction of their units alone (qa/closeness.py), qa's sum of the
three, and the score qa ranks by, where the best sums are put in order by qa/ranker.py.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import Qrel, ScoredDoc, nDCG

import qa
from qa.closeness import Scores, asked
from qa.evaluation import Question, read_questions
from qa.index import Index, open_index
from qa.recipe import PASSAGE_SIZE
from qa.retrieval import Ranking, rank
from qa.spoken import language_of

FOLDERS = ("xquad-en", "xquad-es", "piaf-fr", "news-en")
MIXED = ("xquad-es", "piaf-fr", "news-en")  # xquad-en tells the same as xquad-es: both would be right
RRF = 60  # the constant of the original paper


def z(values: Scores) -> Scores:
    return (values - values.mean()) / (values.std() + 1e-9)


def ranks(values: Scores) -> Scores:
    return np.argsort(np.argsort(-values)).astype(np.float32)


def ways(ranking: Ranking) -> dict[str, Scores]:
    """The candidates' scores under each way of ranking."""
    return {"words": ranking.lexical, "meaning": ranking.vector, "z-scores": z(ranking.lexical) + z(ranking.vector),
            "RRF": 1 / (RRF + ranks(ranking.lexical)) + 1 / (RRF + ranks(ranking.vector)),
            "units": ranking.interaction, "sum": ranking.sums, "qa": ranking.scores}


def measured(index: Index, questions: list[Question], prefix: str) -> dict[str, float]:
    runs: dict[str, list[ScoredDoc]] = {}
    for number, question in enumerate(questions):
        language = language_of(question.q)
        ranking = rank(index, asked(question.q, index.encoder, language), language)
        files = [passage.file for passage in index.store.passages(ranking.rows.tolist())]
        for way, scores in ways(ranking).items():
            best: dict[str, float] = {}
            for file, score in zip(files, scores.tolist(), strict=True):
                best[file] = max(score, best.get(file, float("-inf")))
            runs.setdefault(way, []).extend(ScoredDoc(str(number), file, score) for file, score in best.items())
    qrels = [Qrel(str(number), f"{prefix}{question.file}.txt", 1) for number, question in enumerate(questions)]
    return {way: 100 * ir_measures.calc_aggregate([nDCG @ 10], qrels, run)[nDCG @ 10] for way, run in runs.items()}


def tables(evaluation: Path, limit: int, size: int = PASSAGE_SIZE) -> Iterator[tuple[str, str, int, dict[str, float]]]:
    questions = {name: read_questions(evaluation / name / "questions.jsonl") for name in FOLDERS}

    def asked_of(name: str) -> Iterator[tuple[str, list[Question]]]:
        for language in sorted({question.lang for question in questions[name]}):
            own = [question for question in questions[name] if question.lang == language]
            yield language, random.Random(name).sample(own, min(limit, len(own)))

    for name in FOLDERS:
        with tempfile.TemporaryDirectory() as folder:
            qa.rebuild(evaluation / name / "articles", index=folder, passage_size=size)
            for language, listed in asked_of(name):
                yield name, language, len(listed), measured(open_index(folder), listed, "")
    with tempfile.TemporaryDirectory() as mixed, tempfile.TemporaryDirectory() as folder:
        for name in MIXED:
            shutil.copytree(evaluation / name / "articles", Path(mixed, name))
        qa.rebuild(mixed, index=folder, passage_size=size)
        for name in MIXED:
            for language, listed in asked_of(name):
                yield f"mixed: {name}", language, len(listed), measured(open_index(folder), listed, f"{name}/")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--questions", type=int, default=400, help="of each folder and language (default: 400)")
    given = parser.parse_args()
    for number, (name, language, count, figures) in enumerate(tables(given.evaluation, given.questions)):
        if number == 0:
            print(f"{'folder':16}  {'asked in':8}  {'questions':>9}  " + "  ".join(f"{way:>8}" for way in figures))
        print(f"{name:16}  {language:8}  {count:9}  " + "  ".join(f"{value:8.1f}" for value in figures.values()),
              flush=True)


if __name__ == "__main__":
    main()

"""Fits and reports when an answer is an answer.

    python -m training.confidence ../shared/evaluation

Each folder's own questions can be answered there, those of the other folders cannot. The features are read against
what unrelated questions reach in the same index (qa/background.py), so that one rule holds for any folder, size,
language and model. Prints the error rates of every folder under a rule fitted on the other folders only, then the
coefficients fitted on all of them, which stand in qa/answers.py. Half a folder, asked what its other half answers, is
reported and not fitted: the same kind of question on neighbouring subjects, the hardest to refuse.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import qa
from qa.answers import features
from qa.closeness import asked
from qa.encoder import Encoder, Vectors, load
from qa.evaluation import Question, read_questions
from qa.index import open_index
from qa.retrieval import rank
from qa.spoken import language_of

FOLDERS = ("piaf-fr", "xquad-en", "xquad-es", "news-en")
QUESTIONS = 250  # of each folder and language that are asked
SMALL = 12  # articles of the small folders that are cut from each, so that the rule holds on 12 as on 1,400


def sample(questions: list[Question], number: int, seed: str) -> list[Question]:
    return random.Random(seed).sample(questions, min(number, len(questions)))


class Slow:
    """The shipped encoder behind the two methods that any encoder has."""

    def __init__(self) -> None:
        self._shipped = load()
        self.name, self.fingerprint = "slow", self._shipped.fingerprint
        self.dimension = self._shipped.dimension

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        return self._shipped.encode_passages(texts)

    def encode_question(self, text: str) -> Vectors:
        return self._shipped.encode_question(text)


def measured(
    articles: Path, own: list[Question], foreign: list[Question], encoder: Encoder
) -> list[tuple[str, bool, list[float]]]:
    """(question language, answerable, features) of each question asked over `articles`."""
    with tempfile.TemporaryDirectory() as folder:
        qa.rebuild(articles, index=folder, encoder=encoder)
        index = open_index(folder, encoder)
        rows = []
        for answerable, questions in ((True, own), (False, foreign)):
            for question in questions:
                language = language_of(question.q)
                ranking = rank(index, asked(question.q, index.encoder, language), language)
                rows.append((question.lang, answerable, features(index, language, ranking)))
    return rows


def collected(evaluation: Path, encoder: Encoder, number: int) -> dict[str, list[tuple[str, bool, list[float]]]]:
    """The measurements of every folder, whole and cut small."""
    questions = {name: read_questions(evaluation / name / "questions.jsonl") for name in FOLDERS}
    found: dict[str, list[tuple[str, bool, list[float]]]] = {}
    for name in FOLDERS:
        # the two XQuAD folders tell the same in two languages: neither's questions are unanswerable in the other
        foreign = [question for other in FOLDERS if other[:5] != name[:5] for question in questions[other]]
        languages = sorted({question.lang for question in questions[name]})
        own = [question for language in languages
               for question in sample([one for one in questions[name] if one.lang == language], number, name)]
        found[name] = measured(evaluation / name / "articles", own, sample(foreign, len(own), name), encoder)
        paths = sorted((evaluation / name / "articles").iterdir())
        chosen = {"half": paths[: len(paths) // 2], f"{SMALL} articles": random.Random(name).sample(paths, SMALL)}
        for size, kept in chosen.items():
            with tempfile.TemporaryDirectory() as folder:
                for path in kept:
                    Path(folder, path.name).write_bytes(path.read_bytes())
                stems = {path.stem for path in kept}
                inside, outside = [], []
                for language in languages:
                    asked_in = [question for question in questions[name] if question.lang == language]
                    inside += sample([one for one in asked_in if one.file in stems], number, name)
                    outside += sample([one for one in asked_in if one.file not in stems], number, name)
                unanswerable = sample(outside, len(inside), name) if size == "half" else [
                    *sample(outside, len(inside) // 2, name), *sample(foreign, len(inside) // 2, name)]
                found[f"{name}, {size}"] = measured(Path(folder), inside, unanswerable, encoder)
    return found


def fitted(rows: list[tuple[str, bool, list[float]]]) -> Pipeline:
    """The rule that fits these questions best, those with an answer and those without counting alike: half over all of
    them, half within and across languages apart (the weights are the geometric mean of both)."""
    truth = np.array([answerable for _, answerable, _ in rows])
    given = np.array([row[2] for row in rows])
    apart = np.ones(len(truth))
    for across in (0.0, 1.0):
        some = given[:, -1] == across
        apart[some] = compute_sample_weight("balanced", truth[some])
    weights = np.sqrt(compute_sample_weight("balanced", truth) * apart)
    rule = make_pipeline(StandardScaler(), LogisticRegression(C=10.0, max_iter=1_000))
    return rule.fit(given, truth, logisticregression__sample_weight=weights)


def fits(name: str) -> bool:
    return not name.endswith("half")


def rates(found: dict[str, list[tuple[str, bool, list[float]]]]) -> None:
    print(f"{'folder':24}  {'language':8}  {'own':>5}  {'foreign':>7}  {'false refusals':>14}  {'false answers':>13}")
    for name, rows in found.items():
        others = [row for other, listed in found.items() if fits(other) and other.split(",")[0] != name.split(",")[0]
                  for row in listed]
        rule = fitted(others)
        languages = sorted({language for language, answerable, _ in rows if answerable})
        for language in ("all", *languages):
            group = [row for row in rows if language in ("all", row[0])]
            said = rule.predict(np.array([row[2] for row in group]))
            truth = np.array([row[1] for row in group])
            refusals = f"{(~said[truth]).mean():14.3f}" if truth.any() else f"{'–':>14}"
            answers = f"{said[~truth].mean():13.3f}" if (~truth).any() else f"{'–':>13}"
            print(f"{name:24}  {language:8}  {truth.sum():5}  {(~truth).sum():7}  {refusals}  {answers}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--questions", type=int, default=QUESTIONS, help="of each folder and language")
    given = parser.parse_args()
    for title, encoder in (("the shipped model", load()), ("the same as any other encoder", Slow())):
        found = collected(given.evaluation, encoder, given.questions)
        print(f"\n{title}")
        rates(found)
        scaler, rule = (step for _, step in fitted(
            [row for name, rows in found.items() if fits(name) for row in rows]).steps)
        weights = rule.coef_[0] / scaler.scale_
        print("intercept", round(float(rule.intercept_[0] - weights @ scaler.mean_), 3),
              "weights", tuple(round(float(weight), 3) for weight in weights), flush=True)


if __name__ == "__main__":
    main()

"""Fits and reports when an answer is an answer.

    python -m training.confidence ../shared/evaluation

Each folder's own questions can be answered there, those of the other folders cannot. The features are how far the
best passage rises above what unrelated questions reach in the same index (qa/background.py), so that one rule holds
for any folder, size, language and model. Prints the error rates of every folder under a rule fitted on the other
folders only, then the coefficients fitted on all of them, which stand in qa/answers.py.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

import qa
from qa.answers import features
from qa.closeness import asked
from qa.evaluation import Question, read_questions
from qa.index import open_index
from qa.questions import language_of
from qa.retrieval import rank

FOLDERS = ("piaf-fr", "xquad-en", "xquad-es", "news-en")
QUESTIONS = 250  # of each folder and language that are asked
SMALL = 12  # articles of the small folders that are cut from each, so that the rule holds on 12 as on 1,400


def sample(questions: list[Question], number: int, seed: str) -> list[Question]:
    return random.Random(seed).sample(questions, min(number, len(questions)))


def measured(articles: Path, own: list[Question], foreign: list[Question]) -> list[tuple[str, bool, list[float]]]:
    """(question language, answerable, features) of each question asked over `articles`."""
    with tempfile.TemporaryDirectory() as folder:
        qa.rebuild(articles, index=folder)
        index = open_index(folder)
        rows = []
        for answerable, questions in ((True, own), (False, foreign)):
            for question in questions:
                language = language_of(question.q)
                ranking = rank(index, asked(question.q, index.encoder, language), language)
                rows.append((question.lang, answerable, features(index, language, ranking)))
    return rows


def collected(evaluation: Path) -> dict[str, list[tuple[str, bool, list[float]]]]:
    """The measurements of every folder, whole and cut small."""
    questions = {name: read_questions(evaluation / name / "questions.jsonl") for name in FOLDERS}
    found: dict[str, list[tuple[str, bool, list[float]]]] = {}
    for name in FOLDERS:
        # the two XQuAD folders tell the same in two languages: neither's questions are unanswerable in the other
        foreign = [question for other in FOLDERS if other[:5] != name[:5] for question in questions[other]]
        languages = sorted({question.lang for question in questions[name]})
        own = [question for language in languages
               for question in sample([one for one in questions[name] if one.lang == language], QUESTIONS, name)]
        found[name] = measured(evaluation / name / "articles", own, sample(foreign, len(own), name))
        with tempfile.TemporaryDirectory() as folder:
            paths = random.Random(name).sample(sorted((evaluation / name / "articles").iterdir()), SMALL)
            for path in paths:
                Path(folder, path.name).write_bytes(path.read_bytes())
            kept = {path.stem for path in paths}
            inside = [question for question in questions[name] if question.file in kept]
            outside = [question for question in questions[name] if question.file not in kept]
            few = min(len(inside), QUESTIONS)
            found[f"{name}, {SMALL} articles"] = measured(Path(folder), sample(inside, few, name), [
                *sample(outside, few // 2, name), *sample(foreign, few // 2, name)])
    return found


def fitted(rows: list[tuple[str, bool, list[float]]]) -> LogisticRegression:
    truth = np.array([answerable for _, answerable, _ in rows])
    return LogisticRegression(C=10.0, class_weight="balanced").fit(np.array([row[2] for row in rows]), truth)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("evaluation", type=Path)
    found = collected(parser.parse_args().evaluation)
    print(f"{'folder':24}  {'language':8}  {'own':>5}  {'foreign':>7}  {'false refusals':>14}  {'false answers':>13}")
    for name, rows in found.items():
        others = [row for other, listed in found.items() if other.split(",")[0] != name.split(",")[0] for row in listed]
        rule = fitted(others)
        languages = sorted({language for language, answerable, _ in rows if answerable})
        for language in ("all", *languages):
            group = [row for row in rows if language in ("all", row[0])]
            said = rule.predict(np.array([row[2] for row in group]))
            truth = np.array([row[1] for row in group])
            refusals = f"{(~said[truth]).mean():14.3f}" if truth.any() else f"{'–':>14}"
            answers = f"{said[~truth].mean():13.3f}" if (~truth).any() else f"{'–':>13}"
            print(f"{name:24}  {language:8}  {truth.sum():5}  {(~truth).sum():7}  {refusals}  {answers}")
    rule = fitted([row for rows in found.values() for row in rows])
    print("intercept", round(float(rule.intercept_[0]), 3), "coefficients", [round(float(c), 3) for c in rule.coef_[0]])


if __name__ == "__main__":
    main()

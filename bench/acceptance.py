"""The acceptance run: real articles, the development questions, and what must hold on them.

    python -m bench.acceptance ../shared

Builds an index over SHARED/seeds in a folder of its own, asks SHARED/evaluation/seed_questions.jsonl and prints the
table, then checks dates and offsets of every hit. Ends with 1 when something that must hold does not.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import qa
from qa.evaluation import Question, evaluate, read_questions, table

# Issue of the first release: answer-hit@5 over all answerable questions, and over the French ones.
ANSWER_HIT_5, ANSWER_HIT_5_FRENCH = 0.80, 0.85
# What the five articles say of themselves: prefix of the file → every date that is right, None: it gives none.
DATES = {"000": {"2018-02-24"}, "001": {"2026-02-04"}, "002": {None}, "003": {None},
         "004": {"2022-09-09", "2022-09-15"}}


def faults(questions: list[Question], articles: Path, index: Path) -> Iterator[str]:
    """What is wrong with any hit of any question: a date, an offset, an answering sentence outside its passage."""
    for question in questions:
        for hit in qa.retrieve(question.q, 10, index=index):
            where = f"{question.q!r}: {hit.file} {hit.start}-{hit.end}"
            source = (articles / hit.file).read_text("utf-8")
            if hit.date not in next(dates for prefix, dates in DATES.items() if hit.file.startswith(prefix)):
                yield f"{where}: date {hit.date}"
            if source[hit.start : hit.end] != hit.text:
                yield f"{where}: the offsets are wrong"
            if source[hit.answer_start : hit.answer_end] != hit.answer or not (
                    hit.start <= hit.answer_start < hit.answer_end <= hit.end):
                yield f"{where}: the offsets of the answering sentence are wrong"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path, help="the folder that holds seeds/ and evaluation/")
    given = parser.parse_args()
    articles = given.shared / "seeds"
    questions = read_questions(given.shared / "evaluation" / "seed_questions.jsonl")
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder)
        report = qa.rebuild(articles, index=index)
        print(f"{report.articles} articles, {report.passages} passages, {report.dated} dated, {report.undated} undated")
        figures = evaluate(questions, index=index)
        print(table(figures))
        wrong = list(faults(questions, articles, index))
    if (figures["all"].answer_hit_5 or 0) < ANSWER_HIT_5:
        wrong.append(f"answer-hit@5 is {figures['all'].answer_hit_5}, less than {ANSWER_HIT_5}")
    if (figures["fr"].answer_hit_5 or 0) < ANSWER_HIT_5_FRENCH:
        wrong.append(f"answer-hit@5 in French is {figures['fr'].answer_hit_5}, less than {ANSWER_HIT_5_FRENCH}")
    for line in wrong:
        print(f"FAILED {line}")
    print("Acceptance: " + (f"{len(wrong)} failed" if wrong else "every date and offset right, every floor reached"))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())

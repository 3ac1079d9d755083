"""A questions file → a table of figures."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.answers import Answer, Hit, ask
from qa.encoder import Encoder
from qa.errors import UsageError
from qa.index import open_index

_DEPTH = 10     # hits looked at: nDCG@10 and recall@10 need no more
_ASKED = 60     # passages asked for, so that ten different files are among them
_ALL = "all"


@dataclass(frozen=True, slots=True)
class Question:
    """A line of a questions file."""

    q: str
    lang: str
    file: str | None    # a prefix of the file's name; None: the articles hold no answer
    answer: str | None  # None: the file alone counts
    date: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What came out for one group of questions; shares from 0 to 1, None where no question counts."""

    questions: int
    answerable: int
    ndcg_10: float | None
    mrr: float | None
    recall_1: float | None
    recall_3: float | None
    recall_5: float | None
    recall_10: float | None
    answer_hit_1: float | None   # the passage holds the answer, of questions that name one
    answer_hit_3: float | None
    answer_hit_5: float | None
    sentence: float | None       # the marked sentence holds the answer, of first hits that hold it
    date_accuracy: float | None  # of the hits of the right file among the first five, with the right date or none
    false_answers: float | None  # of unanswerable questions: answered all the same
    false_refusals: float | None  # of answerable questions: refused

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Posed:
    """A question and what came back."""

    question: Question
    answer: Answer
    right: tuple[bool, ...]  # of each of the hits that count, best first


def read_questions(path: str | os.PathLike[str]) -> list[Question]:
    """The questions of a file, one JSON object a line. Raises UsageError that names the line at fault."""
    try:
        text = Path(path).read_text("utf-8-sig")  # some editors begin a file with a byte order mark
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The questions file {os.fspath(path)!r} cannot be read ({error}).") from error
    questions: list[Question] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise TypeError("it is no object")
            asked, *values = (fields.get(name) for name in ("q", "file", "answer", "date"))
            if not isinstance(asked, str) or not asked.strip() or not all(
                    value is None or isinstance(value, str) for value in values):
                raise TypeError("q must be text, and file, answer and date text or null")
            questions.append(Question(asked, str(fields.get("lang") or "und"), *values))
        except (ValueError, TypeError, RecursionError) as error:
            raise UsageError(f"Line {number} of {os.fspath(path)} is no question ({error}). Each line is one JSON"
                             ' object: {"q": "…", "lang": "fr", "file": "…", "answer": "…", "date": null}') from error
    if not questions:
        raise UsageError(f"The questions file {os.fspath(path)!r} holds no question.")
    return questions


def folded(text: str) -> str:
    """Text without case, accents, white space and the form of apostrophes, for comparing answers."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed
                   if not unicodedata.combining(character) and not character.isspace()).translate(
                       {ord(mark): "'" for mark in "’‘ʼ`´′"})


def _right(question: Question, hit: Hit) -> bool:
    return any(
        file.startswith(question.file or "") for file in (hit.file, *(place.file for place in hit.more))) and (
        question.answer is None or folded(question.answer) in folded(hit.text))


def _ranked(question: Question, hits: Sequence[Hit]) -> tuple[bool, ...]:
    """For each hit that counts whether it is right; where only the file counts, a file counts once."""
    seen: set[str] = set()
    right: list[bool] = []
    for hit in hits:
        if question.answer is None and hit.file in seen:
            continue
        seen.add(hit.file)
        right.append(_right(question, hit))
    return tuple(right)


def pose(questions: Iterable[Question], *, index: str | os.PathLike[str] = "index", encoder: Encoder | None = None,
         progress: Callable[[int], None] | None = None) -> list[Posed]:
    """Asks every question. `progress` is told how many have been asked."""
    posed: list[Posed] = []
    for number, question in enumerate(questions):
        answer = ask(question.q, k=_ASKED if question.answer is None else _DEPTH, index=index, encoder=encoder)
        right = _ranked(question, answer.hits) if question.file is not None else ()
        posed.append(Posed(question, answer, right))
        if progress:
            progress(number + 1)
    return posed


def figures(posed: Sequence[Posed]) -> dict[str, Figures]:
    """The figures of all questions under "all", then of each question language.

    nDCG@10, MRR and recall@k come from ir_measures (one relevant passage a question: the best that is right).
    """
    languages = sorted({one.question.lang for one in posed})
    return {_ALL: _figures(posed)} | {
        language: _figures([one for one in posed if one.question.lang == language]) for language in languages}


def matrix(posed: Sequence[Posed], *, index: str | os.PathLike[str] = "index",
           encoder: Encoder | None = None) -> dict[str, dict[str, float | None]]:
    """Recall@5 by question language, then by the language of the article that answers (None: no such question)."""
    written = open_index(index, encoder).store.languages_of_files()
    cells: dict[str, dict[str, list[bool]]] = {}
    for one in posed:
        if one.question.file is not None:
            language = next((written[file] for file in written if file.startswith(one.question.file)), "und")
            cells.setdefault(one.question.lang, {}).setdefault(language, []).append(any(one.right[:5]))
    columns = sorted({language for row in cells.values() for language in row})
    return {asked_in: {language: _share(cells[asked_in].get(language, [])) for language in columns}
            for asked_in in sorted(cells)}


def evaluate(questions: Iterable[Question], *, index: str | os.PathLike[str] = "index",
             encoder: Encoder | None = None,
             progress: Callable[[int], None] | None = None) -> dict[str, Figures]:
    """`pose` and `figures` in one."""
    return figures(pose(questions, index=index, encoder=encoder, progress=progress))


def _figures(asked: Sequence[Posed]) -> Figures:
    answerable = [one for one in asked if one.question.file is not None]
    named = [one for one in answerable if one.question.answer is not None]
    unanswerable = [one for one in asked if one.question.file is None]
    found = [one for one in named if one.right[:1] == (True,)]
    dates = [hit.date == one.question.date for one in named for hit in one.answer.hits[:5] if _right(one.question, hit)]
    ndcg, mrr, recall_1, recall_3, recall_5, recall_10 = _measures(answerable)
    answer_1, answer_3, answer_5 = (_share(any(one.right[:k]) for one in named) for k in (1, 3, 5))
    return Figures(
        len(asked), len(answerable), ndcg, mrr, recall_1, recall_3, recall_5, recall_10, answer_1, answer_3, answer_5,
        _share(folded(one.question.answer or "") in folded(one.answer.hits[0].answer) for one in found),
        _share(dates), _share(one.answer.answered for one in unanswerable),
        _share(not one.answer.answered for one in answerable))


def _share(truths: Iterable[bool]) -> float | None:
    listed = list(truths)
    return round(sum(listed) / len(listed), 4) if listed else None


def _measures(answerable: Sequence[Posed]) -> list[float | None]:
    """nDCG@10, MRR, recall@1, @3, @5 and @10."""
    if not answerable:
        return [None] * 6
    import ir_measures
    from ir_measures import RR, Qrel, R, ScoredDoc, nDCG

    qrels = [Qrel(str(number), "right", 1) for number in range(len(answerable))]
    run: list[Any] = []
    for number, one in enumerate(answerable):
        first = one.right.index(True) if True in one.right else None
        run.extend(ScoredDoc(str(number), "right" if place == first else f"other {place}", float(-place))
                   for place in range(len(one.right)))
    measures = [nDCG @ 10, RR, R @ 1, R @ 3, R @ 5, R @ 10]
    totals = ir_measures.calc_aggregate(measures, qrels, run)
    return [round(float(totals[measure]), 4) for measure in measures]


def table(figures: dict[str, Figures], by_language: dict[str, dict[str, float | None]] | None = None) -> str:
    """The figures as a table to read, one row a group of questions, and the matrix below it."""
    names = {"questions": "questions", "ndcg_10": "nDCG@10", "mrr": "MRR", "recall_1": "R@1", "recall_3": "R@3",
             "recall_5": "R@5", "recall_10": "R@10", "answer_hit_1": "answer@1", "answer_hit_3": "answer@3",
             "answer_hit_5": "answer@5", "sentence": "sentence", "date_accuracy": "dates",
             "false_answers": "false answers", "false_refusals": "false refusals"}
    text = _aligned([["", *names.values()], *([group, *(_cell(getattr(values, name)) for name in names)]
                                              for group, values in figures.items())])
    if by_language:
        columns = list(next(iter(by_language.values())))
        text += "\n\n" + _aligned([["R@5, asked in \\ article in", *columns], *(
            [language, *(_cell(row[column]) for column in columns)] for language, row in by_language.items())])
    return text


def _cell(value: float | None) -> str:
    return "–" if value is None else (str(value) if isinstance(value, int) else f"{value:.3f}")


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                               for column, (cell, width) in enumerate(zip(row, widths, strict=True)))
                     for row in rows)

"""The shipped articles are what seeds/README.md says they are, and the shipped model answers about them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import qa
from qa import articles
from qa.evaluation import Question, evaluate, folded, read_questions
from qa.passages import passages

ROOT = Path(__file__).parent.parent
SEEDS = ROOT / "seeds"
ROW = re.compile(r"^\| `([^`]+)` \| (\w\w) \| ([^|]+?) \| ([^|]+?) \| [^|]+ \|$", re.MULTILINE)
TABLE = ROW.findall((SEEDS / "README.md").read_text("utf-8"))
QUESTIONS = read_questions(ROOT / "tests" / "seeds_questions.jsonl")
FILES, _ = articles.scan(SEEDS)


def test_the_readme_lists_every_article_once() -> None:
    """Each file has its row, and each row its file."""
    assert sorted(row[0] for row in TABLE) == [one.file for one in FILES]


@pytest.mark.parametrize(("file", "language", "published", "source"), TABLE)
def test_each_article_has_the_language_and_the_dates_of_the_readme(
        file: str, language: str, published: str, source: str) -> None:
    """Every date is found, from the place named, and none is made up where there is none."""
    article = articles.article(file, articles.read_bytes(SEEDS, file))
    assert article.language == language
    found = [(section.published.date, section.published.source) if section.published else None
             for section in article.sections]
    wanted = [None] if published == "none" else [(date, source) for date in re.findall(r"\d{4}(?:-\d\d)*", published)]
    assert list(dict.fromkeys(found)) == wanted
    assert article.title


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.file])
def test_every_answer_stands_in_a_passage(question: Question) -> None:
    """What the questions ask for is neither furniture nor lost between passages."""
    assert question.file
    assert question.answer
    article = articles.article(question.file, articles.read_bytes(SEEDS, question.file))
    assert any(folded(question.answer) in folded(passage.text) for passage in passages(article))


def test_the_shipped_model_answers_most_questions(tmp_path: Path) -> None:
    """In eight languages, asked in the article's own or in another; every date of a right hit is right."""
    qa.rebuild(SEEDS, index=tmp_path)
    figures = evaluate(QUESTIONS, index=tmp_path)["all"]
    assert figures.date_accuracy == 1
    assert figures.answer_hit_5
    assert figures.answer_hit_5 >= 0.7

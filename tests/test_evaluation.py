"""Figures of a questions file, worked out by hand."""

from __future__ import annotations

import json
from math import log2
from pathlib import Path
from typing import Any

import pytest
from conftest import Build, CountryEncoder, write

import qa
from qa.evaluation import Question, evaluate, folded, read_questions, table

FILES = {
    "a-france.md": "---\ndate: 2019-03\n---\nLa France chante. L’Été commence à l’aube.",
    "b-brazil.md": "---\ndate: 2020-05-08\n---\nBrazil drums all night.",
    "c-egypt.md": "---\ndate: 2021\n---\nEgypt sleeps well.",
    "d-japan.md": "Japan wakes up early.",
}


@pytest.fixture
def choir(build: Build, tmp_path: Path, index: Path) -> Path:
    """Four passages, each about a country of its own, in the order of their files' names."""
    build(write(tmp_path / "articles", FILES))
    return index


def test_four_questions_worked_out_by_hand(choir: Path) -> None:
    """Right at rank 1, at rank 2, at rank 4, and one that should have been refused."""
    # Questions share no word with an article: cosine 1 with the country's, 0 with all others, which follow in order.
    figures = evaluate(
        [
            Question("巴西", "zh", "b-brazil", "DRUMS  all", "2020-05-08"),  # b a c d: rank 1, date right
            Question("埃及", "zh", "a-france", "l'ete commence", "2019-03-12"),  # c a b d: rank 2, date wrong
            Question("肯尼亚", "zh", "d-japan.md", None, None),  # a b c d: rank 4
            Question("日本", "ja", None, None, None),  # answered, and should not be
        ],
        index=choir,
        encoder=CountryEncoder(),
    )
    assert list(figures) == ["all", "ja", "zh"]
    got = figures["all"]
    assert (got.questions, got.answerable) == (4, 3)
    assert got.ndcg_10 == pytest.approx((1 + 1 / log2(3) + 1 / log2(5)) / 3, abs=1e-4)
    assert got.mrr == pytest.approx((1 + 1 / 2 + 1 / 4) / 3, abs=1e-4)
    assert [got.recall_1, got.recall_3, got.recall_5, got.recall_10] == pytest.approx([1 / 3, 2 / 3, 1, 1], abs=1e-4)
    assert (got.answer_hit_1, got.answer_hit_3, got.answer_hit_5) == (0.5, 1, 1)
    assert got.sentence == 1
    assert got.date_accuracy == 0.5
    assert got.false_answers == 1
    assert got.false_refusals == pytest.approx(1 / 3, abs=1e-4)
    ja = figures["ja"]
    assert (ja.questions, ja.answerable, ja.ndcg_10, ja.answer_hit_1, ja.false_refusals) == (
        1,
        0,
        None,
        None,
        None,
    )
    assert figures["zh"].ndcg_10 == got.ndcg_10


def test_the_right_file_without_the_answer_does_not_count(choir: Path) -> None:
    """File and answer must both be right; the date then decides on its own."""
    figures = evaluate([Question("埃及", "zh", "c-egypt", "dances", None)], index=choir, encoder=CountryEncoder())[
        "all"
    ]
    assert (figures.ndcg_10, figures.recall_10, figures.answer_hit_5, figures.date_accuracy) == (0, 0, 0, None)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("L’Été à   l'aube", "l'ete a l’aube"),
        ("Straße", "STRASSE"),
        ("e\u0301", "é"),
        ("260\u202f000", "260 000"),
        ("Ёлка", "елка"),
        ("ﬁn", "FIN"),
    ],
)
def test_answers_compare_without_case_accents_spaces_and_apostrophes(one: str, other: str) -> None:
    """What a reader takes for the same counts as the same."""
    assert folded(one) == folded(other)


def test_different_answers_stay_different() -> None:
    """Folding forgets nothing that changes an answer."""
    assert len({folded(text) for text in ("1 200", "1 201", "Lamu", "Lama", "港", "港口")}) == 6


def test_questions_are_read_as_they_stand(tmp_path: Path) -> None:
    """Blank lines and a byte order mark are skipped, missing fields are null, line separators inside a text are no line
    ends."""
    path = tmp_path / "q.jsonl"
    path.write_text(
        '\ufeff{"q": "Où\u2028?", "lang": "fr", "file": "a", "answer": "b", "date": "2019"}\n\n{"q": "x"}\n', "utf-8"
    )
    assert read_questions(path) == [
        Question("Où\u2028?", "fr", "a", "b", "2019"),
        Question("x", "und", None, None, None),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "it is no object"),
        ("3", "it is no object"),
        ('"q"', "it is no object"),
        ("null", "it is no object"),
        ("{}", "q must be text"),
        ('{"q": ""}', "q must be text"),
        ('{"q": 3}', "q must be text"),
        ('{"q": "x", "file": 3}', "file, answer and date text or null"),
        ('{"q": "x", "answer": ["y"]}', "file, answer and date text or null"),
        ('{"q": "x", "date": 2019}', "file, answer and date text or null"),
        ("{'q': 'x'}", "Expecting"),
        ("[" * 100_000, "recursion"),
    ],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, line: str, reason: str) -> None:
    """The message says which line of which file, what is wrong with it, and what a line looks like."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"q": "x"}\n\n' + line + "\n", "utf-8")
    with pytest.raises(qa.UsageError, match=r"Line 3 of .*q\.jsonl is no question \(.*" + reason + r".*\{\"q\": "):
        read_questions(path)


@pytest.mark.parametrize("content", [None, b"", b"\n \n", b"\xff\xfe\x00"])
def test_a_file_without_a_question_is_refused(tmp_path: Path, content: bytes | None) -> None:
    """A missing, an empty and a binary file are three sentences, not three tracebacks."""
    path = tmp_path / "q.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(qa.UsageError, match=r"q\.jsonl' (cannot be read|holds no question)"):
        read_questions(path)


def test_progress_counts_questions(choir: Path) -> None:
    """One step a question, from 1 to all of them."""
    steps: list[Any] = []
    evaluate([Question("x", "en", None, None, None)] * 3, index=choir, encoder=CountryEncoder(), progress=steps.append)
    assert steps == [1, 2, 3]


def test_the_table_shows_each_figure_and_a_dash_for_none(choir: Path) -> None:
    """A row a group, three decimals a share, and no number where none can be given."""
    figures = evaluate([Question("日本", "ja", None, None, None)], index=choir, encoder=CountryEncoder())
    head, *rows = table(figures).split("\n")
    assert head.split()[:4] == ["questions", "nDCG@10", "MRR", "R@1"]
    assert [row.split()[0] for row in rows] == ["all", "ja"]
    assert rows[0].split()[1:4] == ["1", "–", "–"]
    assert "1.000" in rows[0]
    assert json.dumps({name: values.to_dict() for name, values in figures.items()})

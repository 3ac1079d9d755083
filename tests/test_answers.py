"""Answers: exact places, exact scores, dates obeyed, arguments checked, and silence where nothing answers."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import log, sqrt
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from conftest import ARTICLES, Build, CountryEncoder, messy_texts, write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import qa
from qa.answers import _alike, features
from qa.closeness import Met
from qa.dates import bounds
from qa.encoder import Vectors, load
from qa.retrieval import INTERACTION_WEIGHT, Ranking

DATES = [
    "2018",
    "2019",
    "2019-01",
    "2019-02",
    "2019-12",
    "2020-02-29",
    "2020-03-01",
    "2020-03",
    "2021-06-15",
    "2021-12-31",
    "2022-01-01",
    None,
    None,
]


@pytest.fixture(scope="module")
def calendar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of thirteen articles about Kenya, each of another date, two of none."""
    root = tmp_path_factory.mktemp("calendar")
    boats = (
        "dhow",
        "ferry",
        "raft",
        "canoe",
        "tug",
        "trawler",
        "yacht",
        "barge",
        "kayak",
        "galley",
        "sloop",
        "punt",
        "ketch",
    )
    qa.rebuild(
        write(
            root / "articles",
            {
                f"{boat}.md": (f"---\ndate: {date}\n---\n" if date else "")
                + f"Kenya has built a {boat} of {number + 3} planks."
                for number, (boat, date) in enumerate(zip(boats, DATES, strict=True))
            },
        ),
        index=root / "index",
        encoder=CountryEncoder(),
    )
    return root / "index"


def ask(index: Path, question: str, **arguments: Any) -> qa.Answer:
    return qa.ask(question, index=index, encoder=CountryEncoder(), **arguments)


# --- what is found ------------------------------------------------------------------------------------------


def test_a_question_in_another_language_finds_the_article(shelf: Path) -> None:
    """Without a word in common the cosine decides, and is told."""
    hits = ask(shelf, "كينيا").hits
    assert (hits[0].file, hits[0].vector, hits[0].lexical, hits[0].matched) == (
        "2021/harbour.md",
        pytest.approx(1),
        0,
        (),
    )
    assert [hit.vector for hit in hits[1:]] == [0, 0, 0, 0]


def test_the_cosine_of_two_countries_with_one_is_the_root_of_a_half(shelf: Path) -> None:
    """A question about two countries is as close to one article as to the other, and the earlier file comes first."""
    hits = ask(shelf, "كينيا اليابان").hits
    assert [(hit.file, hit.vector) for hit in hits[:2]] == [
        ("2021/harbour.md", pytest.approx(sqrt(1 / 2), abs=1e-5)),
        ("2021/reis.txt", pytest.approx(sqrt(1 / 2), abs=1e-5)),
    ]
    assert hits[0].score == hits[1].score > hits[2].score


def test_a_shared_word_decides_between_equals(shelf: Path) -> None:
    """Of two articles as close in meaning the one that shares a word comes first."""
    hits = ask(shelf, "كينيا اليابان Bauern").hits
    assert [hit.file for hit in hits[:2]] == ["2021/reis.txt", "2021/harbour.md"]
    assert hits[0].matched == ("Bauern",)
    assert hits[0].lexical > hits[1].lexical == 0


def test_hits_come_best_first_and_no_more_than_asked_for(shelf: Path) -> None:
    """Scores never rise, k is a limit, and a smaller k is the beginning of a larger one."""
    hits = ask(shelf, "Kenya Ernte мост", k=100).hits
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for k in (1, 2, 3):
        assert ask(shelf, "Kenya Ernte мост", k=k).hits == hits[:k]


def test_hits_may_come_newest_first(shelf: Path) -> None:
    """The same hits in another order, those without a date last."""
    best = ask(shelf, "harbour, coffee, lanterns, museum", k=20).hits
    newest = ask(shelf, "harbour, coffee, lanterns, museum", k=20, order="date").hits
    assert sorted(hit.text for hit in newest) == sorted(hit.text for hit in best)
    dates = [hit.date for hit in newest]
    dated = [date for date in dates if date is not None]
    assert dates == [*sorted(dated, reverse=True), *[None] * (len(dates) - len(dated))]
    assert 0 < len(dated) < len(dates)
    assert dated != [hit.date for hit in best if hit.date is not None]


def test_the_sentence_that_answers_is_marked(shelf: Path) -> None:
    """Within the passage the sentence that shares the question's country and words is the answer, by its place."""
    hit = ask(shelf, "Who pays per basket, and what does a Händler pay je Korb in Münzen?").hits[0]
    source = ARTICLES["2021/reis.txt"]
    assert hit.answer == "Ein Händler zahlt neun Münzen je Korb."
    assert source[hit.answer_start : hit.answer_end] == hit.answer


def test_a_hit_tells_date_source_title_and_language(shelf: Path) -> None:
    """Each hit says when, by which words of the article, and what it is called."""
    found = {
        hit.file: (hit.date, hit.date_source, hit.date_evidence, hit.title, hit.language)
        for hit in ask(shelf, "Kenya", k=10).hits
    }
    assert found == {
        "2019/lanternes.txt": ("2019-03-12", "dateline", "12/03/2019", "La fête des lanternes", "fr"),
        "2021/harbour.md": ("2021-06-04", "front matter", "2021-06-04", "A harbour for the blue ferries", "en"),
        "2021/reis.txt": ("2021-09-20", "dateline", "2021-09-20", "Die Ernte der Bergdörfer", "de"),
        "egipet.txt": (None, None, None, None, "ru"),
        "巴西.txt": ("2020-05-08", "dateline", "2020年5月8日", "巴西的咖啡博物馆", "zh"),
    }


def test_retrieve_gives_the_hits_of_ask(shelf: Path) -> None:
    """`retrieve` and `ask` agree, also on filters."""
    encoder = CountryEncoder()
    arguments: dict[str, Any] = {
        "k": 3,
        "since": "2020",
        "until": "2021",
        "file": "*/*",
        "index": shelf,
        "encoder": encoder,
    }
    assert qa.retrieve("Kenya?", **arguments) == list(qa.ask("Kenya?", **arguments).hits)


def test_a_slow_encoder_reads_the_question_and_nothing_else(shelf: Path) -> None:
    """The sentences of what is shown are told apart by the shipped model: dozens of them would take a transformer
    seconds."""
    read: list[str] = []

    class Watched(CountryEncoder):
        def encode_passages(self, texts: Sequence[str]) -> Vectors:
            read.extend(texts)
            return super().encode_passages(texts)

    found = qa.ask("Who opened the harbour for blue ferries?", index=shelf, encoder=Watched()).hits
    assert found
    assert [hit.answer for hit in found if hit.file == "2021/harbour.md"] != []
    assert read == []


def test_to_dict_is_the_record(shelf: Path) -> None:
    """The JSON of an answer has the names and values of the record."""
    answer = ask(shelf, "Kenya?", since="2021-06")
    fields = answer.to_dict()
    assert {**fields, "hits": None} == {
        "question": "Kenya?",
        "answered": True,
        "confidence": answer.confidence,
        "since": "2021-06-01",
        "until": None,
        "generation": 1,
        "hits": None,
        "undated": 1,
        **{
            name: value
            for name, value in fields.items()
            if name not in ("question", "answered", "confidence", "since", "until", "generation", "hits", "undated")
        },
    }
    assert all(
        fields["hits"][0][name] == getattr(answer.hits[0], name)
        for name in (
            "file",
            "date",
            "date_source",
            "title",
            "language",
            "text",
            "start",
            "end",
            "answer",
            "answer_start",
            "answer_end",
            "score",
        )
    )


@given(
    st.lists(messy_texts(), min_size=1, max_size=3), st.one_of(messy_texts(), st.sampled_from(["ferry", "港", "3.14"]))
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("brief_background")
def test_every_hit_and_answer_stands_where_it_says(texts: list[str], question: str) -> None:
    """Whatever the files and the question, offsets lead to the very characters in the file as an editor shows it."""
    encoder = CountryEncoder()
    with tempfile.TemporaryDirectory() as root:
        folder = write(Path(root, "articles"), {f"{number}.txt": text for number, text in enumerate(texts)})
        qa.rebuild(folder, index=Path(root, "index"), encoder=encoder)
        sources = {
            f"{number}.txt": text.removeprefix("\ufeff")
            .removeprefix("\ufeff")
            .replace("\r\n", "\n")
            .replace("\r", "\n")
            for number, text in enumerate(texts)
        }
        for hit in qa.retrieve("? " + question, k=50, index=Path(root, "index"), encoder=encoder):
            source = sources[hit.file]
            assert source[hit.start : hit.end] == hit.text
            assert source[hit.answer_start : hit.answer_end] == hit.answer != ""
            assert hit.start <= hit.answer_start < hit.answer_end <= hit.end
            assert all(word in hit.text for word in hit.matched)
            assert hit.date_evidence is None or hit.date_evidence in source or hit.date_source == "file name"
            assert all(sources[place.file][place.start : place.end].strip() for place in hit.more)


# --- dates --------------------------------------------------------------------------------------------------

_BOUNDS = st.one_of(
    st.none(),
    st.dates(datetime.date(2017, 1, 1), datetime.date(2023, 12, 31)),
    st.sampled_from(
        [
            "2018",
            "2019",
            "2020",
            "2021",
            "2022",
            "2019-01",
            "2019-02",
            "2020-02",
            "2020-03",
            "2021-12",
            "2020-02-29",
            "2021-12-31",
        ]
    ),
)


@given(_BOUNDS, _BOUNDS)
def test_nothing_outside_the_dates_is_ever_returned(
    calendar: Path, since: str | datetime.date | None, until: str | datetime.date | None
) -> None:
    """All and only what lies wholly within since..until comes back, and the undated is left out and counted."""

    def day(value: str | datetime.date | None, end: bool, none: datetime.date) -> datetime.date:
        return none if value is None else value if isinstance(value, datetime.date) else bounds(value)[end]

    first, last = day(since, False, datetime.date.min), day(until, True, datetime.date.max)
    if first > last:
        with pytest.raises(qa.UsageError, match="Swap them"):
            ask(calendar, "Kenya?", since=since, until=until)
        return
    answer = ask(calendar, "Kenya?", k=100, since=since, until=until)
    dates = [hit.date for hit in answer.hits] + [place.date for hit in answer.hits for place in hit.more]
    expected = [
        date
        for date in DATES
        if (date is None and since is until is None)
        or (date is not None and first <= bounds(date)[0] and bounds(date)[1] <= last)
    ]
    assert sorted(map(str, dates)) == sorted(map(str, expected))
    assert answer.undated == (0 if since is until is None else 2)
    assert (answer.since, answer.until) == (str(first) if since else None, str(last) if until else None)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("2022", None, ("2022-01-01", None)),
        ("2022-09", None, ("2022-09-01", None)),
        ("2022-09-15", None, ("2022-09-15", None)),
        (None, "2022", (None, "2022-12-31")),
        (None, "2022-09", (None, "2022-09-30")),
        (None, "2024-02", (None, "2024-02-29")),
        (datetime.date(2022, 9, 15), datetime.datetime(2022, 9, 16, 12, 0), ("2022-09-15", "2022-09-16")),
        ("2022", "2022", ("2022-01-01", "2022-12-31")),
    ],
)
def test_a_date_may_be_a_year_a_month_or_a_day(shelf: Path, since: Any, until: Any, expected: tuple[str, str]) -> None:
    """Since takes the first day of what is named, until the last, and the answer says which days were meant."""
    answer = ask(shelf, "Kenya?", since=since, until=until)
    assert (answer.since, answer.until) == expected


def test_nothing_within_the_dates_is_no_answer(shelf: Path) -> None:
    """Where the filter leaves nothing there is no hit and no confidence."""
    answer = ask(shelf, "Kenya?", since="1999", until="2000")
    assert (answer.answered, answer.confidence, answer.hits, answer.undated) == (False, 0.0, (), 1)


@pytest.mark.parametrize(
    ("question", "phrase", "since", "until"),
    [
        ("What did Kenya open in 2021?", "in 2021", "2021-01-01", "2021-12-31"),
        ("What did Kenya open since June 2021?", "since June 2021", "2021-06-01", None),
        ("What did Kenya open before 2022?", "before 2022", None, "2021-12-31"),
    ],
)
def test_a_period_in_the_question_becomes_the_filter_where_an_answer_lies_in_it(
    shelf: Path, question: str, phrase: str, since: str | None, until: str | None
) -> None:
    """The answer says which words it was read from; undated passages stay, and nothing else from outside."""
    answer = ask(shelf, question)
    assert (answer.phrase, answer.since, answer.until, answer.passed_over) == (phrase, since, until, None)
    assert answer.hits[0].file == "2021/harbour.md"
    assert all(hit.date is None or (since or "") <= hit.date <= (until or "9999") for hit in answer.hits)
    assert "egipet.txt" in {hit.file for hit in answer.hits}


@pytest.mark.parametrize(
    ("question", "phrase", "since", "until"),
    [
        ("What did Kenya open in March 2019?", "in March 2019", "2019-03-01", "2019-03-31"),
        ("What did Kenya open since 2022?", "since 2022", "2022-01-01", None),
        ("What did Kenya open before 1990?", "before 1990", None, "1989-12-31"),
    ],
)
def test_a_period_in_the_question_from_which_nothing_answers_is_said_to_be_passed_over(
    shelf: Path, question: str, phrase: str, since: str | None, until: str | None
) -> None:
    """The best passage of any date is shown, unfiltered, and the answer tells which period was understood."""
    answer = ask(shelf, question)
    assert (answer.phrase, answer.since, answer.until) == (None, None, None)
    assert answer.passed_over == qa.Period(phrase, since, until)
    assert answer.to_dict()["passed_over"] == {"phrase": phrase, "since": since, "until": until}
    assert answer.hits[0].file == "2021/harbour.md"
    assert len(answer.hits) == 5


def test_a_filter_that_is_the_period_of_the_question_does_not_answer_it(tmp_path: Path) -> None:
    """Words of time that every passage within the filter meets make none of them surer."""
    texts = {"fair.txt": "A fair\n3 June 2021\n\nThe fair of June 2021 opened late. In June 2021 nobody came to it."}
    qa.rebuild(write(tmp_path / "a", texts), index=tmp_path / "index", encoder=CountryEncoder())
    with_words, without = (ask(tmp_path / "index", f"Blue ferries of Kenya{words}?", since="2021-06", until="2021-06")
                           for words in (" in June 2021", ""))
    assert with_words.confidence == without.confidence
    assert with_words.hits[0].lexical == without.hits[0].lexical == 0


def test_without_dates_the_words_of_time_are_words_of_the_question(tmp_path: Path) -> None:
    """Where no passage has a date the year must stand in the text; an undated passage is not taken for the period's."""
    texts = {f"{name}.txt": f"Kenya built a harbour of stone in {year}, said the elders."
             for name, year in (("a", "its youth"), ("b", "1995"))}
    qa.rebuild(write(tmp_path / "a", texts), index=tmp_path / "index", encoder=CountryEncoder())
    answer = ask(tmp_path / "index", "Which harbour did Kenya see in 1995?")
    assert answer.hits[0].file == "b.txt"
    assert (answer.since, answer.until) == (None, None)
    assert answer.passed_over == qa.Period("in 1995", "1995-01-01", "1995-12-31")


def test_a_dateline_of_the_period_alone_is_no_answer(tmp_path: Path) -> None:
    """An undated passage that answers leads before one of the period that shares nothing but its month."""
    texts = {"undated.txt": "Kenya opens a harbour for blue ferries.",
             "fair.txt": "A fair\n3 June 2021\n\nThe fair of June 2021 opened late. In June 2021 nobody came to it."}
    qa.rebuild(write(tmp_path / "a", texts), index=tmp_path / "index", encoder=CountryEncoder())
    answer = ask(tmp_path / "index", "Blue ferries of Kenya in June 2021?")
    assert [hit.file for hit in answer.hits] == ["undated.txt", "fair.txt"]
    assert answer.passed_over == qa.Period("in June 2021", "2021-06-01", "2021-06-30")


def test_a_month_that_is_passed_over_does_not_decide_what_is_found(build: Build, tmp_path: Path, index: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """A month and its year are two rare words, but what the question is about comes first."""
    build(write(tmp_path / "a", {
        "treaty.txt": "03/05/2019\n\nThe harbour treaty ends soon, and nobody knows what follows.\n",
        "feast.txt": "12/06/2020\n\nIn September 2022 a feast is held at the harbour, if September 2022 is dry.\n",
        "bread.txt": "12/07/2020\n\nBread gets dearer in the old town, and fish does too.\n",
    }))
    question = "harbour treaty in September 2022"
    answer = ask(index, question)
    assert [hit.file for hit in answer.hits[:2]] == ["treaty.txt", "feast.txt"]
    assert answer.passed_over is not None
    assert answer.hits[0].score > answer.hits[1].score
    monkeypatch.setattr("qa.answers._TIMELESS", 0.0)
    assert [hit.file for hit in ask(index, question).hits[:2]] == ["feast.txt", "treaty.txt"]


def test_a_period_that_is_given_stands_before_the_one_in_the_question(shelf: Path) -> None:
    """A filter set by the reader is obeyed, and the words of the question are no filter then."""
    answer = ask(shelf, "What did Kenya open in March 2019?", since="2021-09")
    assert (answer.since, answer.until, answer.phrase, answer.passed_over) == ("2021-09-01", None, None, None)
    assert [hit.file for hit in answer.hits] == ["2021/reis.txt"]


def test_a_period_that_holds_the_best_passage_never_makes_it_less_sure(shelf: Path) -> None:
    """Among few passages the best one has fewer to rise above, which says nothing against it."""
    for question in ("What did Kenya open", "Что открыла Кения", "Was hat Kenia eröffnet"):
        inside = ask(shelf, f"{question} {'в 2021 году' if question[0] == 'Ч' else 'in 2021'}?".replace(
            "eröffnet in", "eröffnet im Jahr"))
        assert inside.phrase is not None
        assert inside.confidence >= ask(shelf, f"{question}?").confidence


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("2021/*", ["2021/harbour.md", "2021/reis.txt"]),
        ("*.md", ["2021/harbour.md"]),
        ("egipet.txt", ["egipet.txt"]),
        ("巴*", ["巴西.txt"]),
        ("*.TXT", []),
        ("[", []),
        ("'; DROP TABLE passages; --", []),
        ("*" * 300, None),
    ],
)
def test_a_glob_limits_the_files(shelf: Path, glob: str, files: list[str] | None) -> None:
    """Only files whose path matches are answered from; a glob that matches none is no error."""
    hits = ask(shelf, "Kenya?", file=glob, k=10).hits
    assert sorted(hit.file for hit in hits) == (sorted(ARTICLES) if files is None else files)


# --- arguments ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        {"k": 0},
        {"k": -1},
        {"k": 1_001},
        {"k": True},
        {"k": 2.5},
        {"k": "5"},
        {"since": "2022-13"},
        {"since": "2022-02-30"},
        {"until": "yesterday"},
        {"until": "22"},
        {"since": "2022/09/15"},
        {"since": "2022-9"},
        {"order": "newest"},
        {"until": "٢٠٢٢"},
        {"since": "2022-09-15T10:00"},
        {"since": "2023", "until": "2022"},
        {"since": 2022},
        {"until": 2022.5},
        {"file": "*" * 60_000},
        {"since": "0000"},
    ],
)
def test_an_argument_that_makes_no_sense_is_refused(shelf: Path, arguments: dict[str, Any]) -> None:
    """Every wrong argument is a UsageError with a sentence, none a traceback from below or a silent guess."""
    with pytest.raises(qa.UsageError, match=r"\w+ .*\."):
        ask(shelf, "Kenya?", **arguments)


@pytest.mark.parametrize("question", ["", " ", "\n\t\u3000"])
def test_an_empty_question_is_refused(shelf: Path, question: str) -> None:
    """The message shows what a question looks like."""
    with pytest.raises(qa.UsageError, match="The question is empty"):
        ask(shelf, question)


@given(st.one_of(st.text(), messy_texts()))
def test_any_other_question_is_answered_or_not_but_never_fails(shelf: Path, question: str) -> None:
    """Punctuation, operators of query languages, half characters and control characters are words at most."""
    if question.strip():
        answer = ask(shelf, question)
        assert 0 <= answer.confidence <= 1
        assert answer.question == question


@pytest.mark.parametrize(
    "question",
    [
        "\udcff Kenya",
        "\ud83d",
        "Kenya AND OR NOT (",
        '"Kenya',
        "words:kenya^9",
        "*",
        "Kenya\0",
        "a" * 100_000,
        "Kenya " * 50_000,
        "港" * 20_000,
    ],
)
@pytest.mark.parametrize("argument", ["question", "file"])
def test_strange_arguments_never_fail(ends: None, shelf: Path, question: str, argument: str) -> None:
    """What a shell or a page may hand over ends in an answer or a UsageError."""
    try:
        answer = ask(shelf, question) if argument == "question" else ask(shelf, "Kenya?", file=question[:9_000])
    except qa.UsageError:
        return
    assert 0 <= answer.confidence <= 1


# --- no answer ----------------------------------------------------------------------------------------------


def test_a_question_the_articles_answer_is_answered(shelf: Path) -> None:
    """The right passage rises far above what unrelated questions reach."""
    answer = ask(shelf, "When does the first ferry of Kenya leave the harbour?")
    assert answer.answered
    assert answer.confidence > 0.9


def _features(scores: Sequence[float], written: str, unrelated: Sequence[float],
              reached: Sequence[Sequence[float]] = ((0.0, 0.0),), weights: Sequence[float] = (0.5, 0.5)) -> list[float]:
    """Of a Russian question, whose sums are half the scores, over passages of one language, the first of which reach
    its units so, and the others not at all."""
    numbers = np.array(scores, np.float32)
    units = np.zeros((len(numbers), len(weights)), np.float32)
    units[: len(reached)] = reached
    none = np.zeros(0, np.float32)
    met = Met(np.zeros(1, np.int64), np.zeros((0, 2), np.int64), none, none, none, units,
              np.array(weights, np.float32), None)
    ranking = Ranking(np.arange(len(numbers)), numbers, numbers / 2, *[np.zeros(len(numbers), np.float32)] * 3,
                      np.arange(len(numbers)), met)
    index: Any = SimpleNamespace(
        encoder=load(),
        manifest=SimpleNamespace(background={"ru": {"any": list(unrelated)}}),
        store=SimpleNamespace(languages_of=lambda rows: [written] * len(rows)),
    )
    return features(index, "ru", ranking)


def test_across_languages_a_lead_counts_against_the_spread_of_unrelated_questions() -> None:
    """The best score leads the mean of the next fifteen by 0.6, twelve spreads of an unrelated question's sum."""
    spreads = [0.0, 0.03, 0.0, 0.0, 0.0, 0.04 / INTERACTION_WEIGHT]
    many = [0.2] * 5 + [0.05] * 10 + [-5.0] * 10  # 0.1 on average of the fifteen
    assert _features([0.7, *many], "en", spreads)[3] == pytest.approx(log(12), abs=1e-5)
    assert _features([0.6], "en", spreads)[3] == pytest.approx(log(12), abs=1e-5)  # nothing to lead
    assert _features([0.1] * 16, "en", spreads)[3] == pytest.approx(log(0.02 / 0.05), abs=1e-5)


def test_across_languages_the_best_passage_should_meet_what_matters() -> None:
    """Half of what is asked for is met for certain, a third of the rest halfway; of the three heaviest units the third
    is met worst, and a light one that is not met at all does not lower that."""
    reached = [[0.9, 0.325, 0.12, -0.2], [1.0, 1.0, 1.0, 1.0]]
    *_, here, least, across = _features([0.7, 0.1], "en", [0.0, 0.03] * 3, reached, [0.5, 0.2, 0.2, 0.1])
    assert (here, least, across) == (pytest.approx(0.6), pytest.approx(0.12), 1.0)


def test_in_the_same_language_sum_and_score_count_alike_and_what_no_passage_meets() -> None:
    """The mean of the best sum and the best score; a unit that a lower passage meets is not missing."""
    found = _features([0.7, 0.1], "ru", [0.0, 0.03] * 3, [[0.9, 0.1], [0.1, 0.325]])
    assert found == [pytest.approx(0.525), pytest.approx(0.25), 0.0, 0.0, 0.0, 0.0, 0.0]
    far = _features([0.7] * 9, "ru", [0.0, 0.03] * 3, [[0.0, 0.0]] * 8 + [[1.0, 1.0]])
    assert far[1] == pytest.approx(1.0)  # eight passages are looked at


@pytest.mark.parametrize("question", ["?", "!?" * 200, "« … »", "的", "What is it?", "Qui est-ce ?", "Was ist das?"])
def test_a_question_that_asks_for_nothing_is_not_answered(shelf: Path, question: str) -> None:
    """Signs and the words that any question has stand in every article."""
    answer = ask(shelf, question)
    assert (answer.answered, answer.confidence) == (False, 0.0)
    assert answer.hits


def test_a_name_in_capitals_asks_for_something(shelf: Path) -> None:
    """Who is a little word, WHO is not."""
    assert ask(shelf, "Who?").confidence == 0.0
    assert ask(shelf, "WHO").confidence > 0.0


def test_a_question_about_nothing_here_is_not_answered(shelf: Path) -> None:
    """Without a country or a word of any article it is refused, and the nearest passages are shown all the same."""
    answer = ask(shelf, "Wie stimmt jemand eigentlich Bratschen?")
    assert not answer.answered
    assert answer.confidence < 0.5
    assert len(answer.hits) == 5


def test_answering_twice_gives_the_same(shelf: Path) -> None:
    """The same question over the same index gives the same bytes."""
    assert ask(shelf, "Kenya 巴西 мост?", k=10).to_dict() == ask(shelf, "Kenya 巴西 мост?", k=10).to_dict()


def test_threads_may_ask_at_once(shelf: Path) -> None:
    """A page answers several people at a time, each as if alone."""
    questions = [f"{country} {word}?" for country in ("Kenya", "Japan", "Египет", "巴西") for word in ARTICLES]
    alone = [ask(shelf, question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda question: ask(shelf, question), questions * 3)) == alone * 3


def test_an_article_can_be_read_on(shelf: Path) -> None:
    """From a hit's file the whole text is at hand, with the same offsets; another name is said to be unknown."""
    assert qa.article("2021/harbour.md", index=shelf).text == ARTICLES["2021/harbour.md"]
    with pytest.raises(qa.UsageError, match=r"no article 'harbour\.md'.*qa status"):
        qa.article("harbour.md", index=shelf)


def test_passages_that_say_the_same_are_shown_once(build: Build, tmp_path: Path, index: Path) -> None:
    """Nearly equal texts of ten agencies take one place, so that others are seen."""
    text = "Kenya opens a new harbour for its nine blue ferries and their crews on the island of {}."
    files = {
        f"copy{number}.txt": text.format(place) for number, place in enumerate(("Lamu", "Manda", "Pate", "Kiwayu"))
    }
    build(write(tmp_path / "a", {**files, "other.txt": "Kenya closes a school of music, says its oldest teacher."}))
    hits = ask(index, "肯尼亚", k=2).hits
    assert sorted(len(hit.more) for hit in hits) == [0, 3]
    assert {hit.file for hit in hits} == {"copy0.txt", "other.txt"}


def test_different_texts_with_much_in_common_are_shown_both(build: Build, tmp_path: Path, index: Path) -> None:
    """Two reports that share half their words are two reports."""
    build(
        write(
            tmp_path / "a",
            {
                "one.txt": "Kenya opens a new harbour for nine blue ferries on Monday.",
                "two.txt": "Kenya opens a new school for four hundred children on Friday.",
            },
        )
    )
    assert [hit.file for hit in ask(index, "كينيا").hits] == ["one.txt", "two.txt"]


# --- passages that tell the same ----------------------------------------------------------------------------


def one_by_one(passages: list[list[int]], k: int) -> list[int]:
    """What `_alike` is to find, as it is said: each passage beside every one that stood for itself before it."""
    found: list[tuple[int, set[int]]] = []
    firsts = []
    for place, words in enumerate(passages):
        own = set(words)
        same = next((first for first, other in found if (
            own == other if min(len(own), len(other)) < 5 else
            min(len(own), len(other)) >= 0.8 * max(len(own), len(other))
            and len(own & other) >= 0.8 * len(own | other))), None)
        if same is None and len(found) < k:
            found.append((place, own))
            same = place
        firsts.append(-1 if same is None else same)
    return firsts


@given(st.lists(st.lists(st.integers(0, 12), max_size=14), max_size=9), st.integers(1, 4), st.randoms())
def test_passages_are_alike_when_they_share_most_of_their_words(
    passages: list[list[int]], k: int, chance: Random
) -> None:
    """However many words they have and however often each; only so many stand for themselves."""
    again = [[word for word in words if chance.random() < 0.9] for words in passages]
    every = [*passages, *again]
    begins = np.cumsum([0, *map(len, every)])
    words = np.array([word for own in every for word in own], np.int64)
    assert _alike(words, begins, k).tolist() == one_by_one(every, k)

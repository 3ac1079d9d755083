"""Passages: exact offsets, no overlap, nothing lost, and cuts where a reader would cut."""

from __future__ import annotations

import re

import pytest
from conftest import messy_texts
from hypothesis import assume, example, given
from hypothesis import strategies as st

from qa.articles import Article, article, heading
from qa.dates import Dated, Section
from qa.errors import Unreadable
from qa.passages import passages
from qa.recipe import PASSAGE_SIZE


def plain(text: str, language: str = "en") -> Article:
    """An undated article without furniture."""
    return Article("a.txt", text, None, language, (Section(0, len(text), None),), ())


def cut(text: str, size: int, language: str = "en") -> list[str]:
    return [passage.text for passage in passages(plain(text, language), size)]


@given(messy_texts(), st.sampled_from(["a.txt", "b.md", "2019-03-12-c.text"]), st.sampled_from([40, 200, PASSAGE_SIZE]))
@example("x" * 115 + "\n# A heading\n" + "ferry" * 16, "b.md", 40)  # the headline is a passage to itself
def test_passages_furniture_and_headline_are_the_whole_text(text: str, file: str, size: int) -> None:
    """Whatever the file, each passage stands where it says, none overlaps another, and nothing is lost: what is in
    no passage is furniture, white space, or a headline with its # marks, which stands above each passage."""
    try:
        read = article(file, text.encode("utf-8"))
    except Unreadable:
        assume(False)
    found = passages(read, size)
    for passage in found:
        assert passage.text == read.text[passage.start : passage.end] == passage.text.strip() != ""
    headlines = {read.title, *(heading(read.text, read.furniture, one.start, one.end) for one in read.sections)}
    spans = sorted([*read.furniture, *((passage.start, passage.end) for passage in found)])
    cursor = 0
    for start, end in [*spans, (len(read.text), len(read.text))]:
        assert cursor <= start <= end
        between = read.text[cursor:start]
        for headline in sorted(filter(None, headlines), key=len, reverse=True):
            between = re.sub("[# ]*" + re.escape(headline), "", between)
        assert not between.strip()
        cursor = end


@given(messy_texts(), st.sampled_from([40, 200, PASSAGE_SIZE]))
def test_a_passage_is_at_most_a_quarter_over_its_size(text: str, size: int) -> None:
    """The size holds for any text, even for one without a space or a full stop."""
    assert all(len(passage.text) <= size * 1.25 for passage in passages(plain(text), size))


@given(messy_texts())
def test_a_passage_has_one_date(text: str) -> None:
    """No passage reaches over the line where another date begins to hold."""
    try:
        read = article("a.txt", text.encode("utf-8"))
    except Unreadable:
        assume(False)
    assert read.sections[0].start == 0
    assert read.sections[-1].end == len(read.text)
    assert [section.start for section in read.sections[1:]] == [section.end for section in read.sections[:-1]]
    for passage in passages(read):
        held = [section for section in read.sections if section.start <= passage.start < passage.end <= section.end]
        assert [section.published for section in held] == [passage.published]


def test_short_paragraphs_are_read_together() -> None:
    """Paragraphs are joined as long as they fit."""
    assert cut("One ferry left.\n\nTwo came back.\n\nThree sank in the night.", 36) == [
        "One ferry left.\n\nTwo came back.",
        "Three sank in the night.",
    ]


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    """Where a paragraph does not fit, a sentence is not taken apart."""
    assert cut("One ferry left at dawn. Two came back at noon. Three sank in the night.", 50) == [
        "One ferry left at dawn. Two came back at noon.",
        "Three sank in the night.",
    ]


def test_a_long_sentence_is_cut_between_clauses() -> None:
    """Where a sentence does not fit, it is cut after a comma rather than anywhere."""
    assert cut("One ferry left at dawn, two came back at noon, three sank in the night", 40) == [
        "One ferry left at dawn,",
        "two came back at noon,",
        "three sank in the night",
    ]


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    """A wall of characters is cut by count, and not one is lost."""
    found = cut("港" * 100, 40, "zh")
    assert "".join(found) == "港" * 100
    assert max(map(len, found)) <= 50


def test_a_heading_stays_with_what_it_announces() -> None:
    """A heading never stands alone at the end of a passage."""
    assert cut(
        "The ferry left at dawn with coffee.\n\nOn the lower deck\n\nTickets cost four shillings there.", 56
    ) == ["The ferry left at dawn with coffee.", "On the lower deck\n\nTickets cost four shillings there."]


def test_a_tiny_remainder_joins_its_neighbour() -> None:
    """Four words on their own answer nothing: they go with the passage before."""
    text = "The ferry left the harbour at dawn with nine sacks. It sank."
    assert cut(text, 52) == [text]


def test_the_same_words_twice_have_two_places() -> None:
    """A refrain is found where it stands each time, not where it stands first."""
    refrain = "The ferry sings in the fog."
    found = passages(plain("\n\n".join([refrain] * 3)), 30)
    assert [(passage.start, passage.end) for passage in found] == [(0, 27), (29, 56), (58, 85)]


def test_a_passage_carries_its_articles_title_language_and_date() -> None:
    """What a hit says of its article comes with the passage."""
    dated = Dated("2019-03", "dateline", "mars 2019", 0)
    text = "Le bac part."
    read = Article("x/a.txt", text, "Le port", "fr", (Section(0, len(text), dated),), ())
    [passage] = passages(read)
    assert (passage.file, passage.title, passage.language, passage.published) == ("x/a.txt", "Le port", "fr", dated)


def test_an_article_of_its_headline_alone_is_a_passage() -> None:
    """A headline is left out because it stands above other passages; where there are none, it must be found itself."""
    read = article("a.md", b"---\ntitle: Kenya wins the regatta\n---\nKenya wins the regatta\n")
    assert [passage.text for passage in passages(read)] == ["Kenya wins the regatta"]


def test_furniture_is_in_no_passage() -> None:
    """A share bar between two paragraphs is in neither passage."""
    text = "The ferry left.\nShare\nIt came back."
    read = Article("a.txt", text, None, "en", (Section(0, len(text), None),), ((16, 21),))
    assert [passage.text for passage in passages(read)] == ["The ferry left.", "It came back."]


def test_an_article_of_furniture_alone_has_no_passage() -> None:
    """Nothing is made of nothing."""
    read = Article("a.txt", "Share", None, "en", (Section(0, 5, None),), ((0, 5),))
    assert passages(read) == []


@pytest.mark.parametrize(
    "text", ["word " * 40_000, "港" * 100_000, "\n" * 100_000 + "a", "a\n" * 50_000, "A heading\n\n" * 5_000]
)
def test_a_huge_text_is_cut_in_the_end(ends: None, text: str) -> None:
    """A text of a hundred thousand characters in one line, or in as many lines, is cut without delay."""
    found = passages(plain(text))
    assert sum(len("".join(passage.text.split())) for passage in found) == len("".join(text.split()))

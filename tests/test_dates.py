"""Dates: which dateline holds for which part of a text, and what is no dateline."""

from __future__ import annotations

import datetime
import importlib.util
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import lxml.html
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa import datelines, dates, dating
from qa.dates import Dated, Section
from qa.errors import UsageError

TODAY = datetime.date(2026, 11, 21)
ROOT = Path(__file__).parent.parent
PROSE = (
    "The ferry company has cancelled all winter crossings to the islands, blaming a shortage of pilots. Residents say "
    "that the service has been shrinking ever since the strike of 14 June 2017."
)
OTHER = (
    "Engineers began draining the old reservoir this week, a step the council had put off for four years. The dam, "
    "built in 1931, lost its licence after the floods."
)


def _bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_dates", ROOT / "bench" / "dates.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _read(text: str, *, language: str = "en", file: str = "page.txt", metadata: Dated | None = None) -> list[Section]:
    return dating.sections(text, language=language, file=file, metadata=metadata, today=TODAY)


def _only(text: str, language: str = "en", file: str = "page.txt") -> str | None:
    (section,) = _read(text, language=language, file=file)
    return section.published.date if section.published else None


# --- the labelled collection


@pytest.fixture(scope="module")
def outcomes() -> dict[str, Counter[str]]:
    bench = _bench()
    counts: dict[str, Counter[str]] = {"tuned": Counter(), "reported": Counter()}
    for page in bench.pages():
        counts[page["half"]][bench.outcome(page)] += 1
    return counts


def test_the_collection_is_as_large_as_promised() -> None:
    """200 dated page heads and 60 without a date, in ten languages, each half with every language."""
    pages = _bench().pages()
    assert sum(page["date"] is not None for page in pages) >= 200
    assert sum(page["date"] is None for page in pages) >= 60
    assert len({page["id"] for page in pages}) == len(pages)
    for half in ("tuned", "reported"):
        assert len({page["language"] for page in pages if page["half"] == half}) == 10


@pytest.mark.parametrize("half", ["tuned", "reported"])
def test_dates_are_right_to_the_day(outcomes: dict[str, Counter[str]], half: str) -> None:
    """95 % of the dated pages are right in every part, on the half tuned on and on the half only reported."""
    count = outcomes[half]
    assert count["right"] / (count["right"] + count["wrong"] + count["missed"]) >= 0.95


@pytest.mark.parametrize("half", ["tuned", "reported"])
def test_no_date_is_invented(outcomes: dict[str, Counter[str]], half: str) -> None:
    """A page that only mentions dates gets none."""
    assert outcomes[half]["invented"] == 0


# --- forms of a date


@pytest.mark.parametrize(
    ("language", "line", "date"),
    [
        ("fr", "24/02/2018", "2018-02-24"),
        ("fr", "24.02.2018", "2018-02-24"),
        ("fr", "24-02-2018", "2018-02-24"),
        ("fr", "2018-02", "2018-02"),
        ("en", "2018-02-24T10:00:00+01:00", "2018-02-24"),
        ("fr", "9 sept. 2022", "2022-09-09"),
        ("fr", "1er mars 2021", "2021-03-01"),
        ("fr", "le mercredi 4 février 2026", "2026-02-04"),
        ("fr", "15 sept. 2022, 16:07", "2022-09-15"),
        ("fr", "15 juill. 2015", "2015-07-15"),
        ("fr", "Par Anne Blin, le 3 mars 2021 à 12h04", "2021-03-03"),
        ("en", "February 24, 2018", "2018-02-24"),
        ("en", "Feb 24 2018", "2018-02-24"),
        ("en", "24 February 2018", "2018-02-24"),
        ("ru", "24 февраля 2018 г.", "2018-02-24"),
        ("es", "24 de febrero de 2018", "2018-02-24"),
        ("de", "24. Februar 2018", "2018-02-24"),
        ("it", "24 febbraio 2018", "2018-02-24"),
        ("pt", "24 de fevereiro de 2018", "2018-02-24"),
        ("zh", "2018年2月24日", "2018-02-24"),
        ("zh", "二〇一八年二月二十四日", "2018-02-24"),
        ("ja", "平成30年2月24日", "2018-02-24"),
        ("ja", "令和元年5月1日", "2019-05-01"),
        ("ar", "٢٤ فبراير ٢٠١٨", "2018-02-24"),
        ("ar", "24 شباط 2018", "2018-02-24"),
        ("ar", "24 أكتوبر/تشرين الأول 2018", "2018-10-24"),
        ("ko", "2018년 2월 24일", "2018-02-24"),
        ("pl", "24 lutego 2018", "2018-02-24"),
        ("fr", "février 2018", "2018-02"),
        ("en", "Published 29 February 2021", None),
        ("en", "Published 3 March 2031", None),
        ("en", "Published 3 March 1720", None),
        ("fr", "Publié le 31 février 2021", None),
        ("fr", "Publié le 24/02/18", "2018-02-24"),
        ("en", "Published 03/04/18", None),
        ("fr", "24/02/18", None),
        ("hi", "24 फ़रवरी 2018", "2018-02-24"),
        ("hi", "प्रकाशित: १२ मार्च २०१८, 08:15", "2018-03-12"),
        ("tr", "24 Şubat 2018 Cumartesi 08:15", "2018-02-24"),
        ("tr", "Giriş: 24.02.2018 08:15 Güncelleme: 26.02.2018 10:00", "2018-02-24"),
        ("el", "Σάββατο, 24 Φεβ. 2018", "2018-02-24"),
        ("el", "Δημοσίευση: 24/02/2018 08:15 | Ενημέρωση: 26/02/2018", "2018-02-24"),
        ("ar", "8 جمادى الآخرة 1439 هـ / 24 فبراير 2018 م", "2018-02-24"),
        ("it", "24 febbraio 2018 di Gino Trevi", "2018-02-24"),
        ("it", f"(ANSA) - BELLUNO, 24 FEB 2018 - {OTHER}", "2018-02-24"),
        ("de", "Sa., 24. Februar 2018", "2018-02-24"),
        ("nl", "zaterdag 24 februari 2018", "2018-02-24"),
        ("pl", "sobota, 24 lutego 2018", "2018-02-24"),
        ("ar", "\u200f24\u200f فبراير\u200f 2018", "2018-02-24"),
        ("en", "Sent: Saturday, February 24, 2018 8:15 AM", "2018-02-24"),
    ],
)
def test_each_form_met_in_the_press(language: str, line: str, date: str | None) -> None:
    """The date keeps its own precision; a day that cannot be, or cannot have been yet, is none."""
    assert _only(f"{line}\n\n{PROSE}", language) == date


@pytest.mark.parametrize(
    ("language", "body", "date"),
    [
        ("fr", "", "2021-04-03"),
        ("en", "", "2021-03-04"),
        ("en", "The colour of the harbour cost £40.", "2021-04-03"),
        ("en", "First posted 13/02/2021", "2021-04-03"),
        ("fr", "Mis à jour le 04/28/2021", "2021-03-04"),
        ("en", "Tickets went on sale on 2 March 2021.", "2021-04-03"),
        ("zh", "", "2021-04-03"),
    ],
)
def test_day_and_month_are_told_apart(language: str, body: str, date: str) -> None:
    """By the other dates of the page, else by its language: only U.S. English puts the month first."""
    assert _only(f"Posted 03/04/2021\n{OTHER}\n\n{body}", language) == date


# --- what is a dateline and what is not


@pytest.mark.parametrize(
    "line",
    [
        "On 24 February 2018, the ferry was sold.",
        "Born 24 February 1958",
        "Registration closes 24 February 2018",
        "From 24 to 26 February 2018",
        "24 - 26 February 2018",
        "Photo: the harbour, 24 February 2018",
        "© 24 February 2018 Islands Gazette",
        "The treaty of 24 February 2018",
        "Event date: 24 February 2018",
        "The report, published on 24 February 2018, was read by few.",
        "Phone 24.02.2018",
        "Version 2018.02.24",
        "Season 2018-19",
        "Spring 2018",
        "4 years and 2 min",
        "Read also: The mayor resigns (24/02/2018)",
        "Last visited on 24 February 2018",
        "Saturday, February 24, 2018 | 10 a.m. – 4 p.m. | Harbor Road",
        "Samedi 24 février 2018, 14h-18h",
        "24.02.2018, 14 bis 18 Uhr",
        "24 febbraio 2018, ore 20:30 - 22:00",
    ],
)
def test_a_date_that_the_page_mentions_dates_nothing(line: str) -> None:
    """Births, deadlines, events, captions, copyrights and treaties have dates of their own."""
    assert _only(f"{line}\n\n{PROSE}") is None


def test_links_to_other_articles_and_comments_date_nothing() -> None:
    """Neither the dates of related articles nor those of comments start a section."""
    text = f"Ferry cancelled\n\n{PROSE}\n\nRead more\nThe mayor resigns\n3 May 2021\n\n{OTHER}\n\n2 comments\n\n"
    assert _only(text + f"Tom\nMay 4, 2021 at 9:13 am\n{PROSE}") is None


def test_a_chronology_dates_nothing() -> None:
    """Bare dates that go forward are headings: a page cannot tell of days after its publication."""
    assert _only(f"A history of the ferry\n\n3 June 1954\n{PROSE}\n\n9 July 1971\n{OTHER}") is None


def test_a_calendar_below_the_text_dates_nothing() -> None:
    """A month that signs a text is its last line."""
    assert _only(f"Ferry cancelled\n\n{PROSE}\n\nMay 2021\nM T W T F S S\n1 2 3 4 5 6 7") is None
    assert _only(f"Ferry cancelled\n\n{PROSE}\n\nMay 2021\n") == "2021-05"


def test_publication_comes_before_revision() -> None:
    """ "Updated" holds only where nothing says "published"."""
    assert _only(f"Updated 3 May 2021\nPublished 1 May 2021\n\n{PROSE}") == "2021-05-01"
    assert _only(f"Updated 3 May 2021\n\n{PROSE}") == "2021-05-03"


def test_the_finer_of_two_consistent_dates_holds() -> None:
    """A month that opens a long note and the day that ends it are one dateline."""
    note = " ".join([OTHER] * 9)
    (section,) = _read(f" date 2018-02 From a friend. {note} (note) POLITICS 24/02/2018\n\n{PROSE}")
    assert section.published is not None
    assert (section.published.date, section.published.evidence) == ("2018-02-24", "24/02/2018")


# --- sections


def test_a_second_article_has_its_own_date() -> None:
    """Text is dated by the dateline nearest above it, from the first line of the second article on."""
    text = f"09/09/2022 3 articles gazette.net 2 min #21\n\nFerry cancelled\n\n{PROSE}\n\n Comment\n\nNewest first\n"
    second = f"15/09/2022 echo.example.com 3 min #22\n\nDam drained\n\n15 Sept. 2022, 16:07\n\n{OTHER}"
    assert _read(text + second, language="fr") == [
        Section(0, len(text), Dated("2022-09-09", "dateline", "09/09/2022", 0)),
        Section(len(text), len(text + second), Dated("2022-09-15", "dateline", "15/09/2022", len(text))),
    ]


def test_the_title_above_a_dateline_belongs_to_its_article() -> None:
    """A section begins at the title that stands directly above its dateline."""
    text = f"3 May 2021\n\nFerry cancelled\n\n{PROSE}\n\nThe old dam is drained\nPublished 9 June 2021\n\n{OTHER}"
    assert [section.start for section in _read(text)] == [0, text.index("The old dam")]


def test_a_rule_across_the_page_ends_a_list_of_links() -> None:
    """What follows "* * *" is another article, not one more link."""
    first = f"Ferry cancelled\n\n3 May 2021\n\n{PROSE}\n\nRead also\nA bridge too far\n\n* * *\n\n"
    text = f"{first}The old dam\n\n9 June 2021\n\n{OTHER}"
    assert [section.start for section in _read(text)] == [0, text.index("The old dam")]


def test_the_first_dateline_holds_for_a_note_above_it_but_not_for_an_article() -> None:
    """A note of a few paragraphs takes the date below it; a whole undated article above keeps none."""
    assert _only(f"{OTHER}\n3 May 2021\n\n{PROSE}") == "2021-05-03"
    long = f"{OTHER}\n\n" * 30
    text = f"{long}Published 3 May 2021\nFerry cancelled\n\n{PROSE}"
    above, below = _read(text)
    assert above.published is None
    assert below.published is not None
    assert (below.start, below.published.date) == (len(long), "2021-05-03")


def test_the_file_format_outranks_datelines_in_the_first_article_only() -> None:
    """Metadata hold for the first article; a second one keeps its own dateline."""
    metadata = Dated("2021-05-09", "metadata", "2021-05-09T10:00", None)
    text = f"3 May 2021\n\n{PROSE}\n\n{PROSE}\n\nPublished 9 June 2021\n\nThe old dam is drained\n\n{OTHER}"
    found = _read(text, metadata=metadata)
    assert [section.published and section.published.date for section in found] == ["2021-05-09", "2021-06-09"]
    assert found[0].published == metadata
    month = Dated("2021-05", "front matter", "2021-05", None)
    (finer,) = _read(f"3 May 2021\n\n{PROSE}", metadata=month)
    assert finer.published == Dated("2021-05-03", "dateline", "3 May 2021", 0)


def test_a_signature_at_the_end_dates_the_text() -> None:
    """A place and a date that close a letter hold for all of it."""
    assert _only(f"An open letter\n\n{PROSE}\n\n{OTHER}\n\nInverness, 10 February 2017") == "2017-02-10"


def test_front_matter_is_found_again_in_the_text() -> None:
    """The evidence of a date of the front matter is given its place when that stands in the text."""
    text = f"---\ntitle: Ferry\ndate: 2021-05-03\nlastmod: 2022-01-01\n---\n\n{PROSE}"
    metadata = dating.front_matter_date({"title": "Ferry", "date": "2021-05-03", "lastmod": "2022-01-01"}, today=TODAY)
    (section,) = _read(text, file="page.md", metadata=metadata)
    assert section.published == Dated("2021-05-03", "front matter", "2021-05-03", text.index("2021-05-03"))


# --- front matter, metadata, file name


@pytest.mark.parametrize(
    ("fields", "date"),
    [
        ({"date": "2018-02-24T10:00:00+01:00"}, "2018-02-24"),
        ({"Date": '"24 February 2018"'}, "2018-02-24"),
        ({"publié le": "1er mars 2021"}, "2021-03-01"),
        ({"datePublished": "2018-02", "date": "2019-01-01"}, "2018-02"),
        ({"date": "2018"}, "2018"),
        ({"date": "20180224"}, "2018-02-24"),
        ({"date": datetime.date(2018, 2, 24)}, "2018-02-24"),
        ({"lastmod": "2018-02-24"}, None),
        ({"updated": "2018-02-24", "title": "24 February 2018"}, None),
        ({"date": "soon"}, None),
        ({"date": "2031-01-01"}, None),
        ({}, None),
    ],
)
def test_front_matter(fields: dict[str, object], date: str | None) -> None:
    """Fields are known by many names; a date of revision is not one of publication."""
    found = dating.front_matter_date(fields, today=TODAY)
    assert (found.date if found else None) == date
    assert found is None or (found.source, found.start) == ("front matter", None)


JSON_LD = '<script type="application/ld+json">{}</script>'


@pytest.mark.parametrize(
    ("html", "date"),
    [
        (JSON_LD.format('{"@type": "NewsArticle", "datePublished": "2018-02-24T10:00"}'), "2018-02-24"),
        (JSON_LD.format('{"@graph": [{"dateModified": "2019-01-01"}, {"datePublished": "2018-02-24"}]}'), "2018-02-24"),
        (JSON_LD.format('{"@type": "Article", "datePublished": "2018-02-24", broken'), "2018-02-24"),
        (JSON_LD.format('{"comment": [{"@type": "Comment", "datePublished": "2019-01-01"}]}'), None),
        ('<meta property="article:published_time" content="2018-02-24T10:00:00Z">', "2018-02-24"),
        ('<meta property="article:modified_time" content="2018-02-24T10:00:00Z">', None),
        ('<meta name="DC.date.issued" content="2018-02-24">', "2018-02-24"),
        ('<meta name="parsely-pub-date" content="2018-02-24">', "2018-02-24"),
        ('<meta name="sailthru.date" content="2018-02-24">', "2018-02-24"),
        ('<meta name="pubdate" content="20180224">', "2018-02-24"),
        ('<span itemprop="datePublished" content="2018-02-24">yesterday</span>', "2018-02-24"),
        ('<span itemprop="datePublished">24 February 2018</span>', "2018-02-24"),
        ('<time class="updated" datetime="2019-01"></time><time pubdate datetime="2018-02-24"></time>', "2018-02-24"),
        ('<time class="entry-date published" datetime="2018-02-24"></time>', "2018-02-24"),
        ('<time datetime="2018-02-24"></time>', None),
        ("<p>© 2018, signed on 24 February 2018</p>", None),
        (JSON_LD.format('{"@type": "WebSite", "datePublished": "2009-01-01"}'), None),
        ('<meta property="article:published_time" content="1970-01-01T00:00:00Z">', None),
        ('<meta property="og:url" content="https://herald.example/2018/02/24/ferry">', "2018-02-24"),
        ('<link rel="canonical" href="https://herald.example/blog/2018/02/ferry/">', "2018-02"),
        ('<link rel="canonical" href="https://herald.example/2018/13/ferry/">', None),
        ("", None),
        ("<", None),
    ],
)
def test_metadata_of_a_page(html: str, date: str | None) -> None:
    """What a page of HTML says of its publication, however broken; never when it was modified."""
    page = f"<html><head><title>Ferry</title></head><body>{html}</body></html>" if len(html) > 1 else html
    sources = [page, page.encode()] + ([lxml.html.document_fromstring(page)] if len(html) > 1 else [])
    for source in sources:
        found = dating.metadata_date(source, language="en", today=TODAY)
        assert (found.date if found else None) == date
        assert found is None or (found.source, found.start) == ("metadata", None)


@pytest.mark.parametrize(
    ("head", "date"),
    [
        ('<p>By Dana <time datetime="2018-02-24">24 February</time></p>', "2018-02-24"),
        ('<div><span>Dana Reef</span><time datetime="2018-02-24T10:00">3 days ago</time></div>', "2018-02-24"),
        ('<p>Updated <time datetime="2018-03-01">1 March</time></p><p>Published <time datetime="2018-02-24">24 February'
         '</time></p>', "2018-02-24"),
        ('<p>Deadline: <time datetime="2018-02-24">24 February</time></p>', None),
        ('<p><time datetime="2018-02-24">Saturday, 10 am – 4 pm</time></p>', None),
        ('<p><time datetime="2018-02-24">24</time> – <time datetime="2018-02-26">26 February</time></p>', None),
        ('<aside>Latest <time datetime="2018-02-24">24 February</time></aside>', None),
        (f'<p>{PROSE}</p><p><time datetime="2018-02-24">24 February</time></p>', None),
    ],
)
def test_a_time_under_the_headline_is_read_as_a_dateline(head: str, date: str | None) -> None:
    """The line it stands in decides, with its day in the place of its words; a time further down dates nothing."""
    page = f"<html><body><time datetime='2019-01-01'></time><h1>Ferry cancelled</h1>{head}<p>{PROSE}</p></body></html>"
    found = dating.metadata_date(page, language="en", today=TODAY)
    assert (found.date if found else None) == date


@pytest.mark.parametrize(
    ("file", "date"),
    [
        ("2019-12-02-slug.txt", "2019-12-02"),
        ("2-décembre-2019-slug.txt", "2019-12-02"),
        ("slug-of-december-2019.txt", None),
        ("20191202_x.html", "2019-12-02"),
        ("news/2019/12/02/slug.txt", "2019-12-02"),
        ("slug_2019-12.txt", "2019-12"),
        ("02.12.2019_slug.txt", "2019-12-02"),
        ("20191202T101500.txt", "2019-12-02"),
        ("000_661d59e920191202.txt", None),
        ("12345678.txt", None),
        ("20191342.txt", None),
        ("2024-elections.txt", None),
        ("2031-01-01.txt", None),
        ("slug.txt", None),
    ],
)
def test_the_file_name_is_asked_last(file: str, date: str | None) -> None:
    """A day in the name holds where nothing else gives one; figures that are no day are not one."""
    assert _only(f"Ferry cancelled\n\n{PROSE}", file=file, language="fr") == date
    assert _only(f"3 May 2021\n\n{PROSE}", file=file) == "2021-05-03"


# --- bounds


def test_bounds_of_a_date() -> None:
    """A partial date covers its month or its year."""
    day = datetime.date
    assert dates.bounds("2018") == (day(2018, 1, 1), day(2018, 12, 31))
    assert dates.bounds("2020-02") == (day(2020, 2, 1), day(2020, 2, 29))
    assert dates.bounds("9999-12") == (day(9999, 12, 1), day(9999, 12, 31))
    assert dates.bounds("2018-02-24") == (day(2018, 2, 24), day(2018, 2, 24))
    assert dates.parse_bound("2022-09", end=False) == day(2022, 9, 1)
    assert dates.parse_bound("2022-09", end=True) == day(2022, 9, 30)
    assert dates.parse_bound(day(2022, 9, 15), end=True) == day(2022, 9, 15)
    assert dates.parse_bound(datetime.datetime(2022, 9, 15, 23), end=False) == day(2022, 9, 15)


@pytest.mark.parametrize("text", ["", "22", "2022-13", "2022-02-30", "0000", "2022-9", "last year", "2022/09", "٢٠٢٢"])
def test_nonsense_is_refused_with_its_remedy(text: str) -> None:
    """What is no date is named, with the forms that are."""
    with pytest.raises(UsageError, match="Write 2022, 2022-09 or 2022-09-15"):
        dates.bounds(text)


# --- properties

FRAGMENTS = st.sampled_from(
    [
        "3 May 2021", "Published", "Publié le 12 mars 2021", "24/02/2018", "2018年2月24日", "٢٤ فبراير ٢٠١٨",
        "0/0/2000", "99 mai 9999", "PARIS, 9 sept. 2022 (AFP) – ", "Read more", "3 comments", "---", "date: 2020-01-01",
        "\n", "\n\n", "昭和99年1月1日", " ", "|", "-", "to", PROSE, OTHER, "# Title of it", "Updated on May 4, 2021",
        "2018-02", "元年", "31 février 2021", "Jean Dupré", "\u2028", "\x85", "\ufeff", "１２/３/２０２０",
    ]
)  # fmt: skip
TEXTS = st.text(max_size=300) | st.lists(FRAGMENTS | st.text(max_size=6), max_size=25).map("".join)


@settings(max_examples=300, deadline=None)
@given(
    TEXTS,
    st.sampled_from(["en", "fr", "zh", "ar", "und", ""]),
    st.sampled_from(["a.txt", "2019-12-02.txt", "00000000"]),
)
def test_sections_tile_any_text_and_quote_it_exactly(text: str, language: str, file: str) -> None:
    """Nothing raises; sections tile the text; evidence is the text's own characters; each date can be bounded."""
    found = dating.sections(text, language=language, file=file, today=TODAY)
    assert found[0].start == 0
    assert found[-1].end == len(text)
    assert all(one.end == other.start for one, other in pairwise(found))
    assert all(section.start < section.end for section in found) or (not text and len(found) == 1)
    for section in found:
        if section.published is None:
            continue
        first, last = dates.bounds(section.published.date)
        assert first <= last
        assert datetime.date(1800, 1, 1) <= first <= TODAY + datetime.timedelta(days=2)
        if section.published.start is not None:
            at = section.published.start
            assert text[at : at + len(section.published.evidence)] == section.published.evidence


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200), st.text(max_size=60))
def test_no_page_and_no_file_name_raises(html: str | bytes, file: str) -> None:
    """Whatever a page or a name holds, it has a date or it has none."""
    for found in (dating.metadata_date(html, today=TODAY), dating.file_name_date(file, today=TODAY)):
        assert found is None or dates.bounds(found.date)


# --- names of months ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["fr", "ru", "ar", "tr", "hi"])
def test_a_month_is_what_dateparser_reads(language: str) -> None:
    """Each name and abbreviation in its tables, with a full stop or in capitals too; and words that are no month."""
    from dateparser.date import DateDataParser

    settings = {"DATE_ORDER": "DMY", "REQUIRE_PARTS": ["day", "month", "year"], "PARSERS": ["absolute-time"]}
    parser = DateDataParser(languages=[language], settings=settings)
    names = [name for name in datelines._names(language) if len(name) > 2]
    assert len(names) >= 12
    for name in (*names, *(f"{name}." for name in names), *map(str.upper, names), "treaty", "года", "سنة"):
        read = parser.get_date_data(f"15 {name.casefold().strip('.')} 2000").date_obj
        expected = read.month if read is not None and (read.year, read.day) == (2000, 15) else None
        assert datelines._month(name, language) == expected, name


def test_greek_months_end_in_either_sigma() -> None:
    """In capitals, which know one sigma, and as they are written."""
    assert datelines._month("ΣΕΠΤΕΜΒΡΙΟΣ", "el") == datelines._month("σεπτέμβριος", "el") == 9
    assert datelines._month("σεπτεμβρίου", "und") == 9

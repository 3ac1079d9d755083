"""The page as a reader meets it: in a real browser, over functions that answer without a model."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from conftest import write
from gradio.queueing import Queue
from gradio_client import Client
from gradio_client.exceptions import AppError
from hypothesis import given
from hypothesis import strategies as st
from page_reader import BOX, DESKTOP, TELEPHONE, Reader, http
from page_toys import HOSTILE, HOSTILE_FILE, SUMMIT, Record, Toys, hit
from playwright.sync_api import Browser, expect

import qa
from qa.build import Progress
from qa.errors import IndexBusy, IndexDamaged, IndexMissing, UsageError
from qa.page import answers, cards, dates, mending, over, reading, resting, states, words
from qa.page.frame import SESSIONS, launch, page
from qa.page.guard import hosts
from qa.page.rebuilding import Cancelled, steps

# --- one server and one browser for all ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture(scope="module")
def blocks(browser: Browser, toys: Toys) -> Iterator[gr.Blocks]:
    """With the browser's event loop there: Gradio leaves its own open where it finds none."""
    made = page(toys.ask, toys.status, article=toys.article, rebuild=toys.rebuild, articles=lambda: "no-such-folder")
    yield made
    made.close()


@pytest.fixture(scope="module")
def url(blocks: gr.Blocks) -> str:
    return launch(blocks, port=0)


# --- asking -------------------------------------------------------------------------------------------------


def test_a_reader_asks_and_sees_file_date_and_answering_sentence(reader: Reader) -> None:
    """Typing and Enter are enough; the card says what, where and when, and the address keeps the question."""
    tab = reader.open()
    expect(tab.locator(BOX)).to_be_focused()
    tab.keyboard.type("Où se rencontrent-ils ?")
    tab.keyboard.press("Enter")
    card = tab.locator(".qa-card").first
    expect(card.locator(".qa-title")).to_have_text("Le sommet de la ville")
    expect(card.locator(".qa-meta time")).to_have_text("15 septembre 2022")
    expect(card.locator(".qa-meta time")).to_have_attribute("datetime", "2022-09-15")
    expect(card.locator(".qa-meta .qa-file")).to_have_text("sommet.txt")
    expect(card.locator(".qa-evidence")).to_have_text("ligne de date : « 15/09/2022 »")
    expect(card.locator(".qa-language")).to_have_text("français")
    expect(card.locator("mark")).to_have_text("Ils se sont rencontrés à Samarcande, en Ouzbékistan.")
    expect(card.locator(".qa-word")).to_have_text("rencontrés")
    expect(tab.locator(".qa-count")).to_have_text("3 passages")
    expect(tab.locator("#qa-live")).to_have_text("3 passages")
    assert tab.url == reader.url + "?q=O%C3%B9+se+rencontrent-ils+%3F"


def test_each_date_shows_its_precision_and_none_is_made_up(reader: Reader) -> None:
    """A month is said to be a month, and a passage without a date is said to have none."""
    reader.open()
    cards = reader.ask("Où ?").locator(".qa-card")
    expect(cards.nth(1).locator(".qa-meta")).to_contain_text("sans date")
    expect(cards.nth(1).locator("time")).to_have_count(0)
    expect(cards.nth(2).locator(".qa-meta")).to_contain_text("février 2018 (jour inconnu)")
    expect(cards.nth(0).locator(".qa-more summary")).to_have_text("+1 autre endroit")


def test_the_address_reproduces_question_and_filters(reader: Reader, toys: Toys) -> None:
    """A link carries everything that was asked, and a chip takes a filter back."""
    tab = reader.open("?q=Quand+%3F&since=2022&until=2022-09&file=*.txt&k=3")
    expect(tab.locator(".qa-card").first).to_be_visible()
    assert toys.asked[-1] == {"question": "Quand ?", "k": 3, "since": "2022", "until": "2022-09", "file": "*.txt"}
    expect(tab.get_by_role("button", name="Filtres")).to_have_attribute("aria-expanded", "true")
    expect(tab.get_by_label("Depuis")).to_have_value("2022")
    expect(tab.locator(BOX)).to_have_value("Quand ?")
    expect(tab.locator(".qa-chip").first).to_contain_text("de 2022 à septembre 2022")
    tab.locator(".qa-chip button").first.click()
    expect(tab.locator(".qa-chip")).to_have_count(1)
    assert toys.asked[-1] == {"question": "Quand ?", "k": 3, "since": None, "until": None, "file": "*.txt"}
    assert tab.url == reader.url + "?q=Quand+%3F&file=%2A.txt&k=3"


def test_the_filters_open_and_ask(reader: Reader, toys: Toys) -> None:
    """Dates, file and number of passages stand behind one button; Enter in any of them asks again."""
    tab = reader.open()
    expect(tab.get_by_label("Depuis")).to_be_hidden()
    reader.ask("Où ?")
    tab.get_by_role("button", name="Filtres").click()
    for label, typed, name, value in (("Depuis", "2022-09", "since", "2022-09"), ("Jusqu’à", "2022", "until", "2022"),
                                      ("Fichier", "*.md", "file", "*.md"), ("Nombre de passages", "2", "k", 2),
                                      ("Nombre de passages", "99", "k", 30), ("Nombre de passages", "x", "k", 5)):
        before = len(toys.asked)
        tab.get_by_label(label).fill(typed)
        tab.get_by_label(label).press("Enter")
        expect(tab.locator("body.qa-waiting")).to_have_count(0)
        assert (len(toys.asked), toys.asked[-1][name]) == (before + 1, value)
    tab.get_by_role("button", name="Filtres").click()
    expect(tab.get_by_label("Depuis")).to_be_hidden()


def test_examples_come_from_the_articles_and_slash_returns_to_the_box(reader: Reader, toys: Toys) -> None:
    """An example asks at once; "/" goes back to the question; an earlier question can be asked again."""
    tab = reader.open()
    tab.get_by_role("button", name="Talks", exact=True).click()
    expect(tab.locator(".qa-card").first).to_be_visible()
    assert toys.asked[-1]["question"] == "Talks"
    expect(tab.locator(BOX)).to_have_value("Talks")
    tab.locator(".qa-card .qa-title button").first.focus()
    tab.keyboard.press("/")
    expect(tab.locator(BOX)).to_be_focused()
    reader.ask("Et ensuite ?")
    tab.locator(".qa-history button", has_text="Talks").click()
    expect(tab.locator('#qa-answer[data-question="Talks"]')).to_be_visible()


def test_passages_can_be_ordered_and_narrowed_by_date(reader: Reader, toys: Toys) -> None:
    """By date the newest comes first and undated ones last; a year of the timeline filters."""
    reader.open()
    tab = reader.ask("Quand ?")
    tab.get_by_role("button", name="Par date").click()
    assert tab.locator(".qa-card .qa-meta .qa-file").all_inner_texts() == ["sommet.txt", "talks.html", "autre.md"]
    expect(tab.locator(".qa-timeline .qa-undated-bar")).to_contain_text("sans date")
    heights = tab.locator(".qa-timeline i").evaluate_all("(bars) => bars.map((bar) => bar.clientHeight)")
    assert heights[0] == heights[1] == heights[2] > 20  # one passage each: no group stands out
    tab.locator(".qa-timeline button", has_text="2018").click()
    expect(tab.locator(".qa-chip")).to_contain_text("2018")
    assert (toys.asked[-1]["since"], toys.asked[-1]["until"]) == ("2018", "2018")


def test_a_period_that_was_passed_over_is_said_and_can_be_had_alone(reader: Reader, toys: Toys) -> None:
    """The reader sees that the question's period was understood but narrows nothing, and may ask for it alone."""
    reader.open()
    tab = reader.ask("Où se voyaient-ils avant 1990 ?")
    expect(tab.locator(".qa-notice")).to_contain_text("La question nomme une période (jusqu’au 31 décembre 1989)")
    tab.locator(".qa-why summary").first.click()
    expect(tab.locator(".qa-why dd").last).to_contain_text("rien de la période nommée")
    tab.get_by_role("button", name="Seulement cette période").click()
    expect(tab.locator(".qa-chip")).to_contain_text("jusqu’au 31 décembre 1989")
    expect(tab.locator(".qa-notice")).to_have_count(0)
    assert (toys.asked[-1]["since"], toys.asked[-1]["until"]) == (None, "1989-12-31")


@pytest.mark.parametrize("reader", [("fr-FR", DESKTOP, "light"), ("fr-FR", TELEPHONE, "dark")], indirect=True)
def test_reading_on_shows_the_article_at_its_passage(reader: Reader) -> None:
    """The whole article opens with the passage marked, what is not the article greyed; Escape goes back."""
    reader.open()
    tab = reader.ask("Où ?")
    tab.locator(".qa-read").first.click()
    article = tab.locator(".qa-article")
    expect(article.locator("mark")).to_have_text("Ils se sont rencontrés à Samarcande, en Ouzbékistan.")
    expect(article.locator("mark")).to_be_in_viewport()
    expect(article.locator(".qa-furniture").first).to_have_text("Partager sur Facebook")
    expect(article.locator(".qa-section")).to_contain_text("15 septembre 2022")
    expect(article.locator("h2")).to_be_focused()
    tab.mouse.wheel(0, 400)
    expect(article.locator("h2")).to_be_in_viewport()  # the article stays beside whatever is scrolled
    assert tab.evaluate("document.documentElement.scrollWidth") <= tab.viewport_size["width"]  # type: ignore[index]
    tab.keyboard.press("Escape")
    expect(article).to_have_count(0)
    expect(tab.locator(".qa-read").first).to_be_focused()
    tab.locator(".qa-read").first.click()  # the same passage again
    expect(article).to_be_visible()


def test_a_citation_is_copied_with_its_source(reader: Reader) -> None:
    """Sentence, title, file and date go to the clipboard together."""
    reader.open()
    tab = reader.ask("Où ?")
    tab.get_by_role("button", name="Copier la citation").first.click()
    expect(tab.get_by_role("button", name="Copié").first).to_be_visible()
    assert tab.evaluate("navigator.clipboard.readText()") == (
        "«\u00a0Ils se sont rencontrés à Samarcande, en Ouzbékistan.\u00a0» — Le sommet de la ville, sommet.txt, "
        "15 septembre 2022"
    )


# --- states -------------------------------------------------------------------------------------------------


def test_no_answer_is_said_and_the_nearest_passages_stand_apart(reader: Reader) -> None:
    """The state is a sentence of its own, and it is announced."""
    reader.open()
    tab = reader.ask("rien")
    expect(tab.locator(".qa-no-answer h2")).to_have_text("Ces articles ne répondent pas à la question")
    expect(tab.locator(".qa-nearest")).to_have_text("Les passages les plus proches")
    expect(tab.locator(".qa-card")).to_have_count(3)
    expect(tab.locator("#qa-live")).to_have_text("Ces articles ne répondent pas à la question")


def test_where_there_is_no_article_other_words_do_not_help(browser: Browser) -> None:
    """Asking an index of an empty folder says that it is empty and how to fill it, not that nothing answers."""
    toys = Toys()
    state = toys.status().fields | {"articles": 0, "passages": 0, "examples": []}
    blocks = page(lambda question, **_: Record({**toys.ask(question, k=1, since=None, until=None, file=None).fields,
                                                "answered": False, "hits": []}),
                  lambda: Record(state), rebuild=toys.rebuild, articles=lambda: "no-such-folder")
    one = Reader(browser, launch(blocks, port=0), "en-GB", DESKTOP, "light")
    try:
        tab = one.open()
        for _ in range(2):
            tab.fill(BOX, "Where?")
            tab.press(BOX, "Enter")
            expect(tab.locator("body.qa-waiting")).to_have_count(0)
            expect(tab.locator(".qa-problem h2")).to_have_text("The index holds no article")
            expect(tab.locator("#qa-results .qa-add")).to_be_visible()
        assert toys.asked[-1]["question"] == "Where?"
    finally:
        one.context.close()
        blocks.close()


def test_errors_show_their_remedy_and_nothing_of_the_server(reader: Reader, caplog: pytest.LogCaptureFixture) -> None:
    """What qa says is shown whole; what went wrong inside is for the terminal only."""
    tab = reader.open()
    tab.fill(BOX, "refuse")
    tab.get_by_role("button", name="Chercher").click()
    expect(tab.locator(".qa-problem")).to_contain_text("La demande n’est pas comprise")
    expect(tab.locator(".qa-problem p").first).to_contain_text("Vérifiez la question et les filtres")
    expect(tab.locator(".qa-problem .qa-detail[lang=en]")).to_have_text("The date is not one. Write 2022 or 2022-09.")
    tab.fill(BOX, "crash")
    tab.press(BOX, "Enter")
    expect(tab.locator(".qa-problem")).to_contain_text("Une erreur inattendue est survenue")
    tab.press(BOX, "Enter")  # the same answer again ends the waiting too
    expect(tab.locator("body.qa-waiting")).to_have_count(0)
    assert "secret" not in tab.content()
    assert "secret of the server" in caplog.text


def test_without_an_index_the_page_offers_to_build_it(reader: Reader, toys: Toys) -> None:
    """The state names the command; the button builds, and then questions are answered."""
    toys.missing = True
    try:
        tab = reader.open()
        expect(tab.locator(".qa-problem h2")).to_have_text("Il n’y a pas encore d’index")
        expect(tab.locator(".qa-problem code")).to_have_text("qa rebuild")
        tab.get_by_role("button", name="Reconstruire l’index").click()
        expect(tab.locator("#qa-mending")).to_contain_text("L’index est prêt.")
        expect(tab.locator(".qa-problem")).to_have_count(0)
        expect(tab.locator(".qa-examples button").first).to_be_visible()
        reader.ask("Où ?")
    finally:
        toys.missing = toys.built = False


def test_a_rebuild_names_each_file_and_can_be_cancelled() -> None:
    """Progress comes as it is made; a reader who stops it, or leaves, ends it at the next file."""
    went_on: list[int] = []

    def rebuild(progress: Any) -> None:
        for number in range(3):
            progress(Progress("reading", number, 3, f"{number}.txt"))
            seen.wait(60)
            seen.clear()
            went_on.append(number)

    seen, stop = threading.Event(), threading.Event()
    running = steps(rebuild, stop)
    assert "<bdi>0.txt</bdi>" in mending.building(0, 3, next(running).file, "en")
    seen.set()
    assert next(running).file == "1.txt"
    stop.set()
    seen.set()
    with pytest.raises(Cancelled):
        next(running)
    assert went_on == [0, 1]


@pytest.mark.slow
def test_a_rebuild_goes_on_beside_the_page_until_it_is_cancelled(browser: Browser) -> None:
    """Each file is named; questions are answered meanwhile; a second rebuild is refused; Enter on the button stops."""
    toys, ended = Toys(), threading.Event()

    def endless(progress: Any) -> None:
        try:
            for number in range(10_000):
                progress(Progress("reading", number, 10_000, f"{number}.txt"))
                ended.wait(0.05)
        finally:
            ended.set()

    blocks = page(toys.ask, toys.status, rebuild=endless, articles=lambda: "no-such-folder")
    address = launch(blocks, port=0)
    one, other = (Reader(browser, address, "en-GB", DESKTOP, "light") for _ in range(2))
    try:
        tab = one.open()
        tab.locator("#qa-folder summary").first.click()
        tab.get_by_role("button", name="Rebuild the index").click()
        expect(tab.locator(".qa-at-hand")).to_have_text(re.compile(r"^\d+ / 10000 \d+\.txt$"))
        expect(tab.locator("#qa-live")).to_have_text("Building the index…")
        one.ask("Où ?")
        expect(tab.locator(".qa-card")).to_have_count(3)
        second = other.open()
        second.locator("#qa-folder summary").first.click()
        second.get_by_role("button", name="Rebuild the index").click()
        expect(second.locator("#qa-mending")).to_contain_text("The index is being built")
        tab.get_by_role("button", name="Cancel").focus()
        reached = int(tab.locator(".qa-at-hand").inner_text().split()[0])
        expect(tab.locator(".qa-at-hand")).not_to_have_text(re.compile(rf"^{reached} / "))  # another step has come
        tab.keyboard.press("Enter")
        expect(tab.locator("#qa-mending")).to_contain_text("Building was cancelled: the old index stays in place.")
        assert ended.wait(60)
        expect(tab.locator(".qa-card")).to_have_count(3)
        assert (one.errors, other.errors) == ([], [])
    finally:
        one.context.close()
        other.context.close()
        blocks.close()


def test_a_page_without_permission_offers_no_button() -> None:
    """Only the command is shown to readers who may not rebuild."""
    error = IndexDamaged("A file is cut short. Build it again with: qa rebuild")
    assert "<button" not in states.problem(error, "en", editable=False)
    assert "qa rebuild</code>" in states.problem(error, "en", editable=False)
    assert 'data-do="mend"' in states.problem(error, "en", editable=True)
    dotted = IndexMissing("There is no index in ./my.index. Build it with: qa rebuild FOLDER --index ./my.index")
    assert "qa rebuild FOLDER --index ./my.index</code>" in states.problem(dotted, "en", editable=False)
    assert "<button" not in states.problem(IndexBusy("The index is being built already."), "en", editable=True)


def test_a_server_that_is_gone_is_said(reader: Reader) -> None:
    """A question that reaches nobody does not wait for ever."""
    tab = reader.open()
    tab.route("**/*", lambda route: route.abort())
    tab.fill(BOX, "Où ?")
    tab.press(BOX, "Enter")
    expect(tab.locator("#qa-results .qa-problem h2")).to_have_text("Le serveur ne répond plus")
    expect(tab.locator("body.qa-waiting")).to_have_count(0)
    reader.errors.clear()  # the browser names the failed requests


def test_reading_on_without_a_server_is_said(reader: Reader) -> None:
    """An article that cannot be fetched any more does not leave the reader with a dead button."""
    reader.open()
    tab = reader.ask("Où ?")
    tab.route("**/*", lambda route: route.abort())
    tab.locator(".qa-read").first.click()
    expect(tab.locator("#qa-results .qa-problem h2")).to_have_text("Le serveur ne répond plus")
    reader.errors.clear()


# --- languages, sizes, light and dark -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "reader", [("ar", DESKTOP, "light"), ("ar", TELEPHONE, "dark")], indirect=True, ids=["desktop", "telephone"])
def test_the_page_speaks_arabic_from_right_to_left(reader: Reader) -> None:
    """Direction, words, dates and labels follow the browser; the French passage keeps its own direction."""
    tab = reader.open()
    assert tab.evaluate("[document.documentElement.lang, document.documentElement.dir]") == ["ar", "rtl"]
    expect(tab.locator("h1:visible")).to_have_text("اسأل مقالاتك")
    expect(tab.get_by_role("button", name="بحث")).to_be_visible()
    reader.ask("Où ?")
    expect(tab.locator(".qa-count")).to_have_text("3 مقاطع")
    expect(tab.locator(".qa-card time").first).to_have_text("15 سبتمبر 2022")
    box = tab.locator(BOX).bounding_box()
    button = tab.locator("#qa-go").bounding_box()
    assert box
    assert button
    assert button["x"] < box["x"]
    assert tab.evaluate("getComputedStyle(document.querySelector('.qa-text')).direction") == "ltr"


@pytest.mark.parametrize("reader", [("ja-JP", TELEPHONE, "light")], indirect=True)
def test_an_unknown_language_falls_back_to_english(reader: Reader) -> None:
    """A browser in a language that the page does not speak gets one page in English, said to be English."""
    tab = reader.open()
    expect(tab.locator("h1:visible")).to_have_text("Ask your articles")
    expect(tab.get_by_role("button", name="Search")).to_be_visible()
    assert tab.evaluate("document.documentElement.lang") == "en"


@pytest.mark.parametrize("reader", [("en-GB", TELEPHONE, "dark"), ("en-GB", TELEPHONE, "light")], indirect=True)
def test_a_telephone_needs_no_sideways_scrolling_and_keeps_contrast(reader: Reader) -> None:
    """Nothing is wider than the screen; text and paper differ by more than 7 to 1 (WCAG AAA), light and dark."""
    reader.open()
    tab = reader.ask("hostile")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    for inner in (".qa-text", ".qa-text mark", "h1"):
        ink, paper = tab.evaluate(
            """(selector) => {
              const one = [...document.querySelectorAll(selector)].find((e) => e.offsetParent);
              let behind = one;
              const clear = (e) => /, 0\\)$|transparent/.test(getComputedStyle(e).backgroundColor);
              while (behind.parentElement && clear(behind)) behind = behind.parentElement;
              return [getComputedStyle(one).color, getComputedStyle(behind).backgroundColor];
            }""", inner)
        assert _contrast(ink, paper) > 7, (inner, ink, paper)


def _contrast(one: str, other: str) -> float:
    """The contrast ratio of two CSS colours "rgb(r, g, b)", after WCAG 2.2."""
    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_every_language_says_everything() -> None:
    """No table lacks a word, and each has as many plural forms as its rule needs."""
    assert set(words.WORDS) == {"fr", "en", "es", "de", "pt", "ru", "zh", "ar"}
    for language, table in words.WORDS.items():
        assert set(table) == set(words.WORDS["en"]), language
        for key in ("passages", "articles", "more", "left_out"):
            for number in range(0, 130):
                assert words.count(key, number, language)


@pytest.mark.parametrize(
    ("date", "language", "said"),
    [("2022-09-01", "fr", "1er septembre 2022"), ("2022-09-15", "de", "15. September 2022"),
     ("2018", "zh", "2018年"), ("2022-09-15", "zh", "2022年9月15日"), ("2022-09", "ru", "сентябрь 2022"),
     ("2022-09-15", "ru", "15 сентября 2022"),
     ("2022-09", "es", "septiembre de 2022"), ("2022-09-15", "pt", "15 de setembro de 2022")])
def test_a_date_is_said_as_the_reader_writes_it(date: str, language: str, said: str) -> None:
    assert words.say_date(date, language) == said


@pytest.mark.parametrize(
    ("since", "until", "language", "said"),
    [("2022-09-01", "2022-09-30", "fr", "septembre 2022"), ("2022-01-01", "2022-12-31", "de", "2022"),
     ("2020-02-01", "2020-02-29", "en", "February 2020"),
     ("2021-02-01", "2021-02-27", "fr", "du 1er février 2021 au 27 février 2021"),
     ("2021-01-01", "2022-12-31", "fr", "de 2021 à 2022"), ("2021-03-01", "2021-05-31", "ru", "март 2021 — май 2021"),
     ("2022", "2022-09-15", "fr", "2022 – 15 septembre 2022"), ("", "2022", "fr", "jusqu’en 2022"),
     ("", "2022-09-15", "es", "hasta el 15 de septiembre de 2022"), ("2022-09", "", "ru", "от: сентябрь 2022"),
     ("avant", "", "fr", "depuis avant"), ("2022-13-45", "2022-13-45", "fr", "2022-13-45")])
def test_a_period_is_said_as_short_as_it_can_be(since: str, until: str, language: str, said: str) -> None:
    """Whole months and years by their names, in the grammar of each language; what is no date as it was typed."""
    assert dates.period(since, until, language) == said


@pytest.mark.parametrize(
    ("header", "language"),
    [("fr-CH, fr;q=0.9, en;q=0.8", "fr"), ("ja, zh-TW;q=0.5, en;q=0.4", "zh"), ("en;q=0.1, ar", "ar"), ("", "en"),
     ("de;q=0, es;q=bad", "en"), ("*", "en")])
def test_the_language_is_the_best_one_the_browser_asks_for(header: str, language: str) -> None:
    assert words.choose(header) == language


# --- machines -----------------------------------------------------------------------------------------------


def test_the_endpoint_gives_the_same_json(url: str, toys: Toys) -> None:
    """`/ask` takes the question alone or with filters and returns what the function's record says."""
    client = Client(url, verbose=False)
    try:
        expected = toys.ask("Où ?", k=5, since=None, until=None, file=None).to_dict()
        assert client.predict("Où ?", api_name="/ask") == expected
        client.predict("Où ?", limit=2, since="2022", file="*.md", api_name="/ask")
        assert toys.asked[-1] == {"question": "Où ?", "k": 2, "since": "2022", "until": None, "file": "*.md"}
        with pytest.raises(AppError, match=r"Write 2022 or 2022-09\."):
            client.predict("refuse", api_name="/ask")
        assert list(client.view_api(return_format="dict", print_info=False)["named_endpoints"]) == ["/ask"]  # type: ignore[index, call-overload]
    finally:
        client.close()
    called = http.post(url + "gradio_api/call/ask", json={"data": ["Où ?"]})
    events = http.get(f"{url}gradio_api/call/ask/{called.json()['event_id']}").text
    assert "event: complete" in events
    assert '"generation": 3' in events


def test_questions_leave_nothing_behind(url: str, blocks: gr.Blocks, reader: Reader) -> None:
    """However many have been asked, the server keeps a hundred sessions; a reader whose own is gone asks on."""
    tab = reader.open()
    with httpx.Client(base_url=url, timeout=60) as client:
        for _ in range(SESSIONS + 20):
            event = client.post("gradio_api/call/ask", json={"data": ["Kenya?"]}).json()["event_id"]
            assert client.get(f"gradio_api/call/ask/{event}").status_code == 200
    assert len(blocks.state_holder.session_data) == SESSIONS
    reader.ask("Où ?")
    expect(tab.locator(".qa-card")).to_have_count(3)
    tab.locator(".qa-read").first.click()
    expect(tab.locator(".qa-article mark")).to_be_visible()


def test_a_page_that_nobody_uses_rests(url: str, blocks: gr.Blocks, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio looks a thousand times a second for something to do; so does the page after a request, but not for
    long."""
    queue = blocks._queue
    monkeypatch.setattr(resting, "AFTER", 0.05)
    assert http.get(url).status_code == 200
    for _ in range(600):
        if queue.sleep_when_free == resting.RESTING:
            break
        time.sleep(0.05)
    assert queue.sleep_when_free == resting.RESTING
    monkeypatch.setattr(resting, "AFTER", 600)
    asked = http.post(url + "gradio_api/call/ask", json={"data": ["Où ?"]})
    assert queue.sleep_when_free == Queue(True, 1, 0.1, None, blocks).sleep_when_free < resting.RESTING
    assert "event: complete" in http.get(f"{url}gradio_api/call/ask/{asked.json()['event_id']}").text


def test_many_readers_at_once_each_get_their_own_answer(url: str) -> None:
    """Thirty-two questions asked together: none fails, none is mixed up with another."""
    def ask(number: int) -> str:
        with httpx.Client(timeout=60) as client:
            called = client.post(url + "gradio_api/call/ask", json={"data": [f"Question {number} ?"]})
            events = client.get(f"{url}gradio_api/call/ask/{called.json()['event_id']}").text
        return str(re.findall(r'"question": "([^"]*)"', events))

    with ThreadPoolExecutor(32) as readers:
        answers = list(readers.map(ask, range(32)))
    assert answers == [f"['Question {number} ?']" for number in range(32)]


# --- security -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reader", [("en-GB", DESKTOP, "light")], indirect=True)
def test_a_hostile_article_stays_text(reader: Reader) -> None:
    """Titles, file names, evidence, languages and texts are shown as they are written, and nothing in them runs."""
    reader.open()
    tab = reader.ask("hostile")
    card = tab.locator(".qa-card")
    shown = HOSTILE.replace("\u202e", "")
    expect(card.locator(".qa-text")).to_have_text(shown)
    expect(card.locator("mark")).to_have_text('<img src=x onerror="window.hacked = 2">')
    expect(card.locator(".qa-file")).to_have_text(HOSTILE_FILE.replace("\u202e", "‹U+202E›"))
    card.locator(".qa-read").click()
    expect(tab.locator(".qa-article .qa-body")).to_have_text(shown)
    assert tab.evaluate("window.hacked") is None
    assert tab.locator(".qa-block img, .qa-block script, .qa-block a, .qa-block b").count() == 0
    tab.keyboard.press("Escape")
    tab.locator("#qa-folder summary").first.click()
    expect(tab.locator("#qa-folder")).to_contain_text("it is <b>binary</b>")


# What an article folder could hold to attack its readers; each file must be found by its word and shown as it is.
HOSTILE_FOLDER = {
    "zebra <img src=x onerror=window.hacked=1>.md":
        "---\ntitle: Zebra </title><script>window.hacked=2</script>\ndate: 2022-09-15\n---\n\n# Zebra\n\n"
        "The zebra ![pixel](https://example.org/pixel.png) [runs](javascript:window.hacked=3) across <b>bold</b>"
        " plains. <img src=x onerror='window.hacked=4'> <svg onload=window.hacked=5> {{7*7}} ${window.hacked=6}.\n",
    "walrus\u202efdp.txt":
        "Walrus \u202ereversed\u202c </mark></p><iframe src=https://example.org></iframe>\n15/09/2022\n\n"
        "The walrus \u2066sleeps\u2069 on <a href='javascript:window.hacked=7'>ice</a> \x07 all day long.\n",
    "otter.html":
        "<html><head><title>Otter &lt;script&gt;window.hacked=8&lt;/script&gt;</title><script>window.hacked=9</script>"
        "<meta property='article:published_time' content='2022-09-15'></head><body><article><h1>Otter</h1><p>The otter"
        " cracks shells &lt;img src=x onerror=window.hacked=10&gt; on its belly all day long, as many have seen."
        "</p></article></body></html>",
    "empty <svg onload=window.hacked=11>.txt": "",
}


@pytest.mark.slow
def test_a_hostile_folder_stays_text_from_file_to_page(
        browser: Browser, tmp_path: Path, brief_background: None) -> None:
    """Read, indexed, asked, opened, cited and listed by qa itself, nothing in any file runs or fetches anything."""
    qa.rebuild(write(tmp_path / "articles", HOSTILE_FOLDER), index=tmp_path / "index")
    blocks = over(tmp_path / "index", editable=True)
    address = launch(blocks, port=0)
    one = Reader(browser, address, "en-GB", DESKTOP, "light")
    try:
        tab = one.open()
        tab.locator("#qa-folder summary").first.click()
        expect(tab.locator("#qa-folder")).to_contain_text("empty <svg onload=window.hacked=11>.txt")
        expect(tab.locator(".qa-examples button")).to_have_count(3)
        for word, file in (("zebra", "zebra <img src=x onerror=window.hacked=1>.md"),
                           ("walrus", "walrus‹U+202E›fdp.txt"), ("otter", "otter.html")):
            one.ask(f"What does the {word} do all day?")
            card = tab.locator(".qa-card", has_text=file).first
            expect(card.locator(".qa-text")).to_contain_text(word)
            card.get_by_role("button", name="Copy the citation").click()
            card.locator(".qa-read").click()
            expect(tab.locator(".qa-article .qa-body")).to_contain_text(word)
            tab.keyboard.press("Escape")
            expect(tab.locator(".qa-article")).to_have_count(0)
        tab.locator("#qa-folder [data-do=mend]").click()
        expect(tab.locator("#qa-mending")).to_contain_text("The index is ready.")
        assert tab.evaluate("window.hacked") is None
        assert tab.locator(
            ".qa-block :is(img, script, a, b, svg, iframe, object, link, style, template, title)").count() == 0
        assert "\u202e" not in tab.locator("body").inner_text()
        assert (one.errors, one.foreign) == ([], [])
    finally:
        one.context.close()
        blocks.close()


def test_a_question_may_not_become_markup_either(browser: Browser, url: str) -> None:
    """A link made by someone else can only ask."""
    one = Reader(browser, url, "en-GB", DESKTOP, "light")
    tab = one.open("?q=%3Cimg+src%3Dx+onerror%3Dwindow.hacked%3D1%3E"
                   "&file=%22%3E%3Cscript%3Ewindow.hacked%3D2%3C/script%3E")
    tab.locator(".qa-chip").wait_for()
    assert tab.evaluate("window.hacked") is None
    assert one.errors == []
    one.context.close()


def test_foreign_hosts_and_origins_are_refused(url: str) -> None:
    """A name that was pointed at this machine, or a page of another site, gets nothing."""
    port = httpx.URL(url).port
    assert http.get(url, headers={"Host": "evil.example"}).status_code == 403
    assert http.get(url, headers={"Host": f"evil.example:{port}"}).status_code == 403
    assert http.get(url, headers={"Host": f"localhost:{port}"}).status_code == 200
    asking = {"data": ["Où ?"]}
    for origin in ("https://evil.example", "null", f"http://127.0.0.1:{(port or 0) + 1}", f"http://127.0.0.1:{port}.evil.example"):
        refused = http.post(url + "gradio_api/call/ask", json=asking, headers={"Origin": origin})
        assert refused.status_code == 403, origin
    same = http.post(url + "gradio_api/call/ask", json=asking, headers={"Origin": f"http://127.0.0.1:{port}"})
    assert same.status_code == 200


def test_only_the_pages_own_paths_are_there(url: str) -> None:
    """No file can be read, nothing uploaded and nothing fetched for someone through Gradio's other endpoints."""
    for path in ("gradio_api/file=/etc/passwd", "gradio_api/file=app.py", "file=/etc/passwd", "gradio_api/proxy=http://x/",
                 "monitoring", "gradio_api/deep_link", "qa/../../frame.py", "qa/frame.py", "gradio_api/runs", "docs",
                 "static/../../../../etc/passwd", "static/%2e%2e/%2e%2e/config", "gradio_api/custom_component/a/b/c/d"):
        assert http.get(url + path).status_code in (403, 404), path
    assert http.post(url + "gradio_api/upload", files={"files": b"x"}).status_code == 404
    assert http.post(url + "gradio_api/call/ask", content=b"x" * 2_000_000).status_code == 413


def test_the_policy_names_no_foreign_origin(url: str) -> None:
    """Scripts need the page's nonce, and the page itself names no other site's address."""
    answer = http.get(url, headers={"Accept-Language": "pt-BR"})
    policy = answer.headers["content-security-policy"]
    assert "http" not in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce
    scripts = re.findall(r"<script[^>]*>", answer.text)
    assert scripts
    assert all(f'nonce="{nonce[1]}"' in script for script in scripts)
    assert '<html lang="pt" dir="ltr"' in answer.text
    assert not re.search(r'<(?:link|script|img|meta)[^>]*(?:href|src|content)="https?://', answer.text)


def test_a_public_address_is_asked_by_number_or_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bound to loopback only loopback names are allowed; further names are given by the one who serves."""
    monkeypatch.delenv("SPACE_HOST", raising=False)
    monkeypatch.delenv("QA_ALLOWED_HOSTS", raising=False)
    assert hosts("127.0.0.1") == {"localhost", "127.0.0.1", "::1"}
    monkeypatch.setenv("QA_ALLOWED_HOSTS", "Articles.example, qa.test")
    assert hosts("0.0.0.0") > {"0.0.0.0", "articles.example", "qa.test"}


def test_a_taken_port_says_so(url: str) -> None:
    toys = Toys()
    blocks = page(toys.ask, toys.status)
    port = httpx.URL(url).port
    assert port
    with pytest.raises(UsageError, match=f"Port {port} .* --port"):
        launch(blocks, port=port)


def test_small_words_are_not_underlined() -> None:
    """Names and long words are; "et" and "la" are not, not even at the beginning of a sentence."""
    shown = cards.marked("La rencontre et Xi, la nuit.", (0, 0), ["La", "la", "et", "Xi", "rencontre"], "")
    assert re.findall(r'qa-word">([^<]+)', shown) == ["rencontre", "Xi"]


def test_what_does_not_hold_any_more_is_said() -> None:
    """A passage whose file has changed says so, and so does an answer from before a damaged newer index."""
    kept = hit("Le pont.", "Le pont.", changed=False)
    found = {"since": None, "until": None, "hits": [kept], "answered": True, "confidence": 0.9, "warning": None}
    asked = answers.Asked(question="Où ?", since="", until="", file="", limit=5)
    assert "qa-notice" not in answers.answer(found, asked, "fr")
    gone = cards.card({**kept, "changed": True}, 0, 1.0, found, "fr")
    assert "Ce fichier a changé ou disparu depuis qu’il a été lu." in gone
    warned = answers.answer({**found, "warning": "Generation 4 is <damaged>."}, asked, "fr")
    assert "Generation 4 is &lt;damaged&gt;." in warned


def test_a_text_too_short_to_tell_has_an_unknown_language() -> None:
    """Its code is no word for readers; languages the page has no name for keep theirs."""
    assert [words.say_language(code, "fr") for code in ("und", "de", "xx")] == ["langue inconnue", "Deutsch", "xx"]


def test_a_title_is_not_shown_twice() -> None:
    """A passage that begins with its article's title is shown from after it, unless that is what answers."""
    text = "# Le pont\n\nLe pont est long. Il est neuf."
    def shown(answer: str, title: str) -> str:
        found = hit(text, answer, title=title)
        return re.sub(r"<[^>]+>", "", re.findall(r'class="qa-text"[^>]*>(.*?)</p>', cards.card(
            found, 0, 1.0, {"since": None, "until": None}, "fr"), re.DOTALL)[0])

    assert shown("Il est neuf.", "Le pont") == "Le pont est long. Il est neuf."
    assert shown("Le pont", "Le pont") == text
    assert shown("Il est neuf.", "Le pont neuf") == text


# --- text with marks ----------------------------------------------------------------------------------------


class _Read(HTMLParser):
    """What a browser would show of a piece of HTML, and with which elements."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.marked = ""
        self.elements: set[str] = set()
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.add(tag)
        self.inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        self.marked += data if "mark" in self.inside else ""


_TEXTS = st.text(st.characters(categories=("L", "N", "P", "S", "Z")) | st.sampled_from("<>&\"'`$ \n习近"), max_size=80)


@given(_TEXTS, st.data())
def test_a_marked_text_reads_as_the_text_itself(text: str, data: st.DataObject) -> None:
    """Whatever stands in a passage, its HTML shows these characters, one mark, and no other element."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    read = _Read()
    read.feed(cards.marked(text, (start, end), text.split(), "label"))
    read.close()
    assert read.elements <= {"mark", "span"}
    assert read.inside == []
    if "\n" not in text:  # blank lines are drawn together
        assert read.text == text
        assert read.marked == text[start:end]


@given(st.lists(st.tuples(st.integers(0, len(SUMMIT)), st.integers(0, len(SUMMIT))), max_size=4))
def test_an_article_reads_as_the_text_itself(spans: list[tuple[int, int]]) -> None:
    """Passage, answer, date and greyed lines may stand anywhere in the article without changing it."""
    toy = Toys().article("sommet.txt")
    for one, other in spans:
        place = reading.Place(min(one, other), max(one, other), min(one, other), (one + other) // 2)
        read = _Read()
        read.feed(reading.article(toy, place, "en"))
        wanted = re.sub(r"\n\s*\n", "\n\n", SUMMIT)
        assert read.inside == []
        assert read.elements <= {"section", "header", "button", "span", "h2", "p", "div", "bdi", "mark", "time"}
        shown = read.text.replace("15 September 2022 dateline: “15/09/2022”", "")
        assert "".join(wanted.split()) in "".join(shown.split())


def test_a_timeline_groups_by_the_coarsest_step_that_tells_apart() -> None:
    """Years where years differ, months within a year, days within a month, none for one date."""
    def labels(*dates: str | None) -> list[str]:
        hits = [hit("Un texte.", "Un texte.", date=date) for date in dates]
        return re.findall(r'data-since="([^"]+)"', answers.timeline(hits, "en"))

    assert labels("2018", "2022-09", "2022-10-01", None) == ["2018", "2022"]
    assert labels("2022-09-15", "2022-10-01") == ["2022-09", "2022-10"]
    assert labels("2022-09-15", "2022-09-16", "2022-09-16") == ["2022-09-15", "2022-09-16"]
    assert labels("2022-09-15", "2022-09-15", None) == []
    some = [hit("Un texte.", "Un texte.", date=date) for date in ("2018", "2018", "2022", None)]
    shown = answers.timeline(some, "en")
    assert re.findall(r"calc\(([\d.]+) ", shown) == ["1.00", "0.50", "0.50"]

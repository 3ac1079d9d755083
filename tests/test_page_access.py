"""The page for everyone and by itself: by keyboard, on a small screen, on paper, and without a foreign request."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from page_reader import BOX, DESKTOP, NARROW, Reader
from page_toys import LONG_TITLE, Record, Toys
from playwright.sync_api import Browser, Page, expect

from qa.build import Progress
from qa.page.frame import launch, page

AXE = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture(scope="module")
def url(browser: Browser, toys: Toys, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    sys.addaudithook(_listen)
    folder = tmp_path_factory.mktemp("articles")
    blocks = page(toys.ask, toys.status, article=toys.article, rebuild=toys.rebuild, articles=lambda: folder)
    yield launch(blocks, port=0)
    blocks.close()


def visit(reader: Reader) -> Iterator[tuple[str, Page]]:
    """Each state of the page in turn, as a reader comes upon it."""
    tab = reader.open()
    yield "first visit", tab
    tab.locator("#qa-folder summary").first.click()
    tab.locator("#qa-narrow button:visible").click()
    tab.locator("#qa-filters label").first.wait_for()
    yield "the folder and the filters", tab
    reader.ask("Où ?")
    tab.locator(".qa-why summary").first.click()
    tab.locator(".qa-more summary").first.click()
    yield "an answer", tab
    tab.locator(".qa-read").first.click()
    tab.locator(".qa-article mark").wait_for()
    yield "an article", tab
    tab.keyboard.press("Escape")
    tab.locator(".qa-article").wait_for(state="detached")
    reader.ask("rien")
    yield "no answer", tab
    tab.fill(BOX, "refuse")
    tab.press(BOX, "Enter")
    tab.locator(".qa-problem").wait_for()
    yield "a problem", tab
    tab.locator("#qa-folder [data-do=mend]").click()
    tab.locator("[data-state=rebuilt]").wait_for()
    yield "a rebuild", tab


# --- what a browser can check by itself ---------------------------------------------------------------------

_VISITS = [(locale, size, scheme) for locale in ("fr-FR", "ar") for size in (DESKTOP, NARROW)
           for scheme in ("light", "dark")]
_QUICK = (("fr-FR", DESKTOP, "light"), ("ar", NARROW, "dark"))


@pytest.mark.parametrize(
    "reader", [pytest.param(one, marks=() if one in _QUICK else pytest.mark.slow) for one in _VISITS], indirect=True,
    ids=[f"{locale}-{size['width']}-{scheme}" for locale, size, scheme in _VISITS])
def test_axe_finds_nothing_serious_in_any_state(reader: Reader) -> None:
    """Names, roles, contrast, order: no violation of serious or critical impact, and no sideways scrolling."""
    if not AXE.is_file():
        if "CI" in os.environ:
            pytest.fail("axe-core is not there: make node_modules/axe-core")
        pytest.skip("axe-core is not there; `make test` gets it with npm")
    axe = AXE.read_text("utf-8")
    found: list[str] = []
    for state, tab in visit(reader):
        # A half shown block has half its contrast.
        tab.evaluate("Promise.all(document.getAnimations().map((one) => one.finished.catch(() => {})))")
        tab.evaluate(axe)
        violations = tab.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        found += [f"{state}: {one['id']} ({one['impact']}) {one['nodes'][0]['html'][:200]}" for one in violations
                  if one["impact"] in ("serious", "critical")]
        if tab.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            found.append(f"{state}: wider than the screen")
    assert found == []


# --- nothing leaves the machine -----------------------------------------------------------------------------

_outside: list[str] = []  # where this process, which is the server, went or wanted to go


def _listen(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    elif event == "socket.getaddrinfo":
        host = arguments[0]
    else:
        return
    if host not in ("127.0.0.1", "::1", "localhost", b"127.0.0.1", b"localhost", None):
        _outside.append(f"{event} {host!r}")


def test_a_whole_visit_makes_no_foreign_request(browser: Browser, url: str, tmp_path: Path) -> None:
    """A trace of everything the browser sent, sockets too, names this server only; the server has called nobody since
    before it began."""
    har = tmp_path / "visit.har"
    one = Reader(browser, url, "fr-FR", DESKTOP, "light", record_har_path=har)
    sockets: list[str] = []
    one.tab.on("websocket", lambda socket: sockets.append(socket.url))
    for _ in visit(one):
        pass
    one.tab.locator("footer button").first.click()  # Gradio's own description of the endpoint
    one.tab.locator("text=api_name").first.wait_for()
    one.context.close()
    sent = [(urlsplit(entry["request"]["url"]), entry["response"]["status"])
            for entry in json.loads(har.read_text("utf-8"))["log"]["entries"]]
    assert len(sent) > 20
    assert {address.netloc for address, _ in sent if address.scheme not in ("data", "blob")} == {urlsplit(url).netloc}
    # The description also asks for what Gradio can do and this page does not.
    assert {address.path for address, status in sent if status >= 400} <= {
        "/monitoring/summary", "/gradio_api/mcp/schema"}
    assert [error for error in one.errors if not error.startswith("Failed to load resource")] == []
    assert (sockets, one.foreign, _outside) == ([], [], [])


# --- keyboard, small screens, paper -------------------------------------------------------------------------


def focused(tab: Page) -> str:
    return str(tab.evaluate("(document.activeElement.textContent || document.activeElement.id || "
                            "document.activeElement.tagName).trim()"))


def test_the_keyboard_alone_does_everything(reader: Reader) -> None:
    """Tab goes from the question through its button and filters to the examples, then from card to card in order."""
    tab = reader.open()
    expect(tab.locator(BOX)).to_be_focused()
    order = []
    for _ in range(4):
        tab.keyboard.press("Tab")
        order.append(focused(tab).split("\n")[0])
    assert order[0] == "Chercher"
    assert order[1].startswith("Filtres")
    assert order[2:] == ["Le sommet de la ville", "Où se rencontrent-ils ?"]
    tab.keyboard.press("Enter")
    expect(tab.locator(".qa-card")).to_have_count(3)
    tab.locator(".qa-order button").first.focus()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    expect(tab.get_by_role("button", name="Par date")).to_have_attribute("aria-pressed", "true")
    tab.locator(".qa-card .qa-title button").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(".qa-article h2")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator(".qa-card .qa-title button").first).to_be_focused()
    tab.keyboard.press("Tab")
    assert focused(tab) == "Lire l’article"
    tab.keyboard.press("Tab")
    assert focused(tab) == "Copier la citation"
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator(".qa-why dl").first).to_be_visible()


def test_the_focus_outlives_what_is_drawn_anew(browser: Browser) -> None:
    """A rebuild or an answer that takes the focused button away leaves the focus on its like, or on what was said."""
    toys, gate = Toys(), threading.Event()

    def status() -> Record:
        state = toys.status()
        state.fields["articles"] += toys.rebuilds  # the panel changes with each build
        return state

    def rebuild(progress: Any) -> None:
        progress(Progress("reading", 0, 1, "un.txt"))
        gate.wait(300)
        toys.rebuilds += 1

    blocks = page(toys.ask, status, article=toys.article, rebuild=rebuild, articles=lambda: "no-such-folder")
    one = Reader(browser, launch(blocks, port=0), "en-GB", DESKTOP, "light")
    try:
        tab = one.open()
        tab.locator("#qa-folder summary").first.press("Enter")
        again = tab.locator("#qa-folder [data-do=mend]")
        gate.set()
        again.press("Enter")
        expect(tab.locator("#qa-folder summary").first).to_contain_text("4 articles")
        expect(again).to_be_focused()
        gate.clear()
        again.press("Enter")
        tab.locator("[data-do=cancel]").focus()
        gate.set()
        expect(tab.locator("#qa-mending [data-state=rebuilt] p")).to_be_focused()
        tab.goto(one.url + "?q=Where&file=*.txt")
        tab.locator(".qa-chip button").press("Enter")
        expect(tab.locator(".qa-chip")).to_have_count(0)
        expect(tab.locator("h2.qa-count")).to_be_focused()
    finally:
        gate.set()
        one.context.close()
        blocks.close()
    assert one.errors == []


@pytest.mark.parametrize("reader", [("fr-FR", NARROW, "light")], indirect=True)
def test_on_a_telephone_an_article_covers_the_page_and_back_closes_it(reader: Reader) -> None:
    """It is a dialog with nothing reachable behind it; "back" leads to the answer, then to the question before."""
    reader.open()
    reader.ask("Où ?")
    tab = reader.ask("Et ensuite ?")
    tab.locator(".qa-read").first.click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.locator("h2")).to_be_focused()
    for _ in range(4):
        tab.keyboard.press("Tab")
        assert tab.evaluate("document.activeElement.matches('.qa-article, .qa-article *, body')")
    tab.go_back()
    expect(dialog).to_have_count(0)
    expect(tab.locator(".qa-read").first).to_be_focused()
    assert tab.url.endswith("?q=Et+ensuite+%3F")
    tab.go_back()
    expect(tab.locator('#qa-answer[data-question="Où ?"]')).to_be_visible()
    expect(tab.locator(BOX)).to_have_value("Où ?")
    tab.go_back()
    expect(tab.locator(".qa-card")).to_have_count(0)
    expect(tab.locator(BOX)).to_have_value("")
    expect(tab.locator(".qa-examples button").first).to_be_visible()
    tab.go_forward()
    expect(tab.locator('#qa-answer[data-question="Où ?"]')).to_be_visible()


@pytest.mark.parametrize("reader", [("fr-FR", NARROW, "light"), ("ar", NARROW, "dark")], indirect=True)
def test_many_long_undated_passages_fit_a_small_screen(reader: Reader) -> None:
    """Twenty hits under endless titles and names, none dated: nothing overflows, and no timeline is made up."""
    reader.open("?q=vingt&k=20")
    tab = reader.tab
    expect(tab.locator(".qa-card")).to_have_count(20)
    expect(tab.locator(".qa-card .qa-title").first).to_have_text(f"0. {LONG_TITLE}")
    assert tab.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert tab.locator(".qa-timeline, .qa-card time").count() == 0
    tab.locator(".qa-order button").nth(1).click()
    assert [title.split(".")[0] for title in tab.locator(".qa-card .qa-title").all_inner_texts()] == [
        str(number) for number in range(20)]


def test_a_long_question_is_seen_whole(reader: Reader) -> None:
    """The box grows with the question, and Enter still asks instead of breaking the line."""
    question = "Où se sont-ils rencontrés, et pourquoi là plutôt qu’ailleurs, demande une lectrice prolixe ?"
    reader.open()
    tab = reader.ask(question)
    box = tab.locator(BOX)
    expect(box).to_have_value(question)
    assert box.evaluate("(box) => box.scrollHeight - box.clientHeight") <= 2  # its border
    assert box.evaluate("(box) => box.clientHeight") > 60


def test_nothing_jumps_while_the_page_comes(browser: Browser, url: str) -> None:
    """What the browser itself counts as unexpected shifts of layout stays at the level it calls good (0.1)."""
    for size, query in ((DESKTOP, "?q=Où"), (NARROW, "")):
        one = Reader(browser, url, "fr-FR", size, "light")
        one.tab.add_init_script(
            "window.shifts = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries())"
            " if (!entry.hadRecentInput) window.shifts += entry.value; })"
            ".observe({ type: 'layout-shift', buffered: true });")
        tab = one.open(query)
        if query:
            tab.locator(".qa-card").first.wait_for()
        tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        shifts = tab.evaluate("window.shifts")
        one.context.close()
        assert shifts <= 0.1, (size, query, shifts)


@pytest.mark.parametrize("reader", [("fr-FR", DESKTOP, "dark")], indirect=True)
def test_paper_shows_the_question_and_no_buttons(reader: Reader) -> None:
    """Printed, an answer is its question and its passages with their sources, black on white from the dark page too."""
    reader.open()
    tab = reader.ask("Où ?")
    tab.emulate_media(media="print")
    shown = tab.evaluate("getComputedStyle(document.querySelector('#qa-answer'), '::before').content")
    assert shown == '"Où ?"'
    assert tab.evaluate("getComputedStyle(document.querySelector('.qa-text')).color") == "rgb(0, 0, 0)"
    for hidden in (BOX, ".qa-read", ".qa-order", "#qa-folder summary", "footer"):
        expect(tab.locator(hidden).first).to_be_hidden()
    expect(tab.locator(".qa-card .qa-file").first).to_be_visible()


def test_who_wants_no_motion_gets_none(browser: Browser, url: str, toys: Toys) -> None:
    """While an answer is awaited the running bar stands still for readers who asked their system for that."""
    one = Reader(browser, url, "fr-FR", DESKTOP, "light", reduced_motion="reduce")
    tab = one.open()
    tab.evaluate("document.body.classList.add('qa-waiting')")
    names = tab.evaluate("getComputedStyle(document.querySelector('#qa-ask-form'), '::after').animationName")
    one.context.close()
    assert names == "none"


def test_why_a_passage_was_chosen_is_told_in_three_parts(reader: Reader) -> None:
    """Meaning and words as shares, and the date honestly: it counts only where a period was asked for."""
    reader.open()
    tab = reader.ask("Où ?")
    tab.locator(".qa-why summary").first.click()
    assert tab.locator(".qa-why").first.locator("dt").all_inner_texts() == ["Sens", "Mots", "Mots retrouvés", "Date"]
    assert tab.locator(".qa-why").first.locator("dd").all_inner_texts() == [
        "71 sur 100", "50 sur 100", "rencontrés", "ne compte pas : aucune période n’est demandée"]
    tab = reader.open("?q=Quand&since=2022-09-01&until=2022-09-30")
    expect(tab.locator(".qa-chip")).to_contain_text("septembre 2022")
    tab.locator(".qa-why summary").first.click()
    expect(tab.locator(".qa-why").first.locator("dd").last).to_have_text("dans la période demandée (septembre 2022)")
    expect(tab.locator(".qa-why").nth(1).locator("dd").last).to_have_text(
        "sans date : compte un peu moins qu’une date de la période")

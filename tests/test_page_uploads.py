"""Adding articles through the page: only where it is allowed, only into the folder, and nothing overwritten unsaid."""

from __future__ import annotations

import asyncio
import json
import os
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import write
from hypothesis import example, given
from hypothesis import strategies as st
from page_reader import PATIENCE, http
from page_toys import Toys
from playwright.sync_api import Browser, Page, expect

import qa
from qa.page import uploads
from qa.page.frame import launch, page
from qa.page.serving import _articles
from qa.page.uploads import safe_name

TYPE = {"Content-Type": "application/octet-stream"}
# What a page does with files that are dropped anywhere on it.
DROP = """([files, type]) => {
  const carried = new DataTransfer();
  for (const [name, content] of files) carried.items.add(new File([content], name));
  const left = document.querySelector("h1").dispatchEvent(
    new DragEvent(type, { dataTransfer: carried, bubbles: true, cancelable: true }));
  return [left, document.body.classList.contains("qa-dropping")];
}"""  # whether the browser would leave the page for the file, and whether the page invites to drop it


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("articles")


@pytest.fixture(scope="module")
def toys() -> Toys:
    return Toys()


@pytest.fixture(scope="module")
def url(browser: Browser, toys: Toys, articles: Path) -> Iterator[str]:
    blocks = page(toys.ask, toys.status, article=toys.article, rebuild=toys.rebuild, articles=lambda: articles)
    yield launch(blocks, port=0)
    blocks.close()


@pytest.fixture
def tab(browser: Browser, url: str, articles: Path) -> Iterator[Page]:
    for left in articles.iterdir():
        left.unlink()
    context = browser.new_context(locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    # Told to watch for the choice of files only when the key is pressed, the browser may do so after the key.
    opened.on("filechooser", lambda choice: None)
    opened.goto(url)
    opened.locator("#qa-folder summary").first.wait_for()
    yield opened
    context.close()


def drop(tab: Page, *files: tuple[str, str]) -> None:
    assert tab.evaluate(DROP, [files, "dragover"]) == [False, True]
    expect(tab.locator(".qa-drop:visible")).to_have_text("Drop your articles to add them to the folder")
    assert tab.evaluate(DROP, [files, "drop"]) == [False, False]


# --- as a reader does it ------------------------------------------------------------------------------------


def test_dropped_articles_are_added_and_the_index_is_rebuilt(tab: Page, toys: Toys, articles: Path) -> None:
    """Files dropped anywhere land in the folder under their names, the rest is said, and the rebuild follows."""
    before = toys.rebuilds
    drop(tab, ("loutre.txt", "La loutre nage."), ("a picture.png", "x"), ("../../deep.md", "# Deep"), ("empty.txt", ""))
    expect(tab.locator("#qa-mending [data-state=rebuilt]")).to_have_text("The index is ready.")
    expect(tab.locator(".qa-added li")).to_have_text(
        ["loutre.txt", "deep.md", "a picture.png — not a format of articles", "empty.txt — the file is empty"])
    assert {path.name: path.read_text("utf-8") for path in articles.iterdir()} == {
        "loutre.txt": "La loutre nage.", "deep.md": "# Deep"}
    assert toys.rebuilds == before + 1


def test_nothing_is_overwritten_before_the_reader_says_so(tab: Page, toys: Toys, articles: Path) -> None:
    """A name that is taken is refused with nothing rebuilt; one press replaces those files."""
    (articles / "loutre.txt").write_text("the old one", "utf-8")
    before = toys.rebuilds
    drop(tab, ("loutre.txt", "the new one"))
    expect(tab.locator(".qa-added li")).to_have_text("loutre.txt — a file of this name is in the folder already")
    assert (articles / "loutre.txt").read_text("utf-8") == "the old one"
    assert toys.rebuilds == before
    tab.get_by_role("button", name="Replace the existing files").click()
    expect(tab.locator("#qa-mending [data-state=rebuilt]")).to_be_visible()
    assert (articles / "loutre.txt").read_text("utf-8") == "the new one"
    assert toys.rebuilds == before + 1


def test_a_button_adds_without_a_mouse(tab: Page, articles: Path, tmp_path: Path) -> None:
    """The folder's panel has a way to choose files that the keyboard reaches, and it names what is taken."""
    tab.locator("#qa-folder summary").first.click()
    choose = tab.locator(".qa-add input")
    expect(tab.locator(".qa-add small")).to_contain_text(".txt, .text, .md")
    choose.focus()
    (tmp_path / "castor.md").write_text("# Le castor", "utf-8")
    with tab.expect_file_chooser() as choosing:
        tab.keyboard.press("Enter")
    choosing.value.set_files(tmp_path / "castor.md")
    expect(tab.locator(".qa-added li")).to_have_text("castor.md")
    assert (articles / "castor.md").read_text("utf-8") == "# Le castor"


def test_a_page_that_only_reads_takes_nothing(browser: Browser, articles: Path) -> None:
    """Without permission there is no button, a dropped file is no reason to leave the page, and a request gets 403."""
    toys = Toys()
    blocks = page(toys.ask, toys.status)
    address = launch(blocks, port=0)
    opened = browser.new_page()
    try:
        opened.goto(address)
        opened.locator("#qa-folder summary").first.wait_for()
        assert opened.locator(".qa-add, [data-do=mend]").count() == 0
        for event in ("dragover", "drop"):
            assert opened.evaluate(DROP, [[("loutre.txt", "x")], event]) == [False, False]
        assert opened.url == address
        refused = http.post(address + "qa/articles?name=x.txt", content=b"x", headers=TYPE)
        assert refused.status_code == 403
        assert "--editable" in refused.text
    finally:
        opened.close()
        blocks.close()


# --- as someone else tries it -------------------------------------------------------------------------------


def test_no_other_site_and_no_form_can_add(url: str, articles: Path) -> None:
    """Foreign origins and hosts, the types a form can send, other methods and chunked bodies are refused."""
    address = url + "qa/articles?name=planted.txt"
    assert http.post(address, content=b"x", headers=TYPE | {"Origin": "https://evil.example"}).status_code == 403
    assert http.post(address, content=b"x", headers=TYPE | {"Host": "evil.example"}).status_code == 403
    assert http.post(address, content=b"x", headers={"Content-Type": "text/plain"}).status_code == 415
    assert http.post(address, files={"file": b"x"}).status_code == 415
    assert http.put(address, content=b"x", headers=TYPE).status_code == 405
    assert http.get(address).status_code == 405
    assert http.post(address, content=iter([b"x"]), headers=TYPE).status_code == 413
    assert not (articles / "planted.txt").exists()


def test_size_and_number_are_limited(url: str, articles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file too large leaves nothing behind, and after so many files an index must be built first."""
    before = set(articles.iterdir())
    large = http.post(url + "qa/articles?name=large.txt", content=b"x" * (uploads.LARGEST + 1), headers=TYPE)
    assert large.status_code == 413
    monkeypatch.setattr(uploads, "MOST", 0)
    many = http.post(url + "qa/articles?name=one.txt", content=b"x", headers=TYPE)
    assert (many.status_code, many.json()["reason"]) == (429, "many")
    assert set(articles.iterdir()) == before


def test_links_lead_nowhere(url: str, articles: Path, tmp_path: Path) -> None:
    """A link in the folder counts as a taken name; replacing it replaces the link, never what it points at."""
    outside = tmp_path / "outside.txt"
    outside.write_text("mine", "utf-8")
    (articles / "link.txt").symlink_to(outside)
    address = url + "qa/articles?name=link.txt"
    assert http.post(address, content=b"theirs", headers=TYPE).status_code == 409
    assert http.post(address + "&replace=1", content=b"theirs", headers=TYPE).status_code == 201
    assert outside.read_text("utf-8") == "mine"
    assert not (articles / "link.txt").is_symlink()
    (articles / "folder.txt").mkdir()
    assert http.post(url + "qa/articles?name=folder.txt&replace=1", content=b"x", headers=TYPE).status_code == 409
    (articles / "folder.txt").rmdir()


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The reader is told that the folder is at fault, and the file counts as not taken."""
    (tmp_path / "file").write_text("", "utf-8")
    taker = uploads.Uploads(lambda: tmp_path / "file" / "below")

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"x", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"name=x.txt", "headers": []}
    with ThreadPoolExecutor(1) as apart:  # the browser's event loop runs in this thread
        answer = apart.submit(lambda: asyncio.run(taker(scope, receive))).result()
    assert (answer.status_code, json.loads(answer.body)) == (507, {"file": "x.txt", "reason": "folder"})
    assert taker._taken == 0


@pytest.mark.parametrize(
    ("name", "safe"),
    [("../../etc/passwd", ""), ("..\\..\\x.txt", "x.txt"), ("/etc/cron.d/a.md", "a.md"), (".hidden.txt", "hidden.txt"),
     ("a\0b.txt", "a-b.txt"), ("evil\u202etxt.md", "evil-txt.md"), ("<img src=x>.html", "img src=x-.html"),
     ("céréales – mer.TXT", "céréales – mer.txt"), ("巴西.md", "巴西.md"), ("con:aux.txt", "con-aux.txt"),
     ("  spaced\n\tout .txt", "spaced out.txt"), ("noextension", ""), (".txt", ""), ("", ""),
     ("ö" * 300 + ".txt", "ö" * 98 + ".txt")])
def test_a_name_is_made_safe(name: str, safe: str) -> None:
    """Folders, hidden names and disguises go; letters of every script stay."""
    assert safe_name(name) == safe


@given(st.text(max_size=300).map(lambda text: text + ".md"))
@example("a/../b.md")
@example("e\u0301" * 200 + ".md")
def test_no_name_leaves_the_folder(name: str) -> None:
    """Whatever a name holds, what is made of it is one visible, normal file name or none, and stays as it is."""
    safe = safe_name(name)
    assert safe == "" or (os.path.basename(safe) == safe and not safe.startswith(".") and len(safe.encode()) <= 200)
    assert not set(safe) & set('\\/:*?"<>|\0')
    assert not any(unicodedata.category(character).startswith("C") for character in safe)
    assert safe_name(safe) == safe


def test_a_damaged_index_still_names_its_own_folder(tmp_path: Path, brief_background: None) -> None:
    """Mended from the page it is built from its own articles, never from a seeds/ that happens to be there."""
    folder = write(tmp_path / "mine", {"ferry.txt": "The ferry to Kenya leaves at dawn on the third of May."})
    index = tmp_path / "index"
    qa.rebuild(folder, index=index)
    assert _articles(index, None) == str(folder)
    for file in index.rglob("articles.sqlite"):
        file.write_bytes(b"broken")
    with pytest.raises(qa.QAError):
        qa.status(index)
    assert _articles(index, None) == folder
    assert _articles(tmp_path / "none", None) == "seeds"
    assert _articles(index, "other") == "other"

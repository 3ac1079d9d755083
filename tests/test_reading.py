"""Files that would keep a parser busy for hours, take all memory or break it: stopped, listed, and out of the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ARTICLES, Build, write

import qa
from qa import reading
from qa.articles import Article
from qa.errors import Unreadable
from qa.passages import Passage
from qa.reading import Reader, read

PARAGRAPH = "<p>Kenya builds boats of cedar, and each of them carries nine sacks of coffee over the bay.</p>"
PAGE = f"<html><head><title>Boats</title></head><body><article>{PARAGRAPH * 9}</article></body></html>".encode()
SLOW = b"a\n" * 3_000_000  # lines and lines without a sentence: minutes


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """One that reads even the smallest file in the other process."""
    monkeypatch.setattr(reading, "LARGE", 0)
    monkeypatch.setattr(reading, "LARGE_PAGE", 0)
    with Reader() as made:
        yield made


def test_a_large_file_is_read_as_a_small_one_is(reader: Reader) -> None:
    """The other process gives the same article and the same passages, file after file."""
    for name in ("a.txt", "a.md", "a.html"):
        for text in ARTICLES.values():
            data = PAGE if name == "a.html" else text.encode()
            assert reader.read(name, data, 100) == read(name, data, 100)
        with pytest.raises(Unreadable, match=r"^holds no text$|^no article text"):
            reader.read(name, b"\x0b", 100)


def test_a_small_file_starts_no_process() -> None:
    """An ordinary folder pays nothing."""
    with Reader() as reader:
        assert reader.read("a.html", PAGE, 100)[0].title == "Boats"
        assert reader._worker is None


@pytest.mark.slow
def test_what_takes_too_long_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason says so, and the next file is read."""
    monkeypatch.setattr(reading, "SECONDS", 1)
    with pytest.raises(Unreadable, match=r"^takes more than 1 s to read$"):
        reader.read("slow.txt", SLOW, 1_000)
    assert reader.read("next.txt", b"Kenya.", 1_000)[0].text == "Kenya."


def test_what_takes_too_much_memory_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason says so, and the next file is read."""
    reader.read("first.txt", b"Kenya.", 1_000)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MEMORY", 1_000_000)
        with pytest.raises(Unreadable, match=r"^takes more than 1 MB to read$|broke down over it"):
            reader.read("big.txt", b"Kenya opens a harbour. " * 100_000, 1_000)
    assert reader.read("next.txt", b"Kenya.", 1_000)[0].text == "Kenya."


def test_what_is_not_read_in_any_time_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waits for something uses no processor time, and must not be waited for."""
    monkeypatch.setattr(reading, "WAITED", 0.3)
    with pytest.raises(Unreadable, match=r"^not read after 0.3 s$"):
        reader.read("slow.txt", SLOW, 1_000)


@pytest.mark.slow
def test_a_parser_that_breaks_down_takes_nothing_with_it(reader: Reader) -> None:
    """Even one that ends its process: the file is listed, and the next one is read."""
    reader.read("first.txt", b"Kenya.", 1_000)
    assert reader._worker is not None
    os.kill(reader._worker.pid, signal.SIGSEGV)
    reader._worker.wait()
    with pytest.raises(Unreadable, match=r"broke down over it \(exit code -11\)"):
        reader.read("broken.txt", b"Kenya.", 1_000)
    assert reader.read("next.txt", b"Kenya.", 1_000)[0].text == "Kenya."


@pytest.mark.usefixtures("brief_background")
def test_a_rebuild_lists_what_was_stopped(
    build: Build, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are indexed, and the other process ends with the build."""
    monkeypatch.setattr(reading, "SECONDS", 1)
    write(folder, {"slow.txt": SLOW, "z.txt": "Kenya."})
    started: list[Reader] = []
    real = Reader.__init__

    def remembered(self: Reader) -> None:
        real(self)
        started.append(self)

    monkeypatch.setattr(Reader, "__init__", remembered)
    report = build(folder)
    assert [(one.file, one.reason) for one in report.unreadable] == [("slow.txt", "takes more than 1 s to read")]
    assert report.articles == 6
    assert [one._worker for one in started] == [None]
    assert qa.status(index).unreadable == ({"file": "slow.txt", "reason": "takes more than 1 s to read"},)


def test_what_goes_between_the_processes_is_whole() -> None:
    """Dates inside and outside the text, titles, furniture and passages come back equal."""
    for name, text in ARTICLES.items():
        article, cut = read(name, text.encode(), 100)
        assert reading._article(name, reading._fields(article, cut)) == (article, cut)
    assert isinstance(article, Article)
    assert isinstance(cut[0], Passage)

"""Files that would keep a parser busy for hours, take all memory or break it: stopped, listed, and out of the way; and
many files read on all cores as they are one after the other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from conftest import ARTICLES, Build, messy_texts, write
from hypothesis import given, settings
from hypothesis import strategies as st

import qa
from qa import reading
from qa.articles import Article
from qa.cuts import Cut
from qa.encoder import StaticEncoder, Units, load
from qa.errors import Unreadable
from qa.passages import Passage
from qa.reading import Reader, Reading, read
from qa.recipe import SHIPPED_FOLDER

PARAGRAPH = "<p>Kenya builds boats of cedar, and each of them carries nine sacks of coffee over the bay.</p>"
PAGE = f"<html><head><title>Boats</title></head><body><article>{PARAGRAPH * 9}</article></body></html>".encode()
SLOW = b"a\n" * 3_000_000  # lines and lines without a sentence: minutes


def at_once(reader: Reader, file: str, data: bytes, passage_size: int) -> Reading:
    return reader.end(reader.begin(file, data, passage_size))


@pytest.fixture
def aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the smallest file is read in another process."""
    monkeypatch.setattr(reading, "LARGE", 0)
    monkeypatch.setattr(reading, "LARGE_PAGE", 0)


@pytest.fixture
def reader(aside: None) -> Iterator[Reader]:
    with Reader() as made:
        yield made


# --- limits -------------------------------------------------------------------------------------------------


def test_a_large_file_is_read_as_a_small_one_is(reader: Reader) -> None:
    """The other process gives the same article, passages and sentences, file after file."""
    for name in ("a.txt", "a.md", "a.html"):
        for text in ARTICLES.values():
            data = PAGE if name == "a.html" else text.encode()
            assert at_once(reader, name, data, 100) == read(name, data, 100)
        with pytest.raises(Unreadable, match=r"^holds no text$|^no article text"):
            at_once(reader, name, b"\x0b", 100)


def test_a_small_folder_starts_no_process() -> None:
    """An ordinary folder pays nothing."""
    with Reader(expected=reading.MANY - 1) as reader:
        assert at_once(reader, "a.html", PAGE, 100).article.title == "Boats"
        assert reader._hands == []


def test_a_package_of_that_name_where_somebody_works_is_not_taken(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has cloned another qa beside the articles."""
    (tmp_path / "qa").mkdir()
    (tmp_path / "qa" / "__init__.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    assert at_once(reader, "a.html", PAGE, 100).article.title == "Boats"


@pytest.mark.slow
def test_what_takes_too_long_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason says so, and the next file is read."""
    monkeypatch.setattr(reading, "SECONDS", 1)
    with pytest.raises(Unreadable, match=r"^takes more than 1 s to read$"):
        at_once(reader, "slow.txt", SLOW, 1_000)
    assert at_once(reader, "next.txt", b"Kenya.", 1_000).article.text == "Kenya."


def test_what_takes_too_much_memory_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reason says so, and the next file is read."""
    at_once(reader, "first.txt", b"Kenya.", 1_000)
    with monkeypatch.context() as patch:
        patch.setattr(reading, "MEMORY", 1_000_000)
        with pytest.raises(Unreadable, match=r"^takes more than 1 MB to read$|broke down over it"):
            at_once(reader, "big.txt", b"Kenya opens a harbour. " * 100_000, 1_000)
    assert at_once(reader, "next.txt", b"Kenya.", 1_000).article.text == "Kenya."


def test_what_is_not_read_in_any_time_is_stopped(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that waits for something uses no processor time, and must not be waited for."""
    monkeypatch.setattr(reading, "WAITED", 0.3)
    monkeypatch.setattr(reading, "_ENDING", 0.1)
    with pytest.raises(Unreadable, match=r"^not read after 0.3 s$"):
        at_once(reader, "slow.txt", SLOW, 1_000)


@pytest.mark.slow
def test_a_parser_that_breaks_down_takes_nothing_with_it(reader: Reader) -> None:
    """Even one that ends its process: the file is listed, and the next one is read."""
    at_once(reader, "first.txt", b"Kenya.", 1_000)
    (process,) = (hand._process for hand in reader._hands)
    assert process is not None
    os.kill(process.pid, signal.SIGSEGV)
    process.wait()
    with pytest.raises(Unreadable, match=r"broke down over it \(exit code -11\)"):
        at_once(reader, "broken.txt", b"Kenya.", 1_000)
    assert at_once(reader, "next.txt", b"Kenya.", 1_000).article.text == "Kenya."


def test_a_process_that_cannot_be_started_keeps_nobody_waiting(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is listed with the reason."""
    def refused(_: int) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(reading, "_process", refused)
    with pytest.raises(Unreadable, match=r"^what reads it could not be started \(no more processes\)$"):
        at_once(reader, "a.txt", b"Kenya.", 1_000)


@pytest.mark.usefixtures("brief_background")
def test_a_rebuild_lists_what_was_stopped(
    build: Build, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All others are indexed, and the other process ends with the build."""
    monkeypatch.setattr(reading, "SECONDS", 1)
    write(folder, {"slow.txt": SLOW, "z.txt": "Kenya."})
    started: list[subprocess.Popen[bytes]] = []
    real = reading._process
    monkeypatch.setattr(reading, "_process", lambda lives: started.append(real(lives)) or started[-1])
    report = build(folder)
    assert [(one.file, one.reason) for one in report.unreadable] == [("slow.txt", "takes more than 1 s to read")]
    assert report.articles == 6
    codes = [process.returncode for process in started]
    assert -signal.SIGXCPU in codes
    assert None not in codes
    assert qa.status(index).unreadable == ({"file": "slow.txt", "reason": "takes more than 1 s to read"},)


# --- many files ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crew() -> Iterator[Reader]:
    """One that reads with two other processes, both of which have begun."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "cores", lambda: 3)
        with Reader(expected=reading.MANY) as made:
            jobs = [made.begin(f"{number}.txt", b"Kenya. " * 2_000, 100) for number in range(40)]
            for job in jobs:
                made.end(job)
            assert len(made._hands) == 2
            yield made


@given(st.lists(st.tuples(st.sampled_from(["a.txt", "2021-04-03/b.md", "c.html"]), messy_texts()), max_size=12),
       st.randoms())
@settings(max_examples=15)
def test_many_files_are_read_as_one_after_the_other(crew: Reader, files: list[tuple[str, str]], chance: Random) -> None:
    """Whoever reads which, and in whatever order they are asked for, each gives what it gives by itself."""
    jobs = [(file, text.encode(), crew.begin(file, text.encode(), 200)) for file, text in files]
    chance.shuffle(jobs)
    for file, data, job in jobs:
        try:
            alone: Reading | str = read(file, data, 200)
        except Unreadable as error:
            alone = str(error)
        try:
            found: Reading | str = crew.end(job)
        except Unreadable as error:
            found = str(error)
        assert found == alone


@pytest.mark.usefixtures("brief_background")
def test_a_rebuild_with_many_processes_gives_the_same_index(
    build: Build, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same articles, passages, sentences and unreadable files in the same order, from one process and three."""
    write(folder, {f"{number:02}.txt": f"Kenya opens harbour {number}. Japan buys boats." for number in range(30)})
    write(folder, {"empty.txt": "", "page.html": PAGE, "nothing.html": "<html></html>"})
    one = build(folder)
    kept = {path.relative_to(index): path.read_bytes() for path in (index / "generations" / "000001").rglob("*")
            if path.is_file() and path.suffix not in (".json", ".sqlite")}
    monkeypatch.setattr(reading, "MANY", 0)
    monkeypatch.setattr(reading, "cores", lambda: 3)
    many = build(folder, full=True)
    assert many.unreadable == one.unreadable
    assert (many.articles, many.passages, many.dated) == (one.articles, one.passages, one.dated)
    assert len(kept) > 9
    for path, data in kept.items():
        assert (index / "generations" / "000002" / Path(*path.parts[2:])).read_bytes() == data, path


def test_progress_is_told_in_order_and_cancels(build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File by file as they stand in the folder, though others are being read; nothing is left over when it raises."""
    monkeypatch.setattr(reading, "MANY", 0)
    monkeypatch.setattr(reading, "cores", lambda: 3)
    started: list[subprocess.Popen[bytes]] = []
    real = reading._process
    monkeypatch.setattr(reading, "_process", lambda lives: started.append(real(lives)) or started[-1])
    told: list[str] = []

    def progress(now: qa.Progress) -> None:
        told.append(now.file)
        if len(told) == 3:
            raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        build(folder, progress=progress)
    assert told == sorted(ARTICLES)[:3]
    assert started
    assert all(process.returncode is not None for process in started)


DIES = """
import sys, time
from qa import reading
with reading.Reader() as reader:
    reader.begin("slow.txt", b"a\\n" * 3_000_000, 1_000)
    while not reader._hands[0]._process:
        time.sleep(0.01)
    print(reader._hands[0]._process.pid, flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nobody_goes_on_reading_for_the_dead(sent: signal.Signals) -> None:
    """However a build ends, what reads for it ends too, in the middle of a file."""
    with subprocess.Popen([sys.executable, "-c", DIES], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        other = int(process.stdout.readline())
        time.sleep(1)  # it is at work
        process.send_signal(sent)
    for _ in range(600):
        if _gone(other):
            return
        time.sleep(0.05)
    os.kill(other, signal.SIGKILL)
    pytest.fail("it went on")


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def fields(reading: Reading) -> tuple[object, ...]:
    """All there is to compare, arrays as lists."""
    units = reading.units and [getattr(reading.units, name).tolist() for name in Units.__slots__]
    return (reading.article, reading.passages, reading.cuts, units,
            None if reading.vectors is None else reading.vectors.tolist())


def test_what_goes_between_the_processes_is_whole() -> None:
    """Dates inside and outside the text, titles, furniture, passages, sentences, units and vectors come back equal."""
    encoder = load()
    assert isinstance(encoder, StaticEncoder)
    for name, text in ARTICLES.items():
        for embedder in (None, encoder):
            sound = read(name, text.encode(), 100, embedder)
            back = reading.received(name, reading.sent(sound))
            assert isinstance(back, Reading)
            assert fields(back) == fields(sound)
            assert (back.units is None) == (back.vectors is None) == (embedder is None)
    assert isinstance(sound.article, Article)
    assert isinstance(sound.passages[0], Passage)
    assert isinstance(sound.cuts[0], Cut)
    refused = reading.received("a.txt", reading.sent(Unreadable("empty")))
    assert isinstance(refused, Unreadable)
    assert str(refused) == "empty"


def test_other_processes_embed_as_this_one_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the same model, bit for bit; a large file, or one of another model than it was, is left to this process."""
    monkeypatch.setattr(reading, "MANY", 0)
    monkeypatch.setattr(reading, "cores", lambda: 2)  # one process besides this
    monkeypatch.setattr(Reader, "_own", waits)
    copied = shutil.copytree(SHIPPED_FOLDER, tmp_path / "model")
    encoder = StaticEncoder(copied)
    with Reader(1, encoder) as reader:
        for name, text in ARTICLES.items():
            assert fields(at_once(reader, name, text.encode(), 100)) == fields(read(name, text.encode(), 100, encoder))
        monkeypatch.setattr(reading, "LARGE", 0)
        assert at_once(reader, "a.txt", b"Kenya signs.", 100).vectors is None
    for damage in (lambda: (copied / "modules.json").write_text("[]"), lambda: shutil.rmtree(copied)):
        damage()
        monkeypatch.setattr(reading, "LARGE", 500_000)
        with Reader(1, encoder) as reader:
            found = at_once(reader, "a.txt", b"Kenya signs.", 100)
            assert [passage.text for passage in found.passages] == ["Kenya signs."]
            assert found.vectors is None


def waits(reader: Reader, job: reading.Job) -> None:
    """Reads nothing meanwhile."""
    with reader._changed:
        while job.done is None:
            reader._changed.wait()

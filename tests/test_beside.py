"""A process that reads, begun before it is known whether there is a file to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ARTICLES, Build, write

from qa import beside, reading
from qa.cli import main
from qa.reading import Reader, Reading, read

TEXT = ARTICLES["2021/harbour.md"].encode()


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a process that has read nothing yet, on a machine with two idle cores."""
    monkeypatch.setattr(beside, "_IMPORTED_LAST", "not imported")
    monkeypatch.setattr(beside, "cores", lambda: 2)
    monkeypatch.setattr(beside, "busy", lambda: 1)
    yield
    beside.forget()


def begun() -> beside.Beside:
    beside.begin()
    assert beside._begun is not None
    return beside._begun


def test_it_reads_what_there_is(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few files are left to the process that is ready, and read as this one would."""
    expected = [read(file, text.encode(), 1_000) for file, text in ARTICLES.items()]

    def here(*_: object) -> Reading:
        raise AssertionError("read in this process")

    one = begun()
    monkeypatch.setattr(reading, "read", here)
    with Reader(expected=len(TEXT)) as reader:
        jobs = [reader.begin(file, text.encode(), 1_000) for file, text in ARTICLES.items()]
        assert [reader.end(job) for job in jobs] == expected
        assert [hand._process for hand in reader._hands] == [one.process]
    assert one.process.returncode is not None


def test_it_ends_when_there_is_nothing_to_read(fresh: None) -> None:
    """Nothing goes on for a folder that has not changed."""
    one = begun()
    with Reader(expected=0) as reader:
        assert one.process.returncode is not None
        assert reader._hands == []
    beside.forget()


def test_a_large_file_holds_up_no_small_one(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the process reads a large file, the small ones are read here."""
    monkeypatch.setattr(reading, "LARGE", 1_000)
    one = begun()
    with Reader(expected=2_000) as reader:
        one.process.send_signal(19)  # it stops, as over a file that takes long
        large = reader.begin("large.txt", b"Kenya opens a harbour. " * 50, 1_000)
        small = reader.begin("small.txt", TEXT, 1_000)
        assert reader.end(small) == read("small.txt", TEXT, 1_000)
        assert large.done is None


def test_none_is_begun_in_vain(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy cores, a single one, and a process that has read before do without."""
    for patched, name, value in (
        (beside, "busy", lambda: 2),
        (beside, "cores", lambda: 1),
        (beside, "_IMPORTED_LAST", "pytest"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(patched, name, value)
            beside.begin()
        assert beside._begun is None
    assert begun().process.poll() is None


def test_without_room_for_another_process_this_one_reads(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be begun is not missed, and leaves no file open."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(12, os.strerror(12))

    before = len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(beside, "process", refused)
    beside.begin()
    assert beside.taken() is None
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_rebuild_after_a_change_begins_one(
    fresh: None, folder: Path, build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is an index already, what is new is read by the other process; of a first build nothing is."""
    started = []
    real = beside.process
    monkeypatch.setattr(beside, "process", lambda *given: started.append(real(*given)) or started[-1])
    build(folder)
    assert started == []
    write(folder, {"new.txt": "Egypt opens a library of papyrus."})

    def here(*_: object) -> Reading:
        raise AssertionError("read in this process")

    monkeypatch.setattr(reading, "read", here)
    assert build(folder).embedded == 1
    assert [one.poll() is None for one in started] == [False]


def test_the_command_leaves_none_behind(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a rebuild succeeds or fails, the process that it began has ended; a first build begins none."""
    started = []
    real = beside.process
    monkeypatch.setattr(beside, "process", lambda *given: started.append(real(*given)) or started[-1])
    folder, index = write(tmp_path / "articles", {"a.txt": ARTICLES["2021/reis.txt"]}), tmp_path / "index"

    def rebuild(what: Path) -> int:
        return main(["rebuild", str(what), "--index", str(index)])

    assert rebuild(folder) == 0
    assert started == []
    write(folder, {"b.txt": ARTICLES["egipet.txt"]})
    assert rebuild(folder) == 0
    assert rebuild(folder) == 0
    assert rebuild(tmp_path / "nothing") == 2
    assert [one.poll() is None for one in started] == [False, False, False]
    assert beside._begun is None

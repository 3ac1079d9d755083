"""Whatever comes in, as a file, a date, a question or JSON, gives its result or one clear line.

Each test draws as many inputs as the environment variable QA_FUZZ says, and few without it; `pytest -s` prints how
many there were. No input may raise anything but a QAError of one line, take half a minute of processor time, or give
a result that breaks its promise.
"""

from __future__ import annotations

import contextlib
import datetime
import gzip
import io
import json
import os
import re
import signal
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import FrameType

import pytest
from conftest import ARTICLES, Build, CountryEncoder, messy_texts, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import qa
from qa import dates, dating, evaluation, generations
from qa.articles import article
from qa.dates import parse_bound
from qa.errors import Unreadable, UsageError
from qa.index import open_index
from qa.passages import passages
from qa.questions import understand

FUZZ = settings(max_examples=int(os.environ.get("QA_FUZZ", "25")),
                suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow,
                                       HealthCheck.data_too_large, HealthCheck.large_base_example])
COUNTS: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def counted() -> Iterator[None]:
    yield
    print(f"\nfuzz inputs: {sum(COUNTS.values()):,} ({', '.join(f'{name} {n:,}' for name, n in COUNTS.items())})")


@contextlib.contextmanager
def in_time(what: str) -> Iterator[None]:
    """Counts an input, and fails when it takes half a minute of this process's time, however busy the machine is."""
    COUNTS[what] += 1

    def late(number: int, frame: FrameType | None) -> None:
        pytest.fail("takes more than half a minute of processor time")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, 30)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def is_one_line(error: BaseException) -> None:
    assert str(error).strip()
    assert "\n" not in str(error)


@dataclass(frozen=True)
class Times:
    """A long text, or many bytes, that are short to show: Hypothesis warns of an example of 30,000 characters."""

    count: int
    text: str | bytes

    def __str__(self) -> str:
        return self.count * str(self.text)

    def __bytes__(self) -> bytes:
        return self.count * bytes(self.text)  # type: ignore[arg-type]


# --- files --------------------------------------------------------------------------------------------------

TOKENS = [
    b"<html>", b"<p>", b"</p>", b"<div>", b"<article>", b"<table><tr><td>", b"<ul><li>", b"<a href='x'>", b"<!--",
    b"-->", b"<script type='application/ld+json'>", b'{"datePublished": "2021-02-30"}', b"</script>", b"<![CDATA[",
    b"<meta charset=utf-7>", b"<meta charset='\xff'>", b"<time datetime='2021-13-45'>", b"<base href='//[::1'>",
    b"<?xml version='1.0' encoding='utf-32'?>", b"<!DOCTYPE x [<!ENTITY a '&a;&a;'>]>", b"&a;", b"&#x110000;",
    b"&#xd800;", b"\0", b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1a",
    b"---\n", b"date: 2021-02-30\n", b"title: \"\n", b"...\n", b"# ", b"\r", b"\r\n", b"\n\n", b"12/03/2019\n",
    b"2021-99-99\n", "\u202e\u2066".encode(), "\u2028".encode(), "ﷺ".encode(), "e\u0301\u0301".encode(),
    "٣١/٠٢/٢٠٢١\n".encode(), "2020年13月40日\n".encode(), "Kenya".encode("utf-16-le"), gzip.compress(b"x" * 9_999),
    b"Kenya opens a new harbour for its nine blue ferries. ", "Египет строит мост. ".encode(), b" " * 300, b"x" * 3_000,
]  # fmt: skip
PIECES = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=12), messy_texts().map(str.encode),
                   st.builds(Times, st.integers(2, 300), st.sampled_from(TOKENS)))
NAMES = st.sampled_from(["a.txt", "a.md", "a.html", "2021-02-30.htm", "x\ny.text", "港\u202e.xhtml"])


@given(name=NAMES, pieces=st.lists(PIECES, max_size=12))
@example(name="a.txt", pieces=[b"An endless line. " * 9_999])
@FUZZ
def test_any_bytes_are_an_article_or_a_line(name: str, pieces: list[bytes | Times]) -> None:
    """Sections tile the text, dates quote it, passages lie in it in order, furniture aside; or there is a reason."""
    with in_time("files"):
        try:
            read = article(name, b"".join(map(bytes, pieces)))
        except Unreadable as error:
            is_one_line(error)
            return
        cut = passages(read, 100)
    read.text.encode("utf-8")
    edges = [0, *(section.end for section in read.sections)]
    assert [(section.start, section.end) for section in read.sections] == list(pairwise(edges))
    assert edges[-1] == len(read.text)
    for section in read.sections:
        if section.published:
            first, last = dates.bounds(section.published.date)
            assert first <= last
            if section.published.start is not None:
                assert read.text.startswith(section.published.evidence, section.published.start)
    last_end = 0
    for passage in cut:
        assert last_end <= passage.start < passage.end <= len(read.text)
        assert passage.text == read.text[passage.start : passage.end]
        last_end = passage.end


def zipped() -> bytes:
    """Ten megabytes of nothing in ten kilobytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("page.html", b"\0" * 10_000_000)
    return data.getvalue()


@pytest.mark.usefixtures("brief_background")
def test_every_kind_of_bad_file_is_read_or_listed(build: Build, tmp_path: Path, index: Path) -> None:
    """A folder of all of them is built; each is an article or has its reason, and the good ones answer."""
    folder = write(tmp_path / "a", {
        "good.txt": ARTICLES["2021/harbour.md"], "empty.txt": "", "blank.txt": " \n\t", "nul.txt": "\0" * 5_000,
        "some nul.txt": "Kenya\0 and Japan. " * 20, "surrogate.txt": b"Kenya \xed\xa0\x80 opens. " * 9,
        "utf-16.txt": ("Kenya opens a harbour. " * 20).encode("utf-16-le"),
        "utf-32.txt": ("Kenya opens a harbour. " * 20).encode("utf-32-le"),
        "cut.txt": "Kénya".encode("utf-16")[:-1], "deep.html": b"<div>" * 30_000 + b"Kenya",
        "deeper.html": b"<b>" * 15_000 + b"Kenya opens a harbour. " * 9, "zip.html": zipped(),
        "gzip.html": gzip.compress(b"<p>Kenya</p>" * 100_000), "override.txt": "Kenya \u202eopens\u202c a harbour.",
        "line\nend\r.txt": "Japan opens a harbour.",
        "laughs.html": b"<!DOCTYPE x [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><p>&b;</p>",
        "x" * 240 + ".txt": "Egypt opens a harbour.", "-rf.txt": "Brazil opens a harbour.",
    })  # fmt: skip
    write(tmp_path, {"outside.txt": "France outside."})
    (folder / "loop.txt").symlink_to("loop.txt")
    (folder / "round").symlink_to(".")
    (folder / "outside.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "etc.txt").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe.txt")

    def meanwhile(progress: qa.Progress) -> None:
        """Files vanish and grow while others are read."""
        if progress.file == "good.txt":
            write(folder, {"grows.txt": ""})
            (folder / "-rf.txt").unlink(missing_ok=True)
        with (folder / "override.txt").open("a") as growing:
            growing.write(" It grows.")

    report = build(folder, progress=meanwhile)
    reasons = {one.file: one.reason for one in report.unreadable}
    assert all(reason and "\n" not in reason for reason in reasons.values())
    read = set(open_index(index, CountryEncoder()).store.known())
    assert {"good.txt", "override.txt", "line\nend\r.txt", "x" * 240 + ".txt"} <= read
    assert read & {"etc.txt", "outside.txt", "loop.txt", "round", "zip.html", "gzip.html", "nul.txt"} == set()
    assert {"empty.txt", "blank.txt", "nul.txt", "cut.txt", "zip.html", "gzip.html", "loop.txt", "outside.txt",
            "etc.txt", "pipe.txt", "round"} <= set(reasons)
    assert report.articles + len(reasons) >= 22
    assert {one.file for one in build(folder).unreadable} == {"grows.txt", *reasons} - {"-rf.txt"}


# --- dates, questions, JSON ---------------------------------------------------------------------------------


ANYTHING = st.one_of(st.text(max_size=200), messy_texts(), st.builds(Times, st.just(9_999), st.sampled_from(
    ["\ud800", "x", "Kenya ", "12/", "en ", "\u202e", "(", "?! "])), st.just(Times(100_000, "x")))


@given(text=ANYTHING, end=st.booleans())
@FUZZ
def test_any_text_is_a_date_or_a_line(text: str | Times, end: bool) -> None:
    """A bound is a day, or what to write instead."""
    text = str(text)
    with in_time("dates"):
        try:
            assert isinstance(parse_bound(text, end=end), datetime.date)
        except UsageError as error:
            is_one_line(error)
        clean = text.encode("utf-8", "replace").decode()
        for found in (dating.metadata_date(clean), dating.front_matter_date({"date": clean})):
            assert found is None or dates.bounds(found.date)


@given(question=ANYTHING, since=st.none() | st.text(max_size=9), file=st.none() | st.text(max_size=9))
@FUZZ
def test_any_question_is_answered_or_a_line(
    shelf: Path, question: str | Times, since: str | None, file: str | None
) -> None:
    """The answer is JSON, and its passages quote their articles."""
    question = str(question)
    with in_time("questions"):
        understand(question[:10_000], today=datetime.date(2026, 11, 21))
        try:
            answer = qa.ask(question, since=since, file=file, index=shelf, encoder=CountryEncoder())
        except UsageError as error:
            is_one_line(error)
            return
    found = json.loads(json.dumps(answer.to_dict(), ensure_ascii=False).encode("utf-8"))
    assert 0 <= found["confidence"] <= 1
    for hit in found["hits"]:
        text = ARTICLES[hit["file"]]
        assert text[hit["start"] : hit["end"]] == hit["text"]
        assert text[hit["answer_start"] : hit["answer_end"]] == hit["answer"]


JSON = st.one_of(
    st.binary(max_size=80),
    st.builds(Times, st.integers(1, 99_999), st.sampled_from(["[", '{"a":', "9", '"\\ud800"', "1e999", "NaN"])),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(
            ["q", "lang", "file", "answer", "date", "generation", "manifest", "sha256", "format", "rows"]), inner)),
    ).map(lambda value: json.dumps(value).encode()),
)  # fmt: skip


@given(drawn=JSON)
@example(drawn=b'{"generation": 1e999, "manifest": ""}')
@example(drawn=b'{"format": "\\n"}')
@FUZZ
def test_any_json_is_understood_or_a_line(drawn: bytes | Times) -> None:
    """As a questions file, as the file that names a generation, as a manifest, and as a part of a build."""
    data = str(drawn).encode() if isinstance(drawn, Times) else drawn
    with in_time("JSON"), tempfile.TemporaryDirectory() as root:
        path = Path(root, "q.jsonl")
        path.write_bytes(data)
        try:
            assert all(one.q for one in evaluation.read_questions(path))
        except UsageError as error:
            is_one_line(error)
        index = write(Path(root, "index"), {generations.CURRENT: data, "generations/000001/manifest.json": data})
        for look in (generations.whole, generations.verify):
            try:
                assert look(index)
            except qa.IndexProblem as error:
                is_one_line(error)
        parts = as_parts(Path(root, "parts"), data)
        assert parts == [None]


def as_parts(folder: Path, data: bytes) -> list[object]:
    from qa.parts import Parts
    from qa.recipe import Recipe

    write(folder, {"000001": data + b"\n", "000002": data})
    return list(Parts(folder, Recipe("countries", "countries", 6), 1_000).find(["Kenya"]))


def test_messages_are_one_line() -> None:
    """What is quoted in a message cannot break its line."""
    for question in ("", " "):
        with pytest.raises(UsageError) as caught:
            qa.ask(question)
        is_one_line(caught.value)
    with pytest.raises(UsageError) as caught:
        parse_bound("20\n22", end=False)
    is_one_line(caught.value)
    assert re.fullmatch(r".+\..+", str(caught.value))

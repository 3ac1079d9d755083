"""One index wherever it lies: files, Milvus Lite, a real Milvus server, and any cluster named by MILVUS_TEST_URI.

Every test here runs on each of them, so that what holds for files holds for all.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import ARTICLES, ENVIRONMENT, CountryEncoder, qa, write

import qa as library
from bench import milvus_server
from qa.addresses import TOKEN, Address, is_address
from qa.cli import main
from qa.encoder import load
from qa.engine import Engine, Within
from qa.errors import IndexDamaged, IndexMissing, IndexProblem, UsageError
from qa.index import open_index
from qa.places import place

MODULES = all(importlib.util.find_spec(name) for name in ("pymilvus", "milvus_lite"))
needs_lite = pytest.mark.skipif(not MODULES, reason="Milvus is not installed: pip install -e '.[milvus]'")
SERVER = milvus_server.missing()
GIVEN = os.environ.get("MILVUS_TEST_URI")
ENGINES = [
    "files",
    pytest.param("lite", marks=needs_lite),
    pytest.param("server", marks=[pytest.mark.slow, pytest.mark.server,
                                  pytest.mark.skipif(SERVER is not None, reason=str(SERVER))]),
    pytest.param("given", marks=pytest.mark.skipif(not GIVEN or not MODULES, reason="MILVUS_TEST_URI is not set")),
]
# Beside the articles of every test: undated ones, one file with several passages, and a name that is hard to quote.
LONG = "Egypt digs a canal through the sand. It is as long as forty ships in a row. " * 80
MORE = {
    "odd/it's \"half\" [1] \\ 50%_.txt": "France paints a door. The door is green and has no lock.",
    "long.txt": f"2022-02-11\n\n{LONG}",
}
# Every second of them is a hundred conditions in a row, which is more than Milvus Lite reads.
MANY = {f"many/{number:03}.txt": f"A note of no country, number {number}." for number in range(200)}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server, which stands for all tests."""
    with milvus_server.Server(tmp_path_factory.mktemp("milvus")) as running:
        yield running.uri


@pytest.fixture(params=ENGINES)
def place_name(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
               brief_background: None) -> Iterator[str]:
    """What is given as --index: a new place of each kind."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if request.param == "files":
        yield str(tmp_path / "index")
        return
    from qa import milvus_place

    if request.param == "lite":
        yield str(tmp_path / "articles.db")
    else:
        uri = request.getfixturevalue("server") if request.param == "server" else str(GIVEN)
        name = f"{uri}/t{os.getpid()}_{time.monotonic_ns()}"
        yield name
        milvus = milvus_place.connection(Address.read(name))
        for token in milvus.tokens():
            milvus.drop(token)
    milvus_place.disconnect()


Made = Callable[..., library.Report]


@pytest.fixture
def make(place_name: str, encoder: CountryEncoder) -> Made:
    """`make(folder, **arguments)` rebuilds the test's index with the toy encoder."""

    def rebuild(folder: Path, **arguments: object) -> library.Report:
        return library.rebuild(folder, **{"index": place_name, "encoder": encoder, **arguments})  # type: ignore[arg-type]

    return rebuild


@pytest.fixture
def more(folder: Path) -> Path:
    """The usual articles and those above."""
    return write(folder, MORE)


def opened(place_name: str, encoder: CountryEncoder) -> Engine:
    return open_index(place_name, encoder).store


def dicts(answer: library.Answer) -> dict[str, object]:
    """An answer's fields, but for the last figures of floating point."""
    fields = answer.to_dict()
    for hit in fields["hits"]:
        for name in ("score", "vector", "lexical", "interaction"):
            hit[name] = pytest.approx(hit[name], abs=2e-5)
    return {**fields, "confidence": pytest.approx(fields["confidence"], abs=2e-3)}


# --- what is written is read back ---------------------------------------------------------------------------


def test_everything_is_read_back_as_from_files(make: Made, more: Path, place_name: str, encoder: CountryEncoder,
                                               tmp_path: Path) -> None:
    """Passages, vectors, sentences, articles, counts: what files give, every engine gives."""
    time.sleep(0.1)  # a file that was written just now is looked at more closely next time
    report = make(more)
    library.rebuild(more, index=tmp_path / "files", encoder=encoder)
    here, files = opened(place_name, encoder), opened(str(tmp_path / "files"), encoder)
    assert here.count == files.count == report.passages > len(ARTICLES) + len(MORE)
    rows = np.random.default_rng(7).permutation(here.count)
    assert here.passages(rows.tolist()) == files.passages(rows.tolist())
    np.testing.assert_array_equal(here.vectors(rows), files.vectors(rows))
    assert here.files_of(rows) == files.files_of(rows)
    assert here.languages_of(rows) == files.languages_of(rows)
    np.testing.assert_array_equal(here.undated_of(rows), files.undated_of(rows))
    assert here.known() == files.known()
    assert here.languages() == files.languages()
    assert here.passages_in() == files.passages_in()
    assert here.languages_of_files() == files.languages_of_files()
    assert (here.dated(), here.span(), here.titles(9)) == (files.dated(), files.span(), files.titles(9))
    for file in [*ARTICLES, *MORE, "nothing.txt"]:
        assert here.article(file) == files.article(file)
        assert here.known_file(file) == files.known_file(file)
        assert here.rows_of(file).tolist() == files.rows_of(file).tolist()
    ours, theirs = here.cuts.of(rows), files.cuts.of(rows)
    for name in ("bounds", "counts", "titles", "totals", "lengths", "tokens", "firsts"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    words = ["canal", "sand", "кофе", "咖啡", "zebra", "肯尼", "尼亚"]  # the last two spell Kenya
    assert here.lexical.rarity(words) == pytest.approx(files.lexical.rarity(words))
    np.testing.assert_allclose(here.lexical.scores(words, rows), files.lexical.scores(words, rows), atol=1e-5)
    for one, other in zip(here.cuts.of(rows).words(), files.cuts.of(rows).words(), strict=True):
        assert len(one) == len(other)
    covered = [store.lexical.covered(words, rows, sentences) for store, sentences in ((here, ours), (files, theirs))]
    for one, other in zip(*covered, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_passage_stands_between_its_neighbours(make: Made, more: Path, place_name: str,
                                                 encoder: CountryEncoder) -> None:
    """The rows of a file follow one another, in the order of its text."""
    make(more)
    here = opened(place_name, encoder)
    rows = here.rows_of("long.txt")
    assert len(rows) > 2
    assert rows.tolist() == list(range(rows[0], rows[0] + len(rows)))
    starts = [passage.start for passage in here.passages(rows.tolist())]
    assert starts == sorted(starts)
    assert set(here.files_of(rows)) == {"long.txt"}


def test_an_article_longer_than_any_field_is_whole(make: Made, tmp_path: Path, place_name: str,
                                                   encoder: CountryEncoder) -> None:
    """An engine's fields have an end; an article's text has none."""
    text = " ".join(f"Kenya counts {number * 2_654_435_761 % 10**12} ferries." for number in range(8_000))
    make(write(tmp_path / "long", {"a.txt": text, "b.txt": "Japan sleeps."}))
    article = opened(place_name, encoder).article("a.txt")
    assert article is not None
    assert article.text == text


# --- finding ------------------------------------------------------------------------------------------------

WITHIN = [
    (Within(), {"lanternes", "harbour", "reis", "egipet", "巴西", "odd", "long", "many"}),
    (Within(since=date(2020, 1, 1)), {"harbour", "reis", "巴西", "long"}),
    (Within(since=date(2020, 5, 8), until=date(2021, 6, 4)), {"巴西", "harbour"}),
    (Within(since=date(2020, 5, 9), until=date(2021, 6, 3)), set()),
    (Within(until=date(2019, 12, 31)), {"lanternes"}),
    (Within(until=date(2019, 12, 31), undated=True), {"lanternes", "egipet", "odd", "many"}),
    (Within(since=date(2022, 2, 11), undated=True), {"long", "egipet", "odd", "many"}),
    (Within(file="2021/*"), {"harbour", "reis"}),
    (Within(file="*.txt", since=date(2021, 1, 1)), {"reis", "long"}),
    (Within(file="odd/*"), {"odd"}),
    (Within(file="[a-l]*.txt"), {"egipet", "long"}),
    (Within(file="*'*"), {"odd"}),
    (Within(file="many/*[02468].txt"), {"many"}),
    (Within(file="many/007.txt"), {"many"}),
    (Within(file="x' or row >= 0 or file == '"), set()),
    (Within(language="de"), {"reis"}),
    (Within(language="xx"), set()),
    (Within(language="de", until=date(2021, 1, 1)), set()),
]


@pytest.mark.parametrize(
    ("within", "files"), WITHIN,
    ids=lambda value: str(sorted(value) if isinstance(value, set) else value)[:60])
def test_only_what_meets_the_conditions_is_found(place_of_all: str, within: Within, files: set[str]) -> None:
    """By meaning and by words alike: whole days, no undated passage in a range, globs that know paths."""
    here = opened(place_of_all, CountryEncoder())
    vector = CountryEncoder().encode_question("Egypt")
    rows, scores = here.nearest(vector, 500, within)
    assert {name for name in WITHIN[0][1] for file in here.files_of(rows) if name in file} == files
    assert len(rows) == len(scores) == len(set(rows.tolist()))
    assert (np.diff(scores) <= 1e-6).all()
    each = here.nearest_to_each(np.stack([vector, vector]), 500, within)
    assert sorted(each[1][each[1] >= 0].tolist()) == sorted(rows.tolist())
    words = ["canal", "harbour", "ernte", "咖啡", "door", "fête", "мост"]
    by_words, _ = here.nearest_by_words(words, 500, within)
    assert set(by_words.tolist()) <= set(rows.tolist())
    if here.by_words:
        found = set(here.nearest_by_words(words, 500)[0].tolist())
        assert set(by_words.tolist()) == found & set(rows.tolist())


@pytest.fixture(scope="module", params=ENGINES)
def place_of_all(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A place that holds all articles and is only read."""
    tmp_path = tmp_path_factory.mktemp("engines")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        patched.setattr("qa.background.questions", lambda: {"en": ["How long does rice boil?"]})
        folder = write(tmp_path / "articles", {**ARTICLES, **MORE, **MANY})
        name = str(tmp_path / ("index" if request.param == "files" else "articles.db"))
        if request.param in ("server", "given"):
            uri = request.getfixturevalue("server") if request.param == "server" else str(GIVEN)
            name = f"{uri}/all{os.getpid()}"
        library.rebuild(folder, index=name, encoder=CountryEncoder())
        yield name
        if request.param != "files":
            from qa import milvus_place

            if request.param != "lite":
                milvus = milvus_place.connection(Address.read(name))
                for token in milvus.tokens():
                    milvus.drop(token)
            milvus_place.disconnect()


def test_words_are_found_whatever_the_language(place_of_all: str) -> None:
    """Our own folding finds words without their accents, in Chinese and in Russian; the best stands first."""
    here = opened(place_of_all, CountryEncoder())
    if not here.by_words:
        assert here.nearest_by_words(["canal"], 9)[0].tolist() == []
        assert library.status(place_of_all).by_words is False
        return
    for words, file in ((["fete"], "lanternes"), (["咖啡"], "巴西"), (["мост"], "egipet"), (["ferries"], "harbour")):
        rows, scores = here.nearest_by_words(words, 3)
        assert file in here.files_of(rows)[0]
        assert scores[0] == pytest.approx(here.lexical.scores(words, rows)[0], abs=1e-4)


QUESTIONS = ["Is there a new harbour in Kenya?", "Куда идёт мост?", "巴西 咖啡", "door lock", "What happened in 2021?",
             "How old is the moon?"]


def test_answers_are_those_from_files(make: Made, more: Path, place_name: str, static_model: Path,
                                      tmp_path: Path) -> None:
    """Every field of every hit, the confidence and the refusal: nobody can tell where an index lies."""
    light = load(str(static_model))
    make(more, encoder=light)
    library.rebuild(more, index=tmp_path / "files", encoder=light)
    whole = opened(place_name, light).by_words
    for question in QUESTIONS:
        for given in ({}, {"since": "2021"}, {"file": "*.txt", "k": 3}):
            ours = library.ask(question, index=place_name, encoder=light, **given)  # type: ignore[arg-type]
            theirs = library.ask(question, index=tmp_path / "files", encoder=light, **given)  # type: ignore[arg-type]
            if whole:
                assert dicts(ours) == dicts(theirs)
            else:  # what unrelated questions reach was measured on fewer passages, so that scores lie elsewhere
                assert {hit.text: (hit.answer, hit.date, hit.vector) for hit in ours.hits} == {
                    hit.text: (hit.answer, hit.date, pytest.approx(hit.vector, abs=1e-5)) for hit in theirs.hits}


# --- building -----------------------------------------------------------------------------------------------


def test_a_second_build_takes_over_what_has_not_changed(make: Made, more: Path, place_name: str,
                                                        encoder: CountryEncoder) -> None:
    """An unchanged folder keeps its generation; of a changed one only what changed is embedded, and nothing is
    there twice."""
    first = make(more)
    assert (first.generation, first.embedded) == (1, first.passages)
    encoder.embedded.clear()
    again = make(more)
    assert (again.generation, again.embedded, again.reused) == (1, 0, first.passages)
    assert encoder.embedded == []
    write(more, {"egipet.txt": "Japan took the bridge away."})
    (more / "2019/lanternes.txt").unlink()
    changed = make(more)
    assert (changed.generation, changed.embedded, changed.removed) == (2, 1, 1)
    here = opened(place_name, encoder)
    assert here.count == changed.passages
    (row,) = here.rows_of("egipet.txt").tolist()
    assert here.passages([row])[0].text == "Japan took the bridge away."
    assert here.article("2019/lanternes.txt") is None
    assert "lanternes" not in str(here.files_of(np.arange(here.count)))
    assert library.retrieve("Japan", index=place_name, encoder=encoder)[0].file in ("egipet.txt", "2021/reis.txt")


@pytest.mark.parametrize("stage", ["reading", "writing"])
def test_an_interrupted_build_leaves_what_was_there(make: Made, more: Path, place_name: str, encoder: CountryEncoder,
                                                    stage: str) -> None:
    """The old generation answers as before; the next build embeds only what was not embedded yet."""
    make(more)
    before = dicts(library.ask("Kenya?", index=place_name, encoder=encoder))
    write(more, {"new.txt": "Kenya paints its ferries red."})

    def stop(progress: library.Progress) -> None:
        if progress.stage == stage and (stage == "writing" or progress.done == 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(more, progress=stop)
    assert dicts(library.ask("Kenya?", index=place_name, encoder=encoder)) == before
    if is_address(place_name):
        from qa.milvus_place import connection

        assert len(connection(Address.read(place_name)).tokens()) == 1
    report = make(more)
    assert (report.generation, report.embedded + report.resumed) == (2, 1)
    assert report.resumed == (stage == "writing")
    hits = library.retrieve("Is a ferry in Kenya red?", index=place_name, encoder=encoder)
    assert "new.txt" in [hit.file for hit in hits]


def test_a_reader_sees_one_complete_generation(make: Made, more: Path, place_name: str,
                                               encoder: CountryEncoder) -> None:
    """What was opened before a rebuild goes on answering from what it opened; what is opened afterwards is new."""
    make(more)
    old = open_index(place_name, encoder)
    (more / "long.txt").unlink()
    make(more)
    new = open_index(place_name, encoder)
    assert (old.manifest.generation, new.manifest.generation) == (1, 2)
    assert old.store.count == old.manifest.passages > new.store.count == new.manifest.passages
    rows, _ = old.store.nearest(encoder.encode_question("Egypt"), 3)
    assert "long.txt" in old.store.files_of(rows)
    rows, _ = new.store.nearest(encoder.encode_question("Egypt"), 50)
    assert "long.txt" not in new.store.files_of(rows)


def test_no_more_than_two_generations_are_kept(make: Made, more: Path, place_name: str,
                                               encoder: CountryEncoder) -> None:
    """The one before stays for whoever still reads it; older ones make room."""
    for number in range(4):
        write(more, {"new.txt": f"Kenya counts {number} ferries."})
        assert make(more).generation == number + 1
    kept = (len(list((Path(place_name) / "generations").iterdir())) if not is_address(place_name) else
            len(milvus_of(place_name).tokens()))
    assert kept == 2


def milvus_of(place_name: str):  # type: ignore[no-untyped-def]
    from qa.milvus_place import connection

    return connection(Address.read(place_name))


def test_an_empty_folder_makes_an_index_that_answers_nothing(make: Made, tmp_path: Path, place_name: str,
                                                             encoder: CountryEncoder) -> None:
    """No article, no passage, no answer, and no error."""
    (tmp_path / "empty").mkdir()
    assert make(tmp_path / "empty").passages == 0
    answer = library.ask("Kenya?", index=place_name, encoder=encoder)
    assert (answer.answered, answer.hits) == (False, ())


def test_status_says_what_an_index_holds(make: Made, more: Path, place_name: str, tmp_path: Path,
                                         encoder: CountryEncoder) -> None:
    """The same fields wherever it lies, but for the name of the engine."""
    make(more)
    library.rebuild(more, index=tmp_path / "files", encoder=encoder)
    ours = library.status(place_name, verify_checksums=True)
    theirs = library.status(tmp_path / "files", verify_checksums=True)
    assert replace(ours, engine="", built="", by_words=True) == replace(theirs, engine="", built="")
    assert ours.engine.startswith("Milvus") == is_address(place_name)


def test_there_is_no_index_before_the_first_build(place_name: str, encoder: CountryEncoder) -> None:
    """Asking an empty place is told how to fill it, and makes nothing."""
    with pytest.raises(IndexMissing, match="qa rebuild FOLDER"):
        library.ask("Kenya?", index=place_name, encoder=encoder)
    assert not Path(place_name).exists()


# --- what Milvus alone can meet -----------------------------------------------------------------------------

milvus_only = pytest.mark.parametrize("place_name", ENGINES[1:], indirect=True)


@milvus_only
def test_passages_that_went_missing_are_noticed(make: Made, more: Path, place_name: str,
                                                encoder: CountryEncoder) -> None:
    """A generation that somebody deleted from is damaged: the one before answers, with a warning."""
    from qa.milvus import PASSAGES

    make(more)
    write(more, {"new.txt": "Kenya paints its ferries red."})
    make(more)
    milvus = milvus_of(place_name)
    newest = place(place_name).whole().folder.name
    milvus.call("delete", milvus.collection(newest, PASSAGES), ids=[0])
    held = place(place_name).whole().manifest.passages
    (line,) = place(place_name).verify()
    assert line.endswith(f"_passages: holds {held} of {held + 1}")
    found = place(place_name).whole()
    assert (found.manifest.generation, len(found.damaged)) == (1, 1)
    assert "Mend the index with: qa rebuild" in str(found.warning)
    for token in milvus.tokens():
        if token != newest:
            milvus.drop(token)
    with pytest.raises(IndexDamaged, match="qa rebuild --full"):
        place(place_name).whole()
    assert make(more).generation >= 2
    assert place(place_name).verify() == []


@milvus_only
def test_an_index_of_another_format_is_told_so(make: Made, more: Path, place_name: str, encoder: CountryEncoder,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    """A version that cannot read what another wrote says so before it misreads it."""
    make(more)
    monkeypatch.setattr("qa.generations.FORMAT", 99)
    with pytest.raises(library.IndexMismatch, match="another version of qa"):
        place(place_name).whole()


@milvus_only
def test_two_builds_of_one_index_at_once_are_refused(make: Made, more: Path, place_name: str) -> None:
    """On one machine the second is told who builds; a build in a killed process holds nothing up."""
    refused: list[str] = []

    def second(progress: library.Progress) -> None:
        if not refused:
            with pytest.raises(library.IndexBusy) as caught:
                make(more)
            refused.append(str(caught.value))

    make(more, progress=second)
    assert place_name in refused[0]
    assert str(os.getpid()) in refused[0]


@needs_lite
def test_a_file_that_another_process_has_open_is_told_so(folder: Path, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    """Milvus Lite serves one process: the second gets a line with its remedy, and exit code 3."""
    from qa import milvus_place

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert milvus_place.connection(Address.read(tmp_path / "a.db"), make=True).tokens() == []
    try:
        done = qa("ask", "Kenya?", "--index", str(tmp_path / "a.db"), folder=tmp_path)
    finally:
        milvus_place.disconnect()
    assert done.returncode == 3
    assert "another process has it open" in done.stderr
    done = qa("ask", "Kenya?", "--index", str(tmp_path / "a.db"), folder=tmp_path)
    assert "There is no index" in done.stderr, "a file that was let go can be opened again"
    if sys.platform == "linux":
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        lines = [Path(f"/proc/{child}/cmdline").read_bytes() for child in children]
        assert not [line for line in lines if os.fsencode(tmp_path) in line]


@needs_lite
def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    """Whatever the engine says of it, the message says what to do, and the file stays as it was."""
    (tmp_path / "a.db").write_text("not a database")
    with pytest.raises(IndexProblem, match=r"damaged.*qa rebuild --index"):
        place(tmp_path / "a.db").whole()
    assert (tmp_path / "a.db").read_text() == "not a database"


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("given", "address"), [
    ("http://localhost:19530", ("http://localhost:19530", "qa", False)),
    ("https://milvus.example", ("https://milvus.example:19530", "qa", False)),
    ("http://[::1]:9/news_2", ("http://[::1]:9", "news_2", False)),
    ("articles.db", (os.path.abspath("articles.db"), "qa", True)),
    ("./a/b.db", (os.path.abspath("a/b.db"), "qa", True)),
])
def test_addresses_are_read(given: str, address: tuple[str, str, bool]) -> None:
    """Host, port and the name of one index among several, or the file of Milvus Lite."""
    read = Address.read(given)
    assert (read.uri, read.name, read.lite) == address
    assert is_address(given)


@pytest.mark.parametrize("given", ["index", "./index", "a.db/index", "http:/x", "index.dbx"])
def test_folders_are_no_addresses(given: str) -> None:
    """What people name their folders stays a folder."""
    assert not is_address(given)


def test_a_folder_may_be_called_like_a_database(tmp_path: Path) -> None:
    """A folder that is there is a folder, whatever its name."""
    (tmp_path / "old.db").mkdir()
    assert not is_address(tmp_path / "old.db")


@pytest.mark.parametrize("given", ["ftp://host", "http://", "http://host:port", "http://host/a/b", "http://host/a-b",
                                   "http://host?x=1", "milvus://host:19530", "http://host:99999999"])
def test_wrong_addresses_are_wrong_usage(given: str) -> None:
    """They never become a folder of that name."""
    with pytest.raises(UsageError, match=r"One looks like http://host:19530"):
        library.ask("Kenya?", index=given)


def test_a_password_does_not_belong_into_an_address() -> None:
    """Whoever lists the processes of a machine would see it."""
    with pytest.raises(UsageError, match=TOKEN):
        library.ask("Kenya?", index="http://root:secret@localhost:19530")


@needs_lite
@pytest.mark.parametrize("uri", ["http://127.0.0.1:9", "https://127.0.0.1:9", "http://no-such-host.invalid:19530"])
@pytest.mark.parametrize("command", [("ask", "Kenya?"), ("status",), ("rebuild", "articles")])
def test_a_server_that_is_not_there_is_told_at_once(
        folder: Path, tmp_path: Path, static_model: Path, uri: str, command: tuple[str, ...],
        monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """One line, exit code 3, and no folder of that name: never a silent fall back to files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    before = sorted(tmp_path.iterdir())
    model = ["--model", str(static_model)] if command[0] == "rebuild" else []
    assert main([*command, "--index", uri, *model]) == 3
    said = capfd.readouterr()
    (line,) = said.err.strip().splitlines()
    assert line.startswith(f"qa: Milvus at {uri} does not answer")
    assert said.out == ""
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != ".cache"] == before


def test_without_the_extra_an_address_is_told_what_to_install(tmp_path: Path) -> None:
    """And nothing of Milvus is loaded for a folder."""
    code = ("import sys\nsys.modules['pymilvus'] = None\nfrom qa.cli import main\n"
            "sys.exit(main(['status', '--index', 'http://127.0.0.1:9']))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 3
    assert "pip install 'qa-articles[milvus]'" in done.stderr


def test_a_folder_loads_nothing_of_milvus(folder: Path, tmp_path: Path, encoder: CountryEncoder) -> None:
    """Whoever keeps files pays nothing for it."""
    library.rebuild(folder, index=tmp_path / "index", encoder=encoder)
    code = ("import sys, qa\nqa.status('index')\n"
            "print([name for name in sys.modules if 'milvus' in name or name == 'grpc'])")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.skipif(SERVER is not None, reason=str(SERVER))
def test_a_server_killed_during_a_build_comes_back_with_the_generation_before(
        more: Path, tmp_path: Path, encoder: CountryEncoder, brief_background: None,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """While it starts it is said to be starting, never to be empty or damaged; nothing of what was complete is removed,
    and the build that was cut off is made again."""
    from qa import milvus_place

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    said: list[str] = []

    def until_it_answers(attempt: Callable[[], object]) -> object:
        for _ in range(120):
            try:
                return attempt()
            except IndexProblem as error:
                if isinstance(error, (IndexMissing, IndexDamaged)):
                    raise
                said.append(str(error))
                time.sleep(0.5)
        pytest.fail("it does not come back")

    with milvus_server.Server(tmp_path / "data", 3) as running:
        library.rebuild(more, index=running.uri, encoder=encoder)
        write(more, {"new.txt": "Kenya paints its ferries red."})

        def cut_off(progress: library.Progress) -> None:
            if progress.stage == "writing":
                running.kill()

        with pytest.raises(IndexProblem):
            library.rebuild(more, index=running.uri, encoder=encoder, progress=cut_off)
        running.start()
        answer = until_it_answers(lambda: library.ask("Is a ferry in Kenya red?", index=running.uri, encoder=encoder))
        assert isinstance(answer, library.Answer)
        assert (answer.generation, "new.txt" in [hit.file for hit in answer.hits]) == (1, False)
        report = until_it_answers(lambda: library.rebuild(more, index=running.uri, encoder=encoder))
        assert isinstance(report, library.Report)
        assert (report.generation, report.embedded, report.resumed) == (2, 0, 1)
        assert place(running.uri).verify() == []
        assert len(milvus_of(running.uri).tokens()) == 2
        assert all("does not answer" in line or "still loading" in line for line in said)
        milvus_place.disconnect()

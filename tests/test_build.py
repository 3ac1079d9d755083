"""Rebuilding: what changed is embedded and nothing else, and what comes out is what a build from nothing gives."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ARTICLES, Build, CountryEncoder, messy_texts, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import qa
from qa import articles
from qa.build import Progress
from qa.cuts import cut, meanings
from qa.encoder import LightEncoder, load
from qa.generations import GENERATIONS, PARTS
from qa.passages import Passage
from qa.recipe import READING, Recipe
from qa.store import document

pytestmark = pytest.mark.usefixtures("brief_background")


def facts(report: qa.Report) -> dict[str, object]:
    """The report without what differs from run to run, and without what only a build after a killed one has."""
    fields = report.to_dict()
    del fields["seconds"]
    assert fields.pop("resumed") == 0
    return fields


def files(index: Path) -> dict[str, bytes]:
    """Every file of the index but its lock and what an unfinished build keeps for the next one."""
    return {
        path.relative_to(index).as_posix(): path.read_bytes()
        for path in index.rglob("*")
        if path.is_file() and path.name != "lock" and path.parent.name != PARTS
    }


def answers(index: Path, encoder: CountryEncoder, *questions: str) -> list[list[dict[str, object]]]:
    return [
        [hit.to_dict() for hit in qa.retrieve(question, k=100, index=index, encoder=encoder)]
        for question in questions or ("Kenya?", "La fête en France", "Египет и мост", "巴西咖啡", "12")
    ]


# --- the report ---------------------------------------------------------------------------------------------


def test_a_first_build_embeds_everything(build: Build, folder: Path, encoder: CountryEncoder) -> None:
    """Every article is read, every passage embedded, under its title."""
    assert facts(build(folder)) == {
        "generation": 1,
        "articles": 5,
        "passages": 5,
        "embedded": 5,
        "reused": 0,
        "removed": 0,
        "dated": 4,
        "undated": 1,
        "unreadable": [],
        "model": "countries",
    }
    assert sum(text.startswith(("Kenya", "A harbour")) or "Kenya opens" in text for text in encoder.embedded) == 1


def test_an_unchanged_folder_keeps_its_generation(
    build: Build, folder: Path, index: Path, encoder: CountryEncoder
) -> None:
    """Nothing is embedded, nothing is written, and the open index stays open."""
    build(folder)
    before = files(index)
    encoder.embedded.clear()
    report = build(folder)
    assert (report.generation, report.embedded, report.reused, report.removed) == (1, 0, 5, 0)
    assert encoder.embedded == []
    assert files(index) == before


def test_a_file_written_again_as_it_was_has_not_changed(build: Build, folder: Path, encoder: CountryEncoder) -> None:
    """A new time on an old text costs a checksum, not an embedding."""
    build(folder)
    os.utime(folder / "egipet.txt", (1, 1))
    encoder.embedded.clear()
    report = build(folder)
    assert (report.generation, report.embedded, report.reused) == (1, 0, 5)
    assert encoder.embedded == []


def test_a_change_that_hides_behind_size_and_time_is_noticed(build: Build, folder: Path, index: Path) -> None:
    """Another text of the same size under the old time, as a careless program leaves it, is read again, also when it
    comes in the very moment of the build."""
    path = folder / "egipet.txt"
    for text in ("Kenya sells boats.", "Kenya hides boats"[:17] + "!", "Japan sells boats."):
        before = path.stat()
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        report = build(folder)
        assert text in {hit.text for hit in qa.retrieve("boats", index=index, encoder=CountryEncoder())}
        assert build(folder).generation == report.generation


def test_what_has_not_changed_is_not_opened(build: Build, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size and times say enough."""
    time.sleep(0.1)  # what has been written a moment ago is compared once more
    build(folder)
    monkeypatch.setattr(articles, "read_bytes", None)
    assert build(folder).reused == 5


def test_only_what_changed_is_embedded(build: Build, folder: Path, index: Path, encoder: CountryEncoder) -> None:
    """A changed file is read again, a new one read, a deleted one gone; all others are taken over."""
    build(folder)
    write(folder, {"egipet.txt": "Египет закрывает мост.", "new.txt": "Kenya sells the harbour."})
    (folder / "2021/reis.txt").unlink()
    encoder.embedded.clear()
    report = build(folder)
    assert facts(report) == {
        "generation": 2,
        "articles": 5,
        "passages": 5,
        "embedded": 2,
        "reused": 3,
        "removed": 1,
        "dated": 3,
        "undated": 2,
        "unreadable": [],
        "model": "countries",
    }
    assert sorted(text for text in encoder.embedded if "Japan" not in text) == [
        "Kenya sells the harbour.",
        "Египет закрывает мост.",
    ]
    assert all(hit["file"] != "2021/reis.txt" for hits in answers(index, encoder) for hit in hits)


def test_full_too_says_what_is_gone(build: Build, folder: Path) -> None:
    """A file that went is counted as removed whether or not anything is taken over."""
    build(folder)
    (folder / "egipet.txt").unlink()
    assert build(folder, full=True).removed == 1


def test_full_embeds_everything_again(build: Build, folder: Path) -> None:
    """`--full` takes nothing over, and an unchanged folder gets a new generation."""
    build(folder)
    report = build(folder, full=True)
    assert (report.generation, report.embedded, report.reused, report.removed) == (2, 5, 0, 0)


def test_another_model_embeds_everything_again(build: Build, folder: Path, index: Path) -> None:
    """Vectors of two models never lie in one index."""
    build(folder)
    other = CountryEncoder(fingerprint="others", name="others")
    report = build(folder, encoder=other)
    assert (report.generation, report.embedded, report.reused, report.model) == (2, 5, 0, "others")
    assert answers(index, other)[0][0]["file"] == "2021/harbour.md"


def test_another_folder_replaces_the_articles(
    build: Build, folder: Path, tmp_path: Path, index: Path, encoder: CountryEncoder
) -> None:
    """An index holds one folder: a rebuild from another one leaves nothing of the first."""
    build(folder)
    report = build(write(tmp_path / "other", {"x.txt": "Japan alone."}))
    assert (report.articles, report.removed) == (1, 5)
    assert [hit["file"] for hit in answers(index, encoder, "Kenya?")[0]] == ["x.txt"]


def test_a_moved_folder_is_remembered(build: Build, folder: Path, tmp_path: Path, index: Path) -> None:
    """The same articles elsewhere cost no embedding, but the index knows where they are now."""
    build(folder)
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert (build(moved).embedded, qa.status(index).folder, qa.status(index).changed) == (0, str(moved), ())


def test_an_empty_folder_makes_an_index_that_answers_nothing(
    build: Build, tmp_path: Path, index: Path, encoder: CountryEncoder
) -> None:
    """No article is no error: there is just no answer."""
    (tmp_path / "empty").mkdir()
    assert facts(build(tmp_path / "empty")) == {
        "generation": 1,
        "articles": 0,
        "passages": 0,
        "embedded": 0,
        "reused": 0,
        "removed": 0,
        "dated": 0,
        "undated": 0,
        "unreadable": [],
        "model": "countries",
    }
    answer = qa.ask("Kenya?", index=index, encoder=encoder)
    assert (answer.answered, answer.confidence, answer.hits) == (False, 0.0, ())
    assert qa.status(index).articles == 0


def test_an_article_without_a_passage_is_an_article(build: Build, tmp_path: Path, encoder: CountryEncoder) -> None:
    """A file of share bars alone is counted, not unreadable, and taken over like any other."""
    folder = write(tmp_path / "a", {"bar.txt": "Partager sur Facebook\n", "k.txt": "Kenya."})
    assert (build(folder).articles, build(folder).generation) == (2, 1)


def test_the_same_text_in_two_files_is_one_hit(
    build: Build, tmp_path: Path, index: Path, encoder: CountryEncoder
) -> None:
    """The earliest is shown, and where else the text stands is told."""
    text = "Kenya opens a new harbour for its nine blue ferries."
    build(write(tmp_path / "a", {"2021-05-02-copy.txt": text, "2020-01-01-first.txt": text, "undated.txt": text}))
    [hit] = qa.retrieve("harbour in Kenya", index=index, encoder=encoder)
    assert (hit.file, hit.date) == ("2020-01-01-first.txt", "2020-01-01")
    assert sorted(place.file for place in hit.more) == ["2021-05-02-copy.txt", "undated.txt"]


# --- what cannot be read ------------------------------------------------------------------------------------


def test_unreadable_files_are_listed_and_stop_nothing(
    build: Build, folder: Path, tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that is no article is named with its reason, and all others are indexed."""
    monkeypatch.setattr(articles, "LARGEST", 5_000)
    write(
        folder,
        {
            "binary.txt": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
            "empty.txt": "",
            "blank.md": " \n\n",
            "huge.txt": "x" * 5_001,
            "line\nend.txt": "",
            "page.html": "<html></html>",
            "cut.txt": b"\xff\xfeA",
            "nonsense.html": b'<meta charset="undefined">\xe9',
            "half.html": b'<meta charset="unicode_escape">\xe9\\ud800',
        },
    )
    write(tmp_path, {"outside.txt": "Kenya outside."})
    (folder / "out.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "broken.txt").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.txt")
    report = build(folder)
    assert (report.articles, report.dated, report.undated) == (7, 4, 3)
    assert [one.file for one in report.unreadable] == sorted(
        [
            "binary.txt",
            "blank.md",
            "broken.txt",
            "cut.txt",
            "empty.txt",
            "huge.txt",
            "line\nend.txt",
            "out.txt",
            "page.html",
            "pipe.txt",
        ]
    )
    assert all(one.reason for one in report.unreadable)
    assert list(qa.status(index).unreadable) == report.to_dict()["unreadable"]
    assert build(folder).generation == 1


def test_a_file_that_becomes_unreadable_leaves_the_index(
    build: Build, folder: Path, index: Path, encoder: CountryEncoder
) -> None:
    """What cannot be read any more is not answered from; once mended it is back."""
    build(folder)
    write(folder, {"egipet.txt": b""})
    report = build(folder)
    assert (report.articles, report.reused, [one.file for one in report.unreadable]) == (4, 4, ["egipet.txt"])
    assert all(hit["file"] != "egipet.txt" for hits in answers(index, encoder) for hit in hits)
    write(folder, {"egipet.txt": ARTICLES["egipet.txt"]})
    report = build(folder)
    assert (report.articles, report.embedded, report.reused, report.unreadable) == (5, 1, 4, ())


def test_new_reading_rules_read_every_file_again_and_embed_only_what_they_cut_otherwise(
    build: Build, folder: Path, encoder: CountryEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain rebuild notices them; a passage whose text stays as it was keeps its vector."""
    build(folder)
    monkeypatch.setattr("qa.build.Recipe", lambda *given: replace(Recipe(*given), reading=READING + 1))
    changed = folder / "egipet.txt"
    changed.write_text(changed.read_text("utf-8").replace("мост", "тоннель"), "utf-8")
    encoder.embedded.clear()
    report = build(folder)
    assert (report.generation, report.passages, report.embedded, report.reused, report.resumed) == (2, 5, 1, 4, 0)
    assert [text for text in encoder.embedded if "Kenya" in text or "Japan" in text] == []
    assert (build(folder).generation, build(folder, full=True).embedded) == (2, 5)


def test_a_file_that_vanishes_while_reading_is_listed(build: Build, folder: Path) -> None:
    """A folder may change under a rebuild."""

    def vanish(progress: Progress) -> None:
        (folder / "egipet.txt").unlink(missing_ok=True)

    report = build(folder, progress=vanish)
    assert [(one.file, one.reason) for one in report.unreadable] == [
        ("egipet.txt", "cannot be read (No such file or directory)")
    ]
    assert report.articles == 4


# --- cancelling and failing ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("stage", "done"), [("reading", 0), ("reading", 3), ("reading", 5), ("writing", 5)])
@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError("enough")])
def test_a_cancelled_build_leaves_the_old_index_answering(
    build: Build, folder: Path, index: Path, stage: str, done: int, encoder: CountryEncoder, reason: BaseException
) -> None:
    """An exception at any moment leaves every file as it was; what was embedded by then is not embedded again."""
    build(folder)
    before, answered = files(index), answers(index, encoder)
    write(folder, {"egipet.txt": "Kenya took it all."})

    def cancel(progress: Progress) -> None:
        if (progress.stage, progress.done) == (stage, done):
            raise reason

    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        build(folder, progress=cancel)
    assert files(index) == before
    assert [path.name for path in (index / GENERATIONS).iterdir()] == ["000001"]
    assert answers(index, encoder) == [
        [{**hit, "changed": hit["file"] == "egipet.txt"} for hit in hits] for hits in answered
    ]
    report = build(folder)
    finished = stage == "writing"
    assert (report.generation, report.embedded, report.resumed) == (2, 0 if finished else 1, 1 if finished else 0)
    assert not (index / PARTS).exists()


@pytest.mark.parametrize("part", ["qa.store.Writer._add", "faiss.write_index", "qa.weighing.Writer._write_terms",
                                  "qa.switching._switch"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("write failed"),
                                   sqlite3.OperationalError("database or disk is full")])
def test_a_full_disk_is_said_and_leaves_the_old_index_answering(
        build: Build, folder: Path, index: Path, encoder: CountryEncoder, brief_background: None,
        monkeypatch: pytest.MonkeyPatch, part: str, error: Exception) -> None:
    """Whatever write fails, in whichever library: one clear error, nothing left over, the old generation answers."""
    build(folder)
    before = [hit.to_dict() for hit in qa.retrieve("Kenya?", index=index, encoder=encoder)]

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(part, fail)
        with pytest.raises(qa.IndexProblem, match=r"could not be written .* has room"):
            build(folder, full=True)
    assert [hit.to_dict() for hit in qa.retrieve("Kenya?", index=index, encoder=encoder)] == before
    assert [path.name for path in (index / GENERATIONS).iterdir()] == ["000001"]


def test_a_full_disk_of_temporary_files_is_said(
    build: Build, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Libraries that unpack something there fail far from the index; the message is as clear, and nothing is lost."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    build(folder)
    before = files(index)
    monkeypatch.setattr("qa.articles.article", fail)
    with pytest.raises(qa.IndexProblem, match=r"could not be built \(.*No space left.* room in /"):
        build(folder, full=True)
    assert files(index) == before


def test_an_encoder_that_fails_leaves_the_old_index_answering(
    build: Build, folder: Path, index: Path, encoder: CountryEncoder
) -> None:
    """So does a model that runs out of memory."""
    build(folder)
    before = files(index)

    class Failing(CountryEncoder):
        def encode_passages(self, texts: object) -> object:  # type: ignore[override]
            raise MemoryError

    with pytest.raises(MemoryError):
        build(folder, encoder=Failing(), full=True)
    assert files(index) == before


@pytest.mark.slow
def test_a_model_that_is_not_there_leaves_the_old_index_answering(
    build: Build, folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong --model costs nothing but the message."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    build(folder)
    before = files(index)
    with pytest.raises(qa.ModelError, match="'/no/such/model' cannot be loaded"):
        qa.rebuild(folder, index=index, model="/no/such/model")
    assert files(index) == before


@pytest.mark.parametrize(
    ("folder_name", "index_name"),
    [("nowhere", "index"), ("articles/egipet.txt", "index"), ("articles", "file"), ("articles", "file/below")],
)
def test_wrong_folders_are_said_before_anything_is_written(
    folder: Path, tmp_path: Path, encoder: CountryEncoder, folder_name: str, index_name: str
) -> None:
    """No articles folder, or a file where the index should go, is the caller's mistake."""
    write(tmp_path, {"file": "x"})
    with pytest.raises(qa.QAError):
        qa.rebuild(tmp_path / folder_name, index=tmp_path / index_name, encoder=encoder)
    assert not (tmp_path / "index").exists()
    assert (tmp_path / "file").read_text() == "x"


def test_a_file_that_comes_while_the_model_loads_is_taken_in(
    folder: Path, index: Path, encoder: CountryEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is looked at under the lock, so that what another builder took in does not look deleted."""

    def load(name: str | None) -> CountryEncoder:
        write(folder, {"late.txt": "Kenya comes late."})
        return encoder

    monkeypatch.setattr("qa.encoder.load", load)
    assert qa.rebuild(folder, index=index).articles == 6


def test_progress_tells_each_file_once(build: Build, folder: Path) -> None:
    """Progress counts files from 0 to all of them, names each, and ends with writing."""
    seen: list[Progress] = []
    build(folder, progress=seen.append)
    names = sorted(ARTICLES)
    assert seen == [
        *(Progress("reading", number, 5, name) for number, name in enumerate(names)),
        Progress("reading", 5, 5, ""),
        Progress("writing", 5, 5, ""),
    ]


# --- incremental = from nothing -----------------------------------------------------------------------------

_NAMES = st.sampled_from(["a.txt", "b.md", "2020-02-03-c.txt", "d/e.txt"])
_TEXTS = st.one_of(messy_texts(), st.sampled_from(["", "Kenya.", "\0" * 20, *ARTICLES.values()]))
_EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), _NAMES, _TEXTS),
        st.tuples(st.just("delete"), _NAMES, st.just("")),
        st.tuples(st.just("rename"), _NAMES, _NAMES),
        st.tuples(st.just("touch"), _NAMES, st.just("")),
        st.tuples(st.just("hide"), _NAMES, _TEXTS),  # another text of the same size and time
        st.tuples(st.just("cancel"), _NAMES, st.just("")),  # a build that stops at this file
    ),
    min_size=1,
    max_size=4,
)


def edit(folder: Path, index: Path, encoder: CountryEncoder, what: str, name: str, other: str) -> None:
    """One thing that happens to a folder between two builds."""
    path = folder / name
    if what == "write":
        write(folder, {name: other})
    elif what == "cancel":
        with contextlib.suppress(KeyboardInterrupt):
            qa.rebuild(folder, index=index, encoder=encoder, progress=lambda progress: stop_at(name, progress))
    elif path.exists():
        about = path.stat()
        if what == "delete":
            path.unlink()
        elif what == "rename":
            (folder / other).parent.mkdir(exist_ok=True)
            path.rename(folder / other)
        elif what == "touch":
            os.utime(path, (1, 1))
        else:
            path.write_bytes(other.encode().ljust(about.st_size, b".")[: about.st_size])
            os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns))


def stop_at(name: str, progress: Progress) -> None:
    if progress.file == name or progress.stage == "writing":
        raise KeyboardInterrupt


def alike(hits: list[dict[str, object]]) -> list[dict[str, object]]:
    """The hits but for the last figures of their scores, which may put equal ones in another order."""
    return [{name: pytest.approx(value, rel=1e-4, abs=1e-5) if isinstance(value, float) else value
             for name, value in hit.items()} for hit in sorted(hits, key=lambda hit: (str(hit["file"]), hit["start"]))]


SEGMENTS = [  # (passages from which segments are shared, share of small ones, passages of one that is never kept)
    (10**9, 0.1, 500),  # what small folders get: everything in one
    # every change a segment of its own, as long as one before is larger
    pytest.param(0, 1.0, 0, marks=pytest.mark.slow),
    # one large segment, and one with all that came since
    pytest.param(0, 1.0, 10**9, marks=pytest.mark.slow),
    (0, 0.5, 1),
]


@pytest.mark.parametrize(("from_", "share", "small"), SEGMENTS)
@given(steps=st.lists(_EDITS, min_size=2, max_size=4))
@example(steps=[[("write", "a.txt", "Kenya."), ("write", "b.md", "\n12/03/2019\n")], [("write", "a.txt", "")]])
@settings(max_examples=int(os.environ.get("QA_FUZZ", "20")), suppress_health_check=list(HealthCheck))
def test_an_incremental_build_equals_a_build_from_nothing(from_: int, share: float, small: int,
                                                          steps: list[list[tuple[str, str, str]]]) -> None:
    """After any edits, and builds that were cancelled, the index gives the same hits with the same scores as one built
    afresh, whatever segments it lies in; nothing of a deleted file is left, and nothing changed goes unnoticed."""
    encoder = CountryEncoder()
    with tempfile.TemporaryDirectory() as root, pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.merging.SHARED_FROM", from_)
        patch.setattr("qa.merging.SHARE", share)
        patch.setattr("qa.merging.SMALL", small)
        patch.setattr("qa.build._KEPT_FROM", 10**9)
        patch.setattr("qa.build._SETTLED", 5_000_000)
        folder, index = Path(root, "articles"), Path(root, "index")
        folder.mkdir()
        for edits in steps:
            for what, name, other in edits:
                edit(folder, index, encoder, what, name, other)
            time.sleep(0.012)  # what was written a moment ago would be compared once more, and never shared
            report = qa.rebuild(folder, index=index, encoder=encoder)
        fresh = qa.rebuild(folder, index=Path(root, "fresh"), encoder=encoder)
        assert report.embedded + report.reused == report.passages == fresh.passages
        assert (report.articles, report.dated, report.unreadable) == (fresh.articles, fresh.dated, fresh.unreadable)
        mine, theirs = qa.status(index), qa.status(Path(root, "fresh"))
        assert mine.changed == mine.added == mine.deleted == ()
        for name in ("articles", "passages", "dated", "undated", "first_date", "last_date", "languages"):
            assert getattr(mine, name) == getattr(theirs, name)
        found = answers(index, encoder)
        expected = answers(Path(root, "fresh"), encoder)
        if from_ == 10**9:
            assert found == expected
        for own, hits in zip(found, expected, strict=True):
            assert sorted(own, key=lambda hit: (str(hit["file"]), hit["start"])) == alike(hits)
        assert all((folder / str(hit["file"])).exists() for hits in found for hit in hits)
        assert not any(hit["changed"] for hits in found for hit in hits)
        confidences = [
            qa.ask("Kenya?", index=where, encoder=encoder).confidence for where in (index, Path(root, "fresh"))
        ]
        assert confidences[0] == pytest.approx(confidences[1], abs=1e-4)


def test_a_rebuild_in_another_process_is_noticed(
    build: Build, folder: Path, index: Path, tmp_path: Path, encoder: CountryEncoder
) -> None:
    """`retrieve` answers from the newest generation without being told, even where the index was made anew."""
    question = "Who has a harbour in Kenya?"
    build(folder)
    assert qa.ask(question, index=index, encoder=encoder).generation == 1
    (folder / "2021/harbour.md").unlink()
    build(folder)
    answer = qa.ask(question, index=index, encoder=encoder)
    assert (answer.generation, answer.hits[0].vector) == (2, 0.0)
    shutil.rmtree(index)
    with pytest.raises(qa.IndexMissing):
        qa.ask(question, index=index, encoder=encoder)
    build(write(tmp_path / "other", {"only.txt": "Kenya, only Kenya."}))
    answer = qa.ask(question, index=index, encoder=encoder)
    assert (answer.generation, [hit.file for hit in answer.hits]) == (1, ["only.txt"])


# --- vectors ------------------------------------------------------------------------------------------------


def test_vectors_of_sentences_tokens_are_those_of_the_whole_passage() -> None:
    """In every script, under a title or without one, and for a passage in which no token is known."""
    shipped = load()
    assert isinstance(shipped, LightEncoder)
    texts = [
        "The ferry left at dawn. It carried nine sacks of coffee, and a very old captain!",
        "Le bac est parti à l’aube. M. Dupont l’attendait : «Il est en retard», dit-il.",
        "渡轮在黎明时分离开港口。船上有九袋咖啡！谁是船长？",
        "船は夜明けに港を出た。コーヒーが九袋積まれていた。",
        "Паром ушёл на рассвете. На борту было 9 мешков кофе.",
        "غادرت العبّارة الميناء. كان على متنها تسعة أكياس.",
        "เรือออกจากท่าเรือตอนรุ่งสาง มีกาแฟเก้าถุง",
        "\U0001f680",
    ]
    passages = [Passage("a.txt", 0, len(text), text, None, title, language)
                for title in (None, "The harbour of Mombasa", "The ferry")
                for text, language in zip(texts, ("en", "fr", "zh", "ja", "ru", "ar", "th", "und"), strict=True)]
    wanted = shipped.encode_passages([document(passage) for passage in passages])
    units, found = meanings(passages, [cut(passage) for passage in passages], shipped)
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert len(units.counts) > len(passages)
    assert meanings([], [], shipped)[1].shape == (0, shipped.dimension)

"""The command `qa` as people and scripts run it: its output, its exit codes, its messages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ARTICLES, ENVIRONMENT, on_a_terminal, qa, write

from qa.cli import main

# Escape sequences, a bell, a back space, a C1 control and a carriage return: all of them move or blind a terminal.
HOSTILE = "Kenya \x1b[2J\x1b]0;owned\x07 paints\x08\x9b31m its\x7f harbour \x1b[31mred\x1b[0m."
UNREADABLE = {"empty.txt": "", "binary.md": bytes(range(256)) * 9, "line\nend.txt": " ", "page.html": "<html></html>"}


@pytest.fixture(scope="module")
def rebuilt(
    tmp_path_factory: pytest.TempPathFactory, static_model: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A folder as a user has it, articles in seeds/ and an index beside them, and what its rebuild said."""
    desk = tmp_path_factory.mktemp("desk")
    write(desk / "seeds", {**ARTICLES, **UNREADABLE, "README.md": "About.", ".hidden.txt": ""})
    (desk / "seeds/gone.txt").symlink_to("nowhere")
    return desk, qa("rebuild", "--model", str(static_model), "--json", folder=desk)


@pytest.fixture(scope="module")
def desk(rebuilt: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """That folder; its model is quick to load."""
    return rebuilt[0]


class Here:
    """Runs the command in this process, where nothing is imported twice."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        self._capture.readouterr()
        try:
            code = main(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *self._capture.readouterr()


@pytest.fixture
def run(
    desk: Path, brief_background: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Here:
    """`run(*arguments)` is the command in the desk's folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(desk)
    return Here(capsys)


# --- ask ----------------------------------------------------------------------------------------------------


def test_ask_json_is_the_contract(desk: Path) -> None:
    """One object on standard output, nothing on standard error, every field of its type, offsets into the file."""
    done = qa(
        "ask",
        "Who opens a harbour in Kenya?",
        "--since",
        "2021",
        "--until",
        "2021-09",
        "-k",
        "3",
        "--json",
        folder=desk,
    )
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert {name: answer[name] for name in ("question", "answered", "since", "until", "generation")} == {
        "question": "Who opens a harbour in Kenya?",
        "answered": True,
        "since": "2021-01-01",
        "until": "2021-09-30",
        "generation": 1,
    }
    assert isinstance(answer["confidence"], float)
    assert 0.5 <= answer["confidence"] <= 1
    assert [hit["file"] for hit in answer["hits"]] == ["2021/harbour.md", "2021/reis.txt"]
    text, answering = ARTICLES["2021/harbour.md"], "Kenya opens a new harbour for its blue ferries."
    hit = answer["hits"][0]
    assert {
        name: hit[name] for name in ("date", "date_source", "title", "language", "answer", "answer_start", "answer_end")
    } == {
        "date": "2021-06-04",
        "date_source": "front matter",
        "title": "A harbour for the blue ferries",
        "language": "en",
        "answer": answering,
        "answer_start": text.index(answering),
        "answer_end": text.index(answering) + len(answering),
    }
    assert text[hit["start"] : hit["end"]] == hit["text"]
    assert hit["start"] <= hit["answer_start"] < hit["answer_end"] <= hit["end"]
    assert isinstance(hit["score"], float)
    assert hit["score"] > answer["hits"][1]["score"]


def test_ask_prints_file_date_and_the_marked_sentence(run: Here) -> None:
    """A reader sees title, file, date and where it was read, and which sentence answers."""
    code, out, err = run("ask", "Who opens a harbour in Kenya?", "-k", "1")
    assert (code, err) == (0, "")
    assert "A harbour for the blue ferries" in out
    assert "2021/harbour.md · 2021-06-04 (front matter) · en" in out
    assert "»Kenya opens a new harbour for its blue ferries.«" in out
    assert "\x1b" not in out


def test_ask_without_an_answer_says_so_and_ends_with_1(run: Here) -> None:
    """No answer is not an error: the nearest passages are still there, and scripts can tell."""
    code, out, err = run("ask", "How are violas tuned?")
    assert (code, err) == (1, "")
    assert out.startswith("No answer in these articles.")
    code, out, err = run("ask", "How are violas tuned?", "--json")
    answer = json.loads(out)
    assert (code, err, answer["answered"], answer["since"], answer["until"]) == (1, "", False, None, None)
    assert len(answer["hits"]) == 5
    undated = next(hit for hit in answer["hits"] if hit["file"] == "egipet.txt")
    assert (undated["date"], undated["date_source"], undated["title"]) == (None, None, None)


def test_ask_tells_how_many_undated_passages_the_dates_left_out(run: Here) -> None:
    """A filter that hides something says so."""
    code, out, _ = run("ask", "Kenya", "--since", "2021", "--file", "*")
    assert code == 0
    assert "1 undated passage left out" in out
    assert "egipet" not in out


def test_ask_tells_a_period_that_was_understood_and_passed_over(run: Here) -> None:
    """Before the passages, with the days it was taken for and how to ask for them alone."""
    code, out, err = run("ask", "What harbour did Kenya open before 1990?")
    assert (code, err) == (0, "")
    said, _, passages = out.partition("\n\n")
    assert said == (
        "The question names a period ('before 1990': from the beginning to 1989-12-31), but nothing from then answers"
        " it well enough: what follows is from any date or none. Only that period: --until 1989-12-31"
    )
    assert passages.startswith("1. A harbour for the blue ferries")


@pytest.mark.parametrize(
    ("question", "limit", "said"),
    [
        ("What harbour did Kenya open in 2021?", "1", "\nPublished from 2021-01-01 to 2021-12-31, as the question"),
        ("What harbour did Kenya open in 2021?", "5", "\nUndated, or published from 2021-01-01 to 2021-12-31, as the "),
    ],
)
def test_ask_tells_the_period_it_read_from_the_question(run: Here, question: str, limit: str, said: str) -> None:
    """With the way to take it off; that undated passages are among those shown is said only where they are."""
    _, out, _ = run("ask", question, "-k", limit)
    assert said in out
    assert out.endswith("Everything: --since 0001 --until 9999\n")


def test_ask_says_when_no_passage_meets_the_conditions(run: Here) -> None:
    """Rather than that the articles do not answer, when a pattern matches no file or no date lies within."""
    code, out, _ = run("ask", "Kenya", "--file", "*.pdf", "--since", "2019")
    assert (code, out) == (1, "No answer in these articles. No passage meets --since and --file.\n")
    code, out, _ = run("ask", "What did Kenya open in 2021?", "--file", "*.pdf")
    assert (code, out) == (1, "No answer in these articles. No passage meets --file.\n")
    code, out, _ = run("ask", "Kenya", "--until", "1990")
    assert out.startswith("No answer in these articles. No passage meets --until.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", ""], "The question is empty"),
        (["ask", "Kenya", "--limit", "0"], "whole number from 1"),
        (["ask", "Kenya", "-k", "five"], "invalid int value"),
        (["ask", "Kenya", "--since", "2022-13"], "'2022-13' is not a date. Write 2022, 2022-09 or 2022-09-15."),
        (["ask", "Kenya", "--until", "soon"], "'soon' is not a date"),
        (["ask", "Kenya", "--since", "2023", "--until", "2022"], "Swap them"),
        (["ask"], "required"),
        (["ask", "a", "b"], "unrecognized"),
        (["ask", "a", "--colour"], "unrecognized"),
        ([], "required"),
        (["answer"], "invalid choice"),
        (["rebuild", "nowhere"], "'nowhere' is not there"),
        (["rebuild", "seeds/egipet.txt"], "is not a folder"),
        (["rebuild", "--model", "/no/such/model"], "'/no/such/model'"),
        (["rebuild", "--index", "seeds/egipet.txt"], "is a file"),
        (["evaluate", "nowhere.jsonl"], "'nowhere.jsonl' cannot be read"),
        (["text", "nowhere.txt"], "nowhere.txt"),
        (["text", "seeds"], "'seeds' is no article"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(
    run: Here, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    """Standard output stays empty, and the message on standard error is one a person can act on."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_an_index_that_is_not_there_ends_with_3(run: Here, tmp_path: Path) -> None:
    """Every command that needs an index says how to build one."""
    (tmp_path / "q.jsonl").write_text('{"q": "Kenya?"}')
    for arguments in (
        ["ask", "Kenya?"],
        ["ask", "Kenya?", "--json"],
        ["status"],
        ["evaluate", str(tmp_path / "q.jsonl")],
    ):
        code, out, err = run(*arguments, "--index", str(tmp_path / "none"))
        assert (code, out) == (3, "")
        assert f"Build it with: qa rebuild FOLDER --index {tmp_path}/none" in err


def test_a_question_in_bytes_that_are_no_text_does_not_fail(desk: Path) -> None:
    """A shell may hand over any bytes; the answer is an answer."""
    done = subprocess.run(
        [sys.executable, "-m", "qa", "ask", b"Kenya \xff?", "--json"],
        cwd=desk,
        capture_output=True,
        env=ENVIRONMENT,
        check=False,
        timeout=600,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["hits"][0]["file"] == "2021/harbour.md"


def test_a_reader_that_goes_away_is_no_error(desk: Path) -> None:
    """`qa ask … | head -1` ends quietly."""
    with subprocess.Popen(
        [sys.executable, "-m", "qa", "ask", "Kenya", "-k", "50"],
        cwd=desk,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_a_second_rebuild_at_the_same_time_ends_with_3(run: Here, tmp_path: Path) -> None:
    """The message says who is building, and to wait."""
    from qa.switching import building

    with building(tmp_path / "index"):
        code, out, err = run("rebuild", "seeds", "--index", str(tmp_path / "index"), "--json")
    assert (code, out) == (3, "")
    assert f"is being built by process {os.getpid()}" in err


def test_an_interrupted_rebuild_ends_quietly(run: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C gives no traceback and the shell's own exit code for it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("qa.build.rebuild", interrupted)
    assert run("rebuild") == (130, "", "qa: interrupted; nothing was changed\n")


# --- terminals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("changed", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colours_are_for_terminals_that_want_them(desk: Path, changed: dict[str, str], coloured: bool) -> None:
    """The answering sentence is coloured on a terminal, and in marks where colours are not wanted."""
    code, received = on_a_terminal("ask", "Kenya", "-k", "1", folder=desk, changed=changed)
    assert code == 0
    assert ("\x1b[" in received) is coloured
    assert ("»Kenya opens" in received) is not coloured


def controls(text: str) -> list[str]:
    """The characters of `text` that a terminal obeys, line ends and tabs aside."""
    return [
        character
        for character in text
        if (character < " " and character not in "\r\n\t") or "\x7f" <= character <= "\x9f"
    ]


def test_control_characters_of_an_article_never_reach_the_terminal(
    tmp_path: Path, static_model: Path, run: Here
) -> None:
    """Neither text nor title nor file name can move the cursor, ring, or set the window's title."""
    write(
        tmp_path / "seeds",
        {"red\x1b[31m\x07.txt": f"# Kenya \x1b[5mblinks\x9b5m today\n\n{HOSTILE}\n", "bad\x1b[31m\n.txt": ""},
    )
    code, out, err = run(
        "rebuild", str(tmp_path / "seeds"), "--model", str(static_model), "--index", str(tmp_path / "index")
    )
    assert (code, controls(out + err)) == (4, [])
    write(tmp_path / "seeds", {"new\x1b[31m.txt": "Japan."})
    for arguments in (("ask", "Kenya"), ("status",)):
        code, received = on_a_terminal(*arguments, folder=tmp_path, changed={"NO_COLOR": "1"})
        assert (code, controls(received)) == (0, [])
        assert "red" in received or "new" in received


def test_a_rebuild_shows_progress_on_a_terminal(shipped_session: tuple[Path, int, str]) -> None:
    """A bar for people while it lasts, and the report at the end."""
    _, code, received = shipped_session
    assert code == 0
    assert "Reading" in received
    assert "5 articles (4 dated, 1 undated), 5 passages (5 embedded, 0 reused)" in received
    assert "with the model shipped" in received


# --- rebuild, status, text ----------------------------------------------------------------------------------


def test_a_rebuild_with_unreadable_files_ends_with_4_and_lists_them(
    rebuilt: tuple[Path, subprocess.CompletedProcess[str]], static_model: Path
) -> None:
    """Standard output is the report alone; the list is in it and, for people, on standard error."""
    done = rebuilt[1]
    report = json.loads(done.stdout)
    assert done.returncode == 4
    assert isinstance(report.pop("seconds"), float)
    listed = report.pop("unreadable")
    assert report == {
        "generation": 1,
        "articles": 5,
        "passages": 5,
        "embedded": 5,
        "reused": 0,
        "removed": 0,
        "dated": 4,
        "undated": 1,
        "model": str(static_model),
        "resumed": 0,
    }
    assert [one["file"] for one in listed] == ["binary.md", "empty.txt", "gone.txt", "line\nend.txt", "page.html"]
    assert done.stderr.splitlines() == [
        "5 files could not be read:",
        *(f"  {one['file']}: {one['reason']}".replace("\n", "\\n") for one in listed),
    ]


def test_an_unchanged_rebuild_embeds_nothing_and_full_embeds_all(tmp_path: Path, static_model: Path, run: Here) -> None:
    """The report counts what was done."""
    write(tmp_path / "a", ARTICLES)
    counted = []
    for more in ([], [], ["--full"]):
        code, out, _ = run(
            "rebuild",
            str(tmp_path / "a"),
            "--index",
            str(tmp_path / "i"),
            "--model",
            str(static_model),
            "--json",
            *more,
        )
        report = json.loads(out)
        counted.append((code, report["generation"], report["embedded"], report["reused"]))
    assert counted == [(0, 1, 5, 0), (0, 1, 0, 5), (0, 2, 5, 0)]


def test_status_tells_what_the_index_holds(run: Here, static_model: Path, desk: Path) -> None:
    """Generation, model, counts, languages and dates, as JSON and in words."""
    code, out, err = run("status", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    expected: dict[str, Any] = {
        "generation": 1,
        "model": str(static_model),
        "articles": 5,
        "passages": 5,
        "dated": 4,
        "undated": 1,
        "first_date": "2019-03-12",
        "last_date": "2021-09-20",
        "languages": {"de": 1, "en": 1, "fr": 1, "ru": 1, "zh": 1},
        "folder": str(desk / "seeds"),
        "added": [],
        "changed": [],
        "deleted": [],
    }
    assert {name: found[name] for name in expected} == expected
    assert [one["file"] for one in found["unreadable"]] == [
        "binary.md",
        "empty.txt",
        "gone.txt",
        "line\nend.txt",
        "page.html",
    ]
    code, out, err = run("status", "--verify")
    assert (code, err) == (0, "")
    assert "5 articles (de 1, en 1, fr 1, ru 1, zh 1), 5 passages" in out
    assert "4 dated, from 2019-03-12 to 2021-09-20; 1 undated" in out
    assert "Every file of the index is as it was written." in out


def test_status_tells_what_changed_since(tmp_path: Path, static_model: Path, run: Here) -> None:
    """Added, changed and deleted files are named, and how to take them in."""
    index, folder = str(tmp_path / "i"), write(tmp_path / "a", {**ARTICLES, "empty.txt": ""})
    assert run("rebuild", str(folder), "--index", index, "--model", str(static_model))[0] == 4
    assert "The folder has changed" not in run("status", "--index", index)[1]
    write(folder, {"new.txt": "Kenya.", "egipet.txt": "Египет."})
    (folder / "2021/reis.txt").unlink()
    os.utime(folder / "2021/harbour.md", (1, 1))
    code, out, _ = run("status", "--index", index)
    assert code == 0
    assert [line for line in out.split("\n") if "since:" in line] == [
        "added since: new.txt",
        "changed since: egipet.txt",
        "deleted since: 2021/reis.txt",
    ]
    assert "unreadable: empty.txt: empty" in out
    assert "qa rebuild" in out


def test_status_verify_names_the_damaged_file_and_ends_with_3(tmp_path: Path, static_model: Path, run: Here) -> None:
    """A flipped bit is found, said, and mended by the command that the message names."""
    write(tmp_path / "a", ARTICLES)
    index = str(tmp_path / "i")
    arguments = ("rebuild", str(tmp_path / "a"), "--index", index, "--model", str(static_model))
    assert run(*arguments)[0] == 0
    path = next((tmp_path / "i").rglob("vectors.faiss"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    code, out, err = run("status", "--verify", "--index", index)
    assert (code, err.count("qa rebuild --full")) == (3, 1)
    assert f"{path}: changed since it was written" in out
    code, out, err = run("status", "--verify", "--index", index, "--json")
    assert (code, len(json.loads(out)["damaged"])) == (3, 1)
    code, out, err = run("ask", "Kenya", "--index", index)
    assert (code, out) == (3, "")
    assert "vectors.faiss: changed since it was written. Build it anew with: qa rebuild --full" in err
    assert run(*arguments, "--full")[0] == 0
    assert run("status", "--verify", "--index", index)[0] == 0
    assert run("ask", "Kenya", "--index", index)[0] == 0


def test_a_model_that_changed_on_disk_ends_with_3(tmp_path: Path, static_model: Path, run: Here) -> None:
    """The index does not meet vectors of another version of its model; the message says how to bring them together."""
    model = shutil.copytree(static_model, tmp_path / "model")
    write(tmp_path / "seeds", ARTICLES)
    assert run("rebuild", str(tmp_path / "seeds"), "--model", str(model), "--index", str(tmp_path / "index"))[0] == 0
    tokenizer = model / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"kenya"', '"kenia2"'))
    done = qa("ask", "Kenya", folder=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    assert "another version of the model" in done.stderr
    assert "qa rebuild" in done.stderr


def test_text_prints_what_offsets_refer_to(tmp_path: Path, run: Here) -> None:
    """For a text file that is the file with newlines as \\n, for a page what was read of it."""
    write(
        tmp_path,
        {
            "a.txt": b"\xef\xbb\xbfUn\r\ndeux\rtrois.",
            "b.html": "<html><body><article><h1>Boats</h1><p>"
            + ("Kenya builds boats of cedar, and each of them carries nine sacks of coffee over the bay. " * 3)
            + "</p></article></body></html>",
        },
    )
    assert run("text", str(tmp_path / "a.txt")) == (0, "Un\ndeux\ntrois.", "")
    code, out, err = run("text", str(tmp_path / "b.html"))
    assert (code, err) == (0, "")
    assert "Kenya builds boats of cedar" in out
    assert "<" not in out
    assert run("text", "2021/reis.txt") == (0, ARTICLES["2021/reis.txt"], "")  # as hits name it


# --- evaluate -----------------------------------------------------------------------------------------------


def test_evaluate_prints_figures_in_all_and_by_language(tmp_path: Path, run: Here) -> None:
    """The table and the JSON hold the same figures."""
    path = tmp_path / "q.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(question)
            for question in [
                {"q": "Kenya?", "lang": "en", "file": "2021/harbour", "answer": "BLUE  ferries", "date": "2021-06-04"},
                {"q": "Египет?", "lang": "ru", "file": "egipet.txt", "answer": None, "date": None},
                {"q": "How are violas tuned?", "lang": "en", "file": None, "answer": None, "date": None},
            ]
        )
    )
    code, out, err = run("evaluate", str(path), "--json")
    assert (code, err) == (0, "")
    figures = json.loads(out)
    assert list(figures) == ["all", "en", "ru", "matrix"]
    assert {
        name: figures["all"][name]
        for name in (
            "questions",
            "ndcg_10",
            "mrr",
            "recall_1",
            "answer_hit_1",
            "date_accuracy",
            "false_answers",
            "false_refusals",
        )
    } == {
        "questions": 3,
        "ndcg_10": 1,
        "mrr": 1,
        "recall_1": 1,
        "answer_hit_1": 1,
        "date_accuracy": 1,
        "false_answers": 0,
        "false_refusals": 0,
    }
    code, out, err = run("evaluate", str(path))
    assert (code, err) == (0, "")
    assert [line.split()[:3] for line in out.split("\n")[1:3]] == [["all", "3", "1.000"], ["en", "2", "1.000"]]


def test_a_mistake_in_a_questions_file_names_its_line(tmp_path: Path, run: Here) -> None:
    """Whoever wrote the file finds the place."""
    path = tmp_path / "q.jsonl"
    path.write_text('{"q": "Kenya?"}\n{"q": }\n')
    code, out, err = run("evaluate", str(path), "--json")
    assert (code, out) == (2, "")
    assert f"Line 2 of {path} is no question" in err


# --- the shipped model --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "file", "answer"),
    [
        (
            "What does a ticket on the lower deck cost?",
            "2021/harbour.md",
            "Tickets cost four shillings on the lower deck.",
        ),
        (
            "Combien de visiteurs le comité attend-il ?",
            "2019/lanternes.txt",
            "Mme Orban, qui dirige le comité, attend huit mille visiteurs.",
        ),
        ("Wie viele Münzen zahlt ein Händler je Korb?", "2021/reis.txt", "Ein Händler zahlt neun Münzen je Korb."),
    ],
)
def test_the_shipped_model_answers_from_end_to_end(
    shipped: Path, question: str, file: str, answer: str, run: Here
) -> None:
    """Without a network or a download the right article and the right sentence come first."""
    code, out, err = run("ask", question, "--json", "--index", str(shipped / "index"))
    hit = json.loads(out)["hits"][0]
    assert (code, err, hit["file"], hit["answer"]) == (0, "", file, answer)


def test_python_and_the_command_give_the_same_hits(shipped: Path, run: Here) -> None:
    """Whatever door a question comes in by, the hits are identical."""
    import qa as library

    _, out, _ = run("ask", "Où part le bac ?", "--json", "-k", "4", "--index", str(shipped / "index"))
    assert json.loads(out) == json.loads(
        json.dumps(library.ask("Où part le bac ?", k=4, index=shipped / "index").to_dict())
    )

"""The benches of speed: what they count is what was there."""

from __future__ import annotations

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import answers, build, corpus, machine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds by the clock, which stands still unless it is told."""
    now = [0.0]
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now[0])
    return now


def test_a_stage_counts_what_it_does_itself_and_not_what_another_does_within_it(clock: list[float]) -> None:
    """The seconds of all stages together are the seconds of the whole."""
    stages = machine.Stages()
    with stages.stage("outer"):
        clock[0] += 2
        with stages.stage("inner"):
            clock[0] += 5
        clock[0] += 1
    assert stages.seconds == {"outer": 3, "inner": 5}


def test_the_making_of_every_item_of_a_generator_is_counted_and_the_use_of_it_is_not(clock: list[float]) -> None:
    """What is done with an item between two of them belongs to another stage."""

    class Maker:
        def items(self) -> Iterator[int]:
            for number in range(3):
                clock[0] += 1
                yield number

    stages = machine.Stages()
    plain = Maker.items
    with stages.watching({"making": ((Maker, "items"),)}):
        for _ in Maker().items():
            clock[0] += 10
    assert stages.seconds == {"making": 3}
    assert Maker.items is plain


def test_every_function_that_a_bench_watches_is_there() -> None:
    """A function that was renamed would count for nothing."""
    for watched in (answers.STAGES, build.stages()):
        for functions in watched.values():
            for owner, name in functions:
                assert callable(getattr(owner, name))


def test_the_memory_of_a_command_is_its_own() -> None:
    """A command that holds 60 MB is told from one that holds nothing, however large the process that started it."""
    small = machine.run([sys.executable, "-c", "pass"])
    large = machine.run([sys.executable, "-c", "held = bytearray(60_000_000); print('held'); raise SystemExit(3)"])
    assert large.output == "held\n"
    assert (small.code, large.code) == (0, 3)
    assert 50 < large.memory - small.memory < 70


def test_a_smaller_folder_is_the_beginning_of_a_larger_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each paragraph is used once, and an article's paragraphs come from one set."""
    lines = {"one": "Harbour", "two": "Bridge"}
    for name, thing in lines.items():
        with lzma.open(tmp_path / f"{name}.tsv.xz", "wt", encoding="utf-8") as file:
            file.writelines(f"question\t{thing} number {number} was built of stone.\n"
                            for number in (1, 1, 2, 3, 4, 5, 6))
    monkeypatch.setattr(corpus, "shared", lambda: tmp_path)
    monkeypatch.setattr(corpus, "WORK", tmp_path / "work")
    monkeypatch.setattr(corpus, "SETS", (("one", 1), ("two", 1)))
    monkeypatch.setattr(corpus, "ARTICLE", 60)
    few, many = corpus.folder(2), corpus.folder(4)
    texts = [path.read_text("utf-8") for path in sorted(many.rglob("*.txt"))]
    assert [path.read_text("utf-8") for path in sorted(few.rglob("*.txt"))] == texts[:2]
    assert texts[0] == "Harbour number 1 was built of stone.\n\nHarbour number 2 was built of stone.\n"
    assert texts[1].startswith("Bridge number 1")
    assert texts[2].startswith("Harbour number 3")
    with pytest.raises(ValueError, match="6 articles, not for 7"):
        corpus.folder(7)


def test_a_million_passages_come_from_all_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first sets the rest follow, each text once, cut where it is long; questions are left out."""
    for name, text in {
        "docs/en-fr": [("One harbour.", "Un port."), ("Two harbours.", "Deux ports.")],
        "docs/en-de": [("One harbour.", "Ein Hafen.")],
        "qa_harbour/en": [("Where is it?", "It lies in the north. " * 60)],
        "mono_questions/en": [("Who built it?", "Ada")],
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with lzma.open(tmp_path / f"{name}.tsv.xz", "wt", encoding="utf-8") as file:
            file.writelines("\t".join(fields) + "\n" for fields in text)
    monkeypatch.setattr(corpus, "shared", lambda: tmp_path)
    monkeypatch.setattr(corpus, "SETS", (("docs/en-fr", 1),))
    monkeypatch.setattr(corpus, "PASSAGE", 5)
    passages = list(corpus.passages())
    assert passages[:2] == ["Un port.", "Deux ports."]
    assert sorted(one for one in passages[2:] if len(one) < 20) == ["Ein Hafen.", "One harbour.", "Two harbours."]
    long = [one for one in passages if len(one) >= 20]
    assert " ".join(long) == ("It lies in the north. " * 60).strip()
    assert max(map(len, long)) <= corpus.LONGEST

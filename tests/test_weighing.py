"""Words weighed in lots, by this process or by another while texts still come: the files are the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from qa import beside, weighing
from qa.lexical import Lexical

WORDS = ["ferry", "harbour", "фонарь", "lanterne", "渡", "12", *(f"w{n}" for n in range(20))]


class Growing:
    """Texts that come one by one, each of some words of a growing vocabulary; every fifth is empty."""

    def __init__(self, count: int) -> None:
        chance = Random(3)
        self.vocabulary: dict[str, int] = {}
        self.texts: list[NDArray[np.int64]] = []
        self._coming = [[chance.choice(WORDS) for _ in range(0 if n % 5 == 4 else 9)] for n in range(count)]

    def come(self) -> bool:
        if len(self.texts) == len(self._coming):
            return False
        words = self._coming[len(self.texts)]
        numbers = [self.vocabulary.setdefault(word, len(self.vocabulary)) for word in words]
        self.texts.append(np.array(numbers, np.int64))
        return True

    def some(self, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        part = self.texts[first:last]
        return np.concatenate([np.zeros(0, np.int64), *part]), np.cumsum([0, *map(len, part)])


def written(folder: Path, count: int = 47) -> dict[str, bytes]:
    """The files of a word index of texts that came one by one."""
    growing = Growing(count)
    writer = weighing.Writer(folder, growing.some, growing.vocabulary)
    try:
        while growing.come():
            writer.advance(len(growing.texts))
        writer.finish(len(growing.texts))
    finally:
        writer.close()
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten texts make a lot, and there are two cores."""
    monkeypatch.setattr(weighing, "AT_ONCE", 10)
    monkeypatch.setattr(weighing, "cores", lambda: 2)


@pytest.fixture
def alone(tmp_path: Path, lots: None) -> dict[str, bytes]:
    """What one process writes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighing, "cores", lambda: 1)
        return written(tmp_path / "alone")


def test_another_process_weighs_as_this_one_does(
    tmp_path: Path, alone: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lots that were weighed there while texts came, and those of one process: the same files, nothing else left."""
    real, here = weighing._Lot.weigh, []
    monkeypatch.setattr(weighing._Lot, "weigh", lambda lot, *given: (here.append(lot.first), real(lot, *given)))
    monkeypatch.setattr(weighing._Beside, "take", lambda self: None)
    assert written(tmp_path / "beside") == alone
    assert here == [40]
    assert sorted(alone) == sorted(
        ["count.json", "lengths.npy", "lists.npy", "rows.npy", "terms.sqlite", "terms_of.npy", "weights.npy"]
    )
    opened = Lexical(tmp_path / "beside")
    assert opened.count == 47
    assert opened.search(["渡"], 47)[0].tolist() == opened.search(["渡"], 99)[0].tolist() != []


def test_texts_that_are_all_there_give_the_same(tmp_path: Path, alone: dict[str, bytes]) -> None:
    """Whether texts came one by one or at once."""
    growing = Growing(47)
    while growing.come():
        pass
    weighing.build(tmp_path / "at once", growing.texts, growing.vocabulary)
    assert {path.name: path.read_bytes() for path in (tmp_path / "at once").iterdir()} == alone


@pytest.mark.parametrize("count", [0, 1, 5, 10, 11, 20])
def test_so_many_texts(tmp_path: Path, lots: None, count: int) -> None:
    """None at all, one, a whole lot, and one more: each text is found by its words."""
    written(tmp_path / "words", count)
    growing = Growing(count)
    while growing.come():
        pass
    opened = Lexical(tmp_path / "words")
    assert opened.count == count
    for word in WORDS:
        holding = [place for place, text in enumerate(growing.texts) if growing.vocabulary.get(word, -1) in text]
        assert sorted(opened.search([word], count)[0].tolist()) == holding


def test_what_a_process_cannot_do_is_done_here(
    tmp_path: Path, alone: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that cannot be started, or that ends over its first lot: the files are the same."""

    def refused(*_: object, **__: object) -> None:
        raise OSError(12, os.strerror(12))

    with monkeypatch.context() as patch:
        patch.setattr(beside, "process", refused)
        assert written(tmp_path / "refused") == alone
    real = beside.process

    def dying(*given: object) -> subprocess.Popen[bytes]:
        started = real(*given)  # type: ignore[arg-type]
        started.kill()
        return started

    with monkeypatch.context() as patch:
        patch.setattr(beside, "process", dying)
        assert written(tmp_path / "dying") == alone


def test_what_a_disk_has_lost_is_said(tmp_path: Path, lots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are shorter than what was written, which nobody was told, are an error of the disk."""
    real = weighing._Lot.keep

    def lost(lot: weighing._Lot, *given: object) -> None:
        real(lot, *given)  # type: ignore[arg-type]
        path = lot.path("held.npy")
        path.write_bytes(path.read_bytes()[:-8])

    monkeypatch.setattr(weighing._Lot, "keep", lost)
    with pytest.raises(OSError, match=r"^what was written cannot be read: "):
        written(tmp_path / "words")


def test_an_interrupted_build_leaves_no_process(tmp_path: Path, lots: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What weighs ends with the build, whatever ends it, and so does its thread."""
    started: list[subprocess.Popen[bytes]] = []
    real = beside.process
    monkeypatch.setattr(beside, "process", lambda *given: started.append(real(*given)) or started[-1])
    growing = Growing(47)
    writer = weighing.Writer(tmp_path / "words", growing.some, growing.vocabulary)
    while growing.come():
        writer.advance(len(growing.texts))
    thread = writer._beside
    assert thread is not None
    writer.close()
    assert not thread.is_alive()
    assert [one.returncode is None for one in started] == [False]

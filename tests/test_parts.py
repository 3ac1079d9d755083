"""A build that did not finish: what it had embedded is found again, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import Build, CountryEncoder, Vectors, write
from hypothesis import given
from hypothesis import strategies as st

import qa
from qa.generations import PARTS
from qa.parts import Parts
from qa.recipe import Recipe

RECIPE = Recipe("countries", "countries", 6)
TEXTS = ["Kenya.", "Japan and Kenya.", "Nowhere."]


def vectors(texts: Sequence[str]) -> Vectors:
    return CountryEncoder().encode_passages(texts)


def kept(folder: Path, texts: Sequence[str] = TEXTS, recipe: Recipe = RECIPE, most: int = 1_000) -> list[bool]:
    """Which of these texts a later build finds."""
    found = Parts(folder, recipe, most).find(texts)
    for vector, expected in zip(found, vectors(texts), strict=True):
        assert vector is None or np.array_equal(vector, expected)
    return [vector is not None for vector in found]


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Two parts, of two texts and of one."""
    written = Parts(tmp_path / "parts", RECIPE, 1_000)
    written.keep(TEXTS[:2], vectors(TEXTS[:2]))
    written.keep(TEXTS[2:], vectors(TEXTS[2:]))
    return tmp_path / "parts"


def test_what_is_kept_is_found_by_its_text(parts: Path) -> None:
    """The vectors come back bit by bit; a text that was not embedded is not there."""
    assert kept(parts, [*TEXTS, "Egypt."]) == [True, True, True, False]


@given(data=st.data())
def test_a_damaged_part_is_no_part(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One bit anywhere, or a cut anywhere, and the whole part is thrown away; the other one stays."""
    folder = tmp_path_factory.mktemp("parts")
    written = Parts(folder, RECIPE, 1_000)
    written.keep(TEXTS[:2], vectors(TEXTS[:2]))
    written.keep(TEXTS[2:], vectors(TEXTS[2:]))
    path = folder / "000001"
    whole = path.read_bytes()
    at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(-1, 7))
    path.write_bytes(whole[:at] if bit < 0 else whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :])
    assert kept(folder) == [False, False, True]
    assert not path.exists()


def test_parts_of_another_model_are_removed(parts: Path) -> None:
    """Vectors of two models never meet, and what is of no use takes no room."""
    assert kept(parts, recipe=Recipe("countries", "others", 6)) == [False] * 3
    assert list(parts.iterdir()) == []


def test_no_more_is_kept_than_the_folder_can_need(parts: Path) -> None:
    """Builds that are killed again and again over changing articles leave no growing heap: the newest parts stay."""
    assert kept(parts, most=len(TEXTS[2]) + 5) == [False, False, True]
    assert [path.name for path in parts.iterdir()] == ["000002"]
    later = Parts(parts, RECIPE, 1_000)
    later.keep(["Egypt."], vectors(["Egypt."]))
    assert kept(parts, [*TEXTS, "Egypt."]) == [False, False, True, True]


def test_a_stranger_among_the_parts_is_removed(parts: Path) -> None:
    """Whatever else lies there, a build goes on."""
    write(parts, {"notes.txt": "x", "000003": '{"rows": 1}\n', "000004": "[]\n", "000005": ""})
    assert kept(parts) == [True, True, True]
    assert sorted(path.name for path in parts.iterdir()) == ["000001", "000002"]


def test_a_disk_without_room_for_parts_stops_nothing(tmp_path: Path) -> None:
    """Parts are a convenience."""
    write(tmp_path, {"file": "x"})
    parts = Parts(tmp_path / "file" / "parts", RECIPE, 1_000)
    parts.keep(TEXTS, vectors(TEXTS))
    assert parts.find(["Kenya."]) == [None]


class Stops(CountryEncoder):
    """Is killed, as it were, when it has embedded so many passages."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        if len(texts) > self._left:
            raise KeyboardInterrupt
        self._left -= len(texts)
        return super().encode_passages(texts)


@pytest.mark.usefixtures("brief_background")
def test_a_build_goes_on_where_the_last_one_stopped(
    build: Build, tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the rest is embedded, in the end the index is that of a build without interruption, and no part is left."""
    monkeypatch.setattr("qa.embedding._BATCH", 4)
    folder = write(tmp_path / "a", {f"{number:02}.txt": f"Kenya has {number} boats." for number in range(20)})
    with pytest.raises(KeyboardInterrupt):
        build(folder, encoder=Stops(9))
    with pytest.raises(KeyboardInterrupt):
        build(folder, encoder=Stops(5))
    write(folder, {"01.txt": "Japan has one boat."})
    encoder = CountryEncoder()
    monkeypatch.setattr("qa.build.background", lambda *_: {})
    report = build(folder, encoder=encoder)
    assert (report.passages, report.embedded, report.reused, report.resumed) == (20, 9, 11, 11)
    assert len(encoder.embedded) == 9
    assert not (index / PARTS).exists()
    qa.rebuild(folder, index=tmp_path / "fresh", encoder=encoder)
    for question in ("Kenya?", "Japan?", "17 boats"):
        assert qa.retrieve(question, k=50, index=index, encoder=encoder) == qa.retrieve(
            question, k=50, index=tmp_path / "fresh", encoder=encoder)

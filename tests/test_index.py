"""Generations on disk: written aside, switched at once, verified before use, one builder at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ARTICLES, Build, CountryEncoder, write
from hypothesis import given
from hypothesis import strategies as st

import qa
from qa.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing
from qa.index import CURRENT, GENERATIONS, LOCK, building, next_generation, open_index, read_manifest, verify
from qa.store import MANIFEST


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index that is as it was written; tests damage copies of it."""
    root = tmp_path_factory.mktemp("sound")
    qa.rebuild(write(root / "articles", ARTICLES), index=root / "index", encoder=CountryEncoder())
    return root / "index"


def files(index: Path) -> list[str]:
    return sorted(path.relative_to(index).as_posix() for path in index.rglob("*") if path.is_file())


def flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def _last_flipped(path: Path) -> None:
    if path.stat().st_size:
        flip(path, -1)
    else:
        path.write_bytes(b"x")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "a bit flipped": _last_flipped,
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-2]) if path.stat().st_size else path.unlink(),
    "grown": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "gone": Path.unlink,
    "a folder": lambda path: (path.unlink(), path.mkdir())[0],
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_any_file_is_found_and_named(sound: Path, tmp_path: Path, kind: str) -> None:
    """Whichever file of a generation is damaged, nothing is answered from it, and `verify` says which it is."""
    names = [name for name in files(sound) if name.startswith(GENERATIONS) and not name.endswith(MANIFEST)]
    assert len(names) > 5
    for number, name in enumerate(names):
        copy = shutil.copytree(sound, tmp_path / str(number))
        DAMAGES[kind](copy / name)
        with pytest.raises(IndexDamaged, match="qa rebuild --full") as caught:
            open_index(copy, CountryEncoder())
        assert name in str(caught.value)
        [line] = verify(copy)
        assert name in line


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("name", [CURRENT, f"{GENERATIONS}/000001/{MANIFEST}"])
def test_damage_of_what_describes_the_index_is_found(sound: Path, tmp_path: Path, name: str, kind: str) -> None:
    """Nor is anything answered when the file that names the generation, or the one that describes it, is damaged."""
    copy = shutil.copytree(sound, tmp_path / "copy")
    DAMAGES[kind](copy / name)
    with pytest.raises((IndexDamaged, IndexMissing), match="qa rebuild"):
        open_index(copy, CountryEncoder())
    with pytest.raises((IndexDamaged, IndexMissing), match="qa rebuild"):
        verify(copy)


@given(st.data())
def test_no_single_bit_goes_unnoticed(sound: Path, data: st.DataObject) -> None:
    """A bit flipped anywhere in any file is damage."""
    name = data.draw(st.sampled_from([name for name in files(sound) if (sound / name).stat().st_size and name != LOCK]))
    at = data.draw(st.integers(0, (sound / name).stat().st_size - 1))
    bit = data.draw(st.integers(0, 7))
    flip(sound / name, at, bit)
    try:
        try:
            found = verify(sound)
        except IndexDamaged:
            found = [name]
        assert len(found) == 1
        assert name in found[0]
    finally:
        flip(sound / name, at, bit)
    assert verify(sound) == []


@pytest.mark.usefixtures("brief_background")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (CURRENT, "gone"),
        (CURRENT, "a bit flipped"),
        (MANIFEST, "cut short"),
        ("articles.sqlite", "a bit flipped"),
        ("vectors.faiss", "grown"),
        ("words/*", "a folder"),
        ("words/*", "gone"),
    ],
)
def test_a_rebuild_mends_any_damage(build: Build, folder: Path, index: Path, name: str, kind: str) -> None:
    """After a plain rebuild the index is whole again, and nothing was taken over from the damaged one."""
    passages = build(folder).passages
    DAMAGES[kind](min(path for path in index.rglob(name) if path.is_file()))
    report = build(folder)
    assert (report.embedded, report.reused) == (passages, 0)
    assert verify(index) == []
    assert qa.retrieve("Kenya?", index=index, encoder=CountryEncoder())[0].file == "2021/harbour.md"


def test_no_index_says_how_to_build_one(tmp_path: Path) -> None:
    """The message is the command to type, with the index it is about."""
    with pytest.raises(IndexMissing, match=rf"qa rebuild FOLDER --index {tmp_path}/nowhere"):
        qa.ask("Kenya?", index=tmp_path / "nowhere")
    write(tmp_path, {"file": "x"})
    with pytest.raises(IndexMissing, match="qa rebuild"):
        qa.ask("Kenya?", index=tmp_path / "file")


def test_an_index_of_another_format_is_no_damage(sound: Path, tmp_path: Path) -> None:
    """An index of another version of qa is sound; it is only not for this one."""
    import hashlib

    copy = shutil.copytree(sound, tmp_path / "copy")
    manifest = copy / GENERATIONS / "000001" / MANIFEST
    text = manifest.read_text("utf-8").replace('"format": 1,', '"format": 999,')
    manifest.write_text(text, "utf-8")
    (copy / CURRENT).write_text(json.dumps({"generation": 1, "manifest": hashlib.sha256(text.encode()).hexdigest()}))
    with pytest.raises(IndexMismatch, match=r"another version of qa.*999.*qa rebuild"):
        qa.ask("Kenya?", index=copy)


@pytest.mark.parametrize("other", [CountryEncoder(fingerprint="others")])
def test_a_question_never_meets_vectors_of_another_model(sound: Path, other: CountryEncoder) -> None:
    """An encoder whose files are others than those the index was made with is refused."""
    with pytest.raises(IndexMismatch, match=r"another version of the model 'countries'.*qa rebuild"):
        qa.ask("Kenya?", index=sound, encoder=other)


def test_an_open_index_is_not_opened_again(sound: Path) -> None:
    """Until a rebuild, each question meets the same open generation."""
    encoder = CountryEncoder()
    assert open_index(sound, encoder) is open_index(str(sound), encoder) is open_index(sound)


@pytest.mark.usefixtures("brief_background")
def test_two_builders_cannot_meet(build: Build, folder: Path, index: Path) -> None:
    """While one builds, a second is told who does; the index still answers; afterwards it is free again."""
    build(folder)
    with building(index) as aside:
        (aside / "half").write_text("written")
        with pytest.raises(IndexBusy, match=r"is being built by process \d+ on "):
            build(folder, full=True)
        assert (aside / "half").exists()
        assert qa.retrieve("Kenya?", index=index, encoder=CountryEncoder())[0].file == "2021/harbour.md"
    assert build(folder, full=True).generation == 2


@pytest.mark.usefixtures("brief_background")
def test_what_a_killed_build_left_is_cleared(build: Build, folder: Path, index: Path) -> None:
    """Neither a half-written generation nor a complete one that was never switched to stands in the way."""
    build(folder)
    write(index, {f"{GENERATIONS}/building/articles.sqlite": "half", f"{CURRENT}.new": "half"})
    shutil.copytree(index / GENERATIONS / "000001", index / GENERATIONS / "000002")
    assert build(folder, full=True).generation == 3
    assert not (index / GENERATIONS / "building").exists()
    assert verify(index) == []


@pytest.mark.usefixtures("brief_background")
def test_the_generation_before_is_kept_for_its_readers_and_no_more(build: Build, folder: Path, index: Path) -> None:
    """Two generations lie on disk: the current one and the one before it."""
    for _ in range(4):
        build(folder, full=True)
    assert sorted(path.name for path in (index / GENERATIONS).iterdir()) == ["000003", "000004"]
    assert next_generation(index) == 5


def test_a_manifest_tells_how_it_was_made(sound: Path) -> None:
    """The index remembers its model, its folder and each file's checksum."""
    manifest = read_manifest(sound)
    assert (manifest.recipe.model, manifest.recipe.fingerprint, manifest.recipe.dimension) == (
        "countries",
        "countries",
        6,
    )
    assert manifest.folder == str(sound.parent / "articles")
    assert {f"{GENERATIONS}/000001/{name}" for name in manifest.files} == {
        name for name in files(sound) if name.startswith(GENERATIONS) and not name.endswith(MANIFEST)
    }

"""Generations on disk: written aside, switched at once, verified before use, one builder at a time."""

from __future__ import annotations

import gc
import os
import shutil
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ARTICLES, Build, CountryEncoder, write
from hypothesis import given
from hypothesis import strategies as st

import qa
from qa import generations
from qa.errors import IndexBusy, IndexDamaged, IndexMismatch, IndexMissing
from qa.generations import CURRENT, GENERATIONS, LOCK, MANIFEST, pointer, read_manifest, verify, whole
from qa.index import open_index
from qa.switching import building, next_generation


def built(root: Path, *states: dict[str, str]) -> Path:
    """An index of as many generations as there are states of its folder."""
    for number, state in enumerate(states):
        folder = write(root / "articles", state)
        qa.rebuild(folder, index=root / "index", encoder=CountryEncoder(), full=number > 0)
    return root / "index"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of one generation that is as it was written; tests damage copies of it."""
    return built(tmp_path_factory.mktemp("sound"), ARTICLES)


# The second generation answers another file to the same question.
LATER = {"2021/harbour.md": "Japan takes over the harbour of the blue ferries.", "egipet.txt": "Kenya opens a museum."}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two generations, both as they were written."""
    return built(tmp_path_factory.mktemp("two"), ARTICLES, {**ARTICLES, **LATER})


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
    """Whichever file of the only generation is damaged, nothing is answered from it, and `verify` says which it is."""
    names = [name for name in files(sound) if name.startswith(GENERATIONS)]
    assert len(names) > 6
    for number, name in enumerate(names):
        copy = shutil.copytree(sound, tmp_path / str(number))
        DAMAGES[kind](copy / name)
        with pytest.raises(IndexDamaged, match="qa rebuild --full") as caught:
            open_index(copy, CountryEncoder())
        assert name in str(caught.value)
        [line] = caught.value.files
        assert name in line
        assert verify(copy) == [line]


@pytest.mark.parametrize("kind", DAMAGES)
def test_the_generation_before_takes_over(two: Path, tmp_path: Path, kind: str) -> None:
    """Whichever file of the current generation is damaged, the one before answers, and says why."""
    encoder = CountryEncoder()
    assert qa.retrieve("Kenya?", index=two, encoder=encoder)[0].file == "egipet.txt"
    for number, name in enumerate(name for name in files(two) if "/000002/" in name):
        copy = shutil.copytree(two, tmp_path / str(number))
        DAMAGES[kind](copy / name)
        answer = qa.ask("Kenya?", index=copy, encoder=encoder)
        assert (answer.generation, answer.hits[0].file) == (1, "2021/harbour.md")
        assert answer.warning is not None
        assert name in answer.warning
        assert "generation 1, built 20" in answer.warning
        assert answer.warning.endswith("Mend the index with: qa rebuild")
        assert qa.status(copy).warning == answer.warning
        assert [name in line for line in verify(copy)] == [True]


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_the_generation_before_disturbs_no_answer(two: Path, tmp_path: Path, kind: str) -> None:
    """It is named by `verify` all the same."""
    for number, name in enumerate(name for name in files(two) if "/000001/" in name):
        copy = shutil.copytree(two, tmp_path / str(number))
        DAMAGES[kind](copy / name)
        answer = qa.ask("Kenya?", index=copy, encoder=CountryEncoder())
        assert (answer.generation, answer.warning) == (2, None)
        assert [name in line for line in verify(copy)] == [True]


def test_with_no_generation_whole_all_damage_is_named(two: Path, tmp_path: Path) -> None:
    """Nothing answers, and the error names a file of each."""
    copy = shutil.copytree(two, tmp_path / "copy")
    for name in ("000001/vectors.faiss", "000002/articles.sqlite"):
        flip(copy / GENERATIONS / name, 40)
    with pytest.raises(IndexDamaged, match=r"000002/articles.sqlite: changed.*qa rebuild --full") as caught:
        qa.ask("Kenya?", index=copy, encoder=CountryEncoder())
    assert [line.split("/")[-2:] for line in caught.value.files] == [
        ["000002", "articles.sqlite: changed since it was written"],
        ["000001", "vectors.faiss: changed since it was written"],
    ]


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_what_names_the_generation_is_found(two: Path, tmp_path: Path, kind: str) -> None:
    """Without a sound CURRENT the newest whole generation answers, and says so."""
    copy = shutil.copytree(two, tmp_path / "copy")
    DAMAGES[kind](copy / CURRENT)
    answer = qa.ask("Kenya?", index=copy, encoder=CountryEncoder())
    assert answer.generation == 2
    assert answer.warning is not None
    assert f"{copy / CURRENT}: " in answer.warning
    [line] = verify(copy)
    assert line.startswith(f"{copy / CURRENT}: ")


def test_a_generation_under_another_number_is_damage(two: Path, tmp_path: Path) -> None:
    """A whole generation that CURRENT does not mean is not taken for the one it means."""
    copy = shutil.copytree(two, tmp_path / "copy")
    shutil.rmtree(copy / GENERATIONS / "000002")
    shutil.copytree(copy / GENERATIONS / "000001", copy / GENERATIONS / "000002")
    answer = qa.ask("Kenya?", index=copy, encoder=CountryEncoder())
    assert answer.generation == 1
    assert "000002/manifest.json: belongs to another generation" in str(answer.warning)


@pytest.mark.usefixtures("brief_background")
def test_a_rebuild_takes_over_from_the_generation_before(build: Build, folder: Path, index: Path) -> None:
    """When the current one is damaged, what the one before holds is not embedded again, and the damaged one goes."""
    build(folder)
    build(write(folder, LATER))
    flip(index / GENERATIONS / "000002" / "vectors.faiss", -1)
    report = build(folder)
    assert (report.generation, report.embedded, report.reused) == (3, 2, 3)
    assert sorted(path.name for path in (index / GENERATIONS).iterdir()) == ["000001", "000003"]
    assert verify(index) == []


@given(st.data())
def test_no_single_bit_goes_unnoticed(two: Path, data: st.DataObject) -> None:
    """A bit flipped anywhere in any file is damage, and no question meets it."""
    name = data.draw(st.sampled_from([name for name in files(two) if (two / name).stat().st_size and name != LOCK]))
    at = data.draw(st.integers(0, (two / name).stat().st_size - 1))
    bit = data.draw(st.integers(0, 7))
    flip(two / name, at, bit)
    try:
        [line] = verify(two)
        assert name in line
        found = whole(two)
        assert found.manifest.generation == (1 if "000002" in name else 2)
        assert found.damaged == (() if "000001" in name else (line,))
    finally:
        flip(two / name, at, bit)
    assert verify(two) == []


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
    """After a plain rebuild the index is whole again, and nothing was taken over from a damaged generation."""
    passages = build(folder).passages
    DAMAGES[kind](min(path for path in index.rglob(name) if path.is_file()))
    report = build(folder)
    assert (report.embedded, report.reused) == ((0, passages) if name == CURRENT else (passages, 0))
    assert report.generation == (1 if (name, kind) == (CURRENT, "gone") else 2)
    assert verify(index) == []
    assert qa.status(index).warning is None
    assert qa.retrieve("Kenya?", index=index, encoder=CountryEncoder())[0].file == "2021/harbour.md"


def test_no_index_says_how_to_build_one(tmp_path: Path) -> None:
    """The message is the command to type, with the index it is about."""
    with pytest.raises(IndexMissing, match=rf"qa rebuild FOLDER --index {tmp_path}/nowhere"):
        qa.ask("Kenya?", index=tmp_path / "nowhere")
    write(tmp_path, {"file": "x"})
    with pytest.raises(IndexMissing, match="qa rebuild"):
        qa.ask("Kenya?", index=tmp_path / "file")


def test_an_index_of_another_format_is_no_damage(two: Path, tmp_path: Path) -> None:
    """An index of another version of qa is sound; it is only not for this one, and the one before is no substitute."""
    copy = shutil.copytree(two, tmp_path / "copy")
    manifest = whole(copy).manifest
    text, checksum = replace(manifest, recipe=replace(manifest.recipe, format=999)).sealed()
    (copy / GENERATIONS / "000002" / MANIFEST).write_bytes(text)
    (copy / CURRENT).write_bytes(pointer(2, checksum))
    for look in (lambda: qa.ask("Kenya?", index=copy), lambda: qa.status(copy), lambda: verify(copy)):
        with pytest.raises(IndexMismatch, match=r"another version of qa.*999.*qa rebuild"):
            look()
    assert qa.rebuild(two.parent / "articles", index=copy, encoder=CountryEncoder()).reused == 0


def test_an_index_of_the_first_format_is_no_damage(sound: Path, tmp_path: Path) -> None:
    """Its manifests carried no checksum of their own."""
    copy = shutil.copytree(sound, tmp_path / "copy")
    (copy / GENERATIONS / "000001" / MANIFEST).write_text('{\n "format": 1,\n "generation": 1}')
    with pytest.raises(IndexMismatch, match=r"another version of qa.*format 1,.*qa rebuild"):
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
        with pytest.raises(IndexBusy, match=r"is being built by process \d+ on \S+ since 20\S+\+00:00\."):
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
    write(index, {f"{GENERATIONS}/leaving/articles.sqlite": "half"})
    assert build(folder).generation == 1
    assert sorted(path.relative_to(index).as_posix() for path in index.rglob("*")
                  if not {"words", "cuts"} & {path.parent.name, path.name})[:5] == [
        CURRENT, GENERATIONS, f"{GENERATIONS}/000001", *sorted(
            f"{GENERATIONS}/000001/{name}" for name in ("articles.sqlite", "manifest.json"))]
    assert build(folder, full=True).generation == 2
    assert verify(index) == []


@pytest.mark.usefixtures("brief_background")
def test_the_generation_before_is_kept_for_its_readers_and_no_more(build: Build, folder: Path, index: Path) -> None:
    """Two generations lie on disk: the current one and the one before it."""
    for _ in range(4):
        build(folder, full=True)
    assert sorted(path.name for path in (index / GENERATIONS).iterdir()) == ["000003", "000004"]
    assert next_generation(index) == 5


@pytest.mark.usefixtures("brief_background")
def test_a_generation_that_nobody_reads_any_more_is_closed(
    build: Build, folder: Path, index: Path, encoder: CountryEncoder
) -> None:
    """Its files are let go at once, not when Python next looks for circles; one that is still read stays open."""
    def open_databases() -> list[str]:
        links = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        return sorted(Path(link).name.removesuffix(" (deleted)") for link in links
                      if link.startswith(str(index)) and ".sqlite" in link)

    gc.disable()
    try:
        build(folder)
        read = open_index(index, encoder)
        for _ in range(3):
            build(folder, full=True)
            qa.ask("Kenya?", index=index, encoder=encoder)
        assert open_databases() == ["articles.sqlite"] * 2 + ["terms.sqlite"] * 2
        del read
        assert open_databases() == ["articles.sqlite", "terms.sqlite"]
    finally:
        gc.enable()


def test_a_process_that_asks_many_indexes_keeps_few_open(sound: Path, tmp_path: Path, encoder: CountryEncoder) -> None:
    """Those asked last; one that has been let go is opened again when it is asked."""
    places = [shutil.copytree(sound, tmp_path / str(number)) for number in range(9)]
    first, second, third = (weakref.ref(open_index(place, encoder).store) for place in places[:3])
    for place in (*places[3:8], places[0], places[8]):
        open_index(place, encoder)
    assert open_index(places[0], encoder).store is first()
    assert second() is None
    assert open_index(places[1], encoder).manifest.generation == 1
    assert third() is None


def test_a_manifest_tells_how_it_was_made(sound: Path) -> None:
    """The index remembers its model, its folder and each file's checksum."""
    manifest = whole(sound).manifest
    assert (manifest.recipe.model, manifest.recipe.fingerprint, manifest.recipe.dimension) == (
        "countries",
        "countries",
        6,
    )
    assert manifest.folder == str(sound.parent / "articles")
    assert {f"{GENERATIONS}/000001/{name}" for name in manifest.files} == {
        name for name in files(sound) if name.startswith(GENERATIONS) and not name.endswith(MANIFEST)
    }


# --- articles that changed since ----------------------------------------------------------------------------


@pytest.mark.usefixtures("brief_background")
def test_a_hit_says_that_its_file_has_changed_since(build: Build, folder: Path, index: Path) -> None:
    """Another text under the same name is said; the same text written again is no change; nor is a folder that is
    elsewhere."""
    build(folder)

    def changed() -> dict[str, bool]:
        hits = qa.retrieve("Kenya?", k=5, index=index, encoder=CountryEncoder())
        return {hit.file: hit.to_dict()["changed"] for hit in hits}

    assert changed() == dict.fromkeys(ARTICLES, False)
    write(folder, {"2021/harbour.md": ARTICLES["2021/harbour.md"], "egipet.txt": "Kenya."})
    (folder / "2021/reis.txt").unlink()
    (folder / "巴西.txt").unlink()
    (folder / "巴西.txt").mkdir()
    assert changed() == {
        file: file in ("egipet.txt", "巴西.txt") for file in ARTICLES if file != "2021/reis.txt"
    }
    folder.rename(folder.with_name("elsewhere"))
    assert changed() == dict.fromkeys(ARTICLES, False)


@pytest.mark.usefixtures("brief_background")
def test_a_deleted_file_is_never_cited(build: Build, folder: Path, index: Path) -> None:
    """From the moment it is deleted, before any rebuild, nothing of it answers; the next best does. A folder that holds
    none of its files any more is one that is elsewhere."""
    build(folder)
    assert qa.ask("Kenya?", index=index, encoder=CountryEncoder()).answered
    (folder / "2021/harbour.md").unlink()
    answer = qa.ask("Kenya?", k=9, index=index, encoder=CountryEncoder())
    assert {hit.file for hit in answer.hits} == set(ARTICLES) - {"2021/harbour.md"}
    assert not answer.answered
    for path in list(folder.rglob("*.txt")):
        path.unlink()
    hits = qa.retrieve("Kenya?", index=index, encoder=CountryEncoder())
    assert (hits[0].file, hits[0].changed) == ("2021/harbour.md", True)


@pytest.mark.usefixtures("brief_background")
def test_a_first_build_that_was_stopped_before_its_switch_is_no_damage(build: Build, folder: Path, index: Path) -> None:
    """Its generation answers, and the next build switches to it before anything else: also when it is stopped."""
    build(folder)
    (index / CURRENT).unlink()
    assert qa.ask("Kenya?", index=index, encoder=CountryEncoder()).warning is None

    def stop(progress: qa.Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(folder, progress=stop)
    assert (index / CURRENT).exists()
    assert verify(index) == []
    assert build(folder).generation == 1


# --- a comparison begun beforehand ------------------------------------------------------------------------------


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The files compared with their checksums so far."""
    names: list[str] = []
    real = generations.checksum

    def noted(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(generations, "checksum", noted)
    yield names
    generations._begun.clear()


def test_what_was_begun_is_not_done_again(sound: Path, compared: list[str]) -> None:
    """Each file is compared once; the next look compares them anew."""
    generations.begin(sound)
    found = whole(sound)
    once = sorted(Path(name).name for name in found.manifest.files)
    assert sorted(compared) == once
    assert whole(sound) == found
    assert sorted(compared) == sorted(2 * once)


def test_a_switch_after_the_beginning_is_noticed(two: Path, tmp_path: Path, compared: list[str]) -> None:
    """What was begun before a rebuild switched does not answer after it."""
    copy = shutil.copytree(two, tmp_path / "index")
    now = (copy / CURRENT).read_bytes()
    before = read_manifest(copy / GENERATIONS / "000001", copy)[1]
    (copy / CURRENT).write_bytes(pointer(1, before))
    generations.begin(copy)
    generations._begun[str(copy)].join()
    (copy / CURRENT).write_bytes(now)
    assert whole(copy).manifest.generation == 2
    assert compared


@pytest.mark.usefixtures("compared")
def test_damage_is_named_alike_however_it_was_begun(sound: Path, tmp_path: Path) -> None:
    """The message is the same, and every damaged file is named, in the order of their names."""
    copy = shutil.copytree(sound, tmp_path / "index")
    names = sorted(whole(copy).manifest.files)
    for name in names:
        _last_flipped(copy / GENERATIONS / "000001" / name)
    with pytest.raises(IndexDamaged) as plain:
        whole(copy)
    generations.begin(copy)
    with pytest.raises(IndexDamaged) as begun:
        whole(copy)
    assert begun.value.args == plain.value.args
    assert begun.value.files == plain.value.files
    assert [line.partition(":")[0] for line in begun.value.files] == [
        str(copy / GENERATIONS / "000001" / name) for name in names]


def test_an_index_that_is_not_there_is_told_where_it_is_asked(tmp_path: Path) -> None:
    """Beginning raises nothing."""
    generations.begin(tmp_path / "none")
    with pytest.raises(IndexMissing):
        whole(tmp_path / "none")

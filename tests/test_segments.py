"""Segments: an index of several gives what an index built at once gives, and shares what has not changed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from conftest import CountryEncoder, write
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import qa
from qa import merging
from qa.encoder import load
from qa.engine import Within
from qa.generations import GENERATIONS, MANIFEST, read_manifest, verify, whole
from qa.index import open_index
from qa.merging import shared
from qa.runs import Runs
from qa.segments import LATER, REMOVED, RUNS, Segments, opened
from qa.store import Store

pytestmark = pytest.mark.usefixtures("brief_background", "settled")

WORDS = ("Kenya ferry harbour dawn coffee Egypt bridge canal tram Japan harvest basket farmer France lantern quay"
         " Brazil museum mill Sunday café Łódź 中国 港 Египет мост 12 3.5").split()
NAMES = [f"{folder}{name}.txt" for folder in ("", "2019/", "zoo/") for name in ("ant", "bee", "cat", "dog", "eel")]
QUESTIONS = ("ferry harbour Kenya", "Египет мост", "港 中国", "When is the harvest in Japan?", "tram 12 café", "mill",
             "肯尼 尼亚")  # which spell Kenya


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is taken to be as it was sooner after it was written, so that tests need not wait."""
    monkeypatch.setattr("qa.build._SETTLED", 5_000_000)


@pytest.fixture
def segmented(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`segmented(share, small)`: from now on small indexes too share segments."""

    def set_to(share: float = 1.0, small: int = 0, measured_anew: bool = True) -> None:
        monkeypatch.setattr(merging, "SHARED_FROM", 0)
        monkeypatch.setattr(merging, "SHARE", share)
        monkeypatch.setattr(merging, "SMALL", small)
        monkeypatch.setattr("qa.build._KEPT_FROM", 10**9 if measured_anew else 0)

    return set_to


def text(chance: random.Random) -> str:
    """An article of one to many passages, dated or not, in one of several languages."""
    heads = ["", "A short heading\n\n", f"{chance.randint(1, 28)}/0{chance.randint(1, 9)}/2019\n\n"]
    words = [*WORDS, *(f"rare{chance.randrange(500)}" for _ in range(9))]  # which few articles hold
    sentences = [" ".join(chance.choices(words, k=chance.randint(3, 12))) + "."
                 for _ in range(chance.choice((1, 4, 60)))]
    return chance.choice(heads) + " ".join(sentences) + "\n"


def edited(folder: Path, chance: random.Random) -> None:
    """A few things that happen between two builds."""
    for _ in range(chance.randint(1, 3)):
        path = folder / chance.choice(NAMES)
        match chance.randint(0, 5):
            case 0 if path.exists():
                path.unlink()
            case 1 if path.exists():
                os.utime(path, (1, 1))
            case 2 if path.exists():
                path.rename(folder / f"r{chance.randint(0, 9)}-{path.name}")
            case 3:
                write(folder, {path.relative_to(folder).as_posix(): b"\0" * 40})
            case _:
                write(folder, {path.relative_to(folder).as_posix(): text(chance)})
    time.sleep(0.012)


def assert_same(one: qa.engine.Engine, other: qa.engine.Engine) -> None:
    """All that an engine gives, of two."""
    every = np.arange(one.count)
    mixed = np.random.default_rng(one.count).permutation(one.count)[:40]
    assert one.count == other.count
    assert one.passages(mixed.tolist()) == other.passages(mixed.tolist())
    assert one.files_of(every) == other.files_of(every)
    assert one.languages_of(mixed) == other.languages_of(mixed)
    assert_array_equal(one.undated_of(every), other.undated_of(every))
    assert_array_equal(one.vectors(mixed), other.vectors(mixed))
    facts = [{file: (known.size, known.sha256) for file, known in engine.known().items()}
             for engine in (one, other)]
    assert facts[0] == facts[1]
    assert list(facts[0]) == sorted(facts[1])
    for file in ("ant.txt", "zoo/cat.txt", "nowhere.txt", *list(facts[0])[:3]):
        assert_array_equal(one.rows_of(file), other.rows_of(file))
        assert one.article(file) == other.article(file)
        assert (one.known_file(file) is None) == (other.known_file(file) is None)
    assert one.languages() == other.languages()
    assert one.languages_of_files() == other.languages_of_files()
    assert one.passages_in() == other.passages_in()
    assert (one.dated(), one.span(), one.undated(None), one.undated("zoo/*")) == (
        other.dated(), other.span(), other.undated(None), other.undated("zoo/*"))
    assert set(one.titles(3)) <= set(other.titles(99))
    assert sorted(one.titles(99)) == sorted(other.titles(99))
    cuts, others = one.cuts.of(mixed), other.cuts.of(mixed)
    for name in ("bounds", "counts", "titles", "totals", "lengths", "tokens", "firsts"):
        assert_array_equal(getattr(cuts, name), getattr(others, name))
    pairs = set(zip(cuts.all_words.tolist(), others.all_words.tolist(), strict=True))
    assert len(pairs) == len({word for word, _ in pairs}) == len({word for _, word in pairs})  # numbered otherwise
    encoder = CountryEncoder()
    for question in QUESTIONS:
        words = question.lower().replace("?", "").split()
        assert one.lexical.rarity(words) == other.lexical.rarity(words)
        assert_allclose(one.lexical.scores(words, mixed), other.lexical.scores(words, mixed), rtol=1e-5)
        covered = [engine.lexical.covered(words, mixed, own) for engine, own in ((one, cuts), (other, others))]
        assert_array_equal(covered[0][1], covered[1][1])
        for engine, (scores, _) in zip((one, other), covered, strict=True):
            assert_allclose(scores, engine.lexical.scores(words, mixed), rtol=1e-5)
        for within in (Within(), Within(file="zoo/*"), Within(language="en"), Within(since=date(2019, 3, 1)),
                       Within(until=date(2019, 5, 1), undated=True)):
            by_words = [engine.nearest_by_words(words, 7, within) for engine in (one, other)]
            assert_array_equal(by_words[0][0], by_words[1][0])
            assert_allclose(by_words[0][1], by_words[1][1], rtol=1e-5)
            nearest = [engine.nearest(encoder.encode_question(question), 7, within) for engine in (one, other)]
            assert_array_equal(nearest[0][1], nearest[1][1])
            certain = nearest[0][1] > nearest[0][1].min(initial=1)  # of equal last ones FAISS chooses any
            assert_array_equal(nearest[0][0][certain], nearest[1][0][certain])
    vectors = np.stack([encoder.encode_question(question) for question in QUESTIONS])
    assert_allclose(one.nearest_to_each(vectors, 1)[:, 0] >= 0, other.nearest_to_each(vectors, 1)[:, 0] >= 0)


@pytest.mark.parametrize(("share", "small"), [(1.0, 0), (1.0, 10**9), (0.6, 3)])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(
    1, int(os.environ.get("QA_FUZZ", "60")) // 30))])
def test_an_index_of_segments_is_one_built_at_once(tmp_path: Path, segmented: Callable[..., None], seed: int,
                                                   share: float, small: int) -> None:
    """After any edits every question to the engine has the same answer, in the same rows; equal texts have equal scores
    whatever segments they lie in."""
    chance, encoder = random.Random(seed), CountryEncoder()
    folder, index = write(tmp_path / "articles", {name: text(chance) for name in NAMES[::2]}), tmp_path / "index"
    seen: set[int] = set()
    time.sleep(0.012)
    for number in range(12):
        segmented(share, small)
        qa.rebuild(folder, index=index, encoder=encoder)
        merging.SHARED_FROM = 10**9
        qa.rebuild(folder, index=tmp_path / f"fresh{number}", encoder=encoder)
        mine, fresh = open_index(index, encoder), open_index(tmp_path / f"fresh{number}", encoder)
        assert isinstance(fresh.store, Store)
        seen.add(len(mine.store.parts) if isinstance(mine.store, Segments) else 0)
        assert_same(mine.store, fresh.store)
        assert (mine.manifest.articles, mine.manifest.passages) == (fresh.manifest.articles, fresh.manifest.passages)
        assert verify(index) == []
        edited(folder, chance)
    assert {0, 2} <= seen
    assert max(seen) > 2 if small == 0 else max(seen) == 2 if small == 10**9 else max(seen) >= 2


def test_answers_of_a_light_encoder_are_the_same(tmp_path: Path, segmented: Callable[..., None],
                                                 static_model: Path) -> None:
    """With tokens and units, too, every figure of every hit."""
    chance, light = random.Random(3), load(str(static_model))
    folder, index = write(tmp_path / "articles", {name: text(chance) for name in NAMES}), tmp_path / "index"
    for _ in range(5):
        time.sleep(0.012)
        segmented()
        qa.rebuild(folder, index=index, encoder=light)
        edited(folder, chance)
    qa.rebuild(folder, index=index, encoder=light)
    qa.rebuild(folder, index=tmp_path / "fresh", encoder=light)
    assert isinstance(open_index(index, light).store, Segments)
    for question in QUESTIONS:
        mine, fresh = (qa.ask(question, k=9, index=where, encoder=light).to_dict()
                       for where in (index, tmp_path / "fresh"))
        assert [hit["text"] for hit in mine["hits"]] == [hit["text"] for hit in fresh["hits"]]
        for hit, other in zip(mine["hits"], fresh["hits"], strict=True):
            assert hit == {name: pytest.approx(value, abs=1e-5) if isinstance(value, float) else value
                           for name, value in other.items()}
        assert mine["confidence"] == pytest.approx(fresh["confidence"], abs=1e-4)


def test_equal_texts_in_two_segments_have_equal_scores(tmp_path: Path, segmented: Callable[..., None]) -> None:
    """To the bit, so that the earlier file comes first, as it does in an index built at once."""
    segmented()
    chance = random.Random(5)
    folder, index = write(tmp_path / "articles", {name: text(chance) for name in NAMES}), tmp_path / "index"
    same = "The ferry leaves the harbour of Kenya at dawn, and the ferry comes back with coffee on Sunday."
    write(folder, {"zebra.txt": same})
    time.sleep(0.012)
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    write(folder, {"aardvark.txt": same, "bee.txt": "Egypt."})
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    store = open_index(index, CountryEncoder()).store
    rows = np.array([store.rows_of(file)[0] for file in ("aardvark.txt", "zebra.txt")])
    for question in ("ferry", "harbour kenya", "coffee sunday dawn ferry"):
        first, second = store.lexical.scores(question.split(), rows).tolist()
        assert first == second > 0
        found = store.files_of(store.nearest_by_words(question.split(), 100)[0])
        assert found.index("aardvark.txt") == found.index("zebra.txt") - 1


# --- what is shared -----------------------------------------------------------------------------------------


@pytest.fixture
def two(tmp_path: Path, segmented: Callable[..., None]) -> tuple[Path, Path]:
    """(folder, index) of two generations, of which the second shares the first's segment."""
    segmented()
    folder = write(tmp_path / "articles", {name: f"{name} tells of Kenya and of the ferry." for name in NAMES})
    time.sleep(0.012)
    index = tmp_path / "index"
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    write(folder, {"bee.txt": "Japan counts its bees."})
    time.sleep(0.012)
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    return folder, index


def generation(index: Path, number: int) -> Path:
    return index / GENERATIONS / f"{number:06}"


def test_what_has_not_changed_is_shared(two: tuple[Path, Path]) -> None:
    """The files of the large segment are the same on disk; of the changed article alone anything is written."""
    _, index = two
    first, second = generation(index, 1), generation(index, 2)
    for path in first.rglob("*"):
        if path.is_file() and path.name != MANIFEST:
            assert path.samefile(second / path.relative_to(first))
    [own] = (second / LATER).iterdir()
    with Store(own) as store:
        assert list(store.known()) == ["bee.txt"]
    assert {path.name for path in second.iterdir()} - {path.name for path in first.iterdir()} == {LATER, RUNS, REMOVED}
    before, _ = read_manifest(first, index)
    assert whole(index).manifest.files["vectors.faiss"] == before.files["vectors.faiss"]


def test_a_report_counts_what_is_shared(two: tuple[Path, Path]) -> None:
    """As if everything had been taken over one by one."""
    folder, index = two
    write(folder, {"ant.txt": "Egypt.", "new.txt": "2019-02-03\n\nBrazil."})
    (folder / "zoo/dog.txt").unlink()
    time.sleep(0.012)
    seen: list[qa.Progress] = []
    report = qa.rebuild(folder, index=index, encoder=CountryEncoder(), progress=seen.append)
    assert (report.generation, report.articles, report.passages) == (3, 15, 15)
    assert (report.embedded, report.reused, report.removed) == (2, 13, 1)
    assert (report.dated, report.undated) == (1, 14)
    assert [progress.file for progress in seen] == ["ant.txt", "new.txt", "", ""]
    assert [progress.done for progress in seen] == [13, 14, 15, 15]
    assert qa.rebuild(folder, index=index, encoder=CountryEncoder()).generation == 3


def test_only_a_deleted_file_is_written_as_no_segment(two: tuple[Path, Path]) -> None:
    """Nothing is written but which articles count; and a folder that moved shares everything."""
    folder, index = two
    (folder / "zoo/dog.txt").unlink()
    time.sleep(0.012)
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    moved = folder.rename(folder.with_name("moved"))
    report = qa.rebuild(moved, index=index, encoder=CountryEncoder())
    assert (report.generation, report.articles, report.embedded) == (4, 14, 0)
    assert "zoo/dog.txt" not in open_index(index, CountryEncoder()).store.known()
    assert verify(index) == []


def test_full_shares_nothing(two: tuple[Path, Path]) -> None:
    """`--full` makes everything anew, in one segment."""
    folder, index = two
    assert qa.rebuild(folder, index=index, encoder=CountryEncoder(), full=True).embedded == 15
    assert not (generation(index, 3) / LATER).exists()
    assert not generation(index, 3).joinpath("vectors.faiss").samefile(generation(index, 2) / "vectors.faiss")


def test_what_unrelated_questions_reach_is_taken_over(two: tuple[Path, Path], segmented: Callable[..., None],
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring it takes seconds, and a small change hardly changes it; a build of everything measures it anew."""
    folder, index = two
    segmented(measured_anew=False)
    monkeypatch.setattr("qa.build.background", lambda *_: {"en": {"en": [9.0] * 6}})
    before = whole(index).manifest.background
    write(folder, {"cat.txt": "Brazil."})
    time.sleep(0.012)
    qa.rebuild(folder, index=index, encoder=CountryEncoder())
    assert whole(index).manifest.background == before
    qa.rebuild(folder, index=index, encoder=CountryEncoder(), full=True)
    assert whole(index).manifest.background == {"en": {"en": [9.0] * 6}}


def test_a_disk_without_links_gets_copies(two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is as good; any other failure is said, and leaves the old one answering."""
    folder, index = two

    def fails(number: int) -> Callable[..., None]:
        def link(*_: object) -> None:
            raise OSError(number, os.strerror(number))

        return link

    write(folder, {"cat.txt": "Brazil."})
    time.sleep(0.012)
    monkeypatch.setattr(os, "link", fails(errno.EIO))
    with pytest.raises(qa.IndexProblem, match="could not be written"):
        qa.rebuild(folder, index=index, encoder=CountryEncoder())
    assert verify(index) == []
    monkeypatch.setattr(os, "link", fails(errno.EPERM))
    assert qa.rebuild(folder, index=index, encoder=CountryEncoder()).generation == 3
    assert not generation(index, 3).joinpath("vectors.faiss").samefile(generation(index, 2) / "vectors.faiss")
    assert verify(index) == []
    assert qa.retrieve("Brazil", index=index, encoder=CountryEncoder())[0].file == "cat.txt"


def test_a_reader_of_the_generation_before_goes_on(two: tuple[Path, Path]) -> None:
    """Also when that has been removed since, and its segments with it."""
    folder, index = two
    old = open_index(index, CountryEncoder())
    for number in range(3):
        write(folder, {"cat.txt": f"Brazil {number}."})
        qa.rebuild(folder, index=index, encoder=CountryEncoder(), full=True)
    assert not generation(index, 2).exists()
    assert old.store.passages(old.store.rows_of("bee.txt").tolist())[0].text == "Japan counts its bees."
    assert old.store.files_of(old.store.nearest_by_words(["ferry"], 3)[0]) == ["ant.txt", "cat.txt", "dog.txt"]


def test_damage_of_a_shared_file_is_found_in_both(two: tuple[Path, Path]) -> None:
    """No generation answers from it; what is only in the newer leaves the older one answering; a rebuild mends
    either."""
    folder, index = two
    [own] = (generation(index, 2) / LATER).iterdir()
    for path in (*(path for path in own.rglob("*") if path.stat().st_size and path.is_file()),
                 generation(index, 2) / RUNS):
        sound = path.read_bytes()
        path.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
        assert whole(index).manifest.generation == 1
        path.write_bytes(sound)
    path = generation(index, 2) / "vectors.faiss"
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    with pytest.raises(qa.IndexDamaged):
        qa.ask("Kenya?", index=index, encoder=CountryEncoder())
    assert len(verify(index)) == 2
    assert qa.rebuild(folder, index=index, encoder=CountryEncoder()).embedded == 15
    assert qa.ask("Kenya?", index=index, encoder=CountryEncoder()).hits


@pytest.mark.parametrize("name", [RUNS, REMOVED])
def test_files_of_two_generations_do_not_mix(two: tuple[Path, Path], name: str, tmp_path: Path) -> None:
    """What says which articles count must fit the segments."""
    _, index = two
    copy = shutil.copytree(generation(index, 2), tmp_path / "copy")
    files = whole(index).manifest.files
    np.save(copy / name, np.full((1, 3), 10**6))
    with opened(generation(index, 2), files) as store:
        assert store.count == 15
    if name == RUNS:
        with pytest.raises(qa.IndexDamaged):
            opened(copy, files)


# --- the plan -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("living", "gone", "fresh", "kept"), [
    ([900], [0], 5, 0),             # small: everything anew
    ([100_000], [0], 5, 1),
    ([100_000], [5], 5, 1),
    ([100_000, 400], [5, 0], 5, 1),   # small segments are put together
    ([100_000, 4_000], [5, 0], 5, 2),
    ([100_000, 4_000], [5, 0], 4_100, 1),
    ([100_000, 4_000, 900], [5, 0, 0], 1_000, 2),
    ([100_000, 4_000, 900], [5, 0, 0], 4_000, 1),  # the second with the third, the third with what is new
    ([100_000], [0], 11_000, 1),
    ([100_000], [0], 11_200, 0),      # more than a tenth: everything anew
    ([100_000, 6_000], [6_000, 0], 5, 0),
    ([0], [100_000], 0, 0),
])
def test_what_a_build_shares(living: list[int], gone: list[int], fresh: int, kept: int) -> None:
    """Each segment is larger than all after it, and a tenth at most lies beside the first."""
    assert shared(living, gone, fresh) == kept


def test_segments_stay_few() -> None:
    """However many changes come one after the other, and what is written for them is a few times their size."""
    living, written, most = [1_000_000], 0, 0
    for _ in range(20_000):
        kept = shared(living, [0] * len(living), 5)
        if not kept:
            break
        fresh = 5 + sum(living[kept:])
        living = [*living[:kept], fresh]
        written += fresh
        most = max(most, len(living))
    assert sum(living) > 1_099_000
    assert most <= 12
    assert written < 75 * 100_000


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), max_size=12))
def test_runs_number_what_counts(steps: list[tuple[int, int]]) -> None:
    """From the whole to a segment and back, and what does not count is nowhere."""
    ends = [0, 0, 0]
    pairs: list[tuple[int, int]] = []
    for segment, skipped in steps:
        ends[segment] += skipped
        pairs.append((segment, ends[segment]))
        ends[segment] += 1
    segments = np.array([segment for segment, _ in pairs], np.int64)
    numbers = np.array([number for _, number in pairs], np.int64)
    runs = Runs.joined(segments, numbers)
    assert len(runs) == len(pairs)
    found = runs.places(np.arange(len(pairs)))
    assert_array_equal(found[0], segments)
    assert_array_equal(found[1], numbers)
    for segment in range(3):
        own = numbers[segments == segment]
        assert_array_equal(runs.held(segment), own)
        assert_array_equal(runs.missing(segment, ends[segment]), np.setdiff1d(np.arange(ends[segment]), own))
        assert_array_equal(runs.numbers(segment, own), np.flatnonzero(segments == segment))
    for wrong in (-1, len(pairs)):
        with pytest.raises(IndexError):
            runs.places(np.array([wrong]))

"""The passages' vectors: what is stored comes back, searches are exact, and a shortlist misses next to nothing."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import CountryEncoder
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import qa.store
import qa.vectors
from qa.encoder import Vectors, unit
from qa.engine import Rows
from qa.vectors import EXACT, RECALL, Search, VectorIndex, VectorWriter

DIMENSION = 64
HALF = 2.0**-11  # the most by which float16 is off, of a number's size


def clustered(count: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    """Unit rows around forty centres, as passages lie around their subjects."""
    draw = np.random.default_rng(seed)
    centres = draw.standard_normal((40, dimension), np.float32)
    return unit(centres[draw.integers(0, 40, count)] + draw.standard_normal((count, dimension), np.float32))


def write(folder: Path, vectors: Vectors, batch: int = 1_000, shortlist_from: int = 10**9) -> Search:
    writer = VectorWriter(folder / "v", folder / "s", vectors.shape[1], shortlist_from)
    for begin in range(0, len(vectors), batch):
        writer.add(vectors[begin : begin + batch])
    return writer.finish()


def opened(folder: Path, vectors: Vectors, shortlist_from: int = 10**9) -> VectorIndex:
    return VectorIndex(folder / "v", folder / "s", write(folder, vectors, shortlist_from=shortlist_from))


def brute(vectors: Vectors, question: Vectors, k: int, rows: Rows | None = None) -> tuple[list[int], list[float]]:
    """The k best in numpy, among the vectors as float16 keeps them; of equal ones the earlier first."""
    allowed = np.arange(len(vectors)) if rows is None else np.unique(rows)
    products = vectors[allowed].astype(np.float16).astype(np.float64) @ question.astype(np.float64)
    order = np.lexsort((allowed, -products))[:k]
    return allowed[order].tolist(), products[order].tolist()


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> tuple[VectorIndex, Vectors]:
    """12,000 vectors, searched by a shortlist."""
    folder = tmp_path_factory.mktemp("short")
    vectors = clustered(12_000)
    search = write(folder, vectors, shortlist_from=12_000)
    assert search.kind == "shortlist"
    assert search.candidates <= 1_200
    assert search.recall >= RECALL
    return VectorIndex(folder / "v", folder / "s", search), vectors


def questions(vectors: Vectors, count: int = 100) -> NDArray[np.float32]:
    """Vectors that lie away from those that are stored, as real questions do."""
    noise = np.random.default_rng(7).standard_normal((count, vectors.shape[1]), np.float32)
    return unit(vectors[:: len(vectors) // count][:count] + unit(noise))


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 2**32), st.integers(1, 9))
@settings(max_examples=40, deadline=None)
def test_exact_search_gives_what_numpy_gives(count: int, k: int, seed: int, dimension: int) -> None:
    """However few vectors there are and however many are asked for, with and without allowed rows."""
    vectors = clustered(count, dimension, seed)
    vectors[count // 2 : count // 2 + 2] = 0.0  # text without a known token
    rows = np.random.default_rng(seed).integers(0, max(count, 1), count // 3)
    with tempfile.TemporaryDirectory() as folder:
        index = opened(Path(folder), vectors)
        assert index.count == count
        for allowed in (None, rows):
            question = clustered(1, dimension, seed + 1)[0]
            found, scores = index.nearest(question, k, allowed)
            expected, products = brute(vectors, question, k, allowed)
            # products that float32 cannot tell apart may change places
            np.testing.assert_allclose(scores, products, atol=1e-6)
            assert len(set(found.tolist())) == len(found) == len(expected)
            assert set(found.tolist()) <= set(range(count) if allowed is None else allowed.tolist())
            np.testing.assert_allclose(vectors[found] @ question, scores, atol=2 * HALF)


def test_stored_vectors_come_back_as_float16_keeps_them(tmp_path: Path) -> None:
    """Any rows in any order, none among them, and the same again after they were written again."""
    vectors = clustered(50)
    index = opened(tmp_path, vectors)
    rows = np.array([7, 0, 49, 7])
    np.testing.assert_array_equal(index.rows(rows), vectors[rows].astype(np.float16).astype(np.float32))
    assert np.abs(index.rows(rows) - vectors[rows]).max() <= HALF
    assert index.rows(np.zeros(0, np.int64)).shape == (0, DIMENSION)
    (tmp_path / "again").mkdir()
    write(tmp_path / "again", index.rows(np.arange(50)))
    assert (tmp_path / "again" / "v").read_bytes() == (tmp_path / "v").read_bytes()
    for row in (-1, 50):
        with pytest.raises(IndexError, match="no such row"):
            index.rows(np.array([row]))


def test_of_equal_vectors_the_earlier_comes_first(tmp_path: Path) -> None:
    """Repeated passages keep their order, so that answers repeat."""
    vectors = np.repeat(clustered(3), 4, axis=0)[[0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]]
    found, scores = opened(tmp_path, vectors).nearest(vectors[0], 12)
    assert found[:4].tolist() == [0, 3, 6, 9]
    assert len(set(scores[:4].tolist())) == 1
    assert sorted(found.tolist()) == list(range(12))


def test_an_empty_index_has_nothing_near(tmp_path: Path) -> None:
    """Nor has an empty choice of rows, nor no question at all."""
    empty = opened(tmp_path, np.zeros((0, DIMENSION), np.float32))
    assert empty.count == 0
    assert empty.nearest(clustered(1)[0], 5)[0].tolist() == []
    index = opened(tmp_path, clustered(5))
    assert index.nearest(clustered(1)[0], 5, np.zeros(0, np.int64))[0].tolist() == []
    assert index.nearest_to_each(np.zeros((0, DIMENSION), np.float32), 5).shape == (0, 5)
    assert index.nearest_to_each(clustered(2), 9).shape == (2, 5)


def test_a_shortlist_holds_99_in_100_of_the_ten_nearest(short: tuple[VectorIndex, Vectors]) -> None:
    """For questions away from all passages; one after another or at once makes no difference."""
    index, vectors = short
    asked = questions(vectors)
    alone = [index.nearest(question, 10)[0].tolist() for question in asked]
    exact = [brute(vectors, question, 10)[0] for question in asked]
    held = np.mean([len(set(one) & set(other)) / 10 for one, other in zip(alone, exact, strict=True)])
    assert held >= 0.99
    assert [sorted(rows) for rows in index.nearest_to_each(asked, 10).tolist()] == [sorted(rows) for rows in alone]


def test_a_shortlist_compares_few_vectors_exactly(short: tuple[VectorIndex, Vectors]) -> None:
    """It is one: most of a hundred nearest rows of a question without any near ones are missed by so short a list."""
    index, vectors = short
    few = VectorIndex.__new__(VectorIndex)
    few.__dict__.update(index.__dict__, _candidates=1)
    far = unit(np.random.default_rng(3).standard_normal((1, DIMENSION), np.float32))[0]
    assert few.nearest(far, 100)[0].tolist() != brute(vectors, far, 100)[0]


def test_a_shortlists_scores_are_those_of_exact_search(short: tuple[VectorIndex, Vectors], tmp_path: Path) -> None:
    """So that an answer's confidence never depends on how the index is searched."""
    index, vectors = short
    exact = opened(tmp_path, vectors)
    for question in questions(vectors, 20):
        scores = dict(zip(*(one.tolist() for one in exact.nearest(question, 200)), strict=True))
        for row, score in zip(*index.nearest(question, 10), strict=True):
            assert scores[int(row)] == score


@pytest.mark.parametrize("share", [0.001, 0.1, 0.9])
def test_filters_give_allowed_rows_only(
    short: tuple[VectorIndex, Vectors], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows are allowed, and as many as are asked for."""
    monkeypatch.setattr(qa.vectors, "_FEW", 100)  # so that 1,200 rows are many
    index, vectors = short
    rows = np.random.default_rng(1).permutation(len(vectors))[: int(share * len(vectors))].astype(np.int64)
    held = []
    for question in questions(vectors, 50):
        found = index.nearest(question, 10, rows)[0].tolist()
        assert len(found) == min(10, len(rows))
        assert set(found) <= set(rows.tolist())
        held.append(len(set(found) & set(brute(vectors, question, 10, rows)[0])) / len(found))
    assert np.mean(held) >= (1.0 if share < 0.01 else 0.99)


def test_the_same_rows_give_the_same_files(tmp_path: Path) -> None:
    """In whatever batches they come, and with one thread or three: a full build and one that adds to an earlier one
    give equal hits."""
    import faiss

    vectors, threads = clustered(4_000), faiss.omp_get_max_threads()
    made = []
    try:
        for name, batch, number in (("a", 1_000, 1), ("b", 77, 3)):
            faiss.omp_set_num_threads(number)
            (tmp_path / name).mkdir()
            search = write(tmp_path / name, vectors, batch, shortlist_from=4_000)
            VectorIndex(tmp_path / name / "v", tmp_path / name / "s", search).nearest(vectors[0], 10)
            assert faiss.omp_get_max_threads() == number  # what the caller has chosen is left alone
            made.append((search, *((tmp_path / name / file).read_bytes() for file in "vs")))
    finally:
        faiss.omp_set_num_threads(threads)
    assert made[0][0].kind == "shortlist"
    assert made[0] == made[1]


def test_codes_that_tell_nothing_are_not_used(tmp_path: Path) -> None:
    """Where a shortlist would have to be as long as the index, or nothing can be learned, search stays exact."""
    strewn = unit(np.random.default_rng(0).standard_normal((3_000, DIMENSION), np.float32))
    for vectors in (strewn, np.zeros((3_000, 4), np.float32), clustered(2_000)):
        assert write(tmp_path, vectors, shortlist_from=100) == EXACT
    assert not (tmp_path / "s").exists()


def test_truncated_files_are_refused(short: tuple[VectorIndex, Vectors], tmp_path: Path) -> None:
    """Wherever they end, at the latest by the first search; and so are those that do not belong together."""
    vectors = clustered(4_000)
    search = write(tmp_path, vectors, shortlist_from=4_000)
    whole = {name: (tmp_path / name).read_bytes() for name in "vs"}
    for name, data in whole.items():
        for end in (*range(400), len(data) // 2, len(data) - 1):
            (tmp_path / name).write_bytes(data[:end])
            with pytest.raises((RuntimeError, ValueError)):
                VectorIndex(tmp_path / "v", tmp_path / "s", search).nearest(vectors[0], 3)
        (tmp_path / name).write_bytes(data)
    assert VectorIndex(tmp_path / "v", tmp_path / "s", search).count == 4_000
    with pytest.raises(ValueError, match="holds no"):
        VectorIndex(tmp_path / "s", tmp_path / "s", search)
    with pytest.raises(ValueError, match="does not belong"):
        VectorIndex(tmp_path / "v", tmp_path / "v", search).nearest(vectors[0], 3)
    with pytest.raises(ValueError, match="no search of the kind 'graph'"):
        VectorIndex(tmp_path / "v", tmp_path / "s", Search("graph"))
    (tmp_path / "s").rename(tmp_path / "other")
    with pytest.raises(ValueError, match="missing"):
        VectorIndex(tmp_path / "v", tmp_path / "s", search)
    write(tmp_path, clustered(5_000))
    with pytest.raises(ValueError, match="does not belong"):
        VectorIndex(tmp_path / "v", tmp_path / "other", search).nearest(vectors[0], 3)


def test_a_file_that_begins_otherwise_is_refused(tmp_path: Path) -> None:
    """A byte that says something else of the vectors, such as how many there are, is an error and costs no memory."""
    write(tmp_path, clustered(10))
    whole = (tmp_path / "v").read_bytes()
    begin = len(whole) - 10 * DIMENSION * 2
    for place in (*range(begin), begin - 2):
        data = bytearray(whole)
        data[place] ^= 0x41
        (tmp_path / "v").write_bytes(data)
        with pytest.raises(ValueError, match="holds no"):
            VectorIndex(tmp_path / "v", tmp_path / "s")


@pytest.mark.parametrize("claimed", [2**20, 2**33, 2**62])
def test_codes_that_claim_too_much_take_no_memory(tmp_path: Path, claimed: int) -> None:
    """FAISS believes what a file says of itself, up to the size that the file has."""
    import faiss

    search = write(tmp_path, clustered(4_000), shortlist_from=4_000)
    data = bytearray((tmp_path / "s").read_bytes())
    place = data.rindex((4_000).to_bytes(8, "little"))  # of the passages' numbers, the last of its lists
    data[place : place + 8] = claimed.to_bytes(8, "little")
    (tmp_path / "s").write_bytes(data)
    usual = faiss.get_deserialization_vector_byte_limit()
    with pytest.raises((RuntimeError, ValueError)):
        VectorIndex(tmp_path / "v", tmp_path / "s", search).nearest(clustered(1)[0], 3)
    assert faiss.get_deserialization_vector_byte_limit() == usual


def test_the_manifest_says_how_to_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, brief_background: None
) -> None:
    """A large index is searched by its shortlist; what an update makes of it is what a build from nothing makes."""
    monkeypatch.setattr(qa.store, "VectorWriter", functools.partial(VectorWriter, shortlist_from=40))
    monkeypatch.setattr(qa.vectors, "_CANDIDATES", (4,))
    monkeypatch.setattr(qa.vectors, "_CANDIDATES_EACH", 1)
    monkeypatch.setattr(qa.vectors, "_FEW", 0)
    monkeypatch.setattr(qa.vectors, "RECALL", 0.0)
    folder, encoder = tmp_path / "articles", CountryEncoder()
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.txt").write_text(f"{('Kenya', 'France', 'Japan')[number % 3]} built pier {number}.")
    made = {}
    for name in ("updated", "anew"):
        if name == "updated":
            qa.rebuild(folder, index=tmp_path / name, encoder=encoder)
            (folder / "07.txt").write_text("Brazil built pier 7.")
        qa.rebuild(folder, index=tmp_path / name, encoder=encoder)
        made[name] = max(tmp_path.glob(f"{name}/generations/0*"))
    records = [json.loads((where / "manifest.json").read_text())["files"] for where in made.values()]
    assert records[0]["vectors.faiss"]["search"]["kind"] == "shortlist"
    assert records[0]["vectors.faiss"] == records[1]["vectors.faiss"]
    assert records[0]["shortlist.faiss"] == records[1]["shortlist.faiss"]
    asked = qa.retrieve("Brazil?", k=1, index=tmp_path / "updated", encoder=encoder)
    assert [hit.text for hit in asked] == ["Brazil built pier 7."]
    (made["updated"] / "shortlist.faiss").write_bytes(b"")
    assert qa.status(tmp_path / "updated", verify_checksums=True).damaged

"""BM25 weights: what a library known for them gives, however the work is cut into blocks."""

from __future__ import annotations

from math import log
from pathlib import Path

import bm25s
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from qa import weights

K1, B = 1.2, 0.75
WORDS = 12
# word 3 has one term, the others two or three; some share a term
TERMS_OF = np.array([[word, 12 + word // 4, -1 if word % 2 else 15 + word // 6] for word in range(WORDS)], np.int32)
TERMS_OF[3, 1:] = -1
TERMS = 17


def written(folder: Path, texts: list[list[int]]) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    lists = weights.write(folder / "w.npy", folder / "r.npy", [np.array(text, np.int64) for text in texts], TERMS_OF,
                          TERMS, K1, B)
    return np.load(folder / "w.npy"), np.load(folder / "r.npy"), lists


@given(texts=st.lists(st.lists(st.integers(0, WORDS - 1), max_size=20), min_size=1, max_size=30).filter(any),
       sorted_at_once=st.integers(1, 40), merged_at_once=st.integers(1, 40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_weights_are_those_of_bm25s(
    texts: list[list[int]], sorted_at_once: int, merged_at_once: int, tmp_path: Path
) -> None:
    """The same texts in the same lists with the same weights, however few words and entries are in memory at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "_SORTED", sorted_at_once)
        patch.setattr(weights, "_MERGED", merged_at_once)
        ours, rows, lists = written(tmp_path, texts)
    terms = [[int(term) for word in text for term in TERMS_OF[word] if term >= 0] for text in texts]
    theirs = bm25s.BM25(method="lucene", k1=K1, b=B).build_index_from_ids(list(range(TERMS)), terms,
                                                                         show_progress=False)
    np.testing.assert_array_equal(lists, theirs["indptr"])
    np.testing.assert_array_equal(rows, theirs["indices"])
    np.testing.assert_allclose(ours, theirs["data"] * (K1 + 1), rtol=1e-5)
    assert (ours.dtype, rows.dtype) == (np.float32, np.int32)


def test_one_weight_worked_out_by_hand(tmp_path: Path) -> None:
    """Word 3 twice in a text of two terms, and in no other; the other text has two terms too, so both are average."""
    ours, rows, lists = written(tmp_path, [[3, 3], [1]])
    own = slice(lists[3], lists[4])
    assert rows[own].tolist() == [0]
    assert ours[own].tolist() == pytest.approx([log(1 + 1.5 / 1.5) * 2 * (K1 + 1) / (2 + K1)])


def test_texts_without_words_have_no_entries(tmp_path: Path) -> None:
    """Lists of nothing, which can be read."""
    ours, rows, lists = written(tmp_path, [[], []])
    assert (len(ours), len(rows), lists.tolist()) == (0, 0, [0] * (TERMS + 1))


def test_nothing_is_left_beside_the_two_files(tmp_path: Path) -> None:
    """What was sorted aside is gone."""
    written(tmp_path, [[1, 2], [2]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.npy", "w.npy"]

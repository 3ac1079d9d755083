"""The ranker: it sees which units of a question a passage meets, and knows the shipped model alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import write
from safetensors.numpy import load_file, save_file

import qa
from qa import ranker
from qa.closeness import asked
from qa.encoder import SHIPPED_FOLDER, folder_fingerprint
from qa.errors import ModelError
from qa.index import Index, open_index
from qa.ranker import Meeting, Ranker, features
from qa.retrieval import rank

ARTICLES = {
    "a.txt": "The envoy from Kenya arrived in Osaka. Nobody met her at the harbour, and she waited.\n",
    "b.txt": "Japan buys tea. Kenya sells it. The harbour of Osaka is old.\n",
    "c.txt": "The lighthouse keeper feeds three cats every evening.\n",
}


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    """Three articles under the shipped model."""
    root = tmp_path_factory.mktemp("ranked")
    qa.rebuild(write(root / "articles", ARTICLES), index=root / "index")
    return open_index(root / "index")


def meeting() -> Meeting:
    """Two units, of which the first weighs three times as much, and two passages: one of two sentences (of two units
    and of one), one of a single unit."""
    cosines = np.array([[0.9, 0.1, 0.6, 0.2], [0.0, 0.8, 0.3, 0.4]], np.float32)
    return Meeting(cosines, np.array([0.75, 0.25], np.float32), np.array([0, 2, 3, 4]), np.array([0, 2, 3]))


def test_what_is_seen_of_a_unit() -> None:
    """Its best cosine in the passage, in the closest sentence and beside it; what stands near to where it is met."""
    units, whole = features(meeting())
    first, second = units[0]
    assert first[:5] == pytest.approx([0.9, 0.9, 0.6, 0.8, 0.8])  # the other unit is met next to it
    assert second[:5] == pytest.approx([0.8, 0.8, 0.3, 0.9, 0.9])
    assert first[5] == pytest.approx(np.log(3))  # two units of the passage are like it
    assert units[1, :, :5] == pytest.approx(np.array([[0.2, 0.2, 0.0, 0.4, 0.4], [0.4, 0.4, 0.0, 0.2, 0.2]]))
    assert first[6:9] == pytest.approx([0.35, 0.0, 0.35])  # against 0.55 on average, 0.9 at best
    assert first[9:] == pytest.approx([0.75, 1.5, 0.55, 0.9])
    assert whole == pytest.approx(np.array([np.log([4, 3, np.exp(0.2)]), np.log([2, 2, np.exp(0.2)])]))


def test_a_passage_is_seen_without_its_neighbours() -> None:
    """What stands at the end of one passage is not near to what begins the next, in whatever order they come."""
    units, whole = features(meeting())
    turned, other = features(meeting().of(np.array([1, 0])))
    assert turned[::-1] == pytest.approx(units)
    assert other[::-1] == pytest.approx(whole)


def test_merits_are_zero_on_average_and_go_with_the_passages() -> None:
    """They move passages among each other and leave the sums where they are."""
    judge = ranker.load()
    merits = judge.merits(meeting())
    assert merits.sum() == pytest.approx(0.0, abs=1e-6)
    assert merits[0] > merits[1]
    assert judge.merits(meeting().of(np.array([1, 0])))[::-1] == pytest.approx(merits, abs=1e-6)
    assert np.array_equal(judge.merits(meeting()), merits)


def test_it_is_trained_on_the_model_that_ships() -> None:
    """A model trained anew needs its ranker trained anew: python -m training.ranker."""
    assert ranker.load().model == folder_fingerprint(SHIPPED_FOLDER)


def test_the_best_sums_are_put_in_order(index: Index) -> None:
    """The score of each is its sum and its merit; the sums themselves stay what they are."""
    question = asked("Who came from Kenya to Osaka?", index.encoder, "en")
    ranking = rank(index, question, "en")
    order = np.argsort(-ranking.sums, kind="stable")
    *_, met = index.meter.met(question, ranking.rows[order])
    assert met is not None
    assert met.meeting is not None
    merits = ranker.load().merits(met.meeting)
    assert ranking.scores[order] == pytest.approx(ranking.sums[order] + merits, abs=1e-5)
    assert np.abs(merits).max() > 0.01
    assert (np.diff(ranking.scores) <= 0).all()


def test_passages_that_are_not_looked_at_stay_behind(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the best sums nothing overtakes those that were looked at."""
    monkeypatch.setattr(ranker, "READ", 2)
    question = asked("Who came from Kenya to Osaka?", index.encoder, "en")
    ranking = rank(index, question, "en")
    assert len(ranking.rows) == 3
    assert ranking.sums[2] == ranking.sums.min()
    assert (np.diff(ranking.scores) <= 0).all()


def test_a_language_gains_nothing_as_a_whole(tmp_path: Path) -> None:
    """Passages in the question's own language are compared with each other, not with those of another."""
    french = {"d.txt": "L'envoyée du Kenya est arrivée à Osaka. Personne ne l'attendait au port de la ville.\n",
              "e.txt": "Le gardien du phare nourrit trois chats chaque soir, et il n'a jamais vu la ville.\n"}
    qa.rebuild(write(tmp_path / "articles", ARTICLES | french), index=tmp_path / "index")
    opened = open_index(tmp_path / "index")
    ranking = rank(opened, asked("Who came from Kenya to Osaka?", opened.encoder, "en"), "en")
    merits = ranking.scores - ranking.sums
    written = np.array(opened.store.languages_of(ranking.rows))
    assert set(written) == {"en", "fr"}
    for language in ("en", "fr"):
        assert merits[written == language].mean() == pytest.approx(0.0, abs=1e-6)
        assert np.abs(merits[written == language]).max() > 0.01


def test_another_model_is_ranked_by_its_sums(tmp_path: Path, static_model: Path) -> None:
    """Cosines of another model mean something else, so nothing learned on the shipped one's is used."""
    qa.rebuild(write(tmp_path / "articles", ARTICLES), index=tmp_path / "index", model=str(static_model))
    opened = open_index(tmp_path / "index")
    ranking = rank(opened, asked("Kenya Japan", opened.encoder, "en"), "en")
    assert np.array_equal(ranking.scores, ranking.sums)


def test_a_question_of_many_units_is_cut_to_those_that_matter() -> None:
    """Units beyond the heaviest change nothing."""
    many = 3 * ranker.UNITS
    weights = np.linspace(1.0, 2.0, many).astype(np.float32)
    cosines = np.random.default_rng(3).uniform(0, 1, (many, 4)).astype(np.float32)
    whole = replace(meeting(), cosines=cosines, weights=weights / weights.sum())
    heaviest = replace(meeting(), cosines=cosines[-ranker.UNITS :], weights=weights[-ranker.UNITS :])
    assert ranker.load().merits(whole) == pytest.approx(ranker.load().merits(heaviest), abs=1e-6)


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other", "lacking", "smaller"])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, damage: str) -> None:
    """Missing, empty, cut short, another file altogether, without a layer or with a smaller one: one line with its
    remedy."""
    where = tmp_path / "ranker.safetensors"
    whole = ranker.WEIGHTS.read_bytes()
    layers = load_file(ranker.WEIGHTS)
    if damage == "lacking":
        save_file({name: layer for name, layer in layers.items() if name != "gate"}, where, {"model": "any"})
    elif damage == "smaller":
        save_file(layers | {"second": layers["second"][:-1].copy()}, where, {"model": "any"})
    elif damage != "missing":
        where.write_bytes({"empty": b"", "cut": whole[: len(whole) // 2], "other": b"{}" * 100}[damage])
    with pytest.raises(ModelError, match="Install qa again"):
        Ranker(where)

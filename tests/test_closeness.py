"""Closeness: a passage is as near to a question as its words are, one by one, whatever else it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import CountryEncoder, write

import qa
from qa.closeness import asked, texts_met
from qa.encoder import LightEncoder, StaticEncoder, load
from qa.index import Index, open_index

ARTICLES = {
    "a.txt": "Kenya and Japan sign.\n",
    "b.txt": "Kenya signs alone.\n",
    "c.txt": "Kenya signs first. Then Japan signs too.\n",
    "d.txt": "Egypt waits.\n",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, static_model: Path) -> Path:
    """Where an index of four articles lies, over the static model whose axes are countries."""
    root = tmp_path_factory.mktemp("close")
    qa.rebuild(write(root / "articles", ARTICLES), index=root / "index", model=str(static_model))
    return root / "index"


@pytest.fixture(scope="module")
def index(place: Path) -> Index:
    """That index."""
    return open_index(place)


def interactions(index: Index, question: str) -> dict[str, float]:
    rows = np.arange(index.store.count)
    _, _, values = index.meter.measures(asked(question, index.encoder, "en"), rows)
    files = [passage.file for passage in index.store.passages(rows.tolist())]
    return dict(zip(files, values.tolist(), strict=True))


def test_each_unit_of_a_question_looks_for_its_own(index: Index) -> None:
    """A passage that meets both countries in one sentence has 1, in two sentences 1 as a whole and 1/2 at best in a
    sentence, one that meets one of them 1/2, one that meets none 0."""
    expected = {"a.txt": 1.0, "c.txt": 0.75, "b.txt": 0.5, "d.txt": 0.0}
    assert interactions(index, "Kenya Japan") == pytest.approx(expected)


def test_what_is_asked_for_need_not_be_all_that_is_said(index: Index) -> None:
    """Words beside the one that is asked for take nothing away, which they do from a mean."""
    assert interactions(index, "Kenya") == pytest.approx({"a.txt": 1.0, "b.txt": 1.0, "c.txt": 1.0, "d.txt": 0.0})


def test_units_count_by_the_square_of_their_length(tmp_path: Path, static_model: Path) -> None:
    """A unit of two tokens on one axis is twice as long as a unit of one, and counts four times as much."""
    encoder = load(str(static_model))
    assert isinstance(encoder, LightEncoder)
    assert asked("Kenya Egypt", encoder, "en").weights.tolist() == pytest.approx([0.5, 0.5])
    shipped = load()
    assert isinstance(shipped, StaticEncoder)
    units, _ = shipped.units(["Samarkand yesterday"])
    weights = asked("Samarkand yesterday", shipped, "en").weights
    assert len(units.lengths) == len(weights) == 2
    assert weights[0] / weights[1] == pytest.approx((units.lengths[0] / units.lengths[1]) ** 2, rel=1e-5)
    assert weights.sum() == pytest.approx(1.0)


def test_of_a_long_question_what_matters_most_is_compared() -> None:
    """64 units at most, and in their order."""
    shipped = load()
    question = asked("and the of " * 100 + "Samarkand Tashkent", shipped, "en")
    assert question.units is not None
    assert question.units.shape == (64, shipped.dimension)
    rest = asked("Samarkand Tashkent", shipped, "en").units
    assert rest is not None
    assert question.units[-2:] == pytest.approx(rest, abs=1e-6)


def test_a_figure_matters_no_more_than_the_word_that_matters_most() -> None:
    """Digits have long vectors in the shipped model; alone they keep all the weight there is."""
    posed = asked("Сколько людей жило в Варшаве в 1901 году?", load(), "ru")
    weights = sorted(posed.weights.tolist())
    assert weights[-1] == weights[-2] < 0.4
    both = asked("1901 1934", load(), "und").weights
    assert both.tolist() == pytest.approx([0.5, 0.5], abs=0.2)


@pytest.mark.parametrize(("text", "units"), [
    ("Putin meets Xi.", 4),
    ("l'Iran", 3),
    ("", 1),
    ("\u2603", 1),
])
def test_a_unit_is_a_word_or_a_sign_between_words(text: str, units: int) -> None:
    """A text without any known token still has one, which matters nothing."""
    shipped = load()
    assert isinstance(shipped, LightEncoder)
    found, _ = shipped.units([text])
    assert found.counts.tolist() == [[units, len(found.tokens)]]
    assert (found.lengths.sum() == 0.0) == (text in ("", "\u2603"))


def test_in_a_script_without_spaces_each_token_is_a_unit() -> None:
    """Words of a sentence in Chinese are not one long word."""
    shipped = load()
    assert isinstance(shipped, LightEncoder)
    found, _ = shipped.units(["莫斯科和北京"])
    assert len(found.lengths) == len(found.tokens) >= 3


def test_signs_that_spell_a_name_are_one_unit() -> None:
    """撒马尔罕 is Samarkand, of which no sign means anything alone; 的, 在 and what a space parts are not joined."""
    shipped = load()
    assert isinstance(shipped, StaticEncoder)

    def sizes(text: str) -> list[int]:
        found, _ = shipped.units([text])
        return np.diff([*np.flatnonzero(found.firsts), len(found.tokens)]).tolist()

    assert max(sizes("撒马尔罕")) >= 2
    assert sizes("撒马尔罕的") == [*sizes("撒马尔罕"), 1]
    assert sizes("在撒马尔罕") == [1, *sizes("撒马尔罕")]
    assert sizes("撒 罕") == [1, 1]
    assert sizes("撒罕") == [2]


def test_the_vectors_of_the_units_add_up_to_the_text() -> None:
    """What units say together is what encode_passages says."""
    shipped = load()
    assert isinstance(shipped, LightEncoder)
    text = "Les deux présidents se sont rencontrés à Samarcande, le 15 septembre 2022 ; 他们谈了天然气。"
    units, (said,) = shipped.units([text])
    total = shipped.token_vectors(units.tokens).sum(axis=0)
    assert total / np.linalg.norm(total) == pytest.approx(shipped.encode_passages([text])[0], abs=1e-6)
    assert said == pytest.approx(total, rel=1e-4, abs=1e-4)
    assert units.totals == pytest.approx([np.linalg.norm(total)], rel=1e-6)
    lengths = np.linalg.norm(
        np.add.reduceat(shipped.token_vectors(units.tokens), np.flatnonzero(units.firsts), axis=0), axis=1)
    assert units.lengths == pytest.approx(lengths, rel=1e-6)


def test_a_slow_encoder_is_not_asked_word_by_word(tmp_path: Path, encoder: CountryEncoder) -> None:
    """Its passages have no interaction, and its sentences are not embedded for each question."""
    qa.rebuild(write(tmp_path / "articles", ARTICLES), index=tmp_path / "index", encoder=encoder)
    opened = open_index(tmp_path / "index", encoder)
    assert set(interactions(opened, "Kenya Japan").values()) == {0.0}


def test_texts_of_no_index_are_met_as_those_of_one(index: Index) -> None:
    rows = np.arange(index.store.count)
    posed = asked("Japan signs with Kenya", index.encoder, "en")
    *_, met = index.meter.met(posed, rows)
    assert met is not None
    texts = [passage.text[start:end] for place, passage in enumerate(index.store.passages(rows.tolist()))
             for start, end in met.spans[met.bounds[place] : met.bounds[place + 1]].tolist()]
    assert len(texts) == 5
    assert isinstance(index.encoder, LightEncoder)
    cosines, interaction = texts_met(posed, texts, index.encoder)
    np.testing.assert_allclose(cosines, met.cosines, atol=1e-6)
    np.testing.assert_allclose(interaction, met.interaction, atol=1e-6)
    assert len(set(cosines.round(3).tolist())) > 2


def test_a_hit_tells_its_interaction(place: Path) -> None:
    """The figure stands in the hit and its JSON, beside cosine and coverage."""
    first = qa.ask("Kenya Japan", index=place).hits[0]
    assert first.file == "a.txt"
    assert first.interaction == pytest.approx(1.0)
    assert first.to_dict()["interaction"] == first.interaction

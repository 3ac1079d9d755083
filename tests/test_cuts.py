"""Cuts: sentences, words and tokens of each passage are read back as they were made, whoever wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from conftest import messy_texts
from hypothesis import given
from hypothesis import strategies as st

from qa.cuts import Cut, Cuts, Writer, cut
from qa.encoder import LightEncoder, Units, load
from qa.passages import Passage
from qa.words import tokens

TEXTS = (
    "Kenya signs first. Then Japan signs too!", "莫斯科和北京。他们谈了天然气。", "Alone", "…", "Kenya, Kenya.\nKenya")


def passage(text: str, title: str | None = None) -> Passage:
    return Passage("a.txt", 0, len(text), text, None, title, "en")


@cache
def light() -> LightEncoder:
    encoder = load()
    assert isinstance(encoder, LightEncoder)
    return encoder


def units_of(passages: Sequence[Passage], cuts: Sequence[Cut]) -> Units:
    return light().units([one.text[start:end] for one, own in zip(passages, cuts, strict=True)
                          for start, end in own.spans])[0]


def written(folder: Path, passages: Sequence[Passage], *, kept: bool = True) -> Cuts:
    """The cuts of these passages, added two by two; without tokens unless `kept`."""
    writer = Writer(folder, light().vocabulary if kept else 0)
    for begin in range(0, len(passages), 2):
        part = passages[begin : begin + 2]
        cuts = [cut(one) for one in part]
        writer.add(cuts, units_of(part, cuts) if kept else None)
    writer.finish()
    return Cuts(folder)


def words_of(cuts: Cuts, row: int) -> list[list[str]]:
    """The words of each sentence of a passage."""
    sentences = cuts.of(np.array([row]))
    words, places = sentences.words()
    return [[cuts.vocabulary[word] for word in words[places == place].tolist()] for place in range(len(sentences))]


def test_a_cut_has_sentences_and_words() -> None:
    """A title counts only where it does not stand in the passage already."""
    assert cut(passage("Kenya signs. Japan waits.", "Treaties")) == Cut(
        ((0, 12), (13, 25)), ("treaties",), (("kenya", "signs"), ("japan", "waits")))
    assert cut(passage("Treaties. Kenya signs.", "Treaties")).title == ()
    assert cut(passage("!")) == Cut(((0, 1),), (), ((),))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    """Sentences, words, tokens, units and lengths of any passages, in the order asked for."""
    passages = [passage(text, title) for text, title in zip(TEXTS, ("A", None, "Of two", None, None), strict=True)]
    cuts = written(tmp_path / "cuts", passages)
    assert cuts.count == 5
    rows = np.array([3, 0, 4])
    found = cuts.of(rows)
    expected = [cut(passages[row]) for row in rows]
    units = units_of([passages[row] for row in rows], expected)
    assert [found.spans(place) for place in range(3)] == [list(one.spans) for one in expected]
    assert [words_of(cuts, row) for row in rows] == [[list(words) for words in one.words] for one in expected]
    assert found.counts[:, 3:].tolist() == units.counts.tolist()
    assert found.tokens.tolist() == units.tokens.tolist()
    assert found.lengths.tolist() == units.lengths.tolist()
    assert found.totals.tolist() == units.totals.tolist()
    assert found.firsts.tolist() == units.firsts.tolist()
    assert found.titles.tolist() == [0, 1, 0]
    documents = [[cuts.vocabulary[word] for word in own.tolist()] for own in cuts.documents()]
    assert documents[:3] == [["a", *tokens(TEXTS[0])], tokens(TEXTS[1]), ["of", "two", "alone"]]


def test_of_no_passage_there_is_no_sentence(tmp_path: Path) -> None:
    """Neither of an empty index nor of no rows of another."""
    for number, passages in enumerate(([], [passage("Kenya.")])):
        cuts = written(tmp_path / str(number), passages)
        assert cuts.count == number
        assert len(cuts.of(np.zeros(0, np.int64))) == 0
        assert cuts.of(np.zeros(0, np.int64)).words()[0].tolist() == []


def test_without_tokens_the_words_are_kept(tmp_path: Path) -> None:
    """An encoder that is not light needs the sentences and words alone."""
    cuts = written(tmp_path / "cuts", [passage(text) for text in TEXTS], kept=False)
    assert words_of(cuts, 0) == [["kenya", "signs", "first"], ["then", "japan", "signs", "too"]]
    assert len(cuts.of(np.arange(5)).tokens) == 0


def test_a_model_of_more_tokens_has_wider_numbers(tmp_path: Path) -> None:
    """A token beyond 65,535 comes back as it is."""
    for known, token in ((65_536, 65_535), (65_537, 65_536)):
        writer = Writer(tmp_path / str(known), known)
        writer.add([cut(passage("Kenya"))], Units(
            np.array([[1, 2]]), np.ones(1, np.float32), np.ones(1, np.float32), np.array([token, 7], np.int32),
            np.array([True, False])))
        writer.finish()
        assert Cuts(tmp_path / str(known)).of(np.array([0])).tokens.tolist() == [token, 7]


@given(st.lists(messy_texts().filter(str.strip), min_size=1, max_size=6), st.data())
def test_taking_over_is_as_good_as_cutting(tmp_path_factory: pytest.TempPathFactory, texts: list[str],
                                           data: st.DataObject) -> None:
    """Passages taken over from another index, in any choice and order, give the same bytes as passages cut anew."""
    folder = tmp_path_factory.mktemp("cuts")
    passages = [passage(text, data.draw(st.sampled_from([None, "Of Kenya"]))) for text in texts]
    before = written(folder / "before", passages)
    rows = data.draw(st.lists(st.sampled_from(range(len(texts))), max_size=8))
    writer = Writer(folder / "taken", light().vocabulary)
    for begin in range(0, len(rows), 3):
        writer.take_over(before, np.array(rows[begin : begin + 3]))
    writer.finish()
    written(folder / "fresh", [passages[row] for row in rows])
    for path in (folder / "fresh").iterdir():
        assert (folder / "taken" / path.name).read_bytes() == path.read_bytes(), path.name


@pytest.mark.parametrize("name", ["passages", "sentences", "totals", "words", "lengths", "tokens", "firsts"])
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, name: str) -> None:
    """A file that is cut short, empty or gone is found when the folder is opened."""
    written(tmp_path / "cuts", [passage(text) for text in TEXTS])
    path = tmp_path / "cuts" / name
    whole = path.read_bytes()
    for damaged in (whole[:-4], whole[: len(whole) // 2], b""):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r".+"):
            Cuts(tmp_path / "cuts")
    path.unlink()
    with pytest.raises(OSError, match=name):
        Cuts(tmp_path / "cuts")

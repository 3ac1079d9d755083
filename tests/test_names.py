"""Names that another script spells by their sound begin in Latin letters as they are heard."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qa.names
from qa.names import names
from qa.words import terms, tokens


@pytest.mark.parametrize(("question", "latin"), [
    ("马达加斯加的首都是什么？", "Madagascar"),
    ("誰是莎拉波娃？", "Sharapova"),          # traditional signs
    ("斯特拉斯堡的大教堂", "Strasbourg"),
    ("アムステルダムはどこですか", "Amsterdam"),
    ("ベッドフォードはどこ", "Bedford"),     # with a sign that is silent
    ("시카고 어디에 있나요", "Chicago"),
    ("बोलीविया कहाँ है", "Bolivia"),
])
def test_a_name_is_heard(question: str, latin: str) -> None:
    """What the Latin spelling is indexed by is among the three likeliest beginnings of four letters, or of six."""
    word, = tokens(latin)
    _, four, six = terms(word)
    found = {term: probability for name in names(tokens(question)) for term, probability in name.beginnings.items()}
    likeliest = sorted(found, key=lambda term: -found[term])
    assert four in [term for term in likeliest if len(term) == 5][:3] or (
        six in [term for term in likeliest if len(term) == 7][:3])


@pytest.mark.parametrize("question", [
    "今天的天气怎么样", "谁在什么时候这样说过", "Où est Nairobi ?", "Где Найроби?", "أين نيروبي", "", "2018 %",
])
def test_other_words_are_no_names(question: str) -> None:
    """Common words in Han signs spell nothing; alphabets that `terms` hears by themselves are left to it."""
    assert names(tokens(question)) == []


def test_a_name_ends_where_other_words_begin() -> None:
    """A name consists of its own signs and pairs of signs, not of its neighbours'."""
    name, = names(tokens("在马德里工作"))
    assert name.words == {"马", "德", "里", "马德", "德里"}


def test_a_pasted_article_has_no_more_names_than_a_question() -> None:
    """Only the first names are heard, so that a long text takes no longer than a question of names."""
    cities = "马德里。巴塞罗那。斯特拉斯堡。阿姆斯特丹。布达佩斯。马达加斯加。莎拉波娃。洛杉矶。里斯本。"
    first = names(tokens(cities))
    assert len(first) == len(names(tokens(cities * 50))) == 8
    assert "莎拉" in first[6].words
    unbroken = cities.replace("。", "")
    assert len(names(tokens(unbroken * 50))) == 8


def test_a_later_sign_may_be_the_first() -> None:
    """What a name begins with when its first sign belongs to the word before it is among its beginnings, though less
    likely."""
    alone, = names(tokens("马德里"))
    name, = names(tokens("贝马德里"))
    assert 0 < name.beginnings["madr*"] < alone.beginnings["madr*"]


def test_a_question_without_such_signs_reads_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A French question does not pay for Chinese names."""
    monkeypatch.setattr(qa.names, "TABLE", tmp_path / "none.tsv")
    qa.names._table.cache_clear()
    qa.names._sign.cache_clear()
    assert names(tokens("Qui a gagné à Nairobi en 2019 ?")) == []
    with pytest.raises(FileNotFoundError):
        names(tokens("内罗毕"))


def test_the_table_is_folded_like_the_articles() -> None:
    """Every piece of the shipped table can stand in the sound of a Latin word, and its probabilities add up to one at
    most."""
    for sign in qa.names._table():
        found = qa.names._sign(sign)
        assert found is not None
        assert len(sign) == 1
        assert sum(probability for _, probability in found[1]) <= 1.01
        assert all(piece == "" or (piece.isascii() and piece.islower() and not set(piece) & set("yjwcqx"))
                   for piece, _ in found[1])


signs = st.text(st.sampled_from("罗马德里斯特尔巴中国的是アムステキバ바르셀로मुंबईकर"), max_size=14)


@given(signs)
def test_beginnings_are_probabilities(text: str) -> None:
    """However signs are strung together, each beginning has four or six letters, none doubled, and a probability."""
    for name in names(tokens(text)):
        assert 0 < name.sure < 1
        for term, probability in name.beginnings.items():
            assert len(term) in (5, 7)
            assert term.endswith("*")
            assert all(one != other for one, other in pairwise(term))
            assert 0 < probability <= 1.01

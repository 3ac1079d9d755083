"""Which language a question is asked in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.spoken import WORDS, language_of
from qa.words import tokens


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Où est la mairie ?", "fr"), ("Where is the town hall?", "en"), ("¿Dónde está el puerto?", "es"),
        ("Wo liegt die Brücke?", "de"), ("Dove si trova il ponte?", "it"), ("Onde fica a ponte?", "pt"),
        ("Gdzie jest stary most?", "pl"), ("Köprü nerede bulunuyor?", "tr"), ("Kde je ten starý most?", "cs"),
        ("Unde este podul cel vechi?", "ro"), ("Di mana jembatan itu berada?", "id"), ("Cây cầu ở đâu?", "vi"),
        ("Var ligger den gamla bron?", "sv"), ("Waar is de oude brug?", "nl"),
        ("Где находится мост?", "ru"), ("Де знаходиться міст, який збудували?", "uk"), ("桥在哪里？", "zh"),
        ("橋はどこですか？", "ja"), ("أين يقع الجسر؟", "ar"), ("Πού είναι η γέφυρα;", "el"),
    ],
)  # fmt: skip
def test_the_language_is_told_by_script_and_common_words(question: str, language: str) -> None:
    """A few words suffice."""
    assert language_of(question) == language


@pytest.mark.parametrize(
    ("headline", "language"),
    [
        ("Energy prices: small shops close early", "en"), ("Hausse des prix : petits commerces fermés", "fr"),
        ("Precios altos cierran pequeñas tiendas", "es"), ("Kleine Geschäfte schließen wegen hoher Preise", "de"),
    ],
)  # fmt: skip
def test_a_headline_without_little_words_is_told_all_the_same(headline: str, language: str) -> None:
    assert language_of(headline) == language


@pytest.mark.parametrize("question", ["Xi Jinping", "Samarkand", "2018", "?", "", "ÿ" * 99])
def test_names_and_figures_tell_no_language(question: str) -> None:
    """Where words do not suffice the answer is "und" and not a guess."""
    assert language_of(question) == "und"


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Qui est 习近平 et que dit-il ?", "fr"), ("What is Москва famous for among tourists?", "en"),
        ("谁在 Setanta Sports 工作？", "zh"), ("Что такое New START?", "ru"), ("Samarkand 在哪?", "zh"),
    ],
)  # fmt: skip
def test_a_name_in_another_script_does_not_decide(question: str, language: str) -> None:
    assert language_of(question) == language


def test_every_word_of_the_table_is_found() -> None:
    """The table is searched by halves: it must be sorted as bytes, each word once, folded as questions are."""
    lines = WORDS.read_bytes().splitlines()
    words = [line.partition(b"\t")[0] for line in lines]
    assert words == sorted(set(words))
    from qa.spoken import _likelihoods

    for line in (lines[0], lines[-1], *lines[:: len(lines) // 200]):
        word, _, languages = line.decode().partition("\t")
        assert [f"{language}{round(10 * above)}" for language, above in _likelihoods(word)] == languages.split()
        assert tokens(word) == [word]
    assert _likelihoods("zzzzzz") == _likelihoods("") == _likelihoods("0") == []


@given(st.text())
def test_any_text_has_a_language_or_none(question: str) -> None:
    assert 2 <= len(language_of(question)) <= 3

"""Sentences of a text: where they end in many scripts, and that their offsets are exact."""

from __future__ import annotations

import pytest
from conftest import messy_texts
from hypothesis import given
from hypothesis import strategies as st

from qa.sentences import spans


def cut(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in spans(text, language)]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("fr", ["Le pont est fermé.", "Qui passe ?", "Personne !", "Le garde dort…"]),
        ("en", ["The bridge is closed.", "Who crosses it?", "Nobody!", "Really?!", "It cost 3.50.", "Cheap."]),
        ("es", ["¿Quién llegó?", "¡Nadie!", "El puente está cerrado."]),
        ("de", ["Die Brücke ist zu.", "Wer geht hinüber?", "Niemand."]),
        ("ru", ["Мост закрыт.", "Кто идёт?", "Никто!"]),
        ("el", ["Η γέφυρα έκλεισε.", "Κανείς δεν περνά."]),
        ("ar", ["الجسر مغلق.", "من يعبر؟", "لا أحد."]),
        ("und", ["Nobody knows this language.", "It is cut all the same."]),
    ],
)
def test_cuts_at_the_marks_of_each_language(language: str, sentences: list[str]) -> None:
    """A sentence ends at its language's full stop, question mark or exclamation mark."""
    assert cut(" ".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("zh", ["桥已关闭。", "谁过桥？", "没有人！"]),
        ("ja", ["橋は閉まっている。", "誰も渡らない。"]),
        ("hi", ["पुल बंद है।", "कोई नहीं जाता।"]),
    ],
)
def test_needs_no_space_where_a_script_writes_none(language: str, sentences: list[str]) -> None:
    """In Chinese, Japanese and Hindi the mark alone ends a sentence."""
    assert cut("".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("fr", "Mme Orban et M. Keller ont vu le Dr. Petit."),
        ("fr", "Le pont, ouvert en sept. 1921, mesure 3.5 km."),
        ("fr", "Voir p. 12 et art. 5 du règlement."),
        ("en", "Dr. Wanja met J. K. Otieno at 5 p.m. on the quay."),
        ("en", "The U.S. ferry, built by Mombasa Boats Inc. of Kenya, sank."),
        ("de", "Am 3. Oktober öffnet die Brücke."),
        ("de", "Er zahlte 5 Mio. Münzen."),
        ("de", "Im 19. Jahrhundert stand dort die 2. Brücke."),
        ("tr", "Köprü 19. Yüzyıl Derneği tarafından onarıldı."),
        ("hi", "डॉ. शर्मा ने पुल देखा।"),
        ("ja", "船長は「出よう。戻ろう。」と言った。"),
        ("ru", "Капитан И. Орлов ушёл."),
        ("en", "See www.example.org for the price of 1.5 boats."),
    ],
)
def test_an_abbreviation_an_initial_or_a_decimal_ends_nothing(language: str, sentence: str) -> None:
    """A full stop that belongs to a word or a figure does not cut."""
    assert cut(f"{sentence} Fin.", language) == [sentence, "Fin."]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("fr", ["« Nous partons demain. »", "Le capitaine sourit."]),
        ("en", ["“We leave at dawn.”", "The captain smiled."]),
        ("en", ['"We leave at dawn."', "The captain smiled."]),
        ("fr", ["Il demande : « Où est-il ? »", "Personne ne répond."]),
    ],
)
def test_closing_marks_stay_with_what_they_close(language: str, sentences: list[str]) -> None:
    """A quotation mark or bracket after the full stop belongs to the sentence before it."""
    assert cut(" ".join(sentences), language) == sentences


def test_a_line_is_a_unit_of_its_own() -> None:
    """A headline without a full stop does not run into the sentence below it."""
    assert cut("The bridge reopens\nCars may cross again\nand so may cats.", "en") == [
        "The bridge reopens",
        "Cars may cross again",
        "and so may cats.",
    ]


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u2028\u3000"])
def test_white_space_holds_no_sentence(text: str) -> None:
    """A text without a character to read has no sentence."""
    assert spans(text, "en") == []


def test_offsets_count_from_the_start_of_the_text() -> None:
    """Offsets leave out the white space around a sentence and count characters, not bytes."""
    assert spans("  Été.  \n 桥。 ", "fr") == [(2, 6), (10, 12)]


@given(messy_texts(), st.sampled_from(["en", "fr", "de", "ru", "zh", "ja", "ar", "hi", "th", "und", "zz"]))
def test_only_white_space_stands_between_sentences(text: str, language: str) -> None:
    """Whatever the text, sentences come in order, never overlap, and together with white space are all of it."""
    cursor = 0
    for start, end in spans(text, language):
        assert not text[cursor:start].strip()
        assert text[start:end] == text[start:end].strip() != ""
        cursor = end
    assert not text[cursor:].strip()


@pytest.mark.parametrize(
    "text", ["J. " * 20_000, "abc. " * 20_000, "a" * 100_000 + ". ", "« " * 20_000, '." ' * 20_000]
)
def test_an_endless_line_is_cut_all_the_same(ends: None, text: str) -> None:
    """A line of a hundred thousand characters, joined again and again, does not hold up a rebuild."""
    assert spans(text, "en")[-1][1] == len(text.rstrip())

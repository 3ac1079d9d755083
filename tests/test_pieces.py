"""Pieces between spaces, looked up once, give the tokens of the whole text."""

from __future__ import annotations

import threading
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from conftest import messy_texts
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from qa import pieces
from qa.pieces import Pieces
from qa.recipe import SHIPPED_FOLDER


@cache
def shipped() -> Any:
    return Tokenizer.from_file(str(SHIPPED_FOLDER / "tokenizer.json"))


def whole(tokenizer: Any, text: str) -> tuple[list[int], list[bool]]:
    """The tokens of a text, and whether each begins another word than the one before."""
    found = tokenizer.encode(text, add_special_tokens=False)
    return found.ids, [True, *(one != other for one, other in pairwise(found.word_ids))][: len(found.ids)]


def by_pieces(made: Pieces, texts: list[str]) -> list[tuple[list[int], list[bool]]]:
    found = made.tokenized(texts)
    ends = [0, *found.counts.cumsum().tolist()]
    return [(found.tokens[begin:end].tolist(), found.firsts[begin:end].tolist()) for begin, end in pairwise(ends)]


_KEPT = Pieces(shipped())  # remembers from one example to the next


@given(st.lists(messy_texts(), max_size=6))
def test_the_tokens_of_pieces_are_those_of_the_whole_text(texts: list[str]) -> None:
    """In every script, however spaces, marks and odd characters stand."""
    assert by_pieces(_KEPT, texts) == [whole(shipped(), text) for text in texts]


@pytest.mark.parametrize("text", [
    "", " ", "  a  b ", "a \u0301b", "\u0438 \u0306", "\u0438\u0306 \u0439", "= \u0338", "Straße İstanbul ΣΑΣ ΣΑΣ.",
    "a\tb\u00a0c\u3000d\x1ce", "[CLS] a [SEP]b", "ﬁ ﷺ ㍿", "l’été d' été", "\u1100 \u1161\u11a8", "港 口港口",
    "x" * 300 + " y", "\U0001f468\u200d\U0001f469 \u200d"])
def test_what_might_reach_over_a_space_does_not(text: str) -> None:
    """Marks without a letter, composed and compatible forms, special tokens, long words."""
    assert by_pieces(Pieces(shipped()), [text, f"{text} {text}"]) == [
        whole(shipped(), text), whole(shipped(), f"{text} {text}")]


def test_what_is_forgotten_is_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once more is held than is to be kept, the next texts begin anew."""
    monkeypatch.setattr(pieces, "_KEPT", 40)
    made = Pieces(shipped())
    for number in range(30):
        text = f"Nine sacks of coffee {number} and {number * number} more"
        assert by_pieces(made, [text, text]) == [whole(shipped(), text)] * 2
        assert len(made._numbers) < 40


def test_a_piece_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated words never reach the tokenizer again."""
    made = Pieces(shipped())
    by_pieces(made, ["Nine sacks of coffee"])
    monkeypatch.setattr(made, "_encodings", lambda texts: pytest.fail(f"{texts} looked up again"))
    assert by_pieces(made, ["coffee of Nine sacks"]) == [whole(shipped(), "coffee of Nine sacks")]


@pytest.mark.parametrize("kind", ["shipped", "bert", "metaspace", "pattern", "truncated", "spaced token", "none"])
def test_a_tokenizer_that_looks_over_spaces_reads_whole_texts(kind: str) -> None:
    """One that marks spaces, replaces by any pattern, ends a text early or knows tokens with a space in them."""
    known = ("[UNK]", "a", "b", "a b", "\u2581a", "\u2581b")
    made = Tokenizer(models.WordLevel({token: number for number, token in enumerate(known)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if kind == "shipped":
        made = shipped()
    elif kind == "bert":
        made.normalizer, made.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    elif kind == "metaspace":
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    elif kind == "pattern":
        made.normalizer = normalizers.Replace(Regex("a b"), "b")
    elif kind == "truncated":
        made.enable_truncation(1)
    elif kind == "spaced token":
        made.add_tokens([AddedToken("a b", normalized=False)])
    else:
        made.pre_tokenizer = None
    found = Pieces(made)
    assert found._local == (kind in ("shipped", "bert"))
    texts = ["a b", "b a b", "a", ""]
    assert by_pieces(found, texts) == [whole(made, text) for text in texts]


def test_several_threads_may_use_it() -> None:
    """Each gets the tokens of its own texts."""
    made, wrong = Pieces(shipped()), []

    def work(name: str) -> None:
        for number in range(60):
            text = f"{name}{number % 7} coffee {name * (number % 5)} of {number}"
            if by_pieces(made, [text]) != [whole(shipped(), text)]:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []

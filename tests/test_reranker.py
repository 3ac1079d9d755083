"""The optional reranker: its order is taken, its scores are shown, and no other hit is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from conftest import CountryEncoder
from numpy.typing import NDArray

import qa
from qa.reranker import CrossEncoderReranker, load


class Shortest:
    """Likes short passages."""

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.array([-len(text) for text in texts], np.float32)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with one output, saved as transformers saves it."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("cross-encoder")
    letters = "abcdefghijklmnopqrstuvwxyz"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "kenya", "japan", *letters,
                  *(f"##{letter}" for letter in letters)]
    torch.manual_seed(3)
    BertForSequenceClassification(BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=1)).save_pretrained(folder)
    words = BertWordPieceTokenizer({word: number for number, word in enumerate(vocabulary)})
    PreTrainedTokenizerFast(tokenizer_object=words._tokenizer, model_max_length=64, pad_token="[PAD]",
                            unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]").save_pretrained(folder)
    return folder


def test_hits_come_in_the_rerankers_order_with_its_scores(shelf: Path) -> None:
    """The shortest passage is first, and its score is its length taken negative; the same passages are found."""
    plain = qa.ask("Kenya?", k=50, index=shelf, encoder=CountryEncoder())
    ranked = qa.ask("Kenya?", k=50, index=shelf, encoder=CountryEncoder(), reranker=Shortest())
    assert sorted(hit.text for hit in ranked.hits) == sorted(hit.text for hit in plain.hits)
    scores = [hit.score for hit in ranked.hits]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) < 0
    assert ranked.answered == plain.answered


def test_a_real_cross_encoder_gives_the_scores_of_its_library(cross_encoder: Path, shelf: Path) -> None:
    """Pairs of question and passage, one score each, as CrossEncoder.predict gives them."""
    from sentence_transformers import CrossEncoder

    texts = ["Kenya won.", "Japan lost everything at sea."]
    wanted = CrossEncoder(str(cross_encoder), device="cpu").predict([("Kenya?", text) for text in texts])
    assert load(str(cross_encoder)).scores("Kenya?", texts) == pytest.approx(wanted, abs=1e-6)
    assert load(str(cross_encoder)).scores("Kenya?", []).tolist() == []
    assert qa.ask("Kenya?", index=shelf, encoder=CountryEncoder(), reranker=str(cross_encoder)).hits


def test_a_reranker_that_is_not_there_is_said(tmp_path: Path) -> None:
    """One sentence with what to do instead."""
    with pytest.raises(qa.ModelError, match=r"cannot be loaded.*leave --reranker away"):
        CrossEncoderReranker(str(tmp_path / "nowhere"))

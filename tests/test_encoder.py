"""Encoders: the fast reader of static models gives what sentence-transformers gives, and any other model works."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import AXES, CountryEncoder, country_model

import qa
from qa.arrays import mapped
from qa.encoder import Encoder, SentenceTransformerEncoder, StaticEncoder, folder_fingerprint, load
from qa.errors import ModelError
from qa.recipe import SHIPPED_FOLDER
from qa.store import document

TEXTS = [
    "Kenya opens a harbour; Kenya and Japan trade.",
    "Le Brésil et l’Égypte, la France.",
    "巴西的咖啡",
    "Египет",
    "nothing known",
    "",
]


@pytest.fixture(scope="module", autouse=True)
def _offline() -> Iterator[None]:
    """A model that is not there is looked for on no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("TRANSFORMERS_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random BERT with prompts for questions and passages, saved as sentence-transformers saves it."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("bert")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        ":",
        ".",
        "?",
        "query",
        "passage",
        "kenya",
        "japan",
        "egypt",
        "ferry",
        "harbour",
        "the",
        "a",
        "who",
        "opens",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"),
    ]
    torch.manual_seed(7)
    BertModel(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=64,
        )
    ).save_pretrained(folder)
    words = BertWordPieceTokenizer({word: number for number, word in enumerate(vocabulary)})
    PreTrainedTokenizerFast(
        tokenizer_object=words._tokenizer,
        model_max_length=64,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
    ).save_pretrained(folder)
    whole = Transformer(str(folder))
    model = SentenceTransformer(
        modules=[whole, Pooling(16, "mean")], device="cpu", prompts={"query": "query: ", "document": "passage: "}
    )
    saved = tmp_path_factory.mktemp("transformer")
    model.save_pretrained(str(saved))
    return saved


def library(folder: Path) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


# --- static models ------------------------------------------------------------------------------------------


def test_one_axis_a_country(static_model: Path) -> None:
    """The mean of «Kenya», «Kenya» and «Japan» points two thirds of the way to Kenya."""
    vector = StaticEncoder(static_model).encode_question("Kenya trades with Japan; Kenya gains.")
    assert dict(zip(AXES, vector.tolist(), strict=True)) == pytest.approx(
        {"Kenya": 2 / 5**0.5, "Japan": 1 / 5**0.5, "France": 0, "Brazil": 0, "Egypt": 0, "none": 0}, abs=1e-6
    )


@pytest.mark.parametrize("form", ["float32", "int8", "mapping"])
def test_a_static_model_is_read_as_sentence_transformers_reads_it(tmp_path: Path, form: str) -> None:
    """Without PyTorch, the same folder gives the same vectors, however its rows are stored."""
    folder = country_model(tmp_path / "model", form)
    ours, theirs = load(str(folder)), library(folder)
    assert isinstance(ours, StaticEncoder)
    np.testing.assert_allclose(ours.encode_passages(TEXTS), theirs.encode_document(TEXTS), atol=1e-5)
    for text in TEXTS:
        np.testing.assert_allclose(ours.encode_question(text), theirs.encode_query(text), atol=1e-5)


def test_the_shipped_model_is_read_as_sentence_transformers_reads_it() -> None:
    """So does the model inside the package, in every script."""
    texts = [
        "The ferry left at dawn.",
        "Le bac est parti à l’aube.",
        "Паром ушёл на рассвете.",
        "渡轮在黎明时分离开港口。",
        "غادرت العبّارة الميناء.",
        "x" * 3_000,
        "🚀",
    ]
    theirs = library(SHIPPED_FOLDER)
    ours = load()
    np.testing.assert_allclose(
        ours.encode_passages(texts), theirs.encode_document(texts, normalize_embeddings=True), atol=1e-5
    )
    np.testing.assert_allclose(
        ours.encode_question(texts[1]), theirs.encode_query(texts[1], normalize_embeddings=True), atol=1e-5
    )
    assert (ours.name, ours.dimension) == ("shipped", theirs.get_embedding_dimension())


def test_a_file_of_arrays_is_mapped_as_its_library_reads_it(tmp_path: Path) -> None:
    """Every kind of number and shape comes back equal, and nothing is copied or can be written to."""
    from safetensors.numpy import load_file, save_file

    kinds = ("<f8", "<f4", "<f2", "<i8", "i1", "u1")
    arrays = {kind: np.arange(24).reshape(2, 3, 4).astype(kind) for kind in kinds}
    save_file({**arrays, "empty": np.zeros((0, 5), np.float32)}, tmp_path / "a.safetensors", {"written": "by a test"})
    (ours, _), theirs = mapped(tmp_path / "a.safetensors"), load_file(tmp_path / "a.safetensors")
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        assert ours[name].dtype == array.dtype
        np.testing.assert_array_equal(ours[name], array)
        assert not ours[name].flags.owndata
        assert not ours[name].flags.writeable


def test_rows_are_unit_float32_and_text_without_a_known_word_is_close_to_nothing(static_model: Path) -> None:
    """Inner products are cosines; an unknown text has cosine 0 with everything."""
    vectors = StaticEncoder(static_model).encode_passages(TEXTS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1).tolist() == pytest.approx([1, 1, 1, 1, 0, 0])


def test_no_passages_give_no_rows(static_model: Path) -> None:
    """An empty list has a shape too."""
    assert StaticEncoder(static_model).encode_passages([]).shape == (0, len(AXES))


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / "tokenizer.json").write_text("{}"),
        lambda folder: (folder / "tokenizer.json").write_bytes(b"\xff\xfe"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 50),
        lambda folder: os.truncate(folder / "model.safetensors", 60),
        lambda folder: __import__("safetensors.numpy").numpy.save_file(
            {"other": np.zeros(3)}, folder / "model.safetensors"
        ),
    ],
    ids=["no tokenizer", "empty tokenizer", "binary tokenizer", "no rows", "damaged rows", "short rows", "other rows"],
)
def test_a_damaged_static_model_says_so(tmp_path: Path, damage: Any) -> None:
    """Whichever file is broken, the error names the folder and a remedy."""
    folder = country_model(tmp_path / "model")
    damage(folder)
    with pytest.raises(ModelError, match=r"(?s)model.*--model"):
        StaticEncoder(folder)


# --- fingerprints -------------------------------------------------------------------------------------------


def test_two_models_of_one_name_have_two_fingerprints(tmp_path: Path) -> None:
    """The fingerprint follows the files' bytes and names; what people read about the model is left out."""
    folder = country_model(tmp_path / "model")
    first = folder_fingerprint(folder)
    (folder / "README.md").write_text("About this model")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "x").write_text("x")
    assert folder_fingerprint(folder) == first == folder_fingerprint(shutil.copytree(folder, tmp_path / "copy"))
    (folder / "tokenizer.json").rename(folder / "tokenizer2.json")
    second = folder_fingerprint(folder)
    (folder / "tokenizer2.json").write_text("{}")
    assert len({first, second, folder_fingerprint(folder)}) == 3


# --- any other model ----------------------------------------------------------------------------------------


def test_a_transformer_is_given_its_own_prompts(transformer: Path) -> None:
    """A model that wants «query: » before a question and «passage: » before a passage gets them."""
    ours, theirs = load(str(transformer)), library(transformer)
    assert isinstance(ours, SentenceTransformerEncoder)
    text = "who opens the harbour?"
    plain = theirs.encode(["query: " + text, "passage: " + text], normalize_embeddings=True, prompt="")
    np.testing.assert_allclose(ours.encode_question(text), plain[0], atol=1e-5)
    np.testing.assert_allclose(ours.encode_passages([text])[0], plain[1], atol=1e-5)
    assert float(plain[0] @ plain[1]) < 0.999999  # the prompts do make a difference here
    assert ours.encode_passages([]).shape == (0, 16)
    assert (ours.name, ours.dimension, ours.fingerprint) == (str(transformer), 16, folder_fingerprint(transformer))


@pytest.mark.usefixtures("brief_background")
def test_a_transformer_answers_from_end_to_end(
    transformer: Path, folder: Path, index: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Rebuild with a model, then ask without naming it: the index knows, and scores are that model's cosines."""
    report = qa.rebuild(folder, index=index, model=str(transformer))
    assert report.model == str(transformer)
    assert capfd.readouterr() == ("", "")  # no progress bar of a library where nobody watches
    question = "Who opens a harbour in Kenya?"
    theirs = library(transformer)
    for hit in qa.retrieve(question, k=20, index=index):
        title = hit.title if hit.title and not hit.text.startswith(hit.title) else None
        whole = f"{title}\n{hit.text}" if title else hit.text
        expected = theirs.encode_query(question, normalize_embeddings=True) @ theirs.encode_document(
            whole, normalize_embeddings=True
        )
        assert hit.vector == pytest.approx(float(expected), abs=5e-4)
    assert qa.rebuild(folder, index=index, model=str(transformer)).embedded == 0


def test_a_static_model_with_prompts_is_left_to_sentence_transformers(tmp_path: Path) -> None:
    """The fast reader knows no prompts, so it does not read such a model at all."""
    folder = country_model(tmp_path / "model", prompts={"query": "kenya "})
    encoder = load(str(folder))
    assert isinstance(encoder, SentenceTransformerEncoder)
    assert encoder.encode_question("").tolist() == pytest.approx([0, 0, 0, 0, 1, 0])


@pytest.mark.parametrize("name", ["no-such-model", "no/such/folder", "/no/such/folder", "", "..", "a b\nc"])
def test_a_model_that_is_not_there_says_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the model and says what can be given; no traceback of a library."""
    monkeypatch.chdir(tmp_path)
    # else the library asks for the model again and again where a network is configured and not there
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError) as caught:
        load(name)
    assert repr(name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "--model" in str(caught.value)


def test_code_inside_a_model_is_never_run(tmp_path: Path) -> None:
    """A folder that brings its own Python is refused, and its code leaves no trace."""
    folder = country_model(tmp_path / "model")
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own:\n    pass\n")
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": "own.Own"}]))
    with pytest.raises(ModelError):
        load(str(folder))
    assert not (tmp_path / "ran").exists()


def test_a_pickled_model_is_refused(transformer: Path, tmp_path: Path) -> None:
    """Weights are read from safetensors alone: reading a pickle may run anything."""
    import torch
    from safetensors.torch import load_file

    folder = shutil.copytree(transformer, tmp_path / "pickled")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        load(str(folder))


def test_an_encoder_is_anything_with_the_two_methods() -> None:
    """The protocol is what tests and other models meet."""
    assert isinstance(CountryEncoder(), Encoder)


def test_a_passage_is_embedded_under_its_title(encoder: CountryEncoder) -> None:
    """«It» in a passage stands for what the title names; a title that the passage begins with is not repeated."""
    from qa.passages import Passage

    passage = Passage("a.txt", 0, 9, "It opens.", None, "The harbour", "en")
    assert document(passage) == "The harbour\nIt opens."
    assert (
        document(Passage("a.txt", 0, 21, "The harbour\nIt opens.", None, "The harbour", "en"))
        == "The harbour\nIt opens."
    )

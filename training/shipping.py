"""Writing the model folder that ships, small and all at once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer
from transformers import BertModel, PreTrainedTokenizerFast


def replace(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` change a copy of `folder`, then put the copy in its place."""
    aside, before = (folder.with_name(f".{folder.name}-{name}") for name in ("new", "before"))
    for left_over in (aside, before):
        shutil.rmtree(left_over, ignore_errors=True)
    if folder.is_dir():
        shutil.copytree(folder, aside)
    else:
        aside.mkdir(parents=True)
    write(aside)
    if folder.is_dir():
        folder.rename(before)
    aside.rename(folder)
    shutil.rmtree(before, ignore_errors=True)


def eight_bits(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int8 rows and the float32 scale of each, whose product is nearly `table`."""
    scales = np.abs(table).max(1) / 127
    rows = np.round(table / np.maximum(scales, 1e-12)[:, None])
    return rows.astype(np.int8), scales.astype(np.float32)


def save_static(folder: Path, tokenizer: Tokenizer, table: np.ndarray, *, card: Path | None = None) -> None:
    """Write the static model in sentence-transformers' format, its rows in eight bits."""
    table = np.array(table, dtype=np.float32)
    table[[tokenizer.token_to_id(token) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]")]] = 0
    rows, scales = eight_bits(table / np.linalg.norm(table, axis=1).max())

    def write(aside: Path) -> None:
        model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, table), Normalize()], device="cpu")
        model.save(str(aside), create_model_card=False)
        weights = next(aside.glob("**/model.safetensors"))
        # sentence-transformers multiplies the two on loading, as it does for model2vec's models.
        save_file({"embeddings": torch.from_numpy(rows), "weights": torch.from_numpy(scales)}, weights)
        weights.chmod(0o644)
        if card is not None and card.is_file():
            shutil.copy(card, aside / "README.md")

    replace(folder, write)


def save_transformer(folder: Path, tokenizer: Tokenizer, layers: BertModel, *, longest: int) -> None:
    """Write the transformer in sentence-transformers' format, in float32: mean of its token vectors, unit length."""
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **special)
    with tempfile.TemporaryDirectory() as plain:
        layers.save_pretrained(plain)
        fast.save_pretrained(plain)
        parts = [Transformer(plain, max_seq_length=longest)]
    parts += [Pooling(layers.config.hidden_size, "mean"), Normalize()]
    model = SentenceTransformer(modules=parts, device="cpu")
    replace(folder, lambda aside: model.save(str(aside), create_model_card=False))

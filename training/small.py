"""The transformer made small: eight-bit layers for onnxruntime, eight-bit word vectors beside them.

Part of the unfinished experiment of `training.transformer`. Needs onnx, onnxscript and onnxruntime to write,
tokenizers, onnxruntime and numpy to read.

    python -m training.small --checkpoint .work/transformer.pt --output .work/small
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer
from transformers import BertModel

from training import shipping
from training.transformer import LONGEST, TEACHER, Trainer


class Layers(torch.nn.Module):
    """From word vectors and a mask to the unit mean of the last hidden states."""

    def __init__(self, layers: BertModel) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Take float32 (texts, tokens, 384) and int64 (texts, tokens), return float32 (texts, 384)."""
        hidden = self.layers(inputs_embeds=words, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].float()
        return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


def save(checkpoint: Path, work: Path, teacher: Path, output: Path) -> Path:
    """Write tokenizer.json, words.safetensors and layers.onnx to `output`; return the float graph's folder."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    trainer = Trainer(work, teacher, resume=checkpoint)
    layers = trainer.student.layers.eval()
    layers.set_attn_implementation("eager")
    layers.set_input_embeddings(torch.nn.Embedding(1, layers.config.hidden_size))
    whole = Path(tempfile.mkdtemp())
    texts, tokens = torch.export.Dim("texts"), torch.export.Dim("tokens", max=512)
    torch.onnx.export(
        Layers(layers),
        (torch.randn(3, 7, layers.config.hidden_size), torch.ones(3, 7, dtype=torch.int64)),
        whole / "layers.onnx",
        input_names=["words", "mask"],
        output_names=["vectors"],
        dynamic_shapes={"words": {0: texts, 1: tokens}, "mask": {0: texts, 1: tokens}},
        dynamo=True,
        external_data=False,
    )

    def write(aside: Path) -> None:
        quantize_dynamic(
            whole / "layers.onnx", aside / "layers.onnx", weight_type=QuantType.QInt8, per_channel=True,
            op_types_to_quantize=["MatMul", "Gemm"],
        )  # fmt: skip
        rows, scales = shipping.eight_bits(trainer.student.words.numpy())
        save_file({"embeddings": rows, "weights": scales}, aside / "words.safetensors")
        (aside / "words.safetensors").chmod(0o644)
        pieces = Tokenizer.from_str(trainer.pieces.to_str())
        pieces.enable_truncation(LONGEST)
        pieces.save(str(aside / "tokenizer.json"))

    shipping.replace(output, write)
    return whole


class Small:
    """The small transformer by tokenizers, onnxruntime and numpy alone."""

    def __init__(self, folder: Path, *, graph: Path | None = None, threads: int = 0) -> None:
        import onnxruntime

        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        stored = load_file(folder / "words.safetensors")
        self.rows, self.scales = stored["embeddings"], stored["weights"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(graph or folder / "layers.onnx", options)

    def encode(self, texts: list[str], *, batch: int = 16) -> np.ndarray:
        """Return unit float32 (texts, 384)."""
        encodings = self.tokenizer.encode_batch(texts)
        order = np.argsort([len(encoding.ids) for encoding in encodings])
        vectors = np.zeros((len(texts), self.rows.shape[1]), np.float32)
        for at in range(0, len(texts), batch):
            part = order[at : at + batch]
            longest = max(len(encodings[i].ids) for i in part)
            mask = np.zeros((len(part), longest), np.int64)
            words = np.zeros((len(part), longest, self.rows.shape[1]), np.float32)
            for row, i in enumerate(part):
                ids = encodings[i].ids
                mask[row, : len(ids)] = 1
                words[row, : len(ids)] = self.rows[ids] * self.scales[ids][:, None]
            vectors[part] = self.session.run(None, {"words": words, "mask": mask})[0]
        return vectors


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--checkpoint", type=Path, default=Path(".work/transformer.pt"))
    parser.add_argument("--output", type=Path, default=Path(".work/small"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    whole = save(arguments.checkpoint, arguments.work, arguments.teacher, arguments.output)
    trainer = Trainer(arguments.work, arguments.teacher, resume=arguments.checkpoint)
    texts = [
        line.split("\t")[1][:500]
        for path in sorted((arguments.work / "pairs").glob("tico19.*.held"))
        for line in path.read_text(encoding="utf-8").split("\n")[:-1]
    ]
    with torch.no_grad():
        true = torch.cat([trainer.student([texts[at : at + 32]])[0] for at in range(0, len(texts), 32)]).numpy()
    for name, small in (
        ("float layers", Small(arguments.output, graph=whole / "layers.onnx")),
        ("eight-bit layers", Small(arguments.output)),
    ):
        cosine = (small.encode(texts) * true).sum(1)
        print(f"{name}: cosine with the float model: mean {cosine.mean():.5f}, least {cosine.min():.5f}")


if __name__ == "__main__":
    main()

"""The pairs as arrays of token numbers, so that training never waits for text.

    python -m training.tokens --work .work
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from qa import ranges

LONGEST = 200  # tokens of a side: about the size of a passage


@dataclass(frozen=True, slots=True)
class Ragged:
    """Rows of different lengths, one after the other."""

    values: np.ndarray  # int32 (or uint16), all rows
    starts: np.ndarray  # int64, one more than rows: row i is values[starts[i]:starts[i + 1]]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def rows(self, chosen: np.ndarray) -> Ragged:
        """Return the chosen rows, in that order."""
        lengths = (self.starts[1:] - self.starts[:-1])[chosen]
        return self.parts(self.starts[:-1][chosen], lengths)

    def parts(self, begins: np.ndarray, lengths: np.ndarray) -> Ragged:
        """Return so many values from each beginning on, as rows."""
        return Ragged(self.values[ranges.joined(begins, lengths)], np.concatenate(([0], np.cumsum(lengths))))


@dataclass(frozen=True, slots=True)
class Pairs:
    """The pairs of one source; left_hash and right_hash are equal for equal texts."""

    name: str
    set: str
    kind: str
    languages: tuple[str, str]
    left: Ragged
    right: Ragged
    left_hash: np.ndarray
    right_hash: np.ndarray

    def __len__(self) -> int:
        return len(self.left)


def encode(tokenizer: Tokenizer, texts: list[str], *, longest: int = LONGEST) -> Ragged:
    """Return the tokens of each text, without special tokens; unknown characters are left out."""
    unknown = tokenizer.token_to_id("[UNK]")
    rows = []
    for at in range(0, len(texts), 20_000):
        for encoding in tokenizer.encode_batch_fast(texts[at : at + 20_000], add_special_tokens=False):
            row = np.array(encoding.ids, dtype=np.uint16)
            rows.append(row[row != unknown][:longest])
    starts = np.concatenate(([0], np.cumsum([len(row) for row in rows], dtype=np.int64)))
    return Ragged(np.concatenate(rows) if rows else np.zeros(0, np.uint16), starts)


def save(work: Path) -> None:
    """Tokenise every source below `work`/pairs into `work`/tokens."""
    tokenizer = Tokenizer.from_file(str(work / "tokenizer.json"))
    folder = work / "tokens"
    folder.mkdir(exist_ok=True)
    for record in json.loads((work / "sources.json").read_text())["used"]:
        text = (work / "pairs" / f"{record['name']}.tsv").read_text(encoding="utf-8")
        lines = [line.split("\t", 1) for line in text.split("\n")[:-1]]
        left, right = ([line[side] for line in lines] for side in (0, 1))
        arrays = {}
        for name, texts in (("left", left), ("right", right)):
            ragged = encode(tokenizer, texts)
            arrays[name], arrays[f"{name}_starts"] = ragged.values, ragged.starts
            # Equal numbers for equal texts within a source is all that the loss asks for.
            numbers: dict[str, int] = {}
            arrays[f"{name}_hash"] = np.array([numbers.setdefault(text, len(numbers)) for text in texts])
        np.savez(folder / f"{record['name']}.npz", **arrays)


def load(work: Path, *, kinds: tuple[str, ...] = ("translation", "question")) -> list[Pairs]:
    """Return the tokenised sources of the given kinds; pairs with an empty side are left out."""
    loaded = []
    for record in json.loads((work / "sources.json").read_text())["used"]:
        if record["kind"] not in kinds:
            continue
        with np.load(work / "tokens" / f"{record['name']}.npz") as arrays:
            left = Ragged(arrays["left"], arrays["left_starts"])
            right = Ragged(arrays["right"], arrays["right_starts"])
            whole = np.flatnonzero((np.diff(left.starts) > 0) & (np.diff(right.starts) > 0))
            loaded.append(
                Pairs(
                    record["name"], record["set"], record["kind"], (record["left"], record["right"]),
                    left.rows(whole), right.rows(whole),
                    arrays["left_hash"][whole], arrays["right_hash"][whole],
                )
            )
    return [pairs for pairs in loaded if len(pairs) >= 64]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".work"))
    save(parser.parse_args().work)


if __name__ == "__main__":
    main()

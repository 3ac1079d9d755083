"""The choices that determine an index: model, passage size, format."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

SHIPPED_MODEL = "shipped"  # the name under which people choose the model inside the package
SHIPPED_FOLDER = Path(__file__).parent / "model"

PASSAGE_SIZE = 1_000  # characters: found most answers on the development questions, see bench/README.md
FORMAT = 7  # of the files of a generation; raised whenever an older reader would misread them
READING = 3  # of the rules that turn a file into passages and dates; raised when the same file gives others, which
# tests/test_recipe.py notices


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an index is made. Two indexes of equal recipes over equal files give equal hits."""

    model: str              # SHIPPED_MODEL, or what was given as --model
    fingerprint: str        # of the model's files; two models of one name differ here
    dimension: int          # of its vectors
    passage_size: int = PASSAGE_SIZE  # characters
    reading: int = READING
    format: int = FORMAT

    def to_dict(self) -> dict[str, object]:
        return asdict(self)

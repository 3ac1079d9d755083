"""The arrays of a safetensors file, read where they lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What safetensors calls the kinds of numbers that numpy has too.
_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U32": "<u4",
          "U16": "<u2", "U8": "u1"}


def mapped(path: Path) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """The arrays of a safetensors file by their names, and what is said about them. The library would copy them, which
    takes longer than answering a question. Raises OSError or SafetensorError."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy"):
        pass  # it checks that the file is whole and that no two arrays overlap
    with path.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        head = json.loads(stream.read(size))
    data = np.memmap(path, np.uint8, "r", offset=8 + size).view(np.ndarray)
    arrays: dict[str, NDArray[Any]] = {}
    for name, about in head.items():
        if name != "__metadata__" and about["dtype"] in _KINDS:
            start, end = about["data_offsets"]
            arrays[name] = data[start:end].view(_KINDS[about["dtype"]]).reshape(about["shape"])
    return arrays, head.get("__metadata__", {})

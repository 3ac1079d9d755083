"""The place of an index, by what people give as --index."""

from __future__ import annotations

import os

from qa.engine import Place
from qa.folders import Folder


def place(index: str | os.PathLike[str]) -> Place:
    """The folder of `index`."""
    return Folder(index)

"""A folder in two states, an encoder without a model, and few questions: what the tests of trust build and ask."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_AXES = 16

STATES = (
    {
        "ferries.txt": "The blue ferries\n12/03/2019\n\nThe ferries leave the harbour at dawn with nine sacks.\n",
        "bridge.md": "# A bridge of cedar\n\nThe bridge stands on forty posts. Trams cross it on market days.\n",
        "2021/museum.txt": "2021-05-08\n\nThe museum keeps three hundred coffee mills. Sundays are free.\n",
        "lantern.txt": "La fête des lanternes réunit le quai et le vieux port. Le comité attend la foule.\n",
    },
    {
        "ferries.txt": "The blue ferries\n12/03/2019\n\nThe ferries stay in the harbour. Their captain has retired.\n",
        "2021/museum.txt": "2021-05-08\n\nThe museum keeps three hundred coffee mills. Sundays are free.\n",
        "2021/lantern.txt": "La fête des lanternes réunit le quai et le vieux port. Le comité attend la foule.\n",
        "orchard.txt": "The orchard sells nine kinds of pears by the basket. " * 40,
    },
)
QUESTIONS = ("When do the ferries leave the harbour?", "Qui réunit la fête des lanternes ?", "coffee mills", "pears")


class WordEncoder:
    """Each word lies on one of a few axes. Needs no model, starts no thread, gives the same vectors everywhere."""

    name = fingerprint = "words"
    dimension = _AXES
    light = False

    def encode_passages(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        return np.array([self.encode_question(text) for text in texts], np.float32).reshape(-1, _AXES)

    def encode_question(self, text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
        vector = np.full(_AXES, 0.01, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[sum(map(ord, word)) % _AXES] += 1
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def brief() -> WordEncoder:
    """Puts this encoder in the place of every model, and one question in the place of those a build is measured by.
    For processes that do nothing else."""
    from qa import background, encoder

    words = WordEncoder()
    encoder.load = lambda name=None: words  # type: ignore[assignment,return-value]
    background.questions = lambda: {"en": ["How long does rice boil?"]}  # type: ignore[attr-defined]
    return words


def share_everything() -> None:
    """From now on an index, however small, shares with the one before whatever has not changed, as large ones do. For
    processes that do nothing else."""
    from qa import build, merging

    merging.SHARED_FROM = merging.SMALL = 0
    merging.SHARE = 1.0
    build._SETTLED = 0  # files are written a moment before they are read
    build._KEPT_FROM = 1 << 60


def write(folder: Path, state: Mapping[str, str]) -> None:
    """Brings a folder into a state, writing only what differs."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in state:
            path.unlink()
    for name, text in state.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")

"""What the words of a question mean in other languages, from open dictionaries, as tokens of the shipped model.

A model of 64,000 tokens knows the commonest words of 24 languages; the others it reads in pieces, which mean little
together, and Chinese without spaces it cuts where no word ends. A dictionary knows both. Only questions are looked
up, a dozen words each, so that indexes stay as they are: dictionary-based query translation (Pirkola 1998), in vectors.
"""

from __future__ import annotations

import json
import re
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa.arrays import mapped
from qa.spoken import UNTOLD, script_of

NAME = "lexicon.safetensors"  # in the model's folder; made by `python -m training.lexicon`
SEPARATOR = 0xFFFF  # stands between the translations of a word
LONGEST = 8         # signs of a word of Chinese or Japanese

_SHARED = {"uk": "ru", "fa": "ar", "ja": "zh"}  # languages whose words may be told for another's of the same script
_RUN = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u9fff]+")  # Han and kana

Tokens = NDArray[np.uint16]


class Lexicon:
    """Words, as the model's tokenizer folds them, and the tokens of their translations into any language."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, SafetensorError, KeyError or ValueError when the file is missing or damaged."""
        arrays, about = mapped(path)
        self._blocks: dict[str, list[int]] = json.loads(about["languages"])
        self._numbers, self._meanings, self._bounds, self._tokens = (
            arrays[name] for name in ("numbers", "meanings", "bounds", "tokens"))

    def meaning(self, word: str, language: str) -> list[Tokens]:
        """The tokens of each translation of a folded word of a question in that language; none where it is not
        known."""
        at, = self._found([word], _language(word, language)).tolist()
        if at < 0:
            return []
        begin, end = self._bounds[self._meanings[at] :][:2].tolist()
        tokens = self._tokens[begin:end]
        return [one[one != SEPARATOR] for one in np.split(tokens, np.flatnonzero(tokens == SEPARATOR))]

    def pieces(self, text: str, language: str) -> list[tuple[str, bool]]:
        """A folded text in pieces, at least one, and whether each is a word that is known, of a script without spaces.

        The longest words first, from the left (forward maximum matching).
        """
        found: list[tuple[str, bool]] = []
        end = 0
        for run in _RUN.finditer(text):
            known = self._known(run[0], language)
            place = 0
            while place < len(run[0]):
                size = next((size for size in range(LONGEST, 1, -1) if (place, size) in known), 0)
                if size:
                    start = run.start() + place
                    found += [(text[end:start], False), (text[start : start + size], True)]
                    end = start + size
                place += size or 1
        return [piece for piece in (*found, (text[end:], False)) if piece[0].strip()] or [(text, False)]

    def _known(self, run: str, language: str) -> set[tuple[int, int]]:
        """(place, size) of each word in a run of signs."""
        places = [(place, size) for place in range(len(run)) for size in range(2, min(LONGEST, len(run) - place) + 1)]
        at = self._found([run[place : place + size] for place, size in places], _language(run, language))
        return {place for place, found in zip(places, at.tolist(), strict=True) if found >= 0}

    def _found(self, words: list[str], language: str) -> NDArray[np.int64]:
        """The place of each word among those of the language, -1 for one that is not known."""
        begin, end = self._blocks.get(language, (0, 0))
        if begin == end:
            return np.full(len(words), -1)
        numbers = self._numbers[begin:end]
        wanted = np.array([number(word) for word in words], np.uint32)
        at = np.minimum(np.searchsorted(numbers, wanted), len(numbers) - 1)
        return np.where(numbers[at] == wanted, at + begin, -1)


def number(word: str) -> int:
    """What a folded word is known by: of 100,000 words of a language two share it at times, and one word in 40,000 that
    is not known is taken for one that is."""
    return zlib.crc32(word.encode())


def _language(word: str, language: str) -> str:
    """The language a word of a question is looked up in: the question's, unless its script says another."""
    written = script_of(word)
    return language if written in (UNTOLD, _SHARED.get(language, language)) else written

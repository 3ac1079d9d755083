"""Questions of everyday life that no folder of articles is about, in many languages: a measure, and a list of the
words that questions are made of."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

from qa.words import tokens

_OFTEN = 3  # of the questions of a language: what stands in so many, whatever they ask about, says nothing


@cache
def questions() -> dict[str, list[str]]:
    """The questions by language, the same meanings in each, from unrelated.json beside this module."""
    loaded = json.loads(Path(__file__).with_name("unrelated.json").read_text("utf-8"))
    return {str(language): [str(question) for question in listed] for language, listed in loaded.items()}


@cache
def little_words(language: str) -> frozenset[str]:
    """The folded words that questions of a language share whatever they ask about; none for a language without
    questions here."""
    counts = Counter(word for question in questions().get(language, []) for word in set(tokens(question)))
    return frozenset(word for word, count in counts.items() if count >= _OFTEN)

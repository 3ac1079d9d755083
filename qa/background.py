"""How close a question that has nothing to do with a folder comes to it all the same.

A raw cosine of 0.5 means one thing in five articles and another in 50,000, one thing for a French question and
another for a Russian one over French articles, and differs from model to model. So every index measures, when it
is built, the best scores that questions of everyday life reach in it, in each language; what a real question
reaches is then read on that scale. The questions lie in background.json.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from qa.encoder import Encoder
from qa.lexical import tokens
from qa.store import Rows, Store

ANY = "any"  # stands for all languages together

Background = dict[str, list[float]]  # language → [median and spread of the best cosine, the same of the coverage]


@cache
def questions() -> dict[str, list[str]]:
    """The unrelated questions by language; the same meanings in each."""
    loaded = json.loads(Path(__file__).with_name("background.json").read_text("utf-8"))
    return {str(language): [str(question) for question in listed] for language, listed in loaded.items()}


def coverage(store: Store, words: list[str], scores: np.ndarray) -> np.ndarray:
    """BM25 scores as a share of what a passage of average length would get that held each word of the question
    once: about 1 when all the words stand in a passage, near 0 when the question is in another language.

    Words that no passage holds count at the weight of the rarest, so that a question is not taken for found
    because two of its words are. Scores and result have the same shape.
    """
    whole = sum(store.rarity(words).values())
    return np.asarray(scores / whole if whole else np.zeros_like(scores), np.float32)


def best(store: Store, encoder: Encoder, question: str, rows: Rows | None = None) -> tuple[float, float]:
    """The best cosine and the best coverage that `question` reaches among `rows` (None: all)."""
    _, cosines = store.nearest(encoder.encode_question(question), 1, rows)
    words = tokens(question)
    _, scores = store.lexical.search(words, 1, rows)
    covered = coverage(store, words, scores)
    return (float(cosines[0]) if len(cosines) else 0.0), (float(covered[0]) if len(covered) else 0.0)


def background(store: Store, encoder: Encoder) -> Background:
    """Median and spread (1.4826 × the median absolute deviation, robust to the few questions that a folder does
    answer; Rousseeuw & Croux 1993) of the best scores, for each language and for all together."""
    if store.count == 0:
        return {}
    reached = {language: np.array([best(store, encoder, question) for question in listed])
               for language, listed in questions().items()}
    reached[ANY] = np.concatenate(list(reached.values()))
    return {language: [round(float(value), 5) for column in scores.T for value in _middle(column)]
            for language, scores in reached.items()}


def _middle(values: np.ndarray) -> tuple[float, float]:
    median = float(np.median(values))
    return median, 1.4826 * float(np.median(np.abs(values - median)))

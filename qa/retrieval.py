"""A question → candidate passages, by words and by meaning together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from qa.background import coverage
from qa.index import Index
from qa.lexical import tokens
from qa.store import Rows

CANDIDATES = 100  # passages taken from each side; more changed no figure of bench/fusion.py
LEXICAL_WEIGHT = 0.5  # of the coverage against the cosine; chosen on the development questions, see bench/README.md

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidate passages, best first; the three arrays run in parallel."""

    rows: Rows
    scores: Scores  # what they are ordered by
    vector: Scores  # cosine with the question
    lexical: Scores  # coverage of the question's words, see background.coverage


def rank(index: Index, question: str, rows: Rows | None = None) -> Ranking:
    """The passages that may answer, among `rows` (None: all).

    Each side names its best candidates; both then score all of them exactly, and the fused score is the cosine
    plus the weighted coverage. Coverage rather than a rank or a z-score keeps the word side small by itself
    where it has little to say: a question in another language than the passages shares but a name with them.
    """
    store = index.store
    vector = index.encoder.encode_question(question)
    words = tokens(question)
    by_vector, _ = store.nearest(vector, CANDIDATES, rows)
    by_words, _ = store.lexical.search(words, CANDIDATES, rows)
    candidates = np.union1d(by_vector, by_words)
    cosines = np.asarray(store.vectors(candidates) @ vector, np.float32)
    covered = np.asarray(coverage(store, words, store.lexical.scores(words, candidates)), np.float32)
    scores = np.asarray(cosines + LEXICAL_WEIGHT * covered, np.float32)
    order = np.lexsort((candidates, -scores))  # equal scores: the earlier passage first, so that answers repeat
    return Ranking(candidates[order], scores[order], cosines[order], covered[order])


def allowed(index: Index, since: date | None, until: date | None, file: str | None) -> Rows | None:
    """The rows that filters leave; None when there is no filter."""
    return index.store.rows(since, until, file)

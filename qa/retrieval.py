"""A question → candidate passages, by words and by meaning together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from qa.background import expected
from qa.closeness import Asked, Scores
from qa.index import Index
from qa.store import Rows

CANDIDATES = 50  # passages taken from each side; more changed no figure
# Chosen on the development questions, single folders and mixed ones: `python -m bench.fusion`
LEXICAL_WEIGHT = 1.4    # of the coverage against the cosine
LEXICAL_SHARE = 0.75    # of the coverage that an unrelated question reaches, for this pair of languages: taken off


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidate passages, best first; the arrays run in parallel."""

    rows: Rows
    scores: Scores  # what they are ordered by
    vector: Scores  # cosine, see closeness.Meter.cosines
    lexical: Scores  # coverage of the question's words, see closeness.Meter.coverage


def rank(index: Index, question: Asked, language: str, rows: Rows | None = None, k: int = CANDIDATES) -> Ranking:
    """The passages that may answer, at least k if there are as many, among `rows` (None: all). `language` is the
    question's.

    Each side names its best candidates; both then measure all of them exactly. The score is
    (cosine - expected cosine) + LEXICAL_WEIGHT · (coverage - LEXICAL_SHARE · expected coverage),
    expected for the question's language in passages of the candidate's language (see qa/background.py): in a folder
    of one language a constant, in a mixed one what keeps passages in the question's own language from winning
    because they share its little words.
    """
    candidates = index.there(index.meter.candidates(question, max(CANDIDATES, k), rows))
    cosines = index.meter.cosines(question, candidates)
    covered = index.meter.coverage(question, candidates)
    written = index.store.languages_of(candidates)
    usual = np.array([expected(index.manifest.background, language, one) for one in written], np.float32).reshape(-1, 4)
    scores = np.asarray((cosines - usual[:, 0])
                        + LEXICAL_WEIGHT * (covered - LEXICAL_SHARE * usual[:, 2]), np.float32)
    order = np.lexsort((candidates, -scores))  # equal scores: the earlier passage first, so that answers repeat
    return Ranking(candidates[order], scores[order], cosines[order], covered[order])

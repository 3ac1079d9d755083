"""A question → candidate passages, by words, by meaning, and by the meaning of each word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qa.background import expected
from qa.closeness import Asked, Scores
from qa.engine import EVERYWHERE, Rows, Within
from qa.index import Index

CANDIDATES = 50  # passages taken from each side: 80 find half a point more across languages, and cost half more
# Chosen on the development questions, single folders and mixed ones: `python -m bench.fusion`
LEXICAL_WEIGHT = 1.4    # of the coverage against the cosine
INTERACTION_WEIGHT = 1.5  # of the interaction against the cosine
LEXICAL_SHARE = 0.5    # of the coverage that an unrelated question reaches, for this pair of languages: taken off


@dataclass(frozen=True, slots=True)
class Ranking:
    """Candidate passages, best first; the arrays run in parallel."""

    rows: Rows
    scores: Scores  # what they are ordered by
    vector: Scores  # cosine, see closeness.Meter.cosines
    lexical: Scores  # coverage of the question's words, see closeness.Meter.coverage
    interaction: Scores  # how well its units are met, see closeness.Meter.interaction

    def reordered(self, order: NDArray[np.int64], scores: Scores) -> Ranking:
        """The passages at these positions, with scores of their own, in parallel."""
        return Ranking(self.rows[order], scores, self.vector[order], self.lexical[order], self.interaction[order])


def rank(index: Index, question: Asked, language: str, within: Within = EVERYWHERE, k: int = CANDIDATES) -> Ranking:
    """The passages that may answer, at least k if there are as many, among those that meet the conditions.
    `language` is the question's.

    Each side names its best candidates; both then measure all of them exactly. The score is
    (cosine - expected cosine) + LEXICAL_WEIGHT · (coverage - LEXICAL_SHARE · expected coverage)
    + INTERACTION_WEIGHT · (interaction - expected interaction),
    expected for the question's language in passages of the candidate's language (see qa/background.py): in a folder
    of one language a constant, in a mixed one what keeps passages in the question's own language from winning
    because they share its little words.
    """
    candidates = index.there(index.meter.candidates(question, max(CANDIDATES, k), within))
    cosines, covered, met = index.meter.measures(question, candidates)
    written = index.store.languages_of(candidates)
    usual = np.array([expected(index.manifest.background, language, one) for one in written], np.float32).reshape(-1, 6)
    scores = np.asarray((cosines - usual[:, 0])
                        + LEXICAL_WEIGHT * (covered - LEXICAL_SHARE * usual[:, 2])
                        + INTERACTION_WEIGHT * (met - usual[:, 4]), np.float32)
    order = np.lexsort((candidates, -scores))  # equal scores: the earlier passage first, so that answers repeat
    return Ranking(candidates, scores, cosines, covered, met).reordered(order, scores[order])

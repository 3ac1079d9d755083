"""A question → candidate passages, by words, by meaning, and by the meaning of each word."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from qa import ranker
from qa.background import expected
from qa.closeness import Asked, Met, Scores
from qa.engine import EVERYWHERE, Rows, Within
from qa.index import Index
from qa.ranker import Meeting

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
    sums: Scores    # the sum of the measures alone, which can be compared between rankings of one index
    vector: Scores  # cosine, see closeness.Meter.cosines
    lexical: Scores  # coverage of the question's words, see closeness.Meter.coverage
    interaction: Scores  # how well its units are met, see closeness.Meter.interaction
    places: Rows    # of each passage among those of `met`
    met: Met | None  # how the sentences of these and other passages meet the question; None where there is no passage

    def reordered(self, order: NDArray[np.int64], scores: Scores) -> Ranking:
        """The passages at these positions, with scores of their own, in parallel."""
        return Ranking(self.rows[order], scores, self.sums[order], self.vector[order], self.lexical[order],
                       self.interaction[order], self.places[order], self.met)

    def ordered(self, scores: Scores) -> Ranking:
        """The same passages by other scores, best first; of equal ones the earlier, so that answers repeat."""
        order = np.lexsort((self.rows, -scores))
        return self.reordered(order, scores[order])


def rank(index: Index, question: Asked, language: str, within: Within = EVERYWHERE, k: int = CANDIDATES) -> Ranking:
    """The passages that may answer, at least k if there are as many, among those that meet the conditions.
    `language` is the question's.

    Each side names its best candidates; both then measure all of them exactly. The sum is
    (cosine - expected cosine) + LEXICAL_WEIGHT · (coverage - LEXICAL_SHARE · expected coverage)
    + INTERACTION_WEIGHT · (interaction - expected interaction),
    expected for the question's language in passages of the candidate's language (see qa/background.py): in a folder
    of one language a constant, in a mixed one what keeps passages in the question's own language from winning
    because they share its little words. With the shipped model the ranker (qa/ranker.py), which knows no
    other's cosines, puts the best of these sums in order.
    """
    candidates = index.there(index.meter.candidates(question, max(CANDIDATES, k), within))
    cosines, covered, interaction, met = index.meter.met(question, candidates)
    written = index.store.languages_of(candidates)
    usual = np.array([expected(index.manifest.background, language, one) for one in written], np.float32).reshape(-1, 6)
    sums = np.asarray((cosines - usual[:, 0])
                      + LEXICAL_WEIGHT * (covered - LEXICAL_SHARE * usual[:, 2])
                      + INTERACTION_WEIGHT * (interaction - usual[:, 4]), np.float32)
    order = np.lexsort((candidates, -sums))  # equal scores: the earlier passage first, so that answers repeat
    meeting = None if met is None else met.meeting
    ranking = Ranking(candidates, sums, sums, cosines, covered, interaction, np.arange(len(candidates)),
                      None if met is None else replace(met, meeting=None)).reordered(order, sums[order])
    if meeting is None or index.encoder.fingerprint != ranker.load().model:
        return ranking
    best = order[: ranker.READ]
    return _refined(ranking, meeting.of(best), np.array(written, str)[best])


def _refined(ranking: Ranking, meeting: Meeting, written: NDArray[np.str_]) -> Ranking:
    """The ranking with the best sums put in order by the ranker; `written`: their languages.

    Its merits tell passages of one language from each other. What those of a language gain together is taken off: any
    passage in the question's own language shares words with it.
    """
    merits = ranker.load().merits(meeting)
    for language in np.unique(written):
        merits[written == language] -= merits[written == language].mean()
    scores = ranking.sums + np.pad(merits, (0, len(ranking.rows) - len(merits)),
                                     constant_values=merits.min())
    return ranking.ordered(scores)

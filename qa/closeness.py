"""How close passages are to a question: by their meaning, by their words, and by what their words mean one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa.cuts import Sentences
from qa.encoder import Encoder, LightEncoder, Vectors, apart, unit
from qa.engine import EVERYWHERE, Engine, Rows, Within
from qa.ranker import Meeting
from qa.unrelated import little_words
from qa.words import tokens

Scores = NDArray[np.float32]

_TINY = 1e-12
_ASKED_FOR = 64      # units of a question that are compared, those that matter most: a question has a dozen
# Weight of what a word's translations say together against what its own tokens say: one token was learned by itself,
# several say little together. Chosen on the development questions, `python -m bench.fusion`
_TRANSLATED, _TRANSLATED_PIECES = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the index sees it."""

    text: str
    vector: Vectors         # (dimension,), unit
    words: tuple[str, ...]  # folded, without those that any question has
    units: Vectors | None   # (units, dimension), of length one; None where the encoder is not light
    weights: Scores         # how much each unit matters, in all 1


def asked(question: str, encoder: Encoder, language: str) -> Asked:
    """Embeds a question and folds its words. `language` is the question's: its little words are left out, unless it
    has no others."""
    every = tuple(tokens(question))
    words = tuple(word for word in every if word not in little_words(language)) or every
    if not isinstance(encoder, LightEncoder):
        return Asked(question, encoder.encode_question(question), words, None, np.zeros(0, np.float32))
    vectors, figures = _meant(question, encoder, language)
    return Asked(question, unit(vectors.sum(axis=0)), words, *_units(vectors, figures))


def _meant(question: str, encoder: LightEncoder, language: str) -> tuple[Vectors, NDArray[np.bool_]]:
    """What each unit of a question means, (units, dimension), its length saying how much it matters; and which units
    are figures.

    A unit that the dictionaries know means what its tokens and its translations say together, and matters as
    much as both on average. What they know of a script without spaces is one unit.
    """
    lexicon = encoder.lexicon
    pieces = [(question, False)] if lexicon is None else lexicon.pieces(encoder.folded(question), language)
    units, _ = encoder.units([text for text, _ in pieces])
    of = np.cumsum(units.firsts) - 1
    meant = encoder.token_vectors(units.tokens) * (units.lengths[of, None] > 0)  # a text without tokens means nothing
    begins = np.cumsum(units.counts[:, 1]) - units.counts[:, 1]
    for begin, count, (_, known) in zip(begins.tolist(), units.counts[:, 1].tolist(), pieces, strict=True):
        if known:
            units.firsts[begin + 1 : begin + count] = False
    firsts = np.flatnonzero(units.firsts)
    vectors = np.add.reduceat(meant, firsts, axis=0)
    figures = np.logical_and.reduceat(encoder.figures(units.tokens), firsts)
    if lexicon is not None:
        sizes = np.diff(firsts, append=len(units.tokens)).tolist()
        for row, (word, size) in enumerate(zip(encoder.words(units), sizes, strict=True)):
            translations = lexicon.meaning(word, language) if word.isalpha() else []
            if translations:
                weight = _TRANSLATED if size == 1 else _TRANSLATED_PIECES
                vectors[row] = _joined(vectors[row], translations, weight, encoder)
    return vectors, figures


def _joined(own: Vectors, translations: Sequence[NDArray[Any]], weight: float, encoder: LightEncoder) -> Vectors:
    """The vector of a word, (dimension,), joined with those of its translations, which weigh so much."""
    starts = np.cumsum([0, *map(len, translations)])[:-1]
    others = np.add.reduceat(encoder.token_vectors(np.concatenate(translations).astype(np.int32)), starts, axis=0)
    middle = unit(others)
    direction = unit(unit(own) + weight * unit(middle.sum(axis=0)))
    # the square of a length says how much a word matters: the geometric mean of its own and of the translations'
    matters, told = np.vecdot(own, own), np.vecdot(others, others).mean()
    return np.asarray(direction * np.sqrt(np.sqrt(matters * told) if matters else told), np.float32)


def _units(vectors: Vectors, figures: NDArray[np.bool_]) -> tuple[Vectors, Scores]:
    """What a question asks for, unit by unit, and how much each matters: the square of its vector's length, which
    training has made small for what any text may say (`python -m training.static`). A figure matters no more than
    the word that matters most: in another language than the articles' it is often all that is met for certain, and
    2012 alone answers nothing about that year."""
    lengths = np.linalg.norm(vectors, axis=1)
    weights = lengths ** 2
    if figures.any() and not figures.all():
        weights = np.where(figures, np.minimum(weights, weights[~figures].max()), weights)
    most = np.sort(np.argsort(-weights, kind="stable")[:_ASKED_FOR])
    vectors, lengths, weights = vectors[most], lengths[most], weights[most]
    return (np.asarray(vectors / np.maximum(lengths[:, None], _TINY), np.float32),
            np.asarray(weights / max(float(weights.sum()), _TINY), np.float32))


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures closeness in one store with one encoder.

    A passage is as close as the mean of itself and its closest sentence, by meaning as by words: over many words an
    average blurs what one sentence says, most of all for a question in another language (`python -m bench.fusion`).
    """

    store: Engine
    encoder: Encoder

    def candidates(self, question: Asked, k: int, within: Within = EVERYWHERE) -> Rows:
        """The rows that either side finds among its best k, ascending."""
        by_vector, _ = self.store.nearest(question.vector, k, within)
        by_words, _ = self.store.nearest_by_words(question.words, k, within)
        return np.union1d(by_vector, by_words).astype(np.int64)

    def measures(self, question: Asked, rows: Rows) -> tuple[Scores, Scores, Scores]:
        """Cosine, coverage and interaction of each passage.

        The cosine of the question is with the passage as a whole; with a light encoder the mean of that and of the
        cosine with its closest sentence.

        The coverage says how much of the question's words the passage holds: about 1 when it holds all of them in
        one sentence, near 0 when the question is in another language. It is the mean of BM25, as a share of what a
        passage of average length would get that held each word once, and of the share of the words' rarity that the
        best sentence holds. A word that stands nowhere counts as the rarest, so that a question is not taken for
        found because two of its words are.

        The interaction says how well the passage meets the question unit by unit, 0..1: each unit of the question
        looks for the one nearest to it in meaning, and their cosines are averaged by how much the units matter; the
        mean of that over the passage and over its closest sentence. Zeros where the encoder is not light. This is
        late interaction (Khattab & Zaharia 2020) over static vectors: what a mean over all words blurs, above all
        for a question in another language.
        """
        return self.met(question, rows)[:3]

    def met(self, question: Asked, rows: Rows) -> tuple[Scores, Scores, Scores, Met | None]:
        """The three measures of each passage, and how their sentences meet the question; None where there is no
        passage."""
        if not len(rows):
            return *((np.zeros(0, np.float32),) * 3), None
        cut = self.store.cuts.of(rows)
        ceiling = max(sum(self.store.lexical.rarity(question.words).values()), _TINY)
        scores, held = self.store.lexical.covered(question.words, rows, cut)
        met = self.sentences(question, cut, held / np.float32(ceiling))
        firsts = cut.bounds[:-1]
        cosines = self.store.vectors(rows) @ question.vector
        if met.cosines is not None:
            cosines = (cosines + np.maximum.reduceat(met.cosines, firsts)) / 2
        coverage = scores / np.float32(ceiling) + np.maximum.reduceat(met.coverage, firsts)
        interaction = met.reached @ met.weights + np.maximum.reduceat(met.interaction, firsts)
        return (np.asarray(cosines, np.float32), np.asarray(coverage / 2, np.float32),
                np.asarray(interaction / 2, np.float32), met)

    def sentences(self, question: Asked, cut: Sentences, coverage: Scores) -> Met:
        """How each of these sentences meets the question; `coverage` says how much of its words each holds."""
        if question.units is None or not isinstance(self.encoder, LightEncoder):
            return Met(cut.bounds, cut.counts[:, :2], None, coverage, np.zeros(len(cut), np.float32),
                       np.zeros((len(cut.titles), 0), np.float32), np.zeros(0, np.float32), None)
        totals, cosines, bounds = _by_meaning(
            question, self.encoder, (cut.counts[:, 3:5], cut.totals, cut.lengths, cut.tokens, cut.firsts))
        nearest = np.maximum.reduceat(cosines, bounds[:-1], axis=1)  # (question's units, sentences)
        reached = np.maximum.reduceat(nearest, cut.bounds[:-1], axis=1)
        return Met(cut.bounds, cut.counts[:, :2], totals, coverage, question.weights @ nearest, reached.T,
                   question.weights, Meeting(cosines, question.weights, bounds, cut.bounds))


def texts_met(question: Asked, texts: Sequence[str], encoder: LightEncoder) -> tuple[Scores, Scores]:
    """Cosine and interaction of each of some texts that are in no index, both (len(texts),); `encoder` has asked the
    question."""
    units, _ = encoder.units(texts)
    totals, cosines, bounds = _by_meaning(
        question, encoder, (units.counts, units.totals, units.lengths, units.tokens, units.firsts))
    return totals, np.asarray(question.weights @ np.maximum.reduceat(cosines, bounds[:-1], axis=1), np.float32)


def _by_meaning(question: Asked, encoder: LightEncoder,
                units: tuple[NDArray[np.int64], Scores, Scores, NDArray[Any], NDArray[Any]]
                ) -> tuple[Scores, Scores, Rows]:
    """The cosine of the question with each text, (texts,); of each unit of the question with each unit of the texts,
    (question's units, units); and where the units of each text begin, (texts + 1,).

    units: of the texts, counts (texts, 2), totals, lengths, tokens and firsts as in `Units`.
    """
    assert question.units is not None
    # a vector is the sum of its tokens', so its inner products are sums of theirs
    counts, sizes, lengths, tokens, firsts = units
    products, standing = _products(encoder, np.concatenate([question.vector[None], question.units]), tokens)
    totals = np.add.reduceat(products[standing, 0], _firsts(counts[:, 1])) * _inverse(sizes)
    cosines = (_sums(products[:, 1:], standing, np.flatnonzero(firsts)) * _inverse(lengths)[:, None]).T
    return totals, cosines, np.concatenate([[0], np.cumsum(counts[:, 0])])


@dataclass(frozen=True, slots=True)
class Met:
    """How each of some sentences meets a question, and how their passages do."""

    bounds: Rows            # (passages + 1,) where the sentences of each passage begin
    spans: NDArray[np.int64]  # (sentences, 2) start and end, characters of the passage
    cosines: Scores | None  # (sentences,); None where the encoder is not light
    coverage: Scores        # (sentences,) share of the rarity of the question's words that stand in each
    interaction: Scores     # (sentences,)
    reached: Scores         # (passages, question's units) how near each unit is met in all sentences together
    weights: Scores         # (question's units,) how much each matters; no units where the encoder is not light
    meeting: Meeting | None  # unit by unit; None where the encoder is not light


def _firsts(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(counts) - counts


def _inverse(lengths: Scores) -> Scores:
    """0 for what has no length, and so is close to nothing."""
    return np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > _TINY)


def _products(encoder: LightEncoder, vectors: Vectors, tokens: NDArray[Any]
              ) -> tuple[Vectors, NDArray[np.int32]]:
    """The inner products of tokens with vectors, (different tokens, len(vectors)), each token multiplied once; and
    which of them each token has."""
    different, places = apart(tokens, encoder.vocabulary)
    return encoder.products(vectors, different).T, places


def _sums(products: Vectors, places: NDArray[np.int32], firsts: NDArray[np.int64]) -> Vectors:
    """The products at these places added up from each first to the next, (len(firsts), columns): most have one, so
    that this takes a quarter of the time of reduceat."""
    sizes = np.diff(firsts, append=len(places))
    sums = np.take(products, places[firsts], axis=0)
    longer = np.flatnonzero(sizes > 1)
    for place in range(1, int(sizes.max(initial=0))):
        sums[longer] += products[places[firsts[longer] + place]]
        longer = longer[sizes[longer] > place + 1]
    return sums

"""How close passages are to a question: by their meaning, by their words, and by what their words mean one by one."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from qa.encoder import Encoder, LightEncoder, Units, Vectors, unit
from qa.passages import Passage
from qa.sentences import spans
from qa.store import Rows, Store
from qa.unrelated import little_words
from qa.words import terms, tokens

Scores = NDArray[np.float32]

_REMEMBERED = 2_000  # passages whose sentences' vectors are kept for the next question: about 30 MB
_TINY = 1e-12
_ASKED_FOR = 64      # units of a question that are compared, those that matter most: a question has a dozen


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
    words = tuple(tokens(question))
    return Asked(question, encoder.encode_question(question),
                 tuple(word for word in words if word not in little_words(language)) or words,
                 *_units(question, encoder))


def _units(question: str, encoder: Encoder) -> tuple[Vectors | None, Scores]:
    """What a question asks for, unit by unit, and how much each matters: the square of its vector's length, which
    training has made small for what any text may say (`python -m training.interaction`)."""
    if not isinstance(encoder, LightEncoder):
        return None, np.zeros(0, np.float32)
    (units,) = encoder.units([question])
    vectors = np.add.reduceat(encoder.token_vectors(units.tokens), units.starts, axis=0)
    weights = units.lengths ** 2
    most = np.sort(np.argsort(-weights, kind="stable")[:_ASKED_FOR])
    vectors, weights = vectors[most], weights[most]
    return (np.asarray(vectors / np.maximum(units.lengths[most, None], _TINY), np.float32),
            np.asarray(weights / max(float(weights.sum()), _TINY), np.float32))


@dataclass(frozen=True, slots=True)
class Cut:
    """A passage cut into its sentences."""

    spans: tuple[tuple[int, int], ...]  # start and end, characters of the passage
    terms: tuple[frozenset[str], ...]   # of each sentence, see words.terms
    vectors: Vectors | None             # unit rows, one a sentence; None where the encoder is not light
    units: tuple[Units, ...]            # of each sentence; empty where the encoder is not light


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures closeness in one store with one encoder, and remembers the sentences it has seen.

    A passage is as close as the mean of itself and its closest sentence, by meaning as by words: over many words an
    average blurs what one sentence says, most of all for a question in another language (`python -m bench.fusion`).
    """

    store: Store
    encoder: Encoder
    remembered: int = _REMEMBERED  # passages
    _cuts: dict[int, Cut] = field(default_factory=dict)

    def candidates(self, question: Asked, k: int, rows: Rows | None = None) -> Rows:
        """The rows that either side finds among its best k, ascending."""
        by_vector, _ = self.store.nearest(question.vector, k, rows)
        by_words, _ = self.store.lexical.search(question.words, k, rows)
        return np.union1d(by_vector, by_words).astype(np.int64)

    def measures(self, question: Asked, rows: Rows) -> tuple[Scores, Scores, Scores]:
        """Cosine, coverage and interaction of each passage."""
        return self.cosines(question, rows), self.coverage(question, rows), self.interaction(question, rows)

    def cosines(self, question: Asked, rows: Rows) -> Scores:
        """The cosine of the question with each passage; with a light encoder the mean of that and of the cosine
        with the passage's closest sentence."""
        whole = self.store.vectors(rows) @ question.vector
        closest = [float((cut.vectors @ question.vector).max()) for cut in self.cuts(rows) if cut.vectors is not None]
        return np.asarray((whole + np.array(closest)) / 2 if closest else whole, np.float32)

    def coverage(self, question: Asked, rows: Rows) -> Scores:
        """How much of the question's words each passage holds: about 1 when it holds all of them in one sentence,
        near 0 when the question is in another language.

        The mean of BM25, as a share of what a passage of average length would get that held each word once, and of
        the share of the words' rarity that the best sentence holds. A word that stands nowhere counts as the rarest,
        so that a question is not taken for found because two of its words are.
        """
        rarity = self.store.lexical.rarity(question.words)
        ceiling = sum(rarity.values())
        if not ceiling:
            return np.zeros(len(rows), np.float32)
        whole = self.store.lexical.scores(question.words, rows)
        closest = [max(sum(rarity[term] for term in rarity.keys() & terms) for terms in cut.terms)
                   for cut in self.cuts(rows)]
        return np.asarray((whole + np.array(closest)) / (2 * ceiling), np.float32)

    def interaction(self, question: Asked, rows: Rows) -> Scores:
        """How well each passage meets the question unit by unit, 0..1: each unit of the question looks for the one
        nearest to it in meaning, and their cosines are averaged by how much the units matter; the mean of that over
        the passage and over its closest sentence. Zeros where the encoder is not light.

        Late interaction (Khattab & Zaharia 2020) over static vectors: what a mean over all words blurs, above all
        for a question in another language (`python -m bench.fusion`).
        """
        return np.array([(whole + float(sentences.max())) / 2 for whole, sentences in self.met(question, rows)],
                        np.float32)

    def met(self, question: Asked, rows: Rows) -> list[tuple[float, Scores]]:
        """For each passage, how well it meets the question unit by unit: as a whole, and each of its sentences."""
        cuts = self.cuts(rows)
        if question.units is None or not isinstance(self.encoder, LightEncoder) or not cuts:
            return [(0.0, np.zeros(len(cut.spans), np.float32)) for cut in cuts]
        sentences = [units for cut in cuts for units in cut.units]
        tokens, places = np.unique(np.concatenate([units.tokens for units in sentences]), return_inverse=True)
        # a unit's vector is the sum of its tokens', so its inner products are sums of theirs
        products = self.encoder.products(question.units, tokens)[:, places]
        offsets = np.cumsum([0, *(len(units.tokens) for units in sentences)])
        starts = np.concatenate([units.starts + offset for units, offset in zip(sentences, offsets, strict=False)])
        lengths = np.concatenate([units.lengths for units in sentences])
        cosines = np.add.reduceat(products, starts, axis=1) / np.maximum(lengths, _TINY)
        firsts = np.cumsum([0, *(len(units) for units in sentences)])[:-1]
        nearest = np.maximum.reduceat(cosines, firsts, axis=1)  # (units of the question, sentences)
        each = question.weights @ nearest
        bounds = np.cumsum([0, *(len(cut.units) for cut in cuts)])
        whole = question.weights @ np.maximum.reduceat(nearest, bounds[:-1], axis=1)
        return [(float(value), np.asarray(each[start:end], np.float32))
                for value, start, end in zip(whole, bounds[:-1], bounds[1:], strict=True)]

    def cuts(self, rows: Rows) -> list[Cut]:
        """The sentences of each of these rows."""
        known = self._cuts
        # taken once: another thread may forget them all meanwhile
        found = {row: cut for row in rows.tolist() if (cut := known.get(row)) is not None}
        fresh = [row for row in rows.tolist() if row not in found]
        passages = self.store.passages(fresh)
        spans = [sentence_spans(passage) for passage in passages]
        texts = [passage.text[start:end] for passage, own in zip(passages, spans, strict=True) for start, end in own]
        light = self.encoder if isinstance(self.encoder, LightEncoder) else None
        units = light.units(texts) if light else []
        vectors = unit(np.stack([one.total for one in units])) if units else None
        cursor = 0
        for row, own in zip(fresh, spans, strict=True):
            part = slice(cursor, cursor + len(own))
            words = (chain.from_iterable(map(terms, tokens(text))) for text in texts[part])
            found[row] = Cut(own, tuple(map(frozenset, words)), None if vectors is None else vectors[part],
                             tuple(units[part]))
            cursor = part.stop
        if len(known) + len(fresh) > self.remembered:
            known.clear()
        known.update(found)
        return [found[row] for row in rows.tolist()]


def sentence_spans(passage: Passage) -> tuple[tuple[int, int], ...]:
    """The sentences of a passage, at least one, as (start, end) characters of its text."""
    return tuple(spans(passage.text, passage.language)) or ((0, len(passage.text)),)

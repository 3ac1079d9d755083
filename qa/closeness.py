"""How close passages are to a question: by their meaning, by the meaning of their closest sentence, by its words."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qa.encoder import Encoder, Vectors
from qa.passages import Passage
from qa.sentences import spans
from qa.store import Rows, Store
from qa.unrelated import little_words
from qa.words import tokens

Scores = NDArray[np.float32]

_REMEMBERED = 2_000  # passages whose sentences' vectors are kept for the next question: about 20 MB


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the index sees it."""

    text: str
    vector: Vectors         # (dimension,), unit
    words: tuple[str, ...]  # folded, without those that any question has


def asked(question: str, encoder: Encoder, language: str) -> Asked:
    """Embeds a question and folds its words. `language` is the question's: its little words are left out, unless it
    has no others."""
    words = tuple(tokens(question))
    return Asked(question, encoder.encode_question(question),
                 tuple(word for word in words if word not in little_words(language)) or words)


@dataclass(frozen=True, slots=True)
class Meter:
    """Measures closeness in one store with one encoder, and remembers the sentences it has seen."""

    store: Store
    encoder: Encoder
    _sentences: dict[int, tuple[tuple[tuple[int, int], ...], Vectors]] = field(default_factory=dict)

    def candidates(self, question: Asked, k: int, rows: Rows | None = None) -> Rows:
        """The rows that either side finds among its best k, ascending."""
        by_vector, _ = self.store.nearest(question.vector, k, rows)
        by_words, _ = self.store.lexical.search(question.words, k, rows)
        return np.union1d(by_vector, by_words).astype(np.int64)

    def cosines(self, question: Asked, rows: Rows) -> Scores:
        """The cosine of the question with each passage; with a light encoder the mean of that and of the cosine
        with the passage's closest sentence: an average over many words blurs what one sentence says, most of all
        for a question in another language (`python -m bench.fusion`)."""
        whole = self.store.vectors(rows) @ question.vector
        if not self.encoder.light or not len(rows):
            return np.asarray(whole, np.float32)
        closest = [float((vectors @ question.vector).max()) for _, vectors in self.sentences(rows)]
        return np.asarray((whole + np.array(closest, np.float32)) / 2, np.float32)

    def coverage(self, question: Asked, rows: Rows) -> Scores:
        """BM25 as a share of what a passage of average length would get that held each word of the question once:
        about 1 when all the words stand in a passage, near 0 when the question is in another language.

        A word that stands nowhere counts as the rarest, so that a question is not taken for found because two of
        its words are.
        """
        ceiling = self.store.lexical.ceiling(question.words)
        scores = self.store.lexical.scores(question.words, rows)
        return np.asarray(scores / ceiling if ceiling else np.zeros(len(rows)), np.float32)

    def sentences(self, rows: Rows) -> list[tuple[tuple[tuple[int, int], ...], Vectors]]:
        """For each row its sentences, as (start, end) characters of the passage, and their unit vectors."""
        known = self._sentences
        fresh = [int(row) for row in rows if int(row) not in known]
        found: dict[int, tuple[tuple[tuple[int, int], ...], Vectors]] = {}
        texts: list[str] = []
        cut: list[tuple[int, tuple[tuple[int, int], ...]]] = []
        for row, passage in zip(fresh, self.store.passages(fresh), strict=True):
            where = sentence_spans(passage)
            cut.append((row, where))
            texts.extend(passage.text[start:end] for start, end in where)
        vectors = self.encoder.encode_passages(texts)
        cursor = 0
        for row, where in cut:
            found[row] = (where, vectors[cursor : cursor + len(where)])
            cursor += len(where)
        result = [found[int(row)] if int(row) in found else known[int(row)] for row in rows]
        if len(known) + len(found) > _REMEMBERED:
            known.clear()
        known.update(found)
        return result


def sentence_spans(passage: Passage) -> tuple[tuple[int, int], ...]:
    """The sentences of a passage, at least one, as (start, end) characters of its text."""
    return tuple(spans(passage.text, passage.language)) or ((0, len(passage.text)),)

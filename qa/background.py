"""How close a question that has nothing to do with a folder comes to it all the same.

A cosine of 0.5 means one thing in five articles and another in 50,000; one thing for a French question over French
articles, another for a Russian one; and it differs from model to model. In a folder of several languages, passages in
the question's own language come closer than others whatever they say, because they share its little words. So every
index measures, when it is built, how close unrelated questions (qa/unrelated.py) come to its passages, for each pair
of languages. What a real question reaches is read on that scale.
"""

from __future__ import annotations

import numpy as np

from qa.closeness import Meter, asked
from qa.encoder import Encoder, LightEncoder
from qa.engine import EVERYWHERE, Engine, Within
from qa.generations import Background
from qa.unrelated import questions

ANY = "any"  # stands for all languages together

_ASKED_SLOWLY = 8  # questions of each language, of an encoder that takes its time: all would take it minutes
_NEAREST, _NEAREST_BY_WORDS = 4, 12  # passages measured, by meaning in each language and by words in all together:
# the closest is nearly always among them
_FEWEST = 0.02  # of all passages: a language with fewer counts only among all of them



def background(store: Engine, encoder: Encoder) -> Background:
    """Measures every unrelated question against the passages of each language; empty for an empty index."""
    if store.count == 0:
        return {}
    meter = Meter(store, encoder)
    passages = store.passages_in()
    groups = {ANY: EVERYWHERE}
    for language in store.languages():
        if passages.get(language, 0) >= _FEWEST * store.count:
            groups[language] = Within(language=language) if passages[language] < store.count else EVERYWHERE
    posed = [(language, asked(text, encoder, language)) for language, listed in questions().items()
             for text in (listed if isinstance(encoder, LightEncoder) else listed[:_ASKED_SLOWLY])]
    vectors = np.stack([question.vector for _, question in posed])
    nearest = [store.nearest_to_each(vectors, _NEAREST, within) for within in groups.values()]
    measured: dict[str, dict[str, list[list[float]]]] = {
        language: {group: [] for group in groups} for language in questions()}
    for number, (language, question) in enumerate(posed):
        by_words, _ = store.nearest_by_words(question.words, _NEAREST_BY_WORDS)
        found = np.unique(np.concatenate([by_words, *(rows[number] for rows in nearest)]))
        found = found[found >= 0]
        measures = meter.measures(question, found)
        written = np.array(store.languages_of(found), str)
        for group, within in groups.items():
            inside = written == group if within else np.ones(len(found), bool)
            measured[language][group].append([_best(one[inside]) for one in measures])
    measured[ANY] = {group: [pair for own in list(measured.values()) for pair in own[group]] for group in groups}
    return {language: {group: _middle(np.array(pairs)) for group, pairs in own.items()}
            for language, own in measured.items()}


def _best(values: np.ndarray) -> float:
    return float(values.max()) if len(values) else 0.0


def _middle(pairs: np.ndarray) -> list[float]:
    medians = np.median(pairs, axis=0)
    spreads = 1.4826 * np.median(np.abs(pairs - medians), axis=0)
    return [round(float(value), 5) for both in zip(medians, spreads, strict=True) for value in both]


def expected(measured: Background, asked_in: str, written_in: str) -> list[float]:
    """The six figures for a pair of languages, or for the nearest wider one that was measured."""
    own = measured.get(asked_in) or measured.get(ANY) or {}
    return own.get(written_in) or own.get(ANY) or [0.0, 1.0] * 3

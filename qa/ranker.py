"""A small learned network that looks at which units of a question a passage meets, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from qa import ranges
from qa.errors import ModelError

WEIGHTS = Path(__file__).with_name("ranker.safetensors")
READ = 32   # passages that are looked at, those of the best sums: what stands lower is hardly ever the answer
UNITS = 20  # of the question, those that matter most

_NEAR = 4      # units: so near to each other two are met together
_ALIKE = 0.55  # cosine from which two units mean about the same
_TINY = 1e-12
_FURTHEST = 5.0  # standard deviations: beyond, a feature says no more

Floats = NDArray[np.float32]
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Meeting:
    """How the units of a question meet the units of some passages."""

    cosines: Floats     # (question's units, passages' units), the passages one after the other
    weights: Floats     # (question's units,) how much each matters
    sentences: Numbers  # (sentences + 1,) where the units of each sentence begin
    passages: Numbers   # (passages + 1,) where the sentences of each passage begin

    def of(self, chosen: Numbers) -> Meeting:
        """The same for some of the passages, in the order asked for."""
        sentences, counts = _ranges(self.passages, chosen)
        columns, units = _ranges(self.sentences, sentences)
        return Meeting(np.take(self.cosines.T, columns, axis=0).T, self.weights, _bounds(units), _bounds(counts))


def features(meeting: Meeting) -> tuple[Floats, Floats]:
    """What the network sees: (passages, question's units, 13) of each unit in each passage, and (passages, 3) of each
    passage. There must be a passage, and each must have a unit.

    Of a unit: its best cosine in the passage, in the sentence that meets the question best and in the sentences beside
    it; how near the other units are met to where it is met, and its neighbours beside it; how many units are like it;
    the first two against what the other passages reach; its weight as a share and against the average, and what the
    passages reach on average and at best. Of a passage: how long it is, in units and in sentences, and how many units
    are asked for.
    """
    most = np.sort(np.argsort(-meeting.weights, kind="stable")[:UNITS])
    weights = meeting.weights[most] / max(float(meeting.weights[most].sum()), _TINY)
    cosines = meeting.cosines[most]
    asked, passages = len(most), len(meeting.passages) - 1
    firsts = meeting.sentences[meeting.passages]
    lengths = np.diff(firsts)
    # a plane for each passage, so that nothing beside a unit belongs to another passage
    planes = np.zeros((passages, asked, int(lengths.max())), np.float32)
    of = np.repeat(np.arange(passages), lengths)
    planes[of, :, np.arange(len(of)) - firsts[of]] = cosines.T
    places = planes.argmax(axis=2)
    best = np.maximum(planes.max(axis=2), 0.0)
    around = planes.copy()
    for step in range(1, min(_NEAR + 1, planes.shape[2])):
        np.maximum(around[:, :, step:], planes[:, :, :-step], out=around[:, :, step:])
        np.maximum(around[:, :, :-step], planes[:, :, step:], out=around[:, :, :-step])
    # [passage, other unit, unit]: what the other reaches near to where the unit is met
    beside = np.take_along_axis(around, np.repeat(places[:, None], asked, axis=1), axis=2)
    itself = np.arange(asked)
    together = (np.einsum("k,pki->pi", weights, beside) - weights * beside[:, itself, itself]) / np.maximum(
        1.0 - weights, 1e-3)
    neighbours = np.zeros((passages, asked), np.float32)
    row = np.arange(passages)[:, None]
    if asked > 1:
        after = np.minimum(places[:, :-1] + 1, lengths[:, None] - 1)
        neighbours[:, :-1] = planes[row, itself[1:], after]
        before = planes[row, itself[:-1], np.maximum(places[:, 1:] - 1, 0)]
        neighbours[:, 1:] = np.maximum(neighbours[:, 1:], before)
    nearest = np.maximum.reduceat(cosines, meeting.sentences[:-1], axis=1)
    merits = weights @ nearest
    begins, ends = meeting.passages[:-1], meeting.passages[1:]
    highest_merits = np.repeat(np.maximum.reduceat(merits, begins), ends - begins)
    equal = np.flatnonzero(merits == highest_merits)
    chosen = equal[np.searchsorted(equal, begins)]  # of each passage the sentence that meets the question best
    closest = nearest[:, chosen].T
    before = np.where((chosen > begins)[:, None], nearest[:, chosen - 1].T, -np.inf)
    after = np.where((chosen + 1 < ends)[:, None], nearest[:, np.minimum(chosen + 1, ends - 1)].T, -np.inf)
    next_to = np.where((ends - begins > 1)[:, None], np.maximum(before, after), 0.0)
    average, highest = best.mean(axis=0), best.max(axis=0)

    def alike(values: Floats) -> Floats:
        return np.broadcast_to(values, (passages, asked))

    units = np.stack([
        best, closest, next_to, together, neighbours, np.log1p((planes > _ALIKE).sum(axis=2)), best - average,
        best - highest, closest - closest.mean(axis=0), alike(weights), alike(weights * asked), alike(average),
        alike(highest)], axis=2)
    whole = np.stack([np.log1p(lengths), np.log1p(np.diff(meeting.passages)), np.full(passages, asked / 10)], axis=1)
    return np.asarray(units, np.float32), np.asarray(whole, np.float32)


class Ranker:
    """The network: every unit of the question goes through two layers; their mean by weight, by a learned weight and
    by number go through two more, with what is known of the passage.

    Late interaction as in DRMM (Guo et al. 2016) and KNRM (Xiong et al. 2017), with features in the place of
    histograms and kernels. Trained by `python -m training.ranker`.
    """

    def __init__(self, path: Path = WEIGHTS) -> None:
        """Raises ModelError when the file is missing or damaged."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), "numpy") as stored:
                self._layers = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
                self.model = str(stored.metadata()["model"])  # fingerprint of the model whose cosines it was trained on
            self.merits(Meeting(np.zeros((1, 1), np.float32), np.ones(1, np.float32), np.arange(2), np.arange(2)))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"The ranker in {path} cannot be read ({error}). Install qa again.") from error

    def merits(self, meeting: Meeting) -> Floats:
        """By how much each passage should stand above its sum, (passages,): 0 on average over these passages."""
        units, whole = features(meeting)
        given = self._layers
        weights = units[0, :, 9]
        first = np.maximum(self._scaled(units, "units") @ given["first"] + given["first_bias"], 0.0)
        second = np.maximum(first @ given["second"] + given["second_bias"], 0.0)
        gates = first @ given["gate"]
        gates = np.exp(gates - gates.max(axis=1, keepdims=True))
        gates /= gates.sum(axis=1, keepdims=True)
        joined = np.concatenate([np.einsum("i,pif->pf", weights, second), np.einsum("pi,pif->pf", gates, second),
                                 second.mean(axis=1), self._scaled(whole, "whole")], axis=1)
        found = np.maximum(joined @ given["third"] + given["third_bias"], 0.0) @ given["last"]
        return np.asarray(found - found.mean(), np.float32)

    def _scaled(self, values: Floats, kind: str) -> Floats:
        scaled = (values - self._layers[f"{kind}_mean"]) / self._layers[f"{kind}_spread"]
        return np.asarray(np.clip(scaled, -_FURTHEST, _FURTHEST), np.float32)


@cache
def load() -> Ranker:
    """The ranker that ships with the shipped model. Raises ModelError."""
    return Ranker()


def _ranges(bounds: Numbers, chosen: Numbers) -> tuple[Numbers, Numbers]:
    """What lies within these of the successive ranges that begin at `bounds`, one range after the other; and how much
    in each."""
    begins = bounds[chosen]
    counts = bounds[np.asarray(chosen, np.int64) + 1] - begins
    return ranges.joined(begins, counts), counts


def _bounds(counts: Numbers) -> Numbers:
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

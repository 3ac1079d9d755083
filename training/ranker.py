"""Trains the ranker that ships with qa: which units of a question a passage meets, and where (qa/ranker.py).

    python -m training.corpora      # writes .work/pairs, without text near to the evaluation's
    python -m training.ranker       # writes qa/ranker.safetensors

Questions of three kinds, asked over passages of one language each: parts of a book's sentences over the paragraphs they
were translated from or to, parts of TICO-19's sentences over small groups of like sentences in another language, and
people's questions over Japanese and Chinese encyclopedias. The rivals of the right passage are what today's sum finds
best. The static model has learned from the same pairs as wholes, so the cosine of wholes, which is too good on them,
stays out of what is learned: the network is trained to correct coverage and interaction alone.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from qa.articles import Article, Found
from qa.closeness import Meter, asked
from qa.cuts import cut, meanings
from qa.encoder import StaticEncoder, load
from qa.passages import Passage
from qa.ranker import READ, UNITS, WEIGHTS, features
from qa.retrieval import CANDIDATES, INTERACTION_WEIGHT, LEXICAL_WEIGHT
from qa.store import Store, Writer

STRENGTH = 0.5    # of what was learned, when it ships: pseudo-questions are not questions (see training/README.md)
PASSAGES = 1_200  # of a pool
QUESTIONS = 250   # of a pool that is one of many; native sets give more
BOOKS = ("ru-en en-ru es-en en-es en-fr fr-en de-en en-de pt-en it-en pl-en uk-en tr-en ja-en zh-en en-zh ru-fr es-fr"
         " zh-fr").split()
TICO = "ru-en zh-en es-en fr-en ar-en pt-en hi-en id-en fa-en en-fr en-es en-ru en-zh".split()
NATIVE = {"ja": 1_500, "zh": 1_000, "zh_tw": 1_000}  # questions
NEAREST = 4       # sentences of TICO-19 that make a passage
_SENTENCE = re.compile(r"(?<=[.!?。！？।])\s*")
_UNSPACED = ("zh", "ja")

Pool = tuple[str, list[str], str, list[tuple[str, str, int]]]  # name, passages, language, (question, language, passage)


def read(path: Path) -> list[tuple[str, str]]:
    found = []
    for line in path.read_text("utf-8").split("\n"):
        left, tab, right = line.partition("\t")
        if tab:
            found.append((left, right))
    return found


def aligned(pairs: Path, name: str, asked_in: str, written_in: str) -> list[tuple[str, str]]:
    """(text in the question's language, text in the passage's language)."""
    straight = pairs / f"{name}.{asked_in}-{written_in}.tsv"
    if straight.exists():
        return read(straight)
    return [(right, left) for left, right in read(pairs / f"{name}.{written_in}-{asked_in}.tsv")]


def part(sentence: str, language: str, chance: random.Random) -> str:
    """Some of the words of a sentence in their order, as many as a question has."""
    if language in _UNSPACED:
        size = chance.randint(8, 24)
        start = chance.randint(0, max(0, len(sentence) - size))
        return sentence[start : start + size]
    words = sentence.split()
    size = chance.randint(5, 13)
    if len(words) > size:
        start = chance.randint(0, len(words) - size)
        words = words[start : start + size]
    if len(words) > 5 and chance.random() < 0.5:
        words = [word for word in words if chance.random() > 0.15]
    return " ".join(words)


def book(pairs: Path, asked_in: str, written_in: str, chance: random.Random) -> Pool:
    short = 0.4 if written_in in _UNSPACED else 1.0
    rows = [row for row in aligned(pairs, "bilinguator_books", asked_in, written_in)
            if 250 * short < len(row[1]) < 1_400 * short]
    chance.shuffle(rows)
    rows = rows[:PASSAGES]
    questions = []
    for number, (text, _) in enumerate(rows):
        sentences = [one for one in _SENTENCE.split(text) if len(one) > (10 if asked_in in _UNSPACED else 30)]
        if sentences:
            questions.append((part(chance.choice(sentences), asked_in, chance), asked_in, number))
    chance.shuffle(questions)
    return f"books {asked_in}-{written_in}", [text for _, text in rows], written_in, questions[:QUESTIONS]


def tico(pairs: Path, asked_in: str, written_in: str, chance: random.Random, encoder: StaticEncoder) -> Pool:
    rows = [row for row in aligned(pairs, "tico19", asked_in, written_in)
            if len(row[1]) > (20 if written_in in _UNSPACED else 50)]
    vectors = encoder.encode_passages([text for _, text in rows])
    order = list(range(len(rows)))
    chance.shuffle(order)
    free = np.ones(len(rows), bool)
    passages: list[str] = []
    questions: list[tuple[str, str, int]] = []
    for number in order:
        if not free[number]:
            continue
        likeness = np.where(free, vectors @ vectors[number], -2.0)
        group = np.argsort(-likeness, kind="stable")[:NEAREST].tolist()
        if free.sum() < NEAREST:
            break
        free[group] = False
        questions += [(part(rows[one][0], asked_in, chance), asked_in, len(passages)) for one in group]
        passages.append(" ".join(rows[one][1] for one in group))
    chance.shuffle(questions)
    return f"tico {asked_in}-{written_in}", passages, written_in, questions[:QUESTIONS]


def native(pairs: Path, name: str, number: int, chance: random.Random) -> Pool:
    language = name[:2]
    questions: dict[str, list[str]] = {}
    for question, passage in read(pairs / f"qa_native.{name}.tsv"):
        questions.setdefault(passage, []).append(question)
    passages = list(questions)
    chance.shuffle(passages)
    passages = passages[:PASSAGES]
    listed = [(question, language, place) for place, passage in enumerate(passages) for question in questions[passage]]
    chance.shuffle(listed)
    return f"native {name}", passages, language, listed[:number]


def pools(pairs: Path, encoder: StaticEncoder) -> Iterator[Pool]:
    for pair in BOOKS:
        yield book(pairs, *pair.split("-"), random.Random(f"books {pair}"))
    for pair in TICO:
        yield tico(pairs, *pair.split("-"), random.Random(f"tico {pair}"), encoder)
    for name, number in NATIVE.items():
        yield native(pairs, name, number, random.Random(f"native {name}"))


class Examples:
    """What is learned from: a question a row, its best passages by today's sum beside each other."""

    def __init__(self) -> None:
        self.units: list[np.ndarray] = []     # (READ, UNITS, features)
        self.whole: list[np.ndarray] = []     # (READ, features)
        self.sums: list[np.ndarray] = []      # (READ,) without the cosine; far down where there is no passage
        self.right: list[int] = []
        self.asked: list[int] = []            # units
        self.kinds: list[str] = []

    def add(self, pool: Pool, encoder: StaticEncoder) -> tuple[int, int]:
        """Asks all questions of a pool; how many were asked, and of how many the right passage was among the best."""
        name, texts, language, questions = pool
        found = [Passage("pool", 0, len(text), text, None, None, language) for text in texts]
        cuts = [cut(passage) for passage in found]
        units, vectors = meanings(found, cuts, encoder)
        hits = 0
        with tempfile.TemporaryDirectory() as folder:
            with Writer(Path(folder), encoder.dimension, encoder.vocabulary) as writer:
                article = Article("pool", "", None, language, (), ())
                writer.add(Found("pool", 0, 0), "", article, found, vectors, cuts, units)
                writer.finish()
                search = writer.search
            with Store(Path(folder), search) as store:
                meter = Meter(store, encoder)
                for question, asked_in, right in questions:
                    posed = asked(question, encoder, asked_in)
                    rows = meter.candidates(posed, CANDIDATES)
                    cosine, coverage, interaction, met = meter.met(posed, rows)
                    if met is None or met.meeting is None:
                        continue
                    sums = LEXICAL_WEIGHT * coverage + INTERACTION_WEIGHT * interaction
                    best = np.argsort(-(sums + cosine), kind="stable")[:READ]
                    if right not in rows[best]:
                        continue
                    hits += 1
                    seen, whole = features(met.meeting.of(best))
                    room = np.zeros((READ, UNITS, seen.shape[2]), np.float16)
                    room[: len(best), : seen.shape[1]] = seen
                    self.units.append(room)
                    self.whole.append(np.pad(whole, ((0, READ - len(best)), (0, 0))))
                    self.sums.append(np.pad(sums[best], (0, READ - len(best)), constant_values=-1e4))
                    self.right.append(int(np.flatnonzero(rows[best] == right)[0]))
                    self.asked.append(seen.shape[1])
                    self.kinds.append(name.split()[0])
        return len(questions), hits


class Network(torch.nn.Module):
    """The same network as qa.ranker.Ranker, with the places where a question has fewer units or passages left out."""

    def __init__(self, units: int, whole: int, first: int = 32, second: int = 16, third: int = 32) -> None:
        super().__init__()
        self.units = torch.zeros(2, units)
        self.whole = torch.zeros(2, whole)
        self.first, self.second = torch.nn.Linear(units, first), torch.nn.Linear(first, second)
        self.gate = torch.nn.Linear(first, 1, bias=False)
        self.third, self.last = torch.nn.Linear(3 * second + whole, third), torch.nn.Linear(third, 1, bias=False)
        self.scale = torch.nn.Parameter(torch.tensor(10.0))
        self.drop = torch.nn.Dropout(0.1)
        torch.nn.init.zeros_(self.last.weight)

    def forward(self, units: torch.Tensor, whole: torch.Tensor, there: torch.Tensor, asked: torch.Tensor,
                ) -> torch.Tensor:
        """Merits, (questions, passages), from (questions, passages, units, features) and (questions, passages,
        features), which passages are there, and which units."""
        first = torch.relu(self.first(((units - self.units[0]) / self.units[1]).clamp(-5, 5)))
        second = self.drop(torch.relu(self.second(first)))
        mask = asked[:, None, :, None]
        gates = self.gate(first).masked_fill(~mask, -1e4).softmax(2)
        weights = units[..., 9:10] * mask
        known = ((whole - self.whole[0]) / self.whole[1]).clamp(-5, 5)
        joined = torch.cat([(second * weights).sum(2), (second * gates).sum(2), (second * mask).sum(2) / mask.sum(2),
                            known], 2)
        found = self.last(self.drop(torch.relu(self.third(joined)))).squeeze(2)
        return found - (found * there).sum(1, keepdim=True) / there.sum(1, keepdim=True)


def against_others(units: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """The features that depend on the other passages, anew for those that are there."""
    mask = there[:, :, None].float()
    number = mask.sum(1).clamp(min=1)
    best, closest = units[..., 0], units[..., 1]
    average, highest = (best * mask).sum(1) / number, (best * mask).amax(1)
    middle = (closest * mask).sum(1) / number
    renewed = units.clone()
    renewed[..., 6], renewed[..., 7] = best - average[:, None], best - highest[:, None]
    renewed[..., 8] = closest - middle[:, None]
    renewed[..., 11], renewed[..., 12] = average[:, None], highest[:, None]
    return renewed


def trained(examples: Examples, epochs: int, seed: int) -> Network:
    torch.manual_seed(seed)
    units, whole = torch.tensor(np.stack(examples.units)), torch.tensor(np.stack(examples.whole)).float()
    sums, right = torch.tensor(np.stack(examples.sums)).float(), torch.tensor(examples.right)
    asked = torch.arange(UNITS)[None] < torch.tensor(examples.asked)[:, None]
    there = sums > -1e3
    number = {kind: examples.kinds.count(kind) for kind in examples.kinds}
    chances = torch.tensor([1 / number[kind] for kind in examples.kinds])
    network = Network(units.shape[3], whole.shape[2])
    some = torch.randperm(len(right))[:3_000]
    seen = units[some].float()[(there[some][:, :, None] & asked[some][:, None])]
    network.units = torch.stack([seen.mean(0), seen.std(0).clamp(min=1e-2)])
    seen = whole[some][there[some]]
    network.whole = torch.stack([seen.mean(0), seen.std(0).clamp(min=1e-2)])
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-2)
    batch = 128
    steps = epochs * (len(right) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps + 1, pct_start=0.1)
    total = 0.0
    for step in range(steps):
        chosen = torch.multinomial(chances, batch, replacement=True)
        kept = there[chosen].clone()
        if step % 4 == 3:  # as in a small folder: few passages, the right one among them
            kept &= torch.rand(kept.shape) < 0.3
            kept[torch.arange(batch), right[chosen]] = True
        merits = network(against_others(units[chosen].float(), kept), whole[chosen], kept, asked[chosen])
        scores = (merits + network.scale * sums[chosen]).masked_fill(~kept, -1e4)
        loss = torch.nn.functional.cross_entropy(scores, right[chosen])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        total += loss.item()
        if step % 50 == 49:
            print(f"step {step + 1} of {steps}, loss {total / 50:.4f}", flush=True)
            total = 0.0
    return network


def save(network: Network, path: Path, fingerprint: str) -> None:
    """The merits in the file are in the unit of the sum, at STRENGTH."""
    strength = STRENGTH / float(network.scale.detach())
    layers = {"units_mean": network.units[0], "units_spread": network.units[1], "whole_mean": network.whole[0],
              "whole_spread": network.whole[1], "gate": network.gate.weight[0],
              "last": strength * network.last.weight[0]}
    for name in ("first", "second", "third"):
        layer = getattr(network, name)
        layers[name], layers[f"{name}_bias"] = layer.weight.T, layer.bias
    save_file({name: value.detach().float().contiguous() for name, value in layers.items()}, path,
              {"model": fingerprint})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=Path, default=Path(".work/pairs"))
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)  # so that sums come out alike
    encoder = load()
    assert isinstance(encoder, StaticEncoder)
    examples = Examples()
    for pool in pools(given.pairs, encoder):
        number, hits = examples.add(pool, encoder)
        print(f"{pool[0]}: {len(pool[1])} passages, {number} questions, {hits} learned from", flush=True)
    save(trained(examples, given.epochs, given.seed), given.output, encoder.fingerprint)


if __name__ == "__main__":
    main()

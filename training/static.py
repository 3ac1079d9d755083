"""The static model: one vector a token, and a text is their mean.

Trained with symmetric InfoNCE over in-batch negatives (van den Oord et al. 2018, Radford et al. 2021),
batches of one source at a time so that negatives are of the same kind as the answer.

    python -m training.static --work .work --minutes 9 --output qa/model
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from training import shipping
from training.tokens import Pairs, Ragged, load

DIMENSIONS = 512
BATCH = 3_072       # pairs
SCALE = 25.0        # of the cosines, the inverse of a temperature of 0.04
TRAINED = 2.8       # root mean square of the components after an earlier run, to which RATE belongs
RATE = 0.1          # of Adam, where a component of a token's vector starts at about 1
LONGEST = 160       # tokens of a side; longer texts are cut at another place each time
PART = 0.4          # share of batches of translations where one side is only a part of the text, as questions are
PARTS = (6, 24)     # tokens of such a part
DROPPED = 0.1       # share of tokens left out at random, so that no text is learned by heart
TEMPER = 0.7        # sources are drawn by size to this power
EMPHASIS = {        # beyond their size: what reads like the questions and articles of the product
    "tatoeba_manythings": 2.0,
    "qa_quiz": 4.0,
    "quiz": 2.0,
    "qa_native": 2.0,
    "qa_gouv_fr": 2.0,
    "qa_covid_faq": 2.0,
    "tico19": 2.0,
    "bilinguator_books": 1.5,
    "mozilla_www": 1.5,
    "laws_canada": 0.4,
    "qa_laws_canada": 0.6,
    "dictionaries": 0.6,
    "inflections": 0.12,
    "freedict": 0.2,
    "cedict": 0.4,
    "geonames": 0.5,
    "cldr_names": 1.0,
    "bible_scrollmapper": 0.5,
    "win32_docs": 0.3,
    "php_docs": 0.6,
    "python_docs": 0.6,
    "ms_docs_cpp": 0.5,
    "tldr": 0.5,
    "bitcoin_org": 0.5,
}
LANGUAGES = {       # further, for the languages people are likeliest to ask in, and those with little text here
    "fr": 1.5, "ru": 2.5, "zh": 2.5, "cmn": 3.0, "zh_tw": 1.5, "es": 1.3, "ar": 2.0, "arb": 2.0, "pt": 1.2,
}  # fmt: skip

log = logging.getLogger(__name__)


def shares(sources: list[Pairs]) -> np.ndarray:
    """Return the share of batches that each source gets."""
    weights = np.array(
        [
            len(pairs) ** TEMPER
            * EMPHASIS.get(pairs.set, 1.0)
            * max(LANGUAGES.get(language, 1.0) for language in pairs.languages)
            for pairs in sources
        ]
    )
    return weights / weights.sum()


@dataclass
class Deck:
    """The rows of a source in random order, dealt without repetition until all are used."""

    size: int
    order: np.ndarray
    at: int = 0

    def deal(self, count: int, chance: np.random.Generator) -> np.ndarray:
        count = min(count, self.size)
        if self.at + count > self.size:
            self.order = chance.permutation(self.size)
            self.at = 0
        self.at += count
        return self.order[self.at - count : self.at]


def cut(texts: Ragged, longest: int, chance: np.random.Generator) -> Ragged:
    """Return each text cut to `longest` tokens, at a random place."""
    lengths = np.diff(texts.starts)
    kept = np.minimum(lengths, longest)
    first = texts.starts[:-1] + (chance.random(len(lengths)) * (lengths - kept + 1)).astype(np.int64)
    return texts.parts(first, kept)


def drop(texts: Ragged, chance: np.random.Generator) -> Ragged:
    """Return the texts with some tokens left out, never the first of a text."""
    kept = chance.random(len(texts.values)) >= DROPPED
    kept[texts.starts[:-1]] = True
    starts = np.concatenate(([0], np.cumsum(kept)))[texts.starts]
    return Ragged(texts.values[kept], starts)


def batches(
    sources: list[Pairs], seed: int, *, size: int = BATCH, longest: int = LONGEST
) -> Iterator[tuple[Ragged, Ragged, np.ndarray, np.ndarray]]:
    """Yield batches of one source for ever: left, right, and numbers that are equal for equal texts."""
    chance = np.random.default_rng(seed)
    share = shares(sources)
    decks = [Deck(len(pairs), chance.permutation(len(pairs))) for pairs in sources]
    while True:
        chosen = int(chance.choice(len(sources), p=share))
        pairs, rows = sources[chosen], decks[chosen].deal(size, chance)
        limits = [longest, longest]
        if pairs.kind == "translation" and chance.random() < PART:
            limits[int(chance.integers(2))] = int(chance.integers(*PARTS))
        left, right = (
            drop(cut(side.rows(rows), limit, chance), chance)
            for side, limit in zip((pairs.left, pairs.right), limits, strict=True)
        )
        yield left, right, pairs.left_hash[rows], pairs.right_hash[rows]


def contrast(
    left: torch.Tensor, right: torch.Tensor, same: torch.Tensor, scale: float
) -> tuple[float, torch.Tensor, torch.Tensor]:
    """Return the symmetric InfoNCE loss of unit rows and its gradients.

    `same` marks pairs off the diagonal that are right answers too; they are left out. Written out
    because one exponential serves both directions, several times faster here than two cross-entropies.
    """
    count = len(left)
    cosine = left @ right.T
    likeness = torch.exp(scale * (cosine - 1.0)).masked_fill_(same, 0.0)
    rows, columns = likeness.sum(1, keepdim=True), likeness.sum(0, keepdim=True)
    right_ones = likeness.diagonal()
    loss = float((-(right_ones / rows[:, 0]).log() - (right_ones / columns[0]).log()).mean()) / 2
    gradient = likeness / rows
    gradient += likeness.div_(columns)
    gradient.diagonal().sub_(2.0)
    gradient *= scale / (2 * count)
    return loss, gradient @ right, gradient.T @ left


def token_counts(sources: list[Pairs], size: int) -> np.ndarray:
    """Return how often each token occurs, sources weighed by their shares."""
    counts = np.zeros(size)
    for pairs, share in zip(sources, shares(sources), strict=True):
        both = np.bincount(pairs.left.values, minlength=size) + np.bincount(pairs.right.values, minlength=size)
        counts += share * both / both.sum()
    return counts


def carried_over(model: Path, tokenizer: Tokenizer, seed: int = 0) -> np.ndarray:
    """Return starting vectors for another vocabulary: of each token the sum of the old pieces of its characters, so
    that texts start where they stood. `model` is a folder that `shipping.save_static` wrote."""
    old = Tokenizer.from_file(str(model / "tokenizer.json"))
    with safe_open(str(model / "model.safetensors"), "numpy") as stored:
        vectors = stored.get_tensor("embeddings") * stored.get_tensor("weights")[:, None]
    unknown = old.token_to_id("[UNK]")
    vectors *= TRAINED / np.sqrt((vectors ** 2).mean())  # what ships is scaled to lengths of at most one
    table = np.random.default_rng(seed).standard_normal((tokenizer.get_vocab_size(), vectors.shape[1]), np.float32)
    for token, row in tokenizer.get_vocab().items():
        pieces = [piece.id for piece in old.model.tokenize(token) if piece.id != unknown]
        if pieces:
            table[row] = vectors[pieces].sum(0)
    return table


def train(
    sources: list[Pairs],
    size: int,
    *,
    minutes: float,
    dimensions: int = DIMENSIONS,
    batch: int = BATCH,
    rate: float = RATE,
    scale: float = SCALE,
    start: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Return float32 (size, dimensions) token vectors, trained for `minutes`.

    The rate rises over the first 5 % of the time and falls linearly to nothing. Adam is kept per row and
    only moves the rows of a batch (its momentum would otherwise carry rare tokens along for nothing).
    """
    torch.manual_seed(seed)
    if start is None:
        frequency = torch.tensor(token_counts(sources, size), dtype=torch.float32)
        table = torch.randn(size, dimensions) * (1e-3 / (1e-3 + frequency))[:, None]  # Arora et al. 2017
    else:
        table = torch.tensor(start, dtype=torch.float32)
    mean, square = torch.zeros_like(table), torch.zeros_like(table)
    seen = torch.zeros(size)
    place = torch.zeros(size, dtype=torch.int64)
    began, reported, losses = time.monotonic(), 0.0, []
    for step, (left, right, left_hash, right_hash) in enumerate(batches(sources, seed, size=batch), 1):
        done = (time.monotonic() - began) / (60 * minutes)
        if done >= 1:
            break
        now = rate * min(done / 0.05, (1 - done) / 0.95)
        tokens = torch.from_numpy(np.concatenate([left.values, right.values]).astype(np.int64))
        starts = torch.from_numpy(np.concatenate([left.starts[:-1], right.starts[:-1] + left.starts[-1]]))
        marks = torch.zeros(size, dtype=torch.bool)
        marks[tokens] = True
        used = marks.nonzero()[:, 0]
        place[used] = torch.arange(len(used))
        rows = table[used].requires_grad_()
        bags = torch.nn.functional.embedding_bag(place[tokens], rows, starts, mode="mean")
        units = torch.nn.functional.normalize(bags, dim=1)
        a, b = torch.from_numpy(left_hash), torch.from_numpy(right_hash)
        same = (a[:, None] == a) | (b[:, None] == b)
        same.fill_diagonal_(False)
        with torch.no_grad():
            loss, *gradients = contrast(units[: len(a)], units[len(a) :], same, scale)
        units.backward(torch.cat(gradients))
        with torch.no_grad():
            gradient = rows.grad
            seen[used] += 1
            age = seen[used][:, None]
            m = mean[used].mul_(0.9).add_(gradient, alpha=0.1)
            v = square[used].mul_(0.98).addcmul_(gradient, gradient, value=0.02)
            mean[used], square[used] = m, v
            move = (m / (1 - 0.9**age)) / ((v / (1 - 0.98**age)).sqrt_().add_(1e-9))
            table.index_add_(0, used, move, alpha=-now)
        losses.append(loss)
        if time.monotonic() - reported > 20:
            reported = time.monotonic()
            log.info("%5.1f %% step %d loss %.3f", 100 * done, step, np.mean(losses[-100:]))
    return table.numpy()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--output", type=Path, default=Path("qa/model"))
    parser.add_argument("--minutes", type=float, default=9)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--dimensions", type=int, default=DIMENSIONS)
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--rate", type=float, default=RATE)
    parser.add_argument("--scale", type=float, default=SCALE)
    parser.add_argument("--start", type=Path, help="float vectors (.npy) of an earlier run to go on from")
    parser.add_argument("--carry-over", type=Path, help="a static model of another vocabulary to start from")
    parser.add_argument("--name", default="static", help="the float vectors are kept as WORK/NAME.npy")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(arguments.threads)
    tokenizer = Tokenizer.from_file(str(arguments.work / "tokenizer.json"))
    start = np.load(arguments.start) if arguments.start else None
    if arguments.carry_over:
        start = carried_over(arguments.carry_over, tokenizer)
    table = train(
        load(arguments.work),
        tokenizer.get_vocab_size(),
        minutes=arguments.minutes,
        dimensions=arguments.dimensions,
        batch=arguments.batch,
        rate=arguments.rate,
        scale=arguments.scale,
        start=start,
    )
    np.save(arguments.work / f"{arguments.name}.npy", table)
    shipping.save_static(arguments.output, tokenizer, table, card=Path(__file__).parent / "README.md")
    (arguments.work / f"{arguments.name}.json").write_text(json.dumps({k: str(v) for k, v in vars(arguments).items()}))


if __name__ == "__main__":
    main()

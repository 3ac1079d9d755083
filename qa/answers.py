"""`ask`: a question → dated passages, the sentence in each that answers, and whether there is an answer at all."""

from __future__ import annotations

import contextlib
import math
import os
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qa import reranker as rerankers
from qa.background import ANY, expected
from qa.closeness import Asked, Scores, asked, texts_met
from qa.cores import Turns
from qa.dates import parse_bound
from qa.encoder import Encoder, LightEncoder, StaticEncoder
from qa.engine import Engine, Within
from qa.errors import UsageError
from qa.index import Index, open_index
from qa.lexical import TERMS_A_QUESTION
from qa.passages import Passage
from qa.questions import Understood, understand
from qa.recipe import SHIPPED_FOLDER, SHIPPED_MODEL
from qa.reranker import Reranker
from qa.retrieval import INTERACTION_WEIGHT, LEXICAL_WEIGHT, Ranking, rank
from qa.spoken import UNTOLD
from qa.store import document
from qa.unrelated import little_words
from qa.words import BEGINNINGS, tokens, written

_turns = Turns(2)   # questions answered at once: eight threads together answer half as many, see bench/README.md

ORDERS = ("relevance", "date")
LIMIT = 5           # hits: what fits on one screen
_MOST = 1_000       # hits in one answer
_LONGEST_GLOB = 1_000  # characters: more than any path
_LONGEST = 10_000   # characters of a question that are read; what is longer is a document, not a question

_REPEATED = 0.8     # share of common words (Jaccard) from which two passages tell the same story
_FEW_WORDS = 5      # fewer must all be common
_NONE = -1
_ALL_LOOKED_UP = TERMS_A_QUESTION // (1 + len(BEGINNINGS))  # words of a question
_CAPITALS = re.compile("[A-Z]{2}")
_ENDS = ".!?…。！？؟।»”\"')"  # how a sentence ends; a line that ends otherwise is a heading
_HEADING = 0.3  # taken off a heading: it names what is asked about, and answers nothing
_ANSWERED = 0.5     # confidence from which a question counts as answered
_UNDATED = 0.1      # of score: what a passage without a date lacks for a question that names a period
_TIMELESS = 0.3     # share of a ranking that a question without its words of time decides
_NO_WORSE = 0.05    # of confidence: the same passage leads a little more or less among other ones
_MUCH_BETTER = 0.25  # of score: a passage outside the period that is so much closer is what was asked for
_SENTENCE_WORDS = 1.0  # weight of shared words against the cosine in choosing the answering sentence
_SENTENCE_INTERACTION = 4.0  # weight of what the words mean one by one: right for 45 of 62 questions, 38 without it


@dataclass(frozen=True, slots=True)
class Place:
    """Where else the text of a hit stands."""

    file: str
    date: str | None
    start: int      # characters of that article's text
    end: int

    def to_dict(self) -> dict[str, Any]:
        return {"file": self.file, "date": self.date, "start": self.start, "end": self.end}


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that may answer, and the sentence of it that does."""

    file: str               # path below the articles folder, forward slashes
    date: str | None        # ISO 8601 at its own precision; None: the article gives none
    date_source: str | None  # "front matter", "metadata", "dateline" or "file name"
    date_evidence: str | None  # the exact characters the date was read from
    title: str | None
    language: str
    text: str               # == the article's text[start:end]
    start: int              # characters of the article's text
    end: int
    answer: str             # == the article's text[answer_start:answer_end], a sentence inside the passage
    answer_start: int
    answer_end: int
    score: float            # higher is better, comparable within one answer
    vector: float           # cosine of question and passage
    lexical: float          # share of the question's words found, weighted by rarity
    interaction: float      # how near in meaning the passage comes to the question word by word, 0..1
    matched: tuple[str, ...]  # the words of the passage, as they stand there, that are also in the question
    more: tuple[Place, ...]  # where else the same text stands
    changed: bool           # the file is no longer as it was read: another text, or gone

    def to_dict(self) -> dict[str, Any]:
        fields = {name: getattr(self, name) for name in self.__slots__}
        return {**fields, "matched": list(self.matched), "more": [place.to_dict() for place in self.more]}


@dataclass(frozen=True, slots=True)
class Period:
    """Words of a question that name a period, and its first and last day, "YYYY-MM-DD"; None: open on that side."""

    phrase: str
    since: str | None
    until: str | None

    def to_dict(self) -> dict[str, Any]:
        return {"phrase": self.phrase, "since": self.since, "until": self.until}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the articles say to a question; `to_dict` is the JSON of `qa ask --json`."""

    question: str
    answered: bool          # False: nothing here answers; hits are merely the nearest passages
    confidence: float       # 0..1: the share of such questions that the articles do answer
    since: str | None       # the filter that was applied, inclusive, "YYYY-MM-DD"
    until: str | None
    generation: int         # of the index that answered
    hits: tuple[Hit, ...]   # best first, unless another order was asked for
    undated: int            # passages without a date that a date filter left out
    phrase: str | None      # the words of the question that since and until were read from; None: they were given
    passed_over: Period | None  # named by the question, but nothing from it answers as well: the hits are of any date
    warning: str | None     # a newer generation of the index is damaged: what, and how to mend it

    def to_dict(self) -> dict[str, Any]:
        return {"question": self.question, "answered": self.answered, "confidence": self.confidence,
                "since": self.since, "until": self.until, "generation": self.generation,
                "hits": [hit.to_dict() for hit in self.hits], "undated": self.undated,
                "phrase": self.phrase, "passed_over": self.passed_over and self.passed_over.to_dict(),
                "warning": self.warning}


def ask(question: str, *, k: int = LIMIT, since: str | date | None = None, until: str | date | None = None,
        file: str | None = None, repetitions: bool = False, order: str = "relevance",
        reranker: str | Reranker | None = None, index: str | os.PathLike[str] = "index",
        encoder: Encoder | None = None) -> Answer:
    """Asks the articles of `index` a question in any language.

    k: at most so many hits. since, until: only passages published within, inclusive ("2022", "2022-09",
    "2022-09-15" or a date). file: only files whose path matches this glob ("2022/*.txt").
    repetitions: passages that tell the same each make a hit, rather than one hit with `more`. order: "relevance", or
    "date" for the same hits by their dates, newest first and undated last. reranker: a cross-encoder by name or
    path that puts the best passages in order; their scores are then its own. The index stays open between calls, and
    a rebuild is noticed. `encoder` stands in for the one the index names.

    A period that the question itself names («en 2022») becomes since and until when none is given and an answer lies
    within it; undated passages then stay. since="0001", until="9999" takes it off. Where no answer lies within it, the
    hits are of any date, and `passed_over` says so.

    Raises UsageError for an argument that makes no sense, IndexMissing, IndexDamaged, IndexMismatch, ModelError.
    """
    text = question.strip()[:_LONGEST].encode("utf-8", "replace").decode()  # a command line may hold any byte
    if not text:
        raise UsageError("The question is empty. Ask something, for example: qa ask \"Who met in Samarkand?\"")
    if isinstance(k, bool) or not isinstance(k, int) or not 1 <= k <= _MOST:
        raise UsageError(f"The number of hits must be a whole number from 1 to {_MOST}, not {k!r}.")
    if order not in ORDERS:
        raise UsageError(f"Hits are put in the order of {' or '.join(ORDERS)}, not of {order!r}.")
    first, last = _bound(since, end=False), _bound(until, end=True)
    if file is not None:
        _check_glob(file)
    if first and last and first > last:
        raise UsageError(f"No day lies between since {first} and until {last}. Swap them.")
    opened = open_index(index, encoder)
    # an encoder that computes elsewhere lets the others work meanwhile, and so does a reranker
    with _turns if isinstance(opened.encoder, LightEncoder) and reranker is None else contextlib.nullcontext():
        understood = understand(text, today=date.today())
        phrase = passed_over = None
        if since is None and until is None and understood.phrase:
            posed, ranking, confidence, applied = _timed(opened, text, understood, file, k)
            if applied:
                first, last, phrase = understood.since, understood.until, understood.phrase
            else:
                passed_over = Period(understood.phrase, _iso(understood.since), _iso(understood.until))
        else:
            kept = understood.phrase is not None and (first, last) == (understood.since, understood.until)
            posed = asked(_timeless(text, understood) if kept else text, opened.encoder, understood.language)
            ranking = rank(opened, posed, understood.language, Within(first, last, file), k)
            confidence = _confidence(opened, understood.language, ranking)
        if _asks_for_nothing(text, understood.language):
            confidence = 0.0
        if reranker is not None:
            ranking = _reranked(opened, text, ranking, k, reranker)
        left_out = opened.store.undated(file) if (first or last) and phrase is None else 0
        hits = _hits(opened, posed, ranking, k, repetitions)
    if order == "date":
        hits = tuple(sorted(hits, key=lambda hit: hit.date or "", reverse=True))  # stable: equal dates by score
    return Answer(question.encode("utf-8", "replace").decode(), confidence >= _ANSWERED, round(confidence, 3),
                  _iso(first), _iso(last), opened.manifest.generation, hits, left_out, phrase, passed_over,
                  opened.warning)


def _timed(index: Index, text: str, understood: Understood, file: str | None, k: int
           ) -> tuple[Asked, Ranking, float, bool]:
    """A question that names a period, its ranking, its confidence, and whether the ranking keeps to that period and to
    undated passages: where one from the period leads, and no other is much closer.

    «En février 2022» may say when an article appeared or when something happened that a later or an undated article
    tells of: a filter nobody set must not hide the answer. Passages of the period are compared without the words of
    time, which their own texts need not repeat; others with them, since they must tell of that time. But a passage of
    the period that leads by these words alone is not what was asked for.
    """
    language = understood.language
    period, any_date = Within(understood.since, understood.until, file, undated=True), Within(file=file)
    question = asked(_timeless(text, understood), index.encoder, language)
    apart = not index.store.alike(period, any_date)
    ranked: dict[tuple[str, Within], Ranking] = {}

    def among(conditions: Within, asked_for: Asked) -> Ranking:
        key = asked_for.text, conditions
        if key not in ranked:
            ranked[key] = rank(index, asked_for, language, conditions, k)
        return ranked[key]

    inside = _dated_first(index, among(period, question)) if apart else None
    if inside is not None and _leads(index, inside):
        everywhere = among(any_date, question)
        confidence, beyond = (_confidence(index, language, one) for one in (inside, everywhere))
        if inside.rows[0] == everywhere.rows[0]:  # among fewer passages the same one may look less sure
            return question, inside, max(confidence, beyond), True
        if confidence >= min(_ANSWERED, beyond - _NO_WORSE) and (
                float(everywhere.sums.max() - inside.sums.max()) <= _MUCH_BETTER):
            return question, inside, confidence, True
    whole = asked(text, index.encoder, language)

    def told(conditions: Within) -> Ranking:
        ranking = among(conditions, whole)
        return _joined(ranking, among(conditions, question)) if understood.is_short else ranking

    everywhere = within = told(any_date)
    applies = _leads(index, everywhere)
    if applies and apart:
        within = _dated_first(index, told(period))
        applies = len(within.rows) > 0 and bool(within.rows[0] == everywhere.rows[0])
    if applies and inside is not None and len(inside.rows) and not _leads(index, inside):
        everywhere = among(any_date, question)
        return question, everywhere, _confidence(index, language, everywhere), False
    return whole, within if applies else everywhere, _confidence(index, language, everywhere), applies


def _timeless(text: str, understood: Understood) -> str:
    """A question without its words of time, unless hardly anything is left: every passage of the period meets them."""
    rest = f"{text[: understood.start]} {text[understood.end :]}"
    return rest if len(tokens(rest)) > 1 else text


def _joined(whole: Ranking, timeless: Ranking) -> Ranking:
    """The ranking of a question, in part by what its passages are worth to the question without its words of time. A
    month and its year are two words more to meet, and rare ones, that another passage of that month meets too."""
    if not len(timeless.rows):
        return whole
    order = np.argsort(timeless.rows)
    at = order[np.minimum(np.searchsorted(timeless.rows, whole.rows, sorter=order), len(order) - 1)]
    there = timeless.rows[at] == whole.rows

    def part(own: Scores, other: Scores) -> Scores:
        return np.asarray(own + _TIMELESS * (np.where(there, other[at], other.min()) - own), np.float32)

    return replace(whole, sums=part(whole.sums, timeless.sums)).ordered(part(whole.scores, timeless.scores))


def _dated_first(index: Index, ranking: Ranking) -> Ranking:
    """The ranking with passages without a date put a little back."""
    lacking = _UNDATED * index.store.undated_of(ranking.rows)
    return replace(ranking, sums=ranking.sums - lacking).ordered(ranking.scores - lacking)


def _leads(index: Index, ranking: Ranking) -> bool:
    """Whether the best passage has a date."""
    return len(ranking.rows) > 0 and not index.store.undated_of(ranking.rows[:1])[0]


def _reranked(index: Index, question: str, ranking: Ranking, k: int, reranker: str | Reranker) -> Ranking:
    """The best passages in the reranker's order, and no others: its scores cannot be compared with ours."""
    judge = rerankers.load(reranker) if isinstance(reranker, str) else reranker
    read = slice(max(rerankers.READ, k))
    texts = [document(passage) for passage in index.store.passages(ranking.rows[read].tolist())]
    scores = judge.scores(question, texts)
    order = np.lexsort((np.arange(len(scores)), -scores))
    return ranking.reordered(order, scores[order])


def retrieve(question: str, k: int = LIMIT, *, since: str | date | None = None, until: str | date | None = None,
             file: str | None = None, index: str | os.PathLike[str] = "index",
             encoder: Encoder | None = None) -> list[Hit]:
    """The hits of `ask`, best first, whether or not they answer. Same arguments, same errors."""
    return list(ask(question, k=k, since=since, until=until, file=file, index=index, encoder=encoder).hits)


def _bound(value: str | date | None, *, end: bool) -> date | None:
    if value is not None and not isinstance(value, (str, date)):
        raise UsageError(f"A date must be text such as 2022, 2022-09 or 2022-09-15, or a datetime.date, not {value!r}.")
    return None if value is None else parse_bound(value, end=end)


def _asks_for_nothing(text: str, language: str) -> bool:
    """Whether a question has no words but those that any question has: "?", "Was ist das?". They stand everywhere.
    WHO in capitals is a name."""
    return little_words(language).issuperset(tokens(text)) and not _CAPITALS.search(text)


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _check_glob(file: str) -> None:
    try:
        file.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"The pattern {file!r} of files is not valid UTF-8.") from error
    if len(file) > _LONGEST_GLOB:
        raise UsageError(f"The pattern of files is longer than {_LONGEST_GLOB} characters. Shorten it.")


# --- hits ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Group:
    """Passages that tell the same."""

    position: int           # in the ranking, of the best of them
    at: int                 # in the ranking, of the one that is shown
    shown: Passage
    others: list[Passage]


def _hits(index: Index, question: Asked, ranking: Ranking, k: int, repetitions: bool) -> tuple[Hit, ...]:
    groups = _groups(index.store, ranking, k, repetitions)
    marked = _answering(index, question, ranking, groups)
    wanted = frozenset(question.words)
    hits: list[Hit] = []
    for group, (start, end) in zip(groups, marked, strict=True):
        passage, published = group.shown, group.shown.published
        hits.append(Hit(
            passage.file, published.date if published else None, published.source if published else None,
            published.evidence if published else None, passage.title, passage.language, passage.text, passage.start,
            passage.end, passage.text[start:end], passage.start + start, passage.start + end,
            round(float(ranking.scores[group.position]), 6), round(float(ranking.vector[group.position]), 6),
            round(float(ranking.lexical[group.position]), 6), round(float(ranking.interaction[group.position]), 6),
            _matched(passage.text, wanted) if _may_match(question, ranking, group) else (),
            tuple(Place(other.file, other.published.date if other.published else None, other.start, other.end)
                  for other in group.others), index.changed(passage.file)))
    return tuple(hits)


def _groups(store: Engine, ranking: Ranking, k: int, repetitions: bool) -> list[_Group]:
    """The k best passages that tell different things, best first.

    Of passages that repeat each other the earliest published is shown, in the place of the best; with `repetitions`
    each stands for itself.
    """
    rows = ranking.rows[: 4 * k + 20]
    firsts = np.arange(min(k, len(rows))) if repetitions else _alike(*store.cuts.of(rows).words_of_passages(), k)
    kept = np.flatnonzero(firsts != _NONE)
    passages = dict(zip(kept.tolist(), store.passages(rows[kept].tolist()), strict=True))
    found: dict[int, list[int]] = {}
    for position, first in zip(kept.tolist(), firsts[kept].tolist(), strict=True):
        found.setdefault(first, []).append(position)
    made: list[_Group] = []
    for first, alike in found.items():
        dated = [published.date if (published := passages[one].published) else "9999" for one in alike]
        shown = alike[dated.index(min(dated))]
        made.append(_Group(first, shown, passages[shown], [passages[one] for one in alike if one != shown]))
    return made


def _alike(words: NDArray[np.int64], bounds: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """For each of some passages the first one that it repeats, itself if none, (passages,); _NONE once there are k
    that repeat none. `words` are the numbers of theirs, one passage after the other, and `bounds` where those of each
    begin."""
    count = len(bounds) - 1
    most = int(words.max(initial=0)) + 1
    pairs = np.sort(np.repeat(np.arange(count), np.diff(bounds)) * most + words)
    passage, word = np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], most)  # each word of a passage once
    sizes = np.bincount(passage, minlength=count)
    begins = np.cumsum(sizes) - sizes
    first = np.full(count, _NONE)
    held = np.zeros(most, np.bool_)
    for position in range(count):
        if k and first[position] == _NONE:
            k -= 1
            own = word[begins[position] : begins[position] + sizes[position]]
            held[own] = True
            common = np.bincount(passage[held[word]], minlength=count)
            held[own] = False
            first[(first == _NONE) & _repeats(sizes, len(own), common)] = position
            first[position] = position
    return first


def _repeats(words: NDArray[np.int64], others: int, common: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether passages of so many different words repeat one of so many others, where so many are common."""
    fewer, more = np.minimum(words, others), np.maximum(words, others)
    return np.asarray(np.where(fewer < _FEW_WORDS, common == more,
                               (fewer >= _REPEATED * more) & (common >= _REPEATED * (words + others - common))))


def _answering(index: Index, question: Asked, ranking: Ranking, groups: list[_Group]) -> list[tuple[int, int]]:
    """For each passage that is shown where in it the sentence stands that answers best, as (start, end) characters.

    With an encoder that takes its time the shipped one reads the sentences: dozens of them would take the other a
    second, and the question's units tell them apart better than a cosine.
    """
    met = ranking.met
    if met is None or not groups:
        return []
    places = [slice(*met.bounds[ranking.places[group.at] :][:2].tolist()) for group in groups]
    spans = [[(start, end) for start, end in met.spans[own].tolist()] for own in places]
    texts = [[group.shown.text[start:end] for start, end in own] for group, own in zip(groups, spans, strict=True)]
    if met.cosines is not None:
        cosines, interaction = (np.concatenate([values[own] for own in places])
                                for values in (met.cosines, met.interaction))
    else:
        shipped = _shipped()
        cosines, interaction = texts_met(asked(question.text, shipped, UNTOLD), [*chain.from_iterable(texts)], shipped)
    heading = np.array([text[-1] not in _ENDS for text in chain.from_iterable(texts)])
    merits = (cosines + _SENTENCE_WORDS * np.concatenate([met.coverage[own] for own in places])
              + _SENTENCE_INTERACTION * interaction - _HEADING * heading)
    ends = np.cumsum([len(own) for own in spans])
    return [own[int(np.argmax(merits[end - len(own) : end]))] for own, end in zip(spans, ends.tolist(), strict=True)]


@cache
def _shipped() -> StaticEncoder:
    return StaticEncoder(SHIPPED_FOLDER, SHIPPED_MODEL)


def _may_match(question: Asked, ranking: Ranking, group: _Group) -> bool:
    """Whether a word of the question may stand in the passage that is shown: not where no sentence of it holds one of
    the question's terms, which for a question of so few words are all looked up."""
    assert ranking.met is not None
    first, last = ranking.met.bounds[ranking.places[group.at] :][:2].tolist()
    return len(question.words) > _ALL_LOOKED_UP or bool(ranking.met.coverage[first:last].any())


def _matched(text: str, wanted: frozenset[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(written(text, wanted)))


# --- is there an answer? ------------------------------------------------------------------------------------

# Logistic regressions over `features`, fitted by `python -m training.confidence`: the intercept, then the weights.
_RULES = {
    True: (-1.099, (5.274, -5.297, 0.406, 1.994, 3.509, 4.171, -4.221)),  # with a light encoder
    False: (-2.016, (0.385, 1.479, 1.054, 1.021, 0.0, 0.0, 1.297)),  # with another
}
_RIVALS = 15        # passages that the best is compared with, fewer in a smaller folder
_SMALLEST = 0.02    # lead, and spread of the sum: below this, a ratio of them says nothing
_SMALLEST_SPREAD = (0.05, 0.10)  # cosine, coverage: below this, differences are noise
_UNMET, _FULLY_MET = 0.15, 0.5  # cosine of a question's unit: chance reaches the one, true translations the other
_READ = 8           # passages in which a unit may be met
_HEAVIEST = 3       # units, all of which an answer should meet


def features(index: Index, language: str, ranking: Ranking) -> list[float]:
    """How far the best passage rises above what unrelated questions of the same language reach in the same index, and
    how much of what is asked for is met. `language` is the question's.

    With a light encoder, for a passage in the question's language: the mean of best sum and best score, and the share
    of what is asked for that no good passage meets; for one in another language: the rise of the cosine, in spreads, by
    how many spreads of an unrelated question's sum the best score leads (its logarithm), the share of what is asked for
    that the best passage meets, the lowest cosine among the units that matter most, and 1. With another encoder, whose
    cosines have a scale of their own: the rises of cosine and coverage, for a passage in the question's language or
    in another, and 1 for one in another. What the other kind of passage would fill is zero.
    """
    if not len(ranking.rows):
        return [0.0] * 7
    usual = expected(index.manifest.background, language, ANY)
    at = int(ranking.sums.argmax())
    best = (ranking.vector[at], ranking.lexical[at])
    cosine, covered = (
        (float(value) - middle) / max(spread, smallest) for value, middle, spread, smallest
        in zip(best, usual[:4:2], usual[1:4:2], _SMALLEST_SPREAD, strict=True))
    same = index.store.languages_of(ranking.rows[at : at + 1])[0] == language
    met = ranking.met
    if not isinstance(index.encoder, LightEncoder) or met is None:
        return [cosine, covered, *[0.0] * 5] if same else [0.0, 0.0, cosine, covered, 0.0, 0.0, 1.0]
    reached = met.reached[ranking.places[:_READ]]
    shares = np.clip((reached - _UNMET) / (_FULLY_MET - _UNMET), 0.0, 1.0)
    if same:
        return [float(ranking.sums[at] + ranking.scores.max()) / 2, 1 - float(shares.max(axis=0) @ met.weights),
                *[0.0] * 5]
    # A true match across languages gains little where the model knows little of a language, but there unrelated
    # questions differ little too: what counts is the lead against their spread.
    spread = math.hypot(usual[1], LEXICAL_WEIGHT * usual[3], INTERACTION_WEIGHT * usual[5])
    least = reached[0, np.argsort(-met.weights, kind="stable")[:_HEAVIEST]].min()
    return [0.0, 0.0, cosine, math.log(max(_lead(ranking.scores), _SMALLEST) / max(spread, _SMALLEST)),
            float(shares[0] @ met.weights), float(least), 1.0]


def _lead(scores: Scores) -> float:
    """By how much the best of these scores exceeds the mean of the next ones, or 0, about what an unrelated question
    reaches, where there is no other: an answer stands out, what has nothing to do with a question is about equally far
    from it everywhere."""
    best = np.sort(scores)[::-1][: 1 + _RIVALS]
    return float(best[0] - best[1:].mean()) if len(best) > 1 else float(best[0])


def _confidence(index: Index, language: str, ranking: Ranking) -> float:
    if not len(ranking.rows):
        return 0.0
    intercept, weights = _RULES[isinstance(index.encoder, LightEncoder)]
    logit = intercept + sum(weight * value for weight, value in zip(weights, features(index, language, ranking),
                                                                    strict=True))
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, logit))))

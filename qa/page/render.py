"""Answers, articles and states as HTML. Every text of an article passes through `escaped`; nothing else writes it."""

from __future__ import annotations

import calendar
import html
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict
from urllib.parse import urlencode

from qa.articles import SUFFIXES, Article
from qa.errors import IndexMissing, IndexProblem, QAError
from qa.page.machines import LIMIT
from qa.page.uploads import LARGEST
from qa.page.words import WORDS, count, direction, percent, say_date, say_language
from qa.recipe import SHIPPED_MODEL
from qa.words import token_spans, tokens

_EXAMPLES = 4           # what fits below the question without pushing the folder out of sight
ALL_DATES = ("0001", "9999")  # since and until that take back a period understood from the question

# Controls that reorder the text around them. In an article they are dropped, in a name they are made visible.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_COMMAND = re.compile(r": (qa [^.]+)\.?$")  # the remedy at the end of an error's message
_BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")

Hit = dict[str, Any]        # one entry of "hits" in the JSON of `qa ask --json`
Answer = dict[str, Any]     # the whole JSON object
Status = dict[str, Any]     # the JSON of `qa status --json`


class Asked(TypedDict):
    """What the reader filled in, as it stands in the address."""

    question: str
    since: str
    until: str
    file: str
    limit: int


def escaped(text: object) -> str:
    """Text of an article: no character of it can become markup or turn the page's own text around."""
    return html.escape(_UNPRINTABLE.sub("\ufffd", _REORDERING.sub("", str(text))))


def named(name: object) -> str:
    """A file name or title in its own direction; characters that would disguise it are spelled out."""
    spelled = _REORDERING.sub(lambda match: f"‹U+{ord(match[0]):04X}›", str(name))
    return f"<bdi>{html.escape(_UNPRINTABLE.sub(chr(0xFFFD), spelled))}</bdi>"


def tag(name: str, content: str, **attributes: object) -> str:
    """An element. Attributes are escaped here, the content is not; `class_` is class, None leaves one out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}' + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return f"<{name}{written}>{content}</{name}>"


# --- text with marks ----------------------------------------------------------------------------------------


def marked(text: str, answer: tuple[int, int], matched: Iterable[str], label: str) -> str:
    """A passage with its answering sentence in one <mark> and the words of the question underlined.

    `answer` counts characters of `text`; `matched` are words of the passage as they stand there.
    """
    wanted = _telling(matched)
    words = _merged((start, end) for word, start, end in token_spans(text) if word in wanted)
    start, end = max(0, answer[0]), min(len(text), answer[1])
    if start >= end:
        return _underlined(text, 0, len(text), words)
    sentence = tag("mark", _underlined(text, start, end, words), title=label)
    return _underlined(text, 0, start, words) + sentence + _underlined(text, end, len(text), words)


def _telling(matched: Iterable[str]) -> set[str]:
    """Folded words worth underlining: short ones that also stand in small letters are "et", "la", "the" everywhere."""
    short: set[str] = set()
    wanted: set[str] = set()
    for word in matched:
        (short if len(word) <= 3 and word.islower() else wanted).update(tokens(word))
    return wanted - short


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch or overlap made one (pairs of Chinese characters overlap)."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _underlined(text: str, start: int, end: int, words: Sequence[tuple[int, int]]) -> str:
    pieces, at = [], start
    for first, last in words:
        first, last = max(first, start), min(last, end)
        if first < last:
            pieces += [escaped(text[at:first]), tag("span", escaped(text[first:last]), class_="qa-word")]
            at = last
    return _BLANK_LINES.sub("\n\n", "".join(pieces) + escaped(text[at:end]))


# --- one passage --------------------------------------------------------------------------------------------


def published(hit: Hit, language: str) -> str:
    """The date in the reader's own form, with its precision, and where it was read."""
    words = WORDS[language]
    date = str(hit.get("date") or "")
    if not date:
        return tag("span", words["undated"], class_="qa-undated")
    parts = [tag("time", html.escape(say_date(date, language)), datetime=date)]
    unknown = {4: "month_unknown", 7: "day_unknown"}.get(len(date))
    if unknown:
        parts.append(tag("span", f"({words[unknown]})", class_="qa-precision"))
    return " ".join(parts)


def evidence(hit: Hit, language: str) -> str:
    """Where the date was read: "dateline: « 09/09/2022 »"."""
    source = hit.get("date_source")
    if not source:
        return ""
    words = WORDS[language]
    name = html.escape(words.get(str(source), str(source)))
    read = hit.get("date_evidence")
    if not read:
        return tag("span", name, class_="qa-evidence")
    characters = escaped(" ".join(str(read).split()))
    said = words["source"].format(source=name, evidence=f"<bdi>{characters}</bdi>")
    return tag("span", said, class_="qa-evidence")


def citation(hit: Hit, language: str) -> str:
    """« sentence » — title, file, date; plain text for the clipboard."""
    date = hit.get("date")
    source = [hit.get("title"), hit["file"], say_date(date, language) if date else WORDS[language]["undated"]]
    sentence = " ".join(str(hit["answer"]).split())
    return WORDS[language]["citation"].format(sentence=sentence, source=", ".join(str(one) for one in source if one))


def card(hit: Hit, number: int, best: float, found: Answer, language: str) -> str:
    """One passage of the answer `found`; `best` is its highest score, for the bar."""
    words = WORDS[language]
    start = int(hit["start"])
    answer = (int(hit["answer_start"]) - start, int(hit["answer_end"]) - start)
    title = hit.get("title")
    shown = _after_title(str(hit["text"]), str(title or ""), answer[0])
    text = marked(str(hit["text"])[shown:], (answer[0] - shown, answer[1] - shown), hit.get("matched") or (),
                  words["answering"])
    where = {
        "data_do": "open", "data_file": hit["file"], "data_start": start, "data_end": hit["end"],
        "data_answer_start": hit["answer_start"], "data_answer_end": hit["answer_end"],
    }  # fmt: skip
    heading = tag("h3", tag("button", named(title or hit["file"]), type="button", **where), class_="qa-title",
                  lang=hit["language"])
    facts = [published(hit, language), tag("span", named(hit["file"]), class_="qa-file")]
    facts += [tag("span", html.escape(say_language(str(hit["language"]), language)), class_="qa-language")]
    meta = tag("p", '<span class="qa-dot" aria-hidden="true"> · </span>'.join(facts), class_="qa-meta")
    seen = evidence(hit, language)
    share = max(0.03, min(1.0, float(hit["score"]) / best)) if best > 0 else 0.0
    relevance = words["relevance"]
    bar = tag("span", f'<i style="inline-size:{share:.0%}"></i>', class_="qa-bar", role="img",
              aria_label=f"{relevance} {percent(share, language)}", title=f"{relevance} {float(hit['score']):.3g}")
    buttons = tag("button", words["read"], type="button", class_="qa-read", **where) + tag(
        "button", words["cite"], type="button", data_do="cite", data_citation=citation(hit, language),
        data_done=words["copied"],
    )  # fmt: skip
    passage = tag("p", text, class_="qa-text", dir="auto", lang=hit["language"])
    foot = tag("div", bar + tag("div", buttons, class_="qa-buttons"), class_="qa-foot")
    since = tag("p", words["changed_file"], class_="qa-notice", role="note") if hit.get("changed") else ""
    return tag(
        "article",
        heading + meta + (tag("p", seen, class_="qa-source") if seen else "") + since + passage + foot
        + _why(hit, found, language) + _more(hit, language),
        class_="qa-card", data_rank=number, data_date=hit.get("date") or "",
    )  # fmt: skip


def _after_title(text: str, title: str, answer: int) -> int:
    """Where to begin to show a passage: after its article's title, which stands above it already."""
    first, _, rest = text.partition("\n")
    begin = len(text) - len(rest.lstrip())
    return begin if rest and first.strip(" #*\t") == title and begin <= answer else 0


def _why(hit: Hit, found: Answer, language: str) -> str:
    """The parts of the score: meaning, words and date."""
    words = WORDS[language]
    rows = [(words[f"why_{key}"], _part(float(hit[key]), language)) for key in ("vector", "lexical") if key in hit]
    telling = _telling(hit.get("matched") or ())
    shared = [word for word in hit.get("matched") or () if telling.issuperset(tokens(word))]
    if shared:
        rows.append((words["why_words"], ", ".join(named(word) for word in shared)))
    if not rows:
        return ""
    rows.append((words["why_date"], _date_part(hit, found, language)))
    listed = "".join(tag("dt", term) + tag("dd", value) for term, value in rows)
    return tag("details", tag("summary", words["why"]) + tag("dl", listed), class_="qa-why")


def _part(value: float, language: str) -> str:
    """A part of the score from 0 to 1, as a number that can be compared and a bar that is seen at once."""
    share = max(0.0, min(1.0, value))
    bar = f'<span class="qa-bar" aria-hidden="true"><i style="inline-size:{share:.0%}"></i></span>'
    return bar + tag("span", WORDS[language]["out_of_100"].format(n=round(100 * share)))


def _date_part(hit: Hit, found: Answer, language: str) -> str:
    words = WORDS[language]
    since, until = found.get("since") or "", found.get("until") or ""
    if (not since and not until) or (since[:4], until[:4]) == ALL_DATES:
        return words["date_unasked"]
    if not hit.get("date"):
        return words["date_undated"]
    return f"{words['date_within']} ({html.escape(period(since, until, language))})"


def _more(hit: Hit, language: str) -> str:
    places = hit.get("more") or ()
    if not places:
        return ""
    listed = []
    for place in places:
        opener = tag(
            "button", named(place["file"]), type="button", data_do="open", data_file=place["file"],
            data_start=place["start"], data_end=place["end"], data_answer_start=place["start"],
            data_answer_end=place["start"],
        )  # fmt: skip
        listed.append(tag("li", f"{opener} {published(place, language)}"))
    head = tag("summary", count("more", len(listed), language))
    return tag("details", head + tag("ul", "".join(listed)), class_="qa-more")


# --- an answer ----------------------------------------------------------------------------------------------


def answer(found: Answer, asked: Asked, language: str) -> str:
    """The passages of an answer, or the state "no answer in these articles" with the nearest ones below."""
    words = WORDS[language]
    hits: list[Hit] = found["hits"]
    best = max((float(hit["score"]) for hit in hits), default=0.0)
    cards = "".join(card(hit, number, best, found, language) for number, hit in enumerate(hits))
    number = tag("h2", count("passages", len(hits), language), class_="qa-count", tabindex="-1")
    sure = float(found.get("confidence") or 0.0)
    how_sure = tag("span", f"{words['confidence']} {percent(sure, language)}", class_="qa-confidence")
    head = tag("div", number + how_sure + (_order(language) if len(hits) > 1 else ""), class_="qa-head")
    narrowed, when = notice(found) + chips(found, asked, language), timeline(hits, language)
    cards = tag("div", cards, class_="qa-cards")
    if found["answered"]:
        return _region(head + narrowed + when + cards, found, asked, language, "answered")
    said = tag("h2", words["no_answer"], class_="qa-count", tabindex="-1") + tag("p", words["no_answer_text"])
    said = tag("div", said, class_="qa-state qa-no-answer")
    if not hits:
        return _region(said + narrowed, found, asked, language, "nothing")
    near = tag("h3", words["nearest"], class_="qa-nearest")
    head = tag("div", near + (_order(language) if len(hits) > 1 else ""), class_="qa-head")
    return _region(said + narrowed + head + when + cards, found, asked, language, "unanswered")


def notice(found: Answer | Status) -> str:
    """What whoever runs qa should know though the answer stands, such as a damaged newer index."""
    return tag("p", escaped(found["warning"]), class_="qa-notice", role="note", dir="auto") if found.get(
        "warning") else ""


def _region(content: str, found: Answer, asked: Asked, language: str, state: str) -> str:
    words = WORDS[language]
    said = words["no_answer"] if state != "answered" else count("passages", len(found["hits"]), language)
    live = tag("p", html.escape(said), class_="qa-live")
    return tag("section", live + content, id="qa-answer", aria_label=words["results"], data_state=state,
               data_address=address(asked), data_question=asked["question"], dir=direction(language))


def address(asked: Asked) -> str:
    """The query string that reproduces question and filters."""
    fields: dict[str, str] = {"q": asked["question"], "since": asked["since"], "until": asked["until"],
                              "file": asked["file"], "k": "" if asked["limit"] == LIMIT else str(asked["limit"])}
    return urlencode({name: value for name, value in fields.items() if value})


def _order(language: str) -> str:
    words = WORDS[language]
    choices = tag("button", words["by_relevance"], type="button", data_do="order", data_order="rank",
                  aria_pressed="true")
    choices += tag("button", words["by_date"], type="button", data_do="order", data_order="date", aria_pressed="false")
    return tag("div", choices, class_="qa-order", role="group", aria_label=words["order"])


def chips(found: Answer, asked: Asked, language: str) -> str:
    """What narrows the answer, each with a button that takes it back."""
    words = WORDS[language]
    shown = []
    if (asked["since"], asked["until"]) == ALL_DATES:
        shown.append(_chip(words["all_dates"], "", language, since="", until=""))
    elif asked["since"] or asked["until"]:
        shown.append(_chip(period(asked["since"], asked["until"], language), "", language, since="", until=""))
    elif found.get("since") or found.get("until"):
        said = period(found.get("since") or "", found.get("until") or "", language)
        shown.append(_chip(said, words["understood"], language, since=ALL_DATES[0], until=ALL_DATES[1]))
    if asked["file"]:
        shown.append(_chip(asked["file"], words["file"], language, file=""))
    left_out = ""
    if (found.get("since") or found.get("until")) and found.get("undated"):
        left_out = tag("p", count("left_out", int(found["undated"]), language), class_="qa-left-out")
    return (tag("div", "".join(shown), class_="qa-chips") if shown else "") + left_out


def _chip(text: str, label: str, language: str, **takes_back: str) -> str:
    changes = {f"data_{key}": value for key, value in takes_back.items()}
    remove = tag("button", '<span aria-hidden="true">×</span>', type="button", data_do="again",
                 aria_label=f"{WORDS[language]['remove']}: {text}", **changes)
    return tag("span", (f"<small>{label}</small> " if label else "") + named(text) + remove, class_="qa-chip")


def period(since: str, until: str, language: str) -> str:
    """A period as short as it can be said: a whole month or year by its name."""
    words = WORDS[language]
    since, until = _coarsest(since, until)
    first, last = _said(since, language), _said(until, language)
    coarse = "" if 10 in (len(since), len(until)) else "_coarse"  # "du 3 mai au 5 mai", but "de mai à juin"
    if first and last:
        if first == last:
            return first
        mixed = 10 in (len(since), len(until)) and len(since) != len(until)
        return f"{first} – {last}" if mixed else words[f"from_to{coarse}"].format(since=first, until=last)
    return words[f"from{coarse}"].format(since=first) if first else words[f"to{coarse}"].format(until=last)


def _coarsest(since: str, until: str) -> tuple[str, str]:
    """Whole months and years without their days: 2022-01-01 to 2022-12-31 is 2022 to 2022."""
    if since.endswith("-01-01") and until.endswith("-12-31"):
        return since[:4], until[:4]
    try:
        last = calendar.monthrange(int(until[:4]), int(until[5:7]))[1]
    except ValueError:  # the reader's own characters, or no whole date
        return since, until
    if len(since) == len(until) == 10 and since.endswith("-01") and until.endswith(f"-{last}"):
        return since[:7], until[:7]
    return since, until


def _said(date: str, language: str) -> str:
    """A date as the reader writes it, or the reader's own characters when they are no ISO date."""
    if not re.fullmatch(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", date, re.ASCII):
        return date
    return say_date(date, language)


def timeline(hits: Sequence[Hit], language: str) -> str:
    """The passages by date, undated ones apart; each group is a button that filters."""
    dates = sorted(hit["date"] for hit in hits if hit.get("date"))
    if len(dates) < 2 or dates[0] == dates[-1]:
        return ""
    # The coarsest step that tells the passages apart: years, else months, else days.
    step = next(size for size in (4, 7, 10) if dates[0][:size] != dates[-1][:size])
    groups: dict[str, int] = {}
    for date in dates:
        groups[date[:step]] = groups.get(date[:step], 0) + 1
    most = max(groups.values())
    words = WORDS[language]
    bars = []
    for date, number in groups.items():
        said = say_date(date, language)
        label = f"{said}: {count('passages', number, language)}"
        inside = _column(number / most) + tag("span", html.escape(said))
        bars.append(tag("li", tag("button", inside, type="button", data_do="again", data_since=date, data_until=date,
                                  aria_label=label, title=label)))
    undated = len(hits) - len(dates)
    if undated:
        said = _column(min(1.0, undated / most)) + tag("span", words["undated"])
        label = f"{words['undated']}: {count('passages', undated, language)}"
        bars.append(tag("li", tag("span", said, title=label, class_="qa-undated-bar"), class_="qa-apart"))
    return tag("div", tag("h3", words["when"]) + tag("ol", "".join(bars)), class_="qa-timeline")


def _column(share: float) -> str:
    return f'<i style="block-size:calc({share:.2f} * var(--qa-column))"></i>'


# --- an article ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Place:
    """Where an article is opened; characters of its text."""

    start: int
    end: int
    answer_start: int
    answer_end: int


def article(read: Article, place: Place, language: str) -> str:
    """The whole article with the passage marked, what is not the article greyed, and its dates at their parts."""
    words = WORDS[language]
    close = tag("button", '<span aria-hidden="true">×</span>', type="button", data_do="close", class_="qa-close",
                aria_label=words["close"], title=words["close"])
    heading = tag("h2", named(read.title or read.file), class_="qa-title", tabindex="-1", lang=read.language)
    dated = next((section.published for section in read.sections if section.start <= place.start < section.end), None)
    facts = [published({"date": dated.date if dated else None}, language),
             tag("span", named(read.file), class_="qa-file"),
             tag("span", html.escape(say_language(read.language, language)), class_="qa-language")]
    meta = tag("p", '<span class="qa-dot" aria-hidden="true"> · </span>'.join(facts), class_="qa-meta")
    body = "".join(_parts(read, place, language))
    body = tag("div", body, class_="qa-body", dir="auto", lang=read.language)
    # Where it covers the page, on a telephone, page.js makes it a dialog, which an <aside> must not become.
    return tag("section", tag("header", close + heading + meta) + body, class_="qa-article", role="complementary",
               aria_label=words["article"], dir=direction(language), data_key=f"{read.file} {place.start}")


def _parts(read: Article, place: Place, language: str) -> Iterator[str]:
    """The text in pieces between the edges of sections, furniture, passage and answer."""
    edges = {0, len(read.text), place.start, place.end, place.answer_start, place.answer_end}
    edges.update(edge for span in read.furniture for edge in span)
    dated = {section.start: section.published for section in read.sections if section.published}
    edges.update(dated)
    inside = sorted(edge for edge in edges if 0 <= edge <= len(read.text))
    grey = iter(read.furniture)
    span = next(grey, None)
    first = True
    for start, end in itertools.pairwise(inside):
        while span and span[1] <= start:
            span = next(grey, None)
        if read_on := dated.get(start):
            fields = {"date": read_on.date, "date_source": read_on.source, "date_evidence": read_on.evidence}
            yield tag("div", f"{published(fields, language)} {evidence(fields, language)}", class_="qa-section",
                      dir=direction(language), lang=language)
        text = _BLANK_LINES.sub("\n\n", escaped(read.text[start:end]))
        if span and span[0] <= start < span[1]:
            text = tag("span", text, class_="qa-furniture", title=WORDS[language]["furniture"])
        if place.answer_start <= start < place.answer_end:
            text = tag("mark", text)
        if place.start <= start < place.end:
            text = tag("span", text, class_="qa-here", id="qa-here" if first else None)
            first = False
        yield text


def no_article(language: str) -> str:
    words = WORDS[language]
    close = tag("button", '<span aria-hidden="true">×</span>', type="button", data_do="close", class_="qa-close",
                aria_label=words["close"])
    return tag("section", close + tag("p", words["gone_article"]), class_="qa-article", role="complementary",
               aria_label=words["article"], dir=direction(language), data_key="gone")


# --- the folder ---------------------------------------------------------------------------------------------


def masthead(language: str) -> str:
    words = WORDS[language]
    gone = tag("template", problem_card(words["server_gone"], words["server_gone_text"], "", "qa serve", "", language),
               class_="qa-server-gone")
    spoken = tag("template", html.escape(words["working"]), class_="qa-working")
    spoken += tag("template", tag("section", tag("div", tag("p", words["adding"], role="status"), class_="qa-state")),
                  class_="qa-adding")
    spoken += tag("div", tag("p", words["drop"]), class_="qa-drop", aria_hidden="true")
    return tag("header", tag("h1", words["title"]) + tag("p", words["lead"]) + gone + spoken,
               class_="qa-masthead qa-spoken", dir=direction(language), lang=language)


def ask_button(language: str) -> str:
    return tag("button", WORDS[language]["ask"], type="button", data_do="again", class_="qa-primary qa-spoken",
               lang=language)


def filters_button(language: str) -> str:
    """Opens the filters. Their boxes are Gradio's; this button is ours, as its accordion tells no screen reader
    whether it is open and is one more kind of block to fetch before one can type."""
    mark = tag("span", "", class_="qa-arrow", aria_hidden="true")
    return tag("button", WORDS[language]["filters"] + mark, type="button", data_do="filters",
               class_="qa-fold qa-spoken", lang=language, aria_expanded="false", aria_controls="qa-filters")


def examples(titles: Sequence[dict[str, str]], language: str) -> str:
    """Titles to begin with, those in the reader's language first; below them the visit's own questions."""
    words = WORDS[language]
    own_first = sorted(titles, key=lambda one: one["language"] != language)
    shown = "".join(tag("li", tag("button", named(one["title"]), type="button", data_do="again",
                                  data_question=one["title"], data_since="", data_until="", data_file="", dir="auto",
                                  lang=one["language"])) for one in own_first[:_EXAMPLES])
    block = tag("div", tag("h2", words["examples"]) + tag("ul", shown), class_="qa-examples") if shown else ""
    visit = tag("div", tag("h2", words["history"]) + "<ul></ul>", class_="qa-history", hidden=True)
    return tag("nav", block + visit, aria_label=words["examples"], dir=direction(language))


def folder(state: Status, language: str, *, editable: bool) -> str:
    """What the index holds, what could not be read, and what changed since."""
    words = WORDS[language]
    rows = [(words["results"], str(int(state["passages"])))]
    first, last = state.get("first_date"), state.get("last_date")
    if first and last:
        rows.append((words["period"], html.escape(period(first, last, language))))
    if state.get("undated"):
        rows.append((words["no_date"], html.escape(count("articles", int(state["undated"]), language))))
    spoken = sorted(dict(state.get("languages") or {}).items(), key=lambda pair: (-pair[1], pair[0]))
    if spoken:
        said = ", ".join(f"<bdi>{html.escape(say_language(code, language))}</bdi>\u00a0{number}"
                         for code, number in spoken)
        rows.append((words["languages"], said))
    if state.get("built"):
        built = str(state["built"])
        said = html.escape(f"{_said(built[:10], language)} {built[11:16]} UTC")
        rows.append((words["built"], tag("time", said, datetime=built)))
    if state.get("model"):
        rows.append((words["model"], words["shipped"] if state["model"] == SHIPPED_MODEL else named(state["model"])))
    facts = tag("dl", "".join(tag("dt", term) + tag("dd", value) for term, value in rows))
    lists = ""
    for key in ("unreadable", "changed", "added", "deleted"):
        files = state.get(key) or ()
        if files:
            lists += tag("details", tag("summary", f"{words[key]} ({len(files)})") + tag(
                "ul", "".join(tag("li", _file_of(one)) for one in files[:200])), open=key == "unreadable")
    stale = any(state.get(key) for key in ("changed", "added", "deleted"))
    mend = ""
    if stale:
        mend = tag("p", words["stale"], class_="qa-stale") + remedy("qa rebuild", language, editable=editable)
    elif editable:
        mend = _rebuild_button(language)
    mend += adding(language) if editable else ""
    summary = tag("summary", f"{words['folder']} — {count('articles', int(state['articles']), language)}"
                  + (f", {html.escape(first[:4])}–{html.escape(last[:4])}" if first and last and first[:4] != last[:4]
                     else f", {html.escape(first[:4])}" if first else ""))
    return tag("details", summary + notice(state) + facts + lists + mend, class_="qa-folder", dir=direction(language),
               open=stale)


def adding(language: str) -> str:
    """A way to add articles for those who do not drop files: a button that opens the browser's own choice."""
    words = WORDS[language]
    choose = tag("input", "", type="file", multiple=True, accept=",".join(SUFFIXES), data_choose="files")
    choose = choose.removesuffix("</input>")
    hint = words["add_hint"].format(kinds=", ".join(SUFFIXES), size=LARGEST // 1_000_000)
    return tag("div", tag("label", choose + tag("span", words["add"]), class_="qa-add-files")
               + tag("small", html.escape(hint)), class_="qa-add")


def added(files: Sequence[str], refused: Sequence[tuple[str, str]], language: str) -> str:
    """What became of the files a reader added; (file, reason) of each that was refused."""
    words = WORDS[language]
    if not files and not refused:
        return ""
    said = tag("p", count("added_files", len(files), language), role="status") if files else ""
    said += tag("ul", "".join(tag("li", named(file)) for file in files)) if files else ""
    if refused:
        said += tag("p", words["not_added"]) + tag("ul", "".join(
            tag("li", f"{named(file)} — {words.get(f'refused_{reason}', words['refused_gone'])}")
            for file, reason in refused))
        if any(reason == "exists" for _, reason in refused):
            said += tag("button", words["replace"], type="button", data_do="replace")
    return tag("section", tag("div", said, class_="qa-state qa-added"), data_state="added", dir=direction(language))


def _file_of(one: object) -> str:
    if isinstance(one, dict):
        return f"{named(one['file'])} — {escaped(one['reason'])}"
    return named(one)


# --- states -------------------------------------------------------------------------------------------------


def problem(error: Exception, language: str, *, editable: bool) -> str:
    """An error as a state of the page, with its remedy. Errors that are not qa's own say no more than that."""
    words = WORDS[language]
    if not isinstance(error, QAError):
        return problem_card(words["unexpected"], words["unexpected_text"], "", "", "", language)
    kind = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in words), "QAError")
    command = _COMMAND.search(str(error))
    button = _rebuild_button(language) if command and editable and isinstance(error, IndexProblem) else ""
    button += adding(language) if button and isinstance(error, IndexMissing) else ""
    return problem_card(words[kind], words.get(f"{kind}_text", ""), str(error), command[1] if command else "", button,
                        language)


def empty(language: str, *, editable: bool) -> str:
    words = WORDS[language]
    button = _rebuild_button(language) + adding(language) if editable else ""
    return problem_card(words["empty_folder"], words["empty_folder_text"], "", "qa rebuild", button, language)


def problem_card(title: str, text: str, detail: str, command: str, button: str, language: str) -> str:
    """A state that needs something done: what it is, in the reader's words; what the library says of it, in English;
    and how to mend it."""
    said = tag("h2", title, tabindex="-1", class_="qa-count") + (tag("p", text) if text else "")
    if detail:
        said += tag("p", escaped(detail), class_="qa-detail", dir="ltr", lang="en")
    if command:
        said += _command(command, language)
    return tag("section", tag("div", said + button, class_="qa-state qa-problem", role="alert"), id="qa-answer",
               aria_label=WORDS[language]["results"], data_state="problem", dir=direction(language))


def remedy(command: str, language: str, *, editable: bool) -> str:
    return _command(command, language) + (_rebuild_button(language) if editable else "")


def _command(command: str, language: str) -> str:
    return tag("p", f"{WORDS[language]['run']} <code dir=\"ltr\">{html.escape(command)}</code>", class_="qa-command")


def _rebuild_button(language: str) -> str:
    return tag("button", WORDS[language]["rebuild"], type="button", data_do="mend", class_="qa-primary")


def building(done: int, total: int, file: str, language: str) -> str:
    """A rebuild on its way: how many files, and which one is at hand."""
    words = WORDS[language]
    bar = tag("progress", "", value=done, max=max(total, 1), aria_label=words["rebuilding"])
    at_hand = tag("p", f"{done} / {total} {named(file) if file else ''}", class_="qa-at-hand")
    cancel = tag("button", words["cancel"], type="button", data_do="cancel")
    said = tag("h2", words["rebuilding"], class_="qa-count") + bar + at_hand + tag("p", words["old_answers"]) + cancel
    return tag("section", tag("div", said, class_="qa-state"), data_state="building", dir=direction(language))


def built(key: str, language: str) -> str:
    """The end of a rebuild: "rebuilt" or "cancelled"."""
    said = tag("p", WORDS[language][key], role="status")
    return tag("section", tag("div", said, class_="qa-state"), data_state=key, dir=direction(language))

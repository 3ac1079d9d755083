"""The passages of an answer with what narrows them and when they are from, or that there is no answer."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TypedDict
from urllib.parse import urlencode

from qa.page.cards import ALL_DATES, Answer, Hit, card
from qa.page.dates import period
from qa.page.machines import LIMIT
from qa.page.markup import named, notice, tag
from qa.page.words import WORDS, count, direction, percent, say_date


class Asked(TypedDict):
    """What the reader filled in, as it stands in the address."""

    question: str
    since: str
    until: str
    file: str
    limit: int


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
    narrowed = notice(found) + chips(found, asked, language) + _passed_over(found, language)
    when = timeline(hits, language)
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
        if any(not hit.get("date") for hit in found["hits"]):
            said += f" · {words['undated']}"
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


def _passed_over(found: Answer, language: str) -> str:
    """That the period named in the question does not narrow the answer, with a button that makes it."""
    named_period = found.get("passed_over")
    if not named_period or not found["hits"]:
        return ""
    since, until = named_period["since"] or "", named_period["until"] or ""
    words = WORDS[language]
    said = words["passed_over"].format(period=tag("b", html.escape(period(since, until, language))))
    only = tag("button", words["only_period"], type="button", data_do="again", data_since=since, data_until=until)
    return tag("p", f"{said} {only}", class_="qa-notice", role="note")


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

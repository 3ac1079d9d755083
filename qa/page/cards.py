"""One passage: its text with the answer marked, where and when it stands, and why it was chosen."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from qa.page.dates import evidence, period, published
from qa.page.markup import escaped, gathered, named, tag
from qa.page.words import WORDS, count, percent, say_date, say_language
from qa.words import token_spans, tokens

ALL_DATES = ("0001", "9999")  # since and until that take back a period understood from the question

Hit = dict[str, Any]        # one entry of "hits" in the JSON of `qa ask --json`
Answer = dict[str, Any]     # the whole JSON object


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


def citation(hit: Hit, language: str) -> str:
    """« sentence » — title, file, date; plain text for the clipboard."""
    date = hit.get("date")
    source = [hit.get("title"), hit["file"], say_date(date, language) if date else WORDS[language]["undated"]]
    sentence = " ".join(str(hit["answer"]).split())
    return WORDS[language]["citation"].format(sentence=sentence, source=", ".join(str(one) for one in source if one))


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
    return gathered("".join(pieces) + escaped(text[at:end]))


def _why(hit: Hit, found: Answer, language: str) -> str:
    """The parts of the score: meaning, words and date."""
    words = WORDS[language]
    rows = [(words[f"why_{key}"], _part(float(hit[key]), language))
            for key in ("vector", "interaction", "lexical") if key in hit]
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
    if found.get("passed_over"):
        return words["date_passed_over"]
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

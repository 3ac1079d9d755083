"""A whole article to read on in, at one of its passages."""

from __future__ import annotations

import html
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from qa.articles import Article
from qa.page.dates import evidence, published
from qa.page.markup import escaped, gathered, named, tag
from qa.page.words import WORDS, direction, say_language


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
        text = gathered(escaped(read.text[start:end]))
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

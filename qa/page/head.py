"""The head of the page: its title and buttons in all languages, and questions to begin with."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qa.page.markup import named, tag
from qa.page.states import problem_card
from qa.page.words import WORDS, direction

_EXAMPLES = 4           # what fits below the question without pushing the folder out of sight


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

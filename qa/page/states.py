"""What stands in the way of an answer, and what to do about it."""

from __future__ import annotations

import re

from qa.errors import IndexBusy, IndexMissing, IndexProblem, QAError
from qa.page.markup import escaped, tag
from qa.page.mending import adding, command_line, rebuild_button
from qa.page.words import WORDS, direction

_COMMAND = re.compile(r": (qa [^:]+?)\.?$")  # the remedy at the end of an error's message


def problem(error: Exception, language: str, *, editable: bool) -> str:
    """An error as a state of the page, with its remedy. Errors that are not qa's own say no more than that."""
    words = WORDS[language]
    if not isinstance(error, QAError):
        return problem_card(words["unexpected"], words["unexpected_text"], "", "", "", language)
    kind = next((kind.__name__ for kind in type(error).__mro__ if kind.__name__ in words), "QAError")
    command = _COMMAND.search(str(error))
    mends = editable and isinstance(error, IndexProblem) and not isinstance(error, IndexBusy)
    button = rebuild_button(language) if mends else ""
    button += adding(language) if mends and isinstance(error, IndexMissing) else ""
    return problem_card(words[kind], words.get(f"{kind}_text", ""), str(error), command[1] if command else "", button,
                        language)


def empty(language: str, *, editable: bool) -> str:
    words = WORDS[language]
    button = rebuild_button(language) + adding(language) if editable else ""
    return problem_card(words["empty_folder"], words["empty_folder_text"], "", "qa rebuild", button, language)


def problem_card(title: str, text: str, detail: str, command: str, button: str, language: str) -> str:
    """A state that needs something done: what it is, in the reader's words; what the library says of it, in English;
    and how to mend it."""
    said = tag("h2", title, tabindex="-1", class_="qa-count") + (tag("p", text) if text else "")
    if detail:
        said += tag("p", escaped(detail), class_="qa-detail", dir="ltr", lang="en")
    if command:
        said += command_line(command, language)
    return tag("section", tag("div", said + button, class_="qa-state qa-problem", role="alert"), id="qa-answer",
               aria_label=WORDS[language]["results"], data_state="problem", dir=direction(language))

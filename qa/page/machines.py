"""What the page offers to machines: asking, and reading an article on, as endpoints and as MCP tools."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from typing import Any, Protocol

import gradio as gr
from gradio.events import api

from qa.articles import Article
from qa.errors import QAError, UsageError

LIMIT = 5               # passages shown when nobody chooses another number
LONGEST_QUESTION = 2_000  # characters: far more than any question, and quick to encode
LONGEST_READING = 20_000  # characters of an article at once: a long article whole, and no answer of megabytes


class Dictionary(Protocol):
    """A record that knows its JSON form, which is all that the page reads."""

    def to_dict(self) -> dict[str, Any]: ...


class Asks(Protocol):
    """`qa.ask` or anything that answers like it."""

    def __call__(self, question: str, *, k: int, since: str | None, until: str | None,
                 file: str | None) -> Dictionary: ...


def endpoints(answer: Asks, article: Callable[[str], Article] | None, **options: Any) -> dict[str, list[Any]]:
    """Offers `ask`, and `read` when `article` is given, within the blocks at hand.

    Gives the defaults of each endpoint's parameters, in order and without the first. `options` are those of a Gradio
    event: how many at once.
    """
    # Their names and docstrings are what an MCP client is told of them.

    def ask(question: str, limit: int = LIMIT, since: str | None = None, until: str | None = None,
            file: str | None = None) -> dict[str, Any]:
        """Passages of the articles that answer a question, best first, as the JSON object of `qa ask --json`.

        Parameters:
            question: what to look for, in any language.
            limit: how many passages at most.
            since: only passages published on or after this date, such as 2022, 2022-09 or 2022-09-15.
            until: only passages published on or before this date, inclusive.
            file: only files whose path matches this pattern, such as *.md or 2022/*.
        """
        if len(question) > LONGEST_QUESTION:
            raise gr.Error(f"A question may have {LONGEST_QUESTION} characters at most.", print_exception=False)
        with _told():
            return answer(question, k=limit, since=since, until=until, file=file).to_dict()

    def read(file: str, start: int = 0, length: int = LONGEST_READING) -> dict[str, Any]:
        """The text of one article with its title, language and dates, for reading on around a passage.

        Parameters:
            file: the article, as a passage names it.
            start: the first character to give; a passage says where it starts.
            length: how many characters at most; "characters" says how many there are in all.
        """
        assert article is not None
        if start < 0 or not 1 <= length <= LONGEST_READING:
            raise gr.Error(f"start must be 0 or more, length from 1 to {LONGEST_READING}.", print_exception=False)
        with _told():
            return reading(article(file), start, length)

    offered: list[Callable[..., Any]] = [ask, read] if article else [ask]
    for function in offered:
        api(function, api_name=function.__name__, **options)
    return {function.__name__: [one.default for one in inspect.signature(function).parameters.values()][1:]
            for function in offered}


def reading(found: Article, start: int, length: int) -> dict[str, Any]:
    """A part of an article as JSON; offsets count characters of the article's text."""
    text = found.text[start : start + length]
    sections = [{"start": section.start, "end": section.end,
                 "date": section.published.date if section.published else None,
                 "date_source": section.published.source if section.published else None}
                for section in found.sections]
    return {"file": found.file, "title": found.title, "language": found.language, "characters": len(found.text),
            "start": start, "end": start + len(text), "text": text, "sections": sections}


def check_mcp() -> None:
    """Raises UsageError when the package that speaks MCP is not installed."""
    if importlib.util.find_spec("mcp") is None:
        raise UsageError("MCP needs one more package. Install it with: pip install 'qa-articles[mcp]'")


class _told:  # noqa: N801  read as a verb: with _told(): …
    """Tells the caller what is wrong with a request; what goes wrong inside stays in the log."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, QAError):
            raise gr.Error(str(error), print_exception=False) from error

"""HTML for the page. Every text of an article passes through `escaped` or `named`; nothing else writes it."""

from __future__ import annotations

import html
import re
from typing import Any

# Controls that reorder the text around them. In an article they are dropped, in a name they are made visible.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BLANK_LINES = re.compile(r"\n[ \t\xa0]*(?:\n[ \t\xa0]*)+")


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


def gathered(text: str) -> str:
    """Text as pages scraped from the web leave it, its many blank lines made one."""
    return _BLANK_LINES.sub("\n\n", text)


def notice(found: dict[str, Any]) -> str:
    """What whoever runs qa should know though the answer stands, such as a damaged newer index."""
    return tag("p", escaped(found["warning"]), class_="qa-notice", role="note", dir="auto") if found.get(
        "warning") else ""

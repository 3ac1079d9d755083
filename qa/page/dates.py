"""Dates and periods as the reader writes them, with their precision and where they were read."""

from __future__ import annotations

import calendar
import html
import re
from typing import Any

from qa.page.markup import escaped, tag
from qa.page.words import WORDS, say_date


def published(hit: dict[str, Any], language: str) -> str:
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


def evidence(hit: dict[str, Any], language: str) -> str:
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

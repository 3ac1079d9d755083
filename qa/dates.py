"""`Dated` and `Section`, and the days that a date of any precision covers."""

from __future__ import annotations

import calendar
import datetime
import re
from dataclasses import dataclass

from qa.errors import UsageError


@dataclass(frozen=True, slots=True)
class Dated:
    """When something was published, and where that was read."""

    date: str  # ISO 8601 at its own precision: "2018", "2018-02" or "2018-02-24"
    source: str  # "front matter", "metadata", "dateline" or "file name"
    evidence: str  # the exact characters it was read from
    start: int | None  # where they stand in the article's text, in characters; None when they stand outside it


@dataclass(frozen=True, slots=True)
class Section:
    """A part of an article's text under one date. An article's sections tile its text."""

    start: int  # characters from the start of the article's text
    end: int
    published: Dated | None  # None: nothing gives a date, and none is made up


def bounds(date: str) -> tuple[datetime.date, datetime.date]:
    """The first and the last day that an ISO date of any precision covers.

    "2018-02" → (2018-02-01, 2018-02-28). Raises UsageError when `date` is no such date.
    """
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", date.strip())
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(part) if part else None for part in found.groups())
        assert year is not None
        first = datetime.date(year, month or 1, day or 1)
        if day:
            return first, first
        if month:
            return first, first.replace(day=calendar.monthrange(year, month)[1])
        return first, datetime.date(year, 12, 31)
    except ValueError:
        raise UsageError(f"{date!r} is not a date. Write 2022, 2022-09 or 2022-09-15.") from None


def parse_bound(value: str | datetime.date, *, end: bool) -> datetime.date:
    """The day at which `--since` (end=False) or `--until` (end=True) cuts. Raises UsageError."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    return bounds(value)[1 if end else 0]

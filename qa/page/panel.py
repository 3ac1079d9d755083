"""The panel about the folder: what the index holds, what could not be read, what changed since."""

from __future__ import annotations

import html
from typing import Any

from qa.page.dates import period
from qa.page.markup import escaped, named, notice, tag
from qa.page.mending import adding, rebuild_button, remedy
from qa.page.words import WORDS, count, direction, say_date, say_language
from qa.recipe import SHIPPED_MODEL

Status = dict[str, Any]     # the JSON of `qa status --json`


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
        said = html.escape(f"{say_date(built[:10], language)} {built[11:16]} UTC")
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
        mend = rebuild_button(language)
    mend += adding(language) if editable else ""
    summary = tag("summary", f"{words['folder']} — {count('articles', int(state['articles']), language)}"
                  + (f", {html.escape(first[:4])}–{html.escape(last[:4])}" if first and last and first[:4] != last[:4]
                     else f", {html.escape(first[:4])}" if first else ""))
    return tag("details", summary + notice(state) + facts + lists + mend, class_="qa-folder", dir=direction(language),
               open=stale)


def _file_of(one: object) -> str:
    if isinstance(one, dict):
        return f"{named(one['file'])} — {escaped(one['reason'])}"
    return named(one)

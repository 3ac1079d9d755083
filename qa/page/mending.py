"""What a reader may do to the folder and its index, where that is allowed: add articles, and rebuild."""

from __future__ import annotations

import html
from collections.abc import Sequence

from qa.articles import SUFFIXES
from qa.page.markup import named, tag
from qa.page.uploads import LARGEST
from qa.page.words import WORDS, count, direction


def remedy(command: str, language: str, *, editable: bool) -> str:
    return command_line(command, language) + (rebuild_button(language) if editable else "")


def command_line(command: str, language: str) -> str:
    return tag("p", f"{WORDS[language]['run']} <code dir=\"ltr\">{html.escape(command)}</code>", class_="qa-command")


def rebuild_button(language: str) -> str:
    return tag("button", WORDS[language]["rebuild"], type="button", data_do="mend", class_="qa-primary")


def building(done: int, total: int, file: str, language: str) -> str:
    """A rebuild on its way: how many files, and which one is at hand."""
    words = WORDS[language]
    bar = tag("progress", "", value=done, max=max(total, 1), aria_label=words["rebuilding"])
    at_hand = tag("p", f"{done} / {total} {named(file) if file else ''}", class_="qa-at-hand")
    cancel = tag("button", words["cancel"], type="button", data_do="cancel")
    said = tag("h2", words["rebuilding"], class_="qa-count") + bar + at_hand + tag("p", words["old_answers"]) + cancel
    return tag("section", tag("div", said, class_="qa-state"), data_state="building", dir=direction(language))


def built(key: str, language: str) -> str:
    """The end of a rebuild: "rebuilt" or "cancelled"."""
    said = tag("p", WORDS[language][key], role="status", tabindex="-1")
    return tag("section", tag("div", said, class_="qa-state"), data_state=key, dir=direction(language))


def adding(language: str) -> str:
    """A way to add articles for those who do not drop files: a button that opens the browser's own choice."""
    words = WORDS[language]
    choose = tag("input", "", type="file", multiple=True, accept=",".join(SUFFIXES), data_choose="files")
    choose = choose.removesuffix("</input>")
    hint = words["add_hint"].format(kinds=", ".join(SUFFIXES), size=LARGEST // 1_000_000)
    return tag("div", tag("label", choose + tag("span", words["add"]), class_="qa-add-files")
               + tag("small", html.escape(hint)), class_="qa-add")


def added(files: Sequence[str], refused: Sequence[tuple[str, str]], language: str) -> str:
    """What became of the files a reader added; (file, reason) of each that was refused."""
    words = WORDS[language]
    if not files and not refused:
        return ""
    said = tag("p", count("added_files", len(files), language), role="status") if files else ""
    said += tag("ul", "".join(tag("li", named(file)) for file in files)) if files else ""
    if refused:
        said += tag("p", words["not_added"]) + tag("ul", "".join(
            tag("li", f"{named(file)} — {words.get(f'refused_{reason}', words['refused_gone'])}")
            for file, reason in refused))
        if any(reason == "exists" for _, reason in refused):
            said += tag("button", words["replace"], type="button", data_do="replace")
    return tag("section", tag("div", said, class_="qa-state qa-added"), data_state="added", dir=direction(language))

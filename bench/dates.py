"""How well dates are read: `python -m bench.dates` prints the table over the labelled page heads of tests/dates/.

The collection was written for this project in the shapes that real pages have. The rule was tuned on the half
"tuned"; the half "reported" was written before any tuning. Its counts were seen along the way, none of its failures.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from collections import Counter
from pathlib import Path

from qa import dating
from qa.dates import Section

PAGES = Path(__file__).parent.parent / "tests" / "dates" / "pages.jsonl"
TODAY = datetime.date(2026, 11, 21)  # the day after which nothing in the collection can have been published


def pages(path: Path = PAGES) -> list[dict[str, object]]:
    """The labelled pages: id, language, file, text, date (None: the page gives none), half, parts.

    `parts` lists further articles of the same page as [character where it begins, its date].
    """
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def read(page: dict[str, object]) -> tuple[str, list[Section]]:
    """The text of a page and its dated sections, as a rebuild reads them."""
    source, file, language = str(page["text"]), str(page["file"]), str(page["language"])
    metadata = None
    if file.endswith(".html"):
        import lxml.html

        metadata = dating.metadata_date(source, language=language, today=TODAY)
        source = lxml.html.document_fromstring(source).find("body").text_content()
    elif file.endswith(".md"):
        front = re.match(r"(---|\+\+\+)\n(.*?)\n\1\n", source, re.S)
        fields = dict(re.findall(r"^([^\n:=]+?)\s*[:=]\s*(.*)$", front[2], re.M)) if front else {}
        metadata = dating.front_matter_date(fields, language=language, today=TODAY)
    return source, dating.sections(source, language=language, file=file, metadata=metadata, today=TODAY)


def outcome(page: dict[str, object]) -> str:
    """right, wrong or missed for a page with a date; honest or invented for one without."""
    _, sections = read(page)
    found = [section.published.date if section.published else None for section in sections]
    if page["date"] is None:
        return "honest" if found == [None] else "invented"
    parts = page.get("parts", [])
    assert isinstance(parts, list)
    expected = [(0, page["date"]), *((start, date) for start, date in parts)]
    if [(section.start, date) for section, date in zip(sections, found, strict=True)] == expected:
        return "right"
    return "missed" if found[0] is None else "wrong"


def main() -> int:
    counts: dict[tuple[str, str], Counter[str]] = {}
    failures = []
    for page in pages():
        result = outcome(page)
        for key in ((str(page["half"]), str(page["language"])), (str(page["half"]), "all"), ("both", "all")):
            counts.setdefault(key, Counter())[result] += 1
        if result not in {"right", "honest"} and page["half"] == "tuned":
            failures.append((page["id"], result, page["date"], [section.published for section in read(page)[1]]))
    print(
        f"{'half':10}{'language':10}{'dated':>7}{'right':>7}{'%':>7}{'wrong':>7}{'missed':>8}{'dateless':>10}{'invented':>10}"
    )
    for (half, language), count in sorted(
        counts.items(), key=lambda item: (item[0][0] == "both", item[0][0], item[0][1] == "all")
    ):
        dated = count["right"] + count["wrong"] + count["missed"]
        print(
            f"{half:10}{language:10}{dated:7}{count['right']:7}"
            f"{100 * count['right'] / max(dated, 1):7.1f}{count['wrong']:7}"
            f"{count['missed']:8}{count['honest'] + count['invented']:10}{count['invented']:10}"
        )
    for failure in failures:
        print(*failure, file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

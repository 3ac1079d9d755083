"""Which dateline holds for which part of a text.

A text is tiled into sections, each under the dateline nearest above it; the first dateline holds for what stands above
it too. What the file's format says (front matter, HTML metadata) outranks datelines for the first section, and the
file's name is asked last. What a dateline looks like is `qa.datelines`.
"""

from __future__ import annotations

import datetime
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qa.datelines import (
    BARE,
    COMMENTS,
    ENDS,
    HOURS,
    LABELLED,
    MAYBE,
    RELATED,
    REVISED,
    SENTENCE_END,
    SIGNED,
    SITED,
    TIMED,
    WIDE,
    at_ends,
    find,
    iso,
    judge,
    month_leads,
    words_of,
)
from qa.dates import Dated, Section

LONG_LINE = 220  # characters; a longer line is prose, and only its two ends can be a dateline
PROSE = 80  # weight of a line of running text; a character of Chinese or Japanese weighs three
OWN_HEAD = 4_000  # weight of prose above the first dateline that it still dates; more is an article of its own
ABSORBED = 1_200  # the same when the file format gives a date already
MOST = 2_000  # lines with a date that are judged; a page with more is a listing, and judging each takes a millisecond


# Signs without a shape, among them those that turn the direction of writing and stand between the parts of a date.
_UNSEEN = dict.fromkeys((0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A)), " ")

# From lines to sections.


@dataclass(slots=True)
class _Line:
    start: int
    end: int
    weight: int  # of running text; 0 for a short line
    blank: bool
    dated: bool = False  # it holds a dateline


@dataclass(slots=True)
class _Dateline:
    line: int  # its number
    start: int  # of the date, in characters of the text
    end: int
    date: str
    rank: int
    above: int  # weight of all running text before it
    barred: bool  # it stands among comments or links to other articles
    heading: bool  # a Markdown heading that is nothing but a date
    titled: bool = False  # a title stands directly above or below it
    closes: bool = False  # it ends a paragraph


def sections(
    text: str, *, language: str, file: str, metadata: Dated | None = None, today: datetime.date | None = None
) -> list[Section]:
    """The parts of `text`, each under the dateline nearest above it. They tile the text.

    `language` (ISO 639-1) names months and orders figures; `file` is the path below the articles folder;
    `metadata` is what the file format itself says, and holds for the first part. The first dateline holds for the
    text above it too. `today` (for tests) is the day after which nothing can have been published.
    """
    today = today or datetime.date.today()
    lines, datelines = _datelines(text.translate(_UNSEEN), language, today)
    if metadata is not None:
        metadata = _placed(metadata, text)
    starts = _starts(lines, datelines, text, metadata)
    named = file_name_date(file, language=language, today=today)
    if not starts or starts[0][0] > 0:
        starts.insert(0, (0, None))
    result: list[Section] = []
    for number, (start, published) in enumerate(starts):
        end = starts[number + 1][0] if number + 1 < len(starts) else len(text)
        result.append(Section(start, end, published or named))
    return result


def _weigh(line: str) -> int:
    """Weight of a line as running text: its length, or 0 when it is a title, a label or a list."""
    length = len(line)
    if length < PROSE // 3:
        return 0
    if WIDE.search(line[:ENDS]):
        length *= 3
    if length < PROSE or (length < 2 * PROSE and not SENTENCE_END.search(line)):
        return 0
    return length


def _datelines(text: str, language: str, today: datetime.date) -> tuple[list[_Line], list[_Dateline]]:
    lines: list[_Line] = []
    datelines: list[_Dateline] = []
    month_first: bool | None = None
    barred = commented = False
    above = judged_lines = 0
    position = _front_matter_end(text)
    if position:
        lines.append(_Line(0, position - 1, 0, True))
    for content in text[position:].split("\n"):
        start, end = position, position + len(content)
        position = end + 1
        weight = _weigh(content)
        stripped = content.strip() if len(content) < 400 else content
        number = len(lines)
        lines.append(_Line(start, end, weight, not stripped))
        if weight == 0 and stripped:
            if COMMENTS.match(stripped):
                commented = True
            elif RELATED.match(stripped) and not re.search(r"[:：]\s*\S", stripped):
                barred = True
            elif re.fullmatch(r"[*_=~–—•-](?:\s?[*_=~–—•-]){2,}", stripped):
                barred = False  # a rule across the page ends a list of links
        ends = content if len(content) <= LONG_LINE else content[:ENDS] + content[-ENDS:]
        if judged_lines < MOST and MAYBE.search(ends):
            judged_lines += 1
            if month_first is None:
                month_first = month_leads(text, language)
            if len(content) <= LONG_LINE:
                dates = find(content, language, month_first, today)
                judged = [(found, judge(content, dates, which)) for which, found in enumerate(dates)]
                judged = [pair for pair in judged if pair[1]]
                if not judged and weight:
                    judged = at_ends(content, language, month_first, today, above < 2 * PROSE)
            else:
                judged = at_ends(content, language, month_first, today, above < 2 * PROSE)
            for found, rank in judged:
                lines[-1].dated = True
                if found.date.count("-") == 1 and rank < SIGNED and above >= 6 * PROSE:
                    continue  # "March 2021" heads an archive or a chapter as often as an article
                datelines.append(
                    _Dateline(
                        line=number,
                        start=start + found.start,
                        end=start + found.end,
                        date=found.date,
                        rank=rank,
                        above=above,
                        barred=barred or commented,
                        heading=rank == BARE and content.lstrip().startswith("#"),
                    )
                )
                if len(content) > LONG_LINE and found.start > len(content) // 2:
                    datelines[-1].above += weight
                    datelines[-1].closes = True
        above += weight
        if weight:
            barred = False
    for dateline in datelines:
        dateline.titled = _titled(lines, dateline, text)
    return lines, datelines


def _neighbour(lines: list[_Line], number: int, step: int, blanks: int) -> int | None:
    """The number of the nearest line that is not blank, over at most `blanks` blank ones."""
    number += step
    while 0 <= number < len(lines):
        if not lines[number].blank:
            return number
        blanks -= 1
        if blanks < 0:
            return None
        number += step
    return None


def _is_title(lines: list[_Line], number: int | None, text: str) -> bool:
    if number is None:
        return False
    line = text[lines[number].start : min(lines[number].end, lines[number].start + 400)].strip()
    if len(line) > LONG_LINE or re.search(r"[.,;:。：，、؛]$", line) or lines[number].dated:
        return False
    if RELATED.match(line) or COMMENTS.match(line):
        return False
    return (
        len(line) >= 6 if WIDE.search(line) else (len(words_of(line)) >= 2 and len(line) >= 8) or line.startswith("#")
    )


def _titled(lines: list[_Line], dateline: _Dateline, text: str) -> bool:
    up, down = _neighbour(lines, dateline.line, -1, 1), _neighbour(lines, dateline.line, 1, 2)
    return _is_title(lines, up, text) or _is_title(lines, down, text)


def _heads(datelines: list[_Dateline]) -> list[list[_Dateline]]:
    """Datelines in groups, each the head of one article: nothing to read stands between those of a group.

    A coarse date and a finer one that agrees with it are one head even around a long note.
    """
    heads: list[list[_Dateline]] = []
    for dateline in datelines:
        last = heads[-1][-1] if heads else None
        if last is not None and (
            dateline.above - heads[-1][0].above < PROSE
            or (_refines(dateline.date, last.date) and dateline.above - last.above < OWN_HEAD)
        ):
            heads[-1].append(dateline)
        else:
            heads.append([dateline])
    return heads


def _starts(
    lines: list[_Line], datelines: list[_Dateline], text: str, metadata: Dated | None
) -> list[tuple[int, Dated | None]]:
    """Where each part begins, and its date."""
    total = sum(line.weight for line in lines)
    heads = _heads(datelines)
    starts: list[tuple[int, Dated | None]] = [] if metadata is None else [(0, metadata)]
    for number, head in enumerate(heads):
        below = (heads[number + 1][0].above if number + 1 < len(heads) else total) - head[-1].above
        best = _best(head, below)
        if best is None:
            continue
        published = _dated(best, text)
        if not starts:
            if below < PROSE and not _signs_off(best, head, lines, number == len(heads) - 1):
                continue
            if below >= PROSE and best.rank == BARE and best.above > 6 * PROSE and not best.titled:
                continue
            if best.rank == BARE and _chronicle(best, heads[number + 1 :]):
                return starts
            above_too = best.above <= OWN_HEAD or below < PROSE
            starts.append((0 if above_too else _begin(head[0], lines, text), published))
            continue
        start, previous = starts[-1]
        if metadata is not None and number == 0 and head[0].above < ABSORBED:
            if _refines(published.date, metadata.date):
                starts[0] = (0, published)
        elif below < PROSE or best.closes or best.rank == REVISED or (best.rank <= TIMED and not best.titled):
            continue
        elif previous is not None and (
            previous.date.startswith(published.date) or _refines(published.date, previous.date)
        ):
            if len(published.date) > len(previous.date):
                starts[-1] = (start, published)
        else:
            starts.append((_begin(head[0], lines, text), published))
    return starts


def _best(head: list[_Dateline], below: int) -> _Dateline | None:
    """The dateline that speaks for a head: the surest, or a finer one that agrees with it; None when none may."""
    usable = [
        dateline
        for dateline in head
        if not dateline.heading
        and (not dateline.barred or (dateline.rank >= SITED and dateline.titled and below >= 3 * PROSE))
    ]
    best = max(usable, key=lambda dateline: dateline.rank, default=None)
    for other in usable:
        if best is not None and _refines(other.date, best.date):
            best = other
    return best


def _refines(one: str, other: str) -> bool:
    """Whether a date is the other at a finer precision."""
    return len(one) > len(other) and one.startswith(other)


def _dated(dateline: _Dateline, text: str) -> Dated:
    return Dated(dateline.date, "dateline", text[dateline.start : dateline.end], dateline.start)


def _chronicle(first: _Dateline, later: list[list[_Dateline]]) -> bool:
    """Whether bare dates are the headings of a chronology: a page cannot tell of days after its publication."""
    return any(
        dateline.rank == BARE
        and not dateline.barred
        and dateline.date > first.date
        and (dateline.heading or not dateline.titled)
        for group in later
        for dateline in group
    )


def _signs_off(best: _Dateline, group: list[_Dateline], lines: list[_Line], last: bool) -> bool:
    """Whether a dateline with no text below it closes the text: a signature, not a link to another article."""
    if not last or best.barred:
        return False
    if best.date.count("-") == 1 and best.rank < SIGNED and not all(line.blank for line in lines[best.line + 1 :]):
        return False  # the head of a calendar or a list, and no signature
    if best.above == 0:
        return True
    if best.rank >= LABELLED:
        return len(group) == 1 or all(dateline.line == best.line or dateline.rank == REVISED for dateline in group)
    above = _neighbour(lines, best.line, -1, 3)
    closes = above is not None and bool(lines[above].weight)
    return len(group) == 1 and (closes or lines[best.line].weight > 0 or not best.titled)


def _begin(dateline: _Dateline, lines: list[_Line], text: str) -> int:
    """Where the part that a dateline opens begins: at its line, or at the title directly above when text follows it."""
    below = _neighbour(lines, dateline.line, 1, 2)
    above = _neighbour(lines, dateline.line, -1, 1)
    if (
        above is not None
        and not _is_title(lines, below, text)
        and _is_title(lines, above, text)
        and not lines[above].weight
    ):
        over = _neighbour(lines, above, -1, 0)
        if over is None or lines[over].weight:
            return lines[above].start
    return lines[dateline.line].start


# What the file's format and name say.

_FRONT = re.compile(r"\A\ufeff?(---|\+\+\+)[ \t]*\n(.*?)\n\1[ \t]*(?:\n|\Z)", re.S)
# Names of fields, without accents, spaces and signs, surest first. A date of revision is not among them.
_FIELDS = (
    "datepublished published publishdate publicationdate pubdate publishedat publishedon publishedtime publieele "
    "publiele datedepublication date fecha fechadepublicacion datum data datadipubblicazione datapublicacao "
    "datadepublicacao veroffentlicht veroffentlichtam issued created createdat datecreated дата датапубликации "
    "опубликовано 日期 发布时间 发布日期 公開日 日付 تاريخ التاريخ تاريخالنشر"
).split()


def _front_matter_end(text: str) -> int:
    match = _FRONT.match(text[:20_000])
    return match.end() if match else 0


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in plain if character.isalnum())


def front_matter_date(
    fields: Mapping[str, object], *, language: str = "", today: datetime.date | None = None
) -> Dated | None:
    """The date of publication that a Markdown file's front matter gives, None when it gives none.

    `fields` are its keys and values, as text or as a YAML reader's dates. A date of revision is not one of publication.
    """
    today = today or datetime.date.today()
    known = {_key(str(name)): value for name, value in fields.items()}
    for name in map(_key, _FIELDS):
        value = known.get(name)
        if value is None:
            continue
        dated = _field(str(value), "front matter", language, today)
        if dated is not None:
            return dated
    return None


def _field(value: str, source: str, language: str, today: datetime.date) -> Dated | None:
    """The first date of a field."""
    value = value[:ENDS]
    for found in find(value, language, language == "en", today):
        return Dated(found.date, source, value[found.start : found.end], None)
    compact = re.match(r"\s*[\"']?((?:18|19|20)\d{6})(?:T?\d{4,6}Z?)?[\"']?\s*$", value, re.A)
    if compact:
        digits = compact[1]
        date = iso(int(digits[:4]), int(digits[4:6]) or 99, int(digits[6:]) or 99, today)
        return Dated(date, source, digits, None) if date else None
    year = re.match(r"\s*[\"']?(\d{4})[\"']?\s*$", value, re.A)
    date = iso(int(year[1]), None, None, today) if year else None
    return Dated(date, source, year[1], None) if year and date else None


def _placed(metadata: Dated, text: str) -> Dated:
    """The same, with the place of its evidence when the front matter stands in the text."""
    if metadata.start is not None or metadata.source != "front matter":
        return metadata
    end = _front_matter_end(text)
    for match in re.finditer(r"^[^\n:=]{1,60}[:=].*$", text[:end], re.M):
        if _key(re.split(r"[:=]", match[0], maxsplit=1)[0]) in {_key(field) for field in _FIELDS}:
            at = match[0].find(metadata.evidence, len(re.split(r"[:=]", match[0], maxsplit=1)[0]))
            if at >= 0:
                return Dated(metadata.date, metadata.source, metadata.evidence, match.start() + at)
    return metadata


_NO_DATE = "1970-01-01"  # what a clock that was never set says, and nothing else in a page's metadata
_META = (
    "article:published_time og:article:published_time og:published_time datepublished article.published "
    "parsely-pub-date sailthru.date dc.date.issued dcterms.issued dcterms.created dc.date.created dc.date dcterms.date "
    "citation_publication_date citation_date publication_date publish-date publish_date publishdate pubdate "
    "cxenseparse:recs:publishtime cxenseparse:publishtime article_date_original originalpublicationdate published_at "
    "date rnews:datepublished bt:pubdate"
).split()


def metadata_date(html: Any, *, language: str = "", today: datetime.date | None = None) -> Dated | None:
    """The date of publication that an HTML page's own metadata give, None when they give none.

    `html` is the page as text, as bytes or as an lxml element. Read in this order: JSON-LD `datePublished`, meta
    elements, `itemprop`, then `<time datetime>` where it is marked as that of publication or stands in a dateline under
    the headline, then the page's own address. Never raises.
    """
    today = today or datetime.date.today()
    tree = _tree(html)
    if tree is None:
        return None
    for value in _metadata_values(tree):
        dated = _field(value.strip(), "metadata", language, today) if value else None
        if dated is not None and dated.date != _NO_DATE:
            return dated
    return _headline_time(tree, language, today) or _address_date(tree, today)


def _tree(html: Any) -> Any:
    import lxml.etree  # only pages of HTML need it
    import lxml.html

    if isinstance(html, str | bytes):
        raw = html.encode("utf-8", "surrogatepass") if isinstance(html, str) else html
        try:
            parser = lxml.html.HTMLParser(encoding="utf-8") if isinstance(html, str) else lxml.html.HTMLParser()
            return lxml.html.document_fromstring(raw, parser=parser) if raw.strip() else None
        except (lxml.etree.LxmlError, ValueError, AssertionError):
            return None
    return html.getroot() if hasattr(html, "getroot") else html


def _metadata_values(tree: Any) -> Iterator[str]:
    """All that a page says of its publication, surest first."""
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").casefold():
            yield from _json_dates(script.text or "")
    named: dict[str, str] = {}
    for meta in tree.iter("meta"):
        name = (meta.get("property") or meta.get("name") or meta.get("itemprop") or "").strip().casefold()
        if name and meta.get("content"):
            named.setdefault(name, meta.get("content"))
    yield from (named[name] for name in _META if name in named)
    for element in tree.iter():
        if isinstance(element.tag, str) and "datepublished" in (element.get("itemprop") or "").casefold().split():
            yield element.get("datetime") or element.get("content") or element.text_content()
    for element in tree.iter("time"):
        classes = (element.get("class") or "").casefold()
        marked = element.get("pubdate") is not None or re.search(
            r"publi|entry-date|post-date|posted|"
            r"article-date",
            classes,
        )
        if marked and "updated" not in classes.split() and "modified" not in classes:
            yield element.get("datetime") or element.text_content()


def _headline_time(tree: Any, language: str, today: datetime.date) -> Dated | None:
    """The surest of the `<time datetime>` between headline and text: each is read as a dateline, in the line in which
    it stands, with the day that it names instead of «three days ago»."""
    best: tuple[int, Dated] | None = None
    headed = False
    for element in tree.find("body").iter() if tree.find("body") is not None else ():
        if not isinstance(element.tag, str) or element.tag in {"script", "style"}:
            continue
        headed = headed or element.tag == "h1"
        if element.tag != "time":
            own = element.itertext() if element.tag == "p" else (element.text, *(child.tail for child in element))
            if headed and _weigh(_spaced(own)):
                break
            continue
        over = list(element.iterancestors())
        dated = _time(element, language, today)
        revised = re.search("updated|modified", f"{element.get('class')} {element.get('itemprop')}", re.I)
        if not headed or dated is None or revised or {one.tag for one in over} & {"nav", "aside", "footer", "li"}:
            continue
        block = next(one for one in over if one.tag not in _INLINE)
        line = _spaced(_parts(block, language, today))
        if HOURS.search(_spaced(block.itertext())):
            continue
        if len(line) > LONG_LINE:
            line = dated.date
        dates = find(line, language, False, today)
        rank = max((judge(line, dates, which) for which, one in enumerate(dates) if one.date == dated.date), default=0)
        if rank and (best is None or rank > best[0]):
            best = rank, dated
    return best[1] if best else None


_INLINE = frozenset(["span", "a", "b", "i", "em", "strong", "small", "time"])


def _time(element: Any, language: str, today: datetime.date) -> Dated | None:
    return _field((element.get("datetime") or _spaced(element.itertext())).strip(), "metadata", language, today)


def _parts(element: Any, language: str, today: datetime.date) -> Iterator[str]:
    """The texts of an element in their order, each `<time>` in it as the day that it names."""
    dated = _time(element, language, today) if element.tag == "time" else None
    if dated is not None:
        yield dated.date
        return
    yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            yield from _parts(child, language, today)
        yield child.tail or ""


def _spaced(parts: Iterable[str | None]) -> str:
    return " ".join(" ".join(part or "" for part in parts).split())


_ADDRESS = re.compile(r"/(?P<y>(?:19|20)[0-9]{2})/(?P<m>0?[1-9]|1[0-2])(?:/(?P<d>0?[1-9]|[12][0-9]|3[01]))?/")


def _address_date(tree: Any, today: datetime.date) -> Dated | None:
    """The date that stands in the address under which a page wants to be known, as blogs and newspapers form it."""
    for path, name in ((".//link[@rel='canonical']", "href"), (".//meta[@property='og:url']", "content")):
        for element in tree.iterfind(path):
            match = _ADDRESS.search(element.get(name) or "")
            day = int(match["d"]) if match and match["d"] else None
            date = iso(int(match["y"]), int(match["m"]), day, today) if match else None
            if match and date:
                return Dated(date, "metadata", match[0].strip("/"), None)
    return None


def _json_dates(source: str) -> Iterator[str]:
    """Each `datePublished` of a block of JSON-LD, those of articles first; broken JSON is searched as text."""
    cleaned = (
        source.strip()
        .removeprefix("<!--")
        .removesuffix("-->")
        .removeprefix("//<![CDATA[")
        .removesuffix("//]]>")
        .strip()
    )
    try:
        data = json.loads(cleaned, strict=False)
    except (ValueError, RecursionError):
        yield from re.findall(r"[\"']datePublished[\"']\s*:\s*[\"']([^\"']{4,40})", source)
        return
    articles: list[str] = []
    others: list[str] = []
    pending, seen = [data], 0
    while pending and seen < 10_000:
        node = pending.pop(0)
        seen += 1
        if isinstance(node, list):
            pending.extend(node)
        elif isinstance(node, dict):
            value = node.get("datePublished")
            kind = str(node.get("@type", ""))
            if isinstance(value, str):
                (
                    articles if re.search(r"Article|Posting|Report", kind) else
                    others if not kind or re.search(r"Page|CreativeWork", kind) else []  # not of the site or a film
                ).append(value)
            pending.extend(
                value
                for name, value in node.items()
                if isinstance(value, dict | list) and name not in {"comment", "comments", "isPartOf"}
            )
    yield from articles
    yield from others


_NAME_DATES = (
    re.compile(r"(?<![0-9A-Za-z])(?P<y>(?:18|19|"
        r"20)[0-9]{2})(?P<s>[-_. /])(?P<m>[0-9]{1,2})(?P=s)(?P<d>[0-9]{1,2})(?![0-9])"),
    re.compile(r"(?<![0-9A-Za-z])(?P<y>(?:18|19|"
        r"20)[0-9]{2})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?:T?[0-9]{4}(?:[0-9]{2})?Z?)?(?![0-9A-Za-z])"),
    re.compile(r"(?<![0-9A-Za-z])(?P<d>[0-9]{1,2})(?P<s>[-_.])(?P<m>[0-9]{1,2})(?P=s)(?P<y>(?:18|19|"
        r"20)[0-9]{2})(?![0-9])"),
    re.compile(r"(?<![0-9A-Za-z])(?P<y>(?:18|19|20)[0-9]{2})[-_/](?P<m>0[1-9]|1[0-2])(?![0-9A-Za-z]|[-_.][0-9])"),
)  # fmt: skip


def file_name_date(file: str, *, language: str = "", today: datetime.date | None = None) -> Dated | None:
    """The date that the file's name gives ("2019-12-02-slug.txt", "2019/12/02/slug.html"), None when it gives none.

    Eight figures count only when they are a day that can be; a month in letters only with its day
    ("12-mars-2024-slug"). A year alone counts as a name, not as a date.
    """
    today = today or datetime.date.today()
    file = file[-400:]
    for pattern in _NAME_DATES:
        for match in pattern.finditer(file):
            day = match.groupdict().get("d")
            if not int(match["m"]) or (day and not int(day)):
                continue
            month, number = int(match["m"]), int(day) if day else None
            if pattern is _NAME_DATES[2]:
                if language == "en" and month <= 12 and number is not None and number <= 12 and month != number:
                    continue  # 03-04-2021 in a name: nothing says which is the month
                if month > 12 and number is not None:
                    month, number = number, month
            date = iso(int(match["y"]), month, number, today)
            if date is not None:
                return Dated(date, "file name", match[0], None)
    for found in find(re.sub(r"[-_.]", " ", file), language, False, today):
        if not found.numeric and found.date.count("-") == 2:
            return Dated(found.date, "file name", file[found.start : found.end], None)
    return None

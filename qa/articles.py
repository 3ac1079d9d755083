"""`Article`, and reading a folder of files into articles; what is furniture of a page and what is text."""

from __future__ import annotations

import codecs
import contextlib
import os
import re
import stat
from bisect import bisect_right
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from qa.dates import Dated, Section
from qa.errors import Unreadable, UsageError
from qa.furniture import Span, ends_as_sentence, furniture, lines, runs
from qa.languages import language as language_of

SUFFIXES = {".txt": "text", ".text": "text", ".md": "markdown", ".markdown": "markdown",
            ".html": "html", ".htm": "html", ".xhtml": "html"}
LARGEST = 50_000_000  # bytes: a larger file is no article, and reading it would take memory from all others
_FRAGMENT = 200  # characters: a longer stretch is a list or a poem, even without a full stop
_HEADLINE = 200  # characters: a longer line is a paragraph
_BESIDE_A_DATE = 60  # characters: what a dateline says besides its date (place, site, reading time)


@dataclass(frozen=True, slots=True)
class Article:
    """One file, read: its text and what is known about it."""

    file: str               # path below the articles folder, with forward slashes
    text: str               # offsets everywhere count characters of this text
    title: str | None
    language: str           # ISO 639-1; "und" when the text is too short to tell
    sections: tuple[Section, ...]  # tile the text: which date holds where
    furniture: tuple[Span, ...]  # sorted, disjoint: lines of the page that are not the article

    @property
    def published(self) -> Dated | None:
        """The first date the article gives; None when it gives none."""
        return next((section.published for section in self.sections if section.published), None)


class Found(NamedTuple):  # which takes a third of the time to make that another record takes: a folder holds many
    """A file of the folder before it is read."""

    file: str       # path below the folder, with forward slashes
    size: int       # bytes
    modified: int   # nanoseconds, only to tell whether the file changed, never a date of the article
    touched: int = 0  # nanoseconds: when anything about the file last changed, which no program can set back


# --- the folder ---------------------------------------------------------------------------------------------


def scan(folder: str | os.PathLike[str]) -> tuple[list[Found], list[tuple[str, str]]]:
    """Every article file below `folder`, sorted by name, and (file, reason) of each that cannot be one.

    Hidden files and folders are skipped, so is README.md at the top, which is for people. Links are followed
    only to files within the folder. Raises UsageError when `folder` is no folder or cannot be read: it would look as
    if all articles had been deleted.
    """
    root = Path(folder)
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "is not there"
        raise UsageError(f"The articles folder {str(folder)!r} {what}. Name a folder that holds your articles:"
                         " qa rebuild FOLDER")
    real_root = os.path.realpath(root)
    found: list[Found] = []
    refused: list[tuple[str, str]] = []
    waiting = [""]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(os.path.join(root, here)) as opened:
                entries = list(opened)
        except OSError as error:
            if not here:
                raise UsageError(f"The articles folder {str(folder)!r} cannot be read ({error.strerror}). Allow it, or"
                                 " name another: qa rebuild FOLDER") from error
            refused.append((here.rstrip("/"), f"the folder cannot be read ({error.strerror})"))
            continue
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if _is_folder(entry):
                if entry.is_symlink():
                    refused.append((here + name, "a link to a folder is not followed"))
                else:
                    waiting.append(f"{here}{name}/")
                continue
            file = here + name
            if name[max(0, name.rfind(".")) :].lower() not in SUFFIXES or file == "README.md":
                continue
            try:
                file.encode("utf-8")
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISLNK(about.st_mode):
                    real = os.path.realpath(entry.path, strict=True)
                    if os.path.commonpath([real_root, real]) != real_root:
                        refused.append((file, "a link out of the folder is not followed"))
                        continue
                    about = os.stat(real)
            except UnicodeEncodeError:
                refused.append((file.encode("utf-8", "replace").decode(), "its name is not valid UTF-8: rename it"))
            except OSError as error:
                broken = os.path.islink(entry.path)
                refused.append((file, "a broken link" if broken else f"cannot be read ({error.strerror})"))
            else:
                if stat.S_ISREG(about.st_mode):
                    found.append(Found(file, about.st_size, about.st_mtime_ns, about.st_ctime_ns))
                else:
                    refused.append((file, "not a regular file"))
    found.sort(key=lambda one: one.file)
    return found, sorted(refused)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Also for a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def read_bytes(folder: str | os.PathLike[str], file: str) -> bytes:
    """The bytes of one file of the folder. Raises Unreadable with the reason."""
    try:
        with open(Path(folder, file), "rb") as stream:
            data = stream.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from error
    if len(data) > LARGEST:
        raise Unreadable(f"larger than {LARGEST // 1_000_000} MB")
    if not data.strip():
        raise Unreadable("empty")
    return data


def article(file: str, data: bytes) -> Article:
    """Reads the bytes of one file as an article. Raises Unreadable with the reason."""
    from qa import dating  # compiles a hundred patterns, and questions never need them

    kind = SUFFIXES[Path(file).suffix.lower()]
    metadata: Dated | None = None
    title: str | None = None
    skipped: tuple[Span, ...] = ()
    if kind == "html":
        text, title, metadata = _html(data)
    else:
        text = decode(data).replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise Unreadable("holds no text")
    if kind != "html":
        fields, end = _front_matter(text)
        if end:
            skipped = ((0, end),)
            title = fields.get("title") or fields.get("titre")
            metadata = dating.front_matter_date(fields, language=fields.get("lang", ""))
        if kind == "markdown":
            title = title or _markdown_heading(text, end)
    marked = furniture(text, skipped)
    language = language_of(_without(text, marked) or text)
    sections = tuple(dating.sections(text, language=language, file=file, metadata=metadata))
    marked = _with_datelines(text, marked, sections)
    sections = _from_headlines(text, marked, sections)
    title = _clean(title) or heading(text, marked, 0, len(text))
    return Article(file, text, title, language, sections, _with_fragments(text, marked, sections, title))


# --- decoding -----------------------------------------------------------------------------------------------

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
                     (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def decode(data: bytes, declared: str | None = None) -> str:
    """The text of `data`, whatever its encoding. Raises Unreadable when it is no text.

    A byte order mark decides, then UTF-8 if it fits (nothing else fits UTF-8 by chance), then what the page
    declares, then charset-normalizer's reading.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return _checked(data.decode(encoding))
            except UnicodeDecodeError as error:
                raise Unreadable(f"cut short or damaged: not valid {encoding} text") from error
    for name in ("utf-8", *([declared] if declared and _is_text(declared) else [])):
        with contextlib.suppress(UnicodeError, LookupError):
            return _checked(data.decode(name))
    from charset_normalizer import from_bytes  # only for the rare file that is not UTF-8

    best = from_bytes(data).best()
    if best is None:
        raise Unreadable("not text in any known encoding (a binary file?)")
    if best.encoding in _LATIN:
        # For a short text a statistic over letters mistakes one Latin page for another («fęte» for «fête»); the
        # language that the words are in tells them apart.
        for page, languages in _PAGES.items():
            with contextlib.suppress(UnicodeDecodeError):
                text = data.decode(page)
                if language_of(text) in languages:
                    return _checked(text)
    return _checked(str(best))


_LATIN = frozenset("latin_1 iso8859_15 cp1252 cp1250 iso8859_2 iso8859_3 iso8859_4 iso8859_9 iso8859_10 iso8859_13"
                   " iso8859_14 iso8859_16 cp1254 cp1257 cp1258 cp775 cp850 cp852 cp858 cp437 mac_roman mac_latin2"
                   " mac_iceland mac_turkish hp_roman8".split())
_PAGES = {"cp1252": frozenset("fr en es de it pt nl sv da nb no fi is ca gl eu oc br ga af lb".split()),
          "cp1250": frozenset("pl cs sk hu sl hr bs ro sq".split()),
          "cp1254": frozenset("tr az".split())}


_NOT_OF_PAGES = ("unicode_escape", "unicode-escape", "raw_unicode_escape", "raw-unicode-escape", "undefined", "idna",
                 "punycode", "mbcs", "oem", "base64", "bz2", "hex", "quopri", "rot13", "uu", "zlib")


def _is_text(encoding: str) -> bool:
    """True for the name of an encoding of text that a page may declare: Python knows others, for its own use."""
    try:
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        return False
    # a declaration that could be read byte by byte stands in no page of two-byte characters (as in HTML's standard)
    return not name.startswith(("utf-16", "utf-32", *_NOT_OF_PAGES))


_CONTROL = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # of those that stand in no text
_HALF = re.compile("[\ud800-\udfff]")


def _checked(text: str) -> str:
    """Refuses what decodes but is no text: binary files are full of control characters."""
    sample = text[:100_000]
    controls = len(_CONTROL.findall(sample))
    if controls > 8 and controls > len(sample) / 200:
        raise Unreadable("not text (a binary file?)")
    if _HALF.search(sample):
        raise Unreadable("not valid text: half a character")
    return text.removeprefix("\ufeff")


_DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)


def _html(data: bytes) -> tuple[str, str | None, Dated | None]:
    """Main text, title and date of a page. Raises Unreadable when it has no text to read."""
    from trafilatura import bare_extraction  # takes a second to import, and only HTML needs it

    from qa import dating

    match = _DECLARED.search(data[:4_096])
    page = decode(data, match.group(1).decode("ascii") if match else None)
    try:
        document = bare_extraction(page, with_metadata=True, include_comments=False, include_tables=True,
                                   favor_recall=True)
        published = dating.metadata_date(page)
    except Exception as error:  # the parsers below raise whatever they like over a broken page
        raise Unreadable(f"this page cannot be read ({type(error).__name__})") from error
    text = str(getattr(document, "text", None) or "")
    if not text.strip():
        raise Unreadable("no article text found in this page")
    title = getattr(document, "title", None)
    return text.replace("\r\n", "\n").replace("\r", "\n"), title, published


# --- titles -------------------------------------------------------------------------------------------------

_FENCE = re.compile(r"\A(?:---[ \t]*\n(.*?)\n(?:---|\.\.\.)|\+\+\+[ \t]*\n(.*?)\n\+\+\+)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^([\w][\w .-]{0,40}?)\s*[:=]\s*(.*?)\s*$")


def _front_matter(text: str) -> tuple[dict[str, str], int]:
    """The plain `name: value` lines of a file's head, in TOML `name = value`, and where the body begins (0: it has
    none, as where the text begins with a rule across the page)."""
    match = _FENCE.match(text[:20_000])
    if not match:
        return {}, 0
    fields: dict[str, str] = {}
    for line in (match.group(1) or match.group(2) or "").split("\n"):
        if field := _FIELD.match(line):
            fields.setdefault(field.group(1).casefold(), field.group(2).strip("\"'"))
        elif line and line[0] not in " \t#-[]{}":
            return {}, 0
    return fields, match.end()


def _markdown_heading(text: str, start: int) -> str | None:
    match = re.compile(r"^#{1,2}[ \t]+(.+?)[ \t#]*$", re.MULTILINE).search(text, start)
    return match.group(1) if match else None


def _clean(title: str | None) -> str | None:
    return " ".join(title.split())[:300] or None if title else None


def heading(text: str, marked: tuple[Span, ...], begin: int, finish: int) -> str | None:
    """The headline of the text from `begin` to `finish`, when it has one: of the short lines above its first
    paragraph, which end without a full stop, the one with most words (the others name a site or a section)."""
    lines: list[str] = []
    for start, end in runs(text, marked):
        for line in text[max(start, begin) : max(begin, min(end, finish))].split("\n"):
            bare = line.strip().lstrip("# ").strip()
            if bare and (len(bare) > _HEADLINE or bare[-1] in ".,;:。，；"):
                return _longest(lines)
            if bare:
                lines.append(bare)
    return None  # nothing but short lines: a list, a poem


def _longest(lines: list[str]) -> str | None:
    def words(line: str) -> int:
        wide = sum(1 for character in line if character > "\u2e80")  # scripts without spaces
        return len(line.split()) + wide // 2

    best = max(lines, key=words, default="")  # the first of equals
    return best if words(best) >= 3 else None


# --- sections --------------------------------------------------------------------------------------------------


def _with_datelines(text: str, marked: tuple[Span, ...], sections: tuple[Section, ...]) -> tuple[Span, ...]:
    """Adds the short lines a date was read from: a dateline answers nothing, and each hit shows it anyway."""
    added = set(marked)
    for section in sections:
        if section.published and section.published.start is not None:
            at = section.published.start
            start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
            end = len(text) if end < 0 else end
            line = text[start:end].strip()
            rest = len(line) - len(section.published.evidence)
            if rest <= _BESIDE_A_DATE and not any(a <= at < b for a, b in marked):
                added.add((start, end))
    return tuple(sorted(added))


def _from_headlines(text: str, marked: tuple[Span, ...], sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Begins each further article of a page with its headline, where that stands by itself above the dateline, after
    what ends the article before: a ruler, a share bar, a link to read on."""
    found = runs(text, marked)
    ends = [end for _, end in found]
    begun = list(sections)
    for number in range(1, len(begun)):
        before, section = begun[number - 1], begun[number]
        above = bisect_right(ends, section.start) - 1
        start, end = found[above] if above >= 0 else (0, 0)
        stands_alone = before.start < start and "\n" not in text[start:end] and not text[end : section.start].strip()
        if stands_alone and heading(text, marked, start, section.end) == text[start:end].lstrip("# "):
            begun[number - 1 : number + 1] = replace(before, end=start), replace(section, start=start)
    return tuple(begun)


def _with_fragments(text: str, marked: tuple[Span, ...], sections: tuple[Section, ...],
                    title: str | None) -> tuple[Span, ...]:
    """Adds what stands by itself between furniture without a sentence in it: the name of a section, «Réagir (0)».

    The headline stays, and so does what opens a further article on the page; so does everything where the page has
    nothing else.
    """
    openings = {section.start for section in sections[1:]}
    fragments: list[Span] = []
    kept = False
    last = 0
    for start, end in runs(text, marked):
        own = [(start + a, start + b) for a, b in lines(text[start:end]) if text[start + a : start + b].strip()]
        bare = [text[a:b].strip().lstrip("# ") for a, b in own]
        opens = any(last <= opening <= start for opening in openings)
        last = end
        if end - start > _FRAGMENT or opens or any(ends_as_sentence(line) for line in bare if line != title):
            kept = True
        else:
            kept = kept or title in bare
            fragments.extend(span for span, line in zip(own, bare, strict=True) if line != title)
    return tuple(sorted((*marked, *fragments))) if kept else marked


def _without(text: str, marked: tuple[Span, ...]) -> str:
    return "\n".join(text[start:end] for start, end in runs(text, marked))

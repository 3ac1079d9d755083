"""Sentences of a text, with exact offsets, for every script."""

from __future__ import annotations

import re
from collections.abc import Iterator

import sentencex

# sentencex's French list lacks most of these, and an abbreviation before a name or a figure never ends a
# sentence in a press text. Compared without case, the last word before the full stop.
_ABBREVIATIONS = frozenset(
    "mm mme mmes mlle mgr dr pr prof st ste gén col cdt sgt av bd env art chap cf fig éd vol pp"
    " janv févr fév avr juil juill sept oct nov déc"
    " mr mrs ms gen sen rep gov lt capt rev hon jr sr inc ltd corp co vs feb apr jun jul aug sep dec"
    " sra srta ud uds ee uu ene abr ago dic"
    " hr fr bzw nr str mio mrd jan febr okt dez"
    " гг им ул р руб млн млрд тыс стр см डॉ श्री प्रो रु".split()
)
_LAST_WORD = re.compile(r"([\w\u0900-\u0963]+)\.\W*$")  # Devanagari's vowel signs are part of its words
# Where a full stop makes a number an ordinal: «im 19. Jahrhundert», «19. yüzyılda».
_ORDINAL_STOP = frozenset("de da nb nn no fi is et lv cs sk sl hr sr bs hu pl tr lb".split())
_QUOTED_ON = re.compile("と(?!ころ)|って|など|の|を|が")  # how a Japanese sentence goes on after what it quotes
_INITIAL = re.compile(r"(?:^|[\s(«“\"'’.-])\w\.\W*$")
_OPENING = "«“„‹「『（(["
_CLOSING = "»”›」』）)]\"'’"


def _joined(before: str, after: str, language: str) -> bool:
    """True where the cut between two neighbouring pieces is not an end of sentence."""
    last, first = before.rstrip(), after.lstrip()
    if not last or not first:
        return True
    if "\n" in before[len(last):] or "\n" in after[: len(after) - len(first)]:
        return False
    if all(character in _CLOSING + " \u00a0\u202f.!?…" for character in first):
        return True  # closing marks on their own belong to what they close
    if first[0] in _CLOSING and first[0] not in "\"'":
        return True
    if last[-1] in _OPENING:
        return True
    if language == "ja" and last[-1] in "」』" and _QUOTED_ON.match(first):
        return True
    if last.endswith("."):
        if first[0].islower():
            return True
        word = _LAST_WORD.search(last)
        if word and word.group(1).casefold() in _ABBREVIATIONS:
            # «… en sept. 2022» goes on; «… né en 1950 à St. Il part» hardly occurs
            return True
        if word and len(word.group(1)) == 1 and word.group(1).isalpha() and _INITIAL.search(last):
            return True  # an initial: V. Poutine, J. K. Rowling
        if word and word.group(1).isdigit() and first[0].isdigit():
            return True  # 3. 5, 24. 2. 2018
        if last[-2:-1].isdigit() and len(word.group(1) if word else "") <= 2 and first[0].isalpha():
            if language in _ORDINAL_STOP:
                return True
            return bool(re.match(r"(?i)(?:jan|feb|mär|apr|mai|jun|jul|aug|sep|okt|nov|dez)", first))
    return False


def _pieces(text: str, language: str) -> Iterator[str]:
    """The library's own pieces, with every newline an end: in scraped text a line is a unit of its own."""
    for line in re.split(r"(?<=\n)", text):
        if not line.strip():
            if line:
                yield line
            continue
        pieces = sentencex.segment(language, line)
        if "".join(pieces) == line:
            yield from pieces
        else:
            yield line  # rather one long sentence than an offset that is wrong


def spans(text: str, language: str = "en") -> list[tuple[int, int]]:
    """The sentences of `text`, in order, as (start, end) characters, without surrounding white space.

    Abbreviations, initials, decimals and quotation marks do not cut. Sentences never overlap, and only white
    space stands between them.
    """
    merged: list[str] = []
    for piece in _pieces(text, language):
        if merged and _joined(merged[-1], piece, language):
            merged[-1] += piece
        else:
            merged.append(piece)
    found: list[tuple[int, int]] = []
    cursor = 0
    for piece in merged:
        stripped = piece.strip()
        if stripped:
            start = cursor + piece.index(stripped)
            found.append((start, start + len(stripped)))
        cursor += len(piece)
    return found

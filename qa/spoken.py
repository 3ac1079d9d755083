"""The language a question is asked in, by its script, else by how likely its words and letters are in each language."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from functools import cache
from pathlib import Path

from qa.words import tokens

UNTOLD = "und"
WORDS = Path(__file__).with_name("spoken.tsv")  # made by `python -m training.spoken`
UNITS = 10      # of the table's numbers in one natural logarithm

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("fa", re.compile(r"[پچژگ]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("uk", re.compile(r"[іїєґ]", re.I)),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("el", re.compile(r"[\u0370-\u03ff]")),
    ("he", re.compile(r"[\u0590-\u05ff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
)
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]")
_OTHERS = re.compile(r"[\u0370-\u1fff\u3040-\ud7af]")
_ENOUGH = 0.4   # letters of another alphabet for each Latin one, so that a name alone does not decide
_LETTERS = {  # what folding takes away, or cuts off
    "fr": re.compile(
        r"[œêâîûë]|ç[ao]|(?<!\w)(?:qu|[ldjncst])['’]|est-ce|-t-|-(?:il|elle|ils|elles)(?!\w)|"
        r"(?<!\w)à(?!\w)",
        re.I,
    ),
    "es": re.compile(r"[¿¡ñ]|ci[óo]n(?!\w)|(?<!\w)(?:qué|cuál)", re.I),
    "de": re.compile(r"[äöüß]", re.I),
    "pt": re.compile(r"[ãõ]|ç[ãõ]|lh|nh[oa]", re.I),
    "it": re.compile(r"[èìò](?!\w)|(?<!\w)(?:dell|nell|sull|all|dall|un|c)['’]|zion[ei](?!\w)|gli(?!\w)", re.I),
    "tr": re.compile(r"[ğış]"),
    "pl": re.compile(r"[łąęśźżćń]", re.I),
    "cs": re.compile(r"[ěřůčžšť]", re.I),
    "ro": re.compile(r"[ățşţ]|[șâî](?=\w)", re.I),
    "sv": re.compile(r"å", re.I),
    "vi": re.compile(r"[ạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹđơư]", re.I),
}
_LETTER = 2.0   # of likelihood (its natural logarithm) that each of them adds, up to three
_CLEAR = 1.5    # by how much the likeliest language must lead: a name or two tell none


def language_of(question: str) -> str:
    """The language a question is asked in, ISO 639-1; UNTOLD if none is clearly the likeliest.

    Naive Bayes over the words that are common in some language, all others being as likely in any. The detector that
    articles are read with takes half a second to load, which is longer than an answer takes, and is often wrong about
    a few words.
    """
    written = script_of(question)
    if written != UNTOLD and len(_OTHERS.findall(question)) >= _ENOUGH * len(_LATIN.findall(question)):
        return written
    scores: dict[str, float] = defaultdict(float)
    for word in tokens(question):
        for language, likelihood in _likelihoods(word):
            scores[language] += likelihood
    for language, letters in _LETTERS.items():
        scores[language] += _LETTER * min(len(letters.findall(question)), 3)
    second, likeliest = sorted(scores, key=lambda language: scores[language])[-2:]
    return likeliest if scores[likeliest] - scores[second] >= _CLEAR else written


def script_of(text: str) -> str:
    """The language that most of what is written in such a script is in, ISO 639-1; UNTOLD for Latin letters alone."""
    return next((language for language, script in _SCRIPTS if script.search(text)), UNTOLD)


@cache
def _table() -> bytes:
    return WORDS.read_bytes()


def _likelihoods(word: str) -> list[tuple[str, float]]:
    """How much likelier than a word nobody knows this one is in each language it is common in, natural logarithms."""
    table, wanted = _table(), word.encode()
    # the table is sorted: of the offsets in it, the first whose line's word is not before this one
    at = bisect_left(range(len(table)), wanted, key=lambda offset: _line(table, offset).partition(b"\t")[0])
    found, _, languages = _line(table, at).partition(b"\t")
    if found != wanted:
        return []
    return [(one[:2].decode(), int(one[2:]) / UNITS) for one in languages.split()]


def _line(table: bytes, offset: int) -> bytes:
    """The line that the byte at this offset belongs to, b"" behind the last."""
    begin = table.rfind(b"\n", 0, offset) + 1
    end = table.find(b"\n", offset)
    return table[begin:end] if end >= 0 else b""

"""How a text is folded into words, for articles, questions and highlighting alike, in every script.

One folding serves all languages, because nobody says which language a question is in: a word must fold alike wherever
it stands.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain

BEGINNINGS = (4, 6)     # letters: a word also counts by its beginnings, see `terms`
WORD_LENGTH = 64        # characters: what is longer is no word (an address, an image in letters)

# Marks that hang on letters, and invisible joiners: they are not \w, and without them a Hindi word or a decomposed
# French one would fall apart.
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u05f3\u05f4\u0610-\u061a"
    "\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0"
    "\u0816-\u082d\u08d3-\u08ff\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09d7"
    "\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bcd"
    "\u0c00-\u0c04\u0c3e-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0d81-\u0d83\u0dca-\u0ddf"
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u0f18\u0f19\u0f35\u0f37\u0f39\u0f71-\u0f84"
    "\u0f86-\u0fbc\u102b-\u103e\u1056-\u109d\u135d-\u135f\u17b4-\u17d3\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u2060"
    "\u20d0-\u20f0\u302a-\u302f\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\uff9e\uff9f"
)
_APOSTROPHES = "'\u2019\u2018\u201b\u02bc\u02bb\u2032\uff07`\u00b4"
_GROUP = r"[ \u00a0\u2009\u202f.,\u066c'\u2019]"
_GROUPS = "|".join(   # one separator within one number: 260 000, 270 000 are two
    rf"(?:{separator}\d{{3}})+" for separator in (" ", "\u00a0", "\u2009", "\u202f", r"\.", ",", "\u066c", "['\u2019]"))
_SYLLABLE = "[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?"  # of Hangul, decomposed
_ONE_LETTER = rf"(?:{_SYLLABLE}|[^\W\d_])[{_MARKS}]*+"  # with the accents that stand behind it in a decomposed text
_PIECE = re.compile(
    rf"\d(?<![.,].)\d{{0,2}}(?:{_GROUPS})(?:[.,\u066b]\d+)?(?!\w|[.,]\d)"   # 260 000; 260,000; 1.234,56
    r"|\d(?<![.,].)\d*[.,\u066b]\d+(?!\w|[.,]\d)"                                  # 3,5 and 3.5, but not 24.02.2018
    rf"|{_ONE_LETTER}\.{_ONE_LETTER}(?:\.{_ONE_LETTER})*(?![\w{_MARKS}])"                      # U.S.A, O.N.U
    r"|[^\W\d_]{1,5}+[-\u2010\u2011]\d+(?!\w)"                                     # F-16, covid-19
    rf"|(?=[^\W\d_]{{1,5}}+[{_MARKS}]|{_SYLLABLE})(?:{_ONE_LETTER}){{1,5}}+[-\u2010\u2011]\d+(?!\w)"  # decomposed
    rf"|[\w{_MARKS}]+(?:[{_APOSTROPHES}][\w{_MARKS}]+)*"
    r"|[%\u066a\uff05$\u20ac\u00a3\u00a5]"
)
_NUMBER = re.compile(rf"(\d+(?:{_GROUP}\d{{3}})*)(?:[.,\u066b](\d+))?")
_APOSTROPHE = re.compile(f"[{_APOSTROPHES}]")
_HYPHEN = re.compile("[-\u2010\u2011]")
_ELISIONS = frozenset("c d j l m n s t qu jusqu lorsqu puisqu quoiqu dell nell sull all dall dagl degl un".split())
_ENDINGS = frozenset(   # English, then what Turkish hangs on names
    "s re ve ll"
    " da de ta te dan den tan ten nin nun in un ya ye na ne a e i u yi yu ni nu si su la le yla yle"
    " daki deki taki teki dir dur tir tur".split()
)
_WHOLE = frozenset(("aujourdhui", "quelquun"))
_ORDINAL = re.compile(r"([0-9]+)(?:st|nd|rd|th|er|ere|re|e|eme|ieme|o|a)\Z")
_ARTICLE = re.compile("(?:وال|بال|كال|فال|لل|ال)(?=...)")   # the; with and, with, as, so, for before it
_IDEOGRAPHS = (   # Han, kana, bopomofo, Hangul: each sign carries meaning
    "\u2e80-\u2fdf\u3005-\u3007\u3031-\u3035\u303b\u3040-\u30ff\u3105-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uffdc\U00020000-\U0003ffff\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"   # Thai, Lao, Burmese, Khmer: letters, but no spaces
_RUN = re.compile(f"([{_IDEOGRAPHS}{_MARKS}]*[{_IDEOGRAPHS}][{_IDEOGRAPHS}{_MARKS}]*)"
                  f"|([{_UNSPACED}]+)|[^{_IDEOGRAPHS}{_UNSPACED}]+")
_SIGN = re.compile(rf"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?[{_MARKS}]*|[^{_MARKS}]?[{_MARKS}]*", re.DOTALL)
_OTHER_ALPHABETS = re.compile("[\u0530-\u06ff\u10a0-\u10ff]")   # of which too little would be heard
_LETTER = str.maketrans({
    "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ŧ": "t", "ı": "i", "ŋ": "n",
    "ى": "ي", "ی": "ي", "ة": "ه", "ک": "ك", "ٱ": "ا", "ـ": None,   # alef, waw and ya lose hamza with their marks
    "\u093c": None, "ँ": "ं", "\u05f3": None, "\u05f4": None,
    "\u00ad": None, "\u200c": None, "\u200d": None, "\u2060": None,
})
_KEPT = frozenset("йїў")   # letters of their own, which only Unicode takes apart


class _Folded(dict[int, str]):
    """What each character is folded into once case and width are gone; each is looked at once."""

    def __missing__(self, number: int) -> str:
        character = chr(number)
        if character in _KEPT or "\u3040" <= character <= "\u30ff" or "\uac00" <= character <= "\ud7a3":
            kept = character
        else:
            # in between lie the scripts of India and their neighbours, whose marks are vowels
            kept = "".join(str(unicodedata.decimal(part)) if part.isdecimal() else part
                           for part in unicodedata.normalize("NFD", character)
                           if unicodedata.category(part) not in ("Mn", "Me") or "\u0900" <= part <= "\u1aaf")
        folded = self[number] = kept.translate(_LETTER)
        return folded


_FOLDED = _Folded()


def _fold(text: str) -> str:
    """`text` without case, without accents and vowel points, letters and digits in their commonest form."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded if folded.isascii() else folded.translate(_FOLDED)


def _word(text: str) -> str:
    """`text` folded, with nothing in it but letters, digits and vowel marks."""
    folded = _fold(text)
    if not folded.isalnum():
        folded = "".join(one for one in folded if one.isalnum() or unicodedata.category(one)[0] == "M")
    return folded[:WORD_LENGTH]


_sign = lru_cache(maxsize=1 << 14)(_word)  # of scripts without spaces, which have some thousand


def _signs(run: str, start: int, sizes: tuple[int, ...]) -> list[tuple[str, int, int]]:
    """The sequences of `sizes` signs in a run without spaces; a run shorter than all of them stands for itself."""
    signs = [(_sign(match[0]), *match.span()) for match in _SIGN.finditer(run) if match[0]]
    words = [word for word, _, _ in signs if word]
    begins = [start + begin for word, begin, _ in signs if word]
    ends = [start + end for word, _, end in signs if word]
    if len(words) < min(sizes):
        return [("".join(words), begins[0], ends[-1])] if words else []
    return [("".join(words[place : place + size]), begins[place], ends[place + size - 1])
            for place in range(len(words)) for size in sizes if place + size <= len(words)]


def _spelled(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """The words of letters and digits with no apostrophe among them."""
    word = _word(text)
    if word.isascii():
        ordinal = _ORDINAL.match(word)
        if word:
            yield (ordinal[1] if ordinal else word), start, start + len(text)
        return
    for match in _RUN.finditer(text):
        begin = start + match.start()
        if match[1]:
            yield from _signs(match[1], begin, (1, 2))
        elif match[2]:
            yield from _signs(match[2], begin, (2, 3))
        elif word := _ARTICLE.sub("", _word(match[0]), count=1):
            ordinal = _ORDINAL.match(word)
            yield (ordinal[1] if ordinal else word), begin, start + match.end()


@lru_cache(maxsize=1 << 16)   # running text repeats its words: most are found here
def _parts(piece: str) -> tuple[tuple[str, int, int], ...]:
    """The words of one piece of text, each with its place in the piece."""
    if piece.isascii() and piece.isalpha():  # most are
        return ((piece.lower()[:WORD_LENGTH], 0, len(piece)),)
    if "_" in piece:
        return tuple((word, match.start() + start, match.start() + end)
                     for match in re.finditer("[^_]+", piece) for word, start, end in _parts(match[0]))
    if piece in "%٪％$€£¥":
        return ((unicodedata.normalize("NFKC", piece).replace("٪", "%"), 0, 1),)
    first, last = piece[0], len(piece)
    if first.isdecimal() and not piece.isalnum() and (number := _NUMBER.fullmatch(piece)):
        whole = re.sub(r"\D", "", _fold(number[1]))
        if not number[2] and whole.startswith("0") and len(whole) > 3:   # 0,125 is no group of thousands
            return ((f"0.{whole[1:]}"[:WORD_LENGTH], 0, last),)
        return (((f"{whole}.{_fold(number[2])}" if number[2] else whole)[:WORD_LENGTH], 0, last),)
    if "." in piece and not first.isdecimal():
        return ((_word(piece), 0, last),)
    hyphen = _HYPHEN.search(piece)
    if hyphen:
        return ((_word(piece), 0, last), *_spelled(piece[: hyphen.start()], 0),
                *_spelled(piece[hyphen.end() :], hyphen.end()))
    bounds = [0, *chain.from_iterable(match.span() for match in _APOSTROPHE.finditer(piece)), last]
    if len(bounds) == 2:
        return tuple(_spelled(piece, 0))
    parts = [(_word(piece[start:end]), start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    parts = [part for part in parts if part[0]]
    while len(parts) > 1 and parts[0][0] in _ELISIONS:
        del parts[0]
    if not parts:
        return ()
    joined = "".join(word for word, _, _ in parts)
    if len(parts) > 1 and joined not in _WHOLE:
        while len(parts) > 1 and parts[-1][0] in _ENDINGS:
            del parts[-1]
    if len(parts) == 1 or joined.isdecimal():
        return tuple(chain.from_iterable(_spelled(piece[start:end], start) for _, start, end in parts))
    if _RUN.search(joined)[0] != joined:   # type: ignore[index]  # the pattern matches at any character
        return tuple(chain.from_iterable(_spelled(piece[start:end], start) for _, start, end in parts))
    return (("".join(word for word, _, _ in parts)[:WORD_LENGTH], parts[0][1], parts[-1][2]),)


@lru_cache(maxsize=1 << 16)
def _words(piece: str) -> tuple[str, ...]:
    return tuple(word for word, _, _ in _parts(piece))


def token_spans(text: str) -> list[tuple[str, int, int]]:
    """The words of `text` in their order, folded, each with its place: text[start:end] is what was folded.

    Places may overlap: 中国 gives 中, 中国 and 国; F-16 gives f16, f and 16.
    """
    return [(word, match.start() + start, match.start() + end)
            for match in _PIECE.finditer(text) for word, start, end in _parts(match[0])]


def tokens(text: str) -> list[str]:
    """The words of `token_spans` alone; articles, questions and highlighting all use these."""
    return list(chain.from_iterable(map(_words, _PIECE.findall(text))))


def written(text: str, wanted: frozenset[str]) -> list[str]:
    """Those words of `text` that are wanted, as they stand there, in their order."""
    return [piece[start:end] for piece in _PIECE.findall(text) if not wanted.isdisjoint(_words(piece))
            for word, start, end in _parts(piece) if word in wanted]


# What the same name is spelled with in other languages: Poutine, Putin; Samarcande, Samarkand; Schröder, Shreder.
# In this order: first those with an h, then the others, then single letters.
_BREATHED = (
    ("sch", "s"), ("tch", "s"), ("sh", "s"), ("ch", "s"), ("zh", "z"), ("kh", "h"), ("ph", "f"), ("th", "t"),
    ("gh", "g"),
)
_SOUNDS = (("ck", "k"), ("qu", "k"), ("x", "ks"), ("ou", "u"), ("oo", "u"), ("oe", "e"), ("ae", "e"), ("ee", "i"))
_ALIKE = str.maketrans("yjwcq", "iivkk")
_DOUBLED = re.compile(r"(.)\1+")
_ALPHABETS = re.compile("[a-z\u00df-\u052f]")  # Latin, Greek, Cyrillic: anyascii spells these as they sound


@lru_cache(maxsize=1 << 16)
def sound(word: str) -> str:
    """A folded word spelled in Latin letters roughly as it sounds: poutine, putin and путин all begin with putin."""
    if not word.isascii():
        from anyascii import anyascii

        word = anyascii(word).casefold()
    for written, heard in (*_BREATHED, *_SOUNDS) if "h" in word else _SOUNDS:
        word = word.replace(written, heard)
    return _DOUBLED.sub(r"\1", word.translate(_ALIKE))


@lru_cache(maxsize=1 << 16)
def terms(word: str) -> tuple[str, ...]:
    """What a folded word is indexed by: itself and, where words are spelled with an alphabet, the beginnings of its
    sound, which are marked by an asterisk: paysage, pais*, paisag*; путин, puti*.

    Beginnings do what a stemmer does without knowing the language (McNamee & Mayfield 2004 compare such
    truncation with stemmers), and let a word find its cousin in another language or alphabet.
    """
    if len(word) < BEGINNINGS[0] or not word.isalpha():
        return (word,)
    if _ALPHABETS.match(word):
        heard = sound(word)
    elif _OTHER_ALPHABETS.match(word):
        heard = word
    else:
        return (word,)
    return (word, *(f"{heard[:size]}*" for size in BEGINNINGS if size <= len(heard)))

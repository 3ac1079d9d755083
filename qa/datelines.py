"""What a dateline looks like: the forms of a date, and the words and shapes that make a line one.

What a page says about its own publication stands in few shapes: a line that is nothing but a date, a date behind
"Published on", a byline, an agency's "PARIS, 9 Sept. 2022 (AFP) –", a site's stamp "09/09/2022 3 articles site.net".
Everything else that looks like a date is something the text talks about, and dates nothing. So the rule goes from
shapes to dates: candidate lines are found by a cheap pattern, judged by what is left of the line once the date is
taken out, and only the names of months are asked of dateparser, which knows them in every language met here.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module

EARLIEST = 1800  # year; newspapers put online begin about then
AHEAD = 2  # days a publication date may lie in the future: time zones, and tomorrow's paper
ENDS = 200  # characters of each end of a long line that are looked at
SAME_PAGE = 100_000  # characters of the text in which the order of day and month is looked for

# How surely the surroundings of a date say that it is the day of publication.
LABELLED = 6  # "Published on"
SITED = 5  # an agency, the name of a site, minutes to read
SIGNED = 4  # a byline
TIMED = 3  # a clock, a heading in capitals
BARE = 2  # nothing else on the line, or a name
REVISED = 1  # "Updated on"


# dateparser knows the names that Egypt and the Gulf use; the Levant's and the Maghreb's are added here, and the
# abbreviations that it lacks.
_MORE_MONTHS = {
    "كانون الثاني": 1, "شباط": 2, "آذار": 3, "اذار": 3, "نيسان": 4, "أيار": 5, "ايار": 5, "حزيران": 6, "تموز": 7,
    "آب": 8, "اب": 8, "أيلول": 9, "ايلول": 9, "تشرين الأول": 10, "تشرين الاول": 10, "تشرين الثاني": 11,
    "كانون الأول": 12, "كانون الاول": 12, "جانفي": 1, "فيفري": 2, "أفريل": 4, "افريل": 4, "ماي": 5, "جوان": 6,
    "جويلية": 7, "أوت": 8, "اوت": 8, "غشت": 8, "شتنبر": 9, "نونبر": 11, "دجنبر": 12, "يوليوز": 7,
    "juill": 7, "febb": 2, "sett": 9, "agos": 8,
}  # fmt: skip
_MONTHS = "january february march april may june july august september october november december".split()
_OTHER_LANGUAGES = (
    "en",
    "fr",
    "es",
    "de",
    "it",
    "pt",
    "ru",
    "ar",
    "nl",
    "pl",
    "uk",
    "tr",
    "sv",
    "ro",
    "cs",
    "el",
    "fa",
    "hi",
    "id",
)
_NO_MONTH = frozenset(
    ["min", "sec", "second", "minute", "minutes", "hier", "demain", "now", "today", "an", "ans", "mon", "sun"]
)


@lru_cache(maxsize=4096)
def _month(name: str, language: str) -> int | None:
    """The number of the month that `name` is in `language`, or else in any of the languages known here."""
    word = " ".join(name.split()).strip(".,،").casefold()
    if word in _MORE_MONTHS:
        return _MORE_MONTHS[word]
    if len(word) < 3 or word in _NO_MONTH:
        return None
    plain = _unmarked(word)
    return next((names[plain] for names in map(_names, (language, *_OTHER_LANGUAGES)) if plain in names), None)


def _unmarked(word: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", word) if unicodedata.category(sign) != "Mn")


@lru_cache(maxsize=64)
def _names(language: str) -> dict[str, int]:
    """The names of months and their abbreviations in a language, without accents; none for one that dateparser lacks.

    Read from its tables: a parser for each language takes a second to make.
    """
    try:
        table = import_module(f"dateparser.data.date_translation_data.{language}").info
    except ImportError:
        return {}
    return {_unmarked(name.casefold()).strip("."): number for number, month in reversed([*enumerate(_MONTHS, 1)])
            for name in table.get(month, ())}


# Vowels and other signs written onto letters, which in Devanagari and its like stand in every word but are no letters
# for a regular expression.
_SIGNS = "".join(sign for sign in map(chr, range(0x0900, 0x1000)) if unicodedata.category(sign) in {"Mn", "Mc"})
_WORD = rf"(?:كانون\s+\w+|تشرين\s+\w+|[^\W\d_](?:[^\W\d_]|[{_SIGNS}]){{1,14}})"
_NAME = rf"{_WORD}(?:\s?/\s?{_WORD})?\.?"
_OF = r"(?:de\s+|del\s+|of\s+|d[’']\s?|من\s+)?"
_DATE = re.compile(
    "|".join(
        [
            # 2018-02-24, 2018/2/24, 2018.02.24, 2018-02-24T10:00:00+01:00, 2018-02
            r"(?<![\d./-])(?P<iy>\d{4})(?P<isep>\s?[-/.]\s?)(?P<im>\d{1,2})(?P=isep)(?P<iday>\d{1,2})(?!\d|[-/.]\d)",
            r"(?<![\d./-])(?P<jy>\d{4})[-/](?P<jm>\d{2})(?!\d|[-/.]\d)",
            # 24/02/2018, 24.2.18, 02-24-2018
            r"(?<![\d./-])(?P<na>\d{1,2})(?P<nsep>\s?[-/.]\s?)(?P<nb>\d{1,2})(?P=nsep)(?P<ny>\d{4}|\d{2})(?!\d|"
            r"[-/.,:]\d)",
            # 2018年2月24日, 二〇一八年二月二十四日, 平成30年2月24日, 2018년 2월 24일
            r"(?P<cera>令和|平成|昭和)?(?<!\d)(?P<cy>\d{1,4}|元|[〇零○一二三四五六七八九]{4})\s?[年년]\s?"
            r"(?P<cm>\d{1,2}|[一二三四五六七八九十]{1,2})\s?[月월](?:\s?(?P<cd>\d{1,2}|[一二三四五六七八九十]{1,3})\s?[日號号일])?",
            # 24 February 2018, 1er mars 2021, 24. Februar 2018, 24 de febrero de 2018, 24-Feb-2018
            rf"(?<![\d./:,-])(?P<td>\d{{1,2}})(?:er|re|st|nd|rd|th|\.º|º|°|ª|-го|-е|ème|e(?=\s)|\.)?[ \t\u00a0\u202f-]*"
            rf"{_OF}(?P<tm>{_NAME})[,،]?[ \t\u00a0\u202f-]*{_OF}(?P<ty>\d{{4}})(?!\d)",
            # February 24, 2018, Feb. 24 2018, Sat Feb 24 10:00:00 CET 2018
            rf"(?<!\w)(?P<um>{_NAME})\s+(?P<ud>\d{{1,2}})(?:st|nd|rd|th)?,?\s+"
            rf"(?:\d\d:\d\d(?::\d\d)?\s+(?:[A-Z]{{2,5}}\s+)?)?{_OF}(?P<uy>\d{{4}})(?!\d|[-/.]\d)",
            # 2018. február 24., 2018 Feb 24
            rf"(?<![\d./-])(?P<vy>\d{{4}})[.,]?\s+(?P<vm>{_NAME})\s+(?P<vd>\d{{1,2}})(?!\d|[-/.:]\d)",
            # February 2018, février 2018, febrero de 2018
            rf"(?<!\w)(?P<wm>{_NAME}),?\s+{_OF}(?P<wy>\d{{4}})(?!\d|[-/.]\d)",
        ]
    )
)
_DAY_BEFORE = re.compile(r"(?<!\d)\d{1,2}(?:er|st|nd|rd|th|º|\.)?\s*(?:de\s+|of\s+)?$")
MAYBE = re.compile(
    r"\d{4}|\d\s?[./-]\s?\d{1,2}\s?[./-]\s?\d{2}|[〇零○一二三四五六七八九]{4}年|(?:令和|平成|昭和)\s?[\d元]"
)
_HAN = {digit: value for value, digit in enumerate("〇一二三四五六七八九")} | {"零": 0, "○": 0}
_ERAS = {"令和": 2018, "平成": 1988, "昭和": 1925}
_YEAR_FIRST = frozenset(["zh", "ja", "ko", "hu", "fa", "mn", "lt"])


@dataclass(frozen=True, slots=True)
class Found:
    start: int
    end: int
    date: str
    numeric: bool  # written in figures only
    short: bool  # with two figures for the year, so only a label or a clock makes it a date


def _number(text: str) -> int:
    """The value of a numeral in Arabic, Eastern Arabic or Chinese figures."""
    if text == "元":
        return 1
    if text[0] not in _HAN and text[0] != "十":
        return int(text)
    if "十" in text:
        tens, _, ones = text.partition("十")
        return (_HAN.get(tens, 1) if tens else 1) * 10 + (_HAN[ones] if ones else 0)
    return int("".join(str(_HAN[digit]) for digit in text))


def iso(year: int, month: int | None, day: int | None, today: datetime.date) -> str | None:
    """The ISO form, or None when there is no such day, or nothing can have been published on it."""
    if not EARLIEST <= year <= today.year + 1:
        return None
    try:
        first = datetime.date(year, month or 1, day or 1)
    except ValueError:
        return None
    if first > today + datetime.timedelta(days=AHEAD):
        return None
    return f"{year:04}" + (f"-{month:02}" if month else "") + (f"-{day:02}" if month and day else "")


def find(text: str, language: str, month_first: bool, today: datetime.date) -> list[Found]:
    """All dates of a short text, at least to the month, in order. `language` names months and orders figures."""
    found = []
    position = 0
    while (match := _DATE.search(text, position)) is not None:
        date = _value(match, language, month_first, today)
        if date is None or (
            date.count("-") == 1 and _DAY_BEFORE.search(text, max(0, match.start() - 12), match.start())
        ):
            position = match.start() + 1  # the 31st of February is not February
            continue
        numeric = match["tm"] is None and match["um"] is None and match["vm"] is None and match["wm"] is None
        short = match["ny"] is not None and len(match["ny"]) == 2
        found.append(Found(match.start(), match.end(), date, numeric, short))
        position = match.end()
    return found


def _value(match: re.Match[str], language: str, month_first: bool, today: datetime.date) -> str | None:
    part = match.groupdict()
    if part["iy"]:
        return iso(int(part["iy"]), int(part["im"]), int(part["iday"]), today)
    if part["jy"]:
        return iso(int(part["jy"]), int(part["jm"]), None, today) if int(part["jm"]) else None
    if part["cy"]:
        era = _ERAS.get(part["cera"] or "", 0)
        day = _number(part["cd"]) if part["cd"] else None
        month = _number(part["cm"])
        return iso(era + _number(part["cy"]), month, day, today) if month and day != 0 else None
    if part["na"]:
        return _figures(
            int(part["na"]), int(part["nb"]), part["ny"], part["nsep"].strip(), language, month_first, today
        )
    for prefix in "tuvw":
        if part[f"{prefix}m"]:
            number = int(part[f"{prefix}d"]) if prefix != "w" else None
            if number == 0 or not EARLIEST <= int(part[f"{prefix}y"]) <= today.year + 1:
                return None
            named = {_month(name, language) for name in part[f"{prefix}m"].split("/")}
            agreed = named.pop() if len(named) == 1 else None  # "أكتوبر/تشرين الأول" is one month under two names
            return iso(int(part[f"{prefix}y"]), agreed, number, today) if agreed else None
    return None


def _figures(
    first: int, second: int, year: str, separator: str, language: str, month_first: bool, today: datetime.date
) -> str | None:
    """24/02/2018 and its like. Two figures for the year are taken only where the order is beyond doubt."""
    day, month = (
        (second, first) if month_first and separator != "." and second <= 31 and first <= 12 else (first, second)
    )
    if month > 12 and day <= 12:
        day, month = month, day
    if not day or not month:
        return None
    if len(year) == 4:
        return iso(int(year), month, day, today)
    if (
        separator == "-"
        or language in _YEAR_FIRST
        or (language == "en" and first <= 12 and second <= 12 and first != second)
    ):
        return None
    full = 2000 + int(year)
    return iso(full if full <= today.year else full - 100, month, day, today)


_FIGURES = re.compile(r"(?<![\d./-])(\d{1,2})([-/])(\d{1,2})\2(?:\d{4})(?!\d)")
_DAY_LEADS = re.compile(
    r"\b\d{1,2}(?:st|nd|rd|th)?\s+(?:January|February|March|April|May|June|July|August|September|"
    r"October|November|December)\s+\d{4}"
)
_MONTH_LEADS = re.compile(
    r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?\s+\d{1,2}(?:st|nd|rd|"
    r"th)?,?\s+\d{4}"
)
_BRITISH = re.compile(
    r"£|\.uk\b|\b(?:BST|colour|labour|favour|honour|neighbour|centre|defence|programme|organis|"
    r"travell|whilst)",
    re.I,
)


def month_leads(text: str, language: str) -> bool:
    """Whether 03/04/2021 is 4 March on this page: a figure above 12 proves it, else only U.S. English writes so."""
    head = text[:SAME_PAGE]
    day = month = 0
    for match in _FIGURES.finditer(head):
        first, second = int(match[1]), int(match[3])
        day += first > 12 >= second
        month += second > 12 >= first
    if day != month:
        return month > day
    if language != "en":
        return False
    if _MONTH_LEADS.search(head):
        return True
    return not (_DAY_LEADS.search(head) or _BRITISH.search(head))


_SENT = r"sent|gesendet|envoyé|enviado|inviato|отправлено|发送时间|送信日時"  # as the head of a letter says
_PUBLISHED = (
    # French
    r"première\s+publication|(?:a\s+été\s+)?publi[ée]e?s?(?:\s+(?:initialement|dans|depuis\s+overblog))?|publication|"
    r"parution|"
    r"communiqué(?:\s+de\s+presse)?\s+du|pressemitteilung\s+vom|comunicado\s+del?|press\s+release|mise?\s+en\s+ligne|"
    r"parue?|post[ée]e?|"
    r"date\s+de\s+(?:publication|parution|mise\s+en\s+ligne)|rédigée?|écrit|créé|article\s+du|édition\s+du|"
    # English
    r"(?:first|originally|date)\s+published|published|publication\s+date|posted|date\s+posted|issue\s+date|release\s+date|released|"
    r"issued|written|"
    r"submitted|filed\s+on|dated?|pubdate|created|"
    # German
    r"(?:erst)?veröffentlicht|veröffentlichungsdatum|publiziert|erschienen|erstellt|datum|eingestellt|"
    # Spanish, Portuguese, Italian
    r"publicad[oa]|publicação|fecha\s+de\s+publicación|fecha|publicación|postado|data\s+d[ae]\s+publicação|divulgado|"
    r"criado|"
    r"pubblicat[oa]|data\s+di\s+pubblicazione|data|postato|inserito|scritto|"
    # Russian
    r"дата\s+публикации|опубликован[оаы]?|размещен[оа]|размещено|добавлен[оа]|дата|публикация|создано|"
    # Chinese, Japanese, Korean
    r"发布(?:时间|日期|于)?|發[布佈](?:時間|日期|於)?|发表(?:时间|日期|于)?|發表(?:時間|日期|於)?|发稿时间|刊[登发發](?:时间|於|于)?|"
    r"日期|时间|時間|公開日?時?|掲載日?時?|配信日?時?|投稿日?|発表日?|作成日|日付|発行日?|게시|입력|등록|"
    # Arabic
    r"تاريخ\s+النشر|تم\s+النشر|نُ?شرت?|التاريخ|بتاريخ|تاريخ|أ?ُ?ضيف|"
    # others
    r"gepubliceerd|geplaatst|opublikowano|data\s+publikacji|publicerad|publikováno|"
    r"giriş(?:\s+tarihi)?|yayın(?:lan)?ma(?:\s+tarihi)?|yayın\s+tarihi|yayınlandı|eklenme(?:\s+tarihi)?|tarih|"
    r"δημοσίευση|δημοσιεύ[θτ]ηκε|ημερομηνία(?:\s+δημοσίευσης)?|αναρτήθηκε|प्रकाशित|प्रकाशन(?:\s+तिथि)?|"
    rf"{_SENT}"
)
_UPDATED = (
    r"mise?\s+à\s+jour|dernière\s+(?:mise\s+à\s+jour|modification)|modifi[ée]e?|actualisée?|"
    r"(?:last\s+)?(?:updated|modified|edited|revised)|update|"
    r"(?:zuletzt\s+)?(?:aktualisiert|geändert|bearbeitet)|letzte\s+(?:änderung|aktualisierung)|aktualisierung|stand|"
    r"actualizad[oa]|modificad[oa]|última\s+\w+|actualización|(?:ultimo\s+)?aggiornamento|aggiornat[oa]|modificat[oa]|"
    r"atualizad[oa]|atualização|обновл\w+|изменен\w*|изменён\w*|отредактирован\w*|"
    r"(?:son\s+)?güncelle(?:n)?me(?:\s+tarihi)?|güncellendi|(?:τελευταία\s+)?ενημέρωση|ενημερώθηκε|अपडेट(?:ेड)?|अद्यतन|"
    r"更新(?:时间|時間|日期|日時?|于)?|最終更新日?|修改|編集|编辑|수정|آخر\s+تحديث|تم\s+التحديث|تحديث|حُ?دثت?"
)
_PUBLISHED_AT = re.compile(
    rf"(?<!\w)(?:{_PUBLISHED})(?!\w)|(?:发布|發布|发表|發表|公開|掲載|配信|投稿|日期|时间|時間)(?:时间|時間|日期|日時?|于|"
    rf"於)?",
    re.I,
)
_PLAIN_LABEL = re.compile(
    r"(?:date|dated|datum|fecha|data|дата|التاريخ|تاريخ|日期|时间|時間|日付|time|"
    rf"stand|tarih|giriş|ημερομηνία|{_SENT})$",
    re.I,
)  # of anything
_UPDATED_AT = re.compile(rf"(?<!\w)(?:{_UPDATED})(?!\w)|(?:更新|修改|編集)(?:时间|時間|日期|日時?|于)?", re.I)
_BY = re.compile(
    r"(?:^|[\n|•·–—,(/:;-])\s*(?:par|propos\s+recueillis\s+par|by|von|por|di|a\s+cura\s+di|автор:?|текст:?|"
    r"door)(?:\s*:)?\s+(?-i:[^\W\d_a-zа-я])"
    r"|^\W*(?:par|by|von|por|di)\s*:"
    r"|(?<!\w)(?:la\s+)?(?:rédaction|staff|redaktion|redacción|redação|redazione|автор)(?!\w)"
    r"|作者|记者|記者|编辑|編輯|责编|来源|來源|文[/：:]|出典|بقلم|كتب|المصدر|مراسل",
    re.I,
)
_AGENCY = re.compile(
    r"\b(?:AFP|Reuters|AP|TASS|Xinhua|EFE|ANSA|dpa|DPA|RIA|Interfax|Lusa|Belga|PTI|UPI|ATS|APA|KNA|epd|APS|MAP|SPA|"
    r"WAM|Anadolu|AA|"
    r"Prensa\s+Latina|Sputnik|Kyodo|Jiji|Yonhap|IRNA|Agência\s+Brasil|Europa\s+Press)\b"
    r"|ТАСС|РИА|ИНТЕРФАКС|Интерфакс|新华社|新華社|中新社|人民网|人民網|新华网|共同通信|時事通信|【[^】]{0,12}(?:共同|時事)】|ロイター|رويترز|أ\s?ف\s?ب|واس|"
    r"وام|قنا|بترا|سبوتنيك|شينخوا"
)
_SITE = re.compile(
    r"(?<![\w@])(?:[a-z0-9-]+\.){1,3}(?:com|org|net|info|fr|de|ru|es|it|pt|cn|jp|uk|eu|tv|press|news|media|be|ch|ca|"
    r"br|mx|co|io|me)(?![\w])"
    r"|#\d+(?!\w)"
    r"|(?<!\w)\d+\s*(?:min(?:utes?|uti|utos?|uten)?|мин(?:ут[аы]?)?|分钟|分鐘|分|دقائق|دقيقة)\b(?:\s*(?:de\s+lecture|read|"
    r"de\s+lectura|di\s+lettura|de\s+leitura|"
    r"lesezeit|чтения|阅读|閱讀|قراءة|reading\s+time))?"
    r"|(?<!\w)\d+\s*(?:articles?|commentaires?|comments?|Kommentare?|comentarios?|commenti|comentários?|комментари\w+|"
    r"vues?|views?|"
    r"visitas|shares?|partages?|lectures?|просмотр\w*|次阅读|评论|阅读)\b"
    r"|(?:temps\s+de\s+lecture|reading\s+time|lesezeit|tiempo\s+de\s+lectura|tempo\s+di\s+lettura|"
    r"tempo\s+de\s+leitura|время\s+чтения|lecture)\s*:?"
    r"\s*\d*\s*(?:min(?:utes?|uti|utos?|uten)?\.?)?"
    r"|(?:laisser\s+un|aucun|leave\s+a|no|deja\s+un|sin|lascia\s+un|nessun|deixe\s+um|sem|kein(?:en)?|"
    r"schreibe\s+einen)\s+(?:comment\w*|coment\w+|kommentare?)"
    r"|(?:updated|mis\s+à\s+jour|actualizado|atualizado|aggiornato|aktualisiert)\s+(?:il\s+y\s+a|há|hace|"
    r"vor)?\s*\d+\s+\w+(?:\s+(?:ago|fa))?"
    r"|(?:阅读|阅读量|浏览|浏览量|点击|просмотры?|vues?|views?|visitas|lu)\s*[:：]\s*\d+(?:\s*fois)?",
    re.I,
)
_TIME = re.compile(
    r"(?<!\w)(?:at|um|alle(?:\s+ore)?|ore|kl\.?)\s+\d{1,2}\.\d{2}(?!\d|\.\d)|(?<![\d.])\d{1,2}\.\d{2}(?=\s*(?:GMT|BST|"
    r"UTC|CES?T|E[SD]T|P[SD]T|[ap]\.?m\b|h\b|uhr\b))|"
    r"(?:(?:T|午前|午後|上午|下午|(?<!\w)(?:à|at|um|a\s+las|alle(?:\s+ore)?|ore|às|as|в|om|a\s+l[ae]s?|"
    r"الساعة)\s+))?(?<![\d.])\d{1,2}\s?(?:[:hH：]|h\s?|時|时)\s?\d{2}(?:[:.]\d{2})?(?:\.\d+)?(?!\d)"
    r"\s*(?:min(?:utes)?\b|Uhr\b|[ap]\.?\s?m\.?(?!\w)|h(?:rs?)?\b|分|ص|م(?!\w))?"
    r"|(?<!\d)\d{1,2}\s?h(?!\w)|(?<!\d)\d{1,2}\s?[ap]\.?m\.?(?!\w)|(?<!\d)\d{1,2}\.\d{2}\s*Uhr",
    re.I,
)
_ZONE = re.compile(
    r"[(（]?(?<!\w)(?:GMT|UTC|CES?T|E[SD]?T|P[SD]?T|BST|MSK|IST|JST|KST|мск|МСК|"
    r"Z)(?!\w)\s*(?:[+-−]\s?\d{1,2}(?::?\d\d)?)?[)）]?"
    r"|(?<=[\d ])[+−-]\d\d:?\d\d(?!\d)|[(（](?:heure\s+de\s+Paris|hora\s+peninsular|Moscow\s+time|московское\s+время|"
    r"heure\s+locale|北京时间)[)）]"
    r"|bei?jing\s+time|\b(?:a\.m\.|p\.m\.)"
)
# A date of the Hijri calendar, beside the same day of the Gregorian one.
_HIJRI = re.compile(
    r"\d{1,2}\s+(?:محرم|المحرم|صفر|ربيع\s+\w+|جمادى\s+\w+|رجب|شعبان|رمضان|شوال|ذو\s+\w+|ذي\s+\w+)\s+1[34]\d\d"
    r"(?:\s*هـ?(?!\w))?[\s/–-]*"
)
_WEEKDAYS = (
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lun|mer|jeu|ven|sam|dim|"
    r"monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tues?|wed|thur?s?|fri|sat|sun|"
    r"montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|(?-i:Mo|Di|Mi|Do|Fr|Sa|So)|"
    r"lunes|martes|miércoles|miercoles|jueves|viernes|sábado|sabado|domingo|mié|jue|vie|sáb|dom|"
    r"lunedì|martedì|mercoledì|giovedì|venerdì|sabato|domenica|gio|sab|"
    r"(?:segunda|terça|quarta|quinta|sexta)(?:-feira)?|seg|ter|qua|qui|sex|"
    r"понедельник|вторник|среда|среду|четверг|пятница|пятницу|суббота|субботу|воскресенье|пн|вт|ср|чт|пт|сб|вс|"
    r"maandag|dinsdag|woensdag|donderdag|vrijdag|zaterdag|zondag|måndag|tisdag|onsdag|torsdag|fredag|lördag|söndag|"
    r"poniedziałek|wtorek|środa|czwartek|piątek|sobota|niedziela|luni|marți|miercuri|joi|vineri|sâmbătă|duminică|"
    r"понеділок|вівторок|середа|четвер|п[’']ятниця|субота|неділя|"
    r"pazartesi|salı|çarşamba|perşembe|cuma|cumartesi|pazar|"
    r"δευτέρα|τρίτη|τετάρτη|πέμπτη|παρασκευή|σάββατο|κυριακή|"
    r"(?:सोम|मंगल|बुध|गुरु|शुक्र|शनि|रवि)वार|"
    r"(?:يوم\s+)?(?:الاثنين|الإثنين|الثلاثاء|الأربعاء|الاربعاء|الخميس|الجمعة|السبت|الأحد|الاحد)|mar"
)
_WEEKDAY = re.compile(
    rf"(?<!\w)(?:{_WEEKDAYS})(?!\w)\.?|星期[一二三四五六日天]|周[一二三四五六日]|週[一二三四五六日]|[（(]?[月火水木金土日](?:曜日?)?[)）]|[月火水木金土日]曜日?",
    re.I,
)
# From one hour to another, as an event is announced and nothing is published.
HOURS = re.compile(
    rf"(?:{_TIME.pattern}|(?<![\d.,])\d{{1,2}})\s*(?:[-–—~〜至]|(?<!\w)(?:to|à|au|bis|alle|às|até|hasta|до|إلى|y|a)(?!\w))\s*"
    rf"(?:{_TIME.pattern}|\d{{1,2}}\s?Uhr)",
    re.I,
)
_LINKING = re.compile(
    r"(?<!\w)(?:le|on|the|of|am|den|dem|el|il|em|a|au|à|du|в|от|от|во|г|года?|год|م|في|وذلك|em|dia|día|d[eo]l?|op|in|"
    r"at|um|vom|زمن)(?!\w)\.?",
    re.I,
)

# A line with one of these tells of something else than its own publication, whatever its shape.
_ABOUT = re.compile(
    r"©|\(c\)\s*\d|copyright|tous\s+droits|all\s+rights|alle\s+rechte|derechos\s+reservados|diritti\s+riservati|"
    r"direitos\s+reservados|права\s+защищены|版权|著作権|حقوق"
    r"|(?<!\w)(?:née?\s+(?:le|à|en)|naissance|décédée?|mort[es]?\s+(?:le|à)|anniversaire|date\s+limite|avant\s+le|"
    r"jusqu|échéance|expir\w+|clôture|inscriptions?|"
    r"rendez-vous|consultée?|archivée?|lire\s+aussi|à\s+lire|voir\s+aussi|relire|photo\w*|image|illustration|légende|"
    r"crédits?|événement|concert|prochaine?|"
    r"version|tél|fax|prix|score|match|loi|décret|arrêté|règlement|directive|traité|résolution|depuis|à\s+partir|"
    r"entre|valable|membre|inscrite?\s+(?:le|depuis)|"
    r"commentaire\s+(?:de|posté)|dit|répond\w*|a\s+écrit|sortie|entrée\s+en\s+vigueur|mise\s+en\s+vente|siret|isbn|"
    r"issn|en\s+vigueur|salle|théâtre|stade|musée|bataille)(?!\w)"
    r"|(?<!\w)(?:born|died|birth\w*|death|deadline|due|expires?|before|until|since|from|between|starts?|ends?|"
    r"starting|opens?|closing|closes|registration|"
    r"accessed|retrieved|archived|read\s+(?:also|more)|see\s+also|related|photos?|image|caption|picture|credit|file|"
    r"event|concert|next|anniversary|version|"
    r"phone|tel|price|score|match|act|law|treaty|resolution|effective|valid|member\s+since|joined|says|said|wrote|"
    r"replied|reply|release\s+notes|theatre|theater|stadium|hall|battle)(?!\w)"
    r"|(?<!\w)(?:geboren|gestorben|frist|einsendeschluss|anmeldeschluss|gültig|bis|seit|ab|zwischen|foto|bild|"
    r"lesen\s+sie|siehe|abgerufen|veranstaltung|termin|beginn|sagt|schrieb|gesetz|vertrag|spiel|ende|eröffnung)(?!\w)"
    r"|(?<!\w)(?:nacid[oa]|nació|falleció|fallecid[oa]|plazo|hasta|desde|entre|válid[oa]|foto\w*|imagen|lea\s+también|"
    r"ver\s+también|consultad[oa]|evento|concierto|dice|dijo|ley|tratado|partido|vence|límite|limite)(?!\w)"
    r"|(?<!\w)(?:nat[oa]|mort[oa]|scade(?:nza)?|entro|fino|dal|tra|valid[oa]|immagine|leggi\s+anche|consultat[oa]|concerto|"
    r"teatro|piazza|stadio|battaglia|dice|ha\s+scritto|legge|trattato|partita|termine)(?!\w)"
    r"|(?<!\w)(?:nascid[oa]|nasceu|morreu|faleceu|prazo|até|válid[oa]|imagem|leia\s+também|acessado|acesso\s+em|show|"
    r"disse|diz|lei|tratado|jogo)(?!\w)"
    r"|(?<!\w)(?:родил\w+|умер\w*|рожден\w+|рождён\w*|срок|до|с|между|фото|иллюстрация|читайте|см\.?\s+также|"
    r"дата\s+обращения|событие|концерт|говорит|пишет|закон|договор|матч|начало|окончание|сегодня)(?!\w)"
    r"|(?<!\w)(?:ولد|وُلد|توفي|قبل|حتى|منذ|بين|صورة|اقرأ|شاهد|الموعد|آخر\s+موعد|ينتهي|قانون|معاهدة|مباراة|يقول|المولد|"
    r"ميلاد|الوفاة)(?!\w)"
    r"|出生|生于|逝世|去世|截止|截至|报名|图为|图片|摄影?|资料图|点击阅读|延伸阅读|相关阅读|版本|签署|签订|生效|举行|开幕|召开|活动|考试|会议|会期|比赛|イベント|開幕|試験|生まれ|死去|締切|"
    r"締め切り|期限|まで|から|撮影|写真|参照|関連記事|開催|開演|公演|以前|以来|至今|有效期|アクセス"
    r"|\bv(?:er)?\.?\s?\d|\bp(?:p|ages?)?\.\s?\d|\bvol\.|n[°º]\s?\d|€|\$|£|https?://|@",
    re.I,
)
RELATED = re.compile(
    r"^\W*(?:(?:archives?|agenda|calendrier|calendar|événements|events|upcoming(?:\s+events)?|termine|eventi|eventos|"
    r"archivos?|arquivos?)\s*$|(?:à\s+)?lire\s+(?:aussi|également)|à\s+lire|voir\s+aussi|sur\s+le\s+même\s+(?:sujet|"
    r"thème)|dans\s+la\s+même\s+\w+|articles?\s+(?:liés?|similaires?|récents?|"
    r"connexes?|associés?|recommandés?|précédents?|suivants?|populaires?)|derniers?\s+articles?|les\s+plus\s+lus|"
    r"nos\s+derniers|recommandé|vous\s+aimerez|"
    r"read\s+(?:also|more|next)|related|more\s+(?:from|on|stories|news)|see\s+also|you\s+(?:may|might)|recommended|"
    r"latest|most\s+(?:read|popular)|recent\s+posts|previous|next|up\s+next|"
    r"lesen\s+sie\s+auch|mehr\s+zum|auch\s+interessant|weitere\s+artikel|meistgelesen|das\s+könnte|zum\s+thema|"
    r"lea\s+también|te\s+puede\s+interesar|noticias\s+relacionadas|artículos\s+relacionados|más\s+(?:noticias|"
    r"leíd\w+)|lo\s+más\s+leído|últimas\s+noticias|"
    r"leggi\s+anche|articoli\s+(?:correlati|recenti)|ti\s+potrebbe|potrebbe\s+interessarti|le\s+più\s+lette|"
    r"leia\s+(?:também|mais)|veja\s+também|notícias\s+relacionadas|artigos\s+relacionados|mais\s+lidas|"
    r"читайте\s+также|по\s+теме|материалы\s+по\s+теме|похожие|последние\s+новости|ещё\s+по|"
    r"相关(?:新闻|阅读|文章|链接|报道)|延伸阅读|推荐阅读|热门|関連(?:記事|ニュース)|あわせて読みたい|おすすめ|アクセスランキング|最新記事|"
    r"اقرأ\s+أيض|اقرأ\s+المزيد|مواضيع|أخبار\s+ذات|مقالات\s+ذات|الأكثر\s+قراءة)",
    re.I,
)
COMMENTS = re.compile(
    r"^\W*\d+\s+(?:commentaire|comment|réaction|réponse|kommentar|comentario|commento|comentário)\s*:?\s*$"
    r"|^\W*(?:\d+\s+)?(?:commentaires|comments|réactions|réponses|kommentare|comentarios|commenti|comentários|"
    r"комментари\w*|评论|網友評論|网友评论|留言|コメント|تعليقات?|التعليقات)"
    r"(?!\w)\s*(?:[(（\[]?\d*[)）\]]?|(?:sur|on|zu|a|su|en)\b.*|à\s.*)\s*:?\s*$"
    r"|^\W*(?:répondre|reply|responder|antworten|rispondi|ответить|回复|回覆|返信|رد)\s*$"
    r"|^\W*(?:laisser\s+un\s+commentaire|leave\s+a\s+(?:reply|comment)|\d+\s+thoughts?\s+on|join\s+the\s+discussion|"
    r"deja\s+un\s+comentario|lascia\s+un\s+commento|"
    r"deixe\s+um\s+comentário|schreibe\s+einen\s+kommentar|добавить\s+комментарий|发表评论|اترك\s+تعليق)",
    re.I,
)
_SEPARATOR = re.compile(r"\s*[|•·●▪—–»›]\s*|\s+[-/]\s+|;\s|\s{3,}|\t|_{2,}")
WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SENTENCE_END = re.compile(r"[.!?…。！？؟।](?:[\s»”\"')\]]|$)")
_CLOSED = re.compile(r"[.!?…。！？؟)\]）»”][\s]*$")
_RANGE_BEFORE = re.compile(
    r"\d(?:er|st|nd|rd|th|º|\.|日)?\s*(?:-|–|—|~|〜|/|au|et|to|and|bis|und|al|y|e|a|по|и|до|至|到|"
    r"から|إلى|و)\s*(?:le\s+)?$",
    re.I,
)
_RANGE_NEXT = re.compile(r"\s*(?:-|–|—|~|〜|au|to|bis|al|a|по|до|至|到|إلى)\s*")
_RANGE_AFTER = re.compile(r"\s*(?:le\s+)?(?:-|–|—|~|〜|au|to|bis|al|a|по|до|至|到|إلى)\s*(?:le\s+)?$", re.I)


def _residue(text: str) -> str:
    """What is left of a line beside its dates once clock, zone, weekday and counters are taken out too."""
    text = _HIJRI.sub(" ", _SITE.sub(" ", text))
    text = _TIME.sub(" ", text)
    text = _ZONE.sub(" ", text)
    text = _WEEKDAY.sub(" ", text)
    return text


def words_of(text: str) -> list[str]:
    return re.findall(rf"\w[\w{_SIGNS}’'.-]*", text)


_PRESS = re.compile(
    r"[报報网網社台刊新]|新聞|通讯|通信|朝刊|夕刊|编辑部|\b(?:journal|revue|gazette|courrier|écho|news|times|post|herald|tribune|review|"
    r"magazine|"
    r"zeitung|anzeiger|bote|diario|periódico|giornale|corriere|jornal|diário|agen\w+)\b|вестник|газета|новости|صحيفة|"
    r"جريدة|مجلة|وكالة",
    re.I,
)


_PARTICLES = frozenset("de du des la le les of the di del della da do dos von van der l d für al el".split())


def _named(text: str, timed: bool = False) -> bool:
    """Whether a few words are names or headings rather than a sentence: each begins with a capital, bar particles."""
    words = words_of(text)
    if not words or len(words) > 6:
        return False
    if WIDE.search(text):
        return len(text.strip()) <= (14 if _PRESS.search(text) else 4 * timed)
    if re.search(r"[\u0600-\u06ff]", text):
        return len(words) <= 3
    if _PRESS.search(text) and len(words) <= 4:
        return True
    return (
        all(word[0].isupper() or word[0].isdigit() or word.casefold() in _PARTICLES for word in words)
        and words[0][0].isupper()
    )


def judge(line: str, dates: list[Found], which: int) -> int:
    """How surely date `which` of a short line is the date of publication; 0 when it is not."""
    found = dates[which]
    before = line[dates[which - 1].end if which else 0 : found.start]
    after = line[found.end : dates[which + 1].start if which + 1 < len(dates) else len(line)]
    if _RANGE_BEFORE.search(line[: found.start]) or re.match(r"\s*(?:日)?\s*[至~〜～]", after):
        return 0
    if (which + 1 < len(dates) and _RANGE_AFTER.fullmatch(_WEEKDAY.sub("", after))) or (
        which and _RANGE_AFTER.fullmatch(_WEEKDAY.sub("", before))
    ):
        return 0
    lead = _SEPARATOR.split(before)[-1] if before.strip() else ""
    rank = _label(lead, before)
    tail = _residue(after if which + 1 == len(dates) else "")
    tail_words = words_of(tail)
    if (
        re.match(r"\s*[,،，]\s*[^\W\d_A-ZÀ-Þ]", tail)
        and len(tail_words) > 3
        and not re.match(
            r"\s*,\s*(?:par|by|von|"
            r"por|di)\b",
            tail,
            re.I,
        )
    ):
        return 0
    if len(tail_words) > 14 or (len(tail_words) > 5 and re.search(r"[.。]\s*$", tail)):
        return 0
    if rank:
        return 0 if re.search(r"©|copyright|commentaire|comment", before, re.I) else rank
    if _ABOUT.search(_SITE.sub(" ", line)) or HOURS.search(line, found.end):
        return 0
    if re.search(r"\w\s*[:：]\W*$", _LINKING.sub(" ", _residue(before))):
        return 0
    if re.match(r"\s*(?:\[\d+\]|\d{1,3}[.)])\s", line[: found.start]):
        return 0  # a numbered reference
    if re.match(r"\s*,?\s*(?:à|in|en|a|em|at|в|في|auf)\s+[^\W\d_]", _residue(after)):
        return 0
    rest = _residue(line[: dates[0].start]) + " \n " + _residue(line[dates[-1].end :])
    if len(dates) > 1:
        rest = " \n ".join(_residue(part) for part in _between(line, dates))
    bare = _LINKING.sub(" ", _UPDATED_AT.sub(" ", rest))
    if WIDE.search(bare):
        bare = re.sub(r"(?<!\d)\d{1,2}/\d{1,2}(?!\d)", " ", _PUBLISHED_AT.sub(" ", bare))
    left = words_of(bare)
    if len(left) > 14:
        return 0
    sited, timed = bool(_SITE.search(line)), bool(_TIME.search(line))
    if found.short and not timed:
        return 0
    if WIDE.search(bare) and len("".join(left)) > 24:
        return 0
    if not left:
        return SITED if sited else TIMED if timed else BARE
    within = re.search(
        r"(?<=\w[\s,])\s*(?<!\w)(?:in|at|à|en|im|a|em|в|во|في)\s+[^\W\d_]",
        re.sub(
            r"^\W*(?:fait|done|"
            r"hecho|feito|fatto)\s",
            "",
            _residue(before),
            flags=re.I,
        ),
    )
    if within and not _BY.search(before):
        return 0
    if _AGENCY.search(rest) and len(left) <= 8 and not re.search(r"[.。]\s*$", line.strip().removesuffix(")")):
        return SITED
    if _BY.search(rest) and len(left) <= 12:
        return SIGNED
    head, foot = _LINKING.sub(" ", _residue(before)).strip(" ,:()[]-–—|•·*"), tail.strip(" ,:()[]-–—|•·*")
    if re.search(r"(?<!\w)(?:et|and|und|y|e|и|و)(?!\w)", bare, re.I):
        return 0
    if len(left) <= 4 and rest.upper() == rest and rest.lower() != rest:
        return TIMED
    if (
        "," in before
        and re.search(
            r"\w\s+(?:of|du|des|de\s+la|del|della|dell['’]|do|da|der|"
            r"des)\s+\w",
            before,
        )
        and not _PRESS.search(before)
    ):
        return 0
    separated = bool(_SEPARATOR.search(before) or _SEPARATOR.search(after)) or "," in before or found.numeric or timed
    parts = [
        part
        for part in _SEPARATOR.split((bare if WIDE.search(bare) else rest).replace("\n", "|"))
        if words_of(_LINKING.sub(" ", part))
    ]
    if separated and all(_named(_LINKING.sub(" ", part), timed) or _named(part) for part in parts) and len(left) <= 10:
        return TIMED if timed or found.numeric else BARE
    if sited and (not head or _named(head)) and (not foot or _named(foot)):
        return SITED
    edge = re.search(r"\s[|•·]\s*$|\s[-–—]\s.*\s[-–—]\s*$", before) or re.match(r"\s*[|•·]\s", after)
    return BARE if edge and not re.search(r"[.。:：]\s*$", line) and (not head or not foot) else 0


def _between(line: str, dates: list[Found]) -> Iterator[str]:
    end = 0
    for found in dates:
        yield line[end : found.start]
        end = found.end
    yield line[end:]


def _label(lead: str, before: str) -> int:
    """LABELLED or REVISED when the words before a date say what it is, else 0."""
    published = list(_PUBLISHED_AT.finditer(lead))
    revised = list(_UPDATED_AT.finditer(lead))
    if not published and not revised:
        return 0
    if revised and (not published or revised[-1].end() >= published[-1].end()):
        return REVISED
    return LABELLED if any(_labels(lead, match) for match in reversed(published)) else 0


def _labels(lead: str, match: re.Match[str]) -> bool:
    """Whether a word such as "published" speaks of the date that follows, and not of something in a sentence."""
    above = re.sub(r"^[\W_]+|[\W_]+$", "", lead[: match.start()])
    between = lead[match.end() :]
    if (
        len(words_of(between)) > 9
        or SENTENCE_END.search(between.strip(" .:"))
        or _ABOUT.search(between.replace("(c)", ""))
    ):
        return False
    if WIDE.match(match[0]) and words_of(_WEEKDAY.sub("", _TIME.sub("", between))):
        return False
    if _PLAIN_LABEL.match(match[0]) and (above or words_of(_LINKING.sub(" ", _residue(between)))):
        return False
    if not above or _CLOSED.search(lead[: match.start()]) or (match[0][0].isupper() and len(words_of(above)) <= 8):
        return True
    if lead[: match.start()].rstrip().endswith(",") and _named(above):
        return True
    if (_BY.search(above) or _PUBLISHED_AT.match(above)) and len(words_of(above)) <= 8:
        return True
    return WIDE.search(above) is not None and len(above) <= 14 and not lead[match.start() - 1].isalnum()


_PLACE = r"[^\W\d_a-zа-яё][\w’'.-]*(?:[ /-][^\W\d_a-zа-яё][\w’'.-]*){0,3}"
_AGENCY_HEAD = re.compile(
    rf"^\W{{0,3}}(?:[A-Z]{{2,9}}\)\s*[-–—]\s*)?(?:{_PLACE}\s*(?:\([\w .-]{{2,30}}\)\s*)?(?:[,،.]|\s[-–—]|"
    rf"\s(?=في\s))\s*){{1,2}}(?:le\s+|den\s+|el\s+|em\s+|on\s+|в\s+|في\s+|\w{{2,10}}\.?,?\s+){{0,2}}$"
)
_AGENCY_FOOT = re.compile(
    r"^\s*(?:г\.|года?\.?|г|م)?\s*(?:[/(（\[][\w\s.&/,-]{2,40}[)）\]/]|[.,]?\s*(?:ТАСС|ИНТЕРФАКС|"
    r"Интерфакс|РИА|AFP|Reuters|EFE|dpa))?\s*[.:]?\s*(?:[—–-]|--)?"
)
_WIDE_HEAD = re.compile(r"^\W{0,3}[\u3400-\u9fff]{0,12}$")


def at_ends(line: str, language: str, month_first: bool, today: datetime.date, first: bool) -> list[tuple[Found, int]]:
    """Datelines at the two ends of a line of running text."""
    result: list[tuple[Found, int]] = []
    head = line[:ENDS]
    for found in find(head, language, month_first, today) if MAYBE.search(head) else []:
        before, after = head[: found.start], head[found.end :]
        rank = 0
        if (ranged := _RANGE_NEXT.match(after)) and _DATE.match(after, ranged.end()):
            continue
        label = _label(_SEPARATOR.split(before)[-1], before) if before.strip() else 0
        clear = not re.match(r"\s*[,،，]\s*[^\W\d_]", after)
        if label and clear and (found.start < 60 or re.search(r"[^\W\d_]", before)):
            rank = label if _starts_label(before) else 0
        elif not label:
            foot = _AGENCY_FOOT.match(_TIME.sub("", after[:60]))
            closed = foot is not None and foot[0].strip(" .:г") != ""
            if (
                (re.fullmatch(rf"\W{{0,3}}{_PLACE}\s*[(（]", before) and re.match(r"\s*[)）]\s*[—–:-]", after))
                or (_AGENCY_HEAD.match(before) and closed)
                or (before.strip(" ([（,،.:-–—") and _AGENCY.fullmatch(before.strip(" ([（,،.:-–—")))
                or (_WIDE_HEAD.match(before) and re.match(r"(?:日)?(?:电|電|讯|訊|＝|=)", after))
            ):
                rank = SITED
            elif not before.strip(" ([（【*") and first:
                rest = _TIME.sub("", after).lstrip()
                if (rest[:1] in "-–—|:•·)]）】" and rest[:1]) or (
                    found.numeric
                    and not found.short
                    and after[:1].isspace()
                    and not rest[:1].islower()
                    and found.date.count("-") == 2
                ):
                    rank = BARE
        if rank:
            result.append((found, rank))
            break
    foot_text = line[-ENDS:]
    offset = len(line) - len(foot_text)
    ends = find(foot_text, language, month_first, today) if MAYBE.search(foot_text) else []
    for found in ends[-2:]:
        after = _residue(foot_text[found.end :])
        if words_of(after) or foot_text[found.end :].strip() in {".", "。", "…", "!", "?"}:
            continue
        before = foot_text[: found.start]
        rank = _tail_rank(before)
        if rank and offset + found.start >= (result[-1][0].end if result else 0):
            moved = replace(found, start=offset + found.start, end=offset + found.end)
            result.append((moved, rank))
    return result


def _starts_label(before: str) -> bool:
    lead = before.strip(" \t([（【*_#>")
    match = _PUBLISHED_AT.match(lead) or _UPDATED_AT.match(lead)
    if match:
        return len(words_of(lead[match.end() :])) <= 8
    match = _PUBLISHED_AT.search(lead) or _UPDATED_AT.search(lead)
    return match is not None and match[0][0].isupper() and len(words_of(lead[match.end() :])) <= 3


def _tail_rank(before: str) -> int:
    """How surely a date that ends a paragraph is set off from its last sentence as a stamp of its own."""
    cut = max((match.end() for match in re.finditer(r"[.!?…。！？؟)\]）»”](?:\s|$)", before)), default=0)
    between = before[cut:]
    label = _label(between.strip(" (["), between)
    if label:
        return label
    if not cut or _ABOUT.search(between):
        return 0
    left = words_of(_LINKING.sub(" ", _residue(between)))
    if not left:
        return BARE
    return TIMED if len(left) <= 4 and between.upper() == between and between.lower() != between else 0

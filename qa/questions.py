"""What a question says about language and time.

Only an adverbial phrase of time is taken for a filter: "in 2018", "avant 2020", "seit Februar 2024", "в 2018 году",
"2018年". A date that belongs to a noun is not one ("the 2010 treaty", "le traité de 2010", "2010年的条约"), nor one
that says when the thing asked about was made ("signed in 2010"), nor a purpose ("pour 2024") or a day still to come,
nor "today", which mostly means "nowadays". One ambiguity remains: "on 4 February 2026" may be the day of the event and
not of the article. The two rarely differ by more than a day, and whoever asks can take the filter off.

Names of months stand here again, though dateparser knows them: importing it would double the time of a question.
"""

from __future__ import annotations

import calendar
import datetime
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from qa.spoken import UNTOLD, language_of


@dataclass(frozen=True, slots=True)
class Understood:
    """A question's language, and the days between which it wants its answer published."""

    language: str  # ISO 639-1; "und" when the words do not tell
    since: datetime.date | None  # first day, inclusive; None: the question sets none
    until: datetime.date | None  # last day, inclusive
    phrase: str | None  # the exact words that say so; None: the question says nothing of time
    start: int | None  # question[start:end] == phrase, in characters
    end: int | None

    @property
    def is_short(self) -> bool:
        """Whether it names a quarter at most, which takes more than the number of a year to say."""
        return self.since is not None and self.until is not None and self.until - self.since < _SHORT


_SHORT = datetime.timedelta(days=100)
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")


def understand(question: str, *, today: datetime.date) -> Understood:
    """Reads the language of `question` and its phrase of time, counted from `today`. Never raises."""
    language = language_of(question)
    told = (language,) if language in _TABLES else tuple(_TABLES) if language == UNTOLD else ()
    for name in told:
        if language == UNTOLD and _TABLES[name].bare and not _WIDE.search(question):
            continue
        span = _relative(question, name, today) or _absolute(question, name, today)
        if span is not None:
            return Understood(language, span.since, span.until, question[span.start : span.end], span.start, span.end)
    return Understood(language, None, None, None, None, None)


# ------------------------------------------------------------ months and dates

_MONTHS = (
    "janvier janv january jan enero ene januar jänner gennaio gen janeiro январь января январе янв يناير جانفي",
    "février fevrier févr fev fév february feb febrero februar feber febbraio fevereiro февраль февраля феврале фев "
    "فبراير شباط فيفري",
    "mars march mar marzo märz maerz março marco март марта марте مارس آذار",
    "avril avr april apr abril abr aprile апрель апреля апреле апр أبريل ابريل نيسان أفريل",
    "mai may mayo maggio maio май мая мае مايو أيار",
    "juin june jun junio juni giugno junho июнь июня июне июн يونيو حزيران جوان",
    "juillet juil july jul julio juli luglio julho июль июля июле июл يوليو تموز جويلية",
    "août aout august aug agosto ago август августа августе авг أغسطس اغسطس آب أوت",
    "septembre sept sep september septiembre setiembre settembre setembro set сентябрь сентября сентябре сен سبتمبر "
    "أيلول",
    "octobre oct october octubre oktober okt ottobre ott outubro out октябрь октября октябре окт أكتوبر اكتوبر",
    "novembre nov november noviembre novembro ноябрь ноября ноябре ноя نوفمبر",
    "décembre decembre déc dec december diciembre dic dezember dez dicembre dezembro декабрь декабря декабре дек "
    "ديسمبر",
)
_MONTH = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_NAMES = "|".join(sorted((re.escape(name) for name in _MONTH), key=len, reverse=True))

# Quarters, halves and seasons: what they are called (patterns). A winter is left out: nobody says of which of its two
# years it is.
_ORDERS = (
    r"premier|1er|first|1st|primer|erste[nrs]?|1\.|primo|primeiro|1[oº°]|перво[мйе]\w*|1-[мйе]|الأول|第?[一1]",
    r"deuxième|second|2e|2nd|segundo|zweite[nrs]?|2\.|secondo|2[oº°]|второ[мйе]\w*|2-[мйе]|الثاني|第?[二2]",
    r"troisième|3e|third|3rd|tercer|dritte[nrs]?|3\.|terzo|terceiro|3[oº°]|третье[мй]\w*|3-[мйе]|الثالث|第?[三3]",
    r"quatrième|4e|fourth|4th|cuarto|vierte[nrs]?|4\.|quarto|4[oº°]|четв[её]рто[мй]\w*|4-[мйе]|الرابع|第?[四4]",
)


def _counted_part(number: int, unit: str, short: str, arabic: str, wide: str) -> str:
    order = _ORDERS[number - 1]
    return rf"(?:{order})\s+(?:{unit})|{short}{number}(?!\d)|(?:{arabic})\s+(?:{order})|(?:{order})(?:{wide})"


_QUARTER = (r"trimestre|quarter|quartal|квартал[еау]?", "[qt]", "الربع", "季度|四半期")
_HALF = (r"semestre|half|halbjahr|полугоди[еия]|semester", "[hs]", "النصف", "半年")
_PARTS = (  # the first and the last month
    *((3 * number - 2, 3 * number, _counted_part(number, *_QUARTER)) for number in (1, 2, 3, 4)),
    *((6 * number - 5, 6 * number, _counted_part(number, *_HALF)) for number in (1, 2)),
    (3, 5, r"printemps|spring|primavera|frühling|frühjahr|весн(?:ой|а|ы|у)|ربيع|春(?:天|季)?"),
    (6, 8, r"été|summer|verano|sommer|estate|verão|лет(?:ом|о|а)|صيف|夏(?:天|季)?"),
    (9, 11, r"automne|autumn|fall|otoño|herbst|autunno|outono|осень(?:ю)?|осени|خريف|秋(?:天|季)?"),
)
_PART = "|".join(f"(?:{words})" for _, _, words in _PARTS)


@dataclass(frozen=True, slots=True)
class _Span:
    start: int
    end: int
    since: datetime.date | None
    until: datetime.date | None
    ranged: bool = False  # from one date to another


@lru_cache(maxsize=1)
def _date_pattern() -> re.Pattern[str]:
    of = r"(?:de\s+|del\s+|of\s+)?"
    ordinal = r"(?:er|st|nd|rd|th|º|°|\.)?"
    joined = (r"(?:au|à|et|to|and|until|till|al?|y|bis|und|ed?|até|по|и|до|إلى|حتى|و|[-–—])"
              r"\s*(?:(?:le|the|el|il|o|de[mn])\s+)?")
    month = rf"(?:{_NAMES})(?!\w)\.?"
    return re.compile(
        "|".join(
            [
                r"(?<![\d./-])(?P<iy>\d{4})-(?P<im>\d{1,2})(?:-(?P<id>\d{1,2}))?(?![\d年-])",
                r"(?<![\d./-])(?P<nd>\d{1,2})[/.](?P<nm>\d{1,2})[/.](?P<ny>\d{4})(?!\d)",
                # two that share a year, or a month and a year: January to March 2022, 3 to 15 March 2022
                rf"(?<!\w)(?P<am>{month})\s*{joined}(?P<an>{month}),?\s+{of}(?P<ay>\d{{4}})(?!\d)",
                rf"(?<![\w.,])(?P<bd>\d{{1,2}}){ordinal}(?:\s+{of}(?P<bm>{month}))?\s*{joined}"
                rf"(?P<be>\d{{1,2}}){ordinal}\s+{of}(?P<bn>{month}),?\s+{of}(?P<by>\d{{4}})(?!\d)",
                rf"(?<!\w)(?P<em>{month})\s+(?P<ed>\d{{1,2}}){ordinal}\s*{joined}(?P<en>{month})?\s*"
                rf"(?P<ee>\d{{1,2}}){ordinal},?\s+(?P<ey>\d{{4}})(?!\d)",
                r"(?<!\d)(?P<zy>\d{4})年(?P<zm>\d{1,2})月?\s?[至到~〜—–-]\s?(?P<zn>\d{1,2})月",
                rf"(?<!\d)(?P<qy>\d{{4}})年の?(?P<qm>{_PART})",
                r"(?<!\d)(?P<cy>\d{4})\s?[年년](?![代])(?:\s?(?P<cm>\d{1,2})\s?[月월](?:\s?(?P<cd>\d{1,2})\s?[日号號일])?)?",
                rf"(?<![\w.,])(?P<td>\d{{1,2}})(?:er|st|nd|rd|th|º|°|"
                rf"\.)?\s+{of}(?P<tm>{_NAMES})(?!\w)\.?,?\s+{of}(?P<ty>\d{{4}})(?!\d)",
                rf"(?<!\w)(?P<um>{_NAMES})(?!\w)\.?\s+(?P<ud>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<uy>\d{{4}})(?!\d)",
                rf"(?<!\w)(?P<wm>{_NAMES})(?!\w)\.?,?\s+{of}(?P<wy>\d{{4}})(?!\d)",
                rf"(?<!\w)(?P<pm>{_PART})(?!\w)\s*{of}(?:من\s+)?(?P<py>\d{{4}})(?![\d年])",
                r"(?<![\w./,-])(?P<ry>\d{4})\s?[-–—]\s?(?P<rz>\d{4})(?:年|(?!\w|[./,–—-]\d))",
                r"(?:(?<![\w./,–—-])|(?<=\sو))(?P<y>\d{4})(?![\w]|[./,–—-]\d|-?s\b|['’]s\b|-?[хx]\b)",
            ]
        ),
        re.I,
    )


def _dates(question: str, language: str, today: datetime.date) -> list[_Span]:
    """The days and months and years a question names, each as the days it covers."""
    spans = []
    for match in _date_pattern().finditer(question):
        part = match.groupdict()
        kind = next(prefix for prefix in "intucwpqrabez" if part[f"{prefix}y"]) if not part["y"] else ""
        if kind and kind in "pqrabez":
            days = _several(kind, part)
            if days is not None and days[0] <= days[1] and days[0] <= today:
                spans.append(_Span(match.start(), match.end(), *days, kind in "rabez"))
            continue
        year = int(part[f"{kind}y"])
        name = part.get(f"{kind}m")
        month = None if name is None else int(name) if name.isdecimal() else _MONTH.get(name.casefold())
        day = int(part[f"{kind}d"]) if part.get(f"{kind}d") else None
        if kind == "n" and month and day and (month > 12 or (language == "en" and day <= 12)):
            month, day = day, month
        try:
            first = datetime.date(year, month or 1, day or 1) if year >= 1800 and day != 0 and month != 0 else None
        except ValueError:
            first = None
        if first is None or first > today:
            continue
        if day:
            last = first
        elif month:
            last = _end(first)
        else:
            last = datetime.date(year, 12, 31)
        spans.append(_Span(match.start(), match.end(), first, last))
    return spans


def _several(kind: str, part: dict[str, str | None]) -> tuple[datetime.date, datetime.date] | None:
    """The days from the first to the last of two dates, or of a part of a year; None when there are none such."""
    year = int(part[f"{kind}y"] or 0)
    if year < 1800:
        return None
    if kind in "pq":
        return _part_of_year(year, part[f"{kind}m"] or "")
    try:
        if kind == "r":
            return datetime.date(year, 1, 1), datetime.date(int(part["rz"] or 0), 12, 31)
        last = _number(part[f"{kind}n"]) or _number(part[f"{kind}m"])
        first = _number(part[f"{kind}m"]) or last
        if kind in "be":
            return (datetime.date(year, first, int(part[f"{kind}d"] or 0)),
                    datetime.date(year, last, int(part[f"{kind}e"] or 0)))
        return datetime.date(year, first, 1), _end(datetime.date(year, last, 1))
    except ValueError:
        return None


def _number(month: str | None) -> int:
    """The number of a month by its name or its figures; 0 where there is none."""
    if month is None:
        return 0
    return int(month) if month.isdecimal() else _MONTH[month.rstrip(".").casefold()]


def _part_of_year(year: int, name: str) -> tuple[datetime.date, datetime.date]:
    first, last = next((first, last) for first, last, words in _PARTS if re.fullmatch(words, name, re.I))
    return datetime.date(year, first, 1), _end(datetime.date(year, last, 1))


def _end(day: datetime.date) -> datetime.date:
    """The last day of its month."""
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def _before(day: datetime.date) -> datetime.date:
    return day - datetime.timedelta(days=1)


# ------------------------------------------------------------ phrases with a date


@dataclass(frozen=True, slots=True)
class _Table:
    """What stands before or after a date, in one language, to make it a phrase of time (patterns, case ignored)."""

    within: str  # in 2018, during March 2021
    on: str  # on 4 February 2026: only before a day
    since: str  # 2018 and all that follows
    after: str  # what follows 2018
    before: str  # what precedes 2018
    until: str  # all up to the end of 2018
    between: tuple[tuple[str, str], ...]  # what opens a range, and what stands between its two ends
    part: str = ""  # "the beginning of", "the year": may stand between the preposition and the date
    tail: str = ""  # words after a year that belong to it
    bare: bool = False  # a date without preposition is adverbial
    attribute: str = ""  # what, right after a date, makes it belong to a noun
    tails: tuple[
        tuple[str, str], ...
    ] = ()  # (what follows the date, one of the kinds above), for languages that put it there
    season: str = ""  # in spring 2023: only before a part of a year
    made: str = ""  # participles after which the date tells when something was made


_TABLES = {
    "fr": _Table(
        within=r"en|dans|au\s+cours\s+de|pendant|durant|courant|au\s+mois\s+de|(?:à\s+la\s+|en\s+)?fin(?:\s+de)?|"
            r"(?:au\s+)?début(?:\s+de)?|(?:à\s+la\s+)?mi-?|(?:articles?|nouvelles?|textes?)\s+de|publiée?s?\s+en",
        season=r"au|à\s+l['’]|à",
        on=r"le|à\s+la\s+date\s+du|(?:l['’])?(?:articles?|nouvelles?)\s+du",
        since=r"depuis|à\s+partir\s+d[eu]|dès|à\s+compter\s+d[eu]",
        after=r"après|postérieure?s?\s+à",
        before=r"avant|d['’]avant|antérieure?s?\s+à",
        until=r"jusqu['’](?:en|au?|à)|d['’]ici",
        between=((r"entre", r"et"), (r"de|du|d['’]", r"à|au|jusqu['’](?:en|au?)")),
        part=r"le|l['’]année|l['’]an|(?:le\s+|au\s+)?début|(?:la\s+)?fin|(?:la\s+)?mi-?|(?:le\s+)?mois\s+d(?:e|['’])|"
            r"d['’]année|de",
        made=r"signée?s?|conclue?s?|ratifiée?s?|adoptée?s?|fondée?s?|créée?s?|née?s?|construite?s?|datant|mort(?:e|"
            r"s)?|instaurée?s?",
    ),
    "en": _Table(
        within=r"in|during|throughout|at(?=\s+the\s+(?:beginning|start|end)\s)|(?:articles?|news|stories)\s+(?:of|from)|published\s+in|back\s+in",
        on=r"on|(?:articles?|news|stories)\s+(?:of|from)",
        since=r"since|starting\s+(?:in|from)|beginning\s+in|as\s+of",
        after=r"after|later\s+than",
        before=r"before|prior\s+to|earlier\s+than",
        until=r"until|till|up\s+to|through|by",
        between=((r"between", r"and"), (r"from", r"to|until|till|through")),
        part=r"early|late|mid-?|the\s+year|the\s+(?:beginning|start|end|middle)\s+of|the\s+month\s+of|the",
        made=r"signed|concluded|ratified|adopted|founded|created|born|built|established|enacted|dating\s+from|died",
    ),
    "es": _Table(
        within=r"en|durante|a\s+lo\s+largo\s+de|(?:artículos?|noticias?)\s+de|a",
        on=r"el|el\s+día|(?:artículos?|noticias?)\s+del",
        since=r"desde|a\s+partir\s+del?",
        after=r"después\s+del?|tras|posteriores?\s+a",
        before=r"antes\s+del?|anteriores?\s+a",
        until=r"hasta",
        between=((r"entre", r"y|e"), (r"desde|del?", r"hasta|al?")),
        part=r"el(?:\s+año)?|el\s+mes\s+de|principios\s+de|comienzos\s+de|fin(?:al)?es\s+de|mediados\s+de|año",
        made=r"firmad[oa]s?|concluid[oa]s?|ratificad[oa]s?|adoptad[oa]s?|fundad[oa]s?|cread[oa]s?|nacid[oa]s?|"
            r"construid[oa]s?",
    ),
    "de": _Table(
        within=r"in|im|während|anfang|ende|mitte|(?:artikel|nachrichten|meldungen)\s+(?:von|aus)|aus\s+dem",
        on=r"am|(?:artikel|nachrichten|meldungen)\s+vom",
        since=r"seit|ab",
        after=r"nach",
        before=r"vor",
        until=r"bis(?:\s+zum)?",
        between=((r"zwischen", r"und"), (r"von|vom", r"bis(?:\s+zum)?")),
        part=r"dem|den|im|jahre?|dem\s+jahre?|monat|anfang|ende|mitte",
        made=r"unterzeichnete?[rsnm]?|geschlossene?[rsnm]?|gegründete?[rsnm]?|geborene?[rsnm]?|gebaute?[rsnm]?",
    ),
    "it": _Table(
        within=r"nell['’]|nel|in|durante|a|ad|(?:articoli|notizie)\s+del",
        on=r"il|l['’]|(?:articoli|notizie)\s+del",
        since=r"dal?|dall['’]|a\s+partire\s+dal?",
        after=r"dopo(?:\s+il)?|successiv[oaie]\s+al",
        before=r"prima\s+del|anterior[ei]\s+al",
        until=r"fino\s+al?",
        between=((r"tra|fra", r"ed?"), (r"dal?", r"al?|fino\s+al?")),
        part=r"il|l['’]|anno|mese\s+di|inizio|fine|metà",
        made=r"firmat[oaie]|conclus[oaie]|ratificat[oaie]|fondat[oaie]|creat[oaie]|nat[oaie]|costruit[oaie]",
    ),
    "pt": _Table(
        within=r"em|no|durante|ao\s+longo\s+de|(?:artigos?|notícias?)\s+de",
        on=r"em|no\s+dia|a|(?:artigos?|notícias?)\s+de",
        since=r"desde|a\s+partir\s+d[eo]",
        after=r"depois\s+d[eo]|após|posterior(?:es)?\s+a",
        before=r"antes\s+d[eo]|anterior(?:es)?\s+a",
        until=r"até",
        between=((r"entre", r"e"), (r"de|desde", r"até|a")),
        part=r"o|ano\s+de|mês\s+de|início\s+de|começo\s+de|fim\s+de|final\s+de|finais\s+de|meados\s+de|ano",
        made=r"assinad[oa]s?|concluíd[oa]s?|ratificad[oa]s?|fundad[oa]s?|criad[oa]s?|nascid[oa]s?|construíd[oa]s?",
    ),
    "ru": _Table(
        within=r"в|во|в\s+течение|(?:статьи|новости)\s+за",
        on=r"(?:статьи|новости)\s+от",
        since=r"с|со|начиная\s+с",
        after=r"после",
        before=r"до|ранее|раньше",
        until=r"по",
        between=((r"между", r"и"), (r"с|со", r"по|до")),
        part=r"начале|конце|середине|начала|конца|года?",
        tail=r"году?|года|годом|годами|гг?\.",
        made=r"подписан\w*|заключ\w+н\w*|основан\w*|создан\w*|рожд\w+|родивш\w+|построен\w*|договор|от|для|на",
    ),
    "ar": _Table(
        within=r"في|خلال|أثناء",
        on=r"في|يوم",
        since=r"منذ|ابتداء\s+من",
        after=r"بعد",
        before=r"قبل",
        until=r"حتى|إلى\s+غاية",
        between=((r"بين", r"و\s*"), (r"من", r"إلى|حتى")),
        part=r"عام(?:ي)?|سنة|العام|شهر|بداية|نهاية|أوائل|أواخر|مطلع|يوم|العام|ال",
        tail=r"م(?!\w)",
        made=r"الموقعة?|المبرمة?|المولود|تأسست?",
    ),
    "zh": _Table(
        within=r"在|于", on=r"在|于", since=r"自从?|从", after=r"", before=r"", until=r"截至|截止到?|直到",
        between=((r"从|自|在|", r"至|到|和|与|~|-|—"),),
        tail=r"底|初|末|间|期间|里|内|之间",
        bare=True,
        attribute=r"的|条约|條約|协定|协议|会议|峰会|宣言|声明|疫情|危机|战争|奥运|冬奥|世界杯|世界盃|锦标赛|大选|预算|计划|目标|版",
        tails=((r"(?:以来|以來|起|之?后以?来|开始)", "since"), (r"(?:以后|之后|以後|之後|后)", "after"),
               (r"[底末](?:以前|之前|前)", "until"), (r"初?(?:以前|之前|前)", "before")),
        made=r"为|對|对|签署于|建于|成立于|生于",
    ),
    "ja": _Table(
        within=r"", on=r"", since=r"", after=r"", before=r"", until=r"",
        between=((r"", r"から|~|〜|-"),),
        tail=r"度|中|に|には|頃",
        bare=True,
        attribute=r"の|版|条約|協定|会議|大会|選挙|予算",
        tails=((r"(?:以降|以来|から)(?!\s*\d)", "since"), (r"(?:以後|より後|の後)", "after"), (r"(?:以前|より前|"
            r"の前)", "before"),
        (r"まで", "until")),
    ),
}  # fmt: skip

_UNIT = re.compile(
    r"\s*(?:€|%|\$|£|km|kg|mètres|euros?|dollars?|mots|words|soldats|soldiers|personas|personnes|"
    r"people|Menschen|человек|人|米|公里)(?!\w)",
    re.I,
)


def _absolute(question: str, language: str, today: datetime.date) -> _Span | None:
    """The first phrase with a date in it, joined with the next when one opens and the other closes a time."""
    table = _TABLES[language]
    spans = [span for span in _dates(question, language, today)
             if not _UNIT.match(question, span.end) and not _titled(question, span.start)]
    found: list[_Span] = []
    number = 0
    while number < len(spans):
        one = spans[number]
        other = spans[number + 1] if number + 1 < len(spans) else None
        phrase = _range(question, table, one, other) if other else None
        if phrase:
            number += 1
        phrase = phrase or _single(question, table, one, today)
        if phrase:
            found.append(phrase)
        number += 1
    if len(found) > 1 and found[1].start - found[0].end <= 8 and (found[0].since is None) != (found[1].since is None):
        since, until = found[0].since or found[1].since, found[0].until or found[1].until
        if since and until and since <= until:
            return _Span(found[0].start, found[1].end, since, until)
    return found[0] if found else None


def _titled(question: str, start: int) -> bool:
    """Whether a place is within quotation marks: what is quoted has its dates for itself."""
    curved = ("„", "“") if "„" in question else ("“", "”")  # what opens an English quotation closes a German one
    return any(question.rfind(opening, 0, start) > question.rfind(closing, 0, start)
               for opening, closing in (("«", "»"), curved, ("《", "》"), ("〈", "〉"), ("「", "」"), ("『", "』")))


@lru_cache(maxsize=256)
def _leading(words: str, part: str) -> re.Pattern[str]:
    middle = rf"(?:(?:{part})\s*){{0,3}}" if part else ""
    han = r"(?-i:[\u3400-\u9fff])"  # looking for small and capital letters among them takes 4 ms
    return re.compile(rf"(?<![\w’'-])(?:{words})(?:\s+|(?<=['’])|(?<={han})){middle}$", re.I)


def _opening(question: str, words: str, table: _Table, end: int) -> int | None:
    """Where one of `words` begins that stands before `end`, with nothing between them but parts of a date."""
    if not words:
        return None
    wide = re.compile(rf"(?:{words})\s*$") if table.bare else _leading(words, table.part)
    match = wide.search(question[max(0, end - 80) : end])
    return None if match is None else match.start() + max(0, end - 80)


def _closing(question: str, table: _Table, end: int) -> int:
    """Where a date ends with the words that belong to it."""
    match = (
        re.compile(rf"\s*(?:{table.tail})(?!\w)" if not table.bare else rf"(?:{table.tail})", re.I).match(question, end)
        if table.tail
        else None
    )
    return match.end() if match and match.end() > end else end


def _range(question: str, table: _Table, one: _Span, other: _Span | None) -> _Span | None:
    if other is None or one.since is None or other.until is None:
        return None
    for opening, joining in table.between:
        gap = question[_closing(question, table, one.end) : other.start]
        part = rf"(?:(?:{table.part})\s*){{0,2}}" if table.part else ""
        if not re.fullmatch(rf"\s*(?:{joining})\s*{part}", gap, re.I):
            continue
        start = one.start if opening == "" else _opening(question, opening.rstrip("|"), table, one.start)
        if start is None and opening.endswith("|"):
            start = one.start
        if start is None:
            continue
        first, last = sorted((one, other), key=lambda span: span.since or datetime.date.min)
        end = _closing(question, table, other.end)
        if table.bare and (attribute := re.match(r"の間に?|まで(?:の間)?に?|之间|之間", question[end:])):
            end += attribute.end()
        return _Span(start, end, first.since, last.until)
    return None


def _single(question: str, table: _Table, date: _Span, today: datetime.date) -> _Span | None:
    assert date.since is not None
    assert date.until is not None
    end = _closing(question, table, date.end)
    for words, kind in table.tails:
        match = re.match(words, question[date.end :])
        if match:
            return _bounded(kind, date, date.start, date.end + match.end(), today)
    if date.ranged:
        for opening, _ in table.between:
            start = _opening(question, opening.rstrip("|"), table, date.start)
            if start is not None:
                return _bounded("within", date, start, end, today)
    for kind in ("since", "after", "before", "until", "within"):
        start = _opening(question, getattr(table, kind), table, date.start)
        if start is None or (
            kind == "within" and date.since == date.until and not table.bare and table.on != table.within
        ):
            continue
        if kind == "within" and _is_made(question[:start], table):
            return None
        return _bounded(kind, date, start, end, today)
    if re.match(_PART, question[date.start : date.end], re.I):
        start = _opening(question, table.season, table, date.start)
        if start is None and re.match("весной|летом|осенью", question[date.start :], re.I):
            start = date.start
        if start is not None and not _is_made(question[:start], table):
            return _bounded("within", date, start, end, today)
    if date.since == date.until:
        start = _opening(question, _weekday(table.on), table, date.start)
        if start is not None and not _is_made(question[:start], table):
            return _bounded("within", date, start, end, today)
        if table is _TABLES["ru"] and not _is_made(question[: date.start], table):
            return _bounded("within", date, date.start, end, today)
    if table.bare and not re.match(table.attribute, question[end:]) and not _is_made(question[: date.start], table):
        return _bounded("within", date, date.start, end, today)
    return None


_DAYS = (
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|monday|tuesday|wednesday|thursday|friday|saturday|sunday|"
    r"lunes|martes|miércoles|jueves|"
    r"viernes|sábado|domingo|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|lunedì|martedì|mercoledì|"
    r"giovedì|venerdì|sabato|domenica"
)


def _weekday(words: str) -> str:
    return rf"(?:{words})(?:\s+(?:{_DAYS}),?(?:\s+the|,?\s+(?:den|dem))?)?"


def _is_made(before: str, table: _Table) -> bool:
    """Whether the word before a phrase tells of the making of something, so that the date is that of the thing."""
    return (
        bool(table.made)
        and re.search(rf"(?<!\w)(?:{table.made})\s*$" if not table.bare else rf"(?:{table.made})$", before, re.I)
        is not None
    )


def _bounded(kind: str, date: _Span, start: int, end: int, today: datetime.date) -> _Span | None:
    """The days that a kind of phrase leaves open; None for a bound that has yet to come, which is a plan."""
    assert date.since is not None
    assert date.until is not None
    if kind == "within":
        return _Span(start, end, date.since, date.until)
    if kind == "since":
        return _Span(start, end, date.since, None)
    if kind == "after":
        return _Span(start, end, date.until + datetime.timedelta(days=1), None) if date.until < today else None
    until = _before(date.since) if kind == "before" else date.until
    return _Span(start, end, None, until) if until <= today else None


# ------------------------------------------------------------ phrases counted from today

_Ago = tuple[str, int]  # a unit and how many of them back: ("week", 1) is last week, ("day", 1) is yesterday

_RELATIVE: dict[str, tuple[tuple[str, _Ago], ...]] = {
    "fr": (
        (r"avant-hier", ("day", 2)), (r"hier", ("day", 1)),
        (r"cette\s+semaine", ("week", 0)), (r"ce\s+mois(?:-ci)?", ("month", 0)), (r"cette\s+année", ("year", 0)),
        (r"la\s+semaine\s+(?:dernière|passée|précédente)", ("week", 1)), (r"le\s+mois\s+(?:dernier|"
            r"passé)", ("month", 1)),
        (r"l['’](?:an|année)\s+(?:derni(?:er|ère)|passée?)", ("year", 1)),
        (r"(?:ces|les|au\s+cours\s+des|durant\s+les)\s+(?P<n>\w+)\s+(?:derni(?:ers|ères)\s+(?P<unit>jours|semaines|"
            r"mois|ans|années)|(?P<unit2>jours|semaines|mois|ans|années)\s+(?:derni(?:ers|ères)|"
            r"passée?s))", ("span", 0)),
    ),
    "en": (
        (r"the\s+day\s+before\s+yesterday", ("day", 2)), (r"yesterday", ("day", 1)),
        (r"this\s+week", ("week", 0)), (r"this\s+month", ("month", 0)), (r"this\s+year", ("year", 0)),
        (r"last\s+week", ("week", 1)), (r"last\s+month", ("month", 1)), (r"last\s+year", ("year", 1)),
        (r"(?:in|over|during)?\s*(?:the\s+)?(?:last|past)\s+(?P<n>\w+)\s+(?P<unit>days|weeks|months|"
            r"years)", ("span", 0)),
    ),
    "es": (
        (r"anteayer", ("day", 2)), (r"ayer", ("day", 1)),
        (r"esta\s+semana", ("week", 0)), (r"este\s+mes", ("month", 0)), (r"este\s+año", ("year", 0)),
        (r"la\s+semana\s+pasada", ("week", 1)), (r"el\s+mes\s+pasado", ("month", 1)),
        (r"el\s+año\s+pasado", ("year", 1)),
        (r"(?:en\s+|durante\s+)?l[oa]s\s+últim[oa]s\s+(?P<n>\w+)\s+(?P<unit>días|semanas|meses|años)", ("span", 0)),
    ),
    "de": (
        (r"vorgestern", ("day", 2)), (r"gestern", ("day", 1)),
        (r"(?:in\s+)?diese[r]?\s+woche", ("week", 0)), (r"(?:in\s+)?diese[nm]\s+monat", ("month", 0)),
        (r"(?:in\s+)?diese[sm]\s+jahr", ("year", 0)),
        (r"(?:in\s+der\s+)?(?:letzte|vorige|vergangene)[nr]?\s+woche", ("week", 1)), (r"(?:im\s+)?(?:letzte|vorige|"
            r"vergangene)[nm]\s+monat", ("month", 1)),
        (r"(?:im\s+)?(?:letzte[snm]|vorige[snm]|vergangene[snm])\s+jahr", ("year", 1)),
        (r"(?:in\s+)?den\s+(?:letzten|vergangenen)\s+(?P<n>\w+)\s+(?P<unit>tagen|wochen|monaten|jahren)", ("span", 0)),
    ),
    "it": (
        (r"l['’]altro\s*ieri", ("day", 2)), (r"ieri", ("day", 1)),
        (r"questa\s+settimana", ("week", 0)), (r"questo\s+mese", ("month", 0)), (r"quest['’]\s?anno", ("year", 0)),
        (r"la\s+(?:settimana\s+scorsa|scorsa\s+settimana)", ("week", 1)), (r"(?:il\s+mese\s+scorso|"
            r"lo\s+scorso\s+mese)", ("month", 1)),
        (r"(?:l['’]anno\s+scorso|lo\s+scorso\s+anno)", ("year", 1)),
        (r"(?:ne)?gli\s+ultimi\s+(?P<n>\w+)\s+(?P<unit>giorni|mesi|anni)", ("span", 0)), (r"(?:nelle|"
            r"le)\s+ultime\s+(?P<n>\w+)\s+(?P<unit>settimane)", ("span", 0)),
    ),
    "pt": (
        (r"anteontem", ("day", 2)), (r"ontem", ("day", 1)),
        (r"(?:n)?esta\s+semana", ("week", 0)), (r"(?:n)?este\s+mês", ("month", 0)), (r"(?:n)?este\s+ano", ("year", 0)),
        (r"(?:n?a\s+)?semana\s+passada", ("week", 1)), (r"(?:n?o\s+)?mês\s+passado", ("month", 1)),
        (r"(?:n?o\s+)?ano\s+passado", ("year", 1)),
        (r"(?:n)?[oa]s\s+últim[oa]s\s+(?P<n>\w+)\s+(?P<unit>dias|semanas|meses|anos)", ("span", 0)),
    ),
    "ru": (
        (r"позавчера", ("day", 2)), (r"вчера", ("day", 1)),
        (r"на\s+этой\s+неделе", ("week", 0)), (r"в\s+этом\s+месяце", ("month", 0)), (r"в\s+этом\s+году", ("year", 0)),
        (r"на\s+прошлой\s+неделе|(?<=\bс )прошлой\s+недели", ("week", 1)),
        (r"в\s+прошлом\s+месяце|(?<=\bс )прошлого\s+месяца", ("month", 1)),
        (r"в\s+прошлом\s+году|(?<=\bс )прошлого\s+года", ("year", 1)),
        (r"за\s+последни[ех]\s+(?P<n>\w+)\s+(?P<unit>дн(?:я|ей)|недел[иь]|месяц(?:а|ев)|год(?:а)|лет)", ("span", 0)),
    ),
    "zh": (
        (r"前天", ("day", 2)), (r"昨天|昨日", ("day", 1)),
        (r"(?:本|这|這)(?:一|个|個)?(?:周|週|星期)", ("week", 0)), (r"本月|(?:这|這)(?:个|個)月", ("month", 0)),
        (r"今年", ("year", 0)),
        (r"上(?:个|個|一)?(?:周|週|星期)", ("week", 1)), (r"上(?:个|個)?月", ("month", 1)), (r"去年", ("year", 1)),
        (r"(?:最近|过去|過去|近)(?P<n>\d+|[一二两三四五六七八九十]+)(?:个|個)?(?P<unit>天|日|周|週|星期|月|"
            r"年)", ("span", 0)),
    ),
    "ja": (
        (r"一昨日|おととい", ("day", 2)), (r"昨日", ("day", 1)),
        (r"今週", ("week", 0)), (r"今月", ("month", 0)), (r"今年", ("year", 0)), (r"先週", ("week", 1)),
        (r"先月", ("month", 1)),
        (r"昨年|去年", ("year", 1)),
        (r"(?:過去|最近の?|ここ)(?P<n>\d+|[一二三四五六七八九十]+)(?:か|ヶ|カ|ケ)?(?P<unit>日間?|週間?|月間?|"
            r"年間?)", ("span", 0)),
    ),
    "ar": (
        (r"أول\s+أمس", ("day", 2)), (r"أمس", ("day", 1)),
        (r"هذا\s+الأسبوع", ("week", 0)), (r"هذا\s+الشهر", ("month", 0)), (r"هذا\s+العام|هذه\s+السنة", ("year", 0)),
        (r"الأسبوع\s+الماضي", ("week", 1)), (r"الشهر\s+الماضي", ("month", 1)), (r"العام\s+الماضي|"
            r"السنة\s+الماضية", ("year", 1)),
        (r"(?:خلال\s+|في\s+)?(?:آخر|ال)\s*(?P<n>\d+)\s+(?P<unit>يوما?|أيام|أسابيع|أشهر|شهرا?|سنوات|سنة|"
            r"أعوام)", ("span", 0)),
    ),
}  # fmt: skip
_COUNT = {
    word: value
    for value, words in enumerate(
        (
            "one un une uno una um uma ein einem einer einen один одну одна 一 a an",
            "two deux dos zwei due dois duas два две 二 两", "three trois tres drei tre três три 三", "four quatre "
            "cuatro vier quattro quatro четыре 四",
            "five cinq cinco fünf cinque пять 五", "six seis sechs sei шесть 六", "seven sept siete sieben sette sete "
            "семь 七",
            "eight huit ocho acht otto oito восемь 八", "nine neuf nueve neun nove девять 九",
            "ten dix diez zehn dieci "
            "dez десять 十",
        ), 1,
    )
    for word in words.split()
}  # fmt: skip
_UNITS = {
    "day": re.compile(r"jour|day|d[ií]a|tag|giorn|дн|天|日|يوم|أيام"),
    "week": re.compile(r"sem|week|woche|settiman|недел|周|週|星期|أساب"),
    "month": re.compile(r"mois|month|mes|mon|mês|месяц|月|شهر|أشهر"),
    "year": re.compile(r"an|year|año|jahr|год|лет|年|سن|أعوام"),
}


# Two years ago: "n" of a unit back (patterns).
_AGO = {
    "fr": r"il\s+y\s+a\s+(?P<n>\w+)\s+(?P<unit>jours?|semaines?|mois|ans?|années?)",
    "en": r"(?P<n>\w+)\s+(?P<unit>days?|weeks?|months?|years?)\s+ago",
    "es": r"hace\s+(?P<n>\w+)\s+(?P<unit>días?|semanas?|mes(?:es)?|años?)",
    "de": r"vor\s+(?P<n>\w+)\s+(?P<unit>tag(?:en?)?|wochen?|monat(?:en?)?|jahr(?:en?)?)",
    "it": r"(?P<n>\w+)\s+(?P<unit>giorn[oi]|settiman[ae]|mes[ei]|ann[oi])\s+fa",
    "pt": r"há\s+(?P<n>\w+)\s+(?P<unit>dias?|semanas?|mês|meses|anos?)(?:\s+atrás)?",
    "ru": r"(?P<n>\w+)\s+(?P<unit>дн(?:я|ей)|день|недел[иьюя]|месяц(?:а|ев)?|год(?:а)?|лет)\s+(?:тому\s+)?назад",
    "zh": r"(?P<n>(?<!\d)\d{1,2}|[一二两三四五六七八九十]+)(?:个|個)?(?P<unit>天|日|周|週|星期|月|年)(?:之|以)?前",
    "ja": r"(?P<n>(?<!\d)\d{1,2}|[一二三四五六七八九十]+)(?:か|ヶ|カ|ケ)?(?P<unit>日|週間|月|年)前",
    "ar": r"قبل\s+(?P<n>\d+|\w+)\s+(?P<unit>أيام|أسابيع|أشهر|شهرا|سنوات|سنة|أعوام)",
}


def _relative(question: str, language: str, today: datetime.date) -> _Span | None:
    for words, (unit, ago) in (*_RELATIVE[language], (_AGO[language], ("ago", 0))):
        edges = ("", "") if language in {"zh", "ja"} else (r"(?<![\w-])", r"(?!\w)")
        match = re.search(edges[0] + rf"(?:{words})" + edges[1], question, re.I)
        if match is None:
            continue
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        if language in {"zh", "ja"} and re.match("的条约|的会议", question[match.end() :]):
            continue
        try:
            if unit in {"span", "ago"}:
                count = _count(match["n"])
                name = (match.groupdict().get("unit") or match.groupdict().get("unit2") or "").casefold()
                measure = next((key for key, pattern in _UNITS.items() if pattern.match(name)), None)
                if count is None or measure is None:
                    continue
                if unit == "span":
                    return _Span(start, match.end(), _back(today, measure, count), today)
                unit, ago = measure, count
            return _counted(question, _TABLES[language], _Span(start, match.end(), *_unit(today, unit, ago)), today)
        except (ValueError, OverflowError):
            continue
    return None


def _counted(question: str, table: _Table, days: _Span, today: datetime.date) -> _Span | None:
    """The days, or what follows or precedes them where a word beside them says so: since last year."""
    for words, kind in table.tails:
        match = re.match(words, question[days.end :])
        if match:
            return _bounded(kind, days, days.start, days.end + match.end(), today)
    for kind in ("since", "after", "before", "until"):
        start = _opening(question, getattr(table, kind), table, days.start)
        if start is not None:
            return _bounded(kind, days, start, days.end, today)
    return days


def _count(word: str) -> int | None:
    plain = unicodedata.normalize("NFKC", word).casefold()
    return int(plain) if plain.isdecimal() and len(plain) < 5 else _COUNT.get(plain)


def _back(today: datetime.date, unit: str, count: int) -> datetime.date:
    """The day `count` units before today; the last day of the month where the month is shorter."""
    if unit in {"day", "week"}:
        return today - datetime.timedelta(days=count * (7 if unit == "week" else 1))
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
    for day in range(today.day, 27, -1):
        try:
            return datetime.date(months // 12, months % 12 + 1, day)
        except ValueError:
            continue
    return datetime.date(months // 12, months % 12 + 1, min(today.day, 27))


def _unit(today: datetime.date, unit: str, ago: int) -> tuple[datetime.date, datetime.date]:
    """First and last day of the day, week (from Monday), month or year that was `ago` units ago."""
    if unit == "day":
        day = today - datetime.timedelta(days=ago)
        return day, day
    if unit == "week":
        monday = today - datetime.timedelta(days=today.weekday() + 7 * ago)
        return monday, monday + datetime.timedelta(days=6)
    if unit == "month":
        first = _back(today.replace(day=1), "month", ago)
        return first, _end(first)
    return datetime.date(today.year - ago, 1, 1), datetime.date(today.year - ago, 12, 31)

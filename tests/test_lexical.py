"""How text is folded into words, and that the word index scores by the book, filters exactly and repeats itself."""

from __future__ import annotations

import tempfile
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from qa.cuts import Sentences
from qa.lexical import NAME, Lexical
from qa.names import Name
from qa.weighing import build
from qa.words import terms, token_spans, tokens

APOSTROPHES = "'\u2019\u2018\u201b\u02bc\u2032\uff07`\u00b4"
LETTERS = "abcdefghiklmnopqrstuvwxyzàâäçéèêëîïôöùûüÿœæßøłñãõåčšžğşαβγδεζθάέήίόύώςабвгдежзийклмнопрстуфхцчшщыьэюяёїіўєґ"
SCRIPTS = LETTERS + "中国和俄罗斯日本語ガがカタか러시아가대통령हिन्दीमेंक़قالالرئيسةأإىภาษาไทยצהל0123456789٠١٢५"
SIGNS = " .,;:!?-'’«»\"()%€$/_\n\u00a0\u202f\u00ad\u200d。，！？؟।"

texts = st.text(st.sampled_from(SCRIPTS + SIGNS), max_size=60) | st.text(max_size=60)
words_of_letters = st.text(st.sampled_from(LETTERS), min_size=1, max_size=12)
small_texts = st.lists(st.sampled_from(("aa", "bb", "cc", "dd", "Kenya", "kenyan", "中国")), max_size=6).map(" ".join)


def write_index(folder: Path, *passages: str) -> None:
    vocabulary: dict[str, int] = {}
    numbers = [[vocabulary.setdefault(word, len(vocabulary)) for word in tokens(text)] for text in passages]
    build(folder, [np.array(own, np.int64) for own in numbers], vocabulary)


@contextmanager
def indexed(*passages: str) -> Iterator[Lexical]:
    with tempfile.TemporaryDirectory() as folder:
        write_index(Path(folder) / "words", *passages)
        index = Lexical(Path(folder) / "words")
        yield index
        del index  # the maps are closed before the folder goes, as Windows demands


# --- folding: what a reader takes for the same word gives the same token ----------------------------------------


@pytest.mark.parametrize(("text", "expected"), [
    # case, accents, ligatures
    ("ÉTÉ été Ete", "ete ete ete"),
    ("Œuvre œuvre oeuvre", "oeuvre oeuvre oeuvre"),
    ("Straße STRASSE", "strasse strasse"),
    ("Łódź Tromsø Ærø", "lodz tromso aero"),
    ("İstanbul ISPARTA ısparta", "istanbul isparta isparta"),
    ("ﬁn ＡＢＣ", "fin abc"),
    # apostrophes: elisions go, a possessive goes, what is one word stays one
    ("l'Iran d’Ukraine qu'il jusqu‘à", "iran ukraine il a"),
    ("aujourd'hui d’aujourd’hui quelqu’un", "aujourdhui aujourdhui quelquun"),
    ("Kenya's Kenya’s the rowers' boats", "kenya kenya the rowers boats"),
    ("don't O'Brien's rock'n'roll", "dont obrien rocknroll"),
    ("dell'arte un'altra l'11 août", "arte altra 11 aout"),
    ("İstanbul'da Ankara’nın", "istanbul ankara"),
    ("м'ята п’ять", "мята пять"),
    # hyphens, underscores, initials, letters with digits
    ("Franco-allemand dit-elle", "franco allemand dit elle"),
    ("U.S.A. O.N.U e.g.", "usa onu eg"),
    ("F-16 F16 covid-19", "f16 f 16 f16 covid19 covid 19"),
    ("snake_case _x_", "snake case x"),
    ("G20 5G B2B", "g20 5g b2b"),
    # numbers
    ("260 000; 260\u202f000; 260,000; 260.000; 260'000; 260000", "260000 260000 260000 260000 260000 260000"),
    ("3,5 3.5 0,125 1.234,56 1,234.56", "3.5 3.5 0.125 1234.56 1234.56"),
    ("25 % 25% 50％", "25 % 25 % 50 %"),
    ("200 milliards, 90 €", "200 milliards 90 €"),
    ("24/02/2018 24.02.2018 2018-02-24", "24 02 2018 24 02 2018 2018 02 24"),
    ("2018, 2019 et 2020.", "2018 2019 et 2020"),
    ("1er 11ème 21st 2º", "1 11 21 2"),
    # Cyrillic: ё is е, й and ї are letters of their own; stress marks go
    ("Ёлка ёлка елка", "елка елка елка"),
    ("мой мои Київ за́мок", "мой мои київ замок"),
    # Greek
    ("Ἀθῆναι ΑΘΗΝΑΙ σοφός ΣΟΦΟΣ", "αθηναι αθηναι σοφοσ σοφοσ"),
    # Arabic: vowel points, the long stroke, alef, ya, ta marbuta, digits; the article is no part of the word
    ("قَالَ قال قــال", "قال قال قال"),
    ("أحمد احمد إحمد", "احمد احمد احمد"),
    ("الرئيس والرئيس رئيس للرئيس", "رييس رييس رييس رييس"),
    ("مدينة المدينه الله", "مدينه مدينه الله"),
    ("٢٠١٨ ٢٥٪ ٣٫٥ ۲۰۱۸", "2018 25 % 3.5 2018"),
    # Hebrew: points go, the sign of an abbreviation goes
    ("שָׁלוֹם שלום צה״ל", "שלום שלום צהל"),
    # Hindi: vowels stay, the dot below goes, digits
    ("हिन्दी क़लम कलम २०१८", "हिन्दी कलम कलम 2018"),
    # Chinese and Japanese: each sign and each pair
    ("中国外", "中 中国 国 国外 外"),
    ("2018年", "2018 年"),
    ("iPhone手机", "iphone 手 手机 机"),
    ("ｶﾞｽ ガス", "ガ ガス ス ガ ガス ス"),
    # Korean likewise, so that a particle does not hide the noun
    ("러시아가", "러 러시 시 시아 아 아가 가"),
    # Thai: two and three letters with their marks
    ("ไทย", "ไท ไทย ทย"),
])
def test_folding(text: str, expected: str) -> None:
    """Each form that a reader takes for the same word gives the same token."""
    assert tokens(text) == expected.split()


def test_a_word_is_also_indexed_by_its_beginnings() -> None:
    """Four and six letters of a word's sound stand for its inflections; short words and numbers for themselves."""
    assert set(terms("regatta")) & set(terms("regattas")) == {"rega*", "regata*"}
    assert terms("de") == ("de",)
    assert terms("2018") == ("2018",)
    assert terms("中国") == ("中国",)


@given(texts)
def test_places_are_exact(text: str) -> None:
    """Each place lies in the text and, folded by itself, gives its word again."""
    found = token_spans(text)
    assert [word for word, _, _ in found] == tokens(text)
    for word, start, end in found:
        assert 0 <= start < end <= len(text)
        assert word
        assert not any(character.isspace() for character in word)
        assert word in tokens(text[start:end]) or word[0].isdecimal()   # 0eท: 0e is an ordinal only by itself
    assert all(before <= after for before, after in pairwise(start for _, start, _ in found))


@given(texts, texts)
def test_words_do_not_depend_on_the_lines_around_them(before: str, after: str) -> None:
    """A question of one line folds as the same line does within a passage."""
    assert tokens(f"{before}\n{after}") == tokens(before) + tokens(after)


@given(st.lists(words_of_letters).map(" ".join))
def test_case_does_not_matter(text: str) -> None:
    """Capitals, small letters and titles fold alike."""
    assert tokens(text.upper()) == tokens(text) == tokens(text.title())


@example("À.A")
@example("\u03cc-0")
@example("a.\uac00")
@example("\uac00\ub098-16")
@given(texts)
def test_composition_does_not_matter(text: str) -> None:
    """A letter and its accent may be one character or two."""
    composed = unicodedata.normalize("NFC", text)
    assert tokens(unicodedata.normalize("NFD", composed)) == tokens(composed)


@given(st.text(st.sampled_from("aàâäbcçdeéèêëiîïoôöuùûüyÿ '-"), max_size=30))
def test_accents_do_not_matter(text: str) -> None:
    """French typed without accents finds French with accents."""
    plain = "".join(one for one in unicodedata.normalize("NFD", text) if not unicodedata.combining(one))
    assert tokens(plain) == tokens(text)


@given(st.lists(st.sampled_from("l d qu aujourd hui Iran été O Brien s re".split()), min_size=1),
       st.sampled_from(APOSTROPHES))
def test_the_form_of_the_apostrophe_does_not_matter(parts: list[str], apostrophe: str) -> None:
    """Straight, curly, modifier letter, prime, accent: all are apostrophes between letters."""
    assert tokens(apostrophe.join(parts)) == tokens("'".join(parts))


@given(st.text(st.characters(), max_size=200))
def test_no_text_is_refused(text: str) -> None:
    """Whatever Unicode holds, lone surrogates too, is folded without an error into words that can be written."""
    for word in tokens(text):
        "".join(terms(word)).encode()


@pytest.mark.parametrize("text", ["1" * 100_000, "a'" * 50_000, "a-" * 50_000, "1," * 50_000, "中" * 20_000,
                                  "\u0301" * 100_000, "a." * 50_000, "_" * 100_000, "111 " * 50_000])
def test_hostile_text_is_folded_too(text: str) -> None:
    """A hundred thousand characters of one kind are folded, into words of bounded length."""
    assert max(map(len, tokens(text)), default=0) <= 70


# --- the index --------------------------------------------------------------------------------------------------


def test_scores_are_bm25() -> None:
    """Worked out by hand: N = 3, lengths 1, 3, 2 (mean 2), k1 = 1.2, b = 0.75.

    aa stands in two texts: ln(1 + 1.5 / 2.5) = ln 1.6. In the first, of half the mean length, once:
    2.2 / (1 + 1.2 · (0.25 + 0.375)) = 2.2 / 1.75; in the second, of 1.5 times the mean, once: 2.2 / (1 + 1.2 · 1.375)
    = 2.2 / 2.65. bb stands in one: ln(1 + 2.5 / 1.5) = ln(8/3); there twice: 2 · 2.2 / (2 + 1.65) = 4.4 / 3.65.
    """
    with indexed("aa", "bb aa bb", "cc cc") as index:
        rows, scores = index.search(["aa", "bb"], 10)
        assert rows.tolist() == [1, 0]
        assert scores.tolist() == pytest.approx(
            [2.2 * log(1.6) / 2.65 + 4.4 * log(8 / 3) / 3.65, 2.2 * log(1.6) / 1.75], rel=1e-4)
        assert index.scores(["aa"], np.array([2, 0, 1])).tolist() == pytest.approx(
            [0, 2.2 * log(1.6) / 1.75, 2.2 * log(1.6) / 2.65], rel=1e-4)


def test_a_word_counts_once_however_often_the_question_says_it() -> None:
    """«Kenya, Kenya!» asks what «Kenya» asks."""
    with indexed("Kenya rows", "Egypt rows", "Kenya and Egypt") as index:
        once, often = index.search(["kenya"], 3), index.search(["kenya"] * 5, 3)
        assert_array_equal(once[0], often[0])
        assert_array_equal(once[1], often[1])


def test_an_inflected_word_is_found_below_the_exact_one() -> None:
    """The exact word beats its relatives, which beat nothing at all."""
    with indexed("ein Boot", "die Regatten", "die Regatta", "das Ufer") as index:
        rows, _ = index.search(tokens("Regatta"), 4)
        assert rows.tolist() == [2, 1]


def test_chinese_is_found_without_spaces() -> None:
    """A name within a run of signs is found, and two signs together beat the two apart."""
    with indexed("大家都说国中很好", "我们去了中国和埃及", "没有什么可以看") as index:
        rows, _ = index.search(tokens("中国在哪里？"), 3)
        assert rows.tolist() == [1, 0]


def test_equal_scores_stand_in_the_order_of_rows() -> None:
    """Ties are broken by the row, also where k cuts through them."""
    with indexed(*["aa bb"] * 7) as index:
        rows, scores = index.search(["aa"], 4)
        assert rows.tolist() == [0, 1, 2, 3]
        assert len(set(scores.tolist())) == 1


def test_rarity_counts_texts() -> None:
    """A word counts once a text however often it stands there; relatives do not count. N = 4: kenya stands in two
    texts, kenyan in one, egypt in none."""
    with indexed("Kenya kenya", "the Kenyan crew", "kenya", "") as index:
        rarity = index.rarity(["kenya", "kenyan", "egypt"])
        assert {word: rarity[word] for word in ("kenya", "kenyan", "egypt")} == pytest.approx(
            {"kenya": log(1 + 2.5 / 2.5), "kenyan": log(1 + 3.5 / 1.5), "egypt": log(1 + 4.5 / 0.5)})


def test_a_rarer_word_weighs_more() -> None:
    """N = 3: aa stands in two texts, ln 1.6; zz in none, ln(1 + 3.5 / 0.5) = ln 8."""
    with indexed("aa", "bb aa bb", "cc cc") as index:
        assert index.rarity(["aa", "zz", "aa"]) == pytest.approx({"aa": log(1.6), "zz": log(8)}, rel=1e-6)
        assert index.rarity([]) == {}


def test_a_name_in_another_script_finds_its_passage() -> None:
    """What a Chinese question asks about by a name is found where the name stands in Latin letters, by the search as
    by the scores, and only where it may be."""
    texts = ("Olive groves surround the port.", "Strasbourg has a cathedral of pink sandstone.", "The river freezes.")
    with indexed(*texts) as index:
        asked = tokens("斯特拉斯堡的大教堂")
        rows, scores = index.search(asked, 3)
        assert rows.tolist() == [1]
        assert_array_equal(index.scores(asked, np.arange(3)), [0, scores[0], 0])
        assert rows.tolist() == index.search(asked, 3, np.array([1, 2]))[0].tolist()
        assert index.search(asked, 3, np.array([0, 2]))[0].tolist() == []


def test_a_beginning_counts_by_how_likely_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """N = 3. Of what the name may begin with, `bedf*` and `beta*` stand in one text each, at 0.3 and 0.1; with 0.05 for
    any other name these are two thirds and two ninths, times 0.5 for a name at all, times what a name counts. What is
    found is taken from the name's signs, which stand nowhere; the other sign counts as ever."""
    likely = {"bedf*": 0.3, "beta*": 0.1, "bede*": 0.6}
    monkeypatch.setattr("qa.lexical.names", lambda words: [Name(frozenset({"贝", "德", "贝德"}), 0.5, likely)])
    with indexed("Bedford", "betamax betamax", "canal") as index:
        rarity = index.rarity(tokens("贝德在"))
        once, never = log(1 + 2.5 / 1.5), log(1 + 3.5 / 0.5)
        assert rarity == pytest.approx({
            "bedf*": NAME / 3 * once, "beta*": NAME / 9 * once, "贝": 2 / 3 * never, "贝德": 2 / 3 * never,
            "德": 2 / 3 * never, "德在": never, "在": never})
        held = index.scores(["贝", "贝德", "德"], np.arange(3))
        alone = index.scores(["bedf*", "beta*"], np.arange(3))  # by themselves, with their whole rarity
        np.testing.assert_allclose(held, alone * [NAME / 3, NAME / 9, 1], rtol=1e-5)


def test_a_name_is_found_in_both_scripts() -> None:
    """Where some texts hold the name in its own script and others in Latin letters, both are found, and signs that
    texts hold count as ever."""
    with indexed("斯特拉斯堡有大教堂", "Strasbourg has a cathedral", "canal") as index:
        assert sorted(index.search(tokens("斯特拉斯堡"), 3)[0].tolist()) == [0, 1]
        assert index.rarity(tokens("斯特拉斯堡"))["拉斯"] == pytest.approx(log(1 + 2.5 / 1.5))


@pytest.mark.parametrize("passages", [(), ("",), ("", "...", "\u0301\n")])
def test_an_index_without_words_answers_nothing(passages: tuple[str, ...]) -> None:
    """No texts, or none with a word in it: every question finds nothing, and nothing is an error."""
    with indexed(*passages) as index:
        assert index.count == len(passages)
        rows, scores = index.search(tokens("Où est le Kenya ?"), 5)
        assert (rows.tolist(), scores.tolist()) == ([], [])
        every = np.arange(len(passages))
        assert index.scores(["kenya"], every).tolist() == [0] * len(passages)
        assert index.search(["kenya"], 5, every)[0].tolist() == []


def test_a_question_without_known_words_finds_nothing() -> None:
    """No words, unknown words, no row to look in, no hit wanted: empty, with the right types."""
    with indexed("aa bb", "cc") as index:
        none = np.zeros(0, np.int64)
        for words, k, among in (([], 5, None), (["zz"], 5, None), (["aa"], 5, none), (["aa"], 0, None)):
            rows, scores = index.search(words, k, among)
            assert (len(rows), rows.dtype, len(scores), scores.dtype) == (0, np.int64, 0, np.float32)
        assert index.scores(["aa"], np.zeros(0, np.int64)).tolist() == []
        assert index.scores([], np.array([1])).tolist() == [0]


def test_a_very_long_question_is_answered() -> None:
    """A pasted article is a question too."""
    with indexed("Kenya wins the regatta", "nothing else") as index:
        asked = tokens(" ".join(f"word{number}" for number in range(5_000)) + " Kenya")
        assert index.search(asked, 1)[0].tolist() == [0]


@given(st.lists(small_texts, max_size=12), small_texts, st.integers(1, 12), st.data())
def test_search_agrees_with_scores_and_filters_exactly(
        passages: list[str], question: str, k: int, data: st.DataObject) -> None:
    """With and without a filter, the hits are the k best of the allowed rows that score above 0, and no other,
    whether or not the search stops as soon as it may."""
    words = tokens(question)
    every = np.arange(len(passages))
    allowed = np.array(sorted(data.draw(st.sets(st.sampled_from(every.tolist())) if passages else st.just(set()))),
                       np.int64)
    with indexed(*passages) as index:
        scores = index.scores(words, every)
        for among in (None, allowed):
            wanted = [row for row in (every if among is None else among).tolist() if scores[row] > 0]
            wanted.sort(key=lambda row: (-scores[row], row))
            for worth, lookup in ((0, 0), (0, 16), (20_000, 16)):
                with pytest.MonkeyPatch.context() as patched:
                    patched.setattr("qa.lexical._WORTH_STOPPING", worth)
                    patched.setattr("qa.lexical._A_LOOKUP", lookup)
                    rows, found = index.search(words, k, among)
                assert rows.tolist() == wanted[:k]
                assert_array_equal(found, scores[rows])


@pytest.mark.parametrize("seed", range(8))
def test_a_search_that_stops_finds_what_a_whole_one_finds(seed: int) -> None:
    """Over short texts, often equal ones, some so full of a word that it gives them nearly the most that it may: the
    best of those that are allowed and not removed, equal ones by row, with their scores to the bit; whether lists are
    read to their end or texts are looked up in them as soon as no other can come among the best, and whatever the
    search before has left behind."""
    random = np.random.default_rng(seed)
    words = np.array(["aa", "bb", "cc", "dd", "zz"])
    for _ in range(40):
        often = random.choice([0, 0, 0, 0, 1, 1, 2, 300], (30, len(words))) * (random.random((30, len(words)))
                                                                              < [0.9, 0.6, 0.5, 0.4, 0.1])
        with indexed(*(" ".join(np.repeat(words, own)) for own in often)) as index:
            asked = words[-int(random.integers(2, 6)):].tolist()
            scores = index.scores(asked, np.arange(30))
            weighing = index.weighing(index._asked(tuple(asked)), None)
            removed, k = np.flatnonzero(random.random(30) < 0.1), int(random.integers(1, 5))
            for within in (None, np.flatnonzero(random.random(30) < 0.5)):
                wanted = [row for row in (range(30) if within is None else within.tolist())
                          if scores[row] > 0 and row not in removed]
                wanted = sorted(wanted, key=lambda row, scores=scores: (-scores[row], row))[:k]
                for worth, lookup in ((1 << 40, 16), (0, 0), (0, 2), (0, 0)):
                    with pytest.MonkeyPatch.context() as patched:
                        patched.setattr("qa.lexical._WORTH_STOPPING", worth)
                        patched.setattr("qa.lexical._A_LOOKUP", lookup)
                        found = index.best(weighing, k, within, removed)
                    assert found[0].tolist() == wanted
                    assert_array_equal(found[1], scores[wanted])


def test_several_threads_find_what_one_finds() -> None:
    """Searches lend each other the arrays that they add up in; two at once never share one."""
    random = np.random.default_rng(1)
    words = ["aa", "bb", "cc", "dd", "ee", "ff", "gg"]
    with indexed(*(" ".join(random.choice(words, 6)) for _ in range(3_000))) as index:
        questions = [random.permutation(words)[:3].tolist() for _ in range(200)]
        alone = [index.search(question, 20) for question in questions]
        with ThreadPoolExecutor(8) as threads:
            together = list(threads.map(lambda question: index.search(question, 20), questions))
        for one, other in zip(alone, together, strict=True):
            assert_array_equal(one[0], other[0])
            assert_array_equal(one[1], other[1])


def test_a_search_stops_when_the_rest_cannot_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that holds the rare word is best whatever the common one adds, which is looked up for it alone; for a
    second text all must be looked at."""
    monkeypatch.setattr("qa.lexical._WORTH_STOPPING", 0)
    looked_up: list[list[int]] = []
    among = Lexical._among
    monkeypatch.setattr(Lexical, "_among", lambda self, weighing, first, rows, *rest: looked_up.append(rows.tolist())
                        or among(self, weighing, first, rows, *rest))
    with indexed(*["aa"] * 30, "aa zz", "bb") as index:
        assert index.search(["aa", "zz"], 1)[0].tolist() == [30]
        assert index.search(["aa", "zz"], 2)[0].tolist() == [30, 0]
    assert looked_up == [[30]]


def sentences(passages: list[tuple[list[str], list[list[str]]]], vocabulary: dict[str, int]) -> Sentences:
    """Passages of a title and sentences, each a list of words."""
    bounds = np.cumsum([0, *(len(spoken) for _, spoken in passages)])
    counts = np.array([[0, 0, len(own), 0, 0] for _, spoken in passages for own in spoken], np.int64).reshape(-1, 5)
    titles = np.array([len(title) for title, _ in passages], np.int64)
    words = [vocabulary[word] for title, spoken in passages for own in [title, *spoken] for word in own]
    nothing = np.zeros(0, np.float32)
    return Sentences(bounds, counts, titles, np.array(words, np.int64), np.zeros(len(counts), np.float32), nothing,
                     np.zeros(0, np.int64), np.zeros(0, np.uint8))


few_words = st.lists(st.sampled_from(("aa", "bb", "cc", "dd", "kenya", "kenyan", "中国")), max_size=4)


@given(st.lists(st.tuples(few_words, st.lists(few_words, min_size=1, max_size=3)), max_size=8), few_words, st.data())
def test_what_the_sentences_hold_gives_the_scores_of_the_lists(
        passages: list[tuple[list[str], list[list[str]]]], question: list[str], data: st.DataObject) -> None:
    """The words of some passages, read from their sentences and titles, give the scores that the lists give; and each
    sentence by itself holds the rarity of the question's terms that stand in it, however often, without its title's."""
    texts = [" ".join([*title, *(word for own in spoken for word in own)]) for title, spoken in passages]
    with indexed(*texts) as index:
        vocabulary = index.words([word for title, spoken in passages for own in [title, *spoken] for word in own])
        any_rows = st.lists(st.sampled_from(range(len(passages)))) if passages else st.just([])
        rows = np.array(data.draw(any_rows), np.int64)
        asked = [*question, "unknown"]
        scores, held = index.covered(asked, rows, sentences([passages[row] for row in rows], vocabulary))
        np.testing.assert_allclose(scores, index.scores(asked, rows), rtol=1e-5)
        rarity = index.rarity(asked)
        wanted = [sum(rarity[term] for term in {term for word in own for term in terms(word)} & set(rarity))
                  for row in rows for own in passages[row][1]]
        np.testing.assert_allclose(held, wanted, rtol=1e-5)


@given(st.lists(small_texts, max_size=12), small_texts)
def test_the_same_texts_give_the_same_scores(passages: list[str], question: str) -> None:
    """Two builds of the same texts rank and score alike, to the bit."""
    with indexed(*passages) as one, indexed(*passages) as other:
        for first, second in zip(one.search(tokens(question), 12), other.search(tokens(question), 12), strict=True):
            assert_array_equal(first, second)


def test_reading_leaves_the_folder_alone(tmp_path: Path) -> None:
    """Opening and asking writes no file, not even a lock, so that an index on a read-only disk works."""
    write_index(tmp_path / "words", "Kenya", "Egypt")
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "words").iterdir()}
    assert Lexical(tmp_path / "words").search(["kenya"], 1)[0].tolist() == [0]
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "words").iterdir()} == before


@given(st.lists(small_texts, min_size=1, max_size=30), small_texts, st.integers(1, 9), st.integers(1, 12))
@settings(max_examples=30)  # of up to thirty lots, each weighed by itself
def test_texts_weighed_in_lots_get_the_weights_of_all(passages: list[str], question: str, lot: int, block: int) -> None:
    """However few bm25s weighs at once, and however few lists are put together at once, the scores are those of all
    texts together, but for the last figures."""
    with indexed(*passages) as whole, pytest.MonkeyPatch.context() as patch:
        patch.setattr("qa.weighing.AT_ONCE", lot)
        patch.setattr("qa.weighing._BLOCK", block)
        with indexed(*passages) as parts:
            rows = np.arange(len(passages))
            asked = tokens(question)
            np.testing.assert_allclose(parts.scores(asked, rows), whole.scores(asked, rows), rtol=1e-5)
            assert parts.rarity(asked) == whole.rarity(asked)
            assert sorted(parts.search(asked, 30)[0].tolist()) == sorted(whole.search(asked, 30)[0].tolist())

"""What a question says about language and time."""

from __future__ import annotations

import datetime
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.questions import Understood, understand

TODAY = datetime.date(2026, 11, 21)  # a Saturday

# question language | question | since | until | the words that say so
CASES = """
fr|Que s'est-il passé en septembre 2022 ?|2022-09-01|2022-09-30|en septembre 2022
fr|Qui dirigeait la coopérative avant 2020 ?||2019-12-31|avant 2020
fr|Quoi de neuf depuis février 2024 ?|2024-02-01||depuis février 2024
fr|Quels sommets ont eu lieu entre 2018 et 2020 ?|2018-01-01|2020-12-31|entre 2018 et 2020
fr|Comment les présidents russe et chinois se sont-ils parlé le 4 février 2026 ?|2026-02-04|2026-02-04|le 4 février 2026
fr|Que dit le traité de 2010 ?|||
fr|Que se passe-t-il depuis la pandémie de 2020 ?|||
fr|Quel objectif pour 2024 ?|||
fr|Qui a parlé l'an dernier ?|2025-01-01|2025-12-31|l'an dernier
fr|Que s'est-il passé cette semaine ?|2026-11-16|2026-11-22|cette semaine
fr|Que fait Xi aujourd'hui ?|||
fr|Quel traité signé en 2010 est suspendu ?|||
fr|Que disait-on après le 3 mars 2021 ?|2021-03-04||après le 3 mars 2021
fr|Quelles réunions jusqu'en 2019 ?||2019-12-31|jusqu'en 2019
fr|Qu'est-il arrivé début février 2022 ?|2022-02-01|2022-02-28|début février 2022
fr|Qu'est-il arrivé au début de 2022 ?|2022-01-01|2022-12-31|au début de 2022
fr|Que s'est-il dit ces trois derniers mois ?|2026-08-21|2026-11-21|ces trois derniers mois
fr|Quels articles de 2022 parlent du pont ?|2022-01-01|2022-12-31|articles de 2022
fr|Que devait-on faire avant 2030 ?|||
fr|Qu'a dit Poutine en 2018 et en 2019 ?|2018-01-01|2018-12-31|en 2018
fr|Où est le vélo ?|||
fr|Que s'est-il passé du 3 au 15 mars 2022 ?|2022-03-03|2022-03-15|du 3 au 15 mars 2022
fr|Que disait-on entre le 28 février et le 3 mars 2022 ?|2022-02-28|2022-03-03|entre le 28 février et le 3 mars 2022
fr|Que s'est-il passé en mars et avril 2022 ?|2022-03-01|2022-04-30|en mars et avril 2022
fr|Que s'est-il passé au premier trimestre 2024 ?|2024-01-01|2024-03-31|au premier trimestre 2024
fr|Que s'est-il passé à l'été 2023 ?|2023-06-01|2023-08-31|à l'été 2023
fr|Qu'a-t-on annoncé il y a deux ans ?|2024-01-01|2024-12-31|il y a deux ans
fr|Que dit l'article du 9 septembre 2022 ?|2022-09-09|2022-09-09|l'article du 9 septembre 2022
fr|Que s'est-il passé en 2019-2021 ?|2019-01-01|2021-12-31|en 2019-2021
fr|Quel est le plan 2019-2021 pour le port ?|||
fr|Qu'a-t-on construit dans les années 1990 ?|||
en|What happened in September 2022?|2022-09-01|2022-09-30|in September 2022
en|Who met before 2020?||2019-12-31|before 2020
en|What did the 2010 treaty limit?|||
en|Who won last year?|2025-01-01|2025-12-31|last year
en|What was said on February 4, 2026?|2026-02-04|2026-02-04|on February 4, 2026
en|What was said on Wednesday, 4 February 2026?|2026-02-04|2026-02-04|on Wednesday, 4 February 2026
en|What changed between March 2021 and May 2021?|2021-03-01|2021-05-31|between March 2021 and May 2021
en|What changed from 2018 to 2020?|2018-01-01|2020-12-31|from 2018 to 2020
en|When did Xi and Putin last meet before Samarkand?|||
en|What happened in the last 10 days?|2026-11-11|2026-11-21|in the last 10 days
en|What was signed in 2010?|||
en|What happened in 2000 words?|||
en|What may happen in May?|||
en|After 2018 and before 2021, who led?|2019-01-01|2020-12-31|After 2018 and before 2021
en|What was said from January to March 2022?|2022-01-01|2022-03-31|from January to March 2022
en|What was said between March 3 and March 15, 2022?|2022-03-03|2022-03-15|between March 3 and March 15, 2022
en|What happened in the second half of 2022?|2022-07-01|2022-12-31|in the second half of 2022
en|What happened in Q1 2024?|2024-01-01|2024-03-31|in Q1 2024
en|What was announced two years ago?|2024-01-01|2024-12-31|two years ago
en|What has changed since last year?|2025-01-01||since last year
en|What was decided by the end of 2021?||2021-12-31|by the end of 2021
en|What was said at the end of 2021?|2021-01-01|2021-12-31|at the end of 2021
en|Who won the 2018-2019 season?|||
es|¿Qué pasó del 3 al 15 de marzo de 2022?|2022-03-03|2022-03-15|del 3 al 15 de marzo de 2022
es|¿Qué pasó hace dos años?|2024-01-01|2024-12-31|hace dos años
es|¿Qué pasó en el primer trimestre de 2024?|2024-01-01|2024-03-31|en el primer trimestre de 2024
de|Was geschah vom 3. bis 15. März 2022?|2022-03-03|2022-03-15|vom 3. bis 15. März 2022
de|Was geschah im ersten Quartal 2024?|2024-01-01|2024-03-31|im ersten Quartal 2024
de|Was geschah vor zwei Jahren?|2024-01-01|2024-12-31|vor zwei Jahren
de|Was hat sich seit letztem Jahr geändert?|2025-01-01||seit letztem Jahr
it|Cosa è successo dal 3 al 15 marzo 2022?|2022-03-03|2022-03-15|dal 3 al 15 marzo 2022
it|Cosa è successo da febbraio 2024?|2024-02-01||da febbraio 2024
it|Cosa è successo due anni fa?|2024-01-01|2024-12-31|due anni fa
it|Cosa è successo nell'estate 2023?|2023-06-01|2023-08-31|nell'estate 2023
pt|O que aconteceu entre 3 e 15 de março de 2022?|2022-03-03|2022-03-15|entre 3 e 15 de março de 2022
pt|O que aconteceu há dois anos?|2024-01-01|2024-12-31|há dois anos
pt|O que mudou desde o ano passado?|2025-01-01||desde o ano passado
ru|Что было с 3 по 15 марта 2022 года?|2022-03-03|2022-03-15|с 3 по 15 марта 2022 года
ru|Что было в первом квартале 2024 года?|2024-01-01|2024-03-31|в первом квартале 2024 года
ru|Что было летом 2023 года?|2023-06-01|2023-08-31|летом 2023 года
ru|Что было два года назад?|2024-01-01|2024-12-31|два года назад
ru|Что изменилось с прошлого года?|2025-01-01||с прошлого года
ru|Что построили в 1990-х годах?|||
zh|2022年3月至5月发生了什么？|2022-03-01|2022-05-31|2022年3月至5月
zh|2024年第一季度发生了什么？|2024-01-01|2024-03-31|2024年第一季度
zh|2023年夏天发生了什么？|2023-06-01|2023-08-31|2023年夏天
zh|两年前发生了什么？|2024-01-01|2024-12-31|两年前
zh|2021年底之前决定了什么？||2021-12-31|2021年底之前
zh|1990年代建了什么？|||
zh|《1978年港口法》说了什么？|||
de|Wo fuhr die Fähre „Möwe“ im Mai 2022?|2022-05-01|2022-05-31|im Mai 2022
fr|Que raconte « La neige en 1944 » ?|||
zh|2018年世界杯谁赢了？|||
ja|2年前に何がありましたか？|2024-01-01|2024-12-31|2年前
ja|2023年夏に何がありましたか？|2023-06-01|2023-08-31|2023年夏に
ja|1990年代に何が建てられましたか？|||
ar|ماذا حدث في الربع الأول من 2024؟|2024-01-01|2024-03-31|في الربع الأول من 2024
ar|ماذا حدث في صيف 2023؟|2023-06-01|2023-08-31|في صيف 2023
es|¿Qué pasó en septiembre de 2022?|2022-09-01|2022-09-30|en septiembre de 2022
es|¿Qué dice el tratado de 2010?|||
es|¿Qué ocurrió el año pasado?|2025-01-01|2025-12-31|el año pasado
es|¿Quién habló antes de 2020?||2019-12-31|antes de 2020
es|¿Qué cambió desde febrero de 2024?|2024-02-01||desde febrero de 2024
es|¿Qué pasó el 4 de febrero de 2026?|2026-02-04|2026-02-04|el 4 de febrero de 2026
es|¿Qué pasó entre 2018 y 2020?|2018-01-01|2020-12-31|entre 2018 y 2020
de|Was geschah im September 2022?|2022-09-01|2022-09-30|im September 2022
de|Was ist seit 2022 passiert?|2022-01-01||seit 2022
de|Wer traf sich vor 2020?||2019-12-31|vor 2020
de|Was sagt der Vertrag von 2010?|||
de|Was geschah im Jahr 2018?|2018-01-01|2018-12-31|im Jahr 2018
de|Was geschah letztes Jahr?|2025-01-01|2025-12-31|letztes Jahr
de|Was geschah am 4. Februar 2026?|2026-02-04|2026-02-04|am 4. Februar 2026
de|Was geschah zwischen 2018 und 2020?|2018-01-01|2020-12-31|zwischen 2018 und 2020
it|Che cosa è successo nel settembre 2022?|2022-09-01|2022-09-30|nel settembre 2022
it|Cosa è successo prima del 2020?||2019-12-31|prima del 2020
it|Cosa dice il trattato del 2010?|||
it|Chi ha parlato l'anno scorso?|2025-01-01|2025-12-31|l'anno scorso
it|Cosa è cambiato dal 2018 al 2020?|2018-01-01|2020-12-31|dal 2018 al 2020
pt|O que aconteceu em setembro de 2022?|2022-09-01|2022-09-30|em setembro de 2022
pt|O que mudou desde 2024?|2024-01-01||desde 2024
pt|O que diz o tratado de 2010?|||
pt|Quem falou no ano passado?|2025-01-01|2025-12-31|no ano passado
pt|Quem falou antes de 2020?||2019-12-31|antes de 2020
pt|O que foi dito em 4 de fevereiro de 2026?|2026-02-04|2026-02-04|em 4 de fevereiro de 2026
ru|Что произошло в 2018 году?|2018-01-01|2018-12-31|в 2018 году
ru|Что случилось в сентябре 2022 года?|2022-09-01|2022-09-30|в сентябре 2022 года
ru|Кто руководил до 2020 года?||2019-12-31|до 2020 года
ru|Что изменилось с февраля 2024 года?|2024-02-01||с февраля 2024 года
ru|О чём договор 2010 года?|||
ru|Что было в прошлом году?|2025-01-01|2025-12-31|в прошлом году
ru|О чём говорили президенты 4 февраля 2026 года?|2026-02-04|2026-02-04|4 февраля 2026 года
ru|Что было с 2018 по 2020 год?|2018-01-01|2020-12-31|с 2018 по 2020 год
ru|Что было между 2018 и 2020 годами?|2018-01-01|2020-12-31|между 2018 и 2020 годами
zh|2018年中国和俄罗斯讨论了什么？|2018-01-01|2018-12-31|2018年
zh|2022年9月发生了什么？|2022-09-01|2022-09-30|2022年9月
zh|2010年的条约限制什么？|||
zh|2020年以前谁是主席？||2019-12-31|2020年以前
zh|2024年2月以来有什么变化？|2024-02-01||2024年2月以来
zh|去年谁赢了？|2025-01-01|2025-12-31|去年
zh|2018年至2020年发生了什么？|2018-01-01|2020-12-31|2018年至2020年
zh|2026年2月4日两国元首如何会晤？|2026-02-04|2026-02-04|2026年2月4日
zh|从2018年到2020年发生了什么？|2018-01-01|2020-12-31|从2018年到2020年
ja|2018年に何がありましたか？|2018-01-01|2018-12-31|2018年に
ja|2010年の条約は何を制限しますか？|||
ja|2020年以前の議長は誰ですか？||2019-12-31|2020年以前
ja|去年、誰が勝ちましたか？|2025-01-01|2025-12-31|去年
ja|2018年から2020年まで何がありましたか？|2018-01-01|2020-12-31|2018年から2020年まで
ar|ماذا حدث في سبتمبر 2022؟|2022-09-01|2022-09-30|في سبتمبر 2022
ar|ماذا حدث في عام 2018؟|2018-01-01|2018-12-31|في عام 2018
ar|من كان الرئيس قبل 2020؟||2019-12-31|قبل 2020
ar|ماذا تغير منذ عام 2024؟|2024-01-01||منذ عام 2024
ar|ماذا تقول معاهدة 2010؟|||
ar|ماذا حدث العام الماضي؟|2025-01-01|2025-12-31|العام الماضي
ar|ماذا حدث بين 2018 و2020؟|2018-01-01|2020-12-31|بين 2018 و2020
"""

NOT_A_FILTER = [  # a date that belongs to a noun, tells when something was made, or is yet to come
    "Que prévoit l'accord du 3 mai 2015 ?", "Quel est le budget 2019 ?", "Quel plan pour 2024 ?", "Qui est né en 1953 "
    "?", "Que faire d'ici 2040 ?",
    "Who wrote the 1984 report?", "What is the plan for 2025?", "Which dam was built in 1931?", "What does the treaty "
    "from 2010 say?",
    "Will it end by 2050?", "How does he rank in 2000 words?", "Is the 2030 goal met?", "What happened in the 1990s?",
    "¿Qué dice el acuerdo del 3 de mayo de 2015?", "¿Qué barco fue construido en 1924?", "Was steht im Abkommen vom "
    "3. Mai 2015?",
    "Che cosa prevede l'accordo del 3 maggio 2015?", "O que prevê o acordo de 3 de maio de 2015?", "О чём договор, "
    "подписанный в 2010 году?",
    "2010年条约限制什么？", "2010年の協定は何を定めますか？", "ماذا يقول اتفاق 3 مايو 2015؟",
    "Combien coûte le pont ?", "",
]  # fmt: skip


@pytest.mark.parametrize("line", CASES.strip().splitlines())
def test_a_phrase_of_time_becomes_days(line: str) -> None:
    """Each adverbial phrase gives its first and last day, and the exact words it was read from."""
    language, question, since, until, phrase = line.split("|")
    found = understand(question, today=TODAY)
    assert found.since == (datetime.date.fromisoformat(since) if since else None)
    assert found.until == (datetime.date.fromisoformat(until) if until else None)
    assert (found.phrase or "") == phrase
    assert found.language == language


@pytest.mark.parametrize("question", NOT_A_FILTER)
def test_a_date_that_belongs_to_a_thing_is_no_filter(question: str) -> None:
    """The date of a treaty, a plan or a birth says nothing of when the article was published."""
    found = understand(question, today=TODAY)
    assert (found.since, found.until, found.phrase, found.start, found.end) == (None,) * 5


def test_weeks_begin_on_monday_and_months_end_where_they_end() -> None:
    """Phrases counted from today follow the calendar, over the turn of a year too."""
    monday = understand("What happened last week?", today=datetime.date(2026, 1, 1))
    assert (monday.since, monday.until) == (datetime.date(2025, 12, 22), datetime.date(2025, 12, 28))
    month = understand("Que s'est-il passé le mois dernier ?", today=datetime.date(2024, 3, 31))
    assert (month.since, month.until) == (datetime.date(2024, 2, 1), datetime.date(2024, 2, 29))
    months = understand("What happened in the last two months?", today=datetime.date(2024, 4, 30))
    assert (months.since, months.until) == (datetime.date(2024, 2, 29), datetime.date(2024, 4, 30))


@given(
    st.text()
    | st.lists(
        st.sampled_from((
            "in en avant 2018 2020 et and 年 2月 до с last année 3 mars février 0 9999 0000 13/13/2020"
            " Q4 quarter second half 4. Quartal 第四季度 - – to"
        ).split()),
        max_size=12,
    ).map(" ".join)
)
def test_any_text_is_understood(question: str) -> None:
    """Nothing raises; the phrase is exact; since never follows until; neither has yet to come as a whole."""
    found = understand(question, today=TODAY)
    assert isinstance(found, Understood)
    if found.phrase is None:
        assert (found.since, found.until, found.start, found.end) == (None,) * 4
        return
    assert question[found.start : found.end] == found.phrase
    assert found.since or found.until
    assert found.since is None or found.until is None or found.since <= found.until
    assert found.since is None or found.since <= TODAY


@pytest.mark.parametrize("question", [
    "What happened in Q4 9999?", "Was geschah im 4. Quartal 9999?", "9999年第四季度发生了什么",
    "What did they do in 2019-0000?",
])
def test_years_that_no_calendar_holds_name_no_period(question: str) -> None:
    """The last day of the last year there is, and the year nought, are no reason to fail."""
    assert understand(question, today=TODAY).phrase is None


def test_asking_loads_no_date_library() -> None:
    """A question is understood without dateparser and without a language detector: both cost more than the answer."""
    code = (
        "import sys, datetime, qa.questions as q; q.understand('en 2018', today=datetime.date(2026, 1, 1));"
        "assert not {'dateparser', 'py3langid', 'regex'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

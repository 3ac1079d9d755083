"""Functions that answer for the page without a model, over articles made for these tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from qa.articles import Article
from qa.build import Progress
from qa.dates import Dated, Section
from qa.errors import IndexMissing, UsageError

SUMMIT = (
    "Partager sur Facebook\n\n\n\nLe sommet de la ville\n15/09/2022\n\n"
    "Les deux présidents sont arrivés jeudi matin. Ils se sont rencontrés à Samarcande, en Ouzbékistan. "
    "L’entretien a duré une heure.\n\n\n\nVues : 29\n"
)
HOSTILE = (
    "<script>window.hacked = 1</script> <img src=x onerror=\"window.hacked = 2\"> ${window.hacked = 3} {{title}}"
    " ![image](https://example.org/x.png) [lien](javascript:window.hacked=4) \u202eabc </mark></p></article> `&amp;`"
)
HOSTILE_FILE = "evil<img src=x onerror=window.hacked=5>\u202etxt.md"
LONG_TITLE = (
    "Le conseil municipal, réuni jusqu’à l’aube, adopte la délibération sur l’aménagement des berges et "
    "Donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle"
)


@dataclass(frozen=True)
class Record:
    """Anything with a JSON form."""

    fields: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        return self.fields


def hit(text: str, answer: str, **changed: Any) -> dict[str, Any]:
    """A hit over the whole of `text`, with the fields of the JSON."""
    start = text.index(answer)
    fields = {
        "file": "sommet.txt", "date": "2022-09-15", "date_source": "dateline", "date_evidence": "15/09/2022",
        "title": "Le sommet de la ville", "language": "fr", "text": text, "start": 0, "end": len(text),
        "answer": answer, "answer_start": start, "answer_end": start + len(answer), "score": 0.8,
        "vector": 0.71, "lexical": 0.5, "matched": [], "more": [],
    }  # fmt: skip
    return {**fields, **changed}


def _summit() -> dict[str, Any]:
    start, end = SUMMIT.index("Les deux"), SUMMIT.index("\n\n\n\nVues")
    answer = "Ils se sont rencontrés à Samarcande, en Ouzbékistan."
    return hit(
        SUMMIT[start:end], answer, start=start, end=end, answer_start=SUMMIT.index(answer),
        answer_end=SUMMIT.index(answer) + len(answer), matched=["rencontrés"],
        more=[{"file": "copie.txt", "date": "2022", "start": 0, "end": 10}],
    )  # fmt: skip


@dataclass
class Toys:
    """Answers chosen by a word of the question; remembers how it was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    missing: bool = False
    built: bool = False
    rebuilds: int = 0

    def ask(self, question: str, *, k: int, since: str | None, until: str | None, file: str | None) -> Record:
        self.asked.append({"question": question, "k": k, "since": since, "until": until, "file": file})
        if self.missing and not self.built:
            raise IndexMissing("No index in index/. Build it with: qa rebuild")
        if "refuse" in question:
            raise UsageError("The date is not one. Write 2022 or 2022-09.")
        if "crash" in question:
            raise RuntimeError("secret of the server")
        hits = [
            _summit(),
            hit("Un autre texte, sans date.", "Un autre texte, sans date.", file="autre.md", date=None,
                date_source=None, date_evidence=None, title=None, score=0.4),
            hit("In February 2018 the talks began.", "In February 2018 the talks began.", file="talks.html",
                date="2018-02", date_source="metadata", date_evidence="2018-02", title="Talks", language="en",
                score=0.2),
        ]  # fmt: skip
        if "hostile" in question:
            hits = [hit(HOSTILE, "<img src=x onerror=\"window.hacked = 2\">", file=HOSTILE_FILE, title=HOSTILE,
                        language='"><b>', date_evidence="<b onclick=1>", matched=["window", "script"])]
        if "vingt" in question:  # as many as the page shows, none dated, under titles longer than any screen
            hits = [hit(f"Le texte {number} se tient ici.", f"Le texte {number} se tient ici.", date=None,
                        date_source=None, date_evidence=None, file=f"sans-date/{'long' * 20}-{number}.txt",
                        title=f"{number}. {LONG_TITLE}", score=1 - number / 20) for number in range(20)]
        answered = "rien" not in question
        return Record({
            "question": question, "answered": answered, "confidence": 0.83 if answered else 0.2, "since": since,
            "until": until, "generation": 3, "hits": hits[:k], "undated": 0,
            "passed_over": {"phrase": "avant 1990", "since": None, "until": "1989-12-31"}
            if "avant 1990" in question and until is None else None})  # fmt: skip

    def status(self) -> Record:
        if self.missing and not self.built:
            raise IndexMissing("No index in index/. Build it with: qa rebuild")
        return Record({
            "generation": 3, "model": "toy", "articles": 3, "passages": 12, "dated": 2, "undated": 1,
            "first_date": "2018-02", "last_date": "2022-09-15", "languages": {"fr": 2, "en": 1},
            "built": "2026-11-21T10:20:30+00:00", "folder": "/articles",
            "unreadable": [{"file": HOSTILE_FILE, "reason": "it is <b>binary</b>"}],
            "added": [], "changed": [], "deleted": [],
            "examples": [
                {"title": "Talks", "language": "en"}, {"title": HOSTILE, "language": "en"},
                {"title": "Le sommet de la ville", "language": "fr"},
                {"title": "Où se rencontrent-ils ?", "language": "fr"}]})  # fmt: skip

    def article(self, file: str) -> Article:
        if file == HOSTILE_FILE:
            return Article(file, HOSTILE, HOSTILE, "fr", (Section(0, len(HOSTILE), None),), ())
        if file != "sommet.txt":
            raise UsageError(f"The index holds no article {file!r}.")
        dated = Dated("2022-09-15", "dateline", "15/09/2022", SUMMIT.index("15/09"))
        share, views = SUMMIT.index("\n"), SUMMIT.index("Vues")
        return Article(file, SUMMIT, "Le sommet de la ville", "fr", (Section(0, len(SUMMIT), dated),),
                       ((0, share), (views, len(SUMMIT))))

    def rebuild(self, progress: Any) -> object:
        for number, name in enumerate(("un.txt", "deux.txt")):
            progress(Progress("reading", number, 2, name))
        self.built = True
        self.rebuilds += 1
        return None

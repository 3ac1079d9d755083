"""Furniture of a page: what is dropped, and above all what is not."""

from __future__ import annotations

import pytest
from conftest import messy_texts
from hypothesis import given

from qa.furniture import furniture, runs

PARAGRAPH = (
    "The market of flowers opens at dawn, when the first boats come in from the islands with lilies, and it"
    " closes when the last bunch is sold, rarely after nine."
)


def kept(text: str) -> list[str]:
    """The lines that are left of a text, blank ones aside."""
    return [
        line for start, end in runs(text, furniture(text, ())) for line in text[start:end].split("\n") if line.strip()
    ]


@pytest.mark.parametrize(
    "line",
    [
        "Partager sur Facebook",
        "Share on Facebook Share on X",
        "Facebook Twitter WhatsApp E-mail",
        "Compartir en WhatsApp",
        "Auf Facebook teilen",
        "Поделиться в Telegram",
        "分享到微信",
        "Tweet",
        "Partager cet article :",
        "Copier le lien",
        "Imprimer",
        "Accueil > Région > Le port",
        "Home",
        "Skip to main content",
        "Menu",
        "Suivez-nous sur Facebook",
        "Abonnez-vous à notre lettre",
        "Lire aussi : le marché aux fleurs",
        "> Lire aussi : le marché aux fleurs, ou comment dix mille lys traversent la baie chaque matin",
        "A lire également",
        "**À lire aussi** : le marché aux fleurs, ou comment dix mille lys traversent la baie",
        "Also read: the market of flowers",
        "[Lire aussi : le marché aux fleurs](/marche)",
        "**Partager** : [Facebook](#) · [X](#) · [Telegram](https://example.org/a?b=c)",
        "[Share](#) [Tweet](#)",
        "You may also like",
        "Vous aimerez aussi :",
        "Das könnte Sie auch interessieren",
        "Вам может понравиться",
        "猜你喜欢",
        "Read more",
        "Читайте также: рынок цветов",
        "相关阅读",
        "Tags: harbour, ferry",
        "#port #ferry",
        "Vues : 29",
        "1 204 vues",
        "12 comments",
        "3 min read",
        "Temps de lecture : 4 min",
        "Nous utilisons des cookies pour améliorer votre visite. Accepter",
        "We use cookies. Accept or change your settings.",
        "Tout accepter",
        "Photo : Wanja Otieno",
        "© 2021 Le Quai",
        "https://example.org/port/ferry",
        "Publicité",
        "Laisser un commentaire",
        "Votre adresse e-mail ne sera pas publiée.",
        "Mentions légales",
        "Load more",
        "* * *",
        "---",
        "7",
    ],
)
def test_a_line_of_the_page_is_not_the_article(line: str) -> None:
    """Share bars, navigation, counters, cookie banners and credits answer no question and are left out."""
    assert kept(f"{PARAGRAPH}\n{line}\n{PARAGRAPH}") == [PARAGRAPH, PARAGRAPH]


@pytest.mark.parametrize(
    "line",
    [
        "Shares in the ferry company fell by a third on Monday.",
        "Print shops reopened in two towns.",
        "Partager le pain est une vieille coutume du village.",
        "Le maire a partagé sur Facebook la photo du nouveau pont.",
        "Save the old lighthouse, say the fishermen of Lamu.",
        "Enregistrer le chant d'une rivière demande de la patience.",
        "Comments are free in this café.",
        "Views of the harbour cost nothing.",
        "Sources close to the mayor deny it.",
        "Home prices doubled.",
        "Images of the flood shocked the town.",
        "Le menu du bateau change chaque jour.",
        "The cookies of the village bakery sell out by noon.",
        "Telegram operators went on strike in the harbour.",
        "Contact avec le navire a été perdu à minuit.",
        "Next spring the bridge opens.",
        "You may also like the ferry to Lamu, which costs nothing.",
        "The mayor shared a [picture of the bridge](https://example.org/bridge) on [Facebook](#).",
        "[The bridge](https://example.org/bridge) opens in spring",
    ],
)
def test_a_sentence_with_a_word_of_the_page_stays(line: str) -> None:
    """A sentence of the article stays, even when it begins like a button."""
    assert kept(line) == [line]


@pytest.mark.parametrize(
    "line",
    [
        "Photographer wins the lantern prize",
        "Images of the flood shocked the town",
        "Sources close to the mayor deny it",
        "Shares of the ferry company fall",
        "Save the old lighthouse, say fishermen",
        "Print shops reopen in two towns",
    ],
)
def test_a_headline_with_a_word_of_the_page_stays(line: str) -> None:
    """So does a headline, which has no full stop."""
    assert kept(f"{line}\n\nThe first sentence of the article stands here.") == [
        line,
        "The first sentence of the article stands here.",
    ]


@pytest.mark.parametrize("ending", ["Leave a comment", "You may also like", "Le puede interesar"])
def test_what_follows_the_end_of_an_article_goes_with_it(ending: str) -> None:
    """After the comment form, or the heading of further articles, come short links, which are furniture too."""
    assert kept(f"The ferry left.\n{ending}\n- A market of flowers\n- Which rice is best?") == ["The ferry left."]


def test_an_article_below_a_comment_form_is_kept() -> None:
    """Where a paragraph follows, a second article has begun, headline and all."""
    assert kept(f"The ferry left.\nLeave a comment\nA market of flowers\n{PARAGRAPH}") == [
        "The ferry left.",
        "A market of flowers",
        PARAGRAPH,
    ]


def test_a_link_amid_an_article_does_not_end_it() -> None:
    """«Lire aussi» between two paragraphs is dropped alone: the last sentence stays, however short it is."""
    assert kept(f"{PARAGRAPH}\nLire aussi : le port\nLe marché ferme à neuf heures.") == [
        PARAGRAPH,
        "Le marché ferme à neuf heures.",
    ]


def test_only_a_newline_ends_a_line() -> None:
    """A line separator inside a sentence makes no line of its own that could be dropped."""
    assert kept("The captain said\u2028Home\u2028and smiled.") == ["The captain said\u2028Home\u2028and smiled."]


def test_spans_known_beforehand_are_kept_apart() -> None:
    """The head of a Markdown file is furniture as one span, whatever its lines look like."""
    text = "---\ntitle: x\n---\nThe ferry left."
    assert furniture(text, ((0, 17),)) == ((0, 17),)


def test_runs_are_what_is_left() -> None:
    """Runs are the stretches between furniture, without the white space around them."""
    assert runs("  ab cd  ef ", ((5, 7),)) == [(2, 4), (9, 11)]


@given(messy_texts())
def test_furniture_and_runs_and_white_space_are_the_whole_text(text: str) -> None:
    """Furniture is sorted and disjoint, and nothing but white space is neither furniture nor run."""
    marked = furniture(text, ())
    spans = sorted([*marked, *runs(text, marked)])
    cursor = 0
    for start, end in spans:
        assert cursor <= start < end
        assert not text[cursor:start].strip()
        cursor = end
    assert not text[cursor:].strip()


@pytest.mark.parametrize(
    "line",
    [
        "Share " * 60 + "!",
        "Share ------ " * 30 + "!",
        "partager - sur / " * 25 + "!",
        "facebook, " * 40 + "!",
        "#" * 490 + "!",
        "a." * 240 + "!",
        "_" * 240 + "1" + "_" * 240 + "a",
        "a > " * 120 + "›",
        "1 " * 240 + "x",
        "[" * 240 + "](" * 120,
        "[a](b) " * 60 + "x",
    ],
)
def test_no_line_holds_up_a_rebuild(ends: None, line: str) -> None:
    """A line that almost matches a pattern in a thousand ways is decided at once."""
    assert furniture(line, ()) in ((), ((0, len(line)),))

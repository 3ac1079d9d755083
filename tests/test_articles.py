"""Reading a folder into articles: which files, which encoding, which title, which language; and why not."""

from __future__ import annotations

import codecs
import os
import stat
from pathlib import Path

import pytest
from conftest import messy_texts, write
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from qa import articles
from qa.articles import article, decode, read_bytes, scan
from qa.dates import Dated
from qa.errors import Unreadable, UsageError
from qa.passages import passages

FRENCH = (
    "La fête des lanternes a été repoussée à l’été, « dit le maire » : là-bas, l’eau gèle encore.\n"
    "Où ira-t-on en août ? Sur l’île, bien sûr, où l’hôtel a rouvert ses fenêtres.\n"
)
RUSSIAN = (
    "Паром ушёл из гавани на рассвете с девятью мешками кофе. Капитан обещал вернуться к вечеру.\n"
    "Пассажиры пели на палубе, пока берег не скрылся из виду.\n"
)
CHINESE = "渡轮在黎明时分离开港口，船上装着九袋咖啡。船长答应晚上回来。\n乘客们在甲板上唱歌，直到海岸消失在雾中。\n"


# --- encodings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "utf-16"),
        (CHINESE, "utf-16"),
        (RUSSIAN, "utf-32"),
        (FRENCH, "cp1252"),
        (FRENCH.replace("’", "'"), "latin-1"),
        (RUSSIAN, "cp1251"),
        (CHINESE, "gb18030"),
        (CHINESE.replace("。", "．"), "gb18030"),
    ],
    ids=lambda value: value if value.isascii() else "",
)
def test_the_encoding_is_found(text: str, encoding: str) -> None:
    """What an editor of the file's own country shows is what qa reads."""
    assert decode(text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (codecs.BOM_UTF8, "utf-8"),
    ],
)
def test_a_byte_order_mark_decides_and_is_no_text(mark: bytes, encoding: str) -> None:
    """Offsets count from the first character after the mark, as in an editor."""
    assert article("a.txt", mark + FRENCH.encode(encoding)).text == FRENCH


def test_a_declared_encoding_is_believed_where_utf_8_does_not_fit() -> None:
    """A page that says what it is written in is read so."""
    assert decode("Паром".encode("cp1251"), "windows-1251") == "Паром"


def test_a_wrong_declaration_does_not_spoil_utf_8() -> None:
    """Nothing else fits UTF-8 by chance, so a declaration against it is a mistake."""
    assert decode(FRENCH.encode("utf-8"), "windows-1251") == FRENCH


@pytest.mark.parametrize(
    "declared",
    [
        "undefined",
        "idna",
        "punycode",
        "unicode_escape",
        "raw_unicode_escape",
        "hex",
        "rot13",
        "utf-16",
        "utf-7",
        "x-user-defined",
        "mbcs",
        "no-such-charset",
        "base64",
        "0",
    ],
)
def test_a_senseless_declaration_is_as_good_as_none(declared: str) -> None:
    """A page may declare any nonsense: its text is then told by its bytes."""
    data = FRENCH.encode("cp1252") + rb" \ud800 \q xn--\n"
    assert decode(data, declared) == decode(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        b"\x7fELF\x02\x01\x01" + bytes(400),
        b"PK\x03\x04" + bytes(range(1, 200)) * 9,
        b"\xff\xfe\x00\xd8A",
        b"text\0" * 400,
    ],
)
def test_a_binary_file_is_refused(data: bytes) -> None:
    """A picture under a text's name is no article."""
    with pytest.raises(Unreadable, match=r"not text|not valid"):
        article("a.txt", data)


@given(messy_texts())
def test_a_text_is_kept_whole(text: str) -> None:
    """A text file's text is the file's, with newlines as \\n and nothing else changed."""
    assume(not text.startswith("\ufeff"))
    try:
        read = article("a.txt", text.encode("utf-8"))
    except Unreadable:
        assert not text.strip() or "\0" in text or any(character < " " for character in text)
    else:
        assert read.text == text.replace("\r\n", "\n").replace("\r", "\n")


def test_newlines_of_windows_and_of_old_macs_count_as_one() -> None:
    """\\r\\n and \\r are one newline; U+2028 and U+0085 are characters of the text."""
    assert (
        article("a.txt", "Un\r\ndeux\rtrois\u2028quatre\x85cinq\n".encode()).text
        == "Un\ndeux\ntrois\u2028quatre\x85cinq\n"
    )


# --- titles, languages, Markdown, HTML ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "text", "title"),
    [
        ("a.txt", "La fête des lanternes\n\nElle aura lieu sur les quais.", "La fête des lanternes"),
        ("a.txt", "Partager sur Facebook\nLa fête des lanternes\nElle aura lieu.", "La fête des lanternes"),
        ("a.txt", "La fête des lanternes aura lieu sur les quais.\nElle est belle.", None),
        ("a.md", "Avant-propos.\n\n# Le  port #\n\nIl est grand.", "Le port"),
        ("a.md", '---\ntitle: "Le bac"\n---\n# Le port\n', "Le bac"),
        ("a.md", "---\ntitre: Le bac\n---\nIl part.", "Le bac"),
        ("a.txt", "桥重新开放了今天早上\n\n汽车可以再次通过。", "桥重新开放了今天早上"),
    ],
)
def test_the_title_is_what_a_reader_takes_for_it(file: str, text: str, title: str | None) -> None:
    """A headline ends without a full stop; Markdown says which line it is; a sentence is no title."""
    assert article(file, text.encode()).title == title


PROSE = "The ferry left the harbour at dawn, with nine sacks of coffee and a brass band on its upper deck."


@pytest.mark.parametrize(
    ("between", "title"),
    [
        ("* * *\n\nA bridge of cedar and rope\n\n", "A bridge of cedar and rope"),
        ("Lire aussi : le port\n\n## A bridge of cedar and rope\n", "A bridge of cedar and rope"),
        ("* * *\n\nTwo short lines here\nand a second one\n\n", None),  # which of them is the headline?
        ("A line of the first article\n\n", None),  # nothing ends that one above it
    ],
)
def test_a_further_article_begins_with_the_headline_above_its_date(between: str, title: str | None) -> None:
    """Of several articles on a page each has its own title, also where it stands above the dateline."""
    text = f"The blue ferries of Brume\n12/03/2019\n\n{PROSE}\n\n{between}4 June 2021\nOn ports\n\n{PROSE}\n"
    read = article("a.txt", text.encode())
    first, second = read.sections
    dates = [section.published.date for section in (first, second) if section.published]
    assert (read.title, dates) == ("The blue ferries of Brume", ["2019-03-12", "2021-06-04"])
    begin = text.index(title) if title else text.index("4 June")
    assert text[second.start : second.end].lstrip("# ") == text[begin:]
    [cut] = [passage for passage in passages(read) if passage.start >= second.start]
    assert (cut.title, cut.text.split("\n")[-1]) == (title, PROSE)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (FRENCH, "fr"),
        (RUSSIAN, "ru"),
        (CHINESE, "zh"),
        ("42 + 7 = 49", "und"),
        ("The ferry left the harbour at dawn with nine sacks of coffee.", "en"),
    ],
)
def test_the_language_is_told_by_the_text(text: str, language: str) -> None:
    """A text of letters has a language; one of figures is undetermined."""
    assert article("a.txt", text.encode()).language == language


@pytest.mark.parametrize(
    ("file", "head"),
    [
        ("a.md", "---\ntitle: Le bac\ndate: 2021-06-04\n---\n"),
        ("a.txt", "---\ntitle: Le bac\ndate: 2021-06-04\ntags:\n  - port\n---\n"),
        ("a.md", '+++\ntitle = "Le bac"\ndate = 2021-06-04T08:00:00Z\n+++\n'),
    ],
)
def test_the_head_of_a_file_dates_it_and_is_no_text_of_it(file: str, head: str) -> None:
    """Front matter gives title and date, in YAML and TOML, and no passage repeats it."""
    text = f"{head}Il part à l'aube.\n"
    read = article(file, text.encode())
    assert read.title == "Le bac"
    assert read.published == Dated("2021-06-04", "front matter", "2021-06-04", text.index("2021-06-04"))
    assert (0, text.index("Il part")) in read.furniture


def test_a_rule_across_the_page_opens_no_head() -> None:
    """What stands between two rules is read as any text is, unless each of its lines is a field."""
    text = "---\nLe bac part à l'aube.\nDate : chaque jour.\n---\n\nIl revient le soir."
    read = article("a.txt", text.encode())
    assert read.published is None
    assert not any(start <= text.index("Le bac") < end for start, end in read.furniture)


PAGE = """<!DOCTYPE html><html lang="en"><head>{head}<title>The blue ferries</title>
<meta property="article:published_time" content="2021-06-04T08:00:00Z"></head><body>
<nav><a href="/">Home</a> <a href="/sport">Sport</a></nav><article><h1>The blue ferries</h1>
<p>Kenya opens a new harbour for its blue ferries, and the first one leaves at dawn with a load of coffee.</p>
<p>Tickets cost four shillings — a café on the lower deck included — and children travel free of charge.</p>
</article><footer>All rights reserved</footer><script>alert("no text")</script></body></html>"""


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "utf-8"),
        ('<meta charset="windows-1252">', "cp1252"),
        ("", "utf-16"),
        ('<meta charset="undefined">', "cp1252"),
    ],
)
def test_a_page_gives_its_article(head: str, encoding: str) -> None:
    """Of an HTML page the article is read, with its title and the date of its metadata, without menu and script."""
    read = article("a.html", PAGE.format(head=head).encode(encoding))
    assert "Tickets cost four shillings — a café on the lower deck included" in read.text
    assert "Sport" not in read.text
    assert "alert" not in read.text
    assert read.title == "The blue ferries"
    assert read.published is not None
    assert (read.published.date, read.published.source) == ("2021-06-04", "metadata")


@pytest.mark.parametrize(
    "data",
    [
        b"<html></html>",
        b"<<<<>>>>" * 99,
        b"<!-- x -->",
        b"<?php echo 1 ?>",
        b"&#0;",
        b"<div>" * 5_000,
        b"<![CDATA[x]]>",
    ],
)
def test_a_page_without_text_is_refused_and_nothing_worse(data: bytes) -> None:
    """However broken a page is, reading it ends in a reason."""
    with pytest.raises(Unreadable, match=r"no article text|no text"):
        article("a.html", data)


_MARKUP = st.sampled_from(
    "<p> </p> <div> </div> <!-- --> <![CDATA[ ]]> <script> </script> <style> <br/> <table><tr><td> </table>"
    " <a href='x'> </a> <title> </title> <meta_charset='utf-16'> <time_datetime='2021-06-04'> &#xD800; &#0;"
    " &amp &lt; <svg> <?xml_version='1.0'?> <!DOCTYPE <html> </html> <body> --- \ufeff".split()
)


@given(st.lists(st.one_of(_MARKUP, messy_texts()), max_size=20), st.sampled_from(["utf-8", "utf-16", "cp1251"]))
@example(["<svg>", "<p>", "<p>"], "utf-8")  # an assertion fails somewhere below lxml
@settings(max_examples=60)
def test_any_page_is_an_article_or_unreadable(pieces: list[str], encoding: str) -> None:
    """However a page is broken, it is read or refused, and no library's own error stops a rebuild."""
    data = "".join(pieces).replace("_", " ").encode(encoding, "replace")
    try:
        read = article("a.html", data)
    except Unreadable:
        return
    assert read.text.strip()
    assert "\r" not in read.text


@given(st.one_of(st.binary(max_size=200), messy_texts().map(lambda text: text.encode("cp1252", "ignore"))))
@settings(max_examples=60)
def test_any_bytes_are_an_article_or_unreadable(data: bytes) -> None:
    """Bytes of any kind end in a text that can be stored, or in a reason."""
    for file in ("a.txt", "b.md"):
        try:
            read = article(file, data)
        except Unreadable:
            continue
        assert read.text.encode("utf-8").decode("utf-8") == read.text


# --- the folder ---------------------------------------------------------------------------------------------


def listed(folder: Path) -> tuple[list[str], dict[str, str]]:
    found, refused = scan(folder)
    return [one.file for one in found], dict(refused)


def test_articles_are_found_by_their_endings_in_order(tmp_path: Path) -> None:
    """Every ending of an article counts, in any case and at any depth; other files are none of qa's business."""
    write(
        tmp_path,
        dict.fromkeys(
            (
                "b.TXT",
                "a/ü.md",
                "a/b/c.markdown",
                "d.text",
                "e.htm",
                "f.html",
                "g.xhtml",
                "h.pdf",
                "README.md",
                "a/README.md",
                ".hidden.txt",
                ".git/x.txt",
                "i.txt.bak",
                "txt",
            ),
            "x",
        ),
    )
    assert listed(tmp_path) == (
        ["a/README.md", "a/b/c.markdown", "a/ü.md", "b.TXT", "d.text", "e.htm", "f.html", "g.xhtml"],
        {},
    )


def test_links_are_followed_to_files_within_the_folder_only(tmp_path: Path) -> None:
    """A link cannot take a file from elsewhere into the index, nor lead in circles."""
    folder = write(tmp_path / "articles", {"a.txt": "x"})
    write(tmp_path, {"secret.txt": "x"})
    (folder / "within.txt").symlink_to("a.txt")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "broken.txt").symlink_to("nowhere.txt")
    (folder / "circle.txt").symlink_to("circle.txt")
    (folder / "loop").symlink_to(".")
    files, refused = listed(folder)
    assert files == ["a.txt", "within.txt"]
    assert refused == {
        "out.txt": "a link out of the folder is not followed",
        "broken.txt": "a broken link",
        "circle.txt": "a broken link",
        "loop": "a link to a folder is not followed",
    }


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    """Articles are often kept elsewhere and linked to."""
    write(tmp_path / "elsewhere", {"a.txt": "x", "b/c.txt": "x"})
    (tmp_path / "seeds").symlink_to("elsewhere")
    assert listed(tmp_path / "seeds") == (["a.txt", "b/c.txt"], {})


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    """A pipe would be waited for forever: it is listed instead."""
    os.mkfifo(tmp_path / "pipe.txt")
    assert listed(tmp_path) == ([], {"pipe.txt": "not a regular file"})


def test_a_folder_with_an_articles_name_is_a_folder(tmp_path: Path) -> None:
    """A folder may be called anything."""
    write(tmp_path, {"old.txt/a.txt": "x"})
    assert listed(tmp_path) == (["old.txt/a.txt"], {})


@pytest.mark.parametrize(
    "name", ["a\nb.txt", "a\x1b[31mb.txt", " .txt", "-rf.txt", "*?[a].txt", "a'b\"c.txt", "港.txt"]
)
def test_a_file_may_be_called_anything(tmp_path: Path, name: str) -> None:
    """Line ends, escape sequences and glob characters in a name are part of it."""
    write(tmp_path, {name: "x"})
    assert listed(tmp_path) == ([name], {})


def test_a_name_that_is_no_text_is_listed(tmp_path: Path) -> None:
    """Such a name could not be printed as JSON."""
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x")
    assert listed(tmp_path) == ([], {"?.txt": "its name is not valid UTF-8: rename it"})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_what_may_not_be_read_is_refused(tmp_path: Path) -> None:
    """A file or folder without permission is listed with the system's reason."""
    write(tmp_path, {"a.txt": "x", "b/c.txt": "x"})
    (tmp_path / "a.txt").chmod(0)
    (tmp_path / "b").chmod(0)
    try:
        _, refused = listed(tmp_path)
        assert refused == {"b": "the folder cannot be read (Permission denied)"}
        with pytest.raises(Unreadable, match="Permission denied"):
            read_bytes(tmp_path, "a.txt")
    finally:
        (tmp_path / "b").chmod(stat.S_IRWXU)


@pytest.mark.parametrize(("name", "reason"), [("nowhere", "is not there"), ("a.txt", "is not a folder")])
def test_no_folder_is_a_wrong_argument(tmp_path: Path, name: str, reason: str) -> None:
    """The message names the folder and says what to do."""
    write(tmp_path, {"a.txt": "x"})
    with pytest.raises(UsageError, match=f"{reason}.*qa rebuild FOLDER"):
        scan(tmp_path / name)


def test_a_folder_that_may_not_be_read_is_a_wrong_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would look empty, and a rebuild would forget all its articles; one below it is listed."""
    write(tmp_path, {"a.txt": "x", "b/c.txt": "x"})
    real = os.scandir

    def forbidden(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    closed = tmp_path
    with pytest.raises(UsageError, match=r"cannot be read \(Permission denied\).*qa rebuild FOLDER"):
        scan(tmp_path)
    closed = tmp_path / "b"
    assert listed(tmp_path) == (["a.txt"], {"b": "the folder cannot be read (Permission denied)"})


@pytest.mark.parametrize(
    ("content", "reason"), [("", "empty"), (" \n\t\r\n", "empty"), ("x" * 101, r"larger than 0 MB")]
)
def test_an_empty_or_enormous_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str, reason: str
) -> None:
    """An empty file is no article, nor is one larger than any."""
    monkeypatch.setattr(articles, "LARGEST", 100)
    write(tmp_path, {"a.txt": content})
    with pytest.raises(Unreadable, match=reason):
        read_bytes(tmp_path, "a.txt")


def test_a_text_of_invisible_characters_alone_is_refused() -> None:
    """A byte order mark and wide spaces are no text to read."""
    with pytest.raises(Unreadable, match="holds no text"):
        article("a.txt", "\ufeff\u3000\u2028\n".encode())

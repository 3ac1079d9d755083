"""The language of a text, and the unpacked copy of the model that tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import py3langid
import pytest
from conftest import ARTICLES

from qa import languages
from qa.languages import language

TEXTS = [*ARTICLES.values(), "Dlouhý most přes řeku se otevře na jaře.", "MOST", "\ud800 ferry harbour"]


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where copies go; empty, and no identifier is in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    languages._identifier.cache_clear()
    yield tmp_path / "qa-articles"
    languages._identifier.cache_clear()


def opened_anew() -> Any:
    languages._identifier.cache_clear()
    return languages._identifier()


def is_copy(identifier: Any) -> bool:
    return isinstance(identifier.tk_nextmove, memoryview)


def told() -> list[str]:
    return [language(text) for text in TEXTS]


EXPECTED = [py3langid.classify(text)[0] for text in TEXTS]


def test_a_few_letters_have_no_language() -> None:
    """No guess is made from less than three letters."""
    assert [language(text) for text in ("", "12/03/2019", "a1b")] == ["und", "und", "und"]
    assert language("the") != "und"


def test_the_copy_tells_what_the_library_tells(kept: Path) -> None:
    """The first process unpacks the model, the next ones map it; both say what py3langid says."""
    assert told() == EXPECTED
    assert not is_copy(languages._identifier())
    assert is_copy(opened_anew())
    assert told() == EXPECTED
    assert EXPECTED[:5] == ["fr", "en", "de", "ru", "zh"]
    assert len(list(kept.iterdir())) == 1


@pytest.mark.slow
def test_a_damaged_copy_is_made_anew(kept: Path) -> None:
    """Whichever file is changed, cut short or gone, languages are told as before and the copy is whole again."""
    opened_anew()
    (copy,) = kept.iterdir()
    for path, damage in zip(
        sorted(copy.iterdir()), ("gone", "flip", "cut", "flip", "flip", "gone", "cut"), strict=True
    ):
        data = path.read_bytes()
        middle = len(data) // 2
        path.unlink()
        if damage != "gone":
            flipped = b"" if damage == "cut" else bytes([data[middle] ^ 1]) + data[middle + 1 :]
            path.write_bytes(data[:middle] + flipped)
        assert not is_copy(opened_anew()), f"{path.name}: {damage}"
        assert language("La France prépare une fête sur les quais.") == "fr"
        assert path.read_bytes() == data
    assert is_copy(opened_anew())


def test_no_copy_is_taken_from_where_others_may_write(kept: Path) -> None:
    """What is not this user's alone is neither read nor written."""
    opened_anew()
    kept.chmod(0o777)
    assert not is_copy(opened_anew())
    kept.chmod(0o700)
    assert is_copy(opened_anew())


def test_without_a_home_languages_are_told_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that is a file, or no folder for copies: the library unpacks its model each time."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert not is_copy(opened_anew())
    assert told() == EXPECTED
    languages._identifier.cache_clear()


def test_a_copy_belongs_to_one_model(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of py3langid makes a copy of its own."""
    opened_anew()
    monkeypatch.setattr(py3langid, "__version__", "99.0")
    assert not is_copy(opened_anew())
    assert sorted(path.name.split("-")[1] for path in kept.iterdir()) == sorted(["99.0", version("py3langid")])


def test_an_interrupted_copy_is_none(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while the copy is written leaves nothing behind, and languages are told."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(languages.np, "save", full)
        assert not is_copy(opened_anew())
        assert list(kept.iterdir()) == []
    assert not is_copy(opened_anew())
    assert is_copy(opened_anew())

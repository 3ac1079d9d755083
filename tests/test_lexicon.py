"""Lexicon: a question's word means what its translations mean, in scripts with and without spaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import write

import qa
from qa.closeness import asked
from qa.encoder import StaticEncoder, load
from qa.errors import ModelError
from qa.lexicon import NAME, Lexicon
from qa.spoken import UNTOLD

lexicon = pytest.importorskip("training.lexicon")

WORDS = {
    "pl": {"brazil": ["kenya"], "france": ["kenya", "japan"]},
    "zh": {"肯尼亚": ["kenya"], "肯尼亚人": ["kenya"], "尼亚": ["japan"]},
    "uk": {"єгипет": ["egypt"]},
}
ARTICLES = {"a.txt": "Kenya signs alone.\n", "b.txt": "Japan signs alone.\n", "c.txt": "Egypt waits.\n"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, static_model: Path) -> Path:
    """The static model whose axes are countries, with a dictionary of three languages beside it."""
    folder = tmp_path_factory.mktemp("lexicon") / "model"
    shutil.copytree(static_model, folder)
    plain = load(str(static_model))
    assert isinstance(plain, StaticEncoder)
    lexicon.save(folder / NAME, {
        language: [(word, [plain.units([text])[0].tokens.tolist() for text in texts]) for word, texts in words.items()]
        for language, words in WORDS.items()})
    return folder


@pytest.fixture(scope="module")
def encoder(model: Path) -> StaticEncoder:
    """That model."""
    opened = load(str(model))
    assert isinstance(opened, StaticEncoder)
    return opened


def test_a_word_means_what_its_translations_mean_too(encoder: StaticEncoder) -> None:
    """A word of one token keeps two thirds of its own meaning, and the rest is that of all its translations."""
    kenya, japan, brazil, france = (encoder.encode_question(name) for name in ("Kenya", "Japan", "Brazil", "France"))
    one, two = (asked(name, encoder, "pl").units for name in ("Brazil", "France"))
    assert one is not None
    assert two is not None
    assert one[0] == pytest.approx((brazil + kenya / 2) / np.sqrt(1.25), abs=1e-6)
    assert two[0] == pytest.approx((france + (kenya + japan) / np.sqrt(8)) / np.sqrt(1.25), abs=1e-6)


def test_a_word_of_another_language_is_left_alone(encoder: StaticEncoder) -> None:
    """The same letters in a question of a language whose dictionary does not hold them mean what they are."""
    for language in ("sv", "en", UNTOLD):
        units = asked("Brazil", encoder, language).units
        assert units is not None
        assert units[0] == pytest.approx(encoder.encode_question("Brazil"), abs=1e-6)


def test_the_script_tells_where_a_word_is_looked_up(encoder: StaticEncoder) -> None:
    """A Chinese name in a Polish question is looked up in Chinese, a Ukrainian word in a Ukrainian question in
    Ukrainian, though its script is shared."""
    assert encoder.lexicon is not None
    assert encoder.lexicon.meaning("肯尼亚", "pl")
    assert encoder.lexicon.meaning("єгипет", "uk")
    assert not encoder.lexicon.meaning("египет", "ru")


@pytest.mark.parametrize(("text", "pieces"), [
    ("在肯尼亚人那里", ["在", "肯尼亚人", "那里"]),
    ("肯尼亚 and 肯尼亚", ["肯尼亚", " and ", "肯尼亚"]),
    ("肯尼亚 肯尼亚", ["肯尼亚", "肯尼亚"]),
    ("尼亚尼亚", ["尼亚", "尼亚"]),
    ("nothing here", ["nothing here"]),
    ("亚", ["亚"]),
    ("", [""]),
])
def test_the_longest_known_words_are_cut_out(encoder: StaticEncoder, text: str, pieces: list[str]) -> None:
    """From the left, the longest word that is known; what is between stays as it is."""
    assert encoder.lexicon is not None
    found = encoder.lexicon.pieces(text, "zh")
    assert [piece for piece, _ in found] == pieces
    words = WORDS["zh"]
    assert [known for _, known in found] == [piece in words for piece in pieces]


def test_a_known_word_without_spaces_is_one_unit() -> None:
    """Two words that stand side by side are two units, and what the tokenizer makes of them without a dictionary is
    something else."""
    shipped = load()
    assert isinstance(shipped, StaticEncoder)
    cut, apart = (asked(text, shipped, "zh").units for text in ("衡量飓风", "衡量 飓风"))
    assert cut is not None
    assert apart is not None
    assert cut == pytest.approx(apart, abs=1e-6)
    assert len(cut) == 2
    shipped.lexicon = None
    uncut = asked("衡量飓风", shipped, "zh").units
    assert uncut is not None
    assert len(uncut) == 1


def test_questions_find_what_their_words_mean(tmp_path: Path, model: Path) -> None:
    """The passage on Kenya is nearer than that on Japan to a question whose one word means Kenya."""
    write(tmp_path / "articles", ARTICLES)
    qa.rebuild(tmp_path / "articles", index=tmp_path / "index", model=str(model))
    found = qa.retrieve("Co zrobi Brazil, który dostał to od nas?", index=tmp_path / "index")
    assert found[0].file == "a.txt"
    assert found[0].interaction > found[1].interaction == 0.0


def test_a_model_with_another_dictionary_is_another_model(model: Path, static_model: Path) -> None:
    """An index knows what its unrelated questions reach, and these are looked up too."""
    assert load(str(model)).fingerprint != load(str(static_model)).fingerprint


def test_a_damaged_dictionary_is_told(tmp_path: Path, model: Path) -> None:
    """One message with its remedy, whatever is wrong with the file."""
    shutil.copytree(model, tmp_path / "model")
    for content in (b"", b"nonsense", (model / NAME).read_bytes()[:-3]):
        (tmp_path / "model" / NAME).write_bytes(content)
        with pytest.raises(ModelError, match="Install qa again"):
            load(str(tmp_path / "model"))


def test_the_shipped_dictionary_knows_what_the_model_does_not() -> None:
    """Words of scripts that the model knows in pieces only, and their translations' tokens are the model's."""
    shipped = load()
    assert isinstance(shipped, StaticEncoder)
    known = shipped.lexicon
    assert isinstance(known, Lexicon)
    words = {"衡量": "zh", "飓风": "zh", "颶風": "zh", "президентами": "ru", "domácnostech": "cs"}
    for word, language in words.items():
        translations = known.meaning(shipped.folded(word), language)
        assert translations, word
        assert max(int(one.max()) for one in translations) < shipped.vocabulary
    assert [piece for piece, found in known.pieces("衡量飓风强度的尺度", "zh") if found][:2] == ["衡量", "飓风"]

"""What the model learns its words from: dictionaries as Debian packs them, their agreement, and inflected forms."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models

from training.dictionaries import agreed, chinese, entries, inflected, places, write

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def digits(number: int) -> str:
    return LETTERS[number // 64] + LETTERS[number % 64]


def dictionary(folder: Path, *listed: str) -> Path:
    text, index = b"", ""
    for entry in listed:
        data = entry.encode()
        index += f"{entry.split()[0]}\t{digits(len(text))}\t{digits(len(data))}\n"
        text += data
    path = folder / "freedict-fra-rus.dict.dz"
    path.write_bytes(gzip.compress(text))
    (folder / "freedict-fra-rus.index").write_text(index, "utf-8")
    return path


def test_a_dictionary_gives_the_first_sense_of_each_word(tmp_path: Path) -> None:
    path = dictionary(tmp_path, "00-database-short\nA dictionary\n", "chat /ʃa/ <n, masc>\nкот, кошка 2.\nanimal\n",
                      "pays d'en haut\n1. горы (в сказках)\n2. верх\n", "seul\n")
    assert list(entries(path)) == [("chat", "кот"), ("chat", "кошка"), ("pays d'en haut", "горы")]


def test_two_dictionaries_must_agree_on_a_pair_that_none_has() -> None:
    listed = {("en", "fr"): [("cat", "chat"), ("bank", "rive")], ("fr", "ru"): [("chat", "кот"), ("rive", "берег")],
              ("en", "de"): [("cat", "Katze"), ("bank", "Bank")], ("de", "ru"): [("katze", "кот"), ("Bank", "банк")]}
    assert list(agreed(listed, "en", "ru")) == [("cat", "кот")]


def test_every_form_of_a_word_gets_its_translation() -> None:
    of = {"кот": ["кота", "коты"]}
    found = set(inflected([("cat", "кот"), ("dog", "пёс"), ("cat", "cat")], of, "ru"))
    assert found == {("cat", "кота"), ("cat", "коты")}


def test_too_many_pairs_are_cut_the_same_way_each_time(tmp_path: Path) -> None:
    pairs = [(f"w{number}", f"m{number}") for number in range(50)]
    first, second = tmp_path / "a" / "en-fr.tsv.xz", tmp_path / "b" / "en-fr.tsv.xz"
    assert write(first, pairs, 10) == write(second, pairs[::-1], 10) == 10
    assert first.read_bytes() == second.read_bytes()


def test_a_new_vocabulary_starts_where_the_old_one_stood(tmp_path: Path) -> None:
    from training.static import TRAINED, carried_over  # loads PyTorch, which takes seconds and nobody else needs here

    old = Tokenizer(models.BPE({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, [], unk_token="[UNK]"))
    old.save(str(tmp_path / "tokenizer.json"))
    rows = np.array([[0, 0], [100, 0], [0, 50], [20, 20]], np.int8)
    save_file({"embeddings": rows, "weights": np.full(4, 0.01, np.float32)}, tmp_path / "model.safetensors")
    new = Tokenizer(models.BPE({"[UNK]": 0, "a": 1, "b": 2, "ab": 3, "x": 4}, [("a", "b")], unk_token="[UNK]"))
    table = carried_over(tmp_path, new)
    np.testing.assert_allclose(table[3], table[1] + table[2], rtol=1e-6)
    assert np.isclose(table[1, 0] / table[2, 1], 2.0)
    carried = rows * (TRAINED / np.sqrt((rows.astype(float) ** 2).mean()))
    np.testing.assert_allclose(table[1], carried[1], rtol=1e-6)
    assert np.any(table[4])  # a character that the old one did not know starts somewhere


def test_a_chinese_dictionary_gives_meanings_and_both_ways_of_writing() -> None:
    entries = [
        {"simplified": "猫", "traditional": "貓", "definitions": ["cat", "CL:隻|只[zhi1]", "(dialect) to hide"]},
        {"simplified": "王", "traditional": "王", "definitions": ["surname Wang", "king, or monarch (title)"]},
    ]
    translated, written = chinese(entries)
    assert sorted(translated) == [("cat", "猫"), ("cat", "貓"), ("king", "王"), ("to hide", "猫"), ("to hide", "貓")]
    assert written == [("猫", "貓")]


def test_names_of_cities_are_told_by_their_script() -> None:
    cities = [{"name": "Brume", "alternatenames": ["Брюм", "布吕姆", "Nebelstadt", "", "ブリュム", "بروم"]}]
    assert places(cities) == {"ru": [("Brume", "Брюм")], "zh": [("Brume", "布吕姆")], "ja": [("Brume", "ブリュム")],
                              "ar": [("Brume", "بروم")]}

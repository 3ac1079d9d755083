"""The vocabulary: byte-pair encoding over folded words, by how often they are met in each language.

    python -m training.tokenizer --work .work
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

SIZE = 64_000                # entries: as many as two bytes can number, nearly
ALPHABET = 7_500             # characters of them: all of the common Han characters, kana and Hangul syllables
CHARACTERS = 500_000       # of the corpora's text a language, at most: for punctuation, figures and rare characters
WORDS = 200_000              # words a language, as often as they are met (`wordfreq`): the corpora are no newspapers
MORE = {"fr": 18.0, "en": 15.0, "ru": 12.0, "es": 12.0, "de": 10.0, "zh": 15.0, "it": 6.0, "pt": 6.0, "ar": 8.0}
# times as many: what people are likeliest to read and to ask in
PIECE_CHARACTERS = 12_000_000  # of text a language for the transformer's vocabulary
PIECES = 62_000              # entries of the transformer's vocabulary, English ones included
LANGUAGES = ("ar", "cs", "de", "el", "en", "es", "fa", "fr", "he", "hi", "id", "it", "ja", "ko", "nl", "pl", "pt", "ro",
             "ru", "sv", "tr", "uk", "vi", "zh")
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")

# Marks that readers and writers leave out: Latin, Greek and Cyrillic accents, Arabic vowels and hamza
# seats, tatweel, Hebrew points. The breve of й stays, and so do kana voicing and Indic and Thai marks,
# all of which tell words apart; NFKC puts them back on their letters.
MARKS = Regex(
    "[\u0300-\u0305\u0307-\u036f\u0640\u064b-\u065f\u0670\u0591-\u05c7]|(?<![\u0438\u0418])\u0306"
)
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}"


def folding() -> list[normalizers.Normalizer]:
    """Return what text goes through before it is cut into words."""
    return [
        normalizers.NFKD(),
        normalizers.Replace(MARKS, ""),
        normalizers.Replace("\u2019", "'"),
        normalizers.NFKC(),
        normalizers.Lowercase(),
    ]


def untrained() -> Tokenizer:
    """Return the tokenizer without its vocabulary: how text is folded and cut into words."""
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *folding(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(),
            pre_tokenizers.Metaspace(prepend_scheme="always"),
            # Han, kana, Thai and punctuation have no word starts, so their tokens need not exist twice.
            pre_tokenizers.Split(Regex(rf"▁(?=[{UNSPACED}\p{{P}}\p{{S}}])"), "removed"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


def common() -> Iterator[str]:
    """Yield the words of each language, each as often as `wordfreq` (Speer 2022) has met it among so many."""
    from wordfreq import available_languages, get_frequency_dict

    for language in sorted(available_languages("best")):
        if language in LANGUAGES:
            for word, share in get_frequency_dict(language, "best").items():
                met = round(share * WORDS * MORE.get(language, 1.0))
                for first in range(0, met, 1_000):
                    yield " ".join([word] * min(1_000, met - first))


def balanced(work: Path, characters: int, *, without: tuple[str, ...] = (), seed: int = 0) -> Iterator[str]:
    """Yield texts until each language has given its share of characters, the sets of a language in turn."""
    records = [record for record in json.loads((work / "sources.json").read_text())["used"]
               if record["set"] != "inflections"]
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        lines = (work / "pairs" / f"{record['name']}.tsv").read_text(encoding="utf-8").split("\n")
        for left, _, right in (line.partition("\t") for line in lines):
            texts[record["left"]][record["set"]].append(left)
            texts[record["right"]][record["set"]].append(right)
    chance = random.Random(seed)
    for language, sets in sorted(texts.items()):
        if language in without:
            continue
        budget = characters
        for lines in sets.values():
            chance.shuffle(lines)
        queues = [lines for _, lines in sorted(sets.items())]
        while budget > 0 and queues:
            for lines in queues:
                for text in lines[-50:]:
                    budget -= len(text)
                    yield text
                del lines[-50:]
            queues = [lines for lines in queues if lines]


def train(work: Path) -> Tokenizer:
    """Train on the pairs below `work` and return the tokenizer."""
    tokenizer = untrained()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        limit_alphabet=ALPHABET,
        special_tokens=list(SPECIAL),
        min_frequency=2,
        max_token_length=20,
        show_progress=False,
    )
    tokenizer.train_from_iterator(itertools.chain(common(), balanced(work, CHARACTERS)), trainer)
    return tokenizer


def word_pieces(work: Path, english: list[str]) -> Tokenizer:
    """Return a WordPiece tokenizer whose entries are those of an English one and new ones for the other languages.

    English text is cut as before, or nearly: what its transformer has learned of English stays as it is.
    `english` is the vocabulary in order; entries marked unused are left out.
    """
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *folding(),
            normalizers.BertNormalizer(
                clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False
            ),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=SIZE, limit_alphabet=ALPHABET, min_frequency=3, show_progress=False
    )
    tokenizer.train_from_iterator(balanced(work, PIECE_CHARACTERS, without=("en",)), trainer)
    kept = list(SPECIAL) + [piece for piece in english if not piece.startswith("[")]
    known = set(kept)
    ordered = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])  # the commonest first
    kept += [piece for piece, _ in ordered if piece not in known][: PIECES - len(kept)]
    tokenizer.model = models.WordPiece({piece: row for row, piece in enumerate(kept)}, unk_token="[UNK]")
    tokenizer.decoder = decoders.WordPiece()
    ends = [(name, kept.index(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path(".work"))
    parser.add_argument("--english", type=Path, help="vocab.txt: make the transformer's vocabulary from it")
    arguments = parser.parse_args()
    if arguments.english:
        pieces = word_pieces(arguments.work, arguments.english.read_text(encoding="utf-8").split())
        pieces.save(str(arguments.work / "pieces.json"))
    else:
        train(arguments.work).save(str(arguments.work / "tokenizer.json"))


if __name__ == "__main__":
    main()

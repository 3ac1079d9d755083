"""`Encoder`, the two-method protocol, the shipped one and any sentence-transformers model."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import itertools
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qa import hub
from qa import lexicon as lexicons
from qa.arrays import mapped
from qa.checksums import checksum
from qa.errors import ModelError
from qa.lexicon import Lexicon
from qa.pieces import Pieces
from qa.recipe import SHIPPED_FOLDER, SHIPPED_MODEL

Vectors = NDArray[np.float32]


@runtime_checkable
class Encoder(Protocol):
    """Turns text into unit vectors whose inner product says how close two texts are in meaning."""

    name: str           # as recorded in the index: SHIPPED_MODEL, a path, or a model's name
    fingerprint: str    # changes whenever the model's files change
    dimension: int

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit float32 rows, (len(texts), dimension)."""

    def encode_question(self, text: str) -> Vectors:
        """A unit float32 vector, (dimension,)."""


@dataclass(frozen=True, slots=True)
class Units:
    """The units of meaning of some texts, one text after the other, at least one of each: words, or pieces of a script
    without spaces.

    A unit's vector is the sum of its tokens' vectors; its length says how much the unit matters.
    """

    counts: NDArray[np.int64]     # (texts, 2) how many units and tokens
    totals: NDArray[np.float32]   # (texts,) length of the sum of the units' vectors
    lengths: NDArray[np.float32]  # of each unit's vector
    tokens: NDArray[np.int32]     # token numbers
    firsts: NDArray[np.bool_]     # (tokens,) whether a unit begins with it

    @classmethod
    def joined(cls, parts: Sequence[Units]) -> Units:
        """Those of all texts, in their order; there must be a part."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def of(self, texts: Sequence[int]) -> Iterator[Units]:
        """Those of the first so many texts, then those of the next so many, and so on."""
        ends = np.concatenate([np.zeros((1, 2), np.int64), np.cumsum(self.counts, axis=0)])
        begin = 0
        for count in texts:
            mine = slice(begin, begin + count)
            own, token = (slice(*ends[[begin, begin + count], column].tolist()) for column in (0, 1))
            yield Units(self.counts[mine], self.totals[mine], self.lengths[own], self.tokens[token],
                        self.firsts[token])
            begin += count


@runtime_checkable
class LightEncoder(Encoder, Protocol):
    """An encoder so quick that a question can be compared with every sentence and word of hundreds of passages."""

    vocabulary: int     # how many tokens it knows
    lexicon: Lexicon | None  # what words of questions mean in other languages

    def units(self, texts: Sequence[str]) -> tuple[Units, Vectors]:
        """The units of the texts, and the sum of each text's, (len(texts), dimension): what it means, not of length
        one. A text without any known token has one unit that matters nothing."""

    def figures(self, tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of the tokens are digits and nothing else."""

    def folded(self, text: str) -> str:
        """The text as the tokenizer reads it, without case and most accents."""

    def words(self, units: Units) -> list[str]:
        """How each of the units is written, folded."""

    def token_vectors(self, tokens: NDArray[np.int32]) -> Vectors:
        """Float32 rows, (len(tokens), dimension), not of length one."""

    def products(self, vectors: Vectors, tokens: NDArray[np.int32]) -> Vectors:
        """The inner products of vectors with those of tokens, float32 (len(vectors), len(tokens))."""


def unit(rows: Vectors) -> Vectors:
    """Rows of length one; a row of zeros (text without a known token) stays zero and is close to nothing."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def apart(numbers: NDArray[Any], limit: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The different ones of numbers below `limit`, ascending, and where among them each stands: of tokens, or of terms.
    np.unique would sort them all."""
    places = np.zeros(limit, np.int32)
    places[numbers] = 1
    different = np.flatnonzero(places > 0).astype(np.int32)
    places[different] = np.arange(len(different))
    return different, places[numbers]


# Scripts without spaces, where a token is a unit by itself: Thai and its neighbours, Han, kana. But Han signs that are
# a token each and stand side by side spell a word the model has no token for, most often a name, and are one unit
# together, unless they are words by themselves.
_UNSPACED = re.compile("[▁#]*[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")

_SIGN = re.compile("[▁#]*([\u3400-\u9fff])")
_WORDS = frozenset(
    "的了是在和与與有被将將从從对對为為以及其之而或但也就都又这這那哪谁誰什么吗嗎呢吧多少个個次年月日上下中内外于於由到把"
    "给給让讓向用地得着著过過不没沒很更最还還只才已所并並每各某些几幾何如若当當时時后後前里裡者"
)

_UNSEEN, _SPACED, _ALONE, _SPELLING = -1, 0, 1, 2
_TEXTS_AT_ONCE = 64  # whose token vectors are in memory together: some 4 MB, near the processor
_ROWS_AT_ONCE = 128  # that are made float32 and multiplied before they leave the processor's nearest memory
_FEW = 500           # tokens: what a question may have


class StaticEncoder:
    """A static model (one vector a token, averaged) read by tokenizers and numpy alone.

    Gives what sentence-transformers' StaticEmbedding gives for the same folder, without importing PyTorch: a
    question costs well under a millisecond, and the model is ready in a fraction of a second.
    """

    def __init__(self, folder: str | os.PathLike[str], name: str | None = None) -> None:
        """Reads a sentence-transformers folder of one StaticEmbedding. Raises ModelError."""
        from safetensors import SafetensorError
        from tokenizers import Tokenizer

        where = Path(folder)
        try:
            self._tokenizer = Tokenizer.from_file(str(where / "tokenizer.json"))
            stored, _ = mapped(where / "model.safetensors")
            self.fingerprint = folder_fingerprint(where)
        except (OSError, SafetensorError) as error:
            raise ModelError(f"The model in {where} cannot be read ({error}). Install qa again, or name another"
                             " model: qa rebuild --model NAME_OR_PATH") from error
        except Exception as error:  # tokenizers raises bare Exception for a damaged file
            raise ModelError(f"The tokenizer in {where} cannot be read ({error}). Install qa again, or name another"
                             " model: qa rebuild --model NAME_OR_PATH") from error
        self.lexicon = _lexicon(where / lexicons.NAME)
        _give_back()
        self._tokenizer.no_padding()
        self._pieces = Pieces(self._tokenizer)
        rows = stored.get("embedding.weight", stored.get("embeddings"))
        if rows is None or rows.ndim != 2:
            raise ModelError(f"The model in {where} holds no table of token vectors. Name another model:"
                             " qa rebuild --model NAME_OR_PATH")
        self._rows = rows[stored["mapping"]] if "mapping" in stored else rows
        self._scales = stored.get("weights")
        self._kinds = np.full(len(stored.get("mapping", rows)), _UNSEEN, np.int8)
        self.folder = where
        self.name = name or str(where)
        self.dimension = int(self._rows.shape[1])
        self.vocabulary = len(self._kinds)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit float32 rows, (len(texts), dimension)."""
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for row, encoding in enumerate(self._encodings(texts)):
            ids, counts = np.unique(np.asarray(encoding.ids, np.int32), return_counts=True)
            if len(ids):
                # the mean's division is left out: the vector is scaled to length one anyway
                vectors[row] = counts.astype(np.float32) @ self.token_vectors(ids)
        return unit(vectors)

    def encode_question(self, text: str) -> Vectors:
        """A unit float32 vector, (dimension,)."""
        return np.asarray(self.encode_passages([text])[0], np.float32)

    def units(self, texts: Sequence[str]) -> tuple[Units, Vectors]:
        """The units of the texts, and the sum of each text's, (len(texts), dimension): what it means, not of length
        one. A text without any known token has one unit that matters nothing."""
        found = self._pieces.tokenized(texts)
        empty = np.flatnonzero(found.counts == 0)
        nothing = (np.cumsum(found.counts) - found.counts)[empty]
        counts = np.maximum(found.counts, 1)
        tokens, firsts = np.insert(found.tokens, nothing, 0), np.insert(found.firsts, nothing, True)
        firsts = self._begin(tokens, firsts)
        matters = np.ones(len(tokens), np.float32)
        matters[nothing + np.arange(len(nothing))] = 0.0
        nothing_yet = np.zeros(0, np.float32)
        parts = [Units(np.zeros((0, 2), np.int64), nothing_yet, nothing_yet, tokens[:0], firsts[:0])]
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        ends = np.concatenate([[0], np.cumsum(counts)])
        for begin in range(0, len(texts), _TEXTS_AT_ONCE):
            end = min(begin + _TEXTS_AT_ONCE, len(texts))
            own = slice(ends[begin], ends[end])
            starts = np.flatnonzero(firsts[own])
            different, places = apart(tokens[own], self.vocabulary)
            sums = _sums(self.token_vectors(different), places, starts, matters[own])
            bounds = np.searchsorted(starts, ends[begin : end + 1] - ends[begin])
            mine = vectors[begin:end]
            mine[:] = _sums(sums, np.arange(len(sums)), bounds[:-1], np.ones(len(sums), np.float32))
            parts.append(Units(np.stack([np.diff(bounds), counts[begin:end]], axis=1),
                               np.sqrt(np.vecdot(mine, mine)), np.sqrt(np.einsum("ij,ij->i", sums, sums)),
                               tokens[own], firsts[own]))
        return Units.joined(parts), vectors

    def _begin(self, tokens: NDArray[np.int32], firsts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which of the tokens units begin with; `firsts`: which of them words begin with, as the tokenizer cuts."""
        kinds = self._kinds[tokens]
        for token in set(tokens[kinds == _UNSEEN].tolist()):  # each is looked at once
            self._kinds[token] = _kind(self._tokenizer.id_to_token(token) or "")
        kinds = self._kinds[tokens]
        begins = firsts | (kinds != _SPACED)
        begins[1:] &= firsts[1:] | (kinds[1:] != _SPELLING) | (kinds[:-1] != _SPELLING)
        return np.asarray(begins)

    def figures(self, tokens: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Which of the tokens are digits and nothing else."""
        return np.array([(self._tokenizer.id_to_token(token) or "").strip("▁#").isdecimal()
                         for token in tokens.tolist()], np.bool_)

    def folded(self, text: str) -> str:
        """The text as the tokenizer reads it, without case and most accents."""
        normalizer = self._tokenizer.normalizer
        return text if normalizer is None else str(normalizer.normalize_str(text))

    def words(self, units: Units) -> list[str]:
        """How each of the units is written, folded."""
        written = [(self._tokenizer.id_to_token(token) or "").removeprefix("##").replace("▁", "")
                   for token in units.tokens.tolist()]
        bounds = [*np.flatnonzero(units.firsts).tolist(), len(written)]
        return ["".join(written[begin:end]) for begin, end in itertools.pairwise(bounds)]

    def token_vectors(self, tokens: NDArray[np.int32]) -> Vectors:
        """Float32 rows, (len(tokens), dimension), not of length one."""
        rows = self._rows[tokens].astype(np.float32)
        return rows if self._scales is None else np.asarray(rows * self._scales[tokens, None], np.float32)

    def products(self, vectors: Vectors, tokens: NDArray[np.int32]) -> Vectors:
        """The inner products of vectors with those of tokens, float32 (len(vectors), len(tokens))."""
        found = np.empty((len(tokens), len(vectors)), np.float32)
        turned = np.ascontiguousarray(vectors.T)
        stored = np.empty((_ROWS_AT_ONCE, self.dimension), self._rows.dtype)
        rows = np.empty(stored.shape, np.float32)
        for begin in range(0, len(tokens), _ROWS_AT_ONCE):
            some = tokens[begin : begin + _ROWS_AT_ONCE]
            np.take(self._rows, some, axis=0, out=stored[: len(some)], mode="clip")  # into place, unlike "raise"
            rows[: len(some)] = stored[: len(some)]
            np.matmul(rows[: len(some)], turned, out=found[begin : begin + _ROWS_AT_ONCE])
        if self._scales is not None:
            found *= self._scales[tokens, None]
        return found.T

    def _encodings(self, texts: Sequence[str]) -> list[Any]:
        return self._tokenizer.encode_batch(list(texts), add_special_tokens=False)


def _lexicon(path: Path) -> Lexicon | None:
    from safetensors import SafetensorError

    try:
        return Lexicon(path) if path.is_file() else None
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise ModelError(f"The dictionary in {path} cannot be read ({error}). Install qa again, or remove that file and"
                         " rebuild: qa rebuild") from error


def _give_back() -> None:
    """Gives the memory that reading a tokenizer has left unused back to the system, where the C library can: 15 MB of a
    process that may answer one question."""
    with contextlib.suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _kind(token: str) -> int:
    if not _UNSPACED.match(token):
        return _SPACED
    sign = _SIGN.fullmatch(token)
    return _SPELLING if sign and sign[1] not in _WORDS else _ALONE


def _sums(rows: Vectors, places: NDArray[Any], starts: NDArray[Any], weights: NDArray[np.float32]) -> Vectors:
    """The rows at these places, times their weights, added up from each start to the next, in their order."""
    sizes = np.diff(starts, append=len(places))
    if len(places) < _FEW:
        sums = rows[places[starts]] * weights[starts, None]
        for place in range(1, int(sizes.max(initial=0))):
            longer = sizes > place
            at = starts[longer] + place
            sums[longer] += rows[places[at]] * weights[at, None]
        return np.asarray(sums, np.float32)
    from scipy.sparse import csr_array  # takes 0.15 s to import, and questions never need it

    chosen = csr_array((weights, places, np.append(starts, len(places))), shape=(len(starts), len(rows)))
    return np.asarray(chosen @ rows, np.float32)


_NOT_LOADED = ("The model {name} cannot be loaded: {reason} Give the path of a sentence-transformers folder, or a name"
               " while there is a network, or leave --model away for the shipped model.")


class SentenceTransformerEncoder:
    """Any sentence-transformers model by name or path, with its own prompts for questions and passages."""

    def __init__(self, name: str) -> None:
        """Loads the model, from the network when it is a name and not yet cached. Raises ModelError."""
        if os.path.isabs(name) and not os.path.isdir(name):  # known at once, without the seconds of an import
            raise ModelError(_NOT_LOADED.format(name=repr(name), reason="There is no such folder."))
        from sentence_transformers import SentenceTransformer  # takes seconds; only other models need it
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # qa shows its own progress, and nothing moves where nobody watches
        try:
            self._model = SentenceTransformer(name, device="cpu", trust_remote_code=False,
                                              local_files_only=hub.only_local(name),
                                              model_kwargs={"use_safetensors": True})
        except Exception as error:  # the loader raises whatever its many parts raise
            raise ModelError(_NOT_LOADED.format(name=repr(name), reason=hub.reason(error))) from error
        self.name = os.path.abspath(name) if os.path.isdir(name) else name
        dimension = self._model.get_embedding_dimension()
        self.dimension = int(dimension or self.encode_question("?").shape[0])
        self.fingerprint = folder_fingerprint(Path(name)) if os.path.isdir(name) else self._weights_fingerprint()

    def _weights_fingerprint(self) -> str:
        digest = hashlib.sha256()
        for key, tensor in sorted(self._model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def _encode(self, method: Any, texts: Any) -> Vectors:
        return np.asarray(method(texts, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False),
                          np.float32)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Unit float32 rows, (len(texts), dimension)."""
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self._encode(self._model.encode_document, list(texts))

    def encode_question(self, text: str) -> Vectors:
        """A unit float32 vector, (dimension,)."""
        return self._encode(self._model.encode_query, text)


def folder_fingerprint(folder: Path) -> str:
    """SHA-256 over the names and checksums of a model folder's files, README and hidden files left out."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and path.suffix != ".md" and not any(part.startswith(".") for part in relative.parts):
            digest.update(relative.as_posix().encode())
            digest.update(checksum(path).encode())
    return digest.hexdigest()


def _is_static(folder: Path) -> bool:
    """True for a sentence-transformers folder that holds one StaticEmbedding (and its normalisation)."""
    try:
        modules = json.loads((folder / "modules.json").read_text("utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        settings = folder / "config_sentence_transformers.json"
        prompts = json.loads(settings.read_text("utf-8")).get("prompts", {}) if settings.is_file() else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    if any(prompts.values()):
        return False  # prompts are sentence-transformers' business
    return bool(kinds) and kinds[0] == "StaticEmbedding" and set(kinds[1:]) <= {"Normalize"} and (
        (folder / "tokenizer.json").is_file())


def load(model: str | None = None) -> Encoder:
    """The encoder called `model`: None or "shipped" for the one inside the package, else a path or a name.

    Raises ModelError when it cannot be loaded.
    """
    if model is None or model == SHIPPED_MODEL:
        return StaticEncoder(SHIPPED_FOLDER, SHIPPED_MODEL)
    folder = Path(model)
    if folder.is_dir() and _is_static(folder):
        return StaticEncoder(folder, os.path.abspath(folder))
    return SentenceTransformerEncoder(model)

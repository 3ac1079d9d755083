"""The passages' vectors on disk, and the search among them that suits their number."""

from __future__ import annotations

import contextlib
import math
import struct
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa.cores import cores
from qa.encoder import Vectors, unit
from qa.engine import Rows

# All figures below: 512 dimensions, real questions and passages, one thread; `python -m bench.vectors` measures them.
SHORTLIST_FROM = 50_000  # vectors: reading fewer takes less than 5 ms
RECALL = 0.993  # of the ten nearest: what a shortlist must hold of questions made by `_unlike`; more of real ones
_CANDIDATES = (250, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 6_000, 8_000)  # of a shortlist; the first to suffice
_CANDIDATES_EACH = 20  # times as many candidates as passages asked for, at the least
_FEW = 10_000  # allowed rows: looking at each is as fast as a shortlist
_SAMPLE = 16_384  # vectors that a shortlist's codes are learned from; twice as many found no more
_ROUNDS = 10  # of learning them; 25 found no more
_QUESTIONS = 256  # that a shortlist is tuned with
_BATCH = 16_384  # vectors in memory at once: 32 MB
_WIDEST = 65_536  # dimensions
_WIDTH = 4  # dimensions of a vector that share one code of four bits


@dataclass(frozen=True, slots=True)
class Search:
    """How the vectors of one index are searched; `kind` "exact" compares a question with each of them.

    "shortlist" compares it with codes of a sixteenth of their size (product quantization: Jégou, Douze, Schmid 2011;
    read in registers: André, Kermarrec, Le Scouarnec 2015) and then exactly with the best candidates.
    """

    kind: str = "exact"
    candidates: int = 0     # compared exactly for each question
    recall: float = 1.0     # of the ten nearest, in the mean, measured when it was built

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


EXACT = Search()


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """FAISS uses so many threads when this one calls it. On busy cores more threads mostly wait for each other:
    learning the codes took 1 s with one, and 271 s with four."""
    import faiss

    usual = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(usual)


def _header(dimension: int, count: int) -> bytes:
    """What FAISS writes before so many float16 vectors, which follow row by row."""
    import faiss

    empty = faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    data = faiss.serialize_index(empty).tobytes()
    return data[:8] + struct.pack("<Q", count) + data[16:-8] + struct.pack("<Q", count * 2 * dimension)


def _flat(path: Path) -> Any:
    """A file of VectorWriter as a FAISS index, mapped. Raises ValueError for any other file.

    FAISS believes what a file says of its own size, and ends the process over some that are cut short.
    """
    import faiss

    with path.open("rb") as file:
        _, dimension, count = struct.unpack("<4siQ", file.read(16).ljust(16, b"\0"))
        size = path.stat().st_size
        if not (0 < dimension <= _WIDEST and count * 2 * dimension <= size):
            raise ValueError(f"{path.name} holds no vectors")
        expected = _header(dimension, count)
        file.seek(0)
        if file.read(len(expected)) != expected or size != len(expected) + count * 2 * dimension:
            raise ValueError(f"{path.name} holds no {count} vectors")
    return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)


class VectorWriter:
    """Writes vectors as they come, as float16; memory stays the same however many come."""

    def __init__(self, path: Path, shortlist: Path, dimension: int, shortlist_from: int = SHORTLIST_FROM) -> None:
        """`path` gets the vectors, `shortlist` the codes, from `shortlist_from` vectors on."""
        self._path, self._shortlist, self._from = path, shortlist, shortlist_from
        self._dimension = dimension
        self._file = path.open("wb", buffering=0)  # a buffer that a full disk refused would be refused again on closing
        self._write(_header(dimension, 0))
        self.count = 0

    def add(self, vectors: Vectors) -> None:
        """Adds unit rows, (n, dimension). Raises OSError."""
        if len(vectors):
            self._write(vectors.astype("<f2").tobytes())  # FAISS reads these bytes, but rounds a little otherwise
            self.count += len(vectors)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) or 0 :]

    def finish(self) -> Search:
        """Completes the files, and says how they are to be searched. Raises OSError or RuntimeError.

        The same rows in the same order give the same search and the same files.
        """
        self._file.seek(0)
        self._write(_header(self._dimension, self.count))
        self._file.close()
        if self.count < self._from:
            return EXACT
        with _threads(1):
            return _shorten(_flat(self._path), self._shortlist)

    def close(self) -> None:
        """Lets go of the file; what was not finished is of no use."""
        self._file.close()


def _shorten(flat: Any, path: Path) -> Search:
    """Writes the codes of a shortlist, unless none of a sensible length would do."""
    import faiss

    questions = _unlike(flat.reconstruct_batch(_spread(flat.ntotal, _QUESTIONS)))
    if flat.ntotal < 10 * _CANDIDATES[0] or not len(questions):
        return EXACT
    width = math.gcd(_WIDTH, flat.d)
    # one list of all: only FAISS's lists can be both scanned in registers and filtered
    short = faiss.IndexIVFPQFastScan(faiss.IndexFlatIP(flat.d), flat.d, 1, flat.d // width, 4,
                                     faiss.METRIC_INNER_PRODUCT)
    short.by_residual = False
    for learning in (short.pq.cp, short.cp):
        learning.niter, learning.min_points_per_centroid = _ROUNDS, 1  # few points are no reason for a warning
    short.train(flat.reconstruct_batch(_spread(flat.ntotal, _SAMPLE)))
    with _threads(cores()):
        for _, vectors in _blocks(flat):
            short.add(vectors)
    nearest = _nearest(flat, questions, 10)
    limit = min(_CANDIDATES[-1], flat.ntotal)
    hit = short.search(questions, limit)[1][:, None, :] == nearest[:, :, None]
    ranks = np.where(hit.any(axis=2), hit.argmax(axis=2), limit)
    for candidates in _CANDIDATES:
        recall = float(np.mean(ranks < candidates))
        if recall >= RECALL and candidates <= flat.ntotal // 10:
            faiss.write_index(short, str(path))
            return Search("shortlist", candidates, round(recall, 4))
    return EXACT


def _spread(count: int, wanted: int) -> Rows:
    """So many rows of all, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(np.int64))


def _blocks(flat: Any) -> Iterator[tuple[int, Vectors]]:
    for begin in range(0, flat.ntotal, _BATCH):
        yield begin, flat.reconstruct_n(begin, min(_BATCH, flat.ntotal - begin))


def _unlike(vectors: Vectors) -> Vectors:
    """Questions made of passages and as much noise: real ones lie as far from their passages, and a shortlist finds
    theirs as easily; a passage asked for itself would be too easy."""
    real = vectors[np.any(vectors, axis=1)]
    noise = np.random.default_rng(1).standard_normal(real.shape, np.float32)
    return unit(unit(real) + unit(noise))


def _nearest(flat: Any, questions: Vectors, k: int) -> Rows:
    """The k nearest rows of each question, all compared at once: many times faster than one question after another."""
    import faiss

    scores = np.zeros((len(questions), 0), np.float32)
    rows = np.zeros((len(questions), 0), np.int64)
    for begin, vectors in _blocks(flat):
        products, found = faiss.knn(questions, vectors, k, metric=faiss.METRIC_INNER_PRODUCT)
        scores, rows = np.hstack([scores, products]), np.hstack([rows, found + begin])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, rows = np.take_along_axis(scores, best, 1), np.take_along_axis(rows, best, 1)
    return rows


_reading = threading.Lock()


def _codes(path: Path) -> Any:
    """The codes of a shortlist, read: FAISS maps none of this kind."""
    import faiss

    with _reading:  # the limit is one for the whole process
        usual = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(path.stat().st_size)
        try:
            return faiss.read_index(str(path))
        finally:
            faiss.set_deserialization_vector_byte_limit(usual)


class VectorIndex:
    """The vectors of one generation, opened for searching. Usable from several threads."""

    def __init__(self, path: Path, shortlist: Path, search: Search = EXACT) -> None:
        """Opens what VectorWriter wrote. Raises OSError, ValueError or RuntimeError (FAISS) for damage."""
        self._flat = _flat(path)
        self.count, self.dimension = int(self._flat.ntotal), int(self._flat.d)
        if search.kind not in ("exact", "shortlist"):
            raise ValueError(f"no search of the kind {search.kind!r}")
        if search.kind == "shortlist" and not shortlist.is_file():
            raise ValueError(f"{shortlist.name} is missing")
        self._candidates = search.candidates
        self._shortlist = shortlist if search.kind == "shortlist" else None
        self._codes: tuple[Any, Any] | None = None
        self._reading = threading.Lock()

    def _refined(self) -> Any:
        """The shortlist, read when it is first searched: who only builds upon this index needs none. Raises
        ValueError, OSError or RuntimeError (FAISS) for damage."""
        import faiss

        assert self._shortlist is not None
        with self._reading:
            if self._codes is None:
                short = _codes(self._shortlist)
                if not isinstance(short, faiss.IndexIVFPQFastScan) or (short.ntotal, short.d, short.nlist) != (
                        self.count, self.dimension, 1):
                    raise ValueError(f"{self._shortlist.name} does not belong to the vectors beside it")
                self._codes = short, faiss.IndexRefine(short, self._flat)  # FAISS does not hold on to the first
            return self._codes[1]

    def rows(self, rows: Rows) -> Vectors:
        """The vectors of these rows, float32 (len(rows), dimension). Raises IndexError."""
        if not len(rows):
            return np.zeros((0, self.dimension), np.float32)
        if rows.min() < 0 or rows.max() >= self.count:
            raise IndexError(f"no such row among {self.count}")
        return np.asarray(self._flat.reconstruct_batch(np.ascontiguousarray(rows, np.int64)), np.float32)

    def nearest(self, vector: Vectors, k: int, rows: Rows | None = None) -> tuple[Rows, Vectors]:
        """The k rows with the greatest inner product with `vector`, best first, among `rows` if given: (row numbers,
        inner products), fewer than k when there are fewer.

        The products are those with the stored vectors whatever the kind of search, and no other rows than these are
        given; a shortlist may miss one in a hundred of the best.
        """
        found, scores = self._search(vector[None], k, rows)
        real = found[0] >= 0
        found, scores = found[0][real], scores[0][real]
        order = np.lexsort((found, -scores))  # equal scores: the earlier passage first, so that answers repeat
        return found[order], scores[order]

    def nearest_to_each(self, vectors: Vectors, k: int, rows: Rows | None = None) -> Rows:
        """The rows of the k vectors nearest to each of `vectors`, (len(vectors), k or fewer), -1 where there are
        fewer."""
        return self._search(vectors, k, rows)[0]

    def _search(self, vectors: Vectors, k: int, rows: Rows | None) -> tuple[Rows, Vectors]:
        import faiss

        k = min(k, self.count if rows is None else len(rows))
        if k == 0 or not len(vectors):
            return np.zeros((len(vectors), k), np.int64), np.zeros((len(vectors), k), np.float32)
        candidates = max(self._candidates, _CANDIDATES_EACH * k)
        allowed: dict[str, Any] = {}
        if rows is not None:
            bits = np.zeros(self.count, np.bool_)
            bits[rows] = True
            allowed["sel"] = faiss.IDSelectorBitmap(  # type: ignore[call-arg]
                np.packbits(bits, bitorder="little"))  # type: ignore[arg-type]
        index, parameters = self._flat, faiss.SearchParameters(**allowed) if allowed else None
        if self._shortlist is not None and candidates < self.count and (rows is None or len(rows) > _FEW):
            codes = faiss.SearchParametersIVF(nprobe=1, **allowed)  # type: ignore[call-arg]
            index, parameters = self._refined(), faiss.IndexRefineSearchParameters(
                k_factor=candidates / k, base_index_params=codes)  # type: ignore[call-arg]
        with _threads(1):
            scores, found = index.search(np.ascontiguousarray(vectors, np.float32), k, params=parameters)
        return found.astype(np.int64), scores.astype(np.float32)  # faiss fills up with -1

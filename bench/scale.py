"""What an archive costs: embedding hours, memory, disk and questions a second for 10⁶ to 10⁹ passages.

    python -m bench.scale       # the tables of docs/scale.md

Everything is reckoned from the constants below, each with where it is from. "measured" was measured on the machine of
bench/README.md and docs/milvus.md, beside other work; "published" is what the maker says; "assumed" is nothing more.
The last table compares formulas that were set at one size with what was measured at another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import machine

SIZES = (10**6, 10**7, 10**8, 10**9)
DIMENSION = 512         # of the shipped model
TOKENS = 204            # of a passage, as MiniLM's tokenizer cuts it; measured over 500 of 112,132 passages
ANSWERS = 45 / 4        # a core and second, all but the search; measured: bench/README.md, "Each answer", eight threads

# --- embedding ----------------------------------------------------------------------------------------------

FLOPS = 77e9            # a second of one core, for one transformer; measured: MiniLM embeds 17.9 passages a second
READ = 554.0            # passages a processor second read, cut, embedded with the shipped model and written; measured:
# bench/README.md, "What size costs", 1.1 million passages
TAKEN_IN = {            # passages a second that one rebuild takes in from parts that others made; measured over 112,132
    "files": 112_132 / 57,      # by processor seconds: words, background and all
    "Milvus": 112_132 / 115,    # by the clock, on two cores with the server, which is 2.3.5
}
EFFICIENCY = 0.3        # of a GPU's published half-precision rate; assumed
MODELS = {              # parameters that each token passes through (published); 0: a table
    "shipped (static, 512)": 0.0,
    "all-MiniLM-L6-v2 (384)": 10.6e6,
    "multilingual-e5-small (384)": 21.3e6,
    "multilingual-e5-base (768)": 85.1e6,
    "bge-m3 (1,024)": 303e6,
}
HARDWARE = {            # operations a second in use, and whether it was measured
    "1 core": FLOPS,
    "32 cores": 32 * FLOPS,
    "1 T4": EFFICIENCY * 65e12,
    "1 L4": EFFICIENCY * 121e12,
    "1 A100": EFFICIENCY * 312e12,
    "8 H100": 8 * EFFICIENCY * 989e12,
}


def hours(passages: float, parameters: float, hardware: str) -> float:
    """Of embedding; a table's are those of the whole rebuild, on as many cores, and gain nothing from a GPU."""
    if not parameters:
        return passages / READ / (32 if hardware == "32 cores" else 1) / 3_600
    return passages * TOKENS * 2 * parameters / HARDWARE[hardware] / 3_600


# --- memory and disk ----------------------------------------------------------------------------------------

NEIGHBOURS = 32         # of a graph (M), as qa builds it
_GRAPH = 2 * 4 * NEIGHBOURS * 1.06  # bytes: two lists of them on the lowest level, few above
_PAGE = 4_096           # bytes read at once from a disk: DiskANN puts a vector and its neighbours into one
# Bytes a passage that is kept beside its vector, mean of 112,132 passages of at most 1,000 characters; measured
_FILES = 6_190          # in files: text, sentences, words, BM25, articles
_MILVUS = 889 + 1_909 + 1_725 + 507 + 40  # passage, sentences, terms, a share of the article, numbers
_RESIDENT = 2_457       # in the memory of a process that has answered 110 questions from files, mapped pages that it
# could give back among them; measured at 1.1 million passages of 500 characters
_TWO = 2.0              # cores that Milvus and its eight clients had, together


@dataclass(frozen=True, slots=True)
class Index:
    """One way to keep and to search the vectors."""

    name: str
    memory: float       # bytes a passage for the search
    disk: float         # bytes a passage for the vectors and the index
    search: Callable[[float], float]  # core seconds of a question over so many passages
    recall: str         # of the 10 nearest
    known: str          # how far that is known
    spread: bool = True     # whether several machines can share it


def _linear(at: float, seconds: float) -> Callable[[float], float]:
    """Everything is compared."""
    return lambda passages: seconds * passages / at


def _graph(seconds: float) -> Callable[[float], float]:
    """A graph, from 100,000 passages: it took 1.9 times as long there as over 10,000 (measured, ef 256)."""
    return lambda passages: seconds * (passages / 1e5) ** math.log10(1.9)


INDEXES = (
    Index("files: every vector, float16", 2 * DIMENSION, 2 * DIMENSION, _linear(1e5, 0.00986), "1.00",
          "measured", False),
    Index("files: shortlist (4 bits for 4 dimensions), best compared", 72 + 40, 2 * DIMENSION + 72,
          _linear(1e5, 0.00081), "0.998 at 10⁶", "measured", False),
    Index("Milvus FLAT, float32", 4 * DIMENSION, 4 * DIMENSION, _linear(112_132, _TWO / 95), "1.00",
          "measured at 10⁵"),
    Index("Milvus HNSW, float32, ef 1,024", 4 * DIMENSION + _GRAPH, 8 * DIMENSION + _GRAPH, _graph(_TWO / 168),
          "0.996 at 10⁵", "measured at 10⁵"),
    Index("Milvus HNSW_SQ8 (int8), ef 1,024", DIMENSION + _GRAPH, 5 * DIMENSION + _GRAPH, _graph(0.00385),
          "0.97 at 10⁵", "FAISS's, measured at 10⁵"),
    Index("Milvus IVF_RABITQ + int8, a tenth of the lists", DIMENSION / 8 + 8 + DIMENSION, 5 * DIMENSION + 72,
          lambda passages: 0.1 * _linear(1e5, 0.00181)(passages) + 0.001, "0.8 to 0.9",
          "estimate from FAISS's 1 bit and its lists"),
    Index("Milvus DISKANN", 0.225 * 4 * DIMENSION, 4 * DIMENSION + _PAGE, _graph(0.005), "–",
          "estimate: not in the server of the tests"),
)

# GB that the formulas say of 112,132 passages, and what was there; measured: docs/milvus.md, and 242 MB of a server
# that holds nothing
MILVUS_CHECKS = (
    ("GB of memory, Milvus HNSW, 112,132, nothing mapped", 0.242 + 112_132 * (4 * DIMENSION + _GRAPH + _MILVUS) / 1e9,
     1.369),
    ("GB of memory, Milvus FLAT, just after the build", 0.242 + 112_132 * (4 * DIMENSION + _MILVUS) / 1e9, 1.950),
    ("GB on disk, Milvus FLAT, with its queue and logs", 112_132 * (4 * DIMENSION + _MILVUS) / 1e9,
     112_132 * 14_150 / 1e9),
)

# --- machines -----------------------------------------------------------------------------------------------

CORES, MEMORY, USED = 32, 128e9, 0.75   # of a node, and how much of its memory an index may fill; assumed
BUSY = 0.5              # of its cores, so that no question waits long; assumed


def nodes(index: Index, passages: int) -> int:
    """Machines for one copy of what the search has in memory."""
    return max(1, math.ceil(passages * index.memory / (MEMORY * USED)))


def rate(index: Index, passages: int) -> float:
    """Questions a second that one copy can search: every node of it works on each."""
    return CORES * BUSY / index.search(passages / nodes(index, passages))


# --- the tables ---------------------------------------------------------------------------------------------


def _short(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


def _hours(passages: float, parameters: float, hardware: str) -> str:
    return "–" if not parameters and "core" not in hardware else _short(hours(passages, parameters, hardware))


def _bytes(value: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9)):
        if value >= size:
            return f"{_short(value / size)} {unit}"
    return f"{_short(value / 1e6)} MB"


def _share(index: Index, passages: int) -> str:
    several = nodes(index, passages)
    return "–" if several > 1 and not index.spread else f"{several:,} / {_short(rate(index, passages))}"


def checked() -> list[Sequence[object]]:
    """What a formula that was set at one size says of another, and what was measured there."""
    grown = (1_105_652 - 1_121) / (11_028 - 1_121)
    pairs: list[tuple[str, float, float]] = [
        ("ms of a search, every vector, 10⁶ from 10⁵", 1e3 * INDEXES[0].search(1e6), 167),
        ("ms of a search, shortlist, 10⁶ from 10⁵, beside other work", 1e3 * INDEXES[1].search(1e6), 9.5),
        ("the same when memory was not fought over", 1e3 * INDEXES[1].search(1e6), 5.0),
        ("ms of a search, 1 bit and 1,000 compared, 10⁶ from 10⁵", 1e3 * _linear(1e5, 0.00181)(1e6), 25.9),
        ("processor seconds of a build, 1.1 million from 1,121 and 11,028", 7 + grown * (33 - 7), 1_996),
        ("processor seconds of taking in on Ray, 538,613 from 112,132", 538_613 / TAKEN_IN["files"], 272),
        ("GB of the index in files, 538,613 from 112,132", 538_613 * (_FILES + 2 * DIMENSION + 72) / 1e9, 3.751),
        ("GB of the index in files, 1.1 million from 11,028", 1_105_652 * 5_025 / 1e9, 1_105_652 * 4_242 / 1e9),
        ("GB of a process that asked, 1.1 million from 1,121 and 11,028", 0.130 + grown * (0.177 - 0.130), 2.847),
        *MILVUS_CHECKS,
    ]
    return [[what, _short(said), _short(was), f"{was / said:.2f}"] for what, said, was in pairs]


def main() -> None:
    print("Hours of embedding a million passages, and days for a thousand million on the largest:\n")
    machine.table(["model", *HARDWARE, "10⁹: days on 32 cores", "on 8 H100"], [
        [name, *(_hours(10**6, parameters, hardware) for hardware in HARDWARE),
         *(_hours(10**9 / 24, parameters, hardware) for hardware in ("32 cores", "8 H100"))]
        for name, parameters in MODELS.items()])
    print("Hours in which one rebuild takes in what the workers made:\n")
    machine.table(["index in", *(f"{size:,}" for size in SIZES)], [
        [place, *(_short(size / a_second / 3_600) for size in SIZES)] for place, a_second in TAKEN_IN.items()])
    print(f"Memory for the search, and disk for vectors and index, {DIMENSION} dimensions:\n")
    machine.table(["index", "bytes a passage: memory", "disk", *(f"{size:,}: memory / disk" for size in SIZES)], [
        [index.name, f"{index.memory:,.0f}", f"{index.disk:,.0f}",
         *(f"{_bytes(size * index.memory)} / {_bytes(size * index.disk)}" for size in SIZES)] for index in INDEXES])
    print("Beside the vectors, whatever the index:\n")
    machine.table(["", "bytes a passage", *(f"{size:,}" for size in SIZES)], [
        [name, f"{held:,}", *(_bytes(size * held) for size in SIZES)]
        for name, held in (("files: disk", _FILES), ("files: memory of a process that answers", _RESIDENT),
                           ("Milvus: disk, or memory where fields are not mapped", _MILVUS))])
    print(f"Nodes of {CORES} cores and {MEMORY / 1e9:.0f} GB for one copy, and questions a second that it searches:\n")
    machine.table(["index", *(f"{size:,}: nodes / a second" for size in SIZES), "recall@10", "known how"], [
        [index.name, *(_share(index, size) for size in SIZES), index.recall, index.known] for index in INDEXES])
    print(f"Answering costs as much again wherever the index lies: {ANSWERS:.0f} answers a second and core.\n")
    print("Checked:\n")
    machine.table(["", "said", "measured", "measured / said"], checked())


if __name__ == "__main__":
    main()

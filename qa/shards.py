"""Shards of an archive: articles that a worker has read and embedded, in a Parquet file that is whole or not there."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from qa.articles import Found
from qa.embedding import Ready
from qa.encoder import Units
from qa.errors import Unreadable
from qa.reading import Reading, received, sent

SUFFIX = ".parquet"
_ROWS = 64  # articles of a row group, which are in memory together
# The units of an article's sentences; see `qa.encoder.Units`.
_UNITS = {"counts": "int64", "totals": "float", "lengths": "float", "tokens": "int32", "firsts": "bool"}


def write(path: Path, articles: Iterable[tuple[str, str, Ready | Unreadable]], dimension: int) -> None:
    """Writes (file, SHA-256, what was read of it) under a name of its own and then, in one step, as `path`. Raises
    OSError.

    A row is an article: what was read of it, and the vectors of its passages with the units of their sentences. Every
    page has a checksum.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _schema(dimension)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")  # two workers may be given the same shard
    try:
        with pq.ParquetWriter(aside, schema, compression="zstd", write_page_checksum=True) as writer:
            rows: list[dict[str, Any]] = []
            for file, sha256, ready in articles:
                rows.append(_row(file, sha256, ready))
                if len(rows) == _ROWS:
                    writer.write_table(pa.Table.from_pylist(rows, schema))
                    rows = []
            writer.write_table(pa.Table.from_pylist(rows, schema))
        with aside.open("rb+") as file_written:
            os.fsync(file_written.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def whole(path: Path) -> bool:
    """Whether a shard can be read, every checksum right."""
    try:
        read(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError):  # pyarrow's own errors are ValueErrors or OSErrors
        return False
    return True


def read(path: Path) -> dict[str, Ready | Unreadable]:
    """What was read of each file of a shard. Raises OSError or ValueError for one that is damaged."""
    import pyarrow.parquet as pq

    found: dict[str, Ready | Unreadable] = {}
    with pq.ParquetFile(path, page_checksum_verification=True) as stored:
        for group in range(stored.num_row_groups):
            for row in _rows(stored.read_row_group(group)):
                found[row["file"]] = _read(row)
    return found


def _schema(dimension: int) -> Any:
    import pyarrow as pa

    kinds = {"int64": pa.int64(), "float": pa.float32(), "int32": pa.int32(), "bool": pa.bool_()}
    return pa.schema([
        ("file", pa.string()), ("sha256", pa.string()), ("reading", pa.binary()), ("vectors", pa.list_(pa.float32())),
        *((name, pa.list_(kinds[kind])) for name, kind in _UNITS.items()),
    ], metadata={"dimension": json.dumps(dimension)})


def _row(file: str, sha256: str, ready: Ready | Unreadable) -> dict[str, Any]:
    if isinstance(ready, Unreadable):
        return {"file": file, "sha256": sha256, "reading": sent(ready)}
    assert isinstance(ready.cut, list)
    assert ready.vectors is not None
    row = {"file": file, "sha256": sha256, "reading": sent(Reading(ready.article, ready.passages, ready.cut)),
           "vectors": np.asarray(ready.vectors, np.float32).ravel()}
    if ready.units is not None:
        row |= {name: getattr(ready.units, name).ravel() for name in _UNITS}
    return row


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    """The rows of a table, numbers as arrays."""
    columns = {name: table.column(name) for name in table.column_names}
    dimension = json.loads(table.schema.metadata[b"dimension"])
    for place in range(table.num_rows):
        row = {name: columns[name][place] for name in columns}
        yield {"dimension": dimension, **{name: value.as_py() for name, value in row.items()
                                          if name in ("file", "sha256", "reading")},
               **{name: None if row[name].values is None else row[name].values.to_numpy(zero_copy_only=False)
                  for name in ("vectors", *_UNITS)}}


def _read(row: dict[str, Any]) -> Ready | Unreadable:
    reading = received(row["file"], row["reading"])
    if isinstance(reading, Unreadable):
        return reading
    vectors = row["vectors"].reshape(len(reading.passages), row["dimension"])
    units = None
    if row["counts"] is not None:
        units = Units(row["counts"].reshape(-1, 2), *(row[name] for name in list(_UNITS)[1:]))
    return Ready(Found(row["file"], 0, 0), row["sha256"], reading.article, reading.passages, vectors, reading.cuts,
                 units)

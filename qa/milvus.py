"""Milvus: a connection, and the collections that hold the generations of an index."""

from __future__ import annotations

import copy
import logging
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from types import ModuleType
from typing import Any

from qa.addresses import TOKEN, Address
from qa.errors import IndexMissing, IndexProblem

CONNECTING = 5.0        # seconds
READING = 10.0
WRITING = 120.0
_POLLING = 0.2
_LOADING = 3_600.0      # an index over 10^8 vectors takes its time
STRONG, BOUNDED = "Strong", "Bounded"  # consistency: sees every write, at some 200 ms a search on 2.3; or whatever is
# at most seconds old, which is the same for a generation that nobody writes any more
_BM25 = (2, 5)          # the first version that finds passages by their words
LONGEST = 65_535        # bytes of a text field: the most that Milvus takes
_BLOCK = 2_000          # rows read at once, a few MB

PASSAGES, RECORDS = "passages", "records"  # the two collections of a generation
_COLLECTION = re.compile(rf"(?P<name>\w+)_(?P<token>[0-9a-f]{{16}})_(?:{PASSAGES}|{RECORDS})")


class Milvus:
    """A connection, usable from several threads. What goes wrong in it is one IndexProblem with its remedy."""

    def __init__(self, address: Address, *, make: bool = False) -> None:
        """`make`: a file of Milvus Lite that is not there yet is made. Raises IndexMissing or IndexProblem."""
        self.address = address
        if address.lite and not make and not os.path.exists(address.uri):
            raise IndexMissing(f"There is no index in {address.text}. Build it with: qa rebuild FOLDER"
                               f" --index {address.text}")
        client = _client_class(address)
        if address.lite and not Path(address.uri).absolute().parent.is_dir():
            raise IndexProblem(f"{address.text} cannot be made: its folder is not there. Choose another with --index")
        try:
            self._client: Any = client(uri=address.uri, token=os.environ.get(TOKEN, ""), timeout=CONNECTING)
            self.version = _lite() if address.lite else str(self._client.get_server_version(timeout=CONNECTING))
        except Exception as error:
            raise self._problem(error) from error
        self.complete: dict[str, int] = {}  # by token: the number of each generation that is known to be complete
        self.searches_words = _numbers(self.version)[:2] >= _BM25

    @property
    def engine(self) -> str:
        """The name of the engine and its version."""
        return f"Milvus Lite {self.version}" if self.address.lite else f"Milvus {self.version}"

    def named(self, address: Address) -> Milvus:
        """The same connection, for another index of the same server."""
        if address.name == self.address.name:
            return self
        other = copy.copy(self)
        other.address = address
        other.complete = {}
        return other

    def close(self) -> None:
        """Lets go of the connection, and of the file of Milvus Lite."""
        self._client.close()
        if self.address.lite:  # its process would stay until this one ends
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self.address.uri)

    def call(self, method: str, *arguments: Any, timeout: float = READING, **named: Any) -> Any:
        """Calls a method of the client. Raises IndexProblem."""
        try:
            return getattr(self._client, method)(*arguments, timeout=timeout, **named)
        except Exception as error:
            raise self._problem(error) from error

    def _problem(self, error: Exception) -> IndexProblem:
        said = " ".join(str(getattr(error, "message", "") or error).split())[:200]
        if self.address.lite:
            if "Open local milvus failed" in said:
                return IndexProblem(f"{self.address.text} cannot be opened: another process has it open, or it is"
                                    " damaged. Stop the other one (Milvus Lite serves one process at a time), or build"
                                    f" anew with: rm {self.address.text}; qa rebuild --index {self.address.text}")
            return IndexProblem(f"Milvus Lite cannot use {self.address.text} ({said}). Build it anew with: rm"
                                f" {self.address.text}; qa rebuild --index {self.address.text}")
        if re.search(r"not (fully )?loaded", said):
            return IndexProblem(f"Milvus at {self.address.uri} is still loading the index, as it does for a while after"
                                " a start. Try again in a moment")
        if re.search(r"auth|permission|unauthenticated|privilege", said, re.IGNORECASE):
            return IndexProblem(f"Milvus at {self.address.uri} refuses the token ({said}). Give it one it knows in"
                                f" the environment: {TOKEN}=user:password")
        return IndexProblem(f"Milvus at {self.address.uri} does not answer as it should ({said}). See that the address"
                            " is right and the server runs, and try again")

    # --- collections

    def tokens(self) -> list[str]:
        """Of every generation of this index, finished or not, what its collections are called by; oldest first."""
        found = (_COLLECTION.fullmatch(name) for name in self.call("list_collections"))
        return sorted({match["token"] for match in found if match and match["name"] == self.address.name})

    def collection(self, token: str, kind: str) -> str:
        """The name of a collection of a generation."""
        return f"{self.address.name}_{token}_{kind}"

    def has(self, name: str) -> bool:
        """Whether there is a collection of this name."""
        return bool(self.call("has_collection", name))

    def never_loaded(self, name: str) -> bool:
        """Whether nobody ever asked for a collection to be searchable, so that its build ended before that."""
        if self.address.lite:
            return False
        return bool(self.call("get_load_state", name)["state"].name == "NotLoad")

    def description(self, token: str) -> str:
        """What was said of a generation's collections when they were made."""
        for kind in (PASSAGES, RECORDS):
            if self.has(self.collection(token, kind)):
                return str(self.call("describe_collection", self.collection(token, kind)).get("description", ""))
        return ""

    def current(self) -> str | None:
        """The token of the generation that the alias stands for; None where there is none. Milvus Lite has no
        aliases."""
        try:
            name = self._client.describe_collection(self.address.name, timeout=READING)["collection_name"]
        except Exception as error:
            if "not found" in str(error) or "not exist" in str(error):
                return None
            raise self._problem(error) from error
        match = _COLLECTION.fullmatch(name)
        return match["token"] if match else None

    def switch(self, token: str) -> None:
        """Lets the alias stand for a generation, in one step."""
        name = self.collection(token, PASSAGES)
        if self.current() is None:
            try:
                self.call("create_alias", name, self.address.name, timeout=WRITING)
                return
            except IndexProblem:
                pass  # it may still stand for a collection that somebody removed
        self.call("alter_alias", name, self.address.name, timeout=WRITING)

    def drop(self, token: str) -> None:
        """Removes a generation."""
        for kind in (PASSAGES, RECORDS):
            self.call("drop_collection", self.collection(token, kind), timeout=WRITING)

    def make(self, name: str, fields: Sequence[tuple[str, str]], dimension: int, terms: bool = False,
             description: str = "") -> None:
        """Makes a collection of `fields`, (name, "INT64" or "VARCHAR"), the first of them the key, and a `vector`.
        `terms`: its field `terms`, words with spaces between, is searched by BM25."""
        from pymilvus import DataType, Function, FunctionType

        from qa.lexical import K1, B

        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False, description=description)
        for place, (field, kind) in enumerate(fields):
            given: dict[str, Any] = {"max_length": LONGEST} if kind == "VARCHAR" else {}
            if terms and field == "terms":
                # our own folding serves every language; the engine need only find the spaces
                given |= {"enable_analyzer": True, "analyzer_params": {"tokenizer": "whitespace"}}
            schema.add_field(field, DataType[kind], is_primary=place == 0, **given)
        schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
        self.call("drop_collection", name, timeout=WRITING)
        if terms:
            schema.add_field("sparse", DataType.SPARSE_FLOAT_VECTOR)
            schema.add_function(Function(name="bm25", function_type=FunctionType.BM25, input_field_names=["terms"],
                                         output_field_names=["sparse"]))
        self.call("create_collection", name, schema=schema, timeout=WRITING)
        if terms:
            self.index(name, "sparse", "SPARSE_INVERTED_INDEX", "BM25", bm25_k1=K1, bm25_b=B)

    def index(self, name: str, field: str, kind: str, metric: str, **parameters: float) -> None:
        """Begins an index over a field of vectors; it covers what is flushed."""
        asked = self._client.prepare_index_params()
        asked.add_index(field, index_type=kind, metric_type=metric, params=parameters)
        self.call("create_index", name, asked, sync=False, timeout=WRITING)

    def indexed(self, name: str, field: str, rows: int) -> None:
        """Waits until the `rows` that were flushed are in the index. What is loaded before is searched by a makeshift
        one meanwhile, which misses a fifth of the nearest. Raises IndexProblem."""
        end = time.monotonic() + _LOADING
        while True:
            about = self.call("describe_index", name, field)
            if about["state"] == "Failed":
                raise IndexProblem(f"Milvus at {self.address.uri} cannot build its index ({about.get('index_state')})."
                                   " See its log, and run qa rebuild again")
            if about["state"] == "Finished" and int(about["indexed_rows"]) >= rows:
                return
            if time.monotonic() > end:
                raise IndexProblem(f"Milvus at {self.address.uri} has not built its index within"
                                   f" {_LOADING / 3_600:.0f} h. See its log, and run qa rebuild again")
            time.sleep(_POLLING)

    def flush(self, name: str) -> None:
        """Writes everything to where the server keeps it; Milvus Lite has it on disk already."""
        if not self.address.lite:
            self.call("flush", name, timeout=WRITING)

    def load(self, name: str) -> None:
        """Makes everything that was written searchable."""
        self.call("load_collection", name, timeout=_LOADING)

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Writes rows; those of the same keys are replaced, so that writing twice is writing once."""
        if rows:
            self.call("upsert", name, rows, timeout=WRITING)

    def rows(self, name: str, keys: Sequence[int], fields: Sequence[str], key: str,
             consistency: str = BOUNDED) -> dict[int, dict[str, Any]]:
        """The rows that have these keys, by key."""
        found: dict[int, dict[str, Any]] = {}
        for begin in range(0, len(keys), _BLOCK):
            part = self.call("get", name, ids=list(keys[begin : begin + _BLOCK]), output_fields=[key, *fields],
                             consistency_level=consistency)
            found.update((int(row[key]), row) for row in part)
        return found

    def all(self, name: str, condition: str, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Every row that meets a condition."""
        pages = self.call("query_iterator", name, filter=condition, batch_size=_BLOCK, output_fields=list(fields),
                          consistency_level=BOUNDED)
        try:
            while page := pages.next():
                yield from page
        except Exception as error:
            raise self._problem(error) from error
        finally:
            pages.close()

    def count(self, name: str, condition: str = "", consistency: str = BOUNDED) -> int:
        """How many rows meet a condition."""
        found = self.call("query", name, filter=condition, output_fields=["count(*)"], consistency_level=consistency)
        return int(found[0]["count(*)"])


def _client_class(address: Address) -> Any:
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what it would print of a wrong address is also raised
    try:
        from pymilvus import MilvusClient

        if address.lite:
            _load_lite()
    except ImportError as error:
        raise IndexProblem(f"An index in Milvus needs {error.name or 'pymilvus'}, which is not installed. Install it:"
                           " pip install 'qa-articles[milvus]'") from error
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)  # it prints what it also raises, with its traceback
    return MilvusClient


def _load_lite() -> None:
    """Imports milvus_lite, which asks pkg_resources for its own version; setuptools no longer brings that."""
    stand_in: Any = ModuleType("pkg_resources")
    stand_in.DistributionNotFound, stand_in.get_distribution = PackageNotFoundError, distribution
    usual = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        import milvus_lite  # noqa: F401
    finally:
        del sys.modules["pkg_resources"]
        if usual is not None:
            sys.modules["pkg_resources"] = usual


def _lite() -> str:
    try:
        return version("milvus-lite")
    except PackageNotFoundError:
        return "unknown"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", text)[:3]) or (0,)

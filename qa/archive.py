"""Reading and embedding an archive on many machines: shards of articles made by a Ray Data job, taken in as they come.

The folder is divided into groups of files. A worker reads, cuts and embeds one group and writes its shard, which is
called by the checksums of the files in it: a shard that is there already, from a job that was stopped or a worker that
was lost just then, is not made again. Articles and shards lie in folders that all machines see under the same path.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qa import articles, cluster, encoder, shards
from qa.articles import Found
from qa.embedding import Ready, embedded
from qa.encoder import Encoder
from qa.errors import ClusterError, ModelError, Unreadable
from qa.reading import Reader
from qa.recipe import Recipe

GROUP = 250_000     # bytes of the files of a group: some 60 articles, about a second of work
GROUPS = 10_000     # at most about so many: for a larger archive the groups are larger
_LONGEST = 4        # times the usual size of a group, where no file happens to end one
_LOOKED = 120.0     # seconds that a machine has to say what it sees
_IDLE = 60.0        # seconds without a shard after which somebody asks whether there is any worker left
_RETRIES = 20       # of a group whose worker was lost


@dataclass(frozen=True, slots=True)
class Work:
    """What every group of a job has in common; all paths are absolute."""

    folder: str         # of the articles
    shards: str         # of the files that are made
    recipe: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Some files of the folder, one after the other."""

    number: int
    files: tuple[tuple[str, str], ...]  # each file, and the SHA-256 under which it is known already; "" for none


@dataclass(frozen=True, slots=True)
class Done:
    """What has become of a group."""

    number: int
    shard: str          # name of its file; "" where every file is as it was known
    resumed: bool       # whether the shard was there already
    same: tuple[str, ...]   # files that are as they were known
    problem: str = ""   # why there is no shard
    model: bool = False     # whether it is the model's


def groups(wanted: Sequence[Found], known: Mapping[str, str]) -> list[Group]:
    """The files in groups. Where a group ends depends on names alone, so that a file more or less changes one group
    and not all those after it; `known` are the SHA-256 of files that are known already."""
    size = GROUP
    while sum(one.size for one in wanted) > size * GROUPS:
        size *= 2
    mean = max(1, sum(one.size for one in wanted) // max(1, len(wanted)))
    usual = 1 << max(0, round(size / mean)).bit_length()
    found: list[list[Found]] = [[]]
    bytes_now = 0
    for one in wanted:
        found[-1].append(one)
        bytes_now += one.size
        ends = int.from_bytes(hashlib.sha256(one.file.encode()).digest()[:8], "big") % usual == 0
        if ends or len(found[-1]) >= _LONGEST * usual or bytes_now >= _LONGEST * size:
            found.append([])
            bytes_now = 0
    return [Group(number, tuple((one.file, known.get(one.file, "")) for one in each))
            for number, each in enumerate(filter(None, found))]


# --- on a worker --------------------------------------------------------------------------------------------


def make(group: Group, work: Work) -> Done:
    """Makes the shard of a group, if it is not there. What goes wrong with it is in the result: Ray would try again."""
    recipe = Recipe(**work.recipe)
    data: dict[str, bytes | Unreadable] = {}
    checksums: dict[str, str] = {}
    same: list[str] = []
    for file, known in group.files:
        try:
            read = articles.read_bytes(work.folder, file)
        except Unreadable as error:
            data[file], checksums[file] = error, ""
            continue
        checksums[file] = hashlib.sha256(read).hexdigest()
        if checksums[file] == known:
            same.append(file)
        else:
            data[file] = read
    if not data:
        return Done(group.number, "", False, tuple(same))
    contents = json.dumps([work.recipe, [(file, checksums[file]) for file in data]], ensure_ascii=False)
    path = Path(work.shards, hashlib.sha256(contents.encode()).hexdigest()[:32] + shards.SUFFIX)
    if path.exists() and shards.whole(path):
        return Done(group.number, path.name, True, tuple(same))
    try:
        shards.write(path, _made(data, checksums, _encoder(recipe), recipe), recipe.dimension)
    except ModelError as error:
        return Done(group.number, "", False, (), str(error), True)
    except OSError as error:
        return Done(group.number, "", False, (), f"{path} cannot be written ({error.strerror or error})")
    return Done(group.number, path.name, False, tuple(same))


def _made(data: Mapping[str, bytes | Unreadable], checksums: Mapping[str, str], chosen: Encoder,
          recipe: Recipe) -> Iterator[tuple[str, str, Ready | Unreadable]]:
    """(file, SHA-256, what was read of it), what can be read before what cannot."""
    refused: dict[str, Unreadable] = {file: one for file, one in data.items() if isinstance(one, Unreadable)}

    def reading() -> Iterator[Ready]:
        with Reader(0, chosen) as reader:
            for file, one in data.items():
                if isinstance(one, Unreadable):
                    continue
                try:
                    read = reader.end(reader.begin(file, one, recipe.passage_size))
                except Unreadable as error:
                    refused[file] = error
                else:
                    yield Ready(Found(file, len(one), 0), checksums[file], read.article, read.passages, read.vectors,
                                read.cuts, read.units)

    for ready, _, _ in embedded(reading(), chosen, None):
        yield ready.found.file, ready.sha256, ready
    for file, error in refused.items():
        yield file, checksums[file], error


def _encoder(recipe: Recipe) -> Encoder:
    """The recipe's model, loaded once a process. Raises ModelError when it is another here."""
    chosen = _loaded(recipe.model)
    if chosen.fingerprint != recipe.fingerprint:
        raise ModelError(f"The model {recipe.model} of a worker is not the one of this machine. Put the same files"
                         " there, or give the path of a folder that all see")
    return chosen


@lru_cache(1)
def _loaded(model: str) -> Encoder:
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a worker has been given one core
    return encoder.load(model)


def look(work: Work, sample: str, mark: str) -> str:
    """Why a machine cannot work; "" when it can: it sees the articles and the shards, and has the same model."""
    recipe = Recipe(**work.recipe)
    own = Recipe(recipe.model, recipe.fingerprint, recipe.dimension, recipe.passage_size)
    if own != recipe:
        return "it has another version of qa. Install the same everywhere"
    if not Path(work.folder, sample).is_file():
        return f"it does not see the articles in {work.folder}. Mount that folder there, under the same path"
    if not Path(work.shards, mark).is_file():
        return (f"it does not see {work.shards}, where the parts of a build lie. Let the index (for an index in"
                " Milvus: XDG_CACHE_HOME) lie in a folder that all machines see under the same path")
    try:
        _encoder(recipe)
    except ModelError as error:
        return str(error)
    return ""


class Overseer:
    """Runs the job inside the cluster: Ray Data does not work through Ray's client (2.60)."""

    def __init__(self) -> None:
        self._done: list[dict[str, Any]] = []
        self._problem: str | None = None  # "" when the job has ended well
        self._changed = threading.Condition()

    def run(self, found: list[dict[str, Any]], work: Work) -> None:
        """Returns when every group is done."""
        import ray.data

        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.log_internal_stack_trace_to_stdout = False
        try:
            dataset = ray.data.from_items(found, override_num_blocks=len(found)).map(
                _on_worker, fn_args=(work,), num_cpus=1, max_retries=_RETRIES)
            for row in dataset.iter_rows():
                with self._changed:
                    self._done.append(row)
                    self._changed.notify_all()
        except Exception as error:  # whatever Ray's many parts raise
            self._problem = cluster.said(error)
        else:
            self._problem = ""
        with self._changed:
            self._changed.notify_all()

    def since(self, count: int) -> tuple[list[dict[str, Any]], str | None]:
        """What was done after the first so many, as soon as there is any, and how the job has ended if it has."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._done) > count or self._problem is not None, 1.0)
            return self._done[count:], self._problem


def _on_worker(row: dict[str, Any], work: Work) -> dict[str, Any]:
    files = tuple((file, known) for file, known in json.loads(row["files"]))
    return {"done": json.dumps(asdict(make(Group(row["number"], files), work)))}


# --- here ---------------------------------------------------------------------------------------------------


Run = Callable[[list[Group], Work], Generator[Done, None, None]]


def on_ray(on: str) -> Run:
    """Runs a job on this machine or on a cluster, see `cluster.connected`. Groups come in the order they are done."""
    def run(found: list[Group], work: Work) -> Generator[Done, None, None]:
        with cluster.connected(on) as ray:
            overseer = None
            try:
                _look_around(ray, found[0].files[0][0], work)
                head = {"num_cpus": 0, "max_concurrency": 2, "resources": {"node:__internal_head__": 0.001}}
                overseer = ray.remote(**head)(Overseer).remote()
                yield from _watched(ray, overseer, found, work)
            except (ray.exceptions.RayError, ConnectionError) as error:
                raise ClusterError(f"Ray at {on} was lost ({cluster.said(error)}). What was finished is kept: run qa"
                                   " rebuild again") from error
            finally:
                if overseer is not None:
                    with contextlib.suppress(Exception):  # it may be gone with the cluster
                        ray.kill(overseer)

    return run


def _watched(ray: Any, overseer: Any, found: list[Group], work: Work) -> Iterator[Done]:
    overseer.run.remote([{"number": one.number, "files": json.dumps(one.files)} for one in found], work)
    count = 0
    last = time.monotonic()
    while True:
        rows, problem = ray.get(overseer.since.remote(count))
        for row in rows:
            fields = json.loads(row["done"])
            yield Done(**{**fields, "same": tuple(fields["same"])})
        count += len(rows)
        if problem:
            raise ClusterError(f"The job on Ray was stopped ({problem}). What was finished is kept: run qa rebuild"
                               " again")
        if count == len(found):
            return
        if rows:
            last = time.monotonic()
        elif time.monotonic() - last > _IDLE and not ray.cluster_resources().get("CPU"):
            raise ClusterError("Ray has no worker left. What was finished is kept: add machines, and run qa rebuild"
                               " again")


def _look_around(ray: Any, sample: str, work: Work) -> None:
    """Asks every machine with a processor whether it can work. Raises ClusterError."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    Path(work.shards).mkdir(parents=True, exist_ok=True)
    mark = Path(work.shards, f".{uuid.uuid4().hex}")
    mark.touch()
    try:
        asked = {ray.remote(num_cpus=0, max_retries=0, scheduling_strategy=NodeAffinitySchedulingStrategy(
            node["NodeID"], soft=False))(look).remote(work, sample, mark.name): node["NodeManagerAddress"]
            for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")}
        if not asked:
            raise ClusterError("Ray has no machine with a processor to spare. Add one: ray start --address HEAD")
        for answer, address in asked.items():
            try:
                problem = ray.get(answer, timeout=_LOOKED)
            except Exception as error:
                problem = cluster.said(error)
                if "No module named" in problem:
                    problem = "it has no qa, or not all of it. Install it there: pip install 'qa-articles[ray]'"
            if problem:
                raise ClusterError(f"The machine {address} cannot work: {problem}")
    finally:
        mark.unlink(missing_ok=True)


def gathered(run: Run, folder: Path, wanted: Sequence[Found], known: Mapping[str, str], recipe: Recipe,
             where: Path) -> Generator[tuple[Ready | Unreadable | None, bool], None, None]:
    """What has become of each of the `wanted` files, in their order, and whether an unfinished build had made it; None
    for a file that is as it was `known`. Shards are kept in the folder `where`.

    Raises ClusterError or ModelError.
    """
    found = groups(wanted, known)
    if not found:
        return
    work = Work(os.path.abspath(folder), os.path.abspath(where), recipe.to_dict())
    done: dict[int, Done] = {}
    with contextlib.closing(run(found, work)) as results:
        for group in found:
            while group.number not in done:
                one = next(results)
                if one.problem:
                    raise (ModelError if one.model else ClusterError)(one.problem)
                done[one.number] = one
            mine = done.pop(group.number)
            try:
                read = shards.read(where / mine.shard) if mine.shard else {}
            except (OSError, ValueError) as error:
                raise ClusterError(f"{where / mine.shard} cannot be read ({cluster.said(error)}). Run qa rebuild again:"
                                   " what is damaged is made anew") from error
            same = frozenset(mine.same)
            for file, _ in group.files:
                yield (None, False) if file in same else (read[file], mine.resumed)

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
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
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


# --- here ---------------------------------------------------------------------------------------------------


Run = Callable[[list[Group], Work], Generator[Done, None, None]]


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

"""Running a job on Ray: its machines are asked first, and the job is overseen from inside the cluster."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import uuid
from collections.abc import Generator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from qa import cluster
from qa.archive import Done, Group, Run, Work, look, make
from qa.errors import ClusterError

_LOOKED = 120.0     # seconds that a machine has to say what it sees
_IDLE = 60.0        # seconds without a shard after which somebody asks whether there is any worker left
_RETRIES = 20       # of a group whose worker was lost


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


# --- inside the cluster ---------------------------------------------------------------------------------------


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

"""A Ray of three machines, as it were: three nodes of one core each, on the loopback interface of their own network.

    python -m bench.ray_cluster ARTICLES INDEX [--lose node|worker|client|nothing]

runs `qa rebuild ARTICLES --index INDEX --on ray://…` there and loses something midway: a node with all its processes,
the process that works on a group, or the rebuild itself, which is then run again. Prints what was lost, after how many
parts, and the report, as JSON. Ray listens on all interfaces, so it runs in a network namespace, and in a process
namespace, which ends all of it; that takes Linux, root (or user namespaces) and iproute2.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.corpus import ROOT

HEAD, NODES = "127.0.0.2", ("127.0.0.3", "127.0.0.4")
_RAY = (sys.executable, "-m", "ray.scripts.scripts", "start")
_EACH = ("--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats")
_PARTS = 3      # that are finished when something is lost
_WAITED = 240.0  # seconds


def missing() -> str | None:
    """Why there can be no such cluster here; None when there can."""
    if importlib.util.find_spec("ray") is None or importlib.util.find_spec("pyarrow") is None:
        return "Ray is not installed: pip install -e '.[ray]'"
    if sys.platform != "linux" or not shutil.which("ip") or not shutil.which("unshare"):
        return "it is started in a network namespace of its own, which takes Linux and iproute2"
    if subprocess.run([*_namespace(), "true"], capture_output=True).returncode:
        return "it is started in a network namespace of its own, which takes root or user namespaces"
    return None


def _namespace() -> list[str]:
    return ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net", "--pid", "--mount-proc", "--fork",
            "--kill-child"]


def rebuilt(articles: Path, index: Path, lose: str, timeout: float = 2 * _WAITED) -> dict[str, Any]:
    """What the command above prints. Raises RuntimeError with what it said instead."""
    command = [*_namespace(), sys.executable, "-m", "bench.ray_cluster", "--inside", articles, index, "--lose", lose]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)
    if done.returncode:
        raise RuntimeError(f"ended with {done.returncode}: {done.stderr[-2_000:]}")
    return dict(json.loads(done.stdout))


# --- inside -------------------------------------------------------------------------------------------------


def inside(articles: Path, index: Path, lose: str, folder: str) -> dict[str, Any]:
    """Starts the nodes, rebuilds, and loses something."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token",
                   "RAY_AUTH_TOKEN": secrets.token_hex(32), "OMP_NUM_THREADS": "1",
                   # else the process that Ray's client server forks may hang
                   "GRPC_ENABLE_FORK_SUPPORT": "false",
                   # a node that is gone is noticed after three seconds, not thirty
                   "RAY_health_check_period_ms": "1000", "RAY_health_check_failure_threshold": "3",
                   "RAY_health_check_initial_delay_ms": "1000",
                   "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    starts = [[*_RAY, "--head", f"--node-ip-address={HEAD}", "--port=6379", "--ray-client-server-port=10001",
               "--include-dashboard=false", f"--temp-dir={folder}", *_EACH],
              *([*_RAY, f"--address={HEAD}:6379", f"--node-ip-address={node}", *_EACH] for node in NODES)]
    for start in starts:
        done = subprocess.run(start, env=environment, cwd=folder, capture_output=True, text=True, timeout=_WAITED)
        if done.returncode:
            raise SystemExit(f"ray start: {done.stdout[-1_000:]} {done.stderr[-1_000:]}")
    command = [sys.executable, "-m", "qa", "rebuild", articles, "--index", index, "--json", "--on", f"ray://{HEAD}:10001"]
    began = time.monotonic()
    client = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
    lost: dict[str, Any] = {"lost": "nothing"}
    if lose != "nothing":
        parts = _parts(client, index)
        lost = {"lost": {"node": _lose_node, "worker": _lose_worker, "client": client.kill}[lose]() or lose,
                "after_parts": parts}
        if lose == "client":
            client.wait()
            began = time.monotonic()
            client = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
    said, errors = client.communicate(timeout=_WAITED)
    if client.returncode not in (0, 4):
        raise SystemExit(f"qa rebuild ended with {client.returncode}: {errors[-2_000:]}")
    return {**lost, "seconds": round(time.monotonic() - began, 1), "report": json.loads(said)}


def _parts(client: subprocess.Popen[str], index: Path) -> int:
    """How many parts are finished, as soon as there are enough of them."""
    end = time.monotonic() + _WAITED
    while time.monotonic() < end and client.poll() is None:
        finished = len(list((index / "parts" / "shards").glob("[!.]*.parquet")))
        if finished >= _PARTS:
            return finished
        time.sleep(0.02)
    raise SystemExit(f"no part was finished in time: {client.communicate(timeout=9)[1] if client.poll() else ''}")


def _processes() -> dict[int, tuple[int, str]]:
    """Of each process: its parent and its command line."""
    found: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(path.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            found[int(path.name)] = parent, path.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue  # it has ended
    return found


def _lose_node() -> str:
    """Kills everything of the second node at once, as when its machine is switched off."""
    processes = _processes()
    (raylet,) = [number for number, (_, line) in processes.items()
                 if "/raylet/raylet " in line and f"--node_ip_address={NODES[0]}" in line]
    mine = [raylet, *(number for number, (parent, _) in processes.items() if parent == raylet)]
    for number in mine:
        os.kill(number, signal.SIGKILL)
    return f"the node {NODES[0]}, {len(mine)} processes"


def _lose_worker() -> str:
    """Kills a process that works on a group."""
    end = time.monotonic() + _WAITED
    while time.monotonic() < end:
        for number, (_, line) in _processes().items():
            if line.startswith("ray::Map"):
                os.kill(number, signal.SIGKILL)
                return f"the worker {line.split('(')[0].strip()}"
        time.sleep(0.01)
    raise SystemExit("no worker was seen working")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--lose", choices=("nothing", "node", "worker", "client"), default="node")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        with tempfile.TemporaryDirectory(prefix="qa-nodes-", ignore_cleanup_errors=True) as folder:
            print(json.dumps(inside(given.articles.absolute(), given.index.absolute(), given.lose, folder)))
    elif reason := missing():
        sys.exit(f"bench.ray_cluster: {reason}")
    else:
        print(json.dumps(rebuilt(given.articles.absolute(), given.index.absolute(), given.lose), indent=1))


if __name__ == "__main__":
    main()

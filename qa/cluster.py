"""A Ray on this machine or a cluster elsewhere: connecting to it, and telling what goes wrong there."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from qa.cores import cores
from qa.errors import ClusterError, UsageError

LOCAL = "local"
_CONNECTING = 5.0       # seconds
PORT = 10001            # of Ray's client server
_OBJECTS = 100_000_000  # bytes of memory that Ray's processes of this machine share: names of files go through it
_FOLDER = "qa-ray-"     # what Ray's own files of this machine lie in, and the number of our process
_LIKE = f"It is {LOCAL}, for this machine, or the address of a cluster, like ray://host:{PORT}"
_HUNG = "Starting Ray client server failed"  # what it forks hangs now and then, and the next one does not
# Of a Ray that is started here: nothing is sent anywhere, and nothing listens but on the loopback interface, since no
# other machine will join.
_OWN = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_TOKEN = "RAY_AUTH_TOKEN"


def check(on: str) -> None:
    """Raises UsageError for what can be no address, and when Ray is not installed."""
    parts = urlsplit(on)
    try:
        named = parts.scheme == "ray" and bool(parts.hostname) and (parts.port or PORT) and not parts.path.strip("/")
    except ValueError:
        named = False
    if on != LOCAL and not named:
        raise UsageError(f"{on!r} is no place to rebuild on. {_LIKE}")
    for name in ("ray", "pyarrow"):  # not imported yet: Ray reads its settings then
        if importlib.util.find_spec(name) is None:
            raise UsageError(f"A rebuild on Ray takes {name}, which is not installed. Install it: pip install"
                             " 'qa-articles[ray]', or leave --on away")


@contextlib.contextmanager
def connected(on: str) -> Iterator[Any]:
    """Ray, connected: started here for LOCAL and stopped afterwards, or a cluster at ray://host:port. One that this
    process is connected to already is used as it is.

    Raises UsageError when Ray is not installed, ClusterError when there is no such cluster.
    """
    with contextlib.ExitStack() as undone:
        if on == LOCAL:
            if "ray" not in sys.modules:  # it reads them when it is imported
                undone.enter_context(_environment({**_OWN, _TOKEN: secrets.token_hex(32)}))
            import ray

            if not ray.is_initialized():
                _clear()
                folder = undone.enter_context(tempfile.TemporaryDirectory(prefix=f"{_FOLDER}{os.getpid()}-",
                                                                          ignore_cleanup_errors=True))
                undone.callback(ray.shutdown)
                _begin(ray, on, address=LOCAL, num_cpus=cores(), include_dashboard=False, _temp_dir=folder,
                       object_store_memory=_OBJECTS)
        else:
            if (os.environ.get(_TOKEN) or Path.home().joinpath(".ray", "auth_token").exists()) and (
                    "RAY_AUTH_MODE" not in os.environ):
                undone.enter_context(_environment({"RAY_AUTH_MODE": "token"}))
            import ray

            if not ray.is_initialized():
                undone.callback(ray.shutdown)
                _reach(on)
                try:
                    _begin(ray, on, address=on)
                except ClusterError as error:
                    if _HUNG not in str(error):
                        raise
                    _begin(ray, on, address=on)
        yield ray


def _clear() -> None:
    """Removes what processes left that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*-*"):
        process = path.name.removeprefix(_FOLDER).partition("-")[0]
        if process.isdigit() and not Path("/proc", process).exists() and Path("/proc").exists():
            shutil.rmtree(path, ignore_errors=True)


def _reach(on: str) -> None:
    """Ray itself would try for half a minute."""
    parts = urlsplit(on)
    try:
        socket.create_connection((str(parts.hostname), parts.port or PORT), _CONNECTING).close()
    except OSError as error:
        raise _unusable(on, error) from error


def _begin(ray: Any, on: str, **given: Any) -> None:
    try:
        ray.init(**given, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:  # whatever its many parts raise
        raise _unusable(on, error) from error


def _unusable(on: str, error: Exception) -> ClusterError:
    remedy = ("See that this machine has room for it, or leave --on away" if on == LOCAL else
              "See that the address is right and that a cluster runs there (ray start --head), with the same versions"
              f" of Python and Ray, and that it knows the token ({_TOKEN})")
    return ClusterError(f"Ray at {on} cannot be used ({said(error)}). {remedy}")


@contextlib.contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def said(error: BaseException) -> str:
    """What an error of Ray says, in one line: its last, which is the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__)[:300]

"""A real Milvus server of its own for tests and benches: `milvus==2.3.5` from PyPI, the whole server as one process.

It listens on all interfaces and has no password, so it runs in a network namespace of its own, which only this machine
reaches, over a pair of virtual interfaces. That takes root and iproute2.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

_STARTING = 120  # seconds that a busy machine may take
_INSIDE = """
ip link set lo up
until ip link show "$0" >/dev/null 2>&1; do sleep 0.05; done
ip addr add "$1/30" dev "$0"
ip link set "$0" up
exec "$2" -m bench.milvus_server "$3"
"""


def missing() -> str | None:
    """Why no server can be started here; None when one can."""
    if importlib.util.find_spec("pymilvus") is None or importlib.util.find_spec("milvus") is None:
        return "the real server is not installed: pip install -e '.[dev]'"
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return "the real server is started in a network namespace of its own, which takes Linux, root and iproute2"
    return None


class Server:
    """A server over one folder of data, started and stopped at will."""

    def __init__(self, folder: Path, number: int = 0) -> None:
        """`number`: up to 63, another one for each server that runs at the same time."""
        self._folder = folder.absolute()
        self._name = f"qa{os.getpid() % 100_000}n{number}"
        self._host, self._guest = (f"10.{231 + os.getpid() % 20}.{os.getpid() % 256}.{4 * number + end}"
                                   for end in (1, 2))
        self._process: subprocess.Popen[bytes] | None = None
        self.uri = f"http://{self._guest}:19530"

    @property
    def process(self) -> int | None:
        """The number of the server's process; None while it is stopped."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Returns when it answers. Raises TimeoutError or RuntimeError, the end of its log in the message."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", _INSIDE, f"{self._name}b", self._guest, sys.executable, self._folder],
            cwd=Path(__file__).parent.parent, stdin=subprocess.DEVNULL, start_new_session=True)
        begun = time.monotonic()
        own = os.readlink("/proc/self/ns/net")
        while self._process.poll() is None and os.readlink(f"/proc/{self._process.pid}/ns/net") == own:
            time.sleep(0.02)  # until it has left for its own
        for command in (f"link add {self._name}a type veth peer name {self._name}b",
                        f"link set {self._name}b netns {self._process.pid}",
                        f"addr add {self._host}/30 dev {self._name}a", f"link set {self._name}a up"):
            subprocess.run(["ip", *command.split()], check=True)
        while time.monotonic() - begun < _STARTING:
            if self._process.poll() is not None:
                raise RuntimeError(f"Milvus ended while it started: {self._log()}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{self._guest}:9091/healthz",
                                                                      timeout=2) as answer:
                if answer.read() == b"OK":
                    return
            time.sleep(0.1)
        self.kill()
        raise TimeoutError(f"Milvus did not start within {_STARTING} s: {self._log()}")

    def kill(self) -> None:
        """Ends it as a power cut would: kill -9. Its interfaces go with it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            while Path("/sys/class/net", f"{self._name}a").exists():
                subprocess.run(["ip", "link", "del", f"{self._name}a"], check=False, stderr=subprocess.DEVNULL)
                time.sleep(0.05)

    def _log(self) -> str:
        log = self._folder / "logs" / "server.log"
        return log.read_text("utf-8", "replace")[-2_000:] if log.exists() else "it left no log"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.kill()


def _become(folder: Path) -> None:
    """Turns this process into the server, so that its number is the server's."""
    import milvus

    server = milvus.MilvusServer()
    server.set_base_dir(str(folder))
    server.config.set("proxy_port", 19530)
    server.config.resolve()
    milvus._initialize_data_files(server.config.base_data_dir)
    base = Path(server.config.base_data_dir)
    os.chdir(base)
    log = os.open(base / "logs" / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.nice(10)
    os.execve(base / "bin" / "milvus", ["milvus", "run", "standalone"], {
        **os.environ, "DEPLOY_MODE": "STANDALONE", "METRICS_PORT": "9091", "MILVUS_RUN_DIR": str(base / "run"),
        "LD_LIBRARY_PATH": str(base / "bin")})


if __name__ == "__main__":
    _become(Path(sys.argv[1]))

"""After installation nothing opens a connection, and the articles' files are never written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ARTICLES, ENVIRONMENT, country_model, free_port, write

from qa.cli import main

# Loaded by every Python below: writes down each address that is looked up or connected to.
WATCH = """
import os, sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        with open(os.environ["QA_WATCHED"], "a") as log:
            log.write(f"{event} {arguments[1:] if event != 'socket.getaddrinfo' else arguments[:1]}\\n")
sys.addaudithook(watch)
"""

# Runs as root of namespaces of its own: no network but a loopback, and the articles on a read-only file system.
INSIDE = """
import fcntl, json, os, socket, struct, subprocess, sys, time, urllib.request
desk, port = sys.argv[1], sys.argv[2]
with socket.socket() as probe:
    fcntl.ioctl(probe, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: up and running
assert {line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]} == {"lo"}
assert len(open("/proc/net/route").readlines()) == 1, "a route"
subprocess.run(["mount", "--bind", desk + "/seeds", desk + "/seeds"], check=True)
subprocess.run(["mount", "-o", "remount,ro,bind", desk + "/seeds"], check=True)
try:
    open(desk + "/seeds/egipet.txt", "a")
    sys.exit("the articles can be written")
except OSError:
    pass
def qa(*arguments):
    return subprocess.run([sys.executable, "-m", "qa", *arguments], cwd=desk, capture_output=True, text=True)
found = {"rebuild": qa("rebuild", "--json").returncode, "ask": qa("ask", "Kenya?", "--json").returncode,
         "status": qa("status", "--verify").returncode, "text": qa("text", "seeds/egipet.txt").returncode,
         "again": qa("rebuild", "--full").returncode}
server = subprocess.Popen([sys.executable, "-m", "qa", "serve", "--port", port], cwd=desk)
try:
    for _ in range(6000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
            break
        except OSError:
            assert server.poll() is None
            time.sleep(0.1)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/gradio_api/call/ask",
                                     json.dumps({"data": ["Kenya?"]}).encode(), {"Content-Type": "application/json"})
    event = json.load(urllib.request.urlopen(request))["event_id"]
    answer = urllib.request.urlopen(f"http://127.0.0.1:{port}/gradio_api/call/ask/{event}").read()
    found["page"] = b'"generation": 2' in answer
finally:
    server.terminate()
    server.wait()
print(json.dumps(found))
"""


def seen(folder: Path) -> dict[str, tuple[bytes, int, int, int]]:
    """Bytes, times and rights of every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): (
            path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns, path.stat().st_ctime_ns,
            path.stat().st_mode)
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(
    subprocess.run(["unshare", "-rnm", "true"], capture_output=True, check=False).returncode != 0
    if shutil.which("unshare") else True,
    reason="this machine allows no namespaces of one's own (unshare -rnm)",
)  # fmt: skip
def test_all_works_without_a_network_over_articles_nobody_can_write(tmp_path: Path) -> None:
    """Building, asking, `qa status`, `qa text` and the page, in a network namespace without any route and over a
    read-only folder; and no Python of theirs even tries to reach another machine."""
    desk = tmp_path / "desk"
    write(desk / "seeds", {**ARTICLES, "page.html": "<p>Kenya paints its ferries in nine colours.</p>" * 9})
    write(tmp_path / "watch", {"sitecustomize.py": WATCH})
    before = seen(desk / "seeds")
    environment = {**ENVIRONMENT, "QA_WATCHED": str(tmp_path / "watched"),
                   "PYTHONPATH": os.pathsep.join([str(tmp_path / "watch"), ENVIRONMENT["PYTHONPATH"]])}
    environment.pop("HF_HUB_OFFLINE")
    done = subprocess.run(["unshare", "-rnm", sys.executable, "-c", INSIDE, str(desk), str(free_port())],
                          capture_output=True, text=True, timeout=1800, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "rebuild": 0, "ask": 0, "status": 0, "text": 0, "again": 0, "page": True}
    assert seen(desk / "seeds") == before
    watched = (tmp_path / "watched").read_text().splitlines()
    assert watched  # the watch works: the page was asked
    assert [line for line in watched if "127.0.0.1" not in line and "localhost" not in line] == []


@pytest.mark.usefixtures("brief_background")
def test_the_articles_are_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file has its bytes, its times and its rights after builds, questions and edits of others."""
    monkeypatch.chdir(tmp_path)
    model = country_model(tmp_path / "model")
    write(tmp_path / "seeds", {**ARTICLES, "empty.txt": "", "binary.txt": bytes(range(256)) * 9})
    before = seen(tmp_path / "seeds")
    for arguments in (["rebuild", "--model", str(model)], ["rebuild", "--model", str(model), "--full"],
                      ["ask", "Kenya?"], ["status", "--verify"], ["text", "egipet.txt"]):
        assert main(arguments) in (0, 4)
    assert seen(tmp_path / "seeds") == before

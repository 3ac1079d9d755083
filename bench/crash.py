"""Kills `qa rebuild`, and lets its disk fail, at every call that changes a file of the index; counts what is lost.

    python -m bench.crash --kills 1000 --faults 1000 --disks 200
    python -m bench.crash --kills 1000 --faults 1000 --disks 0 --segments

An index switches to and fro between two states of a folder. Each build is stopped: at its n-th write, fsync, rename,
unlink, mkdir or rmdir below the index (before it, half-way through it, after it), or at a random moment; or that call
fails with EIO, or the disk is full from there on (ENOSPC). Afterwards the index must answer exactly as one of the two
states does; no file beside it may outlive the next build, which must succeed by itself; and builds stopped several
times in a row must not leave more and more. bench/fault.c, loaded with LD_PRELOAD, does the stopping. Besides, the
index lies on a disk of its own, a tmpfs, which has room for ever one page more until a build succeeds.

With --segments every change is a segment of its own, which shares its files with the generation before, as in a large
index (qa/segments.py): answers are then those of a fresh build but for the last figures of their scores.

The builds run in forks of one process that has everything imported, so that a kill costs 50 ms and not seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm.std import tqdm

from bench import verdict
from bench.toys import QUESTIONS, STATES, brief, share_everything, write

KILL_BEFORE, KILL_HALFWAY, KILL_AFTER, FAIL_ONCE, FAIL_ON, LOG = 1, 2, 3, 4, 5, 6
COMPILER = shutil.which("gcc") or shutil.which("cc")
_LONGEST = 120  # seconds of a build of six articles
_IN_A_ROW = 4  # builds stopped one after the other without one that may finish


def compiled(folder: Path) -> Path:
    """bench/fault.c as a library in `folder`."""
    library = folder / "fault.so"
    subprocess.run([str(COMPILER), "-O1", "-shared", "-fPIC", "-o", str(library),
                    str(Path(__file__).with_name("fault.c")), "-ldl"], check=True)
    return library


class Desk:
    """A folder of articles, its index, and builds of it that are stopped."""

    def __init__(self, root: Path, seed: int, segments: bool = False) -> None:
        from qa import embedding, weighing

        self.segments = segments
        if segments:
            share_everything()
        self.articles, self.index = root / "articles", root / "index"
        self.random = random.Random(seed)
        self.encoder = brief()
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._fault = ctypes.CDLL(None)
        self._fault.fault_count.restype = ctypes.c_long
        embedding._BATCH, weighing.AT_ONCE = 2, 4  # several parts and lots, although there are few passages
        weighing.cores = lambda: 1  # another process takes longer to begin than all the rest
        self.expected: dict[tuple[int | None, int], Any] = {}
        for folder in (0, 1):  # state of the folder while asking: hits say whether their file has changed
            for state in (0, 1):
                self.write(state)
                self.rebuild()
                self.write(folder)
                self.expected[state, folder] = self.answers()
        self.state: int | None = 0  # which state the index answers; None: there is no index
        self.write(0)
        self.rebuild()
        self.write(1)
        self.rebuild()
        self.write(0)
        self.rebuild("--full")
        self.clean = self.listing()

    def write(self, state: int) -> None:
        """Brings the folder of articles into a state."""
        self.folder_state = state
        write(self.articles, STATES[state])

    def rebuild(self, *options: str) -> int:
        """`qa rebuild`, as the command does it; its exit code."""
        from qa.cli import main

        with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
            return main(["rebuild", str(self.articles), "--index", str(self.index), *options])

    def answers(self) -> Any:
        """What the index answers to all questions, without the number of its generation."""
        import qa

        found = [qa.ask(question, index=self.index, encoder=self.encoder).to_dict() for question in QUESTIONS]
        generations = {answer.pop("generation") for answer in found}
        if len(generations) != 1:
            raise AssertionError("answers of two generations")
        return json.loads(json.dumps(found))

    def alike(self, found: Any, expected: Any) -> bool:
        """Whether answers are the same, but for the last figures where the index lies in segments."""
        if not self.segments or type(found) is not type(expected):
            return bool(found == expected)
        if isinstance(found, float):
            return abs(found - expected) < 1e-3
        if isinstance(found, dict):
            return found.keys() == expected.keys() and all(self.alike(found[name], expected[name]) for name in found)
        if isinstance(found, list):
            return len(found) == len(expected) and all(map(self.alike, found, expected))
        return bool(found == expected)

    def left_over(self) -> list[str]:
        """Files that belong to no generation."""
        if not self.segments:
            names = self.listing()[0]
            one = [name.replace("#1", "#0") for name in self.clean[0] if "#0" not in name]
            return sorted(set(names) - set(self.clean[0])) if names not in (self.clean[0], sorted(one)) else []
        belong = {"CURRENT", "lock"}
        generations = list((self.index / "generations").iterdir())
        for folder in generations:
            manifest = folder / "manifest.json"
            names = ["manifest.json", *json.loads(manifest.read_bytes())["files"]] if manifest.exists() else []
            belong.update((folder / name).relative_to(self.index).as_posix() for name in names)
        every = {path.relative_to(self.index).as_posix() for path in self.index.rglob("*") if path.is_file()}
        return sorted(every - belong) + [f"{len(generations)} generations"] * (len(generations) > 2)

    def listing(self) -> tuple[list[str], int]:
        """Every file of the index, with its generation as newer or older, and the bytes of all."""
        numbers = sorted({path.name for path in (self.index / "generations").iterdir() if path.name.isdigit()})
        names, size, seen = [], 0, set()
        for path in self.index.rglob("*"):
            if path.is_file():
                name = path.relative_to(self.index).as_posix()
                for place, number in enumerate(numbers):
                    name = name.replace(number, f"#{place}")
                names.append(name)
                about = path.stat()
                if name != "lock" and about.st_ino not in seen:  # a file that generations share counts once
                    size += about.st_size
                    seen.add(about.st_ino)
        return sorted(names), size

    def in_fork(self, action: int, nth: int, error: int = 0, seconds: float = 0.0, full: bool = False) -> int:
        """A build in a fork, stopped at its n-th call or after so many seconds; its exit code, negative: its signal."""
        child = os.fork()
        if child == 0:
            code = 99
            signal.alarm(_LONGEST)  # a build that waits for ever is a failure, not a test without an end
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                self._fault.fault_arm(str(self.index).encode(), ctypes.c_long(nth), action, error)
                code = self.rebuild(*(["--full"] if full else []))
            except BaseException as reason:
                Path(self.articles.parent, "traceback").write_text(repr(reason))
            finally:
                os._exit(code)
        if seconds:
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def calls(self, full: bool) -> int:
        """How many calls a build makes that can be stopped."""
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            self._fault.fault_arm(str(self.index).encode(), ctypes.c_long(0), 0, 0)
            self.rebuild(*(["--full"] if full else []))
            os.write(writer, str(self._fault.fault_count()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(writer)
        with os.fdopen(reader) as stream:
            return int(stream.read())

    def order(self) -> list[tuple[str, str]]:
        """Each call that a whole build makes, in order, with the path below the index that it is about."""
        with tempfile.TemporaryFile() as log:
            child = os.fork()
            if child == 0:
                self._fault.fault_arm(str(self.index).encode(), ctypes.c_long(0), LOG, log.fileno())
                self.rebuild(*([] if self.segments else ["--full"]))
                os._exit(0)
            os.waitpid(child, 0)
            log.seek(0)
            lines = [line.decode().rstrip("\n").partition(" ") for line in log]
        return [(call.rstrip("_"), os.path.relpath(path, self.index)) for call, _, path in lines]

    # --- what must hold

    def check(self, what: str) -> None:
        """The index answers exactly as one of the two states does, without a word of damage."""
        import qa

        try:
            found = self.answers()
        except qa.IndexMissing:
            if self.state is not None:
                self.wrong.append(f"{what}: the index is lost")
            return
        except Exception as error:
            self.wrong.append(f"{what}: {type(error).__name__}: {error}")
            return
        for state in (self.state, self.folder_state):
            if state is not None and self.alike(found, self.expected[state, self.folder_state]):
                self.state = state
                return
        if any(answer["warning"] for answer in found):
            self.wrong.append(f"{what}: {found[0]['warning']}")
        else:
            self.wrong.append(f"{what}: wrong answers")

    def mend(self, what: str) -> None:
        """The next build succeeds by itself and leaves nothing that does not belong there."""
        code = self.rebuild()
        if code != 0:
            self.wrong.append(f"{what}: the next build ended with {code}")
        self.check(f"{what}, after the next build")
        if self.state != self.folder_state:
            self.wrong.append(f"{what}: the next build did not take in the folder")
        size = self.listing()[1]
        if left := self.left_over():
            self.wrong.append(f"{what}: left over: {left}")
        if size > (3 if self.segments else 1.2) * self.clean[1]:
            self.wrong.append(f"{what}: {size} bytes instead of {self.clean[1]}")

    def stop(self, what: str, *arguments: Any, **named: Any) -> int:
        """One build stopped in one way, and all that must hold afterwards."""
        if self.folder_state == self.state:
            self.write(1 - self.folder_state)
        trace = self.articles.parent / "traceback"
        code = self.in_fork(*arguments, **named)
        if code == 99 or trace.exists():
            self.wrong.append(f"{what}: {trace.read_text()}")
            trace.unlink()
        self.check(what)
        size = self.listing()[1] if (self.index / "generations").is_dir() else 0
        if size > (6 if self.segments else 4) * self.clean[1]:
            self.wrong.append(f"{what}: {size} bytes left over instead of {self.clean[1]}")
        if self.random.randrange(_IN_A_ROW) == 0:
            self.mend(what)
        return code

    def start_anew(self) -> None:
        """Removes the index: the first build of all may be stopped too."""
        shutil.rmtree(self.index)
        self.state = None
        self.write(self.random.randrange(2))


def _spread(count: int, calls: int, chance: random.Random) -> list[int]:
    """`count` places from 1 to `calls`: each of them as often as any other."""
    places = list(range(1, calls + 1))
    chance.shuffle(places)
    return [places[number % calls] for number in range(count)]


def kills(desk: Desk, count: int) -> None:
    """Four in five at a call, the others at a random moment; one in ten of a first build."""
    desk.write(1 - desk.folder_state)
    desk.wrong += synced(desk.order())
    calls = desk.calls(full=not desk.segments)
    began = time.perf_counter()
    desk.rebuild("--full")
    usual = time.perf_counter() - began
    for number, place in enumerate(_spread(count, calls, desk.random)):
        if number % 10 == 9:
            desk.start_anew()
        full = desk.random.randrange(6 if desk.segments else 2) == 0
        if number % 5 == 4:
            after = desk.random.random() * usual
            code = desk.stop(f"kill after {after:.4f} s", 0, 0, seconds=max(after, 1e-6), full=full)
            kind = "kills at a random moment"
        else:
            action = desk.random.choice((KILL_BEFORE, KILL_HALFWAY, KILL_AFTER))
            code = desk.stop(f"kill {action} at call {place}", action, place, full=full)
            kind = "kills at a call"
        desk.counts[kind if code == -signal.SIGKILL else "builds done before their kill"] += 1
    desk.mend("after all kills")


def faults(desk: Desk, count: int) -> None:
    """Each call fails once with EIO, and from each call on the disk is full."""
    desk.write(1 - desk.folder_state)
    calls = desk.calls(full=not desk.segments)
    for number, place in enumerate(_spread(count, calls, desk.random)):
        action, error = ((FAIL_ONCE, errno.EIO), (FAIL_ON, errno.ENOSPC))[(number + number // calls) % 2]
        code = desk.stop(f"{errno.errorcode[error]} at call {place}", action, place, error, full=not desk.segments)
        desk.counts[errno.errorcode[error]] += 1
        desk.counts["faults said as an error"] += code == 3
        if code not in (0, 3):
            desk.wrong.append(f"{errno.errorcode[error]} at call {place}: exit code {code}")
    desk.mend("after all faults")


def synced(calls: list[tuple[str, str]]) -> list[str]:
    """What would be lost if the power went at the worst moment: kills cannot show it, the order of calls does.

    Each file of the new generation, and each folder of it, must be synced after it was last written and before the
    generation gets its name; that name before CURRENT is replaced; what replaces it before it does; and the
    replacement at last.
    """
    wrong: list[str] = []
    building = "generations/building"
    named = max(place for place, (call, path) in enumerate(calls) if call == "rename" and re.fullmatch(
        r"generations/\d+", path))
    replaced = calls.index(("rename", "CURRENT"))

    def is_synced(path: str, after: int, before: int) -> None:
        if ("fsync", path) not in calls[after + 1 : before]:
            wrong.append(f"{path} is not synced in time")

    changed: dict[str, int] = {}
    for place, (call, path) in enumerate(calls[:named]):
        if call in {"open", "write", "pwrite", "fwrite", "fclose", "fopen", "ftruncate", "mkdir", "link"}:
            changed[path] = place
            if call in {"open", "fopen", "mkdir", "link"}:
                changed[os.path.dirname(path)] = place
        elif call == "unlink" and path in changed:
            del changed[path]
            changed[os.path.dirname(path)] = place
    for path, place in changed.items():
        if path == building or path.startswith(f"{building}/"):
            is_synced(path, place, named)
    is_synced("generations", named, replaced)
    is_synced("CURRENT.new", max(place for place, one in enumerate(calls) if one == ("write", "CURRENT.new")), replaced)
    is_synced(".", replaced, len(calls))
    if len(changed) < 10:
        wrong.append(f"only {len(changed)} files were seen to be written")
    return wrong


def disks(desk: Desk, count: int) -> None:
    """A disk with no room, and with ever one page more, up to more than a build needs."""
    ballast = desk.index / "ballast"
    for number in range(count):
        if desk.folder_state == desk.state:
            desk.write(1 - desk.folder_state)
        free = os.statvfs(desk.index)
        room = free.f_bavail * free.f_frsize
        ballast.write_bytes(bytes(max(0, room - number * free.f_frsize)))
        code = desk.in_fork(0, 0, full=True)
        what = f"{number} pages of room"
        if code not in (0, 3):
            desk.wrong.append(f"{what}: exit code {code}")
        desk.check(what)
        ballast.unlink()
        desk.mend(what)
        desk.counts["builds on a disk that was too small" if code == 3 else "builds on a disk just large enough"] += 1


MOUNTABLE = bool(shutil.which("unshare")) and subprocess.run(
    ["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /mnt"], capture_output=True, check=False).returncode == 0


def run(kill: int, fault: int, disk: int = 0, seed: int = 0, segments: bool = False) -> dict[str, Any]:
    """Runs all of them in processes of their own; {"counts": {what: how many}, "wrong": [what went wrong]}.

    `disk` needs a machine that allows its user to mount a file system of his own, and is left out elsewhere.
    """
    results = [_run([], kill, fault, 0, seed, segments)] if kill or fault else []
    if disk and MOUNTABLE:
        results.append(_run(["unshare", "-rm"], 0, 0, disk, seed, segments))
    counts: Counter[str] = Counter()
    for result in results:
        counts.update(result["counts"])
    return {"counts": dict(counts), "wrong": [line for result in results for line in result["wrong"]]}


def _run(before: list[str], kill: int, fault: int, disk: int, seed: int, segments: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as root:
        environment = {**os.environ, "LD_PRELOAD": str(compiled(Path(root))), "OMP_NUM_THREADS": "1",
                       "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent.parent)}
        done = subprocess.run(
            [*before, sys.executable, "-m", "bench.crash", "--inside", root, "--kills", str(kill), "--faults",
             str(fault), "--disks", str(disk), "--seed", str(seed), *(["--segments"] if segments else [])],
            env=environment, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--faults", type=int, default=50)
    parser.add_argument("--disks", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segments", action="store_true")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is None:
        began = time.perf_counter()
        result = run(given.kills, given.faults, given.disks, given.seed, given.segments)
        counts = {**dict(sorted(result["counts"].items())), "seconds": round(time.perf_counter() - began)}
        verdict.end({**result, "counts": counts}, "lost, wrong or left over")
    if given.disks:
        (given.inside / "index").mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(given.inside / "index")], check=True)
    # Its thread may hold a lock at the moment of a fork, for which the build in the fork would wait for ever.
    tqdm.monitor_interval = 0
    desk = Desk(given.inside, given.seed, given.segments)
    if given.kills:
        kills(desk, given.kills)
    if given.faults:
        faults(desk, given.faults)
    if given.disks:
        disks(desk, given.disks)
    print(json.dumps({"counts": desk.counts, "wrong": desk.wrong}))


if __name__ == "__main__":
    main()

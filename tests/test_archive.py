"""A rebuild on Ray: the same index as without it, whatever is lost meanwhile."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from conftest import ARTICLES, ENVIRONMENT, CountryEncoder, qa, write
from hypothesis import given
from hypothesis import strategies as st

import qa as library
from bench import ray_cluster
from qa import archive, shards
from qa.archive import Done, Group, Work
from qa.articles import Found
from qa.build import SHARDS
from qa.errors import ClusterError, ModelError, Unreadable, UsageError
from qa.generations import PARTS
from qa.places import place
from qa.recipe import Recipe

pytestmark = pytest.mark.usefixtures("brief_background")
needs_parquet = pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None,
                                   reason="PyArrow is not installed: pip install -e '.[dev]'")
CLUSTER = ray_cluster.missing()
MORE = {**ARTICLES, "a/empty.txt": "", "a/long.md": "# A canal\n\n" + "Egypt digs a canal through the sand. " * 90,
        "b.bin.txt": b"\x00\x01\x02\xff" * 50, "c.html": "<html><body><p>Kenya counts its ferries.</p></body></html>"}


def files_of(index: Path) -> dict[str, object]:
    """Every file of the current generation with its checksum."""
    manifest = place(index).whole().manifest
    return {**manifest.files, "unreadable": manifest.unreadable, "passages": manifest.passages}


class Here:
    """Runs a job in this process, the last group first; stops after so many groups, as a cluster that is lost."""

    def __init__(self, stop: int = 1_000) -> None:
        self.stop = stop
        self.done: list[Done] = []
        self.groups: list[Group] = []

    def __call__(self, on: str) -> archive.Run:
        def run(found: list[Group], work: Work) -> Generator[Done, None, None]:
            Path(work.shards).mkdir(parents=True, exist_ok=True)
            self.groups = found
            for group in reversed(found):
                if len(self.done) == self.stop:
                    raise ClusterError("Ray at nowhere was lost.")
                self.done.append(archive.make(group, work))
                yield self.done[-1]

        return run


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Here:
    """A job runs in this process, in groups of one or two files."""
    one = Here()
    monkeypatch.setattr("qa.overseer.on_ray", lambda on: one(on))
    monkeypatch.setattr("qa.cluster.check", lambda on: None)
    monkeypatch.setattr("qa.archive.GROUP", 300)
    archive._loaded.cache_clear()
    return one


@pytest.fixture
def more(tmp_path: Path) -> Path:
    return write(tmp_path / "articles", MORE)


# --- groups -------------------------------------------------------------------------------------------------


@given(sizes=st.lists(st.integers(0, 5_000_000), max_size=300), at=st.integers(0, 300))
def test_groups_hold_every_file_once_in_order(sizes: list[int], at: int) -> None:
    """And a file more changes one group, two where it ends one; the others stay as they were."""
    found = [Found(f"{number:05}.txt", size, 0) for number, size in enumerate(sizes)]
    groups = archive.groups(found, {"00001.txt": "known"})
    assert [file for group in groups for file, _ in group.files] == [one.file for one in found]
    assert [group.number for group in groups] == list(range(len(groups)))
    assert {known for group in groups for file, known in group.files if file == "00001.txt"} <= {"known"}
    assert all(group.files for group in groups)


def test_a_file_more_changes_few_groups() -> None:
    """Where a group ends depends on names: what was made for the others is found again."""
    found = [Found(f"{number:05}.txt", 4_000, 0) for number in range(5_000)]
    before = {group.files for group in archive.groups(found, {})}
    after = {group.files for group in archive.groups([*found[:77], Found("00076b.txt", 4_000, 0), *found[77:]], {})}
    assert len(before) > 50
    assert len(before - after) <= 2


def test_a_larger_archive_has_larger_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of articles make no millions of files."""
    monkeypatch.setattr("qa.archive.GROUPS", 100)
    found = [Found(f"{number:06}.txt", 100_000, 0) for number in range(20_000)]
    assert len(archive.groups(found, {})) < 400


# --- shards -------------------------------------------------------------------------------------------------


@needs_parquet
def test_a_shard_with_one_wrong_byte_is_not_whole(here: Here, more: Path, tmp_path: Path, static_model: Path) -> None:
    """Whatever became of it, it is made anew."""
    here.stop = 99
    work = Work(str(more), str(tmp_path), Recipe(str(static_model), archive._loaded(str(static_model)).fingerprint,
                                                 6).to_dict())
    group = Group(0, tuple((file, "") for file in sorted(MORE)))
    done = archive.make(group, work)
    path = tmp_path / done.shard
    assert (done.resumed, shards.whole(path), archive.make(group, work).resumed) == (False, True, True)
    data = path.read_bytes()
    held = shards.read(path)
    assert isinstance(held["a/empty.txt"], Unreadable)
    for place_of in range(4, len(data), len(data) // 97):
        path.write_bytes(data[:place_of] + bytes([data[place_of] ^ 0x40]) + data[place_of + 1 :])
        # a byte of the file's own description may make no difference; one of an article never does
        assert not shards.whole(path) or {file: str(one) for file, one in shards.read(path).items()} == {
            file: str(one) for file, one in held.items()}
    path.write_bytes(data[: len(data) // 2])
    assert not archive.make(group, work).resumed
    assert shards.whole(path)


# --- the seam -----------------------------------------------------------------------------------------------


@needs_parquet
def test_the_index_is_the_one_made_here(here: Here, more: Path, tmp_path: Path, static_model: Path) -> None:
    """File for file and byte for byte, whatever the order in which groups are done; unreadable files are listed."""
    time.sleep(0.1)  # what was written just now is looked at more closely next time
    ours = library.rebuild(more, index=tmp_path / "ours", model=str(static_model), on="local")
    theirs = library.rebuild(more, index=tmp_path / "theirs", model=str(static_model))
    assert len(here.groups) > 2
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "theirs")
    assert [one.file for one in ours.unreadable] == ["a/empty.txt", "b.bin.txt"]
    assert {**ours.to_dict(), "seconds": 0} == {**theirs.to_dict(), "seconds": 0}
    assert not (tmp_path / "ours" / PARTS).exists()


@needs_parquet
def test_any_model_embeds_there_as_here(here: Here, more: Path, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that keeps no tokens."""
    monkeypatch.setattr("qa.archive.encoder.load", lambda name: CountryEncoder())
    time.sleep(0.1)
    library.rebuild(more, index=tmp_path / "ours", encoder=CountryEncoder(), on="local")
    library.rebuild(more, index=tmp_path / "theirs", encoder=CountryEncoder())
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "theirs")


@needs_parquet
def test_only_what_changed_is_sent(here: Here, more: Path, tmp_path: Path, static_model: Path) -> None:
    """A file that was only touched is taken over, and nothing at all is begun where nothing has changed."""
    def rebuild() -> library.Report:
        here.done.clear()
        return library.rebuild(more, index=tmp_path / "index", model=str(static_model), on="local")

    (more / "a/empty.txt").unlink()
    (more / "b.bin.txt").unlink()
    time.sleep(0.1)
    first = rebuild()
    again = rebuild()
    assert (again.generation, again.embedded, here.done) == (1, 0, [])
    os.utime(more / "c.html", (1, 1))
    touched = rebuild()
    assert (touched.generation, touched.embedded, [done.same for done in here.done]) == (1, 0, [("c.html",)])
    write(more, {"egipet.txt": "Japan took the bridge away."})
    (more / "2021/reis.txt").unlink()
    changed = rebuild()
    assert (changed.generation, changed.embedded, changed.removed) == (2, 1, 1)
    assert changed.reused == first.passages - 2
    here.done.clear()
    every = library.rebuild(more, index=tmp_path / "index", model=str(static_model), on="local", full=True)
    assert (every.embedded, every.reused, [done.same for done in here.done]) == (
        every.passages, 0, [()] * len(here.groups))
    library.rebuild(more, index=tmp_path / "fresh", model=str(static_model))
    question = "Who took the bridge?"
    ours, theirs = (library.retrieve(question, index=tmp_path / name) for name in ("index", "fresh"))
    assert ours == theirs


@needs_parquet
@pytest.mark.parametrize("stop", [1, 3])
def test_what_a_lost_cluster_had_finished_is_found_again(here: Here, more: Path, tmp_path: Path, static_model: Path,
                                                         stop: int) -> None:
    """Part by part: the old index stays, and the next build makes the rest."""
    here.stop = stop
    with pytest.raises(ClusterError, match="was lost"):
        library.rebuild(more, index=tmp_path / "index", model=str(static_model), on="local")
    kept = list((tmp_path / "index" / PARTS / SHARDS).iterdir())
    assert len(kept) == stop
    kept[0].write_bytes(kept[0].read_bytes()[:-9])  # and what was damaged is made anew
    here.stop, here.done = 1_000, []
    report = library.rebuild(more, index=tmp_path / "index", model=str(static_model), on="local")
    assert sum(done.resumed for done in here.done) == stop - 1
    assert report.embedded + report.resumed == report.passages
    assert (report.resumed > 0) == (stop > 1)
    library.rebuild(more, index=tmp_path / "fresh", model=str(static_model))
    ours, theirs = (library.retrieve("Kenya?", index=tmp_path / name) for name in ("index", "fresh"))
    assert ours == theirs
    assert not (tmp_path / "index" / PARTS).exists()


@needs_parquet
def test_a_worker_with_another_model_is_told_so(here: Here, more: Path, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of two models never meet; nothing is written."""
    monkeypatch.setattr("qa.archive.encoder.load", lambda name: CountryEncoder("others"))
    with pytest.raises(ModelError, match="not the one of this machine"):
        library.rebuild(more, index=tmp_path / "index", encoder=CountryEncoder(), on="local")
    assert not list((tmp_path / "index" / "generations").iterdir())


def test_a_disk_that_is_full_is_told(here: Here, more: Path, tmp_path: Path, static_model: Path,
                                     monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason, and where; no other worker tries in vain."""
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("qa.archive.shards.write", full)
    with pytest.raises(ClusterError, match=r"parquet cannot be written \(No space left on device\)"):
        library.rebuild(more, index=tmp_path / "index", model=str(static_model), on="local")


def test_a_machine_says_why_it_cannot_work(more: Path, tmp_path: Path, static_model: Path) -> None:
    """Before a single file is sent."""
    archive._loaded.cache_clear()
    (tmp_path / "mark").touch()
    recipe = Recipe(str(static_model), archive._loaded(str(static_model)).fingerprint, 6).to_dict()
    work = Work(str(more), str(tmp_path), recipe)
    assert archive.look(work, "egipet.txt", "mark") == ""
    assert "does not see the articles" in archive.look(Work("/nowhere", str(tmp_path), recipe), "egipet.txt", "mark")
    assert "does not see /nowhere" in archive.look(Work(str(more), "/nowhere", recipe), "egipet.txt", "mark")
    assert "another version of qa" in archive.look(Work(str(more), str(tmp_path), {**recipe, "reading": 0}),
                                                   "egipet.txt", "mark")
    assert "not the one of this machine" in archive.look(
        Work(str(more), str(tmp_path), {**recipe, "fingerprint": "another"}), "egipet.txt", "mark")


# --- the option ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", ["", "locally", "ray:", "ray://", "http://host:10001", "ray://host:x", "ray://host/path"])
def test_what_is_no_place_is_told_so(on: str, more: Path, tmp_path: Path) -> None:
    """With what one looks like; nothing is made."""
    with pytest.raises(UsageError, match="ray://host:10001"):
        library.rebuild(more, index=tmp_path / "index", on=on)
    assert not (tmp_path / "index").exists()


def test_without_the_extra_the_option_tells_what_to_install(more: Path, tmp_path: Path) -> None:
    """One line, exit code 2."""
    code = ("import importlib.util, sys\nimportlib.util.find_spec = lambda name: None\nfrom qa.cli import main\n"
            f"sys.exit(main(['rebuild', {str(more)!r}, '--on', 'local']))")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "pip install 'qa-articles[ray]'" in line
    assert not (tmp_path / "index").exists()


def test_a_rebuild_without_it_loads_nothing_of_ray(more: Path, tmp_path: Path, static_model: Path) -> None:
    """Whoever has one machine pays nothing for others."""
    code = ("import sys, qa\nfrom qa import background\n"
            "background.questions = lambda: {'en': ['How long does rice boil?']}\n"
            f"qa.rebuild({str(more)!r}, index='index', model={str(static_model)!r})\n"
            "print([name for name in sys.modules if name.split('.')[0] == 'ray'])")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.stdout.strip() == "[]", done.stderr


# --- a real Ray ---------------------------------------------------------------------------------------------

needs_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install -e"
                               " '.[ray]'")
needs_cluster = pytest.mark.skipif(CLUSTER is not None, reason=str(CLUSTER))


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder of some forty groups, and its index made without Ray."""
    folder = tmp_path_factory.mktemp("archive")
    words = "canal ferry harbour coffee bridge tram market lantern quay crane sluice tide rope anchor pilot".split()
    for number in range(1_200):
        text = " ".join(f"{words[number * 7 % 15]} {words[line * (number + 3) % 15]} of Kenya counts"
                        f" {number * 7_919 + line} boats and {words[line % 15]}s." for line in range(90))
        write(folder / "articles", {f"{number % 12:02}/{number:04}.txt": f"A note, {number}\n\n2021-09-20\n\n{text}"})
    time.sleep(0.1)
    done = qa("rebuild", str(folder / "articles"), "--index", "here", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "articles", folder / "here"


@needs_ray
@pytest.mark.slow
@pytest.mark.cluster
def test_a_rebuild_on_a_ray_of_this_machine_survives_its_own_death(archived: tuple[Path, Path], tmp_path: Path) -> None:
    """Killed with kill -9 it leaves no process behind; the next one embeds only the rest, and the index is the same.
    Meanwhile nothing of it listens to other machines."""
    articles, expected = archived
    command = [sys.executable, "-m", "qa", "rebuild", str(articles), "--index", str(tmp_path / "index"), "--json",
               "--on", "local"]
    kept = tmp_path / "index" / PARTS / SHARDS
    with subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as first:
        for _ in range(6_000):
            if len(list(kept.glob("[!.]*"))) > 3:
                break
            assert first.poll() is None
            time.sleep(0.02)
        own = f"qa-ray-{first.pid}-"
        assert ray_processes(own)
        assert listening(ray_processes(own)) <= {"127.0.0.1", "::ffff:127.0.0.1"}
        first.send_signal(signal.SIGKILL)
    for _ in range(1_500):
        if not ray_processes(own):
            break
        time.sleep(0.02)
    assert ray_processes(own) == []
    done = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert 0 < report["resumed"] < report["passages"] == report["embedded"] + report["resumed"]
    assert done.stderr == ""
    assert files_of(tmp_path / "index") == files_of(expected)
    assert not list(Path(tempfile.gettempdir()).glob(f"{own}*")), "what the killed one left is removed"


def ray_processes(own: str) -> list[int]:
    """The processes of the Ray whose files lie in a folder called so."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = path.joinpath("cmdline").read_bytes()
        except OSError:
            continue
        if own.encode() in line:
            found.append(int(path.name))
    return found


def listening(processes: list[int]) -> set[str]:
    """The addresses that these processes listen on."""
    import socket
    import struct

    found: set[str] = set()
    for process in processes:
        try:
            sockets = {os.readlink(path) for path in Path(f"/proc/{process}/fd").iterdir()}
        except OSError:
            continue
        for name in ("tcp", "tcp6"):
            for line in Path("/proc/net", name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                    packed = bytes.fromhex(fields[1].split(":")[0])
                    packed = b"".join(struct.pack(">I", *struct.unpack("<I", packed[at : at + 4]))
                                      for at in range(0, len(packed), 4))
                    found.add(socket.inet_ntop(socket.AF_INET if name == "tcp" else socket.AF_INET6, packed))
    return found


@needs_cluster
@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("lose", ["node", "worker", "client"])
def test_three_nodes_make_the_same_index_whatever_is_lost(archived: tuple[Path, Path], tmp_path: Path,
                                                          lose: str) -> None:
    """A node with everything on it, a process at work, or the rebuild itself: nobody can tell from the index."""
    articles, expected = archived
    done = ray_cluster.rebuilt(articles, tmp_path / "index", lose)
    assert lose in done["lost"]
    report = done["report"]
    assert report["embedded"] + report["resumed"] == report["passages"]
    assert (report["resumed"] > 0) == (lose == "client")
    assert files_of(tmp_path / "index") == files_of(expected)


@needs_ray
@pytest.mark.skipif(not importlib.util.find_spec("milvus_lite"), reason="Milvus is not installed")
@pytest.mark.slow
@pytest.mark.cluster
def test_an_index_in_milvus_is_made_as_one_in_files(folder: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it lies, the answers are those of an index made without Ray, and no part is left."""
    monkeypatch.setitem(ENVIRONMENT, "XDG_CACHE_HOME", str(tmp_path / "cache"))
    answers = []
    for name, options in (("ray.db", ("--on", "local")), ("here.db", ())):
        done = qa("rebuild", str(folder), "--index", name, *options, folder=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        answers.append(qa("ask", "When does the ferry leave?", "--json", "--index", name, folder=tmp_path).stdout)
    assert json.loads(answers[0]) == json.loads(answers[1])
    assert json.loads(answers[0])["hits"][0]["file"] == "2021/harbour.md"
    assert not list((tmp_path / "cache").rglob(PARTS))


@needs_ray
@pytest.mark.slow
@pytest.mark.cluster
def test_a_cluster_that_is_not_there_is_told_so(more: Path, tmp_path: Path) -> None:
    """One line with its remedy, exit code 2, and no index."""
    done = qa("rebuild", str(more), "--on", "ray://127.0.0.1:9", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("qa: Ray at ray://127.0.0.1:9 cannot be used")
    assert not list(tmp_path.glob("index/generations/*"))

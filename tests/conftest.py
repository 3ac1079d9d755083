"""Fixtures shared by the tests: an encoder whose vectors can be worked out in the head, and a folder of articles."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

# What starts the tests in the background may have them ignore Ctrl-C, and so would all that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Read when numpy and FAISS are first loaded. On busy cores their threads mostly spin while they wait for each other:
# with one the tests take a third of the time, and with four sometimes twenty times as long.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import qa as library

if TYPE_CHECKING:  # loaded by the page's tests alone
    from page_reader import Reader
    from playwright.sync_api import Browser, BrowserContext

# No deadline: the first example imports what the others find imported. In CI the same examples every time: there a
# change is judged, and new bugs are looked for at home.
settings.register_profile("qa", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("qa")

PROCESSES = 4  # at most: each of them loads what it tests, up to a gigabyte
TORCH = {f"tests/test_{name}.py" for name in ("encoder", "hub", "reranker", "training")}  # load it, which takes seconds


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """On how many processes the tests run: all of them on the cores that there are, those of a few files in this one,
    where they begin at once and `-s` shows what they print."""
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return min(PROCESSES, len(os.sched_getaffinity(0))) if whole else 0


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """The tests of a file run in one process, and those that load PyTorch in one, too."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = str(super()._split_scope(nodeid))
            return "PyTorch" if file in TORCH else file

    return Together(config, log)


@pytest.fixture(scope="session", autouse=True)
def unsynced() -> Iterator[None]:
    """Nobody waits for the disk, which takes a tenth of all time: what is synced, and when, is shown by bench.crash, in
    processes of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


Vectors = NDArray[np.float32]

# One axis a country, named in several languages; a last axis for texts that name none.
COUNTRIES = {
    "France": ("france", "francia", "frankreich", "франци", "法国", "فرنسا"),
    "Brazil": ("brazil", "brésil", "brasil", "brasilien", "бразили", "巴西", "البرازيل"),
    "Egypt": ("egypt", "égypte", "egipto", "ägypten", "егип", "埃及", "مصر"),
    "Japan": ("japan", "japon", "japón", "япони", "日本", "اليابان"),
    "Kenya": ("kenya", "kenia", "кени", "肯尼亚", "كينيا"),
}
AXES = (*COUNTRIES, "none")
_NAMES = [
    re.compile("|".join(rf"\b{name}" if name < "\u2e80" else name for name in names), re.IGNORECASE)
    for names in COUNTRIES.values()
]


class CountryEncoder:
    """Each country that a text names adds 1 on its axis; a text that names none lies on the axis "none"."""

    light = False  # scores are the cosines of whole passages, nothing else

    def __init__(self, fingerprint: str = "countries", name: str = "countries") -> None:
        self.name = name
        self.fingerprint = fingerprint
        self.dimension = len(AXES)
        self.embedded: list[str] = []  # passages and sentences embedded so far

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        return np.array([self.encode_question(text) for text in texts], np.float32).reshape(-1, self.dimension)

    def encode_question(self, text: str) -> Vectors:
        named = [1.0 if name.search(text) else 0.0 for name in _NAMES]
        vector = np.array([*named, 0.0 if any(named) else 1.0], np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


@pytest.fixture
def encoder() -> CountryEncoder:
    """A fresh encoder, which has embedded nothing yet."""
    return CountryEncoder()


def country_model(folder: Path, form: str = "float32", prompts: Mapping[str, str] | None = None) -> Path:
    """Writes the same axes as a sentence-transformers folder of one StaticEmbedding, and gives the folder.

    A text's vector is the mean of its tokens': each name of a country lies on its axis, all else is zero. `form` is how
    the rows are stored: "float32" as sentence-transformers does, "int8" and "mapping" as smaller files do.
    """
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = {"[UNK]": -1}
    for axis, names in enumerate(COUNTRIES.values()):
        for name in (*names, "египет", "франция", "япония"):
            if name in names or any(name.startswith(one) for one in names):
                # Chinese is tokenised by character
                words.update(dict.fromkeys(list(name) if name > "\u2e80" else [name], axis))
    axes = np.array(list(words.values()))
    rows = np.where(axes[:, None] == np.arange(len(AXES)), 1.0, 0.0).astype(np.float32)
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    if form == "float32":
        save_file({"embedding.weight": rows}, folder / "model.safetensors")
    elif form == "int8":
        weights = np.linspace(0.001, 0.02, len(rows), dtype=np.float32)
        save_file({"embeddings": (rows * 100).astype(np.int8), "weights": weights}, folder / "model.safetensors")
    else:
        different, mapping = np.unique(rows, axis=0, return_inverse=True)
        save_file(
            {
                "embeddings": different,
                "mapping": mapping.reshape(-1).astype(np.int64),
                "weights": np.linspace(1, 2, len(rows), dtype=np.float32),
            },
            folder / "model.safetensors",
        )
    modules = [("", "StaticEmbedding"), ("1_Normalize", "Normalize")]
    (folder / "modules.json").write_text(
        json.dumps(
            [
                {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
                for number, (path, kind) in enumerate(modules)
            ]
        )
    )
    (folder / "1_Normalize").mkdir(exist_ok=True)
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": dict(prompts or {})}))
    return folder


@pytest.fixture(scope="session")
def static_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to name as --model, which loads at once."""
    return country_model(tmp_path_factory.mktemp("model"))


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Writes `files` (path below the folder → text or bytes) and gives the folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return folder


# Written for these tests. Every passage names one country, so that a question about one meets one axis.
ARTICLES: dict[str, str] = {
    "2019/lanternes.txt": (
        "La fête des lanternes\n12/03/2019\n\n"
        "La France prépare une fête des lanternes sur les quais. Le comité a choisi le vieux port pour le départ. "
        "Mme Orban, qui dirige le comité, attend huit mille visiteurs.\n"
    ),
    "2021/harbour.md": (
        "---\ntitle: A harbour for the blue ferries\ndate: 2021-06-04\n---\n\n"
        "# A harbour for the blue ferries\n\n"
        "Kenya opens a new harbour for its blue ferries. The first ferry leaves at dawn and carries coffee. "
        "Tickets cost four shillings on the lower deck.\n"
    ),
    "2021/reis.txt": (
        "Die Ernte der Bergdörfer\n\n2021-09-20\n\n"
        "In Japan beginnt die Ernte in den Bergdörfern später als sonst. Die Bauern warten auf trockene Tage. "
        "Ein Händler zahlt neun Münzen je Korb.\n"
    ),
    "egipet.txt": (
        "Египет строит длинный мост через канал. Инженеры обещают открыть его весной. "
        "По мосту пойдут только трамваи и велосипеды.\n"
    ),
    "巴西.txt": (
        "巴西的咖啡博物馆\n2020年5月8日\n\n"
        "巴西的一座小城开设了咖啡博物馆。馆内收藏了三百台旧磨豆机。每个星期天门票免费。\n"
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of five small articles: French, English, German, Russian (undated) and Chinese."""
    return write(tmp_path / "articles", ARTICLES)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of these articles under the toy encoder, which is only asked."""
    root = tmp_path_factory.mktemp("shelf")
    library.rebuild(write(root / "articles", ARTICLES), index=root / "index", encoder=CountryEncoder())
    return root / "index"


Build = Callable[..., library.Report]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """Where the index of a test goes."""
    return tmp_path / "index"


@pytest.fixture
def build(index: Path, encoder: CountryEncoder) -> Build:
    """`build(folder, **arguments)` rebuilds the test's index with the toy encoder."""

    def rebuild(folder: Path, **arguments: object) -> library.Report:
        return library.rebuild(folder, **{"index": index, "encoder": encoder, **arguments})  # type: ignore[arg-type]

    return rebuild


@pytest.fixture
def brief_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each build of the test measures its index by a handful of unrelated questions instead of hundreds."""
    few = {"en": ["How long does rice boil?", "Who invented the comb?"], "fr": ["Comment coudre un bouton ?"]}
    monkeypatch.setattr("qa.background.questions", lambda: few)


@pytest.fixture
def ends() -> Iterator[None]:
    """Fails a test that would never end: ten seconds of processor time for what takes a hundredth of one."""

    def stop(number: int, frame: FrameType | None) -> None:
        pytest.fail("still not finished after 10 seconds: this would hang a rebuild")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 10)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


# --- the command --------------------------------------------------------------------------------------------

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), "HF_HUB_OFFLINE": "1", "TERM": "xterm"}
ENVIRONMENT.pop("NO_COLOR", None)


def qa(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs `python -m qa` in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "qa", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        env=ENVIRONMENT,
        check=False,
    )


def on_a_terminal(*arguments: str, folder: Path, changed: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Runs `python -m qa` with a terminal of 80 columns for all three streams: exit code and what the terminal got."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "qa", *arguments],
        cwd=folder,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**ENVIRONMENT, **(changed or {})},
    ) as process:
        os.close(follower)
        received = b""
        while True:
            try:
                part = os.read(leader, 65_536)
            except OSError:  # Linux says so when the other side has closed
                break
            if not part:
                break
            received += part
    os.close(leader)
    return process.returncode, received.decode()


@pytest.fixture(scope="session")
def shipped_session(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    """A folder with an index made as most people make it, on a terminal and with no model named; and how that went."""
    folder = tmp_path_factory.mktemp("shipped")
    write(folder / "seeds", ARTICLES)
    return folder, *on_a_terminal("rebuild", folder=folder)


@pytest.fixture(scope="session")
def shipped(shipped_session: tuple[Path, int, str]) -> Path:
    """That folder."""
    return shipped_session[0]


# --- the page -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests of a file."""
    from page_reader import chromium

    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def contexts(browser: Browser) -> dict[str, BrowserContext]:
    """Those of its readers so far."""
    return {}


@pytest.fixture
def reader(
    browser: Browser, contexts: dict[str, BrowserContext], url: str, request: pytest.FixtureRequest
) -> Iterator[Reader]:
    """A reader of the page at the file's `url`, with the language, the screen and the scheme given as the test's
    parameter."""
    from page_reader import watched

    yield from watched(browser, contexts, url, request)


# --- messy texts --------------------------------------------------------------------------------------------

_WORDS = (
    "ferry",
    "l’été",
    "Гавань",
    "渡轮离开港口",
    "الميناء",
    "हार्बर",
    "3.14",
    "Mme",
    "J.",
    "a",
    "e\u0301",
    "👩\u200d🚀",
    "https://example.org/a?b",
    "x" * 90,
    "港" * 90,
)
_GAPS = (
    " ",
    " ",
    " ",
    "\n",
    "\n\n",
    ". ",
    "! ",
    "。",
    "؟ ",
    "।",
    ", ",
    "\t",
    "\r\n",
    "\r",
    "\u2028",
    "\u2029",
    "\x85",
    "\x0b",
    "\x0c",
    "\x1c",
    "\0",
    "\u00a0",
    "\u202f",
    "\u200b",
    "\ufeff",
    "« ",
    " »",
    "”",
    ") ",
    "-- ",
    "…",
)
_LINES = (
    "\n12/03/2019\n",
    "\nPosted on 4 June 2021\n",
    "\n2020年5月8日\n",
    "\nPartager sur Facebook\n",
    "\n# A heading\n",
    "\nVues : 29\n",
    "\nLire aussi : le port\n",
    "\nLeave a comment\n",
    "---\ndate: 2021-06-04\n---\n",
    "The ferry left the harbour at dawn with nine sacks of coffee, a brass band and a very old captain. " * 8,
)


def messy_texts() -> st.SearchStrategy[str]:
    """Texts as they come: any script, any line end, control characters, datelines, share bars, endless lines."""
    anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
    piece = st.one_of(st.sampled_from(_WORDS), st.sampled_from(_GAPS), st.sampled_from(_LINES), anything)
    return st.lists(piece, max_size=60).map("".join)


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def page_of(server: subprocess.Popen[str], port: int) -> str:
    """The page at a port as soon as its server answers; fails with the server's words when it ends instead."""
    for _ in range(6000):
        assert server.poll() is None, (server.stdout or server.stderr or "").read()  # type: ignore[union-attr]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the page never came")

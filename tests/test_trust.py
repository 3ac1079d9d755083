"""What is trusted, and what is not: no code in data, packages pinned with checksums, and SECURITY.md true."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
CODE = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "torch.load", "yaml.load"}
MODULES = sorted((ROOT / "qa").rglob("*.py"))


def calls(path: Path) -> Iterator[tuple[str, dict[str, ast.expr]]]:
    """Each call of a module: what is called, and its arguments by keyword."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg: word.value for word in node.keywords if word.arg}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_data_is_ever_run_as_code(path: Path) -> None:
    """Nothing is evaluated, unpickled or handed to a shell, and no model may bring code along."""
    for called, words in calls(path):
        assert called not in CODE, f"{path.name} calls {called}"
        for word, forbidden in (("shell", True), ("allow_pickle", True), ("trust_remote_code", True)):
            value = words.get(word, ast.Constant(value=False))
            assert isinstance(value, ast.Constant), f"{path.name}: {word} must be there to read"
            assert value.value is not forbidden, f"{path.name}: {called}({word}={forbidden})"
        if called in {"SentenceTransformer", "CrossEncoder"}:
            assert ast.unparse(words["trust_remote_code"]) == "False"
            assert ast.unparse(words["model_kwargs"]) == "{'use_safetensors': True}"


def pinned() -> dict[str, tuple[str, list[str]]]:
    """{package: (version, checksums)} of the lock file."""
    found = {}
    for block in re.split(r"\n(?=\S)", re.sub(r"(?m)^#.*\n", "", LOCK)):
        match = re.match(r"([A-Za-z0-9_.-]+)==(\S+)", block)
        assert match, block
        found[_plain(match[1])] = (match[2], re.findall(r"--hash=sha256:([0-9a-f]{64})\b", block))
    return found


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_pins_every_package_with_a_checksum() -> None:
    """One version of each, every one with checksums, and no word of where it comes from."""
    packages = pinned()
    assert len(packages) > 80
    assert [name for name, (_, sums) in packages.items() if not sums] == []
    assert re.findall(r"https?:|--(?:extra-)?index-url|--find-links|--trusted-host| @ ", LOCK) == []


def test_the_lock_holds_what_the_package_needs() -> None:
    """Each requirement is pinned, at a version that it allows."""
    from packaging.requirements import Requirement

    packages = pinned()
    for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            needed = Requirement(line)
            assert needed.specifier.contains(packages[_plain(needed.name)][0]), line


def test_what_security_md_names_is_there() -> None:
    """Each of its commands, tests and files exists."""
    for module in re.findall(r"python -m (bench\.\w+)", SECURITY):
        assert importlib.util.find_spec(module), module
    for path in re.findall(r"`((?:tests|bench|qa)/[\w./]+)`", SECURITY):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"make (\w+)", SECURITY):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text("utf-8"), target


def test_the_table_counts_no_loss() -> None:
    """Every row of what was run ends with 0."""
    rows = [line for line in SECURITY.splitlines() if re.match(r"\| [^|]+ \| [\d,]+ \|", line)]
    assert len(rows) >= 7
    assert [row for row in rows if not re.search(r"\| 0 \| [^|]+ \|$", row)] == []

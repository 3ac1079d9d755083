"""What the README says is there, is there."""

from __future__ import annotations

import ast
import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from conftest import free_port, page_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def help_of(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", "qa", *arguments, "--help"], capture_output=True, text=True,
                          check=True, cwd=ROOT).stdout


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    """Each `qa …` line in a code block names a command, and each option of it stands in that command's help."""
    lines = [line.split("#")[0] for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
             for line in block.splitlines() if line.startswith("qa ")]
    assert {line.split()[1] for line in lines} == {"rebuild", "ask", "status", "evaluate", "text", "serve"}
    helps = {command: help_of(command) for command in {line.split()[1] for line in lines}}
    for line in lines:
        for option in re.findall(r"(?<=\s)--?[a-z]+", re.sub(r'"[^"]*"', "", line)):
            assert re.search(rf"(?<![\w-]){option}\b", helps[line.split()[1]]), line


def test_every_module_is_named_once_in_reading_order_with_its_own_sentence() -> None:
    """The table of modules lists each file of qa/ and only those, and never one before a module that it imports."""
    listed = re.findall(r"^\| `qa/(\w+)\.py`", README, re.MULTILINE)
    there = {path.stem for path in (ROOT / "qa").glob("*.py")} - {"__init__", "__main__", "cli"}
    assert set(listed) == there
    assert len(listed) == len(there)
    for place, module in enumerate(listed):
        tree = ast.parse((ROOT / "qa" / f"{module}.py").read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("qa."):
                assert node.module.split(".")[1] in listed[:place], f"{module} imports {node.module}"


def test_a_space_installs_what_the_package_needs() -> None:
    """requirements.txt, which Hugging Face Spaces reads, equals the dependencies of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == project["dependencies"]


def test_the_front_matter_names_a_file_that_defines_the_page() -> None:
    """app_file is there and sets `demo` at module level, as Spaces expects."""
    name = re.search(r"^app_file: (\S+)$", README.split("---")[1], re.MULTILINE)
    assert name
    tree = ast.parse((ROOT / name.group(1)).read_text("utf-8"))
    assert any(isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "demo" for target in node.targets) for node in tree.body)


def test_every_picture_and_link_of_the_readme_leads_somewhere() -> None:
    """Relative links point at files of the repository."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if not target.startswith("http"):
            assert (ROOT / target).exists(), target


@pytest.mark.slow
def test_make_run_opens_the_page_over_a_folder_of_ones_own(tmp_path: Path) -> None:
    """`make run ARTICLES=…` reads the folder, unreadable files or not, and serves the page until interrupted."""
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("these tests do not run in the .venv that make run would use")
    articles = tmp_path / "my articles"
    articles.mkdir()
    (articles / "lantern.txt").write_text("La fête des lanternes a lieu le 3 mai sur le port.\n", "utf-8")
    (articles / "empty.txt").write_bytes(b"")
    port = free_port()
    process = subprocess.Popen(
        ["make", "run", f"ARTICLES={articles}", f"INDEX={tmp_path / 'index'}", f"PORT={port}"], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        assert "gradio" in page_of(process, port)
    finally:
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=600)
    assert "1 article " in output
    assert "empty.txt: empty" in output

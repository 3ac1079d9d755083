"""Reading order is import order, the two halves meet only in the index, and nothing heavy is imported in vain."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# The one place where the order is written down.
ORDER = (
    "errors recipe checksums cores dates datelines dating sentences furniture languages articles passages hub ranges"
    " pieces words spoken arrays lexicon encoder names cuts beside reading unrelated generations engine lexical"
    " weighing vectors runs joint store merging segments ranker closeness background switching addresses folders"
    " milvus milvus_records milvus_store milvus_writer milvus_place places parts embedding shards cluster archive"
    " overseer index build questions reranker retrieval answers contents evaluation page cli"
).split()


def imported(module: str) -> set[str]:
    """The modules of qa that a module of qa imports anywhere, also inside functions."""
    where = ROOT / "qa" / module
    files = sorted(where.glob("*.py")) if where.is_dir() else [where.with_suffix(".py")]
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{file.name} imports by a relative name"
                found.update(
                    f"{node.module}.{alias.name}" if node.module == "qa" else str(node.module) for alias in node.names
                )
    return {name.split(".")[1] for name in found if name.startswith("qa.")} - {module}


def reached(module: str) -> set[str]:
    """What a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        for other in imported(waiting.pop()) & set(ORDER):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def test_the_order_names_every_module() -> None:
    """A new module has a place in the reading order."""
    present = {path.stem for path in (ROOT / "qa").glob("*.py")} | {
        path.parent.name for path in (ROOT / "qa").glob("*/*.py")
    }
    assert present - {"__init__", "__main__"} == set(ORDER)


@pytest.mark.parametrize("module", ORDER)
def test_a_module_imports_only_earlier_ones(module: str) -> None:
    """Whoever reads from the top has read what each module builds upon."""
    assert imported(module) <= set(ORDER[: ORDER.index(module)])


def test_the_two_halves_meet_only_in_the_index() -> None:
    """Building imports nothing of answering, answering nothing of building."""
    assert reached("build") & {"questions", "retrieval", "answers"} == set()
    assert "build" not in reached("answers") | reached("retrieval") | reached("questions")


def loaded(code: str, *names: str, folder: Path = ROOT) -> list[str]:
    """Which of `names` a fresh Python has imported after `code`."""
    code += f"\nimport json, sys\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return list(json.loads(done.stdout.split("\n")[-2]))


HELP = """
from qa.cli import main
try:
    main(["--help"])
except SystemExit as end:
    assert end.code == 0
"""


def test_help_loads_no_model() -> None:
    """`qa --help` answers at once: none of the heavy libraries is imported for it."""
    assert (
        loaded(
            HELP,
            "torch",
            "sentence_transformers",
            "transformers",
            "gradio",
            "faiss",
            "numpy",
            "tantivy",
            "tokenizers",
            "trafilatura",
            "dateparser",
            "langchain_text_splitters",
            "py3langid",
            "tqdm",
            "sentencex",
            "lxml",
        )
        == []
    )


def test_a_question_over_the_shipped_model_imports_no_pytorch(shipped: Path) -> None:
    """Asking needs the index and the small model, nothing that reads articles or runs a page."""
    code = "from qa.cli import main\nassert main(['ask', 'When does the ferry leave?', '--since', '2021-06']) in (0, 1)"
    assert (
        loaded(
            code,
            "torch",
            "sentence_transformers",
            "transformers",
            "gradio",
            "trafilatura",
            "dateparser",
            "langchain_text_splitters",
            "langchain_core",
            "py3langid",
            "ir_measures",
            "lxml",
            "qa.datelines",
            folder=shipped,
        )
        == []
    )


def test_every_public_name_is_there() -> None:
    """What `from qa import *` promises exists, and each error is a QAError."""
    import qa

    for name in qa.__all__:
        value = getattr(qa, name)
        if isinstance(value, type) and issubclass(value, Exception):
            assert issubclass(value, qa.QAError)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = qa.nonsense


def test_exit_codes_follow_the_kind_of_error() -> None:
    """Wrong usage and models end with 2, whatever is the matter with an index with 3."""
    import qa

    assert {
        error.__name__: error.exit_code
        for error in (qa.UsageError, qa.ModelError, qa.IndexMissing, qa.IndexDamaged, qa.IndexMismatch, qa.IndexBusy)
    } == {"UsageError": 2, "ModelError": 2, "IndexMissing": 3, "IndexDamaged": 3, "IndexMismatch": 3, "IndexBusy": 3}


def test_nothing_but_the_edges_prints() -> None:
    """Library code returns records and raises; only the command and the page talk to people."""
    printing = [
        f"{path.name}:{node.lineno}"
        for path in (ROOT / "qa").glob("*.py")
        if path.stem != "cli"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert printing == []


def test_no_pickle_is_read_or_written() -> None:
    """An index or a model that runs code when it is opened is no index."""
    for path in (ROOT / "qa").rglob("*.py"):
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in ([ast.alias(node.module or "")] if isinstance(node, ast.ImportFrom) else node.names)
        }
        assert names & {"pickle", "shelve", "dill", "joblib", "marshal"} == set(), path

"""qa: ask your articles. `rebuild` a folder into an index, then `ask` it or `retrieve` from it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qa.answers import Answer, Hit, Period, Place, ask, retrieve
    from qa.build import Progress, Report, UnreadableFile, rebuild
    from qa.contents import Status, article, status
    from qa.errors import (
        ClusterError,
        IndexBusy,
        IndexDamaged,
        IndexMismatch,
        IndexMissing,
        IndexProblem,
        ModelError,
        QAError,
        UsageError,
    )

__version__ = "0.1.0"

__all__ = [
    "Answer", "ClusterError", "Hit", "IndexBusy", "IndexDamaged", "IndexMismatch", "IndexMissing", "IndexProblem",
    "ModelError", "Period", "Place", "Progress", "QAError", "Report", "Status", "UnreadableFile", "UsageError",
    "__version__", "article", "ask", "rebuild", "retrieve", "status",
]

# Each name is imported when it is first used, so that `qa --help` does not wait for numpy and faiss.
_WHERE = {
    "Answer": "answers", "Hit": "answers", "Period": "answers", "Place": "answers",
    "ask": "answers", "retrieve": "answers",
    "Progress": "build", "Report": "build", "UnreadableFile": "build", "rebuild": "build",
    "Status": "contents", "article": "contents", "status": "contents",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'qa' has no attribute {name!r}")
    value = getattr(import_module(f"qa.{_WHERE.get(name, 'errors')}"), name)
    globals()[name] = value
    return value

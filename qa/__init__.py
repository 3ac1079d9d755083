"""qa: ask your articles. `rebuild` a folder into an index, then `ask` it or `retrieve` from it."""

from qa.answers import Answer, Hit, Place, ask, retrieve
from qa.build import Progress, Report, UnreadableFile, rebuild
from qa.errors import (
    IndexBusy,
    IndexDamaged,
    IndexMismatch,
    IndexMissing,
    IndexProblem,
    ModelError,
    QAError,
    UsageError,
)
from qa.status import Status, article, status

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Hit",
    "IndexBusy",
    "IndexDamaged",
    "IndexMismatch",
    "IndexMissing",
    "IndexProblem",
    "ModelError",
    "Place",
    "Progress",
    "QAError",
    "Report",
    "Status",
    "UnreadableFile",
    "UsageError",
    "__version__",
    "article",
    "ask",
    "rebuild",
    "retrieve",
    "status",
]

"""Everything that can go wrong, as a tree, each with its remedy."""

from __future__ import annotations


class QAError(Exception):
    """Base of all errors qa raises. The message says what is wrong and how to mend it.

    `exit_code` is what the command `qa` ends with (see README, "Exit codes").
    """

    exit_code = 2


class UsageError(QAError):
    """An argument cannot be used as it is: a date, a limit, an empty question, a folder that is not there."""


class ModelError(QAError):
    """The encoder cannot be loaded."""


class ClusterError(QAError):
    """The machines that a rebuild was to run on cannot be used, or were lost."""


class Unreadable(QAError):
    """One file cannot be read as an article. Never leaves a rebuild: it is listed there with its reason."""


class IndexProblem(QAError):
    """The index cannot be used as it is."""

    exit_code = 3


class IndexMissing(IndexProblem):
    """There is no index where one was expected."""


class IndexDamaged(IndexProblem):
    """A file of the index is gone, cut short or changed since it was written.

    `files` names each of them with what is wrong with it.
    """

    def __init__(self, message: str, files: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.files = files


class IndexMismatch(IndexProblem):
    """The index was made another way: by another model, or in another format."""


class IndexBusy(IndexProblem):
    """Another process is building this index."""

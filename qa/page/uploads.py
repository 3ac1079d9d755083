"""Files that readers of the page add to the articles folder, when whoever opened the page allows it."""

from __future__ import annotations

import os
import re
import secrets
import threading
import unicodedata
from collections.abc import Callable
from pathlib import Path

from anyio import to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope

from qa.articles import SUFFIXES

LARGEST = 20_000_000  # bytes of one file: a long book, and no disk fills by accident
MOST = 100              # files between two rebuilds: what one drops by hand, not what a script pours in
_LONGEST_NAME = 200     # bytes: file systems take 255, and a name on its way has a prefix

# What is special to a file system, a shell or the eye: separators, wildcards, control and reordering characters.
_UNSAFE = re.compile(r'[\\/:*?"<>|]|[^\w\s.,;!+()\[\]{}=@#$%&\'’«»“”–—~^-]')
_BLANK = re.compile(r"\s+")


def safe_name(name: str) -> str:
    """A name for a file of the articles folder that looks like `name`; "" when none can be made of it.

    Folders are left out, what could disguise the name or mean something to a file system becomes "-".
    """
    last = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode()).replace("\\", "/").rpartition("/")[2]
    last = _BLANK.sub(" ", _UNSAFE.sub("-", last)).strip(" .-")
    stem, suffix = os.path.splitext(last)
    stem = stem.encode()[: _LONGEST_NAME - len(suffix.encode())].decode("utf-8", "ignore").strip(" .")
    return stem + suffix.lower() if stem and suffix else ""


class Uploads:
    """Takes one file a request into the folder that `folder` names: POST with the file as body and ?name=….

    Answers {"file"} with 201, or {"reason"} of why not: "kind" (415), "large" (413), "empty" (400), "exists" (409,
    unless ?replace=1), "many" (429), "folder" (507).
    """

    def __init__(self, folder: Callable[[], str | os.PathLike[str]]) -> None:
        self.folder = folder
        self._taken = 0
        self._lock = threading.Lock()

    def rebuilt(self) -> None:
        """The files taken so far are in the index: as many again may come."""
        with self._lock:
            self._taken = 0

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        request = Request(scope, receive)
        name = safe_name(request.query_params.get("name", ""))
        if not name or os.path.splitext(name)[1] not in SUFFIXES or name.lower() == "readme.md":
            return _refused("kind", 415, name)  # README.md is for people; the reader of the folder skips it
        with self._lock:
            if self._taken >= MOST:
                return _refused("many", 429, name)
            self._taken += 1
        reason = await self._take(request, name, replace=request.query_params.get("replace") == "1")
        if reason:
            with self._lock:
                self._taken = max(0, self._taken - 1)
            return _refused(*reason, name)
        return JSONResponse({"file": name}, 201)

    async def _take(self, request: Request, name: str, *, replace: bool) -> tuple[str, int] | None:
        """Writes the body aside and moves it to its name in one step; the reason and status why not, if not."""
        try:
            root = Path(await to_thread.run_sync(self.folder))
            root.mkdir(exist_ok=True)
            target, aside = root / name, root / f".{secrets.token_hex(8)}.part"
            if os.path.lexists(target) and not replace:
                return "exists", 409
            try:
                size = await _written(request, aside)
                if not 0 < size <= LARGEST:
                    return ("large", 413) if size else ("empty", 400)
                if target.is_dir():
                    return "exists", 409
                return None if await to_thread.run_sync(_moved, aside, target, replace) else ("exists", 409)
            finally:
                aside.unlink(missing_ok=True)
        except OSError:
            return "folder", 507
        except ClientDisconnect:
            return "empty", 400


async def _written(request: Request, path: Path) -> int:
    """Writes the body of a request and gives its size in bytes; stops when it is too large."""
    size = 0
    with path.open("xb") as file:
        async for part in request.stream():
            size += len(part)
            if size > LARGEST:
                break
            await to_thread.run_sync(file.write, part)
    return size


def _moved(aside: Path, target: Path, replace: bool) -> bool:
    """Gives the file its name; False when another has it and is not to be replaced."""
    if not replace:
        try:
            target.open("xb").close()  # nobody else can take the name between the look and the move
        except FileExistsError:
            return False
    aside.replace(target)
    return True


def _refused(reason: str, status: int, name: str) -> Response:
    return JSONResponse({"file": name, "reason": reason}, status)

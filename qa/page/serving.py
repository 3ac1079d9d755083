"""The page over a real index: what `qa serve` and `app.py` open."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import gradio as gr

import qa
from qa.addresses import is_address
from qa.generations import GENERATIONS, MANIFEST
from qa.page.frame import PORT, launch, page
from qa.page.guard import LOOPBACK

Folder = str | os.PathLike[str]


def over(index: Folder = "index", folder: Folder | None = None, *, editable: bool = False,
         mcp: bool = False) -> gr.Blocks:
    """The page over `index`. `editable` lets its readers add articles to `folder` and rebuild the index from it;
    `mcp` lets MCP clients ask and read.

    folder: None takes the folder the index was built from, or seeds when there is no index yet. Nothing is opened
    or loaded before the first visit.
    """

    def rebuild(progress: Callable[[qa.Progress], None]) -> object:
        return qa.rebuild(_articles(index, folder), index=index, progress=progress)

    return page(
        partial(qa.ask, index=index),
        partial(qa.status, index=index),
        article=partial(qa.article, index=index),
        rebuild=rebuild if editable else None,
        articles=partial(_articles, index, folder) if editable else None,
        mcp=mcp,
    )


def serve(index: Folder = "index", folder: Folder | None = None, host: str = "127.0.0.1", port: int = PORT,
          open_browser: bool = False, *, editable: bool = False, mcp: bool = False,
          blocks: gr.Blocks | None = None) -> None:
    """Opens the page and serves it until interrupted. `blocks` is a page already made with `over`.

    Raises UsageError when the port cannot be used, or MCP is wanted and not installed.
    """
    if os.environ.get("SPACE_ID") and not is_address(index) and not Path(index, "CURRENT").exists():
        qa.rebuild(_articles(index, folder), index=index)  # a Space has no terminal to build the index in
    made = blocks if blocks is not None else over(index, folder, editable=editable, mcp=mcp)
    url = launch(made, host, port, open_browser=open_browser)
    threading.Thread(target=_warm, args=(index,), name="qa-warm", daemon=True).start()
    print(f"The page is at {url}  (stop it with Ctrl+C)", file=sys.stderr)
    if editable and host not in LOOPBACK:
        print("Whoever reaches it can add articles and rebuild the index (--editable).", file=sys.stderr)
    if mcp:
        print(f"MCP clients connect to {url}gradio_api/mcp", file=sys.stderr)
    made.block_thread()


def _warm(index: Folder) -> None:
    """Loads the model while the reader still types, which takes longer than an answer."""
    with contextlib.suppress(qa.QAError):  # the page says it when it is asked
        qa.ask("qa", k=1, index=index)


def _articles(index: Folder, folder: Folder | None) -> Folder:
    """The folder to build from: the one given, else the one the index was built from, else seeds."""
    if folder is not None:
        return folder
    try:
        return qa.status(index).folder
    except qa.IndexMissing:
        return "seeds"
    except qa.QAError:
        if is_address(index):
            raise
        # Damaged or made another way, an index still names its folder: other articles must not take its place.
        for manifest in sorted(Path(index, GENERATIONS).glob(f"*/{MANIFEST}"), reverse=True):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                named = Path(json.loads(manifest.read_bytes())["folder"])
                if named.is_dir():
                    return named
        return "seeds"

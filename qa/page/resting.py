"""A page that nobody uses rests: Gradio would look for something to do a thousand times a second, all day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

RESTING = 0.05  # seconds between two looks
AFTER = 30.0  # seconds without a request
_PAUSES = ("sleep_when_free", "progress_update_sleep_when_free")  # between two looks, for questions and for progress


class Rest:
    """ASGI middleware: each request wakes Gradio's queue, which rests again a while after the last one."""

    def __init__(self, app: ASGIApp, *, queue: Callable[[], Any]) -> None:
        """`queue`: the queue, which Gradio makes anew when it is set up."""
        self.app = app
        self._queue = queue
        self._awake: dict[str, float] = {}  # the pauses as Gradio has them
        self._later: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        queue = self._queue()
        # a Gradio that calls them otherwise works as it is
        self._awake = self._awake or {name: getattr(queue, name) for name in _PAUSES if hasattr(queue, name)}
        vars(queue).update(self._awake)
        if self._later:
            self._later.cancel()
        self._later = asyncio.get_running_loop().call_later(AFTER, self._rest)
        await self.app(scope, receive, send)

    def _rest(self) -> None:
        vars(self._queue()).update(dict.fromkeys(self._awake, RESTING))

"""A reader of the page: one browser window that notes what a reader must never meet."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

DESKTOP = {"width": 1280, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
NARROW = {"width": 360, "height": 740}
PATIENCE = 60_000  # milliseconds: only a test that fails waits so long, and a busy machine may need some of it
http = httpx.Client(timeout=PATIENCE / 1_000, limits=httpx.Limits(max_keepalive_connections=0))
BOX = "#qa-question input, #qa-question textarea"

expect.set_options(timeout=PATIENCE)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()


class Reader:
    """A window of one reader, with everything that went wrong in it: errors and foreign requests."""

    def __init__(self, browser: Browser, url: str, locale: str, size: dict[str, int], scheme: str,
                 context: BrowserContext | None = None, **more: Any) -> None:
        self.url = url
        self.context = context or browser.new_context(
            locale=locale, viewport=size, color_scheme=scheme,  # type: ignore[arg-type]
            permissions=["clipboard-read", "clipboard-write"], **more)
        self.tab: Page = self.context.new_page()
        self.tab.set_default_timeout(PATIENCE)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.tab.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.tab.on("pageerror", lambda error: self.errors.append(str(error)))
        self.tab.on("request", self._note)

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.foreign.append(request.url)

    def open(self, query: str = "") -> Page:
        self.tab.goto(self.url + query)
        self.tab.locator("#qa-folder summary, .qa-problem").first.wait_for()
        return self.tab

    def ask(self, question: str) -> Page:
        self.tab.fill(BOX, question)
        self.tab.press(BOX, "Enter")
        self.tab.locator(f'#qa-answer[data-question="{question}"]').wait_for()
        return self.tab


def watched(browser: Browser, contexts: dict[str, BrowserContext], url: str,
            request: pytest.FixtureRequest) -> Iterator[Reader]:
    """What a fixture gives: a reader with the language, the screen and the scheme of the test's parameter, who met no
    error and no foreign request.

    Readers alike share a context, each with a tab of its own: the page's scripts are fetched and compiled once, which
    takes half of a visit. Nothing else of the page outlives a tab.
    """
    locale, size, scheme = getattr(request, "param", ("fr-FR", DESKTOP, "light"))
    one = Reader(browser, url, locale, size, scheme, contexts.get(f"{locale} {size} {scheme}"))
    contexts[f"{locale} {size} {scheme}"] = one.context
    yield one
    one.tab.close()
    assert one.errors == []
    assert one.foreign == []

"""Draws the README's pictures of the page into docs/: `python tests/page_screenshots.py http://127.0.0.1:7860/`."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent.parent / "docs"
# name, language, scheme, width, height, question, whether an article is opened beside
PICTURES = [
    ("page", "fr-FR", "light", 1280, 900, "Pourquoi ne peut-on plus prolonger le traité New START ?", True),
    ("page-telephone", "fr-FR", "light", 390, 844, "Qui a frappé du marteau pour clore la COP21 ?", False),
    ("page-dark", "en-GB", "dark", 1280, 900, "Which economist coined the BRIC acronym?", False),
]


def main(url: str) -> None:
    DOCS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or "/usr/bin/chromium", args=["--no-sandbox"])
        for name, language, scheme, width, height, question, opened in PICTURES:
            context = browser.new_context(locale=language, viewport={"width": width, "height": height},
                                          color_scheme="dark" if scheme == "dark" else "light")
            tab = context.new_page()
            tab.goto(url)
            tab.locator("#qa-folder summary").wait_for()
            tab.fill("#qa-question input, #qa-question textarea", question)
            tab.keyboard.press("Enter")
            tab.locator(".qa-card").first.wait_for()
            if opened:
                tab.locator(".qa-card .qa-title button").first.click()
                tab.locator(".qa-article").wait_for()
            tab.mouse.move(0, 0)
            tab.wait_for_timeout(500)
            tab.screenshot(path=DOCS / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1])

"""Draws the README's pictures of the page over seeds/ into docs/: `python tests/page_screenshots.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

from page_reader import Reader, chromium

import qa
from qa.page import launch, over

ROOT = Path(__file__).parent.parent
# name, language, scheme, width, height, question, what is pressed then
PICTURES = [
    ("page", "fr-FR", "light", 1280, 900, "Pourquoi ne peut-on plus prolonger le traité New START ?",
     ".qa-card .qa-title button"),
    ("page-dark", "en-GB", "dark", 1100, 844, "Which economist coined the BRIC acronym?", ".qa-why summary"),
    ("page-telephone", "ar", "light", 390, 844, "كم دولة دُعيت إلى الانضمام إلى مجموعة بريكس؟", None),
]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        qa.rebuild(ROOT / "seeds", index=folder)
        blocks = over(folder)
        url = launch(blocks, port=0)
        for name, language, scheme, width, height, question, pressed in PICTURES:
            one = Reader(browser, url, language, {"width": width, "height": height}, scheme)
            one.open()
            tab = one.ask(question)
            if pressed:
                tab.locator(pressed).first.click()
            tab.mouse.move(0, 0)
            tab.wait_for_timeout(500)
            tab.screenshot(path=ROOT / "docs" / f"{name}.png")
            one.context.close()
        blocks.close()


if __name__ == "__main__":
    main()

"""The page: one question box over the articles, for a browser, and the same answers as an endpoint for machines.

In reading order: `words` (what it says, in eight languages), `markup`, `dates`, `cards`, `answers`, `reading`,
`uploads`, `mending`, `states`, `panel` and `head` make its HTML; `theme`, `machines`, `rebuilding` and `guard` stand
beside Gradio's blocks, which `frame` puts together; `serving` opens the page over an index.
"""

from __future__ import annotations

from qa.page.frame import PORT, launch, page
from qa.page.serving import over, serve

__all__ = ["PORT", "launch", "over", "page", "serve"]

"""The page: one question box over the articles, for a browser, and the same answers as an endpoint for machines."""

from __future__ import annotations

from qa.page.frame import PORT, launch, page
from qa.page.serving import over, serve

__all__ = ["PORT", "launch", "over", "page", "serve"]

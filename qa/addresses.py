"""Where an index lies: in a folder, or in Milvus at an address."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from qa.errors import UsageError

TOKEN = "QA_MILVUS_TOKEN"  # environment: "user:password" or a token; an address is seen by whoever lists processes
PORT = 19530
NAME = "qa"             # of an index whose address names none


def is_address(index: str | os.PathLike[str]) -> bool:
    """Whether an index lies in Milvus: at http://… or https://…, or for Milvus Lite in a file *.db."""
    text = os.fspath(index)
    return "://" in text or (text.endswith(".db") and not os.path.isdir(text))


@dataclass(frozen=True, slots=True)
class Address:
    """Where an index lies in Milvus."""

    text: str       # as it was given
    uri: str        # of the server, or the absolute path of the file
    name: str       # of the index: several may share a server
    lite: bool

    @classmethod
    def read(cls, index: str | os.PathLike[str]) -> Address:
        """Raises UsageError for what cannot be an address."""
        text = os.fspath(index)
        if "://" not in text:
            return cls(text, os.path.abspath(text), NAME, True)
        try:
            parts = urlsplit(text)
            host, port, name = parts.hostname, parts.port or PORT, parts.path.strip("/") or NAME
        except ValueError as error:
            raise UsageError(f"{text!r} is no address of Milvus ({error}). {_LIKE}") from error
        if parts.username or parts.password:
            raise UsageError(f"The address of Milvus must not hold a password. Put it into the environment: {TOKEN}")
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or not _NAME.fullmatch(
                name):
            raise UsageError(f"{text!r} is no address of Milvus. {_LIKE}")
        return cls(text, f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}", name, False)


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}")
_LIKE = (f"One looks like http://host:{PORT}, https://host:{PORT}/name (letters, digits and underscores) or"
         " articles.db")

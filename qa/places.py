"""The place of an index, by what people give as --index: a folder or an address."""

from __future__ import annotations

import os

from qa.addresses import Address, is_address
from qa.engine import Place


def place(index: str | os.PathLike[str]) -> Place:
    """The folder or the Milvus of `index`. Raises UsageError for an address that cannot be one."""
    if is_address(index):
        from qa.milvus_place import MilvusPlace  # what Milvus needs is loaded only where one is named

        return MilvusPlace(Address.read(index))
    from qa.folders import Folder

    return Folder(index)

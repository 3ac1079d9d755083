"""The checksum of a file is that of its bytes, however large it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import xxhash

from qa import checksums
from qa.checksums import checksum


@pytest.mark.parametrize("size", [0, 1, 9, 10, 11, 20, 25])
def test_a_file_longer_than_a_block_is_read_to_its_end(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same as over all bytes at once."""
    monkeypatch.setattr(checksums, "_BLOCK", 10)
    data = bytes(range(size))
    (tmp_path / "a").write_bytes(data)
    assert checksum(tmp_path / "a") == xxhash.xxh3_128_hexdigest(data)


def test_it_is_the_published_one(tmp_path: Path) -> None:
    """The figure that XXH3's authors give for nothing at all, with 128 bits and seed 0."""
    (tmp_path / "a").write_bytes(b"")
    assert checksum(tmp_path / "a") == "99aa06d3014798d86001c324468d497f"

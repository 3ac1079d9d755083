"""Damage anywhere in any file of an index is found before it is used."""

from __future__ import annotations

import pytest

from bench import damage
from bench.toys import share_everything
from qa import build, merging


@pytest.mark.slow
def test_no_damage_is_used() -> None:
    """Bits flipped and files cut short at places all over every file: the generation that is whole answers, exactly,
    and the damaged file is named. `make nightly` tries twenty thousand places."""
    result = damage.run(200, 100, seed=4)
    assert result["wrong"] == []
    assert result["counts"]["bit flips"] + result["counts"]["truncations"] >= 280
    assert result["counts"]["files"] >= 15


@pytest.mark.slow
def test_no_damage_is_used_where_generations_share_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """What only the newer one holds leaves the older one answering; what both hold is named in both, and nothing is
    answered from it."""
    for module, name in ((merging, "SHARED_FROM"), (merging, "SMALL"), (merging, "SHARE"), (build, "_SETTLED"),
                         (build, "_KEPT_FROM")):
        monkeypatch.setattr(module, name, getattr(module, name))  # put back afterwards
    share_everything()
    result = damage.run(200, 100, seed=4, segments=True)
    assert result["wrong"] == []
    assert result["counts"]["bit flips"] + result["counts"]["truncations"] >= 280
    assert 20 <= result["counts"]["shared files"] < result["counts"]["files"] - 10

"""Damage anywhere in any file of an index is found before it is used."""

from __future__ import annotations

from bench import damage


def test_no_damage_is_used() -> None:
    """Bits flipped and files cut short at places all over every file: the generation that is whole answers, exactly,
    and the damaged file is named. `make nightly` tries twenty thousand places."""
    result = damage.run(200, 100, seed=4)
    assert result["wrong"] == []
    assert result["counts"]["bit flips"] + result["counts"]["truncations"] >= 280
    assert result["counts"]["files"] >= 15

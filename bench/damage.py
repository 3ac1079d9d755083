"""Flips bits in every file of an index and cuts every file short; counts what is not found before it is used.

    python -m bench.damage --flips 20000 --truncations 5000
    python -m bench.damage --flips 10000 --truncations 2500 --segments

Two generations of a small index, which answer differently. After each damage to a file of the current one, or to
CURRENT, an undamaged generation must be the one that answers, and the damage must be named; after each damage to the
other generation, `qa status --verify` must name it. One damage in fifty is followed by whole questions, whose answers
must be exactly those of the generation that is whole.

With --segments the two generations share what has not changed, as those of a large index do (qa/segments.py). Damage of
a file that both hold leaves none: then it must be named twice, and no question may be answered.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

from bench import verdict
from bench.toys import QUESTIONS, STATES, WordEncoder, share_everything, write

ASKED = 50  # one damage in so many is followed by questions


def _flipped(data: bytes, place: int) -> bytes:
    at, bit = divmod(place, 8)
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def _answers(index: Path, encoder: WordEncoder) -> list[Any]:
    import qa

    found = [qa.ask(question, index=index, encoder=encoder).to_dict() for question in QUESTIONS]
    for answer in found:
        del answer["warning"]
    return found


def _spread(chance: random.Random, count: int, size: int) -> list[int]:
    """`count` places below `size`, each at most once: all of them where there are no more."""
    return list(range(size)) if size <= count else sorted(chance.sample(range(size), count))


def run(flips: int, truncations: int, seed: int = 0, segments: bool = False) -> dict[str, Any]:
    """Damages each file about equally often; {"counts": {what: how many}, "wrong": [what was not found]}."""
    import qa
    from qa import background, index
    from qa.generations import CURRENT, verify, whole

    chance, encoder = random.Random(seed), WordEncoder()
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    few = patch.object(background, "questions", lambda: {"en": ["How long does rice boil?"]})
    with few, tempfile.TemporaryDirectory() as root:
        where, articles = Path(root, "index"), Path(root, "articles")
        answers = []
        for state in STATES:
            write(articles, state)
            qa.rebuild(articles, index=where, encoder=encoder)
            if not segments or state is STATES[-1]:
                articles.rename(articles.with_name(f"articles{len(answers)}"))  # so that no hit speaks of changed files
            answers.append(_answers(where, encoder))
        paths = sorted(path for path in where.rglob("*") if path.is_file() and path.name != "lock"
                       and path.stat().st_size)
        for path in paths:
            sound = path.read_bytes()
            cases = [("bit flips", _flipped(sound, place))
                     for place in _spread(chance, -(-flips // len(paths)), 8 * len(sound))]
            cases += [("truncations", sound[:size])
                      for size in _spread(chance, -(-truncations // len(paths)), len(sound))]
            name = path.relative_to(where).as_posix()
            places = [other for other in paths if other.samefile(path)]
            counts["shared files"] += len(places) > 1
            for kind, damaged in cases:
                path.write_bytes(damaged)
                counts[kind] += 1
                expected = 1 if name.startswith("generations/000002/") else 2
                if len(places) > 1 or name.startswith("generations/000001/"):
                    named = verify(where)
                else:
                    found = whole(where)
                    named = list(found.damaged)
                    if found.manifest.generation != expected or not found.warning:
                        wrong.append(f"{name}: generation {found.manifest.generation} was used")
                if sorted(line.partition(":")[0] for line in named) != sorted(map(str, places)):
                    wrong.append(f"{name}: {named} was named")
                if sum(counts.values()) % ASKED == 0:
                    index._opened.clear()
                    counts["of them followed by questions"] += 1
                    try:
                        if len(places) > 1 or _answers(where, encoder) != answers[expected - 1]:
                            _answers(where, encoder)
                            wrong.append(f"{name}: wrong answers")
                    except qa.IndexDamaged:
                        if len(places) == 1:
                            wrong.append(f"{name}: no answers")
            path.write_bytes(sound)
        index._opened.clear()
        if verify(where) or _answers(where, encoder) != answers[1]:
            wrong.append("the index is not as it was")
        counts["files"] = len(paths)
        assert any(path.name == CURRENT for path in paths)
    return {"counts": dict(counts), "wrong": wrong}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--flips", type=int, default=500)
    parser.add_argument("--truncations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--segments", action="store_true")
    given = parser.parse_args()
    began = time.perf_counter()
    if given.segments:
        share_everything()
    result = run(given.flips, given.truncations, given.seed, given.segments)
    counts = {**dict(sorted(result["counts"].items())), "seconds": round(time.perf_counter() - began)}
    verdict.end({**result, "counts": counts}, "not found")


if __name__ == "__main__":
    main()

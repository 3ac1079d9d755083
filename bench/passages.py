"""Passages of different sizes on the development questions: nDCG@10 × 100 of the score qa ranks by.

    python -m bench.passages ../shared/evaluation

A larger passage holds more answers and is slower to read; a smaller one says less that is beside the point.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.fusion import tables

SIZES = (400, 700, 1_000, 1_500)  # characters


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("evaluation", type=Path)
    parser.add_argument("--questions", type=int, default=200, help="of each folder and language (default: 200)")
    given = parser.parse_args()
    columns = [[(name, language, figures["qa"]) for name, language, _, figures in
                tables(given.evaluation, given.questions, size)] for size in SIZES]
    print(f"{'folder':16}  {'asked in':8}  " + "  ".join(f"{size:>6}" for size in SIZES))
    for rows in zip(*columns, strict=True):
        print(f"{rows[0][0]:16}  {rows[0][1]:8}  " + "  ".join(f"{value:6.1f}" for _, _, value in rows))
    print(f"{'mean':26}  " + "  ".join(f"{sum(row[2] for row in column) / len(column):6.1f}" for column in columns))


if __name__ == "__main__":
    main()

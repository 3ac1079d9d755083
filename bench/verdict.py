"""What a bench of trust found: its counts, and a line for each thing that went wrong."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

_SHOWN = 20  # of what went wrong


def end(result: dict[str, Any], failed: str) -> NoReturn:
    """Prints how often each thing was done and how often it failed, and ends the process: 1 when anything did."""
    for what, count in result["counts"].items():
        print(f"{what:50}{count:>10}")
    print(f"{failed:50}{len(result['wrong']):>10}")
    for line in result["wrong"][:_SHOWN]:
        print(f"  {line}")
    sys.exit(1 if result["wrong"] else 0)

"""Models by name: whether they can be fetched just now, and what to say when one cannot be loaded."""

from __future__ import annotations

import os

_PATIENCE = 5.0  # seconds: a network that takes longer to answer would take hours to send a model


def only_local(name: str) -> bool:
    """Whether a model can only be looked for on this machine: it is a name, and what sends models by name does not
    answer. The library itself would ask again and again, for more than a minute, even for a model it has kept."""
    if os.path.isdir(name):
        return False
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE)  # as the user's proxy and certificates have it
    except Exception:  # no names, no route, no answer, or told to stay offline
        return True
    return False


def reason(error: Exception) -> str:
    """The first line of what a loader raised, as a sentence."""
    first = (str(error).strip().splitlines() or [""])[0].strip().rstrip(".:;,")
    return f"{first or type(error).__name__}."

"""Which language a text is written in, told by py3langid, whose model is unpacked once and mapped from then on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from qa.checksums import checksum

_SAMPLE = 4_000  # characters: enough for the language of an article to be certain

# What py3langid's LanguageIdentifier is made of, in the order in which it takes them; all arrays but the classes. Each
# is a file of its own.
_ARRAYS = ("nb_ptc", "nb_pc", "tk_nextmove", "tk_output", "tk_row")
_CLASSES = "nb_classes.json"
_CHECKSUMS = "checksums.json"  # {name: XXH3} of the other files


def language(text: str) -> str:
    """ISO 639-1; "und" when the text is too short to tell."""
    sample = text[:_SAMPLE]
    if len(list(islice(filter(str.isalpha, sample), 3))) < 3:
        return "und"
    return str(_identifier().classify(sample)[0])


@cache
def _identifier() -> Any:
    """py3langid's identifier. Its model is 4.6 MB that take 0.4 s to unpack; unpacked it is 68 MB, of which a text
    needs little, and processes that read share what they map."""
    from py3langid import langid  # questions never need it

    kept: Path | None = None
    with contextlib.suppress(Exception):  # damaged, or another version's: it is no more than a copy
        if (kept := _kept(langid)) is not None and kept.is_dir():
            return _opened(kept, langid.LanguageIdentifier)
    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)
    with contextlib.suppress(Exception):  # no room, no home, a version whose parts are called otherwise
        if kept is not None:
            _keep(kept, identifier)
    return identifier


def _kept(langid: Any) -> Path | None:
    """Where the unpacked model of the installed py3langid belongs, whether or not it is there: among what this user's
    programs can make anew. None where others may write."""
    from py3langid import __version__

    home = os.environ.get("XDG_CACHE_HOME", "")
    where = (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "qa-articles"
    where.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = where.stat()
    if about.st_uid != os.geteuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return None
    return where / f"py3langid-{__version__}-{checksum(langid.MODEL_DIR / langid.MODEL_FILE)}"


def _opened(kept: Path, kind: Any) -> Any:
    """The identifier out of what `_keep` wrote. Raises OSError or ValueError for anything else."""
    for name, expected in json.loads((kept / _CHECKSUMS).read_text("utf-8")).items():
        if checksum(kept / name) != expected:
            raise ValueError(f"{name}: changed since it was written")
    ptc, pc, nextmove, output, row = (np.load(kept / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                                      for name in _ARRAYS)
    classes = json.loads((kept / _CLASSES).read_text("utf-8"))
    # a text is walked through number by number: those of Python are quicker for that than those of numpy
    return kind(ptc, np.array(pc), classes, memoryview(nextmove), output.tolist(), tk_row=memoryview(row))


def _keep(kept: Path, identifier: Any) -> None:
    """Writes the parts of an identifier, aside and then in one step. Raises OSError."""
    aside = Path(tempfile.mkdtemp(prefix="unpacking-", dir=kept.parent))
    try:
        for name in _ARRAYS:
            np.save(aside / f"{name}.npy", np.asarray(getattr(identifier, name)), allow_pickle=False)
        (aside / _CLASSES).write_text(json.dumps(identifier.nb_classes), "utf-8")
        (aside / _CHECKSUMS).write_text(json.dumps({path.name: checksum(path) for path in sorted(aside.iterdir())}),
                                        "utf-8")
        if kept.is_dir():
            shutil.rmtree(kept)  # damaged: it could not be opened; or another process was quicker
        aside.rename(kept)
    finally:
        shutil.rmtree(aside, ignore_errors=True)

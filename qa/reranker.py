"""A cross-encoder that reads question and passage together and puts the best passages in a better order (optional)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from qa import hub
from qa.errors import ModelError

READ = 30  # passages: what a small cross-encoder reads in about a second


@runtime_checkable
class Reranker(Protocol):
    """Says how well each text answers a question."""

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts),), higher is better."""


class CrossEncoderReranker:
    """Any sentence-transformers CrossEncoder with one output, by name or path."""

    def __init__(self, name: str) -> None:
        """Loads the model, from the network when it is a name and not yet cached. Raises ModelError."""
        from sentence_transformers import CrossEncoder  # takes seconds; only this option needs it
        from transformers.utils import logging

        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            self._model = CrossEncoder(name, device="cpu", trust_remote_code=False,
                                       local_files_only=hub.only_local(name), model_kwargs={"use_safetensors": True})
        except Exception as error:  # the loader raises whatever its many parts raise
            raise ModelError(f"The reranker {name!r} cannot be loaded: {hub.reason(error)} Give the path of a"
                             " cross-encoder's folder, or a name while there is a network, or leave --reranker"
                             " away.") from error
        if self._model.num_labels != 1:
            raise ModelError(f"The reranker {name!r} has {self._model.num_labels} outputs; one that ranks has one.")

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts),), higher is better."""
        if not texts:
            return np.zeros(0, np.float32)
        pairs = [(question, text) for text in texts]
        return np.asarray(self._model.predict(pairs, show_progress_bar=False), np.float32)


@lru_cache(maxsize=2)
def load(name: str) -> Reranker:
    """The reranker called `name`, loaded once. Raises ModelError."""
    return CrossEncoderReranker(name)

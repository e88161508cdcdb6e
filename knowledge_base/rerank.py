"""A second look at the best passages: a cross-encoder reads question and passage together (Nogueira & Cho 2019).

It knows nothing of the index: texts in, relevance out.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from knowledge_base.errors import IndexUnavailableError
from knowledge_base.lexical import Scores

_BATCH_PAIRS = 16


class Reranker(Protocol):
    """What the search needs of a reranker; tests bring their own small one."""

    def score(self, question: str, passages: Sequence[str]) -> Scores:
        """How relevant each passage is to the question, `[passages]` in [0, 1]."""
        ...


class CrossEncoderReranker:
    """A model folder as sentence-transformers' `CrossEncoder` saves it, with one output.

    Args:
        model_folder: Transformer with a classification head of one label, safetensors weights.
        threads: CPU threads of torch.

    Raises:
        IndexUnavailableError: The folder holds no such model.
    """

    def __init__(self, model_folder: Path, threads: int = 2) -> None:
        _check_outputs(model_folder)
        try:
            import torch
            from sentence_transformers import CrossEncoder

            torch.set_num_threads(threads)
            self._model = CrossEncoder(
                str(model_folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
            )
        except (OSError, ValueError, ImportError) as error:
            raise IndexUnavailableError(f"{model_folder} cannot be loaded as a reranker: {error}") from error
        self._to_share = torch.nn.Sigmoid()

    def score(self, question: str, passages: Sequence[str]) -> Scores:
        """How relevant each passage is to the question, `[passages]` in [0, 1]; too long ones are cut by the model."""
        if not passages:
            return np.zeros(0, np.float32)
        pairs = [(question, passage) for passage in passages]
        found = self._model.predict(
            pairs, batch_size=_BATCH_PAIRS, show_progress_bar=False, activation_fn=self._to_share
        )
        return np.asarray(found, np.float32)


def _check_outputs(model_folder: Path) -> None:
    """One output is a relevance; several would be classes, of which nobody knows which means relevant."""
    try:
        config = json.loads((model_folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexUnavailableError(f"{model_folder} holds no readable config.json: {error}.") from error
    labels = config.get("id2label") or {}
    heads = [name for name in config.get("architectures") or () if name.endswith("ForSequenceClassification")]
    if len(labels) != 1 or not heads:
        raise IndexUnavailableError(
            f"{model_folder} is no cross-encoder: it has {len(labels) or 'no'} labels and the architecture "
            f"{config.get('architectures')}.",
            "Give a sequence classifier with one label, as sentence-transformers' CrossEncoder saves it.",
        )

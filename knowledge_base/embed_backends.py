"""Two ways to run an embedding model: onnxruntime without torch, and sentence-transformers."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from knowledge_base.errors import IndexUnavailableError

Vectors = npt.NDArray[np.float32]
_DEFAULT_TOKENS = 512
Tokens = npt.NDArray[np.int64]
Pooling = Callable[[Vectors, Tokens], Vectors]


class Backend(Protocol):
    """Runs one model; vectors need not have length 1."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of one batch, `[batch, dimension]`."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens without special ones."""
        ...

    def unknown_share(self, text: str) -> float:
        """The share of word tokens that are the unknown token; emoji do not count."""
        ...


class OnnxBackend:
    """Transformer in onnxruntime, tokenizer in `tokenizers`, pooling in numpy."""

    def __init__(self, folder: Path, graph: Path, pooling: Pooling, threads: int) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the LLM wants the cores
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self._counter = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._counter.no_truncation()
        self._counter.no_padding()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_sequence_tokens(folder))
        self._tokenizer.enable_padding(**_padding(folder, self._tokenizer))
        self._unknown: int = self._counter.token_to_id(_unknown_token(folder)) or -1
        self._pooling = pooling
        self.dimension: int = self._session.get_outputs()[0].shape[-1]

    def tokens(self, texts: Sequence[str]) -> tuple[Tokens, Tokens]:
        """Token ids and attention mask of one batch, `[batch, tokens]` each, padded to the longest."""
        encodings = self._tokenizer.encode_batch(list(texts))
        mask = np.array([e.attention_mask for e in encodings], np.int64)
        return np.array([e.ids for e in encodings], np.int64), mask

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of one batch, `[batch, dimension]`."""
        ids, mask = self.tokens(texts)
        (hidden,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return self._pooling(hidden, mask)

    def count_tokens(self, text: str) -> int:
        """Tokens without special ones."""
        return len(self._counter.encode(text, add_special_tokens=False).ids)

    def unknown_share(self, text: str) -> float:
        """The share of word tokens that are the unknown token; emoji do not count."""
        encoding = self._counter.encode(text, add_special_tokens=False)
        spans = zip(encoding.ids, encoding.offsets, strict=True)
        words = [token for token, span in spans if any(map(str.isalpha, text[slice(*span)]))]
        return words.count(self._unknown) / len(words) if words else 0.0


class SentenceTransformersBackend:
    """Any architecture, in torch."""

    def __init__(self, folder: Path, threads: int) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(threads)
        self._model = SentenceTransformer(
            str(folder), device="cpu", local_files_only=True, model_kwargs={"use_safetensors": True}
        )
        self._model.default_prompt_name = None  # `Embedder` puts the prompts
        self.dimension: int = self._model.get_embedding_dimension()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of one batch, `[batch, dimension]`."""
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), np.float32)

    def count_tokens(self, text: str) -> int:
        """Tokens without special ones."""
        return len(self._tokens(text))

    def unknown_share(self, text: str) -> float:
        """The share of tokens that are the unknown token."""
        tokens = self._tokens(text)
        return tokens.count(self._model.tokenizer.unk_token_id) / len(tokens) if tokens else 0.0

    def _tokens(self, text: str) -> list[int]:
        return list(self._model.tokenizer.encode(text, add_special_tokens=False))


def _mean(hidden: Vectors, mask: Tokens) -> Vectors:
    weights = mask[..., None].astype(np.float32)
    pooled: Vectors = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return pooled


def _cls(hidden: Vectors, mask: Tokens) -> Vectors:
    pooled: Vectors = hidden[np.arange(len(hidden)), mask.argmax(axis=1)]
    return pooled


def _max(hidden: Vectors, mask: Tokens) -> Vectors:
    pooled: Vectors = np.where(mask[..., None] > 0, hidden, np.float32(-1e9)).max(axis=1)
    return pooled


POOLINGS: dict[str, Pooling] = {"mean": _mean, "cls": _cls, "max": _max}


def normalised(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    scaled: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return scaled.astype(np.float32, copy=False)


def max_sequence_tokens(folder: Path) -> int:
    """The longest input in tokens, special ones included; the rest of a text is not seen."""
    named = read_json(folder / "sentence_bert_config.json", dict, optional=True).get("max_seq_length")
    tokenizer = read_json(folder / "tokenizer_config.json", dict, optional=True).get("model_max_length")
    positions = read_json(folder / "config.json", dict).get("max_position_embeddings")
    return int(named or min(tokenizer or _DEFAULT_TOKENS, positions or _DEFAULT_TOKENS))


def _padding(folder: Path, tokenizer: Any) -> dict[str, Any]:
    pad_id = read_json(folder / "config.json", dict).get("pad_token_id") or 0
    return {"pad_id": pad_id, "pad_token": tokenizer.id_to_token(pad_id) or "[PAD]"}


def _unknown_token(folder: Path) -> str:
    token = read_json(folder / "tokenizer_config.json", dict, optional=True).get("unk_token") or "[UNK]"
    return str(token.get("content")) if isinstance(token, dict) else str(token)


def read_json(path: Path, kind: type, *, optional: bool = False) -> Any:
    """The content of a model folder's JSON file; an empty `kind` when an optional file is missing.

    Raises:
        IndexUnavailableError: It is missing, broken or of another kind.
    """
    if optional and not path.is_file():
        return kind()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IndexUnavailableError(
            f"{path} cannot be read: {error}.", "Give a model folder in sentence-transformers format."
        ) from error
    if not isinstance(content, kind):
        raise IndexUnavailableError(f"{path} is not what a sentence-transformers folder holds there.")
    return content

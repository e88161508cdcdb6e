"""Texts to vectors with any model folder in sentence-transformers format.

A plain transformer + pooling (+ normalise) folder is exported to ONNX once and runs without torch: on two
cores a query takes 4 ms instead of 11, loading 0.3 s instead of 8, memory 240 MB instead of 740. Every other
architecture runs in sentence-transformers itself. Knows nothing of documents or indexes.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from knowledge_base.errors import IndexUnavailableError

Vectors = npt.NDArray[np.float32]
Role = Literal["query", "document"]
_BATCH_TEXTS = 8  # larger batches gain nothing on a CPU and cost memory
_WINDOW_BYTES = 65_536


class TextEmbedder(Protocol):
    """What the rest of `knowledge_base` needs of an embedder; tests bring their own small one."""

    @property
    def id(self) -> str:
        """Names the vector space: equal ids give equal vectors."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        """Unit vectors `[n, dimension]`."""
        ...

    def count_tokens(self, text: str) -> int:
        """Length of a text in the model's tokens, special tokens not counted."""
        ...


class Embedder:
    """An embedding model folder, loaded on construction.

    Args:
        model_folder: A folder in sentence-transformers format with safetensors weights.
        threads: CPU threads of one call.
        cache_folder: Where the ONNX copy is kept; without it, beside the model.

    Raises:
        IndexUnavailableError: The folder holds no usable model.
    """

    def __init__(self, model_folder: Path, threads: int = 2, cache_folder: Path | None = None) -> None:
        self._folder = model_folder
        modules = _read_json(model_folder / "modules.json", list)
        config = _read_json(model_folder / "config_sentence_transformers.json", dict, optional=True)
        self._prompts = {name: text for name, text in (config.get("prompts") or {}).items() if text}
        self._backend = _load_backend(model_folder, modules, threads, cache_folder)
        self._encode_query = lru_cache(maxsize=256)(self._encode_one)

    @property
    def id(self) -> str:
        """Architecture, dimension and a fingerprint of the weights, as `bert-384-0123456789`."""
        kind = _read_json(self._folder / "config.json", dict, optional=True).get("model_type", "model")
        return f"{kind}-{self.dimension}-{fingerprint(self._folder)[:10]}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._backend.dimension

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        """Embeds texts as L2-normalised float32 `[n, dimension]`; too long ones are cut by the model.

        Args:
            role: Some models (E5, BGE) put another prompt before queries than before documents.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        if role == "query" and len(texts) == 1:
            return self._encode_query(texts[0])[None, :].copy()
        return self._encode_all([self._prompt(role) + text for text in texts])

    def count_tokens(self, text: str) -> int:
        """Length of a text in the model's tokens, special tokens not counted."""
        return self._backend.count_tokens(text)

    def close(self) -> None:
        """Forgets the queries kept; the weights go with the object."""
        self._encode_query.cache_clear()

    def _encode_one(self, query: str) -> Vectors:
        vector: Vectors = self._encode_all([self._prompt("query") + query])[0]
        return vector

    def _encode_all(self, texts: Sequence[str]) -> Vectors:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(order), _BATCH_TEXTS):
            batch = order[start : start + _BATCH_TEXTS]
            vectors[batch] = self._backend.encode([texts[i] for i in batch])
        return normalised(vectors)

    def _prompt(self, role: Role) -> str:
        names = ("query",) if role == "query" else ("document", "passage", "corpus")
        return next((self._prompts[name] for name in names if name in self._prompts), "")


class _Backend(Protocol):
    @property
    def dimension(self) -> int: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...

    def count_tokens(self, text: str) -> int: ...


class OnnxBackend:
    """Transformer in onnxruntime, tokenizer in `tokenizers`, pooling in numpy."""

    def __init__(self, folder: Path, graph: Path, pooling: Callable[..., Vectors], threads: int) -> None:
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
        self._pooling = pooling
        self.dimension: int = self._session.get_outputs()[0].shape[-1]

    def encode(self, texts: Sequence[str]) -> Vectors:
        encodings = self._tokenizer.encode_batch(list(texts))
        mask = np.array([e.attention_mask for e in encodings], np.int64)
        ids = np.array([e.ids for e in encodings], np.int64)
        (hidden,) = self._session.run(None, {"input_ids": ids, "attention_mask": mask})
        return self._pooling(hidden, mask)

    def count_tokens(self, text: str) -> int:
        return len(self._counter.encode(text, add_special_tokens=False).ids)


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
        self.dimension: int = self._model.get_sentence_embedding_dimension()

    def encode(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self._model.encode(list(texts), show_progress_bar=False), np.float32)

    def count_tokens(self, text: str) -> int:
        return len(self._model.tokenizer.encode(text, add_special_tokens=False))


def _load_backend(
    folder: Path, modules: list[dict[str, Any]], threads: int, cache_folder: Path | None
) -> _Backend:
    from knowledge_base.onnx_export import exported

    pooling = _plain_pooling(folder, modules)
    if pooling and (folder / "tokenizer.json").is_file():
        graph = exported(folder, (cache_folder or folder) / f"{fingerprint(folder)[:16]}.onnx", pooling)
        if graph:
            return OnnxBackend(folder, graph, POOLINGS[pooling], threads)
    try:
        return SentenceTransformersBackend(folder, threads)
    except (OSError, ValueError, ImportError) as error:
        raise IndexUnavailableError(f"{folder} cannot be loaded as an embedding model: {error}") from error


def _plain_pooling(folder: Path, modules: list[dict[str, Any]]) -> str:
    """The pooling's name if the folder is transformer + pooling (+ normalise), else an empty string."""
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]) or modules[0]["path"]:
        return ""
    config = _read_json(folder / str(modules[1]["path"]) / "config.json", dict)
    modes = config.get("pooling_mode") or [
        name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
        for name, chosen in config.items()
        if name.startswith("pooling_mode_") and chosen
    ]
    modes = [modes] if isinstance(modes, str) else modes
    return modes[0] if len(modes) == 1 and modes[0] in POOLINGS else ""


def _mean(hidden: Vectors, mask: npt.NDArray[np.int64]) -> Vectors:
    weights = mask[..., None].astype(np.float32)
    pooled: Vectors = (hidden * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    return pooled


def _cls(hidden: Vectors, mask: npt.NDArray[np.int64]) -> Vectors:
    return hidden[np.arange(len(hidden)), mask.argmax(axis=1)]


def _max(hidden: Vectors, mask: npt.NDArray[np.int64]) -> Vectors:
    pooled: Vectors = np.where(mask[..., None] > 0, hidden, np.float32(-1e9)).max(axis=1)
    return pooled


POOLINGS: dict[str, Callable[..., Vectors]] = {"mean": _mean, "cls": _cls, "max": _max}


def normalised(vectors: Vectors) -> Vectors:
    """Rows scaled to length 1; a zero row stays zero."""
    scaled: Vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return scaled.astype(np.float32, copy=False)


def fingerprint(folder: Path) -> str:
    """SHA-256 over the configuration files and three windows of each weight file: cheap, yet tells models apart."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        if path.suffix == ".json" or path.name.endswith(".txt"):
            digest.update(f"{relative}\0".encode() + path.read_bytes())
        elif path.suffix == ".safetensors":
            digest.update(f"{relative}\0{path.stat().st_size}".encode())
            digest.update(_windows(path))
    return digest.hexdigest()


def _windows(path: Path) -> bytes:
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = []
        for offset in (0, size // 2, max(0, size - _WINDOW_BYTES)):
            file.seek(offset)
            parts.append(file.read(_WINDOW_BYTES))
    return b"".join(parts)


def max_sequence_tokens(folder: Path) -> int:
    """The longest input in tokens, special ones included; the rest of a text is not seen."""
    named = _read_json(folder / "sentence_bert_config.json", dict, optional=True).get("max_seq_length")
    positions = _read_json(folder / "config.json", dict).get("max_position_embeddings") or 512
    return int(named or min(512, positions))


def _padding(folder: Path, tokenizer: Any) -> dict[str, Any]:
    pad_id = _read_json(folder / "config.json", dict).get("pad_token_id") or 0
    return {"pad_id": pad_id, "pad_token": tokenizer.id_to_token(pad_id) or "[PAD]"}


def _read_json(path: Path, kind: type, *, optional: bool = False) -> Any:
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

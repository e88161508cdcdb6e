"""Texts to vectors with any model folder in sentence-transformers format.

A plain transformer + pooling (+ normalise) folder is exported to ONNX once and runs without torch: on two
cores a query takes 4 ms instead of 11, loading 0.3 s instead of 8, memory 240 MB instead of 740. Every other
architecture runs in sentence-transformers itself. Knows nothing of documents or indexes.
"""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from knowledge_base.embed_backends import (
    POOLINGS,
    Backend,
    OnnxBackend,
    SentenceTransformersBackend,
    Vectors,
    normalised,
    read_json,
)
from knowledge_base.embed_bfloat16 import ManyTexts, processor_has_bfloat16
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.onnx_export import exported

Role = Literal["query", "document"]
_BATCH_TEXTS = 8  # larger batches gain nothing on a CPU and cost memory
_QUICK_BATCH_TEXTS = 32
MANY_TEXTS = 2_000
"""From so many documents on, torch gains more than the seconds it takes to load, where the processor has bfloat16."""
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

    def unknown_share(self, text: str) -> float:
        """The share of a text's words in [0, 1] that the model has no token for: it cannot tell them apart."""
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
        modules = read_json(model_folder / "modules.json", list)
        config = read_json(model_folder / "config_sentence_transformers.json", dict, optional=True)
        self._prompts = {name: text for name, text in (config.get("prompts") or {}).items() if text}
        pooling = _plain_pooling(model_folder, modules)
        self._backend = _load_backend(model_folder, pooling, threads, cache_folder)
        self._many: ManyTexts | None = None
        if isinstance(self._backend, OnnxBackend):
            quick = processor_has_bfloat16()
            self._many = ManyTexts(
                model_folder, self._backend, POOLINGS[pooling], threads, after=MANY_TEXTS, wanted=quick
            )
        self._encode_query = lru_cache(maxsize=256)(self._encode_one)

    @property
    def id(self) -> str:
        """Architecture, dimension and a fingerprint of the weights, as `bert-384-0123456789`."""
        kind = read_json(self._folder / "config.json", dict, optional=True).get("model_type", "model")
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
        many = self._many if role == "document" else None
        return self._encode_all([self._prompt(role) + text for text in texts], many or self._backend)

    def count_tokens(self, text: str) -> int:
        """Length of a text in the model's tokens, special tokens not counted."""
        return self._backend.count_tokens(text)

    def unknown_share(self, text: str) -> float:
        """The share of a text's words in [0, 1] that the model has no token for: it cannot tell them apart."""
        return self._backend.unknown_share(text)

    def close(self) -> None:
        """Forgets the queries kept; the weights go with the object."""
        self._encode_query.cache_clear()

    def _encode_one(self, query: str) -> Vectors:
        vector: Vectors = self._encode_all([self._prompt("query") + query], self._backend)[0]
        return vector

    def _encode_all(self, texts: Sequence[str], backend: "Backend | ManyTexts") -> Vectors:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # little padding
        vectors = np.empty((len(texts), self.dimension), np.float32)
        size = _QUICK_BATCH_TEXTS if isinstance(backend, ManyTexts) and backend.is_quick else _BATCH_TEXTS
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            vectors[batch] = backend.encode([texts[i] for i in batch])
        return normalised(vectors)

    def _prompt(self, role: Role) -> str:
        names = ("query",) if role == "query" else ("document", "passage", "corpus")
        return next((self._prompts[name] for name in names if name in self._prompts), "")


def _load_backend(folder: Path, pooling: str, threads: int, cache_folder: Path | None) -> Backend:
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
    config = read_json(folder / str(modules[1]["path"]) / "config.json", dict)
    if config.get("include_prompt") is False:
        return ""
    modes = config.get("pooling_mode") or [
        name.removeprefix("pooling_mode_").removesuffix("_token").removesuffix("_tokens")
        for name, chosen in config.items()
        if name.startswith("pooling_mode_") and chosen
    ]
    modes = [modes] if isinstance(modes, str) else modes
    return modes[0] if len(modes) == 1 and modes[0] in POOLINGS else ""


def fingerprint(folder: Path) -> str:
    """SHA-256 over the configuration and three windows of each weight file: cheap, yet tells models apart."""
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

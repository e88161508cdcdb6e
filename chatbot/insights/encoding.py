"""An embedder that remembers: messages are embedded once, not at every look."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from knowledge_base.embed_backends import Vectors

_MOST_REMEMBERED = 20_000
_BATCH = 64


class Encodes(Protocol):
    """What insight needs of `knowledge_base.base.KnowledgeBase`."""

    @property
    def embedder_id(self) -> str:
        """Names the vector space."""
        ...

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors `[texts, dimension]`."""
        ...


class RememberedVectors:
    """Encodes texts and remembers the vectors of the newest ones by the hash of the text. Safe from several threads.

    Args:
        opened: Waits until the embedder is there.
    """

    def __init__(self, opened: Callable[[], Encodes], most: int = _MOST_REMEMBERED) -> None:
        self._opened = opened
        self._most = most
        self._known: OrderedDict[bytes, npt.NDArray[np.float16]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def embedder_id(self) -> str:
        """Names the vector space."""
        return self._opened().embedder_id

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of texts, `[texts, dimension]`."""
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        new = list(missing)
        for start in range(0, len(new), _BATCH):
            batch = new[start : start + _BATCH]
            found |= zip(
                batch, self._opened().encode([missing[k] for k in batch]).astype(np.float16), strict=True
            )
        self._remember(keys, found)
        vectors = (
            np.stack([found[key] for key in keys]).astype(np.float32) if keys else self._opened().encode([])
        )
        return np.asarray(
            vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32
        )

    def _remember(self, keys: Sequence[bytes], found: dict[bytes, npt.NDArray[np.float16]]) -> None:
        with self._lock:
            for key in keys:
                self._known[key] = found[key]
                self._known.move_to_end(key)
            while len(self._known) > self._most:
                self._known.popitem(last=False)

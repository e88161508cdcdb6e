"""Many passages on a processor that multiplies bfloat16: torch with the weights in half the bits.

On two cores with AMX it takes 0.6 of the time of ONNX Runtime in float32. A process that embeds little never loads
torch for it.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_base.embed_backends import OnnxBackend, Pooling, Vectors, normalised

log = logging.getLogger(__name__)
MIN_COSINE = 0.999
"""A model whose vectors differ more in bfloat16 stays in float32."""
_FLAGS = frozenset({"amx_bf16", "avx512_bf16"})
_PROCESSOR = Path("/proc/cpuinfo")


def processor_has_bfloat16(described: Path = _PROCESSOR) -> bool:
    """Whether the processor multiplies bfloat16 by itself, as Linux tells; False where it cannot be known."""
    try:
        lines = described.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), [])
    return not _FLAGS.isdisjoint(flags)


class Bfloat16Backend:
    """A plain transformer in torch and bfloat16, with the tokens and the pooling of its ONNX copy.

    Args:
        tokens: The ONNX copy, which tokenizes and pools.

    Raises:
        OSError, ValueError, ImportError, RuntimeError: torch is not there or cannot load the folder.
    """

    def __init__(self, folder: Path, tokens: OnnxBackend, pooling: Pooling, threads: int) -> None:
        import torch
        from transformers import AutoModel

        torch.set_num_threads(threads)
        self._torch: Any = torch
        self._tokens = tokens
        self._pooling = pooling
        model = AutoModel.from_pretrained(folder, use_safetensors=True, dtype=torch.bfloat16)
        self._model: Any = model.eval()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of one batch, `[batch, dimension]`."""
        ids, mask = self._tokens.tokens(texts)
        with self._torch.inference_mode():
            hidden = self._model(
                input_ids=self._torch.from_numpy(ids), attention_mask=self._torch.from_numpy(mask)
            ).last_hidden_state
        return self._pooling(hidden.float().numpy(), mask)


class ManyTexts:
    """Decides which backend embeds a batch of documents: the quicker one once there were enough of them.

    Args:
        after: Texts embedded before torch is loaded, which takes seconds and hundreds of megabytes.
        wanted: Whether the processor gains by it.
    """

    def __init__(
        self,
        folder: Path,
        plain: OnnxBackend,
        pooling: Pooling,
        threads: int,
        *,
        after: int,
        wanted: bool,
    ) -> None:
        self._arguments = (folder, plain, pooling, threads)
        self._plain = plain
        self._after = after
        self._wanted = wanted
        self._seen = 0
        self._quick: Bfloat16Backend | None = None
        self._lock = threading.Lock()

    @property
    def is_quick(self) -> bool:
        """Whether the quicker backend is in use."""
        return self._quick is not None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of one batch of documents, `[batch, dimension]`."""
        with self._lock:
            self._seen += len(texts)
            if self._wanted and self._quick is None and self._seen > self._after:
                self._quick = self._loaded(texts)
                self._wanted = self._quick is not None
        return (self._quick or self._plain).encode(texts)

    def _loaded(self, texts: Sequence[str]) -> Bfloat16Backend | None:
        """The quicker backend, if on these texts it agrees with the plain one."""
        try:
            quick = Bfloat16Backend(*self._arguments)
            pairs = normalised(quick.encode(texts)) * normalised(self._plain.encode(texts))
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            log.info("embedding stays in float32: %s", error)
            return None
        cosine = float(np.sum(pairs, axis=1).min())
        if cosine < MIN_COSINE:
            log.info("embedding stays in float32: bfloat16 agrees only to %.5f", cosine)
            return None
        return quick

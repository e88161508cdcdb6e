"""One-off export of a transformer folder to ONNX, in a process of its own so that torch never loads here.

`python -m knowledge_base.onnx_export MODEL_FOLDER GRAPH_FILE POOLING` exits with 3 when the result differs.
"""

import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import filelock
import numpy as np

from knowledge_base.embed_backends import POOLINGS, OnnxBackend, SentenceTransformersBackend, normalised

log = logging.getLogger(__name__)
MIN_COSINE = 0.999
_DIFFERS = 3
_PROBES = (
    "How do I reset my password?",
    "错误 WR-104：无法登录",
    "The light blinks amber while the firmware is updated; do not unplug the router. " * 12,
)


def exported(model_folder: Path, graph: Path, pooling: str) -> Path | None:
    """The ONNX graph of a folder, made now if it is not there; None when it cannot be made faithfully."""
    if graph.is_file():
        return graph
    try:
        graph.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(graph.with_suffix(".lock")):
            return graph if graph.is_file() or _export_apart(model_folder, graph, pooling) else None
    except OSError as error:
        log.warning("no ONNX copy can be kept in %s (%s); running the model in torch", graph.parent, error)
        return None


def _export_apart(model_folder: Path, graph: Path, pooling: str) -> bool:
    log.info("exporting %s to ONNX, once", model_folder)
    arguments = [str(model_folder.resolve()), str(graph.resolve()), pooling]
    command = [sys.executable, "-m", "knowledge_base.onnx_export", *arguments]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, cwd=root)
    if done.returncode:
        log.warning("ONNX export of %s failed, running it in torch: %s", model_folder, done.stderr[-2000:])
    return not done.returncode


def export(model_folder: Path, graph: Path, pooling: str) -> float:
    """Exports and checks against sentence-transformers; the graph appears only if it agrees.

    Returns:
        The smallest cosine similarity between the two over the probe texts, alone and as one batch.
    """
    partial = graph.with_suffix(".partial")
    _trace(model_folder, partial)
    cosine = _agreement(model_folder, partial, pooling)
    if cosine >= MIN_COSINE:
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(graph)
    else:
        partial.unlink()
    return cosine


def _trace(model_folder: Path, graph: Path) -> None:
    import torch
    from transformers import AutoModel

    class LastHidden(torch.nn.Module):
        def __init__(self, model: Any) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state

    model = AutoModel.from_pretrained(
        model_folder, attn_implementation="eager", use_safetensors=True, dtype=torch.float32
    )
    ids = torch.arange(32).reshape(2, 16) % model.config.vocab_size
    mask = torch.ones_like(ids)
    mask[1, 10:] = 0
    axes = {0: "batch", 1: "tokens"}
    names = ["input_ids", "attention_mask"]
    torch.onnx.export(
        LastHidden(model.eval()),
        (ids, mask),
        graph,
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes=dict.fromkeys((*names, "last_hidden_state"), axes),
        opset_version=17,
        dynamo=False,  # the newer exporter needs a further package
    )


def _agreement(model_folder: Path, graph: Path, pooling: str) -> float:
    ours = OnnxBackend(model_folder, graph, POOLINGS[pooling], threads=2)
    reference = SentenceTransformersBackend(model_folder, threads=2)
    batches: list[Sequence[str]] = [_PROBES, *((probe,) for probe in _PROBES)]
    pairs = [(normalised(ours.encode(b)), normalised(reference.encode(b))) for b in batches]
    return min(float(np.sum(a * b, axis=1).min()) for a, b in pairs)


def main(arguments: Sequence[str]) -> int:
    """Exports MODEL_FOLDER to GRAPH_FILE with POOLING."""
    model_folder, graph, pooling = arguments
    cosine = export(Path(model_folder), Path(graph), pooling)
    if cosine < MIN_COSINE:
        sys.stderr.write(f"cosine to torch is only {cosine:.6f}, {MIN_COSINE} expected\n")
        return _DIFFERS
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

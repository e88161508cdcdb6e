"""Recovers the DINOv2-small backbone from an ONNX graph into a safetensors `Dinov2Model` folder.

The graph keeps LayerNorm, bias, layer-scale and embedding tensors under their own names. Each linear weight is
the transposed second input of a MatMul whose result is added to the bias that names it. Source of the
architecture: Oquab et al., DINOv2 (2023).
"""

import json
from pathlib import Path
from typing import Any

from chatbot.errors import ModelError

HIDDEN = 384
_PREFIX = "backbone."
_PATCH_POSITIONS = "onnx::Reshape_1962"  # [1, 37 * 37, 384]
_CLASS_POSITION = "onnx::Concat_1957"  # [1, 1, 384]
_RENAMED = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
}
_PREPROCESSOR = {
    "image_processor_type": "BitImageProcessor",
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "do_center_crop": False,
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"height": 336, "width": 336},
}


def recover(onnx_file: Path, folder: Path) -> None:
    """Writes `config.json`, `model.safetensors` and `preprocessor_config.json` into a folder.

    Raises:
        ModelError: The graph is not the expected one.
    """
    import torch
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(
        hidden_size=HIDDEN, num_hidden_layers=12, num_attention_heads=6, image_size=518, patch_size=14
    )
    model = Dinov2Model(config).eval()
    weights = _weights(onnx_file)
    weights["embeddings.mask_token"] = torch.zeros_like(model.state_dict()["embeddings.mask_token"])
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise ModelError(f"{onnx_file.name} does not hold a DINOv2-small backbone: {error}") from error
    model.save_pretrained(folder, safe_serialization=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(_PREPROCESSOR, indent=1), encoding="utf-8")


def _weights(onnx_file: Path) -> dict[str, Any]:
    """The backbone's state dict, as torch tensors by their names in transformers."""
    import onnx
    import torch
    from onnx import numpy_helper

    graph = onnx.load(str(onnx_file)).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors[node.output[0]] = torch.from_numpy(numpy_helper.to_array(node.attribute[0].t).copy())
    if _PATCH_POSITIONS not in tensors or _CLASS_POSITION not in tensors:
        raise ModelError(f"{onnx_file.name} is not the graph the recovery was written for.")
    weights = {
        _renamed(name): value
        for name, value in tensors.items()
        if name.startswith(_PREFIX) and value.is_floating_point()
    }
    weights.update(_linear_weights(graph, tensors))
    positions = (
        tensors[_CLASS_POSITION].reshape(1, 1, HIDDEN),
        tensors[_PATCH_POSITIONS].reshape(1, -1, HIDDEN),
    )
    weights["embeddings.position_embeddings"] = torch.cat(positions, dim=1)
    return weights


def _linear_weights(graph: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    consumers: dict[str, Any] = {}
    for node in graph.node:
        for name in node.input:
            consumers.setdefault(name, node)
    found = {}
    for node in graph.node:
        if node.op_type != "MatMul" or getattr(tensors.get(node.input[1]), "ndim", 0) != 2:
            continue
        added = consumers[node.output[0]].input
        bias = next((name for name in added if name.startswith(_PREFIX)), "")
        if bias:
            found[_renamed(bias).replace(".bias", ".weight")] = tensors[node.input[1]].T.contiguous()
    return found


def _renamed(name: str) -> str:
    name = name.removeprefix(_PREFIX)
    for old, new in _RENAMED.items():
        name = name.replace(old, new)
    return name

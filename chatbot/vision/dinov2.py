"""Recovers the DINOv2-small backbone from an ONNX graph into a safetensors `Dinov2Model` folder.

The graph keeps LayerNorm, bias, layer-scale and embedding tensors under their own names. Each linear weight is
the transposed second input of a MatMul whose result is added to the bias that names it. Source of the
architecture: Oquab et al., DINOv2 (2023). Needs no torch, and equal graphs give equal bytes, so that the
catalogue can pin the hashes of the result.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chatbot.errors import ModelError

Tensor = npt.NDArray[np.float32]
_PREFIX = "backbone."
_PATCH_POSITIONS = "onnx::Reshape_1962"  # [1, 37 * 37, 384]
_CLASS_POSITION = "onnx::Concat_1957"  # [1, 1, 384]
_CLASS_TOKEN = "embeddings.cls_token"  # noqa: S105 - the name of a tensor
_TENSORS = 223
_CONFIG = {
    "architectures": ["Dinov2Model"],
    "model_type": "dinov2",
    "dtype": "float32",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 6,
    "image_size": 518,
    "patch_size": 14,
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
    weights = read_weights(onnx_file)
    if len(weights) != _TENSORS:
        raise ModelError(
            f"{onnx_file.name} does not hold a DINOv2-small backbone: "
            f"{len(weights)} of {_TENSORS} tensors were found."
        )
    write_safetensors(weights, folder / "model.safetensors")
    for name, content in (("config.json", _CONFIG), ("preprocessor_config.json", _PREPROCESSOR)):
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8", newline="\n")


def read_weights(onnx_file: Path) -> dict[str, Tensor]:
    """The backbone's tensors by their names in the published checkpoint, which every transformers release reads.

    Raises:
        ModelError: The graph lacks the tensors that only the expected graph has.
    """
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(onnx_file)).graph
    tensors: dict[str, Any] = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            tensors[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    if missing := {_PATCH_POSITIONS, _CLASS_POSITION, _PREFIX + _CLASS_TOKEN} - tensors.keys():
        raise ModelError(
            f"{onnx_file.name} is not the graph the recovery was written for: it lacks {min(missing)}."
        )
    named = {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
    named = {name: value for name, value in named.items() if value.dtype == np.float32}
    return named | _linear_weights(graph, tensors) | _embeddings(tensors)


def write_safetensors(weights: Mapping[str, Tensor], path: Path) -> None:
    """Writes float32 tensors in the safetensors format, ordered by name.

    Written out here, because the catalogue pins the hash of the file, and a library may lay it out otherwise
    in its next release: https://github.com/huggingface/safetensors#format
    """
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in sorted(weights):
        tensor = weights[name]
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.nbytes],
        }
        offset += tensor.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for name in sorted(weights):
            out.write(np.ascontiguousarray(weights[name], dtype="<f4").data)


def _embeddings(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    width = tensors[_PREFIX + _CLASS_TOKEN].shape[-1]
    positions = (
        tensors[_CLASS_POSITION].reshape(1, 1, width),
        tensors[_PATCH_POSITIONS].reshape(1, -1, width),
    )
    return {
        "embeddings.mask_token": np.zeros((1, width), np.float32),  # only used in pre-training
        "embeddings.position_embeddings": np.concatenate(positions, axis=1),
    }


def _linear_weights(graph: Any, tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    first_use: dict[str, Any] = {}
    for node in graph.node:
        for name in node.input:
            first_use.setdefault(name, node)
    found = {}
    for node in graph.node:
        if node.op_type != "MatMul" or getattr(tensors.get(node.input[1]), "ndim", 0) != 2:
            continue
        added = first_use[node.output[0]].input
        bias = next((name for name in added if name.startswith(_PREFIX)), "")
        if bias:
            found[bias.removeprefix(_PREFIX).replace(".bias", ".weight")] = tensors[node.input[1]].T
    return found

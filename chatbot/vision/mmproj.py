"""Tower and projector as one GGUF file for llama.cpp, in its form `internvl`.

The tower's blocks behind the used layer are left out, and so is the final norm. The positions are interpolated to the
square's grid, with the class token's last: llama.cpp puts that token behind the patches.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.errors import ModelError
from chatbot.model_files import readable_disk_errors, sha256_of
from chatbot.vision.encoder import load_tower, pixel_statistics, tower_blocks
from chatbot.vision.projector import WEIGHTS, ProjectorConfig, config_text, load_projector, read_config

_VERSION = "1"  # of what this module writes; another one makes cached files anew
_BLOCK = {
    "norm1": "ln1",
    "norm2": "ln2",
    "attention.q_proj": "attn_q",
    "attention.k_proj": "attn_k",
    "attention.v_proj": "attn_v",
    "attention.o_proj": "attn_out",
    "mlp.fc1": "ffn_up",
    "mlp.fc2": "ffn_down",
}
_SCALES = {"layer_scale1.lambda1": "ls1.weight", "layer_scale2.lambda1": "ls2.weight"}


@dataclass(frozen=True, slots=True)
class Mmproj:
    """A GGUF file with tower and projector, the square it wants, and the tokens one picture takes without marks."""

    path: Path
    image_px: int
    visual_tokens: int


def cached_mmproj(folder: Path, config: ProjectorConfig, tower: Path, cache: Path) -> Mmproj:
    """The GGUF file of a projector, written on first use into a cache and named by what it is made of.

    Raises:
        ModelError: llama.cpp has no form for the tower or the projector, or the file cannot be written.
    """
    made_of = "\n".join((_VERSION, config_text(config), sha256_of_weights(folder), config.tower.sha256))
    path = cache / f"{hashlib.sha256(made_of.encode()).hexdigest()[:24]}.mmproj.gguf"
    if not path.is_file():
        with readable_disk_errors("the vision part for llama.cpp"):
            cache.mkdir(parents=True, exist_ok=True)
        _export_elsewhere(folder, tower, path)
    return Mmproj(path, config.tower.image_px, config.visual_tokens)


def _export_elsewhere(folder: Path, tower: Path, path: Path) -> None:
    """In a process of its own: torch, which serving does not need, would stay in this one's memory."""
    command = [sys.executable, "-m", "chatbot.vision.mmproj", str(folder), str(tower), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise ModelError("".join(last) or "The vision part for llama.cpp could not be made.")


def sha256_of_weights(folder: Path) -> str:
    """Hash of a projector's weights.

    Raises:
        ModelError: There are none.
    """
    try:
        return sha256_of(folder / WEIGHTS)
    except OSError as error:
        raise ModelError(f"{WEIGHTS} of projector {folder.name} cannot be read.") from error


def export_mmproj(folder: Path, config: ProjectorConfig, tower: Path, path: Path) -> None:
    """Writes tower and projector to `path`, whole or not at all; matrices in half precision.

    Raises:
        ModelError: llama.cpp has no form for the tower or the projector.
        OSError: The file cannot be written.
    """
    model = load_tower(tower)
    if model.config.model_type != "dinov2" or config.kind != "mlp":
        raise ModelError(
            f"llama.cpp has no form for a {config.kind} projector on a {model.config.model_type} tower.",
            "Use `mlp` on DINOv2, or set `engine` to transformers.",
        )
    tensors = _tower_tensors(model, config) | _projector_tensors(folder, config)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write(temporary, config, model.config, pixel_statistics(tower), tensors)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _tower_tensors(model: Any, config: ProjectorConfig) -> dict[str, Any]:
    import torch

    embeddings, side, grid = model.embeddings, config.tower.image_px, config.tower.grid
    with torch.inference_mode():
        sample = torch.zeros(1, 1 + grid * grid, config.tower.width)
        positions = embeddings.interpolate_pos_encoding(sample, side, side)[0]
    patch = embeddings.patch_embeddings.projection
    found = {
        "v.class_embd": embeddings.cls_token.reshape(-1),
        "v.position_embd.weight": torch.cat([positions[1:], positions[:1]]),
        "v.patch_embd.weight": patch.weight,
        "v.patch_embd.bias": patch.bias,
    }
    for number, block in enumerate(tower_blocks(model)[: config.tower.layer]):
        found |= _block_tensors(f"v.blk.{number}.", block.state_dict())
    return found


def _block_tensors(prefix: str, weights: Mapping[str, Any]) -> dict[str, Any]:
    found = {prefix + name: weights[key] for key, name in _SCALES.items()}
    for key, name in _BLOCK.items():
        found |= {f"{prefix}{name}.{part}": weights[f"{key}.{part}"] for part in ("weight", "bias")}
    return found


def _projector_tensors(folder: Path, config: ProjectorConfig) -> dict[str, Any]:
    projector = load_projector(folder, config)
    parts = {"0": projector.norm, "1": projector.fc1, "3": projector.fc2}
    return {
        f"mm.model.mlp.{number}.{part}": getattr(module, part)
        for number, module in parts.items()
        for part in ("weight", "bias")
    }


def _write(
    path: Path,
    config: ProjectorConfig,
    tower: Any,
    statistics: tuple[list[float], list[float]],
    tensors: Mapping[str, Any],
) -> None:
    import gguf
    import numpy as np

    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "internvl")
    writer.add_bool("clip.use_gelu", True)
    numbers = {
        "image_size": config.tower.image_px,
        "patch_size": config.tower.patch_px,
        "embedding_length": config.tower.width,
        "feed_forward_length": tower.mlp_ratio * tower.hidden_size,
        "block_count": config.tower.layer,
        "projection_dim": config.base.width,
        "attention.head_count": tower.num_attention_heads,
        "projector.scale_factor": config.scale_factor,
    }
    for name, value in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", int(value))
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", tower.layer_norm_eps)
    writer.add_array("clip.vision.image_mean", statistics[0])
    writer.add_array("clip.vision.image_std", statistics[1])
    for name, tensor in tensors.items():
        values = tensor.detach().float().numpy()
        is_matrix = values.ndim == 2 and name != "v.position_embd.weight"
        writer.add_tensor(name, values.astype(np.float16) if is_matrix else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _main(folder: str, tower: str, path: str) -> int:
    try:
        with readable_disk_errors("the vision part for llama.cpp"):
            export_mmproj(Path(folder), read_config(Path(folder)), Path(tower), Path(path))
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

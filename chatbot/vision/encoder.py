"""The vision tower: a picture to the features of its patches, taken from an earlier layer than the last.

Torch and llama.cpp see the same pixels: every picture is brought to the tower's square here, before either of them.
DINOv2 (Oquab et al., 2023) is the default; any tower of Hugging Face with square patches will do. Knows nothing of
language models.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from chatbot.adapter_files import base_digest
from chatbot.errors import AttachmentError, ModelError
from chatbot.media import open_plain

MAX_PIXELS = 40_000_000
"""Largest picture that is decoded for the tower; what customers send is limited before by `max_image_pixels`."""


@dataclass(frozen=True, slots=True)
class TowerSpec:
    """Which features of which tower a projector was trained on.

    Attributes:
        name: For people: catalogue name or hub id.
        sha256: `tower_digest` of its folder.
        layer: The features are what this block gives, counted from 1; no final norm is applied.
        image_px: Side of the square that it sees.
        patch_px: Side of one patch.
        width: Numbers in the feature of one patch.
    """

    name: str
    sha256: str
    layer: int
    image_px: int
    patch_px: int
    width: int

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_px // self.patch_px


def tower_digest(folder: Path) -> str:
    """What identifies a tower: the hash of its weights and configuration."""
    return base_digest(folder)


def square_of(data: bytes, name: str, side_px: int) -> Image.Image:
    """A picture in any readable form, as the RGB square that the tower sees; its proportions are given up.

    Raises:
        AttachmentError: It is damaged or has too many pixels.
    """
    plain, _ = open_plain(data, name, MAX_PIXELS)
    return plain.resize((side_px, side_px), Image.Resampling.BICUBIC)


def read_square(path: Path, side_px: int) -> Image.Image:
    """`square_of` a file.

    Raises:
        AttachmentError: It cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AttachmentError(f"{path.name} cannot be opened.", "Please attach it again.") from error
    return square_of(data, path.name, side_px)


def png_of(square: Image.Image) -> bytes:
    """The pixels without loss, for an engine in another process or language."""
    buffer = io.BytesIO()
    square.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class VisionEncoder:
    """A vision tower in torch, cut off behind the layer that is used.

    Args:
        folder: Config and safetensors of the tower.
        layer: Block whose output is the feature, counted from 1; the last one when None.
        image_px: Side of the square; a multiple of the tower's patch.
        precision: `bf16` computes three times as fast on a CPU with AMX, for training; `fp32` everywhere else.

    Raises:
        ModelError: The folder is no vision tower, or has no such layer or square.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str = "",
        layer: int | None = None,
        image_px: int = 336,
        precision: str = "fp32",
    ) -> None:
        import torch

        self._model = load_tower(folder)
        config = self._model.config
        blocks = tower_blocks(self._model)
        layer = len(blocks) if layer is None else layer
        if not 1 <= layer <= len(blocks) or image_px % config.patch_size:
            raise ModelError(
                f"The tower {folder.name} has {len(blocks)} layers and patches of {config.patch_size} pixels; "
                f"layer {layer} of a square of {image_px} pixels was asked for.",
            )
        del blocks[layer:]
        blocks[-1].register_forward_hook(self._keep)
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model.to(self._device, self._dtype)
        self._mean, self._std = pixel_statistics(folder)
        self._kept: Any = None
        self.spec = TowerSpec(
            name or folder.name, tower_digest(folder), layer, image_px, config.patch_size, config.hidden_size
        )

    def features(self, squares: Sequence[Image.Image]) -> Any:
        """Features of squares of `spec.image_px`, in single precision: `[pictures, patches, width]`, row by row."""
        import torch

        with torch.inference_mode():
            pixels = torch.from_numpy(pixels_of(squares, self._mean, self._std))
            self._model(pixels.to(self._device, self._dtype), **self._options())
            return self._kept[:, -(self.spec.grid**2) :].float()

    def _keep(self, _block: Any, _given: Any, output: Any) -> None:
        self._kept = output[0] if isinstance(output, tuple) else output

    def _options(self) -> dict[str, bool]:
        import inspect

        known = inspect.signature(self._model.forward).parameters
        return {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in known else {}


def pixels_of(squares: Sequence[Image.Image], mean: Sequence[float], std: Sequence[float]) -> Any:
    """Normalised pixels `[pictures, 3, side, side]` in single precision."""
    stacked = np.stack([np.asarray(square.convert("RGB")) for square in squares]).astype(np.float32) / 255.0
    normalised = (stacked - np.asarray(mean, np.float32)) / np.asarray(std, np.float32)
    return np.ascontiguousarray(normalised.transpose(0, 3, 1, 2))


def pixel_statistics(folder: Path) -> tuple[list[float], list[float]]:
    """Mean and deviation of each colour, from the tower's own configuration.

    Raises:
        ModelError: It says neither.
    """
    import json

    try:
        found = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
        return [float(v) for v in found["image_mean"]], [float(v) for v in found["image_std"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The tower {folder.name} has no usable preprocessor_config.json.", "Fetch the model again."
        ) from error


def load_tower(folder: Path) -> Any:
    """The tower as a torch module in single precision; of a model of text and pictures its vision part.

    Raises:
        ModelError: It cannot be loaded.
    """
    import torch
    from transformers import AutoModel

    try:
        model = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{folder.name} cannot be loaded as a vision tower: {error}.",
            "Set `vision_tower` to a folder with config and safetensors.",
        ) from error
    return getattr(model, "vision_model", model).eval()


def tower_blocks(model: Any) -> Any:
    """The tower's blocks as the `ModuleList` that it runs through.

    Raises:
        ModelError: There is none of the length that its configuration says.
    """
    from torch import nn

    count = getattr(model.config, "num_hidden_layers", 0)
    for module in model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == count:
            return module
    raise ModelError(f"A tower of the kind {model.config.model_type} has no blocks that can be counted.")

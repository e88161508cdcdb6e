"""Reads images for the knowledge base: what is written on them, a vector of the whole, and local features.

The vector is the class token of an earlier layer of DINOv2 (Oquab et al. 2023): the last one of the default tower was
bent towards saliency. The tower runs in numpy here: 0.2 s an image without the seconds and the memory that torch takes
to load. Knows nothing of documents.
"""

import io
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from chatbot.errors import AttachmentError, ModelError
from chatbot.media import decode_image
from chatbot.screenshot import ReadsText
from knowledge_base.embed import fingerprint
from knowledge_base.embed_backends import Vectors
from knowledge_base.errors import DocumentError
from knowledge_base.image_reading import ImageReading
from knowledge_base.local_features import local_features

LAYER = 11
SIDE_PX = 224
FEATURES_VERSION = 1
"""Raise it when equal images give other vectors or features: then they are read anew."""
_EPSILON = 1e-6
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
Array = npt.NDArray[np.float32]


class ImageTower:
    """The first `LAYER` layers of a DINOv2 folder; the weights load with the first image.

    Args:
        folder: Holds `config.json` and `model.safetensors`, named as in the published checkpoints.

    Raises:
        ModelError: It is no DINOv2 folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._weights: dict[str, Array] = {}
        try:
            self._config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            kind, width = self._config["model_type"], self._config["hidden_size"]
            self._heads, self._patch = self._config["num_attention_heads"], self._config["patch_size"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder.name} holds no DINOv2 model: {error}.") from error
        if kind != "dinov2" or self._config["num_hidden_layers"] < LAYER:
            raise ModelError(f"{folder.name} holds no DINOv2 model with {LAYER} layers.")
        self.id = f"{kind}-{width}-{fingerprint(folder)[:10]}-{LAYER}.{FEATURES_VERSION}"

    def vector(self, image: Image.Image) -> Vectors:
        """Unit vector of an RGB image, `[width]`; its proportions are given up."""
        weights = self._loaded()
        hidden = self._embedded(image, weights)
        for number in range(LAYER):
            hidden = self._block(hidden, weights, f"encoder.layer.{number}.")
        vector: Vectors = hidden[0] / np.linalg.norm(hidden[0])
        return vector

    def _loaded(self) -> dict[str, Array]:
        with self._lock:
            if not self._weights:
                from safetensors.numpy import load_file

                self._weights = load_file(self._folder / "model.safetensors")
                self._weights["positions"] = self._positions(self._weights)
            return self._weights

    def _positions(self, weights: dict[str, Array]) -> Array:
        """Place embeddings of our grid: the tower has learnt those of a finer one."""
        learnt = weights["embeddings.position_embeddings"][0]
        fine, coarse = round((len(learnt) - 1) ** 0.5), SIDE_PX // self._patch
        grid = learnt[1:].reshape(fine, fine, -1)
        mixing = _cubic(fine, coarse)
        mixed = np.einsum("ai,bj,ijw->abw", mixing, mixing, grid, optimize=True)
        return np.concatenate([learnt[:1], mixed.reshape(coarse * coarse, -1)]).astype(np.float32)

    def _embedded(self, image: Image.Image, weights: dict[str, Array]) -> Array:
        square = image.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        pixels = (np.asarray(square, np.float32) / 255 - _MEAN) / _DEVIATION
        across = SIDE_PX // self._patch
        patches = pixels.reshape(across, self._patch, across, self._patch, 3).transpose(0, 2, 4, 1, 3)
        kernel = weights["embeddings.patch_embeddings.projection.weight"]
        flat = patches.reshape(across * across, -1) @ kernel.reshape(len(kernel), -1).T
        flat += weights["embeddings.patch_embeddings.projection.bias"]
        hidden: Array = np.concatenate([weights["embeddings.cls_token"][0], flat]) + weights["positions"]
        return hidden

    def _block(self, hidden: Array, weights: dict[str, Array], name: str) -> Array:
        def linear(value: Array, part: str) -> Array:
            result: Array = value @ weights[f"{name}{part}.weight"].T + weights[f"{name}{part}.bias"]
            return result

        def normal(value: Array, part: str) -> Array:
            centred = value - value.mean(axis=-1, keepdims=True)
            scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
            result: Array = scaled * weights[f"{name}{part}.weight"] + weights[f"{name}{part}.bias"]
            return result

        seen = normal(hidden, "norm1")
        query, key, value = (
            self._split(linear(seen, f"attention.attention.{part}")) for part in ("query", "key", "value")
        )
        attended = _softmax(query @ key.transpose(0, 2, 1) / query.shape[-1] ** 0.5) @ value
        joined = attended.transpose(1, 0, 2).reshape(hidden.shape)
        hidden = hidden + linear(joined, "attention.output.dense") * weights[f"{name}layer_scale1.lambda1"]
        inner = _gelu(linear(normal(hidden, "norm2"), "mlp.fc1"))
        return hidden + linear(inner, "mlp.fc2") * weights[f"{name}layer_scale2.lambda1"]

    def _split(self, value: Array) -> Array:
        """`[tokens, width]` to `[heads, tokens, width / heads]`."""
        return value.reshape(len(value), self._heads, -1).transpose(1, 0, 2)


class ScreenImageReader:
    """A `knowledge_base.image_reading.ImageReader`.

    Args:
        ocr: Reads what is written, where it is not told.
        max_pixels: Larger images are refused.
    """

    def __init__(self, tower: ImageTower, ocr: ReadsText, max_pixels: int) -> None:
        self._tower = tower
        self._ocr = ocr
        self._max_pixels = max_pixels

    @property
    def id(self) -> str:
        """The tower's, with the version of the features."""
        return self._tower.id

    def read(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        """Everything about an image file; see `ImageReader.read`."""
        try:
            decoded = decode_image(data, name, self._max_pixels)
        except AttachmentError as error:
            raise DocumentError(error.message, error.hint) from error
        with Image.open(io.BytesIO(decoded.data)) as opened:
            image = opened.convert("RGB")
        if text is None:
            text = "\n".join(line.text for line in self._ocr.read(image))
        return ImageReading(text, self._tower.vector(image), local_features(image))


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def _gelu(value: Array) -> Array:
    from scipy.special import erf

    result: Array = value * 0.5 * (1 + erf(value / np.float32(2**0.5)))
    return result


def _cubic(given: int, wanted: int) -> Array:
    """How `wanted` places mix `given` ones, `[wanted, given]`: cubic convolution (Keys 1981), a = -0.75 as in torch."""
    mixing = np.zeros((wanted, given), np.float32)
    for row in range(wanted):
        centre = (row + 0.5) * given / wanted - 0.5
        first = int(np.floor(centre)) - 1
        for place in range(first, first + 4):
            mixing[row, min(max(place, 0), given - 1)] += _keys(abs(centre - place))
    return mixing


def _keys(distance: float, a: float = -0.75) -> float:
    if distance <= 1:
        return (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    return a * (distance**3 - 5 * distance**2 + 8 * distance - 4) if distance < 2 else 0.0

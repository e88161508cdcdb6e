"""The projector: features of patches to visual tokens in the language model's embedding space (LLaVA, Liu et al. 2023).

A folder holds `projector.safetensors` in half precision and `config.json`, which says what it was trained for. The
pixel shuffle of InternVL (Chen et al., 2024) joins squares of neighbouring patches, so that a picture costs few tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from chatbot.adapter_files import base_digest
from chatbot.errors import ModelError
from chatbot.model_files import readable_disk_errors
from chatbot.vision.encoder import TowerSpec, tower_digest
from knowledge_base.atomic import write_atomically

WEIGHTS = "projector.safetensors"
CONFIG = "config.json"
VISION_FORMAT = "img-1"
"""How pictures stand in a prompt: `<img>`, visual tokens, `</img>`, then the words of the last user turn."""
IMAGE_BEGIN, IMAGE_END = "<img>", "</img>"
_AGAIN = "Train it again, or set `projector` to another folder."
_MOST_CONFIG_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class BaseSpec:
    """The language model that reads visual tokens; `sha256` is its `base_digest`, `width` that of its embeddings."""

    name: str
    sha256: str
    width: int


@dataclass(frozen=True, slots=True)
class ProjectorConfig:
    """What a projector is and what it belongs to.

    Attributes:
        kind: `mlp` is LayerNorm, Linear, GELU, Linear; `linear` one Linear.
        scale_factor: So many patches by so many become one visual token.
        hidden_width: Of the `mlp`.
        format: `VISION_FORMAT` that it was trained in.
        metrics: Figures of its evaluation.
    """

    tower: TowerSpec
    base: BaseSpec
    kind: Literal["mlp", "linear"] = "mlp"
    scale_factor: int = 3
    hidden_width: int = 576
    format: str = VISION_FORMAT
    metrics: Mapping[str, float] | None = None

    @property
    def visual_tokens(self) -> int:
        """Tokens that one picture takes in the prompt, without the marks around it."""
        return (self.tower.grid // self.scale_factor) ** 2

    @property
    def joined_width(self) -> int:
        """Numbers in the joined features of one visual token."""
        return self.tower.width * self.scale_factor**2


_CONFIG = TypeAdapter(ProjectorConfig)


def build_projector(config: ProjectorConfig) -> Any:
    """A projector with fresh weights: `[pictures, patches, tower width]` to `[pictures, visual tokens, base width]`.

    Raises:
        ModelError: The patches cannot be joined in squares of this size.
    """
    from torch import nn

    if config.tower.grid % config.scale_factor:
        raise ModelError(
            f"A grid of {config.tower.grid} patches cannot be joined {config.scale_factor} by "
            f"{config.scale_factor}.",
            "Choose a scale factor that divides it.",
        )

    class Projector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            wide, out = config.joined_width, config.base.width
            if config.kind == "linear":
                self.fc: nn.Module = nn.Linear(wide, out)
                return
            self.norm = nn.LayerNorm(wide)
            self.fc1 = nn.Linear(wide, config.hidden_width)
            self.fc2 = nn.Linear(config.hidden_width, out)

        def forward(self, features: Any) -> Any:
            joined = pixel_shuffle(features, config.scale_factor)
            if config.kind == "linear":
                return self.fc(joined)
            return self.fc2(nn.functional.gelu(self.fc1(self.norm(joined))))

    return Projector()


def pixel_shuffle(features: Any, factor: int) -> Any:
    """Joins squares of patches in InternVL's order: `[n, side**2, width]` to `[n, (side / f)**2, width * f**2]`."""
    n, patches, width = features.shape
    side = round(patches**0.5)
    short = side // factor
    rows = features.reshape(n, side, short, width * factor).permute(0, 2, 1, 3)
    squares = rows.reshape(n, short, short, width * factor * factor).permute(0, 2, 1, 3)
    return squares.reshape(n, short * short, width * factor * factor)


def save_projector(folder: Path, projector: Any, config: ProjectorConfig) -> None:
    """Writes a projector's folder; the weights in half precision, the config last, each whole or not at all.

    Raises:
        ModelError: The folder cannot be written.
    """
    from safetensors.torch import save

    weights = {
        name: value.detach().to("cpu").half().contiguous() for name, value in projector.state_dict().items()
    }
    with readable_disk_errors(f"the projector {folder.name}"):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS, save(weights, {"format": "pt"}))
        write_atomically(folder / CONFIG, _CONFIG.dump_json(config, indent=1))


def read_config(folder: Path) -> ProjectorConfig:
    """What a projector says of itself; its weights are not looked at.

    Raises:
        ModelError: It is missing or damaged, or written in another format.
    """
    path = folder / CONFIG
    try:
        if path.stat().st_size > _MOST_CONFIG_BYTES:
            raise ModelError(f"{CONFIG} in {folder.name} is too large to be a projector's.")
        config = _CONFIG.validate_json(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{folder} is not a projector: it has no {CONFIG}.", _AGAIN) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"{CONFIG} of projector {folder.name} is damaged: {place} {first['msg']}.", _AGAIN
        ) from error
    if config.format != VISION_FORMAT:
        raise ModelError(
            f"The projector {folder.name} knows the format {config.format}; this release shows pictures "
            f"in {VISION_FORMAT}.",
            _AGAIN,
        )
    return config


def fitting_config(folder: Path, *, base: Path, tower: Path) -> ProjectorConfig:
    """The config of a projector that belongs to this language model and this tower; no weights are loaded.

    Raises:
        ModelError: It belongs to others, or is missing or damaged.
    """
    config = read_config(folder)
    if config.base.sha256 != base_digest(base):
        raise ModelError(
            f"The projector {folder.name} was trained for another language model, {config.base.name}.",
            "Set `llm` to that model, or train a projector for this one.",
        )
    if config.tower.sha256 != tower_digest(tower):
        raise ModelError(
            f"The projector {folder.name} was trained on another vision tower, {config.tower.name}.",
            "Set `vision_tower` to that tower, or train a projector for this one.",
        )
    return config


def load_projector(folder: Path, config: ProjectorConfig) -> Any:
    """The projector of a folder in single precision.

    Raises:
        ModelError: The weights are missing, damaged or not those of the config.
    """
    projector = build_projector(config)
    weights = read_weights(folder)
    try:
        projector.load_state_dict({name: value.float() for name, value in weights.items()})
    except RuntimeError as error:
        raise ModelError(
            f"{WEIGHTS} of projector {folder.name} does not fit its {CONFIG}.", _AGAIN
        ) from error
    return projector.eval()


def read_weights(folder: Path) -> dict[str, Any]:
    """The tensors of a projector's folder by name.

    Raises:
        ModelError: The file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{WEIGHTS} of projector {folder.name} is missing or damaged.", _AGAIN) from error


def config_text(config: ProjectorConfig) -> str:
    """The config as one line of sorted JSON, for hashing."""
    return json.dumps(_CONFIG.dump_python(config, mode="json"), sort_keys=True)

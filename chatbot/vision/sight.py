"""A projector and its tower as torch modules: files of pictures to visual tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatbot.adapter_files import Adapter, load_adapter
from chatbot.errors import ModelError
from chatbot.vision.encoder import VisionEncoder, read_square
from chatbot.vision.projector import VISION_FORMAT, ProjectorConfig, fitting_config, load_projector

ADAPTER_FOLDER = "adapter"
LOOKING = "looking"
"""Id under which an engine holds the projector's own adapter."""


@dataclass(frozen=True, slots=True)
class ProjectorFiles:
    """A projector that fits the language model and the tower, before any weight is loaded.

    Attributes:
        adapter: The adapter that was trained with it, for looking at screens; None where there is none.
    """

    folder: Path
    tower: Path
    config: ProjectorConfig
    adapter: Adapter | None = None

    @classmethod
    def fitting(cls, folder: Path, *, base: Path, tower: Path) -> "ProjectorFiles":
        """Checks a projector's folder against what it is to be used with.

        Raises:
            ModelError: It belongs to another language model or tower, or is damaged.
            AdapterError: Its adapter is damaged.
        """
        config = fitting_config(folder, base=base, tower=tower)
        place = folder / ADAPTER_FOLDER
        adapter = load_adapter(place, config.base.sha256, VISION_FORMAT) if place.is_dir() else None
        return cls(folder, tower, config, adapter)


class TorchSight:
    """Computes visual tokens in torch.

    Raises:
        ModelError: Tower or projector cannot be loaded.
    """

    def __init__(self, files: ProjectorFiles) -> None:
        config = files.config
        self.visual_tokens = config.visual_tokens
        self._encoder = VisionEncoder(files.tower, layer=config.tower.layer, image_px=config.tower.image_px)
        if self._encoder.spec.grid != config.tower.grid or self._encoder.spec.width != config.tower.width:
            raise ModelError("The vision tower is not of the size that the projector was trained on.")
        self._projector = load_projector(files.folder, config)

    def tokens_of(self, paths: Sequence[Path]) -> Any:
        """Visual tokens of all pictures in order, `[pictures * visual tokens, width]`; None without pictures.

        Raises:
            AttachmentError: A picture cannot be read.
        """
        import torch

        if not paths:
            return None
        side = self._encoder.spec.image_px
        with torch.inference_mode():
            features = self._encoder.features([read_square(path, side) for path in paths])
            return self._projector(features.cpu()).flatten(0, 1)

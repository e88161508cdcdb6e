"""Features of pictures, computed once: one safetensors file a picture in half precision, named by content."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chatbot.errors import AttachmentError
from chatbot.vision.encoder import VisionEncoder, square_of
from finetune.errors import DatasetError
from knowledge_base.atomic import write_atomically

_BATCH = 8


class FeatureCache:
    """Features `[patches, width]` of pictures by the hash of their file; what a kill leaves behind is used again.

    Args:
        folder: Each tower, layer and square has a folder of its own in it.
    """

    def __init__(self, folder: Path, encoder: VisionEncoder) -> None:
        text = json.dumps(asdict(encoder.spec), sort_keys=True)
        self._folder = folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        self._encoder = encoder

    def of(self, paths: Sequence[Path], tell: Callable[[int, int], None] = lambda *_: None) -> list[Any]:
        """Features of each picture, in half precision; those that are missing are computed first.

        Args:
            tell: Called with how many are done, and how many there are.

        Raises:
            DatasetError: A picture cannot be read, or the folder not be written.
        """
        places = [self._folder / f"{_hash_of(path)}.safetensors" for path in paths]
        missing = [(p, f) for p, f in dict(zip(places, paths, strict=True)).items() if not p.is_file()]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for at in range(0, len(missing), _BATCH):
                self._compute(missing[at : at + _BATCH])
                tell(len(paths) - len(missing) + at, len(paths))
            return list(_loaded(places))
        except OSError as error:
            raise DatasetError(f"Features cannot be kept: {error.strerror}.", "Make room.") from error

    def _compute(self, missing: Sequence[tuple[Path, Path]]) -> None:
        from safetensors.torch import save

        squares = []
        for _, path in missing:
            try:
                squares.append(square_of(path.read_bytes(), path.name, self._encoder.spec.image_px))
            except AttachmentError as error:
                raise DatasetError(str(error), "Remove the row of this image.") from error
        for (place, _), one in zip(missing, self._encoder.features(squares), strict=True):
            write_atomically(place, save({"features": one.half().cpu().contiguous()}))


def _loaded(places: Iterable[Path]) -> Iterable[Any]:
    from safetensors.torch import load_file

    return (load_file(place)["features"] for place in places)


def _hash_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DatasetError(f"The image {path.name} cannot be read: {error.strerror}.") from error

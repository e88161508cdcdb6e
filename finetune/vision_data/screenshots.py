"""Real screenshots among the drawn ones: what a person said they show, as rows of `screens.jsonl`.

`screenshots.json` names files of the help centre OfficeDocs-Support below a folder of screenshot sets, and the screen
type of each. None of its articles has a screenshot among those that `evaluate vision` measures on. Their words are read
as those of a customer's screenshot are.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.media import open_plain
from chatbot.messages import OcrLine
from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.errors import DatasetError
from finetune.vision_data.noise import encoded, spoil
from finetune.vision_data.questions import screen_type_question

ReadImage = Callable[[Image.Image], Sequence[OcrLine]]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom, in pixels."""
_COPIES = 12
_SMALLEST_PART = 0.6
_MAX_PIXELS = 40_000_000


def screenshot_rows(folder: Path, sets: Path, seed: int, read: ReadImage) -> Iterator[dict[str, Any]]:
    """Rows of the labelled screenshots; their pictures are written into `folder` before each.

    Each stands there once as it is and eleven times cropped and spoilt. The rows are for training.

    Args:
        folder: Folder of the drawn screens.
        sets: Folder of the screenshot sets.
        read: The lines of text on a picture.

    Raises:
        DatasetError: A screenshot is missing or damaged.
    """
    labels = json.loads((files("finetune.vision_data") / "screenshots.json").read_text("utf-8"))
    for name, kind in labels.items():
        image = _opened(sets / name)
        lines = read(image)
        for copy in range(_COPIES):
            rng = Random(f"{seed}/{name}/{copy}")  # noqa: S311 (data, not secrets)
            path = f"images/{Path(name).parts[0]}-{Path(name).stem}-{copy}.jpg"
            part = _part(image, rng) if copy else (0, 0, *image.size)
            shown = spoil(image.crop(part), rng, photo=False) if copy else image
            (folder / path).write_bytes(encoded(shown, rng))
            yield _row(path, kind, _words_in(part, lines), rng)


def _opened(path: Path) -> Image.Image:
    try:
        image, _ = open_plain(path.read_bytes(), path.name, _MAX_PIXELS)
    except (OSError, AttachmentError) as error:
        raise DatasetError(
            f"The screenshot {path.name} cannot be read.", "Name the folder that holds the screenshot sets."
        ) from error
    return image


def _part(image: Image.Image, rng: Random) -> Box:
    width, height = (round(side * rng.uniform(_SMALLEST_PART, 1)) for side in image.size)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return left, top, left + width, top + height


def _words_in(part: Box, lines: Sequence[OcrLine]) -> str:
    """The lines whose middle is in the part."""
    left, top, right, bottom = part
    return "\n".join(
        line.text
        for line in lines
        if left <= (line.box[0] + line.box[2]) / 2 <= right
        and top <= (line.box[1] + line.box[3]) / 2 <= bottom
    )


def _row(path: str, kind: str, words: str, rng: Random) -> dict[str, Any]:
    return {
        "image": path,
        "screen_type": kind,
        "title": "",
        "template": "screenshot",
        "theme": "",
        "language": "",
        "split": "train",
        "ocr_text": words,
        "caption": "",
        "questions": [asdict(screen_type_question(SCREEN_TYPES[kind], rng))],
    }

"""Lines on pictures that are read once and kept, since a measurement is made again and again on the same ones."""

import hashlib
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.media import decode_image
from chatbot.messages import OcrLine
from chatbot.screenshot import ReadsText

Lines = tuple[OcrLine, ...]


class KeptLines:
    """A `ReadsText` that keeps what it reads, by the picture's pixels. For several threads.

    Args:
        kept: JSONL file that grows; made when it is not there.
    """

    def __init__(self, ocr: ReadsText, kept: Path) -> None:
        self._ocr, self._kept = ocr, kept
        self._lines = dict(_kept_lines(kept))
        self._keeping = threading.Lock()

    def read(self, image: Image.Image) -> Lines:
        """Lines in reading order."""
        name = hashlib.sha256(f"{image.mode} {image.size} ".encode() + image.tobytes()).hexdigest()
        if name not in self._lines:
            self._lines[name] = self._ocr.read(image)
            self._keep(name)
        return self._lines[name]

    def _keep(self, name: str) -> None:
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        lines = [astuple(line) for line in self._lines[name]]
        row = json.dumps({"sha256": name, "lines": lines}, ensure_ascii=False)
        with self._keeping, self._kept.open("a", encoding="utf-8") as file:
            file.write(row + "\n")


def _kept_lines(path: Path) -> Iterator[tuple[str, Lines]]:
    """What was kept; a line that was cut off when a run was killed is read again."""
    for row in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            kept = json.loads(row)
            lines = tuple(OcrLine(text, score, tuple(box)) for text, score, box in kept["lines"])
        except (ValueError, KeyError, TypeError):
            continue
        yield kept["sha256"], lines


def screen_text(ocr: ReadsText, max_pixels: int, image: Path) -> str:
    """The lines on a picture, read as an upload is; nothing when it cannot be read.

    Args:
        max_pixels: Of the largest picture that is read.

    Raises:
        OSError: The file is not there.
    """
    try:
        decoded = decode_image(image.read_bytes(), image.name, max_pixels)
    except AttachmentError:
        return ""
    with Image.open(io.BytesIO(decoded.data)) as opened:
        return "\n".join(line.text for line in ocr.read(opened.convert("RGB")))

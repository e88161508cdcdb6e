"""Texts of pictures that are read once and kept, since a measurement is made again and again on the same ones."""

import hashlib
import io
import json
import threading
from pathlib import Path

from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.media import decode_image
from chatbot.screenshot import ReadsText


class ReadOnce:
    """Reads pictures as an upload is read, and keeps what it read by the hash of the file. For several threads.

    Args:
        kept: JSONL file that grows; made when it is not there.
        max_pixels: Largest picture that is read.
    """

    def __init__(self, ocr: ReadsText, kept: Path, max_pixels: int) -> None:
        self._ocr, self._kept, self._max_pixels = ocr, kept, max_pixels
        self._texts = _kept_texts(kept)
        self._keeping = threading.Lock()

    def __call__(self, image: Path) -> str:
        """The lines on a picture; nothing when it cannot be read.

        Raises:
            OSError: The file is not there.
        """
        data = image.read_bytes()
        name = hashlib.sha256(data).hexdigest()
        if name not in self._texts:
            self._texts[name] = self._read(data, image.name)
            self._keep(name)
        return self._texts[name]

    def _read(self, data: bytes, name: str) -> str:
        try:
            decoded = decode_image(data, name, self._max_pixels)
        except AttachmentError:
            return ""
        with Image.open(io.BytesIO(decoded.data)) as image:
            return "\n".join(line.text for line in self._ocr.read(image.convert("RGB")))

    def _keep(self, name: str) -> None:
        self._kept.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"sha256": name, "text": self._texts[name]}, ensure_ascii=False)
        with self._keeping, self._kept.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _kept_texts(path: Path) -> dict[str, str]:
    """What was kept; a line that was cut off when a run was killed is read again."""
    texts = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            row = json.loads(line)
            texts[row["sha256"]] = row["text"]
        except (ValueError, KeyError):
            continue
    return texts

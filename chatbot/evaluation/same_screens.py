"""*Same screen again*: the images of articles are indexed, and a changed copy of one is asked with.

The search is the product's own over its own snapshot; only the images are put into it here, because the sets tell
which article an image belongs to but not where it lay. A copy's changes depend on the image's bytes alone.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from chatbot.errors import InputError
from chatbot.evaluation.changed_copies import changed_copy
from knowledge_base.embed import TextEmbedder
from knowledge_base.errors import DocumentError
from knowledge_base.evaluate import Query, outcomes
from knowledge_base.image_reading import ImageReader, ImageReading
from knowledge_base.image_search import Pictures
from knowledge_base.images import ImageMatch, StoredImage
from knowledge_base.local_features import LocalFeatures
from knowledge_base.report import Progress, no_progress
from knowledge_base.retrieve import Retriever, Snapshot
from knowledge_base.settings import KnowledgeBaseSettings

_PASSAGES = 50
_NO_FEATURES = LocalFeatures(np.zeros((0, 2), np.uint16), np.zeros((0, 128), np.uint8))
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ArticleImage:
    """An image and the articles it belongs to; the query's text is what is written on it."""

    path: Path
    query: Query


def told(rows: Sequence[T], progress: Progress) -> Iterator[T]:
    """The rows, with word of each before it is worked on."""
    for done, row in enumerate(rows):
        progress(done, len(rows), "reading images")
        yield row


class SameScreens:
    """Measures one set.

    Args:
        snapshot: The articles, without their images.
        reader: Reads images and copies.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        embedder: TextEmbedder,
        settings: KnowledgeBaseSettings,
        reader: ImageReader,
    ) -> None:
        self._snapshot = snapshot
        self._embedder = embedder
        self._settings = settings
        self._reader = reader

    def figures(
        self, images: Sequence[ArticleImage], progress: Progress = no_progress
    ) -> list[Mapping[str, float]]:
        """Figures of each image: of the chat's search, of the search for images, and of that by either evidence alone.

        And what the chat's search gains in recall@1 over each of these two.

        Raises:
            InputError: An image cannot be read.
        """
        pictures = self._pictures(images, progress)
        copies = [self._copy(image) for image in told(images, progress)]
        snapshot = replace(self._snapshot, pictures=pictures)
        retriever = Retriever(self._embedder, lambda: snapshot, self._settings)

        def both(copy: ImageReading) -> Sequence[str]:
            found = retriever.retrieve("", _PASSAGES, copy.text, [copy]).chunks
            return list(dict.fromkeys(one.chunk.document_id for one in found))

        searches: dict[str, Callable[[ImageReading], Sequence[str]]] = {
            "changed": both,
            "changed_pictures": lambda copy: _documents(pictures.search(copy)),
            "changed_image": lambda copy: _documents(pictures.search(replace(copy, text=""))),
            "changed_ocr": lambda copy: _documents(pictures.search(_without_picture(copy))),
        }
        rows: list[dict[str, float]] = [{} for _ in images]
        for name, search in searches.items():
            numbered = [replace(image.query, text=str(i)) for i, image in enumerate(images)]
            for row, one in zip(rows, outcomes(_by_number(search, copies), numbered), strict=True):
                row |= {f"{name}_{metric}": value for metric, value in one.metrics.items()}
        for row in rows:
            for alone in ("image", "ocr"):
                gain = row["changed_recall_at_1"] - row[f"changed_{alone}_recall_at_1"]
                row[f"changed_gain_over_{alone}"] = gain
        return list(rows)

    def _pictures(self, images: Sequence[ArticleImage], progress: Progress) -> Pictures:
        stored: list[StoredImage] = []
        features: dict[str, LocalFeatures] = {}
        for number, image in enumerate(told(images, progress)):
            data = _bytes(image.path)
            reading = self._read(data, image.path.name, image.query.text)
            sha256 = hashlib.sha256(data).hexdigest()
            features[sha256] = reading.features
            stored += [
                StoredImage(
                    f"document/{document_id}",
                    "",
                    number,
                    sha256,
                    image.path.name,
                    0,
                    "",
                    reading.text,
                    reading.vector,
                )
                for document_id in sorted(image.query.relevant)
            ]
        return Pictures.of(stored, self._snapshot.chunks, features.get)

    def _copy(self, image: ArticleImage) -> ImageReading:
        data = _bytes(image.path)
        seed = int(hashlib.sha256(data).hexdigest()[:8], 16)
        with Image.open(io.BytesIO(data)) as opened:
            copy = changed_copy(opened, seed)
        return self._read(copy.data, image.path.name)

    def _read(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        try:
            return self._reader.read(data, name, text)
        except DocumentError as error:
            raise InputError(f"{name} cannot be used: {error}", "Leave it out of screens.jsonl.") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path.name} is named in screens.jsonl and cannot be read: {error}.") from error


def _by_number(
    search: Callable[[ImageReading], Sequence[str]], copies: Sequence[ImageReading]
) -> Callable[[str], Sequence[str]]:
    return lambda number: search(copies[int(number)])


def _without_picture(copy: ImageReading) -> ImageReading:
    return replace(copy, vector=np.zeros_like(copy.vector), features=_NO_FEATURES)


def _documents(found: Sequence[ImageMatch]) -> list[str]:
    return list(dict.fromkeys(match.document_id for match in found))

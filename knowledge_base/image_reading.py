"""What is known of an image, and who finds it out. Knows no OCR engine, no vision tower and no index."""

import io
import zipfile
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from knowledge_base.embed_backends import Vectors
from knowledge_base.local_features import LocalFeatures


@dataclass(frozen=True, slots=True)
class ImageReading:
    """An image as it is compared with others.

    Attributes:
        text: What is written on it, a line each.
        vector: Unit vector `[dimension]` of the whole image.
    """

    text: str
    vector: Vectors
    features: LocalFeatures

    def to_bytes(self) -> bytes:
        """For a file; `from_bytes` reads it."""
        file = io.BytesIO()
        np.savez(
            file,
            text=np.frombuffer(self.text.encode("utf-8", "replace"), np.uint8),
            vector=self.vector,
            places=self.features.places,
            descriptors=self.features.descriptors,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "ImageReading":
        """The reading again.

        Raises:
            ValueError: It is none.
        """
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as held:
                features = LocalFeatures(held["places"], held["descriptors"])
                return cls(held["text"].tobytes().decode(), held["vector"], features)
        except (zipfile.BadZipFile, KeyError, EOFError, OSError) as error:
            raise ValueError(f"no reading of an image: {error}") from error


class ImageReader(Protocol):
    """What the knowledge base needs of a reader of images; tests bring their own small one."""

    @property
    def id(self) -> str:
        """Names the space of its vectors and the kind of its features: equal ids give equal readings."""
        ...

    def read(self, data: bytes, name: str, text: str | None = None) -> ImageReading:
        """Everything about an image file.

        Args:
            name: What errors call it.
            text: What is written on it, where that is known already.

        Raises:
            DocumentError: It is no image, damaged or too large.
        """
        ...

"""Screenshots of a turn as the knowledge base compares them with the images of its documents."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from chatbot.messages import Observation
from knowledge_base.errors import DocumentError
from knowledge_base.image_reading import ImageReading

log = logging.getLogger(__name__)
_MOST = 2  # each costs half a second


class ReadsImages(Protocol):
    """What is needed of `knowledge_base.base.KnowledgeBase`."""

    @property
    def has_images(self) -> bool:
        """Whether there is any image to compare with."""
        ...

    def read_image(self, data: bytes, name: str, text: str | None = None) -> ImageReading | None:
        """Reads a screenshot."""
        ...


def screen_images(
    knowledge_base: ReadsImages, observation: Observation, path_of: Callable[[str], Path]
) -> tuple[ImageReading, ...]:
    """The first screenshots of a turn; none when there is nothing to compare them with.

    One that cannot be read is left out: what is written on it is searched anyway.

    Args:
        path_of: The stored image of a screen by its hash.
    """
    if not knowledge_base.has_images:
        return ()
    found = []
    for screen in observation.screens[:_MOST]:
        try:
            path = path_of(screen.visual_sha256)
            found.append(knowledge_base.read_image(path.read_bytes(), path.name, screen.text))
        except (DocumentError, OSError) as error:
            log.info("a screenshot was not compared with images of documents: %s", error)
    return tuple(reading for reading in found if reading)

"""What a picture of a screen shows, in one sentence of the model that looks at it."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from chatbot.generators.base import Generator
from chatbot.text import words
from chatbot.vision.asking import DESCRIBE, ask_about_screen

_MOST_TOKENS = 48
_SENTENCE = re.compile(r"[^.]*\.")
_QUOTED = re.compile(r"\s*(?:titled|named|called|that says|with the (?:title|text))?\s*[“\"]([^”\"]*)[”\"]")


class Describer:
    """Describes screens with the adapter that was trained for looking.

    Args:
        load: Gives a generator that sees pictures; asked at the first picture.
        adapter: Id of that adapter.
    """

    def __init__(self, load: Callable[[], Generator], adapter: str) -> None:
        self._generator = cache(load)
        self._adapter = adapter

    def describe(self, picture: Path, seen: str) -> str:
        """One sentence; empty when the model says nothing.

        Words in quotation marks that were not read on the screen are left out: the model sees shapes, not letters.

        Args:
            seen: What was read on the screen.

        Raises:
            GenerationError: The engine failed.
            ModelError: The model that looks cannot be loaded.
            AttachmentError: The picture cannot be read.
        """
        said = "".join(
            self._generator().stream(
                ask_about_screen(DESCRIBE, seen),
                images=(picture,),
                adapter=self._adapter,
                max_new_tokens=_MOST_TOKENS,
                stop=("\n",),
            )
        )
        whole = _SENTENCE.match(said.strip())
        return (
            _QUOTED.sub(lambda found: found[0] if _stands(found[1], seen) else "", whole[0]) if whole else ""
        )


def _stands(quoted: str, seen: str) -> bool:
    return set(words(quoted)) <= set(words(seen))

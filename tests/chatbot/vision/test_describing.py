"""A description is one sentence that claims no words which were not read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chatbot.vision.asking import DESCRIBE
from chatbot.vision.describing import Describer


class Says:
    """A generator that says the same of every picture, and remembers how it was asked."""

    name, context_tokens, sees_images = "says", 2048, True

    def __init__(self, text: str) -> None:
        self.text = text
        self.asked: dict[str, Any] = {}

    def stream(self, prompt: Any, **given: Any) -> Iterator[str]:
        self.asked = {"prompt": prompt, **given}
        yield from self.text

    def choose(self, *given: Any, **named: Any) -> tuple[float, ...]:
        raise NotImplementedError

    def count_tokens(self, *given: Any, **named: Any) -> int:
        return 0

    def close(self) -> None:
        """Holds nothing."""


def described(said: str, seen: str) -> str:
    return Describer(lambda: Says(said), "looking").describe(Path("a.png"), seen)


def test_the_first_sentence_is_kept_and_no_more() -> None:
    assert described("A dark sign-in page. A light page.", "") == "A dark sign-in page."


def test_an_unfinished_sentence_says_nothing() -> None:
    assert described("A dark sign-in page with", "") == ""
    assert described("", "Error WR-204") == ""


def test_words_in_quotation_marks_must_stand_on_the_screen() -> None:
    said = "A light error message titled “Connection lost” with a red cross."
    assert described(said, "WR-204\nConnection lost\nTry again") == said
    assert described(said, "Welcome") == "A light error message with a red cross."


def test_the_picture_is_looked_at_with_the_adapter_for_it() -> None:
    generator = Says("A table.")
    Describer(lambda: generator, "looking").describe(Path("a.png"), "Total 12")
    assert generator.asked["images"] == (Path("a.png"),)
    assert generator.asked["adapter"] == "looking"
    assert DESCRIBE in generator.asked["prompt"][-1].content
    assert "Total 12" in generator.asked["prompt"][-1].content

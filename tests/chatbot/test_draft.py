"""What the model is asked fits its window, pictures included."""

from pathlib import Path

import pytest

from chatbot.draft import begin
from chatbot.generators.swap import TurnGenerator
from chatbot.messages import Observation
from chatbot.prompt import Passage
from chatbot.settings import Settings
from tests.fakes import FakeGenerator

PASSAGES = [Passage(number, f"d{number}", "Title", "", "word " * 60) for number in range(1, 5)]
PICTURES = [Path(f"/stored/{number}") for number in range(9)]


@pytest.mark.parametrize(
    ("image_tokens", "pictures", "shown", "passages"),
    [(0, 9, 9, 4), (70, 0, 0, 4), (70, 2, 2, 4), (70, 5, 5, 2), (70, 9, 5, 2), (900, 1, 0, 4)],
)
def test_pictures_leave_half_of_the_window_to_words(
    image_tokens: int, pictures: int, shown: int, passages: int, settings: Settings
) -> None:
    window = FakeGenerator(context_tokens=700 + settings.max_new_tokens, image_tokens=image_tokens)
    draft = begin(
        TurnGenerator(window), [], PASSAGES, Observation("What is this?"), PICTURES[:pictures], settings
    )
    assert list(draft.images) == PICTURES[:shown]
    assert len(draft.fitted.passages) >= passages - 1
    assert draft.fitted.prompt_tokens == window.count_tokens(draft.fitted.prompt, images=draft.images)
    assert draft.fitted.prompt_tokens <= 700

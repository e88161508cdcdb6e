"""What the model is asked fits its window, pictures included."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatbot.draft import begin
from chatbot.generators.swap import TurnGenerator
from chatbot.messages import Observation, ScreenReading
from chatbot.prompt import Passage
from chatbot.settings import Settings
from chatbot.store import StoredMessage
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


NOW = datetime(2026, 3, 2, tzinfo=UTC)
SCREEN = ScreenReading(
    "a" * 64, (), 90, 60, description="A light error message with a red cross.", visual_sha256="a" * 64
)


def test_a_model_that_is_shown_no_picture_is_told_what_it_shows(settings: Settings) -> None:
    asked = Observation("What is this?", screens=(SCREEN,))
    blind = begin(TurnGenerator(FakeGenerator()), [], PASSAGES[:1], asked, (), settings)
    assert SCREEN.description in blind.fitted.prompt[-1].content
    seeing = FakeGenerator(image_tokens=64)
    draft = begin(TurnGenerator(seeing), [], PASSAGES[:1], asked, PICTURES[:1], settings)
    assert list(draft.images) == PICTURES[:1]
    assert SCREEN.description not in draft.fitted.prompt[-1].content


def test_an_earlier_picture_stays_in_the_conversation_as_a_sentence(settings: Settings) -> None:
    earlier = [
        StoredMessage(
            "1", "user", "What is this?", NOW, observation=Observation("What is this?", screens=(SCREEN,))
        ),
        StoredMessage("2", "assistant", "The firmware is too old.", NOW),
    ]
    draft = begin(
        TurnGenerator(FakeGenerator()), earlier, PASSAGES[:1], Observation("And now?"), (), settings
    )
    assert [turn.content for turn in draft.fitted.prompt if SCREEN.description in turn.content] == [
        f"What is this?\n(Screenshot: {SCREEN.description})"
    ]


def test_pictures_are_answered_with_the_adapter_that_looks(settings: Settings) -> None:
    generator = FakeGenerator(image_tokens=64)
    turn = TurnGenerator(generator, looking="looking")
    draft = begin(turn, [], PASSAGES[:1], Observation("What is this?"), PICTURES[:1], settings)
    assert draft.begins is None
    list(draft.pieces(settings))
    assert generator.adapters[-1] == "looking"
    list(begin(turn, [], PASSAGES[:1], Observation("What is this?"), (), settings).pieces(settings))
    assert generator.adapters[-1] is None

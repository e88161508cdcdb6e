"""The language to answer in, and a query that stands without the conversation."""

import pytest

from chatbot.messages import Observation, OcrLine, ScreenReading
from chatbot.understand import language_of, standalone_query

CHINESE_SCREEN = ScreenReading("s", (OcrLine("错误：无法连接", 0.9, (0, 0, 1, 1)),), 10, 10)


@pytest.mark.parametrize(
    ("observation", "language"),
    [
        (Observation("How do I return it?"), "en"),
        (Observation("怎么退货？"), "zh"),
        (Observation("", screens=(CHINESE_SCREEN,)), "zh"),
        (Observation("What does this say?", screens=(CHINESE_SCREEN,)), "en"),
        (Observation(""), "en"),
    ],
)
def test_the_words_decide_the_language_and_the_screen_only_without_them(
    observation: Observation, language: str
) -> None:
    assert language_of(observation) == language


@pytest.mark.parametrize(
    ("said", "query"),
    [
        ("And how long does it take?", "How do I return a Dot?\nAnd how long does it take?"),
        ("What about refunds?", "How do I return a Dot?\nWhat about refunds?"),
        ("那退款呢？", "How do I return a Dot?\n那退款呢？"),
        ("How do I change the Wi-Fi password?", "How do I change the Wi-Fi password?"),
        (
            "And why does the white light blink twice after the firmware update?",
            "And why does the white light blink twice after the firmware update?",
        ),
        ("", ""),
    ],
)
def test_only_a_short_follow_up_is_searched_with_the_question_before_it(said: str, query: str) -> None:
    assert standalone_query(said, ["Where is my invoice?", "How do I return a Dot?"]) == query


def test_a_first_question_stands_alone() -> None:
    assert standalone_query("And what about it?", []) == "And what about it?"

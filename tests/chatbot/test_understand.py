"""The language to answer in, a query that stands without the conversation, and the questions of a message."""

import pytest

from chatbot.messages import Observation, OcrLine, ScreenReading
from chatbot.understand import (
    MAX_QUESTIONS,
    asks_about_screen,
    changes_subject,
    language_of,
    questions_in,
    standalone_query,
)

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


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        ("Can I return a Dot? Write me a poem about rain, please.",
         ("Can I return a Dot?", "Write me a poem about rain, please.")),
        ("Hello there.\n\nhow do I return a dot\n\nThe weather is fine.", ("how do I return a dot",)),
        ("I have a Wren Pro. Who won the world cup?", ("Who won the world cup?",)),
        ("你好。怎么退货？今天天气很好。", ("怎么退货？",)),
        ("Ich möchte den Dot zurückgeben. Es regnet.", ("Ich möchte den Dot zurückgeben.",)),
        ("Can I return a Dot?", ()),
        ("It rains. It is cold.", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_a_message_of_several_sentences_holds_the_questions_that_it_asks(
    said: str, questions: tuple[str, ...]
) -> None:
    assert questions_in(said) == questions


def test_of_many_questions_the_first_and_the_last_are_looked_at() -> None:
    found = questions_in(" ".join(f"What is number {n}?" for n in range(20)))
    assert len(found) == MAX_QUESTIONS
    assert (found[0], found[-1]) == ("What is number 0?", "What is number 19?")


PLUS = "Wrenfield Plus costs 5.99 € a month."
PASSWORD = "Reset your password on the sign-in page."


@pytest.mark.parametrize(
    ("said", "joint", "alone", "changes"),
    [
        ("What about the password?", [PLUS], [PASSWORD], True),
        ("And how about passwords?", [PLUS], [PASSWORD], True),
        ("What about the password?", [PLUS, PASSWORD], [PASSWORD], False),
        ("What about the refund?", [PLUS], [PASSWORD], False),
        ("And the password?", [PLUS], [PASSWORD], False),
        ("What about it?", [PLUS], [PASSWORD], False),
    ],
)
def test_what_about_something_that_only_it_itself_finds_is_a_question_of_its_own(
    said: str, joint: list[str], alone: list[str], changes: bool
) -> None:
    assert changes_subject(said, joint, alone) is changes


SCREEN = ScreenReading(
    "s", (OcrLine("Two-step sign-in: the code is not correct", 0.9, (0, 0, 1, 1)),), 10, 10
)


@pytest.mark.parametrize(
    ("said", "points"),
    [
        ("What is this?", True),
        ("I get this error, how do I fix it?", True),
        ("Hi, what's wrong here? Please help!", True),
        ("It doesn't work", True),
        ("这是什么错误，怎么解决？", True),
        ("怎么退货？", False),
        ("How do I return a Dot?", False),
        ("I get error WR-204", False),
        ("What does the red light mean?", False),
        ("Who is your CEO?", False),
        ("", False),
    ],
)
def test_a_message_that_names_nothing_points_at_the_screen(said: str, points: bool) -> None:
    assert asks_about_screen(Observation(said, screens=(SCREEN,))) is points
    assert not asks_about_screen(Observation(said))
    little = ScreenReading("s", (OcrLine("OK 31", 0.9, (0, 0, 1, 1)),), 10, 10)
    assert not asks_about_screen(Observation(said, screens=(little,)))

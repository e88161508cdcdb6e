"""What an answer says twice is said once; what only looks alike stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.repeats import without_repeats


@pytest.mark.parametrize(
    ("sentence", "said", "left"),
    [
        (
            "You can cancel at any time, and you can choose to cancel at any time.",
            (),
            "You can cancel at any time.",
        ),
        (
            "You can return a Dot within 45 days; you may return the Dot within 45 days.\n",
            (),
            "You can return a Dot within 45 days.\n",
        ),
        (
            "The label is free, the label is free, and the refund takes 7 days.",
            (),
            "The label is free, the label is free, and the refund takes 7 days.",
        ),
        ("Open the app and open the app.", (), "Open the app."),
        ("Open the app and choose Cancel.", (), "Open the app and choose Cancel."),
        ("You can also cancel Plus at any time.", ("You can cancel Plus at any time.",), ""),
        (
            "Open the Plus page, and cancel Plus at any time.",
            ("You can cancel Plus at any time.",),
            "Open the Plus page.",
        ),
        # a figure, a name, a negation or a new word is not said again
        (
            "It covers 140 m², and it covers 200 m² with a Dot.",
            (),
            "It covers 140 m², and it covers 200 m² with a Dot.",
        ),
        ("It works with a Dot.", ("It works with a router.",), "It works with a Dot."),
        (
            "You can not return opened products.",
            ("You can return opened products.",),
            "You can not return opened products.",
        ),
        (
            "Pay by card in the app, and pay by card in the shop.",
            (),
            "Pay by card in the app, and pay by card in the shop.",
        ),
        (
            "Connect the cable, the power supply, and the router.",
            (),
            "Connect the cable, the power supply, and the router.",
        ),
        # other languages
        ("您可以随时取消，也可以选择随时取消。", (), "您可以随时取消。"),
        (
            "Sie können jederzeit kündigen und Sie können jederzeit kündigen.",
            (),
            "Sie können jederzeit kündigen.",
        ),
        ("", ("anything",), ""),
    ],
)
def test_repeats(sentence: str, said: tuple[str, ...], left: str) -> None:
    assert without_repeats(sentence, said) == left


@given(st.text("ab, .;and1\n", max_size=60))
def test_nothing_is_added_and_the_beginning_stays(sentence: str) -> None:
    left = without_repeats(sentence)
    assert len(left) <= len(sentence)
    assert without_repeats(left) == left

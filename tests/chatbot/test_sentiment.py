"""How a message sounds, as a table of cases."""

import pytest

from chatbot.sentiment import Sentiment, mood


@pytest.mark.parametrize(
    ("said", "sentiment"),
    [
        ("Thank you, that was very helpful!", "positive"),
        ("The new app is great and so easy", "positive"),
        ("When will my parcel arrive?", "neutral"),
        ("How do I change my password", "neutral"),
        ("", "neutral"),
        ("This is the worst service ever", "negative"),
        ("The app is not good", "negative"),
        ("That wasn't helpful", "negative"),
        ("not a problem at all", "positive"),
        ("my router :(", "negative"),
        ("it works 👍", "positive"),
        ("I have told you already, you don't listen", "negative"),
        ("非常感谢，很好用", "positive"),
        ("太差了，我要投诉", "negative"),
        ("怎么退货？", "neutral"),
    ],
)
def test_words_signs_and_what_stands_before_them_decide(said: str, sentiment: str) -> None:
    assert mood(said).sentiment == Sentiment(sentiment)


def test_very_makes_it_stronger_and_twice_counts_twice() -> None:
    assert mood("very good").score > mood("good").score
    assert mood("good, good").score == 2 * mood("good").score


def test_an_address_is_no_sad_face() -> None:
    assert mood("see https://help.example/a(b)").score == 0

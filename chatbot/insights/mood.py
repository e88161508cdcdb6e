"""Whether a message of a customer sounds negative, neutral or positive: by likeness to examples, and by words.

Each message is compared with a few sentences of each mood; the mood whose seven nearest examples are nearest wins (a
nearest class mean in the embedding space, without training data). Outspoken complaints in the words of
`wishes.frustration`, which knows more languages than the embedder, are negative whatever they are like.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from chatbot.text import is_chinese
from chatbot.wishes import frustration
from knowledge_base.embed_backends import Vectors

Encode = Callable[[Sequence[str]], Vectors]
_NEAREST = 7
_FED_UP = 0.4
_POSITIVE_WORDS = ("谢谢", "感谢", "太好了", "很好", "满意", "解决了")
_NEGATIVE_WORDS = (
    "投诉",
    "失望",
    "生气",
    "太慢",
    "坏了",
    "骗",
    "差评",
    "退钱",
    "没人",
    "垃圾",
    "糟糕",
    "不满",
)


class Mood(StrEnum):
    """How a message sounds."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"


EXAMPLES: dict[Mood, tuple[str, ...]] = {
    Mood.NEGATIVE: (
        "This is terrible service and I am very disappointed.",
        "I am really angry about how you treat your customers.",
        "It still does not work and nobody helps me.",
        "I have been waiting for hours and nothing happens.",
        "You charged me twice and refuse to give my money back.",
        "This is unacceptable, I want to complain.",
        "What a waste of time and money.",
        "Your product broke after a week, I regret buying it.",
        "You lost my parcel and keep sending me in circles.",
        "Why is this always so slow and unreliable?",
        "Worst experience ever, I will never come back.",
        "You cancelled my order without telling me.",
        "That answer is wrong and did not help at all.",
        "I am frustrated, I have already tried that.",
    ),
    Mood.NEUTRAL: (
        "How do I change my password?",
        "What are your opening hours?",
        "Can I pay by card?",
        "Where can I find my invoice?",
        "I would like to book an appointment for Monday.",
        "Do you ship to Norway?",
        "My order number is 12345.",
        "Is this available in blue?",
        "Could you tell me how to set it up?",
        "What does the amber light mean?",
        "Please send me the form by e-mail.",
        "How much does the premium plan cost?",
        "I want to change the date of my booking.",
        "Which cable do I need?",
    ),
    Mood.POSITIVE: (
        "Thank you so much, that helped a lot.",
        "Great service, I am very happy.",
        "It works now, perfect.",
        "You are awesome, thanks for the quick reply.",
        "I love your product.",
        "Excellent, exactly what I needed.",
        "Thanks for your patience and kindness.",
        "Really impressed by the support today.",
        "Best company ever, keep it up.",
        "Yes, great, thank you.",
    ),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A mood, and by how much its likeness is above that of the next one, from 0; 1 where words decide."""

    mood: Mood
    margin: float


class MoodJudge:
    """Judges messages; the examples are embedded once.

    Args:
        encode: Texts to unit vectors.
    """

    def __init__(self, encode: Encode) -> None:
        self._examples = [encode(EXAMPLES[mood]) for mood in Mood]

    def judge(self, texts: Sequence[str], vectors: Vectors) -> tuple[Judged, ...]:
        """The mood of each message.

        Args:
            vectors: Of the same texts, `[texts, dimension]`.
        """
        if not texts:
            return ()
        likeness = np.stack(
            [
                np.sort(vectors @ examples.T, axis=1)[:, -_NEAREST:].mean(axis=1)
                for examples in self._examples
            ],
            axis=1,
        )
        return tuple(_judged(text, row.tolist()) for text, row in zip(texts, likeness, strict=True))


def _judged(text: str, likeness: Sequence[float]) -> Judged:
    if frustration(text)[0] >= _FED_UP:
        return Judged(Mood.NEGATIVE, 1.0)
    if is_chinese(text):  # the default embedder does not read it
        words = {Mood.NEGATIVE: _NEGATIVE_WORDS, Mood.POSITIVE: _POSITIVE_WORDS}
        return Judged(next((m for m, w in words.items() if any(x in text for x in w)), Mood.NEUTRAL), 1.0)
    ranked = sorted(zip(likeness, Mood, strict=True), reverse=True)
    return Judged(ranked[0][1], ranked[0][0] - ranked[1][0])

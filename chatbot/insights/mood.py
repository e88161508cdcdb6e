"""Whether a message of a customer sounds negative, neutral or positive: by likeness to examples, and by words.

Each message is compared with a few sentences of each mood, by the mean of the seven nearest (a nearest class mean in
the embedding space, without training data); the words of `mood_words` are added to that. The weights are set by hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from chatbot.insights.mood_words import words_score
from chatbot.text import is_chinese
from knowledge_base.embed_backends import Vectors

Encode = Callable[[Sequence[str]], Vectors]
_NEAREST = 7
_LIKENESS_WEIGHT = 10.0
_WORDLESS = 0.5


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
    """A mood, and by how much it is ahead of the next one, from 0."""

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
    score = words_score(text)
    by_words = {
        Mood.NEGATIVE: max(-score, 0.0),
        Mood.NEUTRAL: 0.0 if score else _WORDLESS,
        Mood.POSITIVE: max(score, 0.0),
    }
    weight = 0.0 if is_chinese(text) else _LIKENESS_WEIGHT  # the default embedder does not read Chinese
    ranked = sorted(
        ((weight * like + by_words[mood], mood) for like, mood in zip(likeness, Mood, strict=True)),
        reverse=True,
    )
    return Judged(ranked[0][1], ranked[0][0] - ranked[1][0])

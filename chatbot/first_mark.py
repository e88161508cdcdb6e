"""How an answer from passages begins: with the mark of a passage, or with that of none.

Asked before a word is written, and by one definition for answering and for fitting the threshold, so that the number
means the same in both. Knows no threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatbot.generators.base import Generator, Prompt
from chatbot.prompt import ANSWER_PREFIX, REFUSAL_NUMBER

_MOST_PASSAGES = 9  # numbers of one digit are one token


@dataclass(frozen=True, slots=True)
class FirstMark:
    """What a model would begin its answer with.

    Attributes:
        refusal_probability: Share of "0" among the numbers that may stand there; 1 when there is no passage.
        number: The likeliest passage; 0 when there is none.
        likely: How likely each passage is, in order.
    """

    refusal_probability: float
    number: int
    likely: tuple[float, ...] = field(default=(), compare=False)

    @property
    def prefix(self) -> str:
        """The beginning of the answer. It ends with the bracket: the next token brings the space along."""
        return f"{ANSWER_PREFIX}{self.number}]"


def first_mark(
    generator: Generator,
    prompt: Prompt,
    n_passages: int,
    *,
    adapter: str | None = None,
    images: Sequence[Path] = (),
) -> FirstMark:
    """Asks which of the numbered passages the answer would begin with, and how likely none of them.

    Raises:
        GenerationError: The engine failed, or does not tell probabilities.
    """
    if not n_passages:
        return FirstMark(1.0, REFUSAL_NUMBER)
    numbers = range(min(n_passages, _MOST_PASSAGES) + 1)
    likely = generator.choose(
        prompt, [str(n) for n in numbers], prefix=ANSWER_PREFIX, adapter=adapter, images=images
    )
    refusal = likely[REFUSAL_NUMBER]
    best = max(numbers[1:], key=lambda number: likely[number])
    return FirstMark(refusal / total if (total := sum(likely)) else 1.0, best, tuple(likely[1:]))

"""One answer as the model is asked for it: the prompt that fits, how the answer begins, and its pieces.

Knows no events, and leaves to others what of it a customer may see.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from chatbot.first_mark import FirstMark, first_mark
from chatbot.generators.base import ChatTurn, Role
from chatbot.generators.swap import TurnGenerator
from chatbot.messages import Observation
from chatbot.prompt import FittedPrompt, Passage, Question, fit_conversation
from chatbot.refusal import Asked
from chatbot.settings import Settings
from chatbot.store import StoredMessage
from chatbot.understand import language_of

_SEEN_CHARS = 600  # screen text beyond this crowds the passages out of a small window


@dataclass(frozen=True, slots=True)
class Draft:
    """What the model is asked.

    Attributes:
        begins: With which passage the answer begins; None where the adapter's marks are not calibrated for the
            question's language, and the model begins as it likes.
        refusal_probability: How likely no passage holds the answer, as the adapter's `RefusalRule` has it; None where
            that says nothing of the question.
    """

    generator: TurnGenerator
    fitted: FittedPrompt
    images: Sequence[Path]
    begins: FirstMark | None
    refusal_probability: float | None = None

    def pieces(self, settings: Settings) -> Iterator[str]:
        """The answer as it is written, without its beginning; errors as for `Generator.stream`."""
        return self.generator.stream(
            self.fitted.prompt,
            images=self.images,
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            prefix=self.prefix,
        )

    @property
    def prefix(self) -> str:
        """How the answer begins; empty when that is left to the model."""
        return self.begins.prefix if self.begins else ""


def begin(
    generator: TurnGenerator,
    earlier: Sequence[StoredMessage],
    passages: Sequence[Passage],
    observation: Observation,
    images: Sequence[Path],
    settings: Settings,
    similarities: Sequence[float] = (),
) -> Draft:
    """Fits everything into the model's window and, where the adapter is calibrated, asks how the answer begins.

    Args:
        earlier: Messages of the conversation before this question, oldest first.
        images: For a model that sees them; as many of the first ones as leave half of the window to words are shown.
        similarities: Cosine of the question and each of the passages.

    Raises:
        InputError: The question alone does not fit.
        GenerationError: The engine failed, or does not tell probabilities.
    """
    limit = 2 * settings.max_history_turns
    limit_tokens = generator.context_tokens - settings.max_new_tokens
    shown = images[: _most_images(generator, images, limit_tokens)]

    def fit(chosen: Sequence[Passage]) -> FittedPrompt:
        return fit_conversation(
            settings.company_name,
            _paired([ChatTurn(_role(m), _told(m)) for m in (earlier[-limit:] if limit else ())]),
            chosen,
            Question(observation.said, _seen(observation, described=not shown)),
            count_tokens=partial(generator.count_tokens, images=shown),
            limit_tokens=limit_tokens,
        )

    fitted = fit(passages)
    if shown and generator.looking:  # nothing is fitted to the doubts of the adapter that looks
        return Draft(generator, fitted, shown, None)
    rule = generator.refusal
    if rule is None or language_of(observation) not in generator.languages:
        return Draft(generator, fitted, shown, None)
    begins = first_mark(generator, fitted.prompt, len(fitted.passages), images=shown)
    if (
        rule.compares and observation.seen and fitted.passages
    ):  # fitted on typed questions: "what is this?" is near nothing
        return Draft(generator, fitted, shown, begins)
    asked = Asked(observation.said, [f"{p.title}\n{p.text}" for p in fitted.passages], similarities)
    likely = rule.probability(begins, asked)
    number = rule.passage(begins, asked)
    if number != begins.number:  # the model would go on about its own choice under another one's mark
        fitted = fit([fitted.passages[number - 1]])
    return Draft(generator, fitted, shown, replace(begins, number=number), likely)


def _most_images(generator: TurnGenerator, images: Sequence[Path], limit_tokens: int) -> int:
    if not images:
        return 0
    nothing = [ChatTurn("user", "")]
    each = generator.count_tokens(nothing, images=images[:1]) - generator.count_tokens(nothing)
    return limit_tokens // 2 // each if each > 0 else len(images)


def _role(message: StoredMessage) -> Role:
    """To the model, what a person of the team said is what was answered."""
    return "user" if message.role == "user" else "assistant"


def _told(message: StoredMessage) -> str:
    """What was said, and in a sentence each what earlier pictures showed: they are not shown again."""
    shown = message.observation.screens if message.observation else ()
    return "\n".join([message.text, *(f"(Screenshot: {s.description})" for s in shown if s.description)])


def _seen(observation: Observation, *, described: bool) -> str:
    """What was read, and for a model that is shown no picture what they show."""
    descriptions = [s.description for s in observation.screens if s.description] if described else []
    return "\n".join([*descriptions, observation.seen[:_SEEN_CHARS]]).strip()


def _paired(turns: Sequence[ChatTurn]) -> list[ChatTurn]:
    """Question–answer pairs only: an unanswered question would make two user turns in a row."""
    pairs = pairwise(turns)
    return [
        t for asked, told in pairs if asked.role == "user" and told.role == "assistant" and told.content
        for t in (asked, told)
    ]  # fmt: skip

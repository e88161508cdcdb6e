"""One training example: a prompt as it is asked in serving, and the answer that should follow."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chatbot.generators.base import ChatTurn
from chatbot.prompt import REFUSAL, Passage, Question, render_conversation
from finetune.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt and its answer.

    Attributes:
        kind: What it teaches: `heading`, `sentence`, `topic`, `refusal`, `conversation`, `clarify`, `handoff`…
        source: Document or conversation that it was made of; splits go by it.
        gold: Number of the passage that answers; 0 for a refusal, -1 where no passage is meant.
    """

    prompt: tuple[ChatTurn, ...]
    answer: str
    kind: str
    source: str
    gold: int

    def as_row(self) -> dict[str, Any]:
        """The example as it stands in a JSONL file."""
        turns = [{"role": turn.role, "content": turn.content} for turn in self.prompt]
        return {
            "prompt": turns,
            "answer": self.answer,
            "kind": self.kind,
            "source": self.source,
            "gold": self.gold,
        }

    @classmethod
    def from_row(cls, line: str) -> "Example":
        """Reads one line of a dataset file.

        Raises:
            DatasetError: The line is no example.
        """
        try:
            row = json.loads(line)
            turns = tuple(ChatTurn(turn["role"], turn["content"]) for turn in row["prompt"])
            return cls(turns, row["answer"], row["kind"], row["source"], int(row["gold"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DatasetError(
                f"A line of the dataset is no example: {error!r}.", "Build the dataset again."
            ) from error


@dataclass(frozen=True, slots=True)
class Context:
    """What several examples share: company, earlier turns, passages, screen text."""

    company: str
    passages: tuple[Passage, ...]
    history: tuple[ChatTurn, ...] = ()
    seen: str = ""

    def example(self, question: str, answer: str, *, kind: str, source: str, gold: int) -> Example:
        """The example that asks `question` in this context, in exactly the prompt format of serving."""
        turns = render_conversation(self.company, self.history, self.passages, Question(question, self.seen))
        return Example(tuple(turns), answer, kind, source, gold)

    def refusal(self, question: str, *, source: str, kind: str = "refusal") -> Example:
        """The example whose question the passages do not answer."""
        return self.example(question, REFUSAL, kind=kind, source=source, gold=0)


def marked(sentences: Sequence[str], number: int) -> str:
    """An answer of several sentences, each beginning with the mark of its passage."""
    return " ".join(f"[{number}] {sentence}" for sentence in sentences)


def neighbours_first(examples: Sequence[Example]) -> list[Example]:
    """The examples so that prompts with a long common beginning stand together; training computes it once."""
    return sorted(examples, key=lambda example: [turn.content for turn in example.prompt])

"""A stand-in for a language model that reads the prompt: it answers from a table, refuses as likely as told."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatbot.generators.base import Prompt
from chatbot.prompt import Question
from finetune.evaluation_rows import EvaluationRow, passages_in
from finetune.protocols import grounded_row

PASSAGES = (
    ("returns", "Returns", "Return a lamp within 45 days. Returns are free."),
    ("codes", "Error codes", "WR-204 means that the lamp is too far away."),
    ("care", "Care", "Clean the lamp with a dry cloth."),
)


def row(question: str, answer: str = "", gold: int = 0) -> EvaluationRow:
    """A row about the lamp; without an answer it must be refused."""
    return grounded_row(
        PASSAGES,
        Question(question),
        references=[answer] if answer else [],
        gold=[gold] if gold else [],
        company="Lamps",
        kind="test",
        source="lamps",
    )


ROWS = (
    row("How long may I return it?", "Return a lamp within 45 days.", 1),
    row("What does WR-204 mean?", "WR-204 means that the lamp is too far away.", 2),
    row("How do I clean it?", "Clean the lamp with a dry cloth.", 3),
    row("How heavy is it?"),
    row("Who founded the company?"),
)


class KilledError(Exception):
    """Stands for SIGKILL: nothing after it runs."""


@dataclass
class TableModel:
    """Answers by question; what it does not know it answers with `otherwise`.

    Attributes:
        refuses: Probability of "0" as the first passage number by question, else 0.1.
        dies_after: Answers after which the process is killed.
    """

    says: Mapping[str, str] = field(default_factory=dict)
    refuses: Mapping[str, float] = field(default_factory=dict)
    otherwise: str = "[1] Return a lamp within 45 days."
    dies_after: int | None = None
    name: str = "table"
    context_tokens: int = 2048
    sees_images: bool = False
    asked: list[str] = field(default_factory=list)

    def stream(
        self,
        prompt: Prompt,
        *,
        images: Sequence[Path] = (),
        adapter: str | None = None,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        prefix: str = "",
    ) -> Iterator[str]:
        if self.dies_after is not None and len(self.asked) >= self.dies_after:
            raise KilledError
        question = _question(prompt)
        self.asked.append(question)
        said = self.says.get(question, self.otherwise)
        for number, word in enumerate(said.removeprefix(prefix).split(" ")):
            yield word if number == 0 else f" {word}"

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        question = _question(prompt)
        refuses = self.refuses.get(question, 0.1)
        chosen = self.says.get(question, self.otherwise)[1:2]
        return tuple(
            refuses if option == "0" else (1 - refuses) * (0.9 if option == chosen else 0.01)
            for option in options
        )

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        return sum(len(turn.content.split()) for turn in prompt)

    def close(self) -> None:
        pass


def _question(prompt: Prompt) -> str:
    content = prompt[-1].content
    return content.rpartition("Question: ")[2] if passages_in(content) else content


def good_model(**changes: object) -> TableModel:
    """Knows every answer and is sure of what to refuse."""
    says = {r.question: f"[{min(r.gold)}] {r.references[0]}" for r in ROWS if r.gold}
    refuses = {r.question: 0.8 if r.must_refuse else 0.05 for r in ROWS}
    return TableModel(says, refuses, **changes)  # type: ignore[arg-type]

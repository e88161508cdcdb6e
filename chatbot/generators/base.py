"""What the assistant asks of a language model. A generator knows nothing of retrieval or citations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn of a chat prompt; the engine applies the model's own chat template."""

    role: Role
    content: str


Prompt = Sequence[ChatTurn]


class Generator(Protocol):
    """A loaded language model. Safe to use from several threads at once.

    Attributes:
        name: What people call the model.
        context_tokens: Prompt and answer together may not be longer.
        sees_images: Whether `images` are turned into visual tokens rather than ignored.
    """

    name: str
    context_tokens: int
    sees_images: bool

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
        """Yields the answer piece by piece; closing the iterator stops the engine's work at once.

        Args:
            prompt: System, user and assistant turns; the last one is the user's.
            images: Files whose visual tokens precede the last user turn.
            adapter: Id of a loaded LoRA adapter; None means the default one, if any, and `none` the bare base.
            temperature: 0 is greedy.
            stop: The answer ends before any of these strings.
            prefix: How the answer begins; the model goes on from there and the stream does not repeat it.

        Raises:
            GenerationError: The prompt does not fit, the adapter is unknown or the engine failed.
        """
        ...

    def choose(
        self,
        prompt: Prompt,
        options: Sequence[str],
        *,
        prefix: str = "",
        adapter: str | None = None,
        images: Sequence[Path] = (),
    ) -> tuple[float, ...]:
        """How likely each option is as the next token of the answer after `prefix`; they need not add up to 1.

        Args:
            options: Texts of one token each.

        Raises:
            GenerationError: As for `stream`, or the engine does not tell probabilities.
        """
        ...

    def count_tokens(self, prompt: Prompt, *, images: Sequence[Path] = ()) -> int:
        """Length in tokens of the prompt with the chat template applied, visual tokens and their marks included."""
        ...

    def close(self) -> None:
        """Frees the model. Streams that are running end with a GenerationError."""
        ...

"""What the step "Examples" does: makes training examples of what was masked, and tells what they are. Knows no page."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chatbot.errors import InputError
from finetune.dataset import Dataset, Example
from finetune.dataset.from_conversations import Progress, build_dataset
from finetune.dataset.from_knowledge_base import Searchable
from finetune.dataset.store import CARD, PARTS
from finetune.redact import load_redacted
from finetune.settings import DatasetSettings
from finetune.web.alone import alone

SEED = 7
_KEYS = ("conversation_keys", "customer_keys")
_LENGTH_STEP_WORDS = 10
_LONGEST_STEP_WORDS = 80
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a dataset holds.

    Attributes:
        card: Its data card, without the keys by which erasure finds conversations.
        kinds: What the examples teach → how many do.
        lengths: Words of the answers, in steps → how many are so long.
        shown: Some examples to read, of as many kinds as there are.
    """

    card: Mapping[str, Any]
    kinds: Mapping[str, int]
    lengths: Mapping[str, int]
    shown: tuple[Example, ...]


class ExamplesDesk:
    """The dataset of one installation.

    Args:
        redacted: Masked conversations; without them examples are made of the knowledge base alone.
        folder: Of the dataset.
        knowledge_base: Waits until it is open.
    """

    def __init__(
        self, redacted: Path, folder: Path, knowledge_base: Callable[[], Searchable], company_name: str
    ) -> None:
        self._redacted = redacted
        self._folder = folder
        self._knowledge_base = knowledge_base
        self._company_name = company_name

    def build(self, chosen: Mapping[str, Any], progress: Progress) -> Statistics:
        """Makes the examples anew.

        Args:
            chosen: Settings that differ from the defaults.

        Raises:
            InputError: A setting is out of its range, or examples are being made already.
            RedactionError: The masked file was changed.
            DatasetError: There is nothing to learn from.
        """
        try:
            settings = DatasetSettings(**{"company_name": self._company_name, **chosen})
        except ValidationError as error:
            first = error.errors()[0]
            raise InputError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}.") from error
        with alone(self._folder, "Examples are being made already."):
            conversations = load_redacted(self._redacted) if self._redacted.is_file() else ()
            build_dataset(conversations, self._knowledge_base(), settings, SEED, progress).save(self._folder)
        return self._statistics()

    def statistics(self) -> Statistics | None:
        """Of the dataset; None when there is none.

        Raises:
            DatasetError: It is damaged.
        """
        return self._statistics() if (self._folder / CARD).is_file() else None

    def _statistics(self) -> Statistics:
        dataset = Dataset.load(self._folder)
        examples = [example for part in PARTS for example in dataset.part(part)]
        card = {name: value for name, value in dataset.card().items() if name not in _KEYS}
        return Statistics(
            card,
            dict(Counter(example.kind for example in examples)),
            _lengths(examples),
            _varied(dataset.train),
        )


def _lengths(examples: Sequence[Example]) -> dict[str, int]:
    steps = Counter(
        min(len(example.answer.split()) // _LENGTH_STEP_WORDS * _LENGTH_STEP_WORDS, _LONGEST_STEP_WORDS)
        for example in examples
    )
    return {_step(first): steps[first] for first in sorted(steps)}


def _step(first: int) -> str:
    return f"{first}+" if first == _LONGEST_STEP_WORDS else f"{first}–{first + _LENGTH_STEP_WORDS - 1}"


def _varied(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The first example of each kind, then others."""
    first = {example.kind: example for example in reversed(examples)}
    others = [example for example in examples if first[example.kind] is not example]
    return tuple([*first.values(), *others][:_SHOWN])


def card_text(card: Mapping[str, Any]) -> str:
    """A data card as it is kept."""
    return json.dumps(card, indent=1, ensure_ascii=False, default=str)

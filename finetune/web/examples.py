"""What the step "Examples" does: makes training examples of what was masked, and tells what they are. Knows no page."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chatbot.settings import Settings
from finetune.dataset import Dataset, Example
from finetune.dataset.from_conversations import Progress
from finetune.dataset.from_knowledge_base import Searchable
from finetune.dataset.store import CARD, PARTS
from finetune.order import Order, completed
from finetune.pipeline import build_examples_of
from finetune.settings import DatasetSettings
from finetune.web.alone import alone
from finetune.workspace import Workspace

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
        workspace: Has the masked conversations; without them examples are made of the knowledge base alone.
        knowledge_base: Waits until it is open.
        settings: Those of `finetune.dataset` hold where nothing else is chosen.
    """

    def __init__(
        self, workspace: Workspace, knowledge_base: Callable[[], Searchable], settings: Settings
    ) -> None:
        self._workspace = workspace
        self._folder = workspace.dataset()
        self._knowledge_base = knowledge_base
        self._settings = settings

    @property
    def usual(self) -> DatasetSettings:
        """The settings as they are configured."""
        return self._settings.finetune.dataset

    def build(self, chosen: Mapping[str, Any], progress: Progress) -> Statistics:
        """Makes the examples, as the stage of a job does; those that were made of the same stay.

        Args:
            chosen: Settings that differ from the configured ones.

        Raises:
            InputError: A setting is out of its range, or examples are being made already.
            RedactionError: The masked file was changed.
            DatasetError: There is nothing to learn from.
        """
        arguments = completed({"dataset": dict(chosen)}, self._settings)
        order = Order.of(arguments, self._settings.company_name)
        with alone(self._folder, "Examples are being made already."):
            build_examples_of(order, self._workspace, self._knowledge_base(), progress)
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

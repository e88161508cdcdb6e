"""A dataset on disk: three JSONL files and a card. Written whole or not at all; its hash is of the examples."""

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatbot.prompt import PROMPT_FORMAT
from finetune.dataset.example import Example
from finetune.errors import DatasetError
from knowledge_base.atomic import write_atomically

PARTS = ("train", "validation", "test")
CARD = "card.json"


@dataclass(frozen=True)
class Dataset:
    """Examples in three parts, and what is known of them.

    Attributes:
        about: What the card says beside counts: sources, settings, seed, what was left out.
    """

    train: tuple[Example, ...]
    validation: tuple[Example, ...] = ()
    test: tuple[Example, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        """SHA-256 of all examples in order; the same examples give the same hash."""
        digest = hashlib.sha256()
        for part in PARTS:
            for example in self.part(part):
                digest.update(_line(example).encode())
            digest.update(b"\0")
        return digest.hexdigest()

    def part(self, name: str) -> tuple[Example, ...]:
        """`train`, `validation` or `test`."""
        found: tuple[Example, ...] = getattr(self, name)
        return found

    def card(self) -> dict[str, Any]:
        """Counts by part, kind and passage, lengths, hash and prompt format."""
        return {
            **self.about,
            "prompt_format": PROMPT_FORMAT,
            "dataset_hash": self.hash,
            "examples": {part: len(self.part(part)) for part in PARTS},
            "statistics": {part: statistics(self.part(part)) for part in PARTS},
        }

    def save(self, folder: Path) -> Path:
        """Writes the three parts and, last, the card.

        Raises:
            DatasetError: The folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for torn in folder.glob(".*.tmp"):  # of a build that was killed
                torn.unlink(missing_ok=True)
            for part in PARTS:
                text = "".join(map(_line, self.part(part)))
                write_atomically(folder / f"{part}.jsonl", text.encode())
            card = json.dumps(self.card(), indent=1, ensure_ascii=False, default=str)
            write_atomically(folder / CARD, card.encode())
        except OSError as error:
            raise DatasetError(
                f"The dataset cannot be written: {error.strerror}.", "Choose another folder."
            ) from error
        return folder

    @classmethod
    def load(cls, folder: Path) -> "Dataset":
        """Reads a dataset and checks it against its card.

        Raises:
            DatasetError: It is not there, not whole, or of another prompt format.
        """
        try:
            card = json.loads((folder / CARD).read_text("utf-8"))
            parts = {part: tuple(_read(folder / f"{part}.jsonl")) for part in PARTS}
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"There is no whole dataset in {folder.name}.", "Build it with `frontdesk finetune build`."
            ) from error
        known = ("prompt_format", "dataset_hash", "examples", "statistics")
        dataset = cls(**parts, about={key: value for key, value in card.items() if key not in known})
        if card.get("prompt_format") != PROMPT_FORMAT or card.get("dataset_hash") != dataset.hash:
            raise DatasetError(
                "The dataset was changed or is of another prompt format.",
                "Build it again with `frontdesk finetune build`.",
            )
        return dataset


def split_by_source(
    examples: Iterable[Example], *, validation_share: float, test_share: float, seed: int
) -> dict[str, tuple[Example, ...]]:
    """Parts by document (the source up to its `#`), so that no document is on two sides."""
    parts: dict[str, list[Example]] = {part: [] for part in PARTS}
    side: dict[str, str] = {}
    for example in examples:
        document = example.source.split("#", 1)[0]
        if document not in side:
            side[document] = _side(f"{seed}/{document}", validation_share, test_share)
        parts[side[document]].append(example)
    return {part: tuple(found) for part, found in parts.items()}


def _side(key: str, validation_share: float, test_share: float) -> str:
    chance = random.Random(key).random()  # noqa: S311 (a split, not a secret)
    if chance < test_share:
        return "test"
    return "validation" if chance < test_share + validation_share else "train"


def statistics(examples: Sequence[Example]) -> dict[str, Any]:
    """Counts by kind and by the passage that answers, and mean lengths in characters."""
    if not examples:
        return {}
    prompt_chars = sum(len(turn.content) for example in examples for turn in example.prompt)
    return {
        "kinds": dict(sorted(Counter(example.kind for example in examples).items())),
        "gold": {str(k): n for k, n in sorted(Counter(example.gold for example in examples).items())},
        "sources": len({example.source for example in examples}),
        "prompt_chars_mean": round(prompt_chars / len(examples), 1),
        "answer_chars_mean": round(sum(len(e.answer) for e in examples) / len(examples), 1),
    }


def _line(example: Example) -> str:
    return json.dumps(example.as_row(), ensure_ascii=False) + "\n"


def _read(path: Path) -> list[Example]:
    with path.open(encoding="utf-8") as lines:
        return [Example.from_row(line) for line in lines if line.strip()]

"""General instructions mixed in, so that a tuned model does not forget everything but passages."""

import json
import random
from collections.abc import Iterator, Sequence
from importlib import resources

from chatbot.generators.base import ChatTurn
from finetune.dataset.example import Example

_EVERY = 20
KIND = "instruction"


def instructions() -> list[Example]:
    """The instructions that come with Frontdesk; none of them is asked by the guard set of the evaluation."""
    text = resources.files("finetune").joinpath("recipes", "instructions.jsonl").read_text("utf-8")
    rows = (json.loads(line) for line in text.splitlines())
    return [
        Example((ChatTurn("user", row["prompt"]),), row["answer"], KIND, f"instruction-{number}", -1)
        for number, row in enumerate(rows)
    ]


def with_instructions(examples: Sequence[Example], share: float, seed: int) -> Iterator[Example]:
    """The examples with instructions between them, at most `share` of the whole and each at most four times.

    They come in groups, so that examples of one context stay together.
    """
    known = instructions()
    wanted = min(round(len(examples) * share / (1 - share)), 4 * len(known)) if share < 1 else 0
    rng = random.Random(seed)  # noqa: S311 (an order, not a secret)
    drawn = [rng.choice(known) for _ in range(wanted)]
    for at in range(0, len(examples), _EVERY):
        yield from examples[at : at + _EVERY]
        count = round(wanted * min(1, (at + _EVERY) / len(examples))) - round(wanted * at / len(examples))
        yield from (drawn.pop() for _ in range(count))

"""Held-out loss and accuracy by channel and by what is asked."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from finetune.packing import IGNORE, Pack
from finetune.vision_encoding import EncodedQuestion


class Tally:
    """Sums over held-out packs."""

    def __init__(self) -> None:
        self._losses: dict[str, list[float]] = defaultdict(list)
        self._rights: dict[str, list[float]] = defaultdict(list)
        self._summed, self._weight = 0.0, 0.0

    @property
    def loss(self) -> float:
        """Weighted mean loss of a token."""
        return self._summed / max(self._weight, 1e-9)

    def add(self, pack: Pack, losses: Any, weights: Any, logits: Any) -> None:
        """Adds a pack whose examples are encoded questions.

        Args:
            losses, weights: Of each target in the order of the pack, `[targets]`.
            logits: `[targets, vocabulary]`.
        """
        self._summed += float((losses * weights).sum())
        self._weight += float(weights.sum())
        at = 0
        for question in _questions(pack):
            end = at + sum(label != IGNORE for label in question.labels)
            name = f"{question.channel}_{question.needs}_{question.kind}"
            self._losses[name].append(float(losses[at:end].mean()))
            if question.options:
                likeliest = int(logits[at, list(question.options)].argmax())
                self._rights[name].append(float(likeliest == question.right))
            at = end

    def figures(self, prefix: str = "") -> dict[str, float]:
        """`loss_…` by channel and kind and, of closed questions, `accuracy_…`, also over all kinds of a channel."""
        found = {f"{prefix}loss_{name}": _mean(values) for name, values in sorted(self._losses.items())}
        found |= {f"{prefix}accuracy_{name}": _mean(values) for name, values in sorted(self._rights.items())}
        together: dict[str, list[float]] = defaultdict(list)
        for name, values in self._rights.items():
            together["_".join(name.split("_")[:2])] += values
        return found | {f"{prefix}accuracy_{name}": _mean(values) for name, values in together.items()}


def _questions(pack: Pack) -> Iterator[EncodedQuestion]:
    for example in (example for tree in pack.trees for example in tree.examples):
        if not isinstance(example, EncodedQuestion):
            raise TypeError("only questions about screens are tallied")
        yield example


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)

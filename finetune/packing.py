"""Examples to packs of tokens: prompts with a common beginning become one tree, computed once.

A tree is a trunk (what its examples share) and branches (the rest of each). A branch sees the trunk and itself,
never another branch, and its positions go on from the trunk: each example has exactly the activations and losses it
has alone. Pure, on plain integers; knows no model.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

IGNORE = -100
_MIN_SHARED_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Encoded:
    """One example in tokens.

    Attributes:
        input_ids: Prompt and answer.
        labels: `input_ids` where the assistant speaks, else -100.
        weights: Weight in the loss of each label.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True)
class Tree:
    """Examples that share their first `trunk` tokens."""

    trunk: int
    examples: tuple[Encoded, ...]

    @property
    def tokens(self) -> int:
        """Tokens to compute."""
        return self.trunk + sum(len(example) - self.trunk for example in self.examples)


@dataclass(frozen=True, slots=True)
class Pack:
    """Trees that are computed together, without padding."""

    trees: tuple[Tree, ...]

    @property
    def tokens(self) -> int:
        """Tokens to compute."""
        return sum(tree.tokens for tree in self.trees)

    @property
    def examples(self) -> int:
        """Examples in all trees."""
        return sum(len(tree.examples) for tree in self.trees)

    @property
    def tokens_alone(self) -> int:
        """Tokens of the examples, as if each were computed alone."""
        return sum(len(example) for tree in self.trees for example in tree.examples)


@dataclass(frozen=True, slots=True)
class Flat:
    """A pack as one row of tokens.

    Attributes:
        segments: For each token the number of its branch; trunks have numbers of their own.
        parents: For each segment the trunk it goes on from, itself when it is a trunk.
        targets: Pairs (position that predicts, token predicted, weight).
    """

    input_ids: list[int]
    positions: list[int]
    segments: list[int]
    parents: list[int]
    targets: list[tuple[int, int, float]]


def grow_trees(examples: Iterable[Encoded], max_tokens: int, max_examples: int = 0) -> list[Tree]:
    """Joins neighbouring examples with a common beginning, up to `max_tokens` a tree.

    Only neighbours are compared: who makes examples keeps those of one context together.

    Args:
        max_examples: Most examples of one tree; one more of the same context begins another tree. 0 sets no limit.
    """
    trees: list[Tree] = []
    for example in examples:
        last = trees[-1] if trees else None
        if last and 0 < max_examples <= len(last.examples):
            last = None
        trunk = _shared(last, example) if last else 0
        if last and trunk >= max(_MIN_SHARED_TOKENS, len(example) // 3):
            grown = Tree(trunk, (*last.examples, example))
            if grown.tokens <= max_tokens and grown.tokens < last.tokens + len(example):
                trees[-1] = grown
                continue
        trees.append(Tree(0, (example,)))
    return trees


def _shared(tree: Tree, example: Encoded) -> int:
    """Length of the common beginning, all of it prompt, and never the whole of an example."""
    first = tree.examples[0]
    limit = min(len(example), *(len(other) for other in tree.examples)) - 1
    if len(tree.examples) > 1:
        limit = min(limit, tree.trunk)
    at = 0
    while (
        at < limit
        and first.input_ids[at] == example.input_ids[at]
        and first.labels[at] == IGNORE == example.labels[at]
    ):
        at += 1
    return at


def pack(trees: Sequence[Tree], max_tokens: int) -> list[Pack]:
    """First-fit decreasing: as few packs as can be, each up to `max_tokens`; a longer tree stands alone."""
    bins: list[tuple[int, list[Tree]]] = []
    for tree in sorted(trees, key=lambda tree: -tree.tokens):
        for i, (used, held) in enumerate(bins):
            if used + tree.tokens <= max_tokens:
                held.append(tree)
                bins[i] = (used + tree.tokens, held)
                break
        else:
            bins.append((tree.tokens, [tree]))
    return [Pack(tuple(held)) for _, held in bins]


def steps_of(packs: Sequence[Pack], tokens_per_step: int, seed: int) -> list[list[Pack]]:
    """Packs in random order, as many to an optimiser step as reach `tokens_per_step`."""
    order = list(packs)
    random.Random(seed).shuffle(order)  # noqa: S311 (an order, not a secret)
    steps: list[list[Pack]] = [[]]
    for one in order:
        if sum(p.tokens for p in steps[-1]) + one.tokens / 2 > tokens_per_step and steps[-1]:
            steps.append([])
        steps[-1].append(one)
    return steps


def flatten(pack: Pack) -> Flat:
    """The pack as one row: each trunk followed by its branches."""
    flat = Flat([], [], [], [], [])
    for tree in pack.trees:
        trunk = len(flat.parents)
        if tree.trunk:
            flat.parents.append(trunk)
            _append(flat, tree.examples[0], range(tree.trunk), trunk)
        before = len(flat.input_ids) - 1
        for example in tree.examples:
            segment = len(flat.parents)
            flat.parents.append(trunk if tree.trunk else segment)
            _append(flat, example, range(tree.trunk, len(example)), segment)
            start = len(flat.input_ids) - (len(example) - tree.trunk)
            for at in range(max(1, tree.trunk), len(example)):
                if example.labels[at] != IGNORE:
                    predictor = start + at - tree.trunk - 1 if at > tree.trunk else before
                    flat.targets.append((predictor, example.labels[at], example.weights[at]))
    return flat


def _append(flat: Flat, example: Encoded, span: range, segment: int) -> None:
    flat.input_ids.extend(example.input_ids[at] for at in span)
    flat.positions.extend(span)
    flat.segments.extend([segment] * len(span))

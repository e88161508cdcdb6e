"""Texts that mean the same put together. Pure."""

from collections.abc import Sequence

import numpy as np

from knowledge_base.embed_backends import Vectors


def groups(vectors: Vectors, min_similarity: float) -> list[list[int]]:
    """Each text with the first one before it that is as similar as wanted, largest groups first.

    Args:
        vectors: Unit vectors `[texts, dimension]`.
        min_similarity: Cosine similarity to the text that began the group.

    Returns:
        Places in the order given, the one that began each group first.
    """
    found: list[list[int]] = []
    leaders: list[int] = []
    for place in range(len(vectors)):
        similarities = vectors[leaders] @ vectors[place] if leaders else np.zeros(0, np.float32)
        best = int(similarities.argmax()) if leaders else 0
        if leaders and similarities[best] >= min_similarity:
            found[best].append(place)
        else:
            leaders.append(place)
            found.append([place])
    return sorted(found, key=_size)


def _size(group: Sequence[int]) -> int:
    return -len(group)

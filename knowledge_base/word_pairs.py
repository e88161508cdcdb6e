"""Words that stand beside each other: what a screen calls a thing, a help article calls by the same words in a row."""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from knowledge_base.lexical import Scores, words_of


def pair_scores(screen: str, passages: Sequence[str]) -> Scores:
    """How much of what stands side by side in a screen's lines does so in each passage, in any line of it.

    A pair counts once, by its rarity among the passages given (BM25's inverse document frequency). So what every
    window shows, and what happens to be written on it in single words, counts for little.

    Returns:
        Sums of the weights of the pairs found `[passages]`; 0 where none is.
    """
    asked = {pair for line in screen.splitlines() for pair in pairwise(words_of(line))}
    held = [asked.intersection(pairwise(words_of(passage))) for passage in passages]
    found = Counter(pair for pairs in held for pair in pairs)
    rarity = {pair: math.log1p((len(passages) - n + 0.5) / (n + 0.5)) for pair, n in found.items()}
    return np.array([sum(rarity[pair] for pair in pairs) for pairs in held], np.float32)

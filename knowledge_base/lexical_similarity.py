"""Similarity without a model, for questions in a script the embedder's vocabulary lacks.

An English embedder sees most Chinese words as the same unknown token, so that unrelated questions look equal
(cosine 0.99). Characters, weighted by how rare they are, tell them apart.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from knowledge_base.lexical import Scores, words_of


class CharacterIndex:
    """TF-IDF over single characters and pairs of them, words of other scripts whole."""

    def __init__(self, texts: Iterable[str]) -> None:
        found: dict[str, array[int]] = defaultdict(lambda: array("i"))
        self._size = 0
        for text in texts:
            for gram in set(_grams(text)):
                found[gram].append(self._size)
            self._size += 1
        self._postings = {gram: np.array(places, np.int32) for gram, places in found.items()}
        self._idf = {gram: math.log(1 + self._size / len(places)) for gram, places in found.items()}
        squares = np.zeros(self._size, np.float64)
        for gram, places in self._postings.items():
            squares[places] += self._idf[gram] ** 2
        self._norms: Scores = np.sqrt(squares).astype(np.float32)

    def coverage(self, query: str) -> Scores:
        """The share of the query's weight that each text has, `[n]` in [0, 1]."""
        return self._common(query, power=1) / max(sum(map(self._weight, set(_grams(query)))), 1e-9)

    def cosine(self, query: str) -> Scores:
        """Cosine of the weighted grams, each counted once, `[n]` in [0, 1]."""
        return self._common(query, power=2) / (self._norms * self._norm(_grams(query)) + 1e-9)

    def _common(self, query: str, power: int) -> Scores:
        common = np.zeros(self._size, np.float32)
        for gram in set(_grams(query)):
            if gram in self._postings:
                common[self._postings[gram]] += self._weight(gram) ** power
        return common

    def _norm(self, grams: Iterable[str]) -> float:
        return math.sqrt(sum(self._weight(gram) ** 2 for gram in set(grams)))

    def _weight(self, gram: str) -> float:
        return self._idf.get(gram, math.log(1 + self._size))


def _grams(text: str) -> list[str]:
    return [*words_of(text), *(c for c in text if not c.isascii() and c.isalpha())]

"""Similarity without a model, for questions in a script the embedder's vocabulary lacks.

An English embedder sees most Chinese words as the same unknown token, so that unrelated questions look equal
(cosine 0.99). Characters, weighted by how rare they are, tell them apart.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from knowledge_base.lexical import NOWHERE, LexicalIndex, Places, Scores, words_of


class CharacterIndex:
    """TF-IDF over single characters and pairs of them, words of other scripts whole.

    Args:
        words: Keyword index of the same texts: where words and pairs stand is taken from it and not held twice. Codes
            and part numbers in its one spelling count as words then.
    """

    def __init__(self, texts: Iterable[str], words: LexicalIndex | None = None) -> None:
        grams_of = _letters if words else _grams
        found: dict[str, array[int]] = defaultdict(lambda: array("i"))
        self._size = 0
        for text in texts:
            for gram in set(grams_of(text)):
                found[gram].append(self._size)
            self._size += 1
        self._own = {gram: np.array(places, np.int32) for gram, places in found.items()}
        self._words = words
        squares = np.zeros(self._size, np.float64)
        for gram in (*self._own, *(words.vocabulary if words else ())):
            squares[self._places(gram)] += self._weight(gram) ** 2
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
            common[self._places(gram)] += self._weight(gram) ** power
        return common

    def _places(self, gram: str) -> Places:
        own = self._own.get(gram)
        if own is None:
            return self._words.places_of(gram) if self._words else NOWHERE
        return own

    def _norm(self, grams: Iterable[str]) -> float:
        return math.sqrt(sum(self._weight(gram) ** 2 for gram in set(grams)))

    def _weight(self, gram: str) -> float:
        """As rare as it is; what occurs nowhere weighs as what occurs once."""
        return math.log(1 + self._size / max(1, len(self._places(gram))))


def _grams(text: str) -> list[str]:
    return [*words_of(text), *_letters(text)]


def _letters(text: str) -> list[str]:
    return [c for c in text if not c.isascii() and c.isalpha()]

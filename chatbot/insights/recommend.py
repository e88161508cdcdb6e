"""What customers want next after what they have just had: learnt from conversations and from likeness. Pure.

An item is anything that comes up in a conversation: an answered question, an article. After item `a` the next one is
`b` with

p(b | a) = (n(a, b) + k q(b | a)) / (n(a) + k), q(b | a) = (1 - m) pop(b) + m like(b | a)

where `n(a, b)` counts how often `b` came after `a` in a conversation, one step later as 1, two steps later as 1/2
and so on, `n(a)` is their sum, `pop` is how often an item comes up at all, and `like` is a softmax over cosine
similarities. What was seen before in the same conversation weighs half as much with each step, and is not offered
again.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_base.embed_backends import Vectors

PRIOR_WEIGHT = 5.0
LIKENESS_SHARE = 0.3
_WARMTH = 0.05
_FARTHEST = 3
_FADES = 0.5
OFFERED = 3
LEVEL = 0.05
FEWEST_CASES = 50


class NextSteps:
    """Ranks what may come next.

    Args:
        sequences: Items of past conversations, in order.
        items: Unit vectors of everything that may be offered, by id.
    """

    def __init__(self, sequences: Sequence[Sequence[str]], items: Mapping[str, Vectors]) -> None:
        self.ids = tuple(items)
        self._place = {item: place for place, item in enumerate(self.ids)}
        self._vectors = np.stack(list(items.values())) if items else np.zeros((0, 1), np.float32)
        seen = Counter(item for sequence in sequences for item in sequence if item in self._place)
        counts = np.array([seen[item] for item in self.ids], np.float64)
        self.popularity = (counts + 0.1) / (counts.sum() + 0.1 * max(1, len(counts)))
        self._after: dict[str, Counter[str]] = defaultdict(Counter)
        for sequence in sequences:
            self._count([item for item in sequence if item in self._place])

    def offer(self, seen: Sequence[str], most: int = OFFERED) -> tuple[str, ...]:
        """The items that most likely come next, best first; none where nothing of what was seen is known.

        Args:
            seen: Items of the conversation so far, the newest last.
        """
        known = [item for item in seen if item in self._place][-_FARTHEST:]
        if not known:
            return ()
        scores = sum(_FADES**age * self._chances(item) for age, item in enumerate(reversed(known)))
        return self._best(np.asarray(scores), seen, most)

    def popular(self, seen: Sequence[str], most: int = OFFERED) -> tuple[str, ...]:
        """The most frequent items that were not seen: what a suggestion has to beat."""
        return self._best(self.popularity, seen, most)

    def _count(self, sequence: Sequence[str]) -> None:
        for place, item in enumerate(sequence):
            for step, later in enumerate(sequence[place + 1 : place + 1 + _FARTHEST], 1):
                if later != item:
                    self._after[item][later] += 1 / step  # type: ignore[assignment]

    def _chances(self, item: str) -> Vectors:
        likeness = np.exp((self._vectors @ self._vectors[self._place[item]] - 1) / _WARMTH)
        likeness[self._place[item]] = 0.0
        prior = (1 - LIKENESS_SHARE) * self.popularity + LIKENESS_SHARE * likeness / max(
            likeness.sum(), 1e-12
        )
        counts = np.zeros(len(self.ids))
        for later, count in self._after[item].items() if item in self._after else ():
            counts[self._place[later]] = count
        return np.asarray((counts + PRIOR_WEIGHT * prior) / (counts.sum() + PRIOR_WEIGHT))

    def _best(self, scores: Vectors, seen: Sequence[str], most: int) -> tuple[str, ...]:
        order = np.argsort(-scores, kind="stable")
        return tuple([self.ids[p] for p in order[: most + len(seen)] if self.ids[p] not in set(seen)][:most])


@dataclass(frozen=True, slots=True)
class Trial:
    """How often what came next was among those offered, on conversations that were not learnt from.

    Attributes:
        cases: Places in conversations after which something new came.
        hits, popular_hits: Of the suggestions and of the most frequent items.
        p_value: Chance of such a lead if both were equally good: one-sided exact sign test over the cases in which only
            one of them was right.
    """

    cases: int
    hits: int
    popular_hits: int
    p_value: float

    @property
    def is_won(self) -> bool:
        """Whether the suggestions may be shown."""
        return self.cases >= FEWEST_CASES and self.hits > self.popular_hits and self.p_value <= LEVEL


def tried(steps: NextSteps, held_out: Sequence[Sequence[str]], most: int = OFFERED) -> Trial:
    """Measures suggestions on conversations that were held out."""
    from scipy.stats import binomtest

    cases = hits = popular_hits = only = only_popular = 0
    known = set(steps.ids)
    for sequence in held_out:
        for place in range(1, len(sequence)):
            seen, came = sequence[:place], sequence[place]
            if came in seen or came not in known or not known & set(seen[-_FARTHEST:]):
                continue
            offered, popular = came in steps.offer(seen, most), came in steps.popular(seen, most)
            cases, hits, popular_hits = cases + 1, hits + offered, popular_hits + popular
            only, only_popular = only + (offered and not popular), only_popular + (popular and not offered)
    chance = (
        binomtest(only, only + only_popular, alternative="greater").pvalue if only + only_popular else 1.0
    )
    return Trial(cases, hits, popular_hits, float(chance))

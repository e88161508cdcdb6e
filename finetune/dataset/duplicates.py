"""Groups of texts that say nearly the same, by the word triples they share. Pure and repeatable."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from chatbot.text import words

_HASHES, _BANDS = 96, 32
_WIDTH = 3
Hashes = npt.NDArray[np.uint64]


def near_duplicates(texts: Sequence[str], similarity: float) -> list[int]:
    """For each text the place of the first one of its group.

    Candidates share a band of MinHash values; the Jaccard similarity of their triples then decides.

    Args:
        similarity: From which two texts are one group.
    """
    shingles = [_triples(text) for text in texts]
    leader = list(range(len(texts)))
    for one, other in sorted(_candidates([_signature(found) for found in shingles])):
        if _jaccard(shingles[one], shingles[other]) >= similarity:
            first, second = sorted((_leader(leader, one), _leader(leader, other)))
            leader[second] = first
    return [_leader(leader, place) for place in range(len(texts))]


def _leader(leader: list[int], place: int) -> int:
    while leader[place] != place:
        place = leader[place]
    return place


def _triples(text: str) -> frozenset[str]:
    said = words(text)
    return frozenset(" ".join(said[at : at + _WIDTH]) for at in range(max(1, len(said) - _WIDTH + 1)))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _signature(triples: frozenset[str]) -> Hashes:
    """The least of each of many hashes over the triples."""
    digests = (hashlib.blake2b(triple.encode(), digest_size=8).digest() for triple in sorted(triples))
    base = np.frombuffer(b"".join(digests), dtype=np.uint64)
    found: Hashes = (base[:, None] * _MULTIPLIERS[None] + _OFFSETS[None]).min(axis=0)
    return found


def _candidates(signatures: Sequence[Hashes]) -> set[tuple[int, int]]:
    """Pairs of neighbours within each bucket; groups grow from them."""
    rows = _HASHES // _BANDS
    found: set[tuple[int, int]] = set()
    for band in range(_BANDS):
        buckets: dict[bytes, list[int]] = defaultdict(list)
        for place, signature in enumerate(signatures):
            buckets[signature[band * rows : (band + 1) * rows].tobytes()].append(place)
        for bucket in buckets.values():
            found.update(_pairs(bucket))
    return found


def _pairs(bucket: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Each with the one before and with the first: enough to join a group, and never quadratic."""
    for at in range(1, len(bucket)):
        yield bucket[at - 1], bucket[at]
        yield bucket[0], bucket[at]


def _fixed(seed: int) -> Hashes:
    return np.random.default_rng(seed).integers(1, 2**63, size=_HASHES, dtype=np.uint64) | np.uint64(1)


_MULTIPLIERS, _OFFSETS = _fixed(1), _fixed(2)

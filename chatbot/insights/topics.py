"""What customers write about: their messages grouped by meaning, the groups named by their most telling words. Pure.

Messages are clustered by average linkage over cosine distances of their embeddings (scikit-learn); of the methods
tried it is the one whose groups change least when messages come and go. Groups that are too small are no topics; a
message that no topic is near to belongs to the topic of the customer's message before it, else to none. The words of
a name are chosen by class-based TF-IDF (Grootendorst, BERTopic, 2022) among those that at least three conversations
use, so that a name shows nothing of one person.
"""

import hashlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from chatbot.insights.kept import KeptMessage
from chatbot.insights.resolution import is_thanks
from chatbot.text import STOP_WORDS, content_words, words
from knowledge_base.embed_backends import Vectors

MAX_DISTANCE = 0.5
NEAR = 0.5
SAME = 0.75
_MOST_CLUSTERED = 3_000
_FEWEST_MESSAGES = 5
_FEWEST_CONVERSATIONS = 3
_SMALLEST_SHARE = 0.004
_NAME_WORDS = 3
_KNOWN_WORDS = 10
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_PLAIN_WORD = re.compile(r"[a-z][a-z'’-]{2,30}")
_FILLERS = frozenset(
    "hi hello hey thanks thank okay ok yes want need like get got know help can't don't i'm i've it's user amp really "
    "still now going one day today would could".split()
)
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Topic:
    """A group of messages.

    Attributes:
        id: Stays the same from run to run while the topic stays about the same.
        words: The most telling ones, best first; the first three are the name.
        centroid: Unit vector.
        size: Messages in it.
    """

    id: str
    words: tuple[str, ...]
    centroid: Vectors
    size: int

    @property
    def name(self) -> str:
        """What people call it."""
        return " · ".join(self.words[:_NAME_WORDS]) or f"#{self.id[:6]}"


@dataclass(frozen=True, slots=True)
class Grouped:
    """Topics, largest first, and the place of each message's topic among them, -1 for none."""

    topics: tuple[Topic, ...]
    labels: Labels


def group(messages: Sequence[KeptMessage], vectors: Vectors, known: Sequence[Topic] = ()) -> Grouped:
    """Finds the topics of messages.

    Args:
        vectors: Unit vectors of the messages, `[messages, dimension]`.
        known: Topics of earlier runs: those that are found again keep id and name.
    """
    telling = [place for place, message in enumerate(messages) if _tells(message.said)]
    found = clusters(vectors[telling[:_MOST_CLUSTERED]])
    centroids = [
        _unit(vectors[[telling[p] for p in c]].mean(axis=0)) for c in _large(found, telling, messages)
    ]
    labels = _continued(nearest(vectors, centroids, telling), messages)
    order = [
        int(k) for k in np.argsort(-np.bincount(labels[labels >= 0], minlength=len(centroids)), kind="stable")
    ]
    named = _words([[messages[p] for p in np.flatnonzero(labels == k).tolist()] for k in order])
    topics = [
        Topic(_id(centroids[k]), named[rank], centroids[k], int((labels == k).sum()))
        for rank, k in enumerate(order)
    ]
    places = np.full(len(centroids) + 1, -1)
    places[order] = np.arange(len(order))
    return Grouped(matched(topics, known), places[labels])


def clusters(vectors: Vectors, max_distance: float = MAX_DISTANCE) -> list[list[int]]:
    """Places of vectors that belong together, in the order of each cluster's first."""
    if len(vectors) < 2:
        return [[place] for place in range(len(vectors))]
    from sklearn.cluster import AgglomerativeClustering

    linkage = AgglomerativeClustering(
        n_clusters=None, metric="cosine", linkage="average", distance_threshold=max_distance
    )
    found: dict[int, list[int]] = defaultdict(list)
    for place, label in enumerate(linkage.fit_predict(vectors.astype(np.float64))):
        found[int(label)].append(place)
    return list(found.values())


def nearest(vectors: Vectors, centroids: Sequence[Vectors], places: Iterable[int]) -> Labels:
    """The place of the nearest centroid for the vectors at these places, -1 for all others and where none is near."""
    labels = np.full(len(vectors), -1)
    rows = list(places)
    if centroids and rows:
        likeness = vectors[rows] @ np.stack(centroids).T
        labels[rows] = np.where(likeness.max(axis=1) >= NEAR, likeness.argmax(axis=1), -1)
    return labels


def matched(topics: Sequence[Topic], known: Sequence[Topic], same: float = SAME) -> tuple[Topic, ...]:
    """Topics with id and name of the known ones that they are: the assignment with the greatest likeness in all."""
    from scipy.optimize import linear_sum_assignment

    if not topics or not known:
        return tuple(topics)
    likeness = np.stack([t.centroid for t in topics]) @ np.stack([t.centroid for t in known]).T
    pairs = dict(zip(*(axis.tolist() for axis in linear_sum_assignment(-likeness)), strict=True))
    return tuple(
        _as_known(topic, known[pairs[place]])
        if place in pairs and likeness[place, pairs[place]] >= same
        else topic
        for place, topic in enumerate(topics)
    )


def _as_known(topic: Topic, known: Topic) -> Topic:
    keeps_name = set(known.words[:_NAME_WORDS]) & set(topic.words)
    return replace(topic, id=known.id, words=known.words if keeps_name else topic.words)


def _tells(said: str) -> bool:
    return len(content_words(said)) >= 2 and not is_thanks(said)


def _large(
    found: Sequence[Sequence[int]], telling: Sequence[int], messages: Sequence[KeptMessage]
) -> Iterator[Sequence[int]]:
    fewest = max(_FEWEST_MESSAGES, math.ceil(_SMALLEST_SHARE * sum(map(len, found))))
    for cluster in found:
        conversations = {messages[telling[place]].conversation_id for place in cluster}
        if len(cluster) >= fewest and len(conversations) >= _FEWEST_CONVERSATIONS:
            yield cluster


def _continued(labels: Labels, messages: Sequence[KeptMessage]) -> Labels:
    """Messages without a topic of their own get that of the message before in the conversation."""
    for place in range(1, len(labels)):
        if labels[place] < 0 and messages[place].conversation_id == messages[place - 1].conversation_id:
            labels[place] = labels[place - 1]
    return labels


def _words(groups: Sequence[Sequence[KeptMessage]]) -> list[tuple[str, ...]]:
    counts = [_counted(messages) for messages in groups]
    overall: Counter[str] = sum(counts, Counter())
    average = sum(overall.values()) / max(1, len(groups))
    surfaces = _surfaces(message.said for messages in groups for message in messages)
    named = []
    for counted in counts:
        weights = {
            stem: n * math.log(1 + average / overall[stem])
            for stem, n in counted.items()
            if n >= _FEWEST_CONVERSATIONS
        }
        best = sorted(weights, key=lambda stem: (-weights[stem], stem))[:_KNOWN_WORDS]
        named.append(tuple(surfaces[stem] for stem in best))
    return named


def _counted(messages: Sequence[KeptMessage]) -> Counter[str]:
    """In how many conversations each word stands."""
    found: dict[str, set[str]] = defaultdict(set)
    for message in messages:
        found[message.conversation_id].update(stem for stem, _ in _terms(message.said))
    return Counter(stem for stems in found.values() for stem in stems)


def _surfaces(texts: Iterable[str]) -> Mapping[str, str]:
    """Each stem's commonest form."""
    forms: dict[str, Counter[str]] = defaultdict(Counter)
    for text in texts:
        for stem, word in _terms(text):
            forms[stem][word] += 1
    return {stem: min(counts, key=lambda w: (-counts[w], w)) for stem, counts in forms.items()}


def _terms(text: str) -> Iterator[tuple[str, str]]:
    """Stem and form of each word that may stand in a name; of Chinese each pair of neighbouring characters."""
    for word in words(text):
        if _PLAIN_WORD.fullmatch(word) and word not in STOP_WORDS and word not in _FILLERS:
            yield content_words(word)[0], word
    for run in _CJK.findall(text):
        for pair in map("".join, pairwise(run)):
            yield pair, pair


def _unit(vector: Vectors) -> Vectors:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)


def _id(centroid: Vectors) -> str:
    return hashlib.sha256(np.round(centroid, 4).tobytes()).hexdigest()[:16]

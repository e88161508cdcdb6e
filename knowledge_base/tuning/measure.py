"""The product's own search with one embedder or another, on ways to ask that neither has seen.

What is held out is stripped of what would give it away: an entry keeps its main question, a document none of its
headings. Source of the bootstrap: Efron & Tibshirani 1993, ch. 13.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from knowledge_base.chunk import windows
from knowledge_base.documents import Chunk, FaqEntry
from knowledge_base.embed import TextEmbedder
from knowledge_base.evaluate import mrr, recall_at_k
from knowledge_base.items import Item
from knowledge_base.retrieve import Retriever, Snapshot
from knowledge_base.scope import EVERYTHING
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.tuning.pairs import Question, bare, group_of, is_held_out

METRICS = ("recall_at_1", "recall_at_5", "mrr")
FALSE_EVIDENCE = "false_evidence"
_PASSAGES = 20
_RESAMPLES = 2_000
_SEED = 20_261_126
_ORDER_SEED = 7

Rows = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean over questions with one embedder and the other, and how sure the difference is.

    Attributes:
        low, high: Ends of its 95 % interval, drawn over groups of questions rather than questions.
    """

    before: float
    after: float
    low: float
    high: float


def stripped(items: Iterable[Item]) -> list[Item]:
    """Items without what held-out questions ask with."""
    return [_stripped(item) if is_held_out(group_of(item)) else item for item in items]


def sample(items: Sequence[Item], questions: Sequence[Question], most: int) -> list[Item]:
    """At most so many items: those that questions are about, and others by chance."""
    wanted = {question.group for question in questions}
    needed = [item for item in items if group_of(item) in wanted]
    others = [item for item in items if group_of(item) not in wanted]
    random.Random(_ORDER_SEED).shuffle(others)  # noqa: S311 - a seed that reproduces
    return [*needed, *others[: max(0, most - len(needed))]]


def embedded(items: Iterable[Item], embedder: TextEmbedder) -> list[Item]:
    """The same items with the vectors of another embedder."""
    return [
        replace(
            item,
            chunk_vectors=embedder.encode([chunk.embedding_text for chunk in item.chunks]),
            phrasing_vectors=embedder.encode(item.phrasings, "query"),
        )
        for item in items
    ]


def rows(
    items: Sequence[Item],
    embedder: TextEmbedder,
    questions: Sequence[Question],
    settings: KnowledgeBaseSettings,
    evidence_min_similarity: float,
) -> Rows:
    """`[questions, 4]`: `METRICS`, and whether something of another group would have passed for evidence."""
    snapshot = Snapshot.of(embedded(items, embedder), embedder.dimension)
    retriever = Retriever(embedder, lambda: snapshot, settings)
    groups = np.array([group_of(item) for item in snapshot.items for _ in item.chunks])
    found = [_row(retriever, question) for question in questions]
    false = [
        _nearest_other(snapshot, groups, embedder, question) >= evidence_min_similarity
        for question in questions
    ]
    return np.column_stack([np.array(found, np.float64), np.array(false, np.float64)])


def differences(before: Rows, after: Rows, questions: Sequence[Question]) -> Mapping[str, Difference]:
    """By name of metric. Questions of one group are drawn together: they stand or fall by the same passages."""
    names = sorted({question.group for question in questions})
    places = {name: i for i, name in enumerate(names)}
    group = np.array([places[question.group] for question in questions])
    counts = np.bincount(group, minlength=len(names)).astype(np.float64)
    draws = np.random.default_rng(_SEED).integers(0, len(names), (_RESAMPLES, len(names)))
    told = {}
    for i, metric in enumerate((*METRICS, FALSE_EVIDENCE)):
        sums = np.bincount(group, after[:, i] - before[:, i], len(names))
        means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
        low, high = np.quantile(means, (0.025, 0.975))
        told[metric] = Difference(
            float(before[:, i].mean()), float(after[:, i].mean()), float(low), float(high)
        )
    return told


def _stripped(item: Item) -> Item:
    if isinstance(item.record, FaqEntry):
        return replace(item, phrasings=item.phrasings[:1], record=replace(item.record, phrasings=()))
    return replace(item, chunks=tuple(_without_headings(chunk) for chunk in item.chunks))


def _without_headings(chunk: Chunk) -> Chunk:
    return replace(chunk, title="", heading_path=(), text=bare(chunk))


def _row(retriever: Retriever, question: Question) -> tuple[float, ...]:
    result = retriever.retrieve(question.text, top_k=_PASSAGES, filters=EVERYTHING)
    ranked = list(dict.fromkeys(found.chunk.document_id for found in result.chunks))
    relevant = {question.relevant}
    return recall_at_k(ranked, relevant, 1), recall_at_k(ranked, relevant, 5), mrr(ranked, relevant)


def _nearest_other(
    snapshot: Snapshot, groups: npt.NDArray[np.str_], embedder: TextEmbedder, question: Question
) -> float:
    """The best cosine of a passage that is about something else."""
    pieces = windows(question.text, embedder.count_tokens, 96)
    similarity = (snapshot.chunk_vectors @ embedder.encode(pieces, "query").T).max(axis=1)
    others = similarity[groups != question.group]
    return float(others.max()) if len(others) else -1.0

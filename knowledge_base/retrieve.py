"""A question to ranked passages and FAQ entries. Knows no store: it searches one frozen snapshot.

Vectors are compared exactly in memory: 0.05 ms for a thousand passages where Chroma's graph takes 1 ms, the cosine
of every passage is known, and a search never sees half an ingest.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from knowledge_base.chunk import windows
from knowledge_base.documents import Chunk, Document, FaqEntry, FaqMatch, RetrievalResult, RetrievedChunk
from knowledge_base.embed import TextEmbedder
from knowledge_base.embed_backends import Vectors
from knowledge_base.items import Item
from knowledge_base.lexical import LexicalIndex, Scores
from knowledge_base.settings import KnowledgeBaseSettings

_MAX_FAQ_MATCHES = 5
_MAX_QUERY_CHARS = 4_000
_MAX_SCREEN_CHARS = 1_500
_WINDOW_TOKENS = 96  # of a long question, where models see nothing past their limit
WEIGHTS = {"dense": 1.0, "bm25": 1.0, "faq": 0.5, "codes": 2.0, "screen_dense": 0.4, "screen_bm25": 0.4}
"""A code names one thing and counts double; text around it on a screen is mostly buttons and menus."""


def fuse_rankings(
    rankings: Mapping[str, Sequence[str]], k: int, weights: Mapping[str, float] | None = None
) -> list[tuple[str, float]]:
    """Reciprocal rank fusion (Cormack, Clarke & Büttcher 2009): score = Σ weight / (k + rank), rank from 1.

    Args:
        rankings: Ids by name of ranking, best first; an id counts once in each, at its best rank.
        k: A larger one flattens the ranks.
        weights: By name of ranking; 1 where none is given.

    Returns:
        Ids with scores, best first; equal scores in order of first appearance.
    """
    scores: dict[str, float] = {}
    for name, ranking in rankings.items():
        weight = (weights or {}).get(name, 1.0)
        for rank, identifier in enumerate(dict.fromkeys(ranking), 1):
            scores[identifier] = scores.get(identifier, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


@dataclass(frozen=True)
class Snapshot:
    """Everything one search sees: never changed, only replaced.

    Attributes:
        chunk_vectors: Unit vectors `[chunks, dimension]`.
        phrasings: FAQ entry id and phrasing of each row of `phrasing_vectors`.
    """

    documents: Mapping[str, Document]
    faq: Mapping[str, FaqEntry]
    chunks: tuple[Chunk, ...]
    chunk_vectors: Vectors
    phrasings: tuple[tuple[str, str], ...]
    phrasing_vectors: Vectors
    lexical: LexicalIndex

    @classmethod
    def of(cls, items: Iterable[Item], dimension: int) -> "Snapshot":
        """Puts stored items together for searching."""
        items = list(items)
        documents = {item.record.id: item.record for item in items if isinstance(item.record, Document)}
        entries = (item.record for item in items if isinstance(item.record, FaqEntry))
        chunks = tuple(chunk for item in items for chunk in item.chunks)
        none = np.zeros((0, dimension), np.float32)
        return cls(
            documents=documents,
            faq={entry.id: _linked(entry, documents) for entry in entries},
            chunks=chunks,
            chunk_vectors=np.concatenate([none, *(item.chunk_vectors for item in items)]),
            phrasings=tuple((item.record.id, phrasing) for item in items for phrasing in item.phrasings),
            phrasing_vectors=np.concatenate([none, *(item.phrasing_vectors for item in items)]),
            lexical=LexicalIndex(chunk.embedding_text for chunk in chunks),
        )


def _linked(entry: FaqEntry, documents: Mapping[str, Document]) -> FaqEntry:
    """An entry without an address of its own cites its article's."""
    article = documents.get(entry.article_id)
    return replace(entry, url=article.url) if article and not entry.url else entry


class Retriever:
    """Hybrid search over the newest snapshot. Safe to use from several threads."""

    def __init__(
        self, embedder: TextEmbedder, snapshot: Callable[[], Snapshot], settings: KnowledgeBaseSettings
    ) -> None:
        self._embedder = embedder
        self._snapshot = snapshot
        self._settings = settings

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        """Passages and FAQ entries for a question and for what a screenshot shows.

        The question, the screen's text and the codes in both rank the passages separately and are fused; without a
        question the screen's text takes its place.

        Args:
            query: The customer's question, may be empty.
            top_k: Passages wanted; the setting when None.
            extra: Text read from a screenshot.

        Returns:
            Passages by fused score, each with the raw `dense` cosine and `bm25` score of the question, and the
            nearest FAQ entries. Nothing when the knowledge base or the question is empty.
        """
        snapshot = self._snapshot()
        question, screen = query.strip()[:_MAX_QUERY_CHARS], extra.strip()
        main, side = (question, screen[:_MAX_SCREEN_CHARS]) if question else (screen[:_MAX_QUERY_CHARS], "")
        if not main or not (snapshot.chunks or snapshot.phrasings):
            return RetrievalResult(query)
        search = _Search(snapshot, self._settings.candidates)
        vectors = self._embedder.encode(windows(main, self._embedder.count_tokens, _WINDOW_TOKENS), "query")
        dense, bm25 = snapshot.chunk_vectors @ vectors.T, snapshot.lexical.scores(main)
        rankings = {"dense": search.ranked(dense.mean(axis=1)), "bm25": search.ranked(bm25, above=0.0)}
        rankings["codes"] = search.ranked(snapshot.lexical.code_scores((main, extra)), above=0.0)
        if side:
            side_vector = self._embedder.encode([side], "query")[0]
            rankings["screen_dense"] = search.ranked(snapshot.chunk_vectors @ side_vector)
            rankings["screen_bm25"] = search.ranked(snapshot.lexical.scores(side), above=0.0)
        fused = fuse_rankings(rankings, self._settings.rrf_k, WEIGHTS)
        chunks = search.chunks(fused[: top_k or self._settings.top_k], dense.max(axis=1), bm25)
        return RetrievalResult(query, chunks, search.faq(vectors.mean(axis=0)))


@dataclass(frozen=True, slots=True)
class _Search:
    """One search of one snapshot."""

    snapshot: Snapshot
    candidates: int

    def ranked(self, scores: Scores, above: float = -2.0) -> list[str]:
        best = np.argsort(-scores, kind="stable")[: self.candidates]
        return [str(i) for i in best if scores[i] > above]

    def faq(self, vector: Vectors) -> tuple[FaqMatch, ...]:
        similarities = self.snapshot.phrasing_vectors @ vector
        matches: dict[str, FaqMatch] = {}
        for i in np.argsort(-similarities, kind="stable"):
            entry_id, phrasing = self.snapshot.phrasings[i]
            if entry_id not in matches:
                entry = self.snapshot.faq[entry_id]
                matches[entry_id] = FaqMatch(entry, phrasing, float(similarities[i]))
            if len(matches) == _MAX_FAQ_MATCHES:
                break
        return tuple(matches.values())

    def chunks(
        self, fused: Sequence[tuple[str, float]], dense: Scores, bm25: Scores
    ) -> tuple[RetrievedChunk, ...]:
        return tuple(
            RetrievedChunk(
                self.snapshot.chunks[int(i)],
                score,
                {"dense": float(dense[int(i)]), "bm25": float(bm25[int(i)])},
            )
            for i, score in fused
        )

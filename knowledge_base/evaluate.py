"""Retrieval quality: pure metrics and a runner over `articles.jsonl` and `queries.jsonl`.

Metrics are those of information retrieval with binary relevance (Manning, Raghavan & Schütze 2008, ch. 8).
"""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from knowledge_base.base import KnowledgeBase
from knowledge_base.documents import FAQ_PREFIX
from knowledge_base.errors import DocumentError

Search = Callable[[str], Sequence[str]]
"""A question in, document ids out, best first, without repeats."""
_DEPTH = 10
_PASSAGES = 50  # enough for ten different documents


def recall_at_k(ranked: Sequence[str], relevant: AbstractSet[str], k: int) -> float:
    """The share of the relevant ids among the first k."""
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def mrr(ranked: Sequence[str], relevant: AbstractSet[str]) -> float:
    """One over the rank of the first relevant id, 0 if there is none (averaged: mean reciprocal rank)."""
    return next((1.0 / rank for rank, found in enumerate(ranked, 1) if found in relevant), 0.0)


def ndcg(ranked: Sequence[str], relevant: AbstractSet[str], k: int) -> float:
    """Discounted gain of the first k over that of the best order (Järvelin & Kekäläinen 2002)."""
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(k, len(relevant)) + 1))
    gains = (1 / math.log2(rank + 1) for rank, found in enumerate(ranked[:k], 1) if found in relevant)
    return sum(gains) / ideal if ideal else 0.0


@dataclass(frozen=True, slots=True)
class Query:
    """A question and the ids of the documents that answer it."""

    text: str
    relevant: frozenset[str]


def load_queries(folder: Path) -> list[Query]:
    """The questions of a retrieval set that have an answer in it.

    Raises:
        DocumentError: The file is missing or a row is not as it should be.
    """
    rows = _rows(folder / "queries.jsonl", ("query", "relevant"))
    queries = [Query(str(row["query"]), frozenset(map(str, row["relevant"]))) for row in rows]
    return [query for query in queries if query.relevant]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one question found; `metrics` is also its `ms_per_query`."""

    query: Query
    ranked: tuple[str, ...]
    metrics: Mapping[str, float]


def outcomes(search: Search, queries: Sequence[Query]) -> list[Outcome]:
    """Asks every question once.

    Raises:
        DocumentError: There is no question.
    """
    if not queries:
        raise DocumentError("There are no queries to evaluate with.", "Give rows with a `relevant` list.")
    return [_outcome(search, query) for query in queries]


def _outcome(search: Search, query: Query) -> Outcome:
    started_s = time.perf_counter()
    ranked = tuple(search(query.text))
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    return Outcome(query, ranked, {**_metrics(ranked, query.relevant), "ms_per_query": elapsed_ms})


def evaluate_retrieval(search: Search, queries: Sequence[Query]) -> dict[str, float]:
    """Averages over the queries: recall_at_1, recall_at_5, recall_at_10, mrr, ndcg_at_10, ms_per_query."""
    rows = [outcome.metrics for outcome in outcomes(search, queries)]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def evaluate_folder(folder: Path, knowledge_base: KnowledgeBase) -> dict[str, float]:
    """Takes `articles.jsonl` into an empty knowledge base and evaluates on `queries.jsonl`.

    Raises:
        DocumentError: A file is missing or a row is not as it should be.
    """
    report = knowledge_base.add_path(folder / "articles.jsonl")
    if report.failed:
        raise DocumentError(f"articles.jsonl has bad rows: {report.failed[0][1]}")
    return evaluate_retrieval(partial(search_documents, knowledge_base), load_queries(folder))


def search_documents(knowledge_base: KnowledgeBase, question: str, extra: str = "") -> list[str]:
    """Ids of the documents whose passages answer best; a FAQ entry stands for the article it names.

    Args:
        extra: Text read from a screenshot.
    """
    result = knowledge_base.retrieve(question, top_k=_PASSAGES, extra=extra)
    found = (retrieved.chunk.document_id for retrieved in result.chunks)
    return list(dict.fromkeys(_article(knowledge_base, identifier) for identifier in found))


def _article(knowledge_base: KnowledgeBase, document_id: str) -> str:
    entry = knowledge_base.faq(document_id.removeprefix(FAQ_PREFIX))
    return entry.article_id if entry and document_id.startswith(FAQ_PREFIX) else document_id


def _metrics(ranked: Sequence[str], relevant: frozenset[str]) -> dict[str, float]:
    recalls = {f"recall_at_{k}": recall_at_k(ranked, relevant, k) for k in (1, 5, _DEPTH)}
    return {**recalls, "mrr": mrr(ranked, relevant), f"ndcg_at_{_DEPTH}": ndcg(ranked, relevant, _DEPTH)}


def _rows(path: Path, required: Sequence[str]) -> Iterator[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{path.name} cannot be read: {error}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _row(line, f"{path.name}, line {number}", required)


def _row(line: str, where: str, required: Sequence[str]) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DocumentError(f"{where} is not JSON: {error}.") from error
    missing = [name for name in required if name not in row] if isinstance(row, dict) else list(required)
    if missing:
        raise DocumentError(f"{where} lacks {', '.join(missing)}.")
    return dict(row)

"""Search against `articles.jsonl` and `queries.jsonl`, and against simpler searches over the same passages.

The simpler ones see exactly the passages, vectors and keywords that the product's search sees, so that a difference
is one of ranking alone: BM25, cosine of the embedder, and their reciprocal rank fusion with k = 60 and equal weights
as most frameworks have it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from chatbot.evaluation.langchain_rival import is_installed, langchain_search
from chatbot.evaluation.report import Evaluation, Miss, all_rows, intervals, means_over, worst
from chatbot.evaluation.temporary import take_in_articles, temporary_knowledge_base
from chatbot.settings import Settings
from knowledge_base.embed import TextEmbedder
from knowledge_base.evaluate import Outcome, Query, Search, load_queries, outcomes, search_documents
from knowledge_base.lexical import Scores
from knowledge_base.ranking import best
from knowledge_base.retrieve import Snapshot, fuse_rankings

PLAIN_RRF_K = 60
PLAIN_CANDIDATES = 50
_TITLE_CHARS = 70


def evaluate_retrieval(
    data: Path, settings: Settings, embedder: TextEmbedder, *, compare: bool = False
) -> Evaluation:
    """Takes the articles into a temporary knowledge base and asks every question that has an answer in it.

    Args:
        compare: Measure `bm25`, `dense` and `ensemble` too, and `langchain` where that is installed, each figure with
            its name in front, and `gain_over_…` in recall@5 and MRR question by question. Their time is not told: they
            find the questions embedded already.

    Returns:
        `recall_at_1`, `recall_at_5`, `recall_at_10`, `mrr`, `ndcg_at_10`, `ms_per_query` (mean, embedding included).

    Raises:
        FrontdeskError: A file is missing or a row is not as it should be.
    """
    queries = load_queries(data)
    with temporary_knowledge_base(settings, embedder) as knowledge_base:
        take_in_articles(knowledge_base, data)
        found = outcomes(partial(search_documents, knowledge_base), queries)
        compared = compared_with(knowledge_base.snapshot(), embedder, queries) if compare else {}
        titles = {document.id: document.title for document in knowledge_base.documents()}
        passages = knowledge_base.stats().chunks
    rows = [row_of(i, found, compared) for i in range(len(queries))]
    measure = means_over(rows)
    return Evaluation(
        "retrieval",
        data.name,
        len(queries),
        measure(all_rows(len(queries))),
        intervals(measure, len(queries)),
        {
            "embedder": embedder.id,
            "passages": passages,
            "compared": sorted(compared),
            **settings.knowledge_base.model_dump(include={"candidates", "rrf_k", "bm25_weight"}),
        },
        worst([_miss(outcome, titles) for outcome in found if outcome.metrics["recall_at_5"] < 1]),
    )


def compared_with(
    snapshot: Snapshot, embedder: TextEmbedder, queries: Sequence[Query]
) -> dict[str, Sequence[Outcome]]:
    """What simpler searches over the same passages find, by name; LangChain's only where it is installed."""
    found: dict[str, Sequence[Outcome]] = {
        name: outcomes(search, queries) for name, search in rival_searches(snapshot, embedder).items()
    }
    if is_installed():
        with langchain_search(snapshot, embedder) as search:
            found["langchain"] = outcomes(search, queries)
    return found


def rival_searches(snapshot: Snapshot, embedder: TextEmbedder) -> Mapping[str, Search]:
    """Document searches by name over the passages of a snapshot."""

    def bm25(question: str) -> Sequence[str]:
        return _best(snapshot.lexical.scores(question))

    def dense(question: str) -> Sequence[str]:
        return _best(snapshot.chunk_vectors @ embedder.encode([question], "query")[0])

    def ensemble(question: str) -> Sequence[str]:
        rankings = {"bm25": bm25(question), "dense": dense(question)}
        return [identifier for identifier, _ in fuse_rankings(rankings, PLAIN_RRF_K)]

    ranked: Mapping[str, Callable[[str], Sequence[str]]] = {
        "bm25": bm25,
        "dense": dense,
        "ensemble": ensemble,
    }
    return {name: partial(_documents, snapshot, search) for name, search in ranked.items()}


def _best(scores: Scores) -> list[str]:
    return [str(i) for i in best(scores, PLAIN_CANDIDATES)]


def _documents(snapshot: Snapshot, search: Callable[[str], Sequence[str]], question: str) -> list[str]:
    return list(dict.fromkeys(snapshot.chunks[int(i)].document_id for i in search(question)))


def row_of(i: int, found: Sequence[Outcome], compared: Mapping[str, Sequence[Outcome]]) -> dict[str, float]:
    """The figures of one question: the product's, those of each other search, and what is gained over it."""
    row = dict(found[i].metrics)
    for name, others in compared.items():
        other = others[i].metrics
        row |= {f"{name}_{metric}": value for metric, value in other.items() if metric != "ms_per_query"}
        for metric in ("recall_at_5", "mrr"):
            row[f"gain_over_{name}_{metric}"] = found[i].metrics[metric] - other[metric]
    return row


def _miss(outcome: Outcome, titles: Mapping[str, str]) -> Miss:
    missing = sorted(outcome.query.relevant - set(outcome.ranked[:5]))
    return Miss(
        outcome.query.text,
        _titles(missing, titles),
        _titles(outcome.ranked[:3], titles),
        1 - outcome.metrics["ndcg_at_10"],
    )


def _titles(identifiers: Sequence[str], titles: Mapping[str, str]) -> str:
    return "; ".join(titles.get(i, i)[:_TITLE_CHARS] for i in identifiers[:3]) or "nothing"

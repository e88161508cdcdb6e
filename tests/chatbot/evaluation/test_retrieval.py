"""Search measured on a small set whose figures are known by hand."""

import json
from pathlib import Path

import pytest

from chatbot.errors import FrontdeskError
from chatbot.evaluation.retrieval import evaluate_retrieval
from chatbot.settings import Settings
from tests.knowledge_base.conftest import HashingEmbedder

ARTICLES = [
    {"id": "red", "title": "Red lamp", "text": "A red lamp means a fault."},
    {"id": "parcel", "title": "Parcels", "text": "A parcel takes three days."},
    {"id": 7, "title": "Money", "text": "Refunds arrive within a week."},
]


def written(folder: Path, queries: list[dict[str, object]]) -> Path:
    for name, rows in {"articles.jsonl": ARTICLES, "queries.jsonl": queries}.items():
        (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_every_question_counts_as_much_and_misses_are_named(tmp_path: Path, settings: Settings) -> None:
    queries: list[dict[str, object]] = [
        {"query": "red lamp fault", "relevant": ["red"]},
        {"query": "refunds week", "relevant": [7]},
        {"query": "parcel three days", "relevant": ["parcel", "unknown"]},
        {"query": "not answered anywhere", "relevant": []},
    ]
    result = evaluate_retrieval(written(tmp_path, queries), settings, HashingEmbedder())
    assert result.n == 3
    assert result.metrics["recall_at_1"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert result.metrics["mrr"] == 1
    assert result.metrics["ms_per_query"] > 0
    assert result.intervals["recall_at_1"][0] <= 2.5 / 3 <= result.intervals["recall_at_1"][1]
    assert [(miss.given, miss.expected) for miss in result.misses] == [("parcel three days", "unknown")]


def test_rivals_see_the_same_passages_in_the_same_run(tmp_path: Path, settings: Settings) -> None:
    queries: list[dict[str, object]] = [
        {"query": "zzz refunds", "relevant": ["red"]},  # keywords find Money alone
        {"query": "red lamp", "relevant": ["red"]},
    ]
    folder = written(tmp_path, queries)
    metrics = evaluate_retrieval(folder, settings, HashingEmbedder(), compare=True).metrics
    assert metrics["bm25_mrr"] == 0.5
    assert metrics["bm25_recall_at_10"] == 0.5
    assert {"dense_mrr", "ensemble_mrr", "ensemble_ndcg_at_10"} <= set(metrics)
    assert metrics["gain_over_bm25_mrr"] == pytest.approx(metrics["mrr"] - 0.5)
    assert "bm25_ms_per_query" not in metrics


def test_a_row_that_cannot_be_taken_in_stops_it(tmp_path: Path, settings: Settings) -> None:
    folder = written(tmp_path, [{"query": "red", "relevant": ["red"]}])
    with (folder / "articles.jsonl").open("a", encoding="utf-8") as file:
        file.write('\n{"id": "empty"}\n')
    with pytest.raises(FrontdeskError, match=r"articles\.jsonl"):
        evaluate_retrieval(folder, settings, HashingEmbedder())
    (folder / "articles.jsonl").unlink()
    with pytest.raises(FrontdeskError, match=r"no articles\.jsonl"):
        evaluate_retrieval(folder, settings, HashingEmbedder())

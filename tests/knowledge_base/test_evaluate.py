import json
import math

import pytest

from knowledge_base.errors import DocumentError
from knowledge_base.evaluate import (
    Query,
    evaluate_folder,
    evaluate_retrieval,
    load_queries,
    mrr,
    ndcg,
    recall_at_k,
    search_documents,
)


@pytest.mark.parametrize(("k", "expected"), [(1, 0.0), (2, 0.5), (3, 0.5), (4, 1.0), (99, 1.0)])
def test_recall_is_the_share_of_the_relevant_found_so_far(k, expected):
    assert recall_at_k(["x", "a", "y", "b"], {"a", "b"}, k) == expected


@pytest.mark.parametrize(
    ("ranked", "expected"), [(["a", "x"], 1.0), (["x", "y", "a"], 1 / 3), (["x"], 0.0), ([], 0.0)]
)
def test_reciprocal_rank_looks_at_the_first_hit(ranked, expected):
    assert mrr(ranked, {"a", "b"}) == expected


def test_ndcg_is_one_for_the_best_order_and_discounts_later_ranks():
    assert ndcg(["a", "b", "x"], {"a", "b"}, 10) == pytest.approx(1.0)
    assert ndcg(["x", "a"], {"a"}, 10) == pytest.approx(1 / math.log2(3))
    assert ndcg(["x", "a"], {"a"}, 1) == 0.0


def test_nothing_relevant_scores_nothing():
    assert recall_at_k(["a"], set(), 5) == mrr(["a"], set()) == ndcg(["a"], set(), 5) == 0.0


def test_averages_are_taken_over_all_queries():
    queries = [Query("right", frozenset({"a"})), Query("wrong", frozenset({"z"}))]
    metrics = evaluate_retrieval(lambda text: ["a", "b"], queries)
    assert {name: metrics[name] for name in ("recall_at_1", "recall_at_5", "mrr", "ndcg_at_10")} == {
        "recall_at_1": 0.5,
        "recall_at_5": 0.5,
        "mrr": 0.5,
        "ndcg_at_10": 0.5,
    }
    assert metrics["ms_per_query"] >= 0


def test_no_queries_is_an_error_and_not_a_perfect_score():
    with pytest.raises(DocumentError, match="no queries"):
        evaluate_retrieval(lambda text: [], [])


def test_a_set_is_evaluated_from_its_folder(open_knowledge_base, tmp_path):
    articles = [
        {"id": "red", "title": "Red", "text": "A red light."},
        {"id": "dot", "title": "Dot", "text": "Far."},
    ]
    queries = [{"query": "red light", "relevant": ["red"]}, {"query": "no answer", "relevant": []}]
    (tmp_path / "articles.jsonl").write_text("\n".join(map(json.dumps, articles)))
    (tmp_path / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    metrics = evaluate_folder(tmp_path, open_knowledge_base())
    assert metrics["recall_at_1"] == metrics["mrr"] == 1.0


def test_a_faq_answer_counts_for_the_article_it_names(knowledge_base):
    assert search_documents(knowledge_base, "light is amber")[0] == "status-light"


@pytest.mark.parametrize(
    ("line", "said"), [("nonsense", "line 2 is not JSON"), ('{"query": "x"}', "lacks relevant")]
)
def test_a_bad_row_is_named(tmp_path, line, said):
    (tmp_path / "queries.jsonl").write_text('{"query": "a", "relevant": ["b"]}\n' + line)
    with pytest.raises(DocumentError, match=said):
        load_queries(tmp_path)

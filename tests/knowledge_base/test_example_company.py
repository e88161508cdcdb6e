"""The real embedder on the example company's help centre."""

import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Embedder
from knowledge_base.evaluate import Query, evaluate_folder, evaluate_retrieval, search_documents
from knowledge_base.settings import KnowledgeBaseSettings
from tests.conftest import EXAMPLES

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def embedder(model_files) -> Embedder:
    return Embedder(model_files.embedder, threads=2, cache_folder=model_files.folder / "onnx")


@pytest.fixture(scope="module")
def wrenfield(embedder, tmp_path_factory):
    knowledge_base = KnowledgeBase(tmp_path_factory.mktemp("kb"), embedder, KnowledgeBaseSettings())
    for part in ("articles", "faq.csv", "faq_zh.csv"):
        report = knowledge_base.add_path(EXAMPLES / part)
        assert report.failed == ()
        assert report.added > 0
    yield knowledge_base
    knowledge_base.close()


@pytest.mark.parametrize(
    ("question", "screen", "article"),
    [
        ("how long do I have to send it back", "", "returns-and-refunds"),
        ("wr104", "", "pppoe-wr-104"),
        ("", "Sign in\nYour account is locked WR-403\nTry again", "account-locked-wr-403"),
        ("my connection is so slow", "", "slow-wifi"),
    ],
)
def test_the_article_that_answers_is_among_the_passages(wrenfield, question, screen, article):
    found = wrenfield.retrieve(question, extra=screen)
    articles = {c.chunk.document_id for c in found.chunks} | {m.entry.article_id for m in found.faq[:1]}
    assert article in articles


def articles_of(result) -> set[str]:
    """The articles that the passages, or the FAQ entries they answer, belong to."""
    named = {f"faq:{match.entry.id}": match.entry.article_id for match in result.faq}
    return {named.get(one.chunk.document_id, one.chunk.document_id) for one in result.chunks}


@pytest.mark.parametrize(
    ("question", "article"),
    [
        ("forgot my pasword", "reset-password"),
        ("is there a warrenty on the ruoter", "warranty-and-repair"),
        ("cancle my subscribtion", "cancel-plus"),
        ("where are my invioces", "invoices"),
        ("Wr_104", "pppoe-wr-104"),
        ("wr–104", "pppoe-wr-104"),
        ("error 104", "pppoe-wr-104"),
        ("wr403 acount locked", "account-locked-wr-403"),
        ("Family > Blocked today", "threat-blocking"),
        ("Family → Blocked today", "threat-blocking"),
        ("Account>Billing>Invoices", "invoices"),
        ("System / Firmware / Install file", "firmware-errors-wr-301-wr-305"),
        ("where is Account > Plus > Cancel plan", "cancel-plus"),
    ],
)
def test_misspellings_codes_and_menu_paths_are_found(wrenfield, question, article):
    assert article in articles_of(wrenfield.retrieve(question))


def test_a_chinese_question_is_not_taken_for_another_one(wrenfield):
    match = wrenfield.retrieve("快递几天能到").faq[0]
    assert match.entry.language == "zh"
    assert "退款" not in match.phrasing


def test_every_faq_question_finds_its_own_entry(wrenfield):
    entries = wrenfield.faq_entries()
    missed = [e.id for e in entries if wrenfield.retrieve(e.question).faq[0].entry.id != e.id]
    assert missed == []


def test_fused_search_is_at_least_as_good_as_either_alone(embedder, eval_data, tmp_path):
    knowledge_base = KnowledgeBase(tmp_path, embedder, KnowledgeBaseSettings())
    metrics = evaluate_folder(eval_data / "retrieval" / "stackfaq", knowledge_base)
    knowledge_base.close()
    assert metrics["recall_at_5"] > 0.98
    assert metrics["mrr"] > 0.97


def test_products_are_in_the_vocabulary(wrenfield):
    assert {"Wren One", "Wren Dot", "Wrenfield Plus", "WR-403"} <= set(wrenfield.vocabulary())


def test_the_runner_takes_any_search(wrenfield):
    queries = [Query("Where do I find my invoices?", frozenset({"invoices"}))]
    assert evaluate_retrieval(lambda text: search_documents(wrenfield, text), queries)["recall_at_5"] == 1.0

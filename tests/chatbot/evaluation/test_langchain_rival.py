"""LangChain's ensemble over the product's own passages; skipped where the extra `bench` is not installed."""

from collections.abc import Callable
from pathlib import Path

import pytest

from chatbot.errors import SettingsError
from chatbot.evaluation import langchain_rival
from chatbot.evaluation.langchain_rival import is_installed, langchain_search
from chatbot.evaluation.retrieval import evaluate_retrieval
from chatbot.settings import Settings
from knowledge_base.base import KnowledgeBase
from tests.chatbot.evaluation.test_retrieval import written
from tests.knowledge_base.conftest import HashingEmbedder

needs_langchain = pytest.mark.skipif(not is_installed(), reason="the extra `bench` is not installed")


@pytest.fixture
def filled(tmp_path: Path, settings: Settings) -> KnowledgeBase:
    knowledge_base = KnowledgeBase(tmp_path / "chroma", HashingEmbedder(), settings.knowledge_base)
    (tmp_path / "red.md").write_text("# Red\n\nA red lamp means a fault.\n")
    (tmp_path / "money.md").write_text("# Money\n\nRefunds take a week.\n")
    knowledge_base.add_path(tmp_path / "red.md")
    knowledge_base.add_path(tmp_path / "money.md")
    return knowledge_base


@needs_langchain
def test_it_ranks_the_passages_of_the_snapshot(filled: KnowledgeBase) -> None:
    with langchain_search(filled.snapshot(), HashingEmbedder()) as search:
        assert search("red lamp")[0] == "red"
        assert search("when do refunds come")[0] == "money"
        assert set(search("anything")) <= {"red", "money"}
    filled.close()


@needs_langchain
def test_the_comparison_names_it_beside_the_others(tmp_path: Path, settings: Settings) -> None:
    folder = written(tmp_path, [{"query": "red lamp", "relevant": ["red"]}])
    result = evaluate_retrieval(folder, settings, HashingEmbedder(), compare=True)
    assert result.settings["compared"] == ["bm25", "dense", "ensemble", "langchain"]
    assert result.metrics["langchain_recall_at_5"] == 1
    gain = result.metrics["mrr"] - result.metrics["langchain_mrr"]
    assert result.metrics["gain_over_langchain_mrr"] == pytest.approx(gain)


def test_without_langchain_the_error_names_the_extra(
    filled: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent: Callable[[str], None] = lambda _: None  # noqa: E731
    monkeypatch.setattr(langchain_rival.importlib.util, "find_spec", absent)
    with (
        pytest.raises(SettingsError, match=r"frontdesk\[bench\]"),
        langchain_search(filled.snapshot(), HashingEmbedder()),
    ):
        raise AssertionError("not reached")
    filled.close()

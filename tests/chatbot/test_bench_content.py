"""The help centre of the benches: real lengths and words, always the same, with vectors that lie as real ones do."""

from pathlib import Path

import numpy as np

from chatbot.bench_content import SentenceEmbedder, articles, opened, sentences, write_articles
from chatbot.bench_ingest import _second_sync
from chatbot.bench_search import example_questions, search_figures
from chatbot.settings import Settings
from knowledge_base.settings import KnowledgeBaseSettings
from tests.knowledge_base.conftest import HashingEmbedder


def test_articles_are_sentences_of_the_example_company_and_always_the_same() -> None:
    made = list(articles(3, 2, seed=5))
    assert made == list(articles(3, 2, seed=5))
    assert made != list(articles(3, 2, seed=6))
    known = set(sentences())
    assert len(known) > 300
    body = [line for line in made[0].splitlines() if line and not line.startswith(("#", "Reference "))]
    assert len(body) >= 8
    assert set(body) <= known


def test_a_passage_lies_near_its_sentences_and_no_two_are_the_same() -> None:
    embedder = SentenceEmbedder(HashingEmbedder())
    first, second = sentences()[:2]
    vectors = embedder.encode([f"Title\n{first}", f"Title\n{first}\nReference WB-1.", f"Title\n{second}"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert not np.allclose(vectors[0], vectors[1])
    np.testing.assert_array_equal(embedder.encode([first], "query"), HashingEmbedder().encode([first]))


def test_the_second_sync_finds_every_file_unchanged(tmp_path: Path) -> None:
    figures = _second_sync(tmp_path / "files", 12, HashingEmbedder(), KnowledgeBaseSettings())
    assert figures["unchanged_files"] == 12
    assert figures["unchanged_sync_s"] > 0


def test_a_search_is_told_apart_from_its_embedding_and_is_exact(tmp_path: Path, settings: Settings) -> None:
    embedder = SentenceEmbedder(HashingEmbedder())
    write_articles(tmp_path / "articles", 30, 4)
    with opened(tmp_path / "chroma", embedder, settings.knowledge_base) as filled:
        filled.sync_folder(tmp_path / "articles")
        chunks = filled.stats().chunks
    figures = search_figures(tmp_path, settings, SentenceEmbedder(HashingEmbedder()))
    assert figures["chunks"] == chunks >= 100
    assert figures["queries"] == len(example_questions()) > 50
    assert figures["recall_at_10_of_exact"] >= 0.99
    assert figures["vector_bytes_per_chunk"] == 64 * 4
    assert figures["search_p95_ms"] >= figures["search_p50_ms"] > 0

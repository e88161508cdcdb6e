"""Searching many passages: what it adds to the embedding of the question, how exact it is, and the memory it takes.

The store is filled here and opened in a process of its own, for memory is told apart only in a fresh one.
"""

import gc
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from chatbot.bench import EXAMPLES, Result, bench_result
from chatbot.bench_content import SentenceEmbedder, opened, write_articles
from chatbot.errors import FrontdeskError
from chatbot.models import ModelStore
from chatbot.services import open_embedder
from chatbot.settings import Settings, load_settings
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import TextEmbedder

CHUNKS = 100_000
_SECTIONS = 5
_TOP = 10
_ALL = 10_000
_ROOT = Path(__file__).resolve().parent.parent


def measure_search(settings: Settings, chunks: int = CHUNKS) -> Result:
    """Percentiles of what a search adds, recall against exact search, bytes of memory a passage.

    Args:
        chunks: Passages that are searched, roughly.

    Raises:
        FrontdeskError: A model is missing, or the process that searches failed.
    """
    embedder = SentenceEmbedder(
        open_embedder(settings, ModelStore(settings.models_path, offline=settings.offline))
    )
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-", ignore_cleanup_errors=True) as made:
        articles = Path(made) / "articles"
        write_articles(articles, max(1, chunks // _SECTIONS), _SECTIONS)
        with opened(Path(made) / "chroma", embedder, settings.knowledge_base) as filled:
            filled.sync_folder(articles)
        metrics = _searched_apart(Path(made))
    bars = {
        "search_p95_of_bar": metrics["search_p95_ms"] / 30,
        "memory_of_bar": metrics["bytes_per_chunk"] / 3_000,
    }
    return bench_result("search", metrics, bars)


def _searched_apart(folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "chatbot.bench_search", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=_ROOT)
    if done.returncode:
        raise FrontdeskError(f"The process that searches failed: {done.stderr.strip()[-300:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def search_figures(folder: Path, settings: Settings, embedder: TextEmbedder) -> dict[str, float]:
    """Opens what lies in `chroma` of the folder, after an empty one that brings everything else into memory."""
    questions = example_questions()
    with opened(folder / "empty", embedder, settings.knowledge_base) as empty:
        empty.retrieve(questions[0])
        before = _rss_bytes()
        started_s = time.perf_counter()
        with opened(folder / "chroma", embedder, settings.knowledge_base) as filled:
            filled.retrieve(questions[0])
            open_s = time.perf_counter() - started_s
            count = filled.stats().chunks
            vectors = filled.snapshot().chunk_vectors.nbytes
            grown = _rss_bytes() - before
            embedding, added = _times(filled, embedder, questions)
            recall = _recall(filled, embedder, questions)
    return {
        "chunks": float(count),
        "queries": float(len(questions)),
        "open_s": open_s,
        "bytes_per_chunk": (grown - vectors) / max(count, 1),
        "vector_bytes_per_chunk": vectors / max(count, 1),
        **{f"query_embedding_p{p}_ms": float(np.percentile(embedding, p)) for p in (50, 95)},
        **{f"search_p{p}_ms": float(np.percentile(added, p)) for p in (50, 95)},
        "recall_at_10_of_exact": recall,
    }


def example_questions() -> list[str]:
    """The example company's English questions."""
    lines = (EXAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    return [row["question"] for row in map(json.loads, lines) if row["language"] == "en"]


def _times(
    knowledge_base: KnowledgeBase, embedder: TextEmbedder, questions: list[str]
) -> tuple[list[float], list[float]]:
    """Milliseconds of each embedding, and of the search that then finds the question embedded."""
    embedding, added = [], []
    for question in questions:
        started = time.perf_counter()
        embedder.encode([question], "query")
        between = time.perf_counter()
        knowledge_base.retrieve(question)
        embedding.append((between - started) * 1000)
        added.append((time.perf_counter() - between) * 1000)
    return embedding, added


def _recall(knowledge_base: KnowledgeBase, embedder: TextEmbedder, questions: list[str]) -> float:
    """Share of the ten passages of the highest cosine, in double precision, that the search found as its nearest."""
    snapshot = knowledge_base.snapshot()
    found = []
    for question in questions:
        exact = snapshot.chunk_vectors.astype(np.float64) @ embedder.encode([question], "query")[0]
        nearest = {snapshot.chunks[i].id for i in np.argsort(-exact)[:_TOP]}
        passages = knowledge_base.retrieve(question, top_k=_ALL).chunks
        ours = sorted(passages, key=lambda passage: -passage.scores["dense"])[:_TOP]
        found.append(len(nearest & {passage.chunk.id for passage in ours}) / len(nearest))
    return float(np.mean(found))


def _rss_bytes() -> int:
    gc.collect()
    return int(psutil.Process().memory_info().rss)


def main() -> None:
    """The other process: figures of the store in the folder given, as a line of JSON."""
    settings = load_settings()
    embedder = open_embedder(settings, ModelStore(settings.models_path, offline=settings.offline))
    figures = search_figures(Path(sys.argv[1]), settings, SentenceEmbedder(embedder))
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()

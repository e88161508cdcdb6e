"""Taking documents in, against the plainest ways to do the same in the same run, in alternating rounds.

*Ours* reads files, cuts, embeds and stores them. *encode* is SentenceTransformer's plain float32 `encode` over the very
passages that ours cut, with nothing read or stored. *langchain* is the pipeline of its guides over the same files:
`TextLoader`, `RecursiveCharacterTextSplitter` of the same size, the same model, Chroma.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from chatbot.bench import Result, bench_result
from chatbot.bench_content import SentenceEmbedder, opened, write_articles
from chatbot.models import ModelStore, Purpose
from chatbot.services import open_embedder
from chatbot.settings import Settings
from knowledge_base.embed import MANY_TEXTS, Embedder, TextEmbedder
from knowledge_base.embed_backends import Vectors, normalised
from knowledge_base.settings import KnowledgeBaseSettings

ROUNDS = 3
ARTICLES = 80
_SECTIONS = 5
_QUERIES = 50


def measure_ingest(settings: Settings, articles: int = ARTICLES, unchanged_files: int = 10_000) -> Result:
    """Passages per second of ours, of `encode` and, where it is installed, of LangChain; and a sync without changes.

    Args:
        articles: Taken in in each round, about five passages each.
        unchanged_files: Of the folder that is synced a second time.

    Raises:
        FrontdeskError: A model is missing.
    """
    models = ModelStore(settings.models_path, offline=settings.offline)
    embedder = open_embedder(settings, models)
    folder = models.resolve(settings.embedder, Purpose.EMBEDDER)
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-", ignore_cleanup_errors=True) as made:
        race = _Race(Path(made), embedder, folder, settings)
        race.warm_up()
        for turn in range(ROUNDS):
            race.round(turn, articles)
        metrics = {"rounds": float(ROUNDS), **race.metrics()}
        metrics |= _second_sync(Path(made) / "unchanged", unchanged_files, embedder, settings.knowledge_base)
    ours = metrics["passages_per_s"]
    ratios = {"over_encode": race.ratio("encode"), "over_langchain": race.ratio("langchain")}
    metrics["cosine_to_fp32_min"] = race.cosine
    metrics["query_embedding_ms"] = _query_ms(embedder)
    return bench_result("ingest", metrics, {name: value for name, value in ratios.items() if ours and value})


@dataclass
class _Race:
    """The same files, three ways, in turns.

    Attributes:
        per_s: By name, passages per second of each round; those of LangChain count ours, for it cuts otherwise.
        cosine: The smallest between our vectors and those of `encode`.
    """

    folder: Path
    embedder: Embedder
    model_folder: Path
    settings: Settings
    per_s: dict[str, list[float]] = field(default_factory=dict)
    cosine: float = 1.0

    def __post_init__(self) -> None:
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(self.settings.threads)
        self._peer: Any = SentenceTransformer(str(self.model_folder), device="cpu", local_files_only=True)
        self._pipeline = _langchain_pipeline(self._peer, self.embedder, self.settings.knowledge_base)

    def warm_up(self) -> None:
        """Everything loaded, also what ours loads only for many documents."""
        self.embedder.encode([f"warming up {number}" for number in range(MANY_TEXTS + 1)])
        self._peer.encode(["warming up"] * 8, show_progress_bar=False)

    def round(self, turn: int, count: int) -> None:
        """One turn of each over articles of its own."""
        files = self.folder / f"files-{turn}"
        write_articles(files, count, _SECTIONS, seed=turn)
        with opened(self.folder / f"chroma-{turn}", self.embedder, self.settings.knowledge_base) as ours:
            seconds = _elapsed(lambda: ours.add_path(files))
            snapshot = ours.snapshot()
        texts = [chunk.embedding_text for chunk in snapshot.chunks]
        self._tell("ours", len(texts) / seconds)
        vectors: list[Vectors] = []
        plain = _elapsed(lambda: vectors.append(self._peer.encode(texts, show_progress_bar=False)))
        self._tell("encode", len(texts) / plain)
        alike = np.sum(normalised(vectors[0]) * snapshot.chunk_vectors, axis=1)
        self.cosine = min(self.cosine, float(alike.min()))
        if pipeline := self._pipeline:
            taken = _elapsed(lambda: pipeline(files, self.folder / f"langchain-{turn}"))
            self._tell("langchain", len(texts) / taken)

    def _tell(self, name: str, per_s: float) -> None:
        self.per_s.setdefault(name, []).append(per_s)

    def metrics(self) -> dict[str, float]:
        """Medians over the rounds."""
        median = {name: statistics.median(values) for name, values in self.per_s.items()}
        named = {"ours": "passages_per_s"}
        return {named.get(name, f"{name}_passages_per_s"): value for name, value in median.items()}

    def ratio(self, name: str) -> float:
        """Median over the rounds of how much faster ours is; 0 without that rival."""
        pairs = zip(self.per_s["ours"], self.per_s.get(name, ()), strict=False)
        return statistics.median([ours / other for ours, other in pairs] or [0.0])


def _langchain_pipeline(
    model: Any, embedder: Embedder, settings: KnowledgeBaseSettings
) -> Callable[[Path, Path], None] | None:
    """Files into a Chroma of its own; None where LangChain is not installed."""
    from chatbot.evaluation.langchain_rival import encoder, is_installed

    if not is_installed():
        return None

    def encode(texts: Sequence[str]) -> Vectors:
        return np.asarray(model.encode(list(texts), show_progress_bar=False), np.float32)

    def take_in(files: Path, store: Path) -> None:
        from langchain_chroma import Chroma
        from langchain_community.document_loaders import TextLoader
        from langchain_text_splitters import RecursiveCharacterTextSplitter

        splitter = RecursiveCharacterTextSplitter(
            chunk_size=settings.chunk_tokens,
            chunk_overlap=settings.chunk_overlap_tokens,
            length_function=embedder.count_tokens,
        )
        loaded = [
            document
            for path in sorted(files.rglob("*.md"))
            for document in TextLoader(str(path), encoding="utf-8").load()
        ]
        Chroma.from_documents(
            splitter.split_documents(loaded),
            encoder(encode, lambda text: encode([text])[0]),
            persist_directory=str(store),
        )

    return take_in


def _second_sync(
    folder: Path, count: int, embedder: TextEmbedder, settings: KnowledgeBaseSettings
) -> dict[str, float]:
    """Seconds of a sync in which nothing changed; the first one's vectors are made of sentences, it is not timed."""
    write_articles(folder, count)
    with opened(folder.with_name("synced"), SentenceEmbedder(embedder), settings) as synced:
        synced.sync_folder(folder)
        seconds = _elapsed(lambda: synced.sync_folder(folder))
        unchanged = synced.sync_folder(folder).unchanged
    return {"unchanged_files": float(unchanged), "unchanged_sync_s": seconds}


def _query_ms(embedder: Embedder) -> float:
    questions = [f"How do I reset number {number} when the light is amber?" for number in range(_QUERIES)]
    return statistics.median(
        _elapsed(partial(embedder.encode, [asked], "query")) * 1000 for asked in questions
    )


def _elapsed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started

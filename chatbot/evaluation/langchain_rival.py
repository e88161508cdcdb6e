"""LangChain's `EnsembleRetriever` of Chroma and BM25 as its guides build it, over the product's passages and vectors.

Only for comparison: the extra `bench` installs it. The passages are the product's own, so that a difference is one of
searching alone: Chroma's graph for the cosine, `rank_bm25` on words split at spaces, reciprocal ranks with k = 60.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from chatbot.errors import SettingsError
from knowledge_base.embed import TextEmbedder
from knowledge_base.embed_backends import Vectors
from knowledge_base.evaluate import Search
from knowledge_base.retrieve import Snapshot

_PACKAGES = ("langchain_classic", "langchain_community", "langchain_chroma", "rank_bm25")
CANDIDATES = 50
_BATCH = 1_000


def is_installed() -> bool:
    """Whether LangChain and what it needs for this are here."""
    return all(importlib.util.find_spec(name) for name in _PACKAGES)


def encoder(documents: Callable[[Sequence[str]], Vectors], query: Callable[[str], Vectors]) -> Any:
    """Two functions from texts to vectors as LangChain's `Embeddings`."""
    from langchain_core.embeddings import Embeddings

    class _Encoder(Embeddings):  # type: ignore[misc]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[float(value) for value in vector] for vector in documents(texts)]

        def embed_query(self, text: str) -> list[float]:
            return [float(value) for value in query(text)]

    return _Encoder()


@contextmanager
def langchain_search(snapshot: Snapshot, embedder: TextEmbedder) -> Iterator[Search]:
    """Document ids for a question, best first, from an `EnsembleRetriever` with equal weights.

    Raises:
        SettingsError: LangChain is not installed.
    """
    if not is_installed():
        raise SettingsError(
            "LangChain is not installed.", "Install the extra: `pip install 'frontdesk[bench]'`."
        )
    os.environ.setdefault("LANGSMITH_TRACING", "false")  # nothing leaves this machine
    from langchain_chroma import Chroma
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever

    texts = [chunk.embedding_text for chunk in snapshot.chunks]
    found = [{"document_id": chunk.document_id} for chunk in snapshot.chunks]
    known = dict(zip(texts, snapshot.chunk_vectors, strict=True))  # to embed again would change nothing
    embeddings = encoder(
        lambda wanted: np.stack([known[text] for text in wanted]),
        lambda question: embedder.encode([question], "query")[0],
    )
    store = Chroma("langchain", embeddings, collection_metadata={"hnsw:space": "cosine"})
    try:
        for start in range(0, len(texts), _BATCH):
            store.add_texts(texts[start : start + _BATCH], found[start : start + _BATCH])
        words = BM25Retriever.from_texts(texts, metadatas=found)
        words.k = CANDIDATES
        dense = store.as_retriever(search_kwargs={"k": min(CANDIDATES, len(texts))})
        ensemble = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
        yield lambda question: _documents(ensemble.invoke(question))
    finally:
        store.delete_collection()


def _documents(found: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(str(document.metadata["document_id"]) for document in found))

"""A knowledge base for one measurement: the product's own, in a folder that goes away."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatbot.errors import InputError
from chatbot.models import ModelStore
from chatbot.services import open_reranker
from chatbot.settings import Settings
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import TextEmbedder


@contextmanager
def temporary_knowledge_base(settings: Settings, embedder: TextEmbedder) -> Iterator[KnowledgeBase]:
    """An empty knowledge base with the settings and the reranker of the product; never on its Chroma server."""
    own = settings.knowledge_base.model_copy(update={"chroma_url": ""})
    with tempfile.TemporaryDirectory(prefix="frontdesk-evaluate-", ignore_cleanup_errors=True) as folder:
        reranker = open_reranker(settings, ModelStore(settings.models_path, offline=settings.offline))
        knowledge_base = KnowledgeBase(Path(folder) / "chroma", embedder, own, reranker=reranker)
        try:
            yield knowledge_base
        finally:
            knowledge_base.close()


def take_in_articles(knowledge_base: KnowledgeBase, folder: Path) -> None:
    """Takes `articles.jsonl` in.

    Raises:
        InputError: It is missing, or not every row of it could be taken in: the figures would be of another set.
    """
    path = folder / "articles.jsonl"
    if not path.is_file():
        raise InputError(f"{folder} holds no articles.jsonl.", 'Lines are {"id": …, "title": …, "text": …}.')
    report = knowledge_base.add_path(path)
    if report.failed:
        raise InputError(f"articles.jsonl has bad rows: {report.failed[0][1]}")

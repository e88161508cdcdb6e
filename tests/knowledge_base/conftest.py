"""A tiny deterministic embedder and a small help centre, both made here."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Role
from knowledge_base.embed_backends import Vectors, normalised
from knowledge_base.settings import KnowledgeBaseSettings

_WORD = re.compile(r"\w+")


class HashingEmbedder:
    """Bags of words hashed into 64 dimensions: the same words give the same direction."""

    id = "hashing-64"
    dimension = 64

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        self.encoded += texts
        vectors = np.zeros((len(texts), self.dimension), np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in _WORD.findall(text.lower()):
                vector[hashlib.sha256(word.encode()).digest()[0] % self.dimension] += 1.0
        return normalised(vectors)

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def unknown_share(self, text: str) -> float:
        words = _WORD.findall(text)
        return sum(not word.isascii() for word in words) / max(len(words), 1)


ARTICLES = {
    "light.md": "---\nid: status-light\ntitle: The status light\nurl: https://help.example/light\n"
    "product: Wren One\n---\n\n# The status light\n\n## Amber\n\nSolid amber means there is no internet.\n\n"
    "## Red\n\nSolid red means a hardware fault, show the Wren One to support.\n",
    "errors.md": "---\nid: errors\ntitle: Error codes\n---\n\n## WR-104\n\nThe PPPoE password is wrong.\n\n"
    "## WR-201\n\nThe Dot is too far away from the Wren One.\n",
    "sub/returns.html": "<html lang='en'><body><nav>Menu</nav><main><h1>Returns</h1>"
    "<p>You have 45 days to return a device.</p></main></body></html>",
}
FAQ = (
    "id,language,question,phrasings,answer,article\n"
    "ship,en,How long does shipping take?,when will my parcel arrive | delivery time,Three to five days.,\n"
    "amber,en,What does solid amber mean?,light is amber,There is no internet.,status-light\n"
    "wr-104,en,What does WR-104 mean?,,The PPPoE password is wrong.,errors\n"
    "wr-201,en,What does WR-201 mean?,,The Dot is too far away.,errors\n"
    "zh-ship,zh,快递多久能到？,送货要几天,三到五天。,\n"
    "zh-refund,zh,退款多久能到？,钱什么时候退,七天。,\n"
)


def write_help_centre(folder: Path) -> Path:
    for name, text in {**ARTICLES, "faq.csv": FAQ}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def help_centre(tmp_path: Path) -> Path:
    return write_help_centre(tmp_path / "help")


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def open_knowledge_base(tmp_path: Path, embedder: HashingEmbedder) -> Iterator[Callable[..., KnowledgeBase]]:
    """Opens the same folder as often as a test wants, and closes everything at the end."""
    opened: list[KnowledgeBase] = []

    def open_one(**settings: int) -> KnowledgeBase:
        opened.append(KnowledgeBase(tmp_path / "chroma", embedder, KnowledgeBaseSettings(**settings)))
        return opened[-1]

    yield open_one
    for knowledge_base in opened:
        knowledge_base.close()


@pytest.fixture
def knowledge_base(open_knowledge_base: Callable[..., KnowledgeBase], help_centre: Path) -> KnowledgeBase:
    """The small help centre, ready to be asked."""
    filled = open_knowledge_base()
    filled.add_path(help_centre)
    return filled


def tiny_bert_config(words: int, **more: Any) -> Any:
    """The configuration of a BERT small enough to be made in a test."""
    from transformers import BertConfig

    return BertConfig(
        vocab_size=words,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        **more,
    )

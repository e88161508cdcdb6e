"""A help centre of any size for measuring: the example company's sentences in ever other order.

Passages have the length and the words of real ones. A sentence is a line, so that `SentenceEmbedder` can give a
hundred thousand passages vectors that lie as real ones do, without hours in a model.
"""

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from chatbot.bench import EXAMPLES
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Role, TextEmbedder
from knowledge_base.embed_backends import Vectors, normalised
from knowledge_base.settings import KnowledgeBaseSettings

_SENTENCE = re.compile(r"[A-Z][^\n|#>`*\[\]]{40,220}?[.!?](?=\s|$)")
_LINES = (4, 6)
_OWN_SHARE = 0.3


def sentences() -> list[str]:
    """Sentences of the example company's articles, in order, each once."""
    found: dict[str, None] = {}
    for path in sorted((EXAMPLES / "articles").glob("*.md")):
        body = path.read_text(encoding="utf-8").rpartition("---\n")[2]
        found |= dict.fromkeys(" ".join(match[0].split()) for match in _SENTENCE.finditer(body))
    return list(found)


def articles(count: int, sections: int, seed: int) -> Iterator[str]:
    """Markdown articles, each section of the length of one passage."""
    pool, draws = sentences(), random.Random(seed)  # noqa: S311 (not for secrets)
    titles = [" ".join(sentence.split()[:5]).rstrip(".,") for sentence in pool]
    for number in range(count):
        lines = [f"# {draws.choice(titles)}", ""]
        for _ in range(sections):
            lines += [f"## {draws.choice(titles)}", ""]
            lines += draws.sample(pool, draws.randint(*_LINES))
            lines += [f"Reference WB-{number % 90_000 + 10_000}.", ""]
        yield "\n".join(lines)


def write_articles(folder: Path, count: int, sections: int = 1, seed: int = 1) -> None:
    """Writes `articles` as files, a hundred to a folder."""
    for number, text in enumerate(articles(count, sections, seed)):
        below = folder / f"part-{number // 100:04}"
        below.mkdir(parents=True, exist_ok=True)
        (below / f"article-{number:06}.md").write_text(text, encoding="utf-8")


@contextmanager
def opened(folder: Path, embedder: TextEmbedder, settings: KnowledgeBaseSettings) -> Iterator[KnowledgeBase]:
    """A knowledge base in a folder, never on a Chroma server."""
    knowledge_base = KnowledgeBase(folder, embedder, settings.model_copy(update={"chroma_url": ""}))
    try:
        yield knowledge_base
    finally:
        knowledge_base.close()


class SentenceEmbedder:
    """An embedder that gives a document the mean of its lines' vectors and a little of its own; queries it embeds."""

    def __init__(self, embedder: TextEmbedder) -> None:
        self._embedder = embedder
        self._known: dict[str, Vectors] = {}
        self.id = f"sentences-{embedder.id}"
        self.dimension = embedder.dimension

    def encode(self, texts: Sequence[str], role: Role = "document") -> Vectors:
        """Unit vectors `[n, dimension]`."""
        if role == "query" or not texts:
            return self._embedder.encode(texts, role)
        self._learn({line for text in texts for line in _lines(text)})
        return normalised(np.stack([self._mean(text) for text in texts]))

    def count_tokens(self, text: str) -> int:
        """As the embedder's."""
        return self._embedder.count_tokens(text)

    def unknown_share(self, text: str) -> float:
        """As the embedder's."""
        return self._embedder.unknown_share(text)

    def _learn(self, lines: set[str]) -> None:
        new = sorted(lines - self._known.keys())
        self._known |= dict(zip(new, self._embedder.encode(new), strict=True))

    def _mean(self, text: str) -> Vectors:
        mean = np.mean([self._known[line] for line in _lines(text)], axis=0)
        own = np.random.default_rng(list(text.encode())).standard_normal(self.dimension)
        vector: Vectors = mean / np.linalg.norm(mean) + _OWN_SHARE * own / np.linalg.norm(own)
        return vector.astype(np.float32)


def _lines(text: str) -> list[str]:
    """Titles and sentences of an `embedding_text`; references have no meaning of their own."""
    parts = [part for line in text.split("\n") for part in line.split(" > ")]
    return [part for part in parts if part and not part.startswith("Reference ")] or [text]

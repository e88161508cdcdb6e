"""A small help centre whose pages are made here, and a knowledge base that finds by words."""

from collections.abc import Sequence

from chatbot.text import content_words
from finetune.guard_templates import fixed_templates
from knowledge_base.chunk import chunk
from knowledge_base.documents import Chunk, Document, FaqEntry, FaqMatch, RetrievalResult, RetrievedChunk

_THINGS = ("kettle", "toaster", "lamp", "router", "camera", "blender", "scooter", "printer")


def documents(things: Sequence[str] = _THINGS) -> list[Document]:
    return [_page(number, thing) for number, thing in enumerate(things, 3)]


def _page(number: int, thing: str) -> Document:
    text = (
        f"# The {thing}\n\nThe {thing} comes in a brown cardboard box. Its plug has {number} pins.\n\n"
        f"## Return the {thing}\n\nSend the {thing} back within {number * 7} days of delivery. "
        f"The money is on the account {number} days later. A courier collects it from the doorstep.\n\n"
        f"## Clean the {thing}\n\nWipe the {thing} with vinegar every {number} weeks. "
        "Never hold the appliance under running water.\n\n"
        f"## Guarantee for the {thing}\n\nRepairs are free of charge for {number} years after purchase. "
        "Keep the receipt in a safe place until then.\n"
    )
    return Document(f"page-{thing}", f"All about the {thing}", text)


class WordBase:
    """Ranks sections by the words they share with the question."""

    def __init__(self, pages: Sequence[Document]) -> None:
        self._pages = pages
        self._chunks: list[Chunk] = [
            part for page in pages for part in chunk(page, lambda t: len(t.split()), 60, 0)
        ]

    def documents(self) -> Sequence[Document]:
        return self._pages

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        wanted = set(content_words(query))
        score = {c.id: len(wanted & set(content_words(c.embedding_text))) for c in self._chunks}
        ranked = sorted(self._chunks, key=lambda c: -score[c.id])[: top_k or 5]
        return RetrievalResult(query, tuple(RetrievedChunk(c, score[c.id]) for c in ranked))


class ExactFaq:
    """The fixed FAQ, found word for word only."""

    def faq_entries(self) -> Sequence[FaqEntry]:
        return [template.entry for template in fixed_templates()]

    def retrieve(self, query: str, top_k: int | None = None, extra: str = "") -> RetrievalResult:
        found = (FaqMatch(e, query, 1.0) for e in self.faq_entries() if query in e.all_phrasings)
        return RetrievalResult(query, faq=tuple(found))

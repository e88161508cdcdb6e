"""Names and codes that a company uses, taken from its own content: they bias speech recognition."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from knowledge_base.documents import Document, FaqEntry

MAX_TERMS = 40
_MAX_CODES = 12
_MIN_TEXTS = 2
_NAME = re.compile(r"[A-Z][\w+-]*(?:[ -](?:[A-Z][\w+]*))*")
_CODE = re.compile(r"\b[A-Z]{2,5}-\d{2,6}\b")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|[#>*|-]\s+|\n)\W*$")
_SPLIT = re.compile(r"\s*[,;]\s*")


def vocabulary_of(documents: Iterable[Document], entries: Iterable[FaqEntry]) -> tuple[str, ...]:
    """Product names and codes, those in most texts first, at most 40.

    Front matter's `product` comes first. A capitalised name counts when it stands in at least two texts in the middle
    of a sentence, where English capitals mean names.
    """
    products: Counter[str] = Counter()
    names: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for document in documents:
        products.update(_products(document))
        names.update(_names(document.text))
        codes.update(_codes(f"{document.title}\n{document.text}"))
    for entry in entries:
        names.update(_names("\n".join((*entry.all_phrasings, entry.answer))))
        codes.update(_codes(f"{entry.question}\n{entry.answer}"))
    frequent = [name for name, texts in names.most_common() if texts >= _MIN_TEXTS]
    kept_codes = [code for code, _ in codes.most_common(_MAX_CODES)]
    kept_names = dict.fromkeys((*(name for name, _ in products.most_common()), *frequent))
    return (*list(kept_names)[: MAX_TERMS - len(kept_codes)], *kept_codes)


def _products(document: Document) -> list[str]:
    return [name for name in _SPLIT.split(document.metadata.get("product", "")) if name]


def _codes(text: str) -> list[str]:
    return list(dict.fromkeys(_CODE.findall(text)))


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(_mid_sentence(text)))


def _mid_sentence(text: str) -> Iterator[str]:
    for match in _NAME.finditer(text):
        before = text[max(0, match.start() - 8) : match.start()]
        if not _SENTENCE_START.search(before) and len(match[0]) > 2 and not _CODE.fullmatch(match[0]):
            yield match[0].rstrip("-")

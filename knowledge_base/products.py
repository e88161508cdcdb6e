"""Which products a text names: to an embedder `Wren Dot` and `Wren Out` are nearly the same."""

import re
from collections.abc import Iterable

from knowledge_base.documents import Document

_NONE: frozenset[str] = frozenset()


class Products:
    """The product names of the documents' front matter; only names of two words or more, which nothing else is."""

    def __init__(self, documents: Iterable[Document]) -> None:
        names = {document.metadata.get("product", "").strip() for document in documents}
        found = sorted((re.escape(n) for n in names if " " in n), key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(found)})s?\b", re.IGNORECASE) if found else None
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def named_in(self, text: str) -> frozenset[str]:
        """Names in a text, in lower case and without plural s; texts that name the same share one set."""
        if self._pattern is None:
            return _NONE
        found = frozenset(match[0].lower().removesuffix("s") for match in self._pattern.finditer(text))
        return self._sets.setdefault(found, found)

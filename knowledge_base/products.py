"""Which products a text names: to an embedder `Wren Dot` and `Wren Out` are nearly the same."""

import re
from collections.abc import Iterable

from knowledge_base.documents import Document


class Products:
    """The product names of the documents' front matter; only names of two words or more, which nothing else is."""

    def __init__(self, documents: Iterable[Document]) -> None:
        names = {document.metadata.get("product", "").strip() for document in documents}
        found = sorted((re.escape(n) for n in names if " " in n), key=len, reverse=True)
        self._pattern = re.compile(rf"\b(?:{'|'.join(found)})s?\b", re.IGNORECASE) if found else None

    def named_in(self, text: str) -> frozenset[str]:
        """Names in a text, in lower case and without plural s."""
        if self._pattern is None:
            return frozenset()
        return frozenset(match[0].lower().removesuffix("s") for match in self._pattern.finditer(text))

    def named_in_each(self, texts: Iterable[str]) -> tuple[frozenset[str], ...]:
        """As `named_in`, for many texts: those that name the same share one set, for an empty one takes 216 bytes."""
        sets: dict[frozenset[str], frozenset[str]] = {}
        return tuple(sets.setdefault(found, found) for found in map(self.named_in, texts))

"""Keyword search with BM25 (Robertson & Zaragoza 2009, Lucene variant of `bm25s`).

It finds what embeddings blur: error codes, product names, exact words, and languages the embedder never saw.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float32]
Places = npt.NDArray[np.int32]
NOWHERE: Places = np.zeros(0, np.int32)
_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"(?P<cjk>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+)(?:['’][^\W\d_{_CJK}]+)?")
_DASHES = re.compile(r"[\u2010-\u2015\u2212](?=[A-Za-z0-9])")
_CODE = re.compile(r"(?<![A-Za-z0-9])(?:([A-Za-z]{1,5})([ _-]?)(\d{2,6})|0x[0-9A-Fa-f]{2,8})(?![A-Za-z0-9])")
_PART = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]+(?:[-_][A-Za-z0-9]+)+(?![A-Za-z0-9])")
_MIN_PART_CHARS, _MAX_PART_CHARS = 5, 24
_MIN_MISSPELT_CHARS = 5
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_MISSPELLABLE = re.compile(rf"[a-z]{{{_MIN_MISSPELT_CHARS},20}}")
_STOP_WORDS = frozenset(
    "a an the and or of to in on at for with is are was were be been am do does did it its this that these"
    " those i my me we our us you your he she they them their as by from so if but not can could will would"
    " should have has had there here what which who how when where why please".split()
)


def tokenize(text: str) -> list[str]:
    """Words, and codes and part numbers in one spelling.

    `WR-501`, `wr501` and `wr 501` all give `wr501`, beside the words they are made of; `WP-4410-EU` gives `wp4410eu`,
    which is the word that is written without separators.
    """
    found = codes(text)
    return [*words_of(text), *found, *(part for part in _part_numbers(text) if part not in found)]


def words_of(text: str) -> list[str]:
    """Words in lower case without plural s, Chinese and Japanese as character pairs."""
    return list(_words(unicodedata.normalize("NFKC", text).lower()))


def codes(text: str, *, as_written: bool = False) -> list[str]:
    """Error codes and the like, squeezed: `WR-501` → `wr501`; in order, without repeats.

    Args:
        as_written: Leave out lower-case words followed by a number (`page 12`), which a careless writer may
            mean as a code but a document does not.
    """
    found = _codes(_plain(text))
    return list(dict.fromkeys(code for code, sure in found if sure or not as_written))


def _codes(text: str) -> Iterator[tuple[str, bool]]:
    for match in _CODE.finditer(text):
        letters, gap, digits = match[1] or "", match[2], match[3] or ""
        yield (letters + digits or match[0]).lower(), gap != " " or letters.isupper()


def _plain(text: str) -> str:
    """Full-width characters and typographic dashes as they stand on a keyboard."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", text))


def _one_edit_away(word: str) -> Iterator[str]:
    """With the same first letter, one letter left out, added or changed, or two swapped (Norvig 2007)."""
    for i in range(1, len(word) + 1):
        head, tail = word[:i], word[i:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in _LETTERS:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]


def _part_numbers(text: str) -> list[str]:
    """Letters and digits with separators between, squeezed; in order, without repeats."""
    squeezed = (re.sub(r"[^a-z0-9]", "", match[0].lower()) for match in _PART.finditer(_plain(text)))
    return list(dict.fromkeys(part for part in squeezed if _is_part(part)))


def _is_part(word: str) -> bool:
    is_mixed = not word.isdigit() and not word.isalpha()
    return is_mixed and word.isascii() and _MIN_PART_CHARS <= len(word) <= _MAX_PART_CHARS


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text):
        if run := match["cjk"]:
            yield from (run,) if len(run) == 1 else ("".join(pair) for pair in pairwise(run))
        elif match["word"] not in _STOP_WORDS:
            yield _singular(match["word"])


def _singular(word: str) -> str:
    """The s stemmer (Harman 1991): helps recall on both public sets, where stronger stemming hurts one."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if len(word) > 3 and word.endswith("s") and word[-2] not in "sui" else word


class LexicalIndex:
    """BM25 over a fixed list of texts; quick to build (0.1 s per thousand passages), so never stored."""

    def __init__(self, texts: Iterable[str]) -> None:
        import bm25s  # brings scipy

        numbers: dict[str, int] = {}
        found: set[str] = set()
        tokens: list[list[int]] = []  # numbers, for a hundred thousand passages of words fill a gigabyte
        for text in texts:
            found.update(codes(text, as_written=True))
            tokens.append([numbers.setdefault(token, len(numbers)) for token in tokenize(text)])
        self._size = len(tokens)
        self._uses = np.bincount(np.fromiter(chain.from_iterable(tokens), np.intp), minlength=len(numbers))
        self._codes = frozenset(found)
        self._model = bm25s.BM25() if numbers else None
        if self._model:
            self._model.index((tokens, numbers), show_progress=False)

    def scores(self, query: str) -> Scores:
        """BM25 of every text, `[n]`; 0 where no word of the query occurs. A misspelt one counts as the one meant."""
        return self._scores([self._meant(token) for token in tokenize(query)])

    @property
    def vocabulary(self) -> Iterable[str]:
        """All words, pairs of characters, codes and part numbers that occur."""
        return self._model.vocab_dict if self._model else ()

    def places_of(self, token: str) -> Places:
        """Numbers of the texts in which one of these occurs; a part of the index, not a copy."""
        number = (
            self._model.vocab_dict.get(token) if self._model and token else None
        )  # bm25s adds an empty word
        if self._model is None or number is None:
            return NOWHERE
        first, last = self._model.scores["indptr"][number : number + 2]
        places: Places = self._model.scores["indices"][first:last]
        return places

    def _meant(self, token: str) -> str:
        """The most frequent known word that an unknown one is a slip of, else the word itself."""
        known = self._model.vocab_dict if self._model else {}
        if token in known or not _MISSPELLABLE.fullmatch(token):
            return token
        meant = {word for word in map(_singular, _one_edit_away(token)) if word in known}
        return max(sorted(meant), key=lambda word: self._uses[known[word]], default=token)

    def asked_parts(self, text: str) -> list[str]:
        """Part numbers in a question that the index knows, with or without separators."""
        words = [*_part_numbers(text), *words_of(text)]
        known = self._model.vocab_dict if self._model else {}
        return list(dict.fromkeys(word for word in words if word in known and _is_part(word)))

    def asked_codes(self, text: str) -> frozenset[str]:
        """Codes in a question: those written as codes, and carelessly written ones that the index knows."""
        return frozenset(codes(text, as_written=True)) | (self._codes & set(codes(text)))

    def code_scores(self, asked: Iterable[str]) -> Scores:
        """BM25 of every text for only those codes and part numbers that the index knows, `[n]`."""
        return self._scores([code for code in asked if code in self._codes or _is_part(code)])

    def _scores(self, tokens: list[str]) -> Scores:
        known = [t for t in tokens if self._model and t in self._model.vocab_dict]
        if not self._model or not known:
            return np.zeros(self._size, np.float32)
        return np.asarray(self._model.get_scores(known), np.float32)

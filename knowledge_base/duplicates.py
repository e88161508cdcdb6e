"""Passages that say nearly the same, so that a result spends one place on them. Pure; knows no index.

The same manual as PDF and as page, a section that stands in several articles: whoever asks needs one of them. Sections
of sibling products are alike too, and differ in a name or a number alone, so these decide: a passage is folded only
where it names nothing that the other does not.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from knowledge_base.documents import Chunk

MIN_COSINE = 0.9
MIN_OVERLAP = 0.8
_SHINGLE_WORDS = 3
_TARGET = re.compile(r"\]\([^()\s]*(?:\s[^()]*)?\)")  # where a link leads to says nothing
_WORD = re.compile(r"\w+(?:['’.:/-]\w+)*")
_INSIDE = re.compile(r"[\w,;)'’\"”]\s+\Z")  # before a capital letter that no sentence begins with
_NEGATIONS = frozenset("no not never none cannot without nor".split())


@dataclass(frozen=True, slots=True)
class Kept:
    """A passage that keeps its place, and those that said nearly the same; places in the list of all."""

    place: int
    score: float
    folded: list[int] = field(default_factory=list)


def fold(ranked: Iterable[tuple[int, float]], same: Callable[[int, int], bool], count: int) -> list[Kept]:
    """The first `count` of a ranking, best first, without those that say the same as one before.

    Args:
        ranked: Places with scores, best first.
        same: Whether two places say nearly the same.
    """
    kept: list[Kept] = []
    for place, score in ranked:
        twin = next((one for one in kept if same(one.place, place)), None)
        if twin:
            twin.folded.append(place)
        elif len(kept) == count:
            break
        else:
            kept.append(Kept(place, score))
    return kept


def say_the_same(one: Chunk, other: Chunk) -> bool:
    """Whether two passages share nearly all runs of three words, and every name, number and negation.

    A name is a capitalised word of the title or headings, one inside of a sentence, and any word of a script without
    capitals. One of a heading must stand in the other's headings, one of the text anywhere in the other passage.
    """
    mine, theirs = _said(one), _said(other)
    if _lacks(mine, theirs) or _lacks(theirs, mine):
        return False
    shared, together = mine.shingles & theirs.shingles, mine.shingles | theirs.shingles
    return len(shared) >= MIN_OVERLAP * len(together)


@dataclass(frozen=True, slots=True)
class _Said:
    words: frozenset[str]
    heading_words: frozenset[str]
    names: frozenset[str]
    heading_names: frozenset[str]
    shingles: frozenset[tuple[str, ...]]


def _lacks(one: _Said, other: _Said) -> bool:
    return bool(other.heading_names - one.heading_words or other.names - one.words)


@lru_cache(maxsize=2048)
def _said(chunk: Chunk) -> _Said:
    headings, text = " > ".join((chunk.title, *chunk.heading_path)), _TARGET.sub("]", chunk.text)
    above, below = _words(headings), _words(text)
    words = above + below
    runs = range(max(1, len(words) - _SHINGLE_WORDS + 1))
    return _Said(
        frozenset(words),
        frozenset(above),
        frozenset(_names(text)),
        frozenset(_names(headings, heading=True)),
        frozenset(tuple(words[i : i + _SHINGLE_WORDS]) for i in runs),
    )


def _words(text: str) -> list[str]:
    return [match[0].lower() for match in _WORD.finditer(text)]


def _names(text: str, *, heading: bool = False) -> Iterator[str]:
    for match in _WORD.finditer(text):
        word = match[0]
        has_capital = word != word.lower()
        begins = has_capital and not heading and not _INSIDE.search(text[: match.start()][-3:])
        tells = any(map(str.isdigit, word)) or word == word.upper() or (has_capital and not begins)
        lowered = word.lower()
        if tells or lowered in _NEGATIONS or lowered.endswith(("n't", "n’t")):
            yield lowered

"""Ties each sentence of an answer to the passage that supports it.

The model only writes numbers; which document a number means is decided here. A sentence with a number, code,
address or link that no passage holds, or that no passage supports, does not reach the customer.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from chatbot.messages import Citation
from chatbot.prompt import Passage
from chatbot.repeats import without_repeats
from chatbot.text import content_words, split_sentences

MIN_SUPPORT = 0.85
MIN_WORDS = 3
MAX_REFUSED = 3
QUOTE_CHARS = 420
_MARK = re.compile(r"\s*\[(\d{1,2})\]")
_LAST_MARKS = re.compile(r"(?:[^\S\n]*\[\d{1,2}\])+\Z")
_ANY_MARK = re.compile(r"\s*\[[\d,; ]{1,12}\]")
_FACT = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]\"'*]+"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?<![\w-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b(?:/[^\s<>()\[\]\"'*]*)?"
    r"|(?<![a-z0-9])[a-z]+(?:-[a-z]+)*-?\d[a-z0-9-]*"
    r"|[$€£¥]?\s?\+?\d(?:[\d.,:/]*\d)?\s?%?"
    r"|[两二三四五六七八九十百千万半]+(?=[天日周月年小时分秒元倍次个折])"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty"
    r"|sixty|ninety|hundred|thousand)\b",
    re.IGNORECASE,
)
_SIGNS = "$€£¥%+"
_NAME = re.compile(r"(?<=[\w,;] )[A-Z][\w-]+|\b[A-Z]{2,}\b")  # capitals inside a sentence name something
_NOT_PROSE = re.compile(r"^#+\s.*\n+|^!\[[^\]]*\]\([^)]*\)\s*$", re.MULTILINE)
_NEGATION = re.compile(r"\b(?:no|not|never|none|cannot|without)\b|n['’]t\b|[不没无]", re.IGNORECASE)
_YES = re.compile(r"^\W*(?:yes\b|是的|可以)", re.IGNORECASE)
_IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_LIST_NUMBER = re.compile(r"^\s*\d{1,2}[.)]\s+", re.MULTILINE)
_ECHO = re.compile(r"^\s*(?:answer|passage|question)\s*:\s*", re.IGNORECASE)
_MARKED_BONUS = 0.05


@dataclass(frozen=True, slots=True)
class GroundedSentence:
    """A sentence that may be shown, without the model's own marks, and its source."""

    text: str
    passage: Passage
    support: float


def facts(text: str) -> list[str]:
    """Everything that must never be invented, in lower case: numbers, amounts, codes, links, addresses."""
    found = _FACT.findall(_LIST_NUMBER.sub("", text))
    return [re.sub(r"\s", "", match).rstrip(".,:;!?/").lower() for match in found]


def ground(sentence: str, passages: Sequence[Passage], asked: Sequence[str] = ()) -> GroundedSentence | None:
    """The sentence with its supporting passage, or None when the passages do not carry it.

    Support is the share of the sentence's content words that the passage (or its title) holds; the
    passage that the model marked is preferred unless another one supports the sentence better.

    Args:
        asked: Lines of the question and its screenshots; a sentence that only repeats one answers nothing.
    """
    marks = {int(number) for number in _MARK.findall(sentence)}
    plain = _ECHO.sub("", _ANY_MARK.sub("", _IMAGE.sub("", sentence)))
    wanted = set(content_words(_LIST_NUMBER.sub("", plain)))
    if (
        len(wanted) < MIN_WORDS
        or plain.rstrip().endswith(("?", "？"))
        or _only_repeats(plain, passages, asked)
    ):
        return None  # a fragment, a question, a heading or what the customer sent answers nothing
    scored = [(_support(wanted, plain, p), p) for p in passages]
    carried = [(support, p) for support, p in scored if support >= MIN_SUPPORT]
    if not carried:
        return None
    support, best = max(
        carried, key=lambda pair: (pair[0] + _MARKED_BONUS * (pair[1].number in marks), -pair[1].number)
    )
    return GroundedSentence(_without_own_number(plain, best), best, support)


def _without_own_number(sentence: str, passage: Passage) -> str:
    """Without the number of a list that the passage does not have."""
    number = _LIST_NUMBER.match(sentence)
    return sentence if number is None or number[0].strip() in passage.text else sentence[number.end() :]


def _only_repeats(sentence: str, passages: Sequence[Passage], asked: Sequence[str]) -> bool:
    said = content_words(sentence)
    titles = (part for p in passages for part in (p.title, *p.title.split(" > ")))
    return any(said == content_words(part) for part in (*titles, *asked))


def _support(wanted: set[str], sentence: str, passage: Passage) -> float:
    """Share of the words that the title and two neighbouring sentences hold; 0 for anything invented.

    Two, because an answer joins a sentence with its condition; not the whole passage, because words from its two
    ends make a sentence that it never said.
    """
    evidence = f"{passage.title}\n{passage.text}"
    known = {form for fact in facts(evidence) for form in (fact, fact.strip(_SIGNS))}
    if not known.issuperset(facts(sentence)):
        return 0.0
    if not all(_holds(evidence, name) for name in _NAME.findall(sentence)):
        return 0.0
    sentences = [s for s in split_sentences([passage.text]) if s.strip()]
    pairs = [f"{one} {other}" for one, other in pairwise(sentences)] or sentences
    title = set(content_words(passage.title))
    return max((_pair_support(wanted, sentence, pair, title) for pair in pairs), default=0.0)


def _pair_support(wanted: set[str], sentence: str, pair: str, title: set[str]) -> float:
    if bool(_NEGATION.search(sentence)) and not _NEGATION.search(pair):
        return 0.0  # "no" where the passage does not say no
    if _NEGATION.search(pair) and not _NEGATION.search(sentence) and _YES.search(sentence):
        return 0.0  # "yes" where the passage says no
    return len(wanted & (set(content_words(pair)) | title)) / len(wanted)


def _holds(evidence: str, name: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", evidence, re.IGNORECASE) is not None


def best_quote(sentence: str, passage: Passage) -> str:
    """The span of the passage, word for word, that shares most with the sentence."""
    wanted = set(content_words(sentence))
    candidates = [s.strip() for s in split_sentences([passage.text]) if s.strip()]
    return max(candidates, key=lambda s: len(wanted & set(content_words(s))), default=passage.text)


def opening(passage: Passage, limit_chars: int = QUOTE_CHARS) -> str:
    """The passage's beginning up to a whole sentence or line: what is shown when nothing was composed."""
    shown = ""
    for sentence in split_sentences([passage.text]):
        if shown.strip() and len(shown) + len(sentence) > limit_chars:
            break
        shown += sentence
    return _NOT_PROSE.sub("", shown.strip()).strip()


class Citations:
    """Numbers the passages an answer uses in the order of use."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.added: list[Citation] = []

    def cite(self, passage: Passage, quote: str) -> tuple[int, Citation | None]:
        """The number of the passage's document, and the citation when it is new."""
        known = self._numbers.get(passage.document_id)
        if known is not None:
            return known, None
        number = len(self._numbers) + 1
        self._numbers[passage.document_id] = number
        shown = passage.shown or passage.text
        citation = Citation(number, passage.document_id, passage.title, passage.url, quote, shown)
        self.added.append(citation)
        return number, citation


def grounded_sentences(
    pieces: Iterable[str],
    passages: Sequence[Passage],
    asked: Sequence[str] = (),
    limit: int = 6,
    *,
    marks_first: bool = False,
) -> Iterator[GroundedSentence]:
    """Turns the model's stream into sentences that may be shown.

    The same sentence again, or a third one that the passages do not carry or that says nothing new, ends the answer:
    more would cost time only. A clause that says nothing new is left out.

    Args:
        marks_first: Every mark stands before its sentence; else one between two sentences closes the first.
    """
    seen: dict[str, str] = {}
    refused = 0
    sentences = split_sentences(pieces)
    for sentence in _with_marks_before(sentences) if marks_first else sentences:
        grounded = ground(sentence, passages, asked)
        key = " ".join(content_words(grounded.text)) if grounded else ""
        if key in seen or len(seen) >= limit:
            return
        text = without_repeats(grounded.text, tuple(seen.values())) if grounded else ""
        if grounded is None or not text.strip():
            refused += bool(content_words(sentence))
            if refused >= MAX_REFUSED:
                return
            continue
        seen[key] = text
        yield replace(grounded, text=text)


def _with_marks_before(sentences: Iterable[str]) -> Iterator[str]:
    marks = ""
    for sentence in sentences:
        own = _LAST_MARKS.sub("", sentence)
        yield marks + own
        marks = sentence[len(own) :]

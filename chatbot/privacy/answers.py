"""Short answers to a question for personal data, also spelled and misheard: `What's your last name?` – `Magnusson`."""

import re
from collections.abc import Iterator, Sequence

from chatbot.privacy.cues import find_introduced
from chatbot.privacy.dates import DATE
from chatbot.privacy.lexicon import lexicon
from chatbot.privacy.spans import PiiSpan, PiiType

MOST_WORDS = 12
_ASKS = (
    r"(?:what|who|which|may|can|could|would|please|tell|give|provide|confirm|spell|need|have|your|"
    r"enter|verify)"
)
_QUESTIONS = (
    (
        re.compile(
            rf"\b{_ASKS}\b[^?\n]{{0,60}}\b(?:date of birth|birth ?date|birthday|d\.?o\.?b|when were you born)\b",
            re.I,
        ),
        PiiType.DATE_OF_BIRTH,
    ),
    (
        re.compile(rf"\b{_ASKS}\b[^?\n]{{0,60}}\b(?:post ?code|zip(?: ?code)?|postal code)\b", re.I),
        PiiType.POSTCODE,
    ),
    (
        re.compile(
            rf"\b{_ASKS}\b[^?\n]{{0,60}}\b(?<!user )(?<!product )(?<!file )(?<!network )(?:sur|last |"
            rf"first |full |maiden )?name\b",
            re.I,
        ),
        PiiType.PERSON,
    ),
    (
        re.compile(rf"\b{_ASKS}\b[^?\n]{{0,60}}\b(?:phone|mobile|telephone|cell|contact) number\b", re.I),
        PiiType.PHONE,
    ),
    (re.compile(rf"\b{_ASKS}\b[^?\n]{{0,60}}\border (?:number|id)\b", re.I), PiiType.ORDER_ID),
    (
        re.compile(
            rf"\b{_ASKS}\b[^?\n]{{0,60}}\b(?:account|customer|member(?:ship)?|policy) (?:number|id)\b", re.I
        ),
        PiiType.ACCOUNT_NUMBER,
    ),
)
_ANSWER = re.compile(r"[?.:!][ \t]*(?:user:|customer:)?[ \t]*(?P<same>[^\n?]+)|\n+(?P<next>[^\n]+)", re.I)
_FILLERS = frozenset(
    "it it's its is sure yes yeah okay ok oh um uh so well my name the surname first last and that "
    "that's thats i'm i am "
    "please for like in as capital letter double no sorry said again of birth date born on was was's "
    "you your hey hi hello".split()
)
_REFUSALS = re.compile(
    r"\b(?:why|what|don'?t|won'?t|can'?t|cannot|rather not|not sure|sorry|repeat|help|how|pardon|"
    r"excuse|representative|agent|nothing|never)\b|\?",
    re.I,
)
_CONTRACTION = re.compile(r"['’](?:m|d|s|t|ll|ve|re)$", re.I)
_NATO = frozenset(
    "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike "
    "november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey whisky xray x-ray yankee zulu zed".split()
)
_NUMBER_WORDS = frozenset("zero one two three four five six seven eight nine oh o double triple".split())


def find_answers(text: str) -> Iterator[PiiSpan]:
    """What answers a question for a name, a birthday, a postal code or a number, in the same line or the next."""
    for question, kind in _QUESTIONS:
        for asked in question.finditer(text):
            answer = _ANSWER.search(text, asked.end())
            if answer is None or answer.start() - asked.end() > 60:
                continue
            group = "same" if answer["same"] else "next"
            yield from _judge(answer[group], answer.start(group), kind)


def _judge(answer: str, offset: int, kind: PiiType) -> Iterator[PiiSpan]:
    words = answer.split()
    if not words or len(words) > MOST_WORDS or _REFUSALS.search(answer):
        return
    if kind is PiiType.DATE_OF_BIRTH:
        yield from _date(answer, offset)
    elif kind is PiiType.PERSON:
        yield from _name(answer, offset)
    elif kind is PiiType.POSTCODE:
        yield from _spelled(answer, offset, kind, fewest=2, letters=True)
    else:
        yield from _spelled(answer, offset, kind, fewest=4, letters=False)


def _date(answer: str, offset: int) -> Iterator[PiiSpan]:
    dates = list(DATE.finditer(answer))
    for found in dates:
        yield PiiSpan(PiiType.DATE_OF_BIRTH, offset + found.start(), offset + found.end(), 0.9)
    if not dates and re.search(r"\d", answer):
        first, last = re.search(r"\d", answer), re.search(r"\d\D*$", answer)
        if first and last:
            yield PiiSpan(PiiType.DATE_OF_BIRTH, offset + first.start(), offset + last.start() + 1, 0.7)


def _name(answer: str, offset: int) -> Iterator[PiiSpan]:
    if any(True for _ in find_introduced(answer)):
        return
    kept = [
        m
        for m in re.finditer(r"\S+", answer)
        if m.group().lower().replace("’", "'").strip(".,!") not in _FILLERS
    ]
    if not kept or len(kept) > MOST_WORDS - 2 or not all(_may_be_name(m.group()) for m in kept):
        return
    if (
        all(m.group().lower().strip(".,!") in lexicon().everyday for m in kept)
        and not kept[-1].group()[0].isupper()
    ):
        return
    end = kept[-1].end() - (1 if kept[-1].group()[-1] in ".,!" else 0)
    yield PiiSpan(PiiType.PERSON, offset + kept[0].start(), offset + end, 0.8)


def _may_be_name(word: str) -> bool:
    bare = word.strip('.,!"“”()')
    names = lexicon()
    lower = bare.lower()
    if not bare or not bare[0].isalpha():
        return False
    if _CONTRACTION.search(bare):
        return False
    return (
        len(bare) <= 2
        or bare[0].isupper()
        or lower not in names.everyday
        or lower in names.given
        or lower in names.family
    )


def _spelled(answer: str, offset: int, kind: PiiType, *, fewest: int, letters: bool) -> Iterator[PiiSpan]:
    """The longest stretch of pieces of a code, with at most one other word that was heard between them."""
    stretch: list[re.Match[str]] = []
    best: list[re.Match[str]] = []
    others = 0
    for word in re.finditer(r"\S+", answer):
        if _is_piece(word.group(), letters=letters):
            stretch = [*stretch, word] if others < 2 else [word]
            others = 0
            best = max(best, stretch, key=_total)
        else:
            others += 1
    if _total(best) >= fewest:
        end = len(answer[: best[-1].end()].rstrip(".,!"))
        yield PiiSpan(kind, offset + best[0].start(), offset + end, 0.78)


def _total(words: Sequence[re.Match[str]]) -> int:
    return sum(_weight(word.group()) for word in words)


def _is_piece(word: str, *, letters: bool) -> bool:
    bare = word.strip(".,!-").lower()
    if any(c.isdigit() for c in bare) or bare in _NUMBER_WORDS:
        return True
    return letters and (
        (len(bare) <= 2 and bare.isalpha() and bare not in ("is", "it", "so", "my", "ok", "no", "um", "uh"))
        or bare in _NATO
    )


def _weight(word: str) -> int:
    return max(1, sum(c.isdigit() for c in word))

"""Small pure helpers for text that people type: cleaning, sentences, words, script."""

import re
import unicodedata
from collections.abc import Iterable, Iterator

_KEPT_CONTROLS = frozenset("\n\t")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_WORD = re.compile(r"[a-z0-9]+(?:['’.-][a-z0-9]+)*|[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]", re.IGNORECASE)
_END = re.compile(  # looks ahead on its own line only, so that the pieces' cuts make no difference
    r"[.!?](?:[\"')*]|\*\*)?(?:[^\S\n]*\[\d{1,2}\])*(?=[^\S\n]+[^\s\[])"
    r"|[。！？](?:[^\S\n]*\[\d{1,2}\])*(?=[^\S\n]*[^\s\[])|\n"
)
_NOT_AN_END = re.compile(r"(?:^|\s)(?:\d{1,3}|e\.g|i\.e|etc|approx|incl|no|vs)\.$", re.IGNORECASE)
STOP_WORDS = frozenset(
    "a about after again all also am an and any are as at be because been before being but by can "
    "cannot could did do does doing don for from get had has have having he her here hi him his how i "
    "if in into is it its just me more most my no nor not of off on once only or other our out over own "
    "please same she should so some such than that the their them then there these they this those "
    "through to too under until up very was we were what when where which while who whom why will with "
    "would you your ".split()
)


def clean_text(text: str) -> str:
    """Removes what only serves to deceive: control characters, bidirectional overrides, lone surrogates."""
    kept = (
        c
        for c in text.replace("\r\n", "\n").replace("\r", "\n")
        if c in _KEPT_CONTROLS or not (unicodedata.category(c) in {"Cc", "Cs", "Cn"} or _is_bidi_control(c))
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def _is_bidi_control(character: str) -> bool:
    return "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"


def how_many(n: int, forms: str) -> str:
    """A number with what it counts, as `{n} message|{n} messages` says: the form for one, and for any other number.

    A language that has but one form gives just that.
    """
    one, _, other = forms.partition("|")
    return (one if n == 1 or not other else other).format(n=f"{n:,}")


def is_chinese(text: str) -> bool:
    """Whether the reader is better served in Chinese: a fifth of the letters are CJK."""
    letters = sum(c.isalpha() for c in text)
    return letters > 0 and len(_CJK.findall(text)) >= letters / 5


def words(text: str) -> list[str]:
    """Lower-case words, numbers and codes; each CJK character is a word."""
    return [word.lower() for word in _WORD.findall(text)]


def content_words(text: str) -> list[str]:
    """`words` without those that carry no meaning of their own, cut to a rough stem."""
    return [_stem(word) for word in words(text) if word not in STOP_WORDS]


def _stem(word: str) -> str:
    for suffix in ("ing", "ed", "es", "s"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def split_sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Joins pieces of text and yields whole sentences as soon as each is complete.

    A sentence keeps its closing citation marks (`… 45 days. [1]`) and its trailing white space is
    left to the next one, so that all sentences joined are the text.
    """
    pending = ""
    for piece in pieces:
        pending += piece
        end = _sentence_end(pending)
        while end:
            yield pending[:end]
            pending = pending[end:]
            end = _sentence_end(pending)
    if pending:
        yield pending


def _sentence_end(text: str) -> int:
    for match in _END.finditer(text):
        before = text[: match.end()]
        if before.strip() and not _NOT_AN_END.search(before.rstrip("\n")):
            return match.end()
    return 0

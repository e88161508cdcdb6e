"""How much of what was said is what should have been said: overlap of words, pure functions."""

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence

_MARK = re.compile(r"\[(\d{1,2})\]")
_CJK = re.compile(r"([\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff])")
_ARTICLES = frozenset({"a", "an", "the"})


def answer_tokens(text: str) -> list[str]:
    """Tokens as SQuAD compares them: no case, punctuation, articles or citation marks; each CJK character is one."""
    plain = unicodedata.normalize("NFKC", _MARK.sub(" ", text)).lower()
    plain = plain.translate(str.maketrans("", "", string.punctuation))
    plain = "".join(" " if unicodedata.category(c).startswith("P") else c for c in plain)
    return [token for token in _CJK.sub(r" \1 ", plain).split() if token not in _ARTICLES]


def answer_f1(answer: str, references: Sequence[str]) -> float:
    """Token F1 against the nearest reference (Rajpurkar et al. 2016)."""
    return max((_f1(answer_tokens(answer), answer_tokens(r)) for r in references), default=0.0)


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    return _harmonic(sum((Counter(said) & Counter(wanted)).values()), len(said), len(wanted))


def _harmonic(shared: int, said: int, wanted: int) -> float:
    return 2 * shared / (said + wanted)


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """F-measure of the longest common subsequence with the nearest reference (Lin 2004)."""
    return max((_rouge_l(answer_tokens(answer), answer_tokens(r)) for r in references), default=0.0)


def _rouge_l(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    return _harmonic(_common_length(said, wanted), len(said), len(wanted))


def _common_length(one: Sequence[str], other: Sequence[str]) -> int:
    row = [0] * (len(other) + 1)
    for token in one:
        before = 0
        for at, candidate in enumerate(other, 1):
            kept = row[at]
            row[at] = before + 1 if token == candidate else max(row[at], row[at - 1])
            before = kept
    return row[-1]

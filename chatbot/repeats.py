"""What an answer says a second time: sentences and clauses that add nothing to what was said before them.

Small language models go round in circles: "You can cancel at any time, and you can choose to cancel at any time."
"""

import re
from collections.abc import Sequence

from chatbot.text import content_words

REPEATED_SHARE = 0.8
"""Share of a clause's content words that one earlier clause or sentence holds, from which it says that again."""
_JOINT = re.compile(
    r"(,?\s+(?:and|but|or|so|und|oder|aber|et|ou|mais|y|o|pero)\s+|;\s+|,\s+|\s+[–—]\s+|[，；]\s*)",
    re.IGNORECASE,
)
_END = re.compile(r"[.!?。！？]*[\"')*]*\s*\Z")
_NEW = re.compile(r"(?<=[\w,;>] )[A-Z][\w-]*|\b\w*\d[\w.,:-]*")  # names, and whatever holds a figure
_NEGATION = re.compile(
    r"\b(?:no|not|never|none|cannot|without|nicht|kein\w*|pas|sin)\b|n['’]t\b|[不没无]", re.IGNORECASE
)
_LIGHT = frozenset(  # stems that only lead to the verb that says something
    "choos choose decid decide wish want like abl able possibl possible option simply simple easily also always too "
    "then way would may might need try 也 就 都 还 可 以 选 择 您 你".split()
)


def without_repeats(sentence: str, said: Sequence[str] = ()) -> str:
    """The sentence without its clauses that an earlier clause of it, or a sentence before it, has said.

    A clause with a figure or a name of its own, with a negation that the other lacks, or with the condition of the next
    one, is no repeat.

    Returns:
        Empty when all of it was said before.
    """
    if _is_repeat(sentence, said):
        return ""
    first, *rest = _JOINT.split(sentence)
    kept, before = first, [first, *said]
    for joint, clause in zip(rest[::2], rest[1::2], strict=True):
        if _is_clause(clause, joint) and _is_repeat(clause, before):
            continue
        kept += joint + clause
        before.append(clause)
    if kept == sentence:
        return sentence
    end = _END.search(sentence)
    return _END.sub("", kept) + (end[0] if end else "")


def _is_clause(text: str, joint: str) -> bool:
    """Whether a part after a comma can stand for itself, and not as one item of a list."""
    return joint.strip() != "," and len(text.split()) + len(re.findall(r"[\u3400-\u9fff]", text)) > 2


def _is_repeat(text: str, said: Sequence[str]) -> bool:
    wanted = _meaning(text)
    if not wanted:
        return False
    new, negated = set(_NEW.findall(text)), bool(_NEGATION.search(text))
    return any(
        len(wanted & _meaning(other)) / len(wanted) >= REPEATED_SHARE
        and all(word in other for word in new)
        and negated == bool(_NEGATION.search(other))
        for other in said
    )


def _meaning(text: str) -> set[str]:
    return set(content_words(text)) - _LIGHT

"""Recognisers by form: a pattern, a check digit where there is one, and words nearby that give its meaning away."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chatbot.privacy.spans import PiiSpan, PiiType

BEFORE_CHARS = 48
AFTER_CHARS = 16


@dataclass(frozen=True, slots=True)
class Pattern:
    """One form of one kind of personal data.

    Attributes:
        form: What to find; the group `value`, if it has one, is what is masked.
        score: How sure a match is.
        cue: Words of which one must stand shortly before it, in the same paragraph; None: the form says enough.
        cue_after: Words of which one may stand right after it instead.
        check: What the match must satisfy besides.
    """

    entity_type: PiiType
    form: re.Pattern[str]
    score: float
    cue: re.Pattern[str] | None = None
    cue_after: re.Pattern[str] | None = None
    check: Callable[[str], bool] | None = None
    reach: int = BEFORE_CHARS

    def find(self, text: str) -> Iterator[PiiSpan]:
        """Every match in a text."""
        for match in self.form.finditer(text):
            start, end = match.span("value" if "value" in self.form.groupindex else 0)
            if self._has_cue(text, start, end) and (self.check is None or self.check(text[start:end])):
                yield PiiSpan(self.entity_type, start, end, self.score)

    def _has_cue(self, text: str, start: int, end: int) -> bool:
        if self.cue is None and self.cue_after is None:
            return True
        before = text[max(0, start - self.reach) : start].rpartition("\n\n")[2]
        if self.cue and self.cue.search(before):
            return True
        return bool(self.cue_after and self.cue_after.match(text[end : end + AFTER_CHARS]))


def any_of(*words: str) -> re.Pattern[str]:
    """A cue of one of several words or expressions, as whole words, ignoring case."""
    return re.compile("|".join(rf"(?<!\w)(?:{word})(?!\w)" for word in words), re.IGNORECASE)

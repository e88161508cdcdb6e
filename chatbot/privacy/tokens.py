"""Words, numbers and marks of a text with their places: what the rules for names and addresses walk along."""

import re
from dataclasses import dataclass, replace

_TOKEN = re.compile(r"[^\W\d_]+(?:['’.\-][^\W\d_]+)*\.?|\d+(?:(?:st|nd|rd|th|[^\W\d_])(?!\w))?|[^\w\s]|_+|\w")


@dataclass(frozen=True, slots=True)
class Token:
    """One word, number or mark.

    Attributes:
        tag: Part of speech in Penn Treebank terms, empty when no tagger ran.
        entity: What the model took it for (`PERSON`, `GPE`, …), empty for nothing.
        line: Number of its line.
        gap: White space stands before it.
    """

    text: str
    start: int
    end: int
    line: int
    gap: bool
    tag: str = ""
    entity: str = ""

    @property
    def is_word(self) -> bool:
        """It begins with a letter."""
        return self.text[0].isalpha()

    @property
    def is_number(self) -> bool:
        """It begins with a digit and is no `3rd`."""
        return self.text[0].isdigit() and not self.text.endswith(("st", "nd", "rd", "th"))

    @property
    def is_capital(self) -> bool:
        """It begins with a capital letter."""
        return self.text[0].isupper()

    def moved(self, characters: int, lines: int) -> "Token":
        """The same token in a text that has so much before it."""
        return replace(self, start=self.start + characters, end=self.end + characters, line=self.line + lines)

    @property
    def lower(self) -> str:
        """Lower case without a closing full stop."""
        return self.text.lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Tagged:
    """A word's place with what the language model said of it."""

    start: int
    end: int
    tag: str
    entity: str


def tokenize(text: str, tagged: tuple[Tagged, ...] = ()) -> list[Token]:
    """The tokens of a text in order, each with the tag and the entity of the tagged word it overlaps first."""
    tokens, line, position, place = [], 0, 0, 0
    for match in _TOKEN.finditer(text):
        between = text[position : match.start()]
        line += between.count("\n")
        while place < len(tagged) and tagged[place].end <= match.start():
            place += 1
        here = tagged[place] if place < len(tagged) and tagged[place].start < match.end() else None
        tokens.append(
            Token(
                match.group(),
                match.start(),
                match.end(),
                line,
                bool(between) or match.start() == 0,
                here.tag if here else "",
                here.entity if here else "",
            )
        )
        position = match.end()
    return tokens

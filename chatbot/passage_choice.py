"""Which of the passages found an answer is made from."""

from collections.abc import Sequence

from chatbot.policy import names_code
from chatbot.prompt import Passage
from chatbot.question_kind import fits
from chatbot.screenshot import error_codes
from knowledge_base.documents import RetrievedChunk


def about_code(found: Sequence[RetrievedChunk], code: str) -> Sequence[RetrievedChunk]:
    """Without passages whose own words are about other error codes, where one is about this one.

    First are those that name it and no other: they explain it. Where there is one, those that list it among others are
    left out as well. An article about several codes has them all in its title, so that each of its sections seems to be
    about each.
    """
    words = [_own_words(Passage.of(1, one.chunk)) for one in found]
    names = [bool(code) and names_code(text, code) for text in words]
    if not any(names):
        return found
    codes = [len(error_codes(text.splitlines())) for text in words]
    explains = [mine and n <= 1 for mine, n in zip(names, codes, strict=True)]
    if not any(explains):
        return [one for one, mine, n in zip(found, names, codes, strict=True) if mine or not n]
    first = [one for one, explaining in zip(found, explains, strict=True) if explaining]
    return [*first, *(one for one, mine, n in zip(found, names, codes, strict=True) if not mine and not n)]


def _own_words(passage: Passage) -> str:
    return f"{passage.title.rpartition(' > ')[2]}\n{passage.text}"


def most_specific(passages: Sequence[Passage], named_codes: Sequence[str], likeliest: int) -> Passage:
    """The best passage whose own words name the error on the screen, else the likeliest by the model, else the best."""
    named = (p for p in passages if any(code.lower() in p.text.lower() for code in named_codes))
    likely = (p for p in passages if p.number == likeliest)
    return next(named, None) or next(likely, passages[0])


def of_its_kind(passages: Sequence[Passage], said: str) -> Sequence[Passage]:
    """Without reviewed answers to another kind of question, whose "No." is no answer; all where no other is left."""
    return [p for p in passages if fits(said, (p.title,))] or passages

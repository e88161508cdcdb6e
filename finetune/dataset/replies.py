"""What an agent's reply teaches: an answer from passages, a question back, a handoff, or nothing. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from chatbot.citations import MIN_WORDS, facts, ground
from chatbot.prompt import Passage
from chatbot.text import content_words, split_sentences, words
from finetune.conversations import SupportConversation, Turn
from finetune.dataset.sections import spoken

Kind = Literal["answer", "clarify", "handoff"]
Dropped = Literal[
    "names a person",
    "too short",
    "badly rated",
    "contradicts the knowledge base",
    "not in the knowledge base",
]
_MIN_SHARED = 0.5
_HANDOFF = re.compile(
    r"\b(?:pass|hand|transfer|forward|escalat\w*|connect)\b.{0,40}\b(?:colleague|team|department|manager|specialist|"
    r"technician|person|you (?:over|on))\b|\bcolleague will (?:call|contact|write)|转接|转给",
    re.IGNORECASE,
)
_COMPLAINT = re.compile(
    r"\b(?:that(?:'s| is) (?:wrong|not (?:right|true|correct))|(?:did|does)(?:n't| not) (?:help|work)|"
    r"still (?:broken|not working)|useless|you (?:didn't|did not) (?:answer|read))\b",
    re.IGNORECASE,
)

_PLACEHOLDER = re.compile(r"<[A-Z][A-Z_]+>")  # what was masked is nothing for the assistant to say


@dataclass(frozen=True, slots=True)
class Exchange:
    """An agent's reply, what the customer had just said, and what was said before.

    Attributes:
        earlier: Turns before the question, customer and agent in turn.
        place: Number of the exchange in its conversation.
        disliked: It was rated badly, or the customer complained about it at once.
    """

    earlier: tuple[Turn, ...]
    question: str
    reply: str
    place: int
    disliked: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """What to teach: the sentences of the answer, each with the number of its passage; none for other kinds."""

    kind: Kind
    sentences: tuple[tuple[int, str], ...] = ()


def exchanges(conversation: SupportConversation) -> Iterator[Exchange]:
    """Every reply to a customer; turns of one speaker in a row are one."""
    merged = _merged(conversation.turns)
    for place, (asked, told) in enumerate(pairwise(merged)):
        if asked.role == "customer" and told.role == "agent":
            after = merged[place + 2] if place + 2 < len(merged) else None
            complains = after is not None and bool(_COMPLAINT.search(after.text))
            earlier = tuple(merged[:place])
            yield Exchange(earlier, asked.text, told.text, place, told.rating < 0 or complains)


def _merged(turns: Sequence[Turn]) -> list[Turn]:
    """One turn for each change of speaker; the system's words are nobody's."""
    merged: list[Turn] = []
    for turn in turns:
        if turn.role == "system":
            continue
        if merged and merged[-1].role == turn.role:
            last = merged[-1]
            rating = min(last.rating, turn.rating) or max(last.rating, turn.rating)
            merged[-1] = Turn(turn.role, f"{last.text}\n{turn.text}", last.at, rating)
        else:
            merged.append(turn)
    return merged


def lesson(
    exchange: Exchange, passages: Sequence[Passage], min_words: int, max_words: int
) -> Lesson | Dropped:
    """What the reply teaches, given the passages that the assistant would have had.

    A sentence that a passage carries is kept as the agent wrote it. Of one that says the same in other words the
    passage's own sentence is taught, since only that survives the check of citations when answering.
    """
    if exchange.disliked:
        return "badly rated"
    if _HANDOFF.search(exchange.reply):
        return Lesson("handoff")
    sentences = [s.strip() for s in split_sentences([exchange.reply]) if s.strip()]
    told = [s for s in sentences if not s.endswith(("?", "？")) and not _PLACEHOLDER.search(s)]
    taught = list(_taught(told, passages))
    if taught:
        return Lesson("answer", _shortened(taught, max_words))
    if _PLACEHOLDER.search(exchange.reply):
        return "names a person"
    if len(told) < len(sentences):
        return Lesson("clarify")
    if len(words(exchange.reply)) < min_words:
        return "too short"
    known = set(facts("\n".join(f"{p.title}\n{p.text}" for p in passages)))
    said = facts(exchange.reply)
    return "contradicts the knowledge base" if said and not known & set(said) else "not in the knowledge base"


def _taught(sentences: Sequence[str], passages: Sequence[Passage]) -> Iterator[tuple[int, str]]:
    seen: set[str] = set()
    for sentence in sentences:
        grounded = ground(sentence, passages)
        found = (grounded.passage.number, grounded.text) if grounded else _nearest(sentence, passages)
        if found and found[1] not in seen:
            seen.add(found[1])
            yield found


def _nearest(sentence: str, passages: Sequence[Passage]) -> tuple[int, str] | None:
    """The passage's sentence that shares most words with the agent's, when it has all its facts."""
    wanted, needed = set(content_words(sentence)), set(facts(sentence))
    if len(wanted) < MIN_WORDS:
        return None
    candidates = [
        (len(wanted & set(content_words(said))) / len(wanted), -p.number, said)
        for p in passages
        for said in map(spoken, split_sentences([p.text]))
        if "|" not in said and needed <= set(facts(said)) and set(facts(said)) <= set(facts(p.text))
    ]
    share, number, said = max(candidates, default=(0.0, 0, ""))
    return (-number, said) if share >= _MIN_SHARED and ground(said, passages) else None


def _shortened(taught: Sequence[tuple[int, str]], max_words: int) -> tuple[tuple[int, str], ...]:
    """As many sentences as stay under `max_words`, at least one."""
    kept: list[tuple[int, str]] = []
    for number, said in taught:
        if kept and sum(len(words(s)) for _, s in kept) + len(words(said)) > max_words:
            break
        kept.append((number, said))
    return tuple(kept)

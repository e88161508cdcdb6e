"""Conversations as sources have them to checked ones: roles settled, turns joined, private things left out."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence

from chatbot.text import clean_text
from finetune.conversations import Role, SupportConversation, Turn
from finetune.transcripts.roles import greets_as_agent, part_of
from finetune.transcripts.times import iso_time
from finetune.transcripts.values import Dropped, Found, RawMessage, Source

_SUSPECT = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]"
)
_INTRODUCTION = re.compile(
    r"(?:my name is|my name's|this is|i am|i'm|ich bin|mein name ist|je suis|me llamo|soy|我是|我叫)\s*([^\W\d_]+)",
    re.IGNORECASE,
)
_MAX_NAMED = 3


def clean_message(text: str) -> str:
    """`clean_text`, fast for the text that needs no cleaning."""
    if _SUSPECT.search(text):
        return clean_text(text.replace("\ufeff", ""))
    return (text if text.isascii() else unicodedata.normalize("NFC", text)).strip()


def assemble(found: Found, source: Source) -> SupportConversation | Dropped:
    """A conversation that can be learnt from, or why it cannot."""
    said = [m for m in found.messages if m.text and not m.text.isspace()]
    roles = _roles(said, source.options.roles)
    problem = _problem(said, roles, source)
    if problem:
        return source.dropped(found.line, *problem)
    turns = _joined(said, roles)
    if problem := _one_sided(turns):
        return source.dropped(found.line, *problem)
    turns = _rated(turns, found.rating)
    return SupportConversation(
        id=found.id.strip() or _made_id(turns),
        turns=turns,
        customer=found.customer.strip(),
        source=found.source or source.label,
        started_at=iso_time(found.started_at) or turns[0].at,
    )


def _problem(
    said: Sequence[RawMessage], roles: Sequence[Role | str | None], source: Source
) -> tuple[str, str] | None:
    limits = source.limits
    if not said:
        return "empty", "nobody says anything"
    if len(said) > limits.max_turns:
        return "too_long", f"{len(said)} messages; at most {limits.max_turns} make a conversation"
    longest = max(len(m.text) for m in said)
    if longest > limits.max_turn_chars:
        return "too_long", f"a message of {longest:,} characters; at most {limits.max_turn_chars:,} are used"
    unknown = list(dict.fromkeys(m.speaker.strip() for m, r in zip(said, roles, strict=True) if r is None))
    if unknown == [""]:
        number = next(i for i, role in enumerate(roles, 1) if role is None)
        return "no_role", f"message {number} does not say who wrote it"
    if unknown:
        return (
            "no_role",
            f"not known to be customer or agent: {_named(unknown)} (`--role NAME=agent` says so)",
        )
    return None


def _named(speakers: Sequence[str]) -> str:
    shown = ", ".join(repr(s[:40]) for s in speakers[:_MAX_NAMED])
    more = len(speakers) - _MAX_NAMED
    return f"{shown} and {more} more" if more > 0 else shown


def _roles(said: Sequence[RawMessage], named: Mapping[str, Role]) -> list[Role | str | None]:
    known: dict[str, Role | str | None] = {}
    for message in said:
        if message.role is None and message.speaker not in known:
            known[message.speaker] = part_of(message.speaker, named)
    if any(part is None for part in known.values()):
        _infer(said, known)
    return [m.role or known[m.speaker] for m in said]


def _infer(said: Sequence[RawMessage], known: dict[str, Role | str | None]) -> None:
    """Fills in names whose role the others tell: introduced by a known speaker, or the only ones missing."""
    aliases = _introduced(said, known)
    for speaker in [s for s, part in known.items() if part is None and s.strip()]:
        known[speaker] = aliases.get(speaker.strip().casefold())
    unknown = [s for s, part in known.items() if part is None]
    present = {m.role or known[m.speaker] for m in said}
    if "" in {s.strip() for s in unknown}:
        return
    if "customer" not in present and "agent" in present and len(unknown) == 1:
        known[unknown[0]] = "customer"
    elif "agent" not in present and "customer" in present:
        known.update(dict.fromkeys(unknown, "agent"))
    elif len(unknown) == 2 and not present & {"customer", "agent"}:
        greeting = {m.speaker for m in said if greets_as_agent(m.text)}
        if len(greeting) == 1:
            known.update({who: "agent" if who in greeting else "customer" for who in unknown})


def _introduced(
    said: Sequence[RawMessage], known: Mapping[str, Role | str | None]
) -> dict[str, Role | str | None]:
    """Names that known speakers give as their own, in brackets or in words."""
    aliases: dict[str, Role | str | None] = {}
    for message in said:
        role = message.role or known[message.speaker]
        if role in ("customer", "agent"):
            in_label = re.split(r"[()]", message.speaker)
            for name in (*in_label, *_INTRODUCTION.findall(message.text[:300])):
                if name.strip():
                    aliases.setdefault(name.strip().casefold(), role)
    return aliases


def _joined(said: Sequence[RawMessage], roles: Sequence[Role | str | None]) -> tuple[Turn, ...]:
    """One turn for messages in a row by the same side; what no person said is left out."""
    turns: list[Turn] = []
    for message, role in zip(said, roles, strict=True):
        text = clean_message(message.text)
        if role not in ("customer", "agent", "system") or not text:
            continue
        if turns and turns[-1].role == role:
            before = turns.pop()
            rating = message.rating or before.rating
            turns.append(Turn(before.role, f"{before.text}\n{text}", before.at, rating))
        else:
            turns.append(Turn(role, text, iso_time(message.at), message.rating))  # type: ignore[arg-type]
    return tuple(turns)


def _one_sided(turns: Sequence[Turn]) -> tuple[str, str] | None:
    present = {turn.role for turn in turns}
    if not present:
        return "empty", "nobody says anything"
    if "customer" not in present:
        return "no_customer", "every message is by an agent: there is nothing that is answered"
    if "agent" not in present:
        return "no_agent", "every message is by the customer: there is no answer to learn from"
    return None


def _rated(turns: tuple[Turn, ...], rating: int) -> tuple[Turn, ...]:
    """A rating of the whole conversation goes to the agent's turns that have none of their own."""
    if not rating:
        return turns
    return tuple(Turn(t.role, t.text, t.at, t.rating or rating) if t.role == "agent" else t for t in turns)


def _made_id(turns: Sequence[Turn]) -> str:
    said = json.dumps([[turn.role, turn.text] for turn in turns], ensure_ascii=False)
    return f"c-{hashlib.sha256(said.encode()).hexdigest()[:16]}"

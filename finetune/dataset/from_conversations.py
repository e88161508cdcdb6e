"""Examples from past conversations: each reply with the passages that the assistant would have had.

Only redacted conversations go in. A conversation, with all that say nearly the same, is on one side of the split, and
the newest are kept for the test.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from chatbot.adapter_files import erasure_key
from chatbot.generators.base import ChatTurn
from chatbot.prompt import Passage
from chatbot.understand import standalone_query
from finetune.conversations import SupportConversation
from finetune.dataset.duplicates import near_duplicates
from finetune.dataset.example import Context, Example, marked
from finetune.dataset.from_knowledge_base import Searchable, build_examples
from finetune.dataset.instructions import with_instructions
from finetune.dataset.questions import varied
from finetune.dataset.replies import Exchange, Lesson, exchanges, lesson
from finetune.dataset.store import PARTS, Dataset, split_by_source
from finetune.errors import DatasetError
from finetune.redact import RedactedConversation
from finetune.settings import DatasetSettings
from knowledge_base.documents import Chunk

Progress = Callable[[int, int], None]
_NEIGHBOURS = 10
_HISTORY_TURNS = 4


@dataclass
class _Made:
    """Examples of the conversations, and what happened to their replies."""

    examples: list[Example] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    replies: int = 0


def build_dataset(
    conversations: Iterable[RedactedConversation],
    knowledge_base: Searchable,
    settings: DatasetSettings,
    seed: int,
    progress: Progress = lambda done, total: None,
) -> Dataset:
    """Examples of conversations and of the knowledge base, in three parts; the same input gives the same dataset.

    Args:
        conversations: As `finetune.redact` yields them; nothing else is taken.
        progress: Told how many conversations are done.

    Raises:
        DatasetError: There is nothing to learn from.
    """
    given = [redacted.conversation for redacted in conversations]
    sides, groups = split_conversations(given, settings, seed)
    made = _Made()
    parts: dict[str, list[Example]] = {part: [] for part in PARTS}
    for number, conversation in enumerate(given):
        found = list(_examples(conversation, knowledge_base, settings, seed, made))
        parts[sides[number]] += found
        progress(number + 1, len(given))
    from_articles = _from_articles(knowledge_base, settings, seed)
    joined = {part: (*parts[part], *from_articles[part]) for part in PARTS}
    if not joined["train"]:
        raise DatasetError(
            "Neither the conversations nor the knowledge base give an example to learn from.",
            "Add articles to the knowledge base, or conversations whose answers stand in them.",
        )
    joined["train"] = tuple(with_instructions(joined["train"], settings.instruction_share, seed))
    return Dataset(**joined, about=_about(given, sides, groups, made, seed))


def _from_articles(
    knowledge_base: Searchable, settings: DatasetSettings, seed: int
) -> dict[str, tuple[Example, ...]]:
    return split_by_source(
        build_examples(knowledge_base, settings, seed),
        validation_share=settings.validation_share,
        test_share=settings.test_share,
        seed=seed,
    )


def split_conversations(
    conversations: Sequence[SupportConversation], settings: DatasetSettings, seed: int
) -> tuple[list[str], int]:
    """The part of each conversation, and how many groups of near-duplicates there are.

    The newest go to the test and those before them to validation; conversations without a time are drawn by their
    id. A group goes where its oldest conversation goes, so that nothing of the test was seen in training.
    """
    leaders = near_duplicates([_said(c) for c in conversations], settings.duplicate_similarity)
    members: dict[int, list[int]] = {}
    for place, leader in enumerate(leaders):
        members.setdefault(leader, []).append(place)
    alone = _sides_alone(conversations, settings, seed)
    sides = list(alone)
    for group in members.values():
        first = min(group, key=lambda place: PARTS.index(alone[place]))
        for place in group:
            sides[place] = alone[first]
    return sides, len(members)


def _sides_alone(
    conversations: Sequence[SupportConversation], settings: DatasetSettings, seed: int
) -> list[str]:
    dated = sorted(
        (place for place, c in enumerate(conversations) if c.started_at),
        key=lambda place: (conversations[place].started_at, conversations[place].content_hash),
    )
    rank = {place: number for number, place in enumerate(dated)}
    return [
        _side(1 - (rank[place] + 0.5) / len(dated) if place in rank else _drawn(seed, c), settings)
        for place, c in enumerate(conversations)
    ]


def _drawn(seed: int, conversation: SupportConversation) -> float:
    return random.Random(f"{seed}/{conversation.content_hash}").random()  # noqa: S311 (a split, not a secret)


def _side(newer: float, settings: DatasetSettings) -> str:
    """The part of a conversation of which this share of the others is newer."""
    if newer < settings.test_share:
        return "test"
    return "validation" if newer < settings.test_share + settings.validation_share else "train"


def _said(conversation: SupportConversation) -> str:
    return "\n".join(turn.text for turn in conversation.turns)


def _examples(
    conversation: SupportConversation,
    knowledge_base: Searchable,
    settings: DatasetSettings,
    seed: int,
    made: _Made,
) -> Iterator[Example]:
    rng = random.Random(f"{seed}/{conversation.content_hash}")  # noqa: S311 (examples, not secrets)
    for exchange in exchanges(conversation):
        made.replies += 1
        asked_before = [turn.text for turn in exchange.earlier if turn.role == "customer"]
        query = standalone_query(exchange.question, asked_before)
        hits = [hit.chunk for hit in knowledge_base.retrieve(query, _NEIGHBOURS).chunks]
        passages = _numbered(hits[: settings.passages])
        found = lesson(exchange, passages, settings.min_answer_words, settings.max_answer_words)
        if isinstance(found, str):
            made.dropped[found] += 1
            continue
        context = Context(settings.company_name, passages, _history(exchange))
        source = f"{conversation.id}#{exchange.place}"
        yield _example(context, exchange, found, source)
        if found.kind == "answer" and rng.random() < settings.augment_share:
            asked = varied(exchange.question, rng)
            again = Exchange(exchange.earlier, asked, exchange.reply, exchange.place, exchange.disliked)
            yield _example(context, again, found, source)
        if found.kind == "answer" and rng.random() < settings.refusal_share:
            withheld = _withheld(hits, found, settings.passages)
            if withheld:
                without = Context(settings.company_name, withheld, context.history)
                yield without.refusal(exchange.question, source=source)


def _example(context: Context, exchange: Exchange, found: Lesson, source: str) -> Example:
    if found.kind == "answer":
        answer = " ".join(marked([said], number) for number, said in found.sentences)
        gold = found.sentences[0][0]
        return context.example(exchange.question, answer, kind="conversation", source=source, gold=gold)
    if found.kind == "handoff":
        return context.refusal(exchange.question, source=source, kind="handoff")
    return context.example(exchange.question, exchange.reply, kind="clarify", source=source, gold=-1)


def _numbered(chunks: Sequence[Chunk]) -> tuple[Passage, ...]:
    return tuple(Passage.of(number, chunk) for number, chunk in enumerate(chunks, 1))


def _withheld(hits: Sequence[Chunk], found: Lesson, wanted: int) -> tuple[Passage, ...]:
    """Passages without those of the answer; none when another one says it too."""
    answering = {number for number, _ in found.sentences}
    documents = {hits[number - 1].document_id for number in answering}
    others = [chunk for chunk in hits if chunk.document_id not in documents][:wanted]
    said = [sentence for _, sentence in found.sentences]
    return () if any(s in chunk.text for s in said for chunk in others) else _numbered(others)


def _history(exchange: Exchange) -> tuple[ChatTurn, ...]:
    """The last questions and replies before, in pairs, as the assistant keeps them."""
    turns = (
        exchange.earlier
        if not exchange.earlier or exchange.earlier[0].role == "customer"
        else exchange.earlier[1:]
    )
    paired = turns[: len(turns) // 2 * 2][-_HISTORY_TURNS:]
    roles = {"customer": "user", "agent": "assistant"}
    return tuple(ChatTurn(roles[turn.role], turn.text) for turn in paired)  # type: ignore[arg-type]


def _about(
    given: Sequence[SupportConversation], sides: Sequence[str], groups: int, made: _Made, seed: int
) -> dict[str, Any]:
    learnt = [c for c, side in zip(given, sides, strict=True) if side != "test"]
    times = sorted(c.started_at for c in given if c.started_at)
    return {
        "seed": seed,
        "conversations": {part: sides.count(part) for part in PARTS},
        "near_duplicates": len(given) - groups,
        "from": times[0] if times else "",
        "to": times[-1] if times else "",
        "replies": made.replies,
        "dropped": dict(sorted(made.dropped.items())),
        "conversation_keys": sorted({erasure_key(c.id) for c in learnt}),
        "customer_keys": sorted({erasure_key(c.customer) for c in learnt if c.customer}),
    }

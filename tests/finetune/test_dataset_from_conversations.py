"""Datasets of redacted conversations: only those, split by time, near-duplicates on one side."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from chatbot.adapter_files import erasure_key
from chatbot.privacy import PrivacyRules, Redactor
from chatbot.prompt import REFUSAL
from finetune.conversations import SupportConversation, Turn
from finetune.dataset import Dataset
from finetune.dataset.from_conversations import build_dataset, split_conversations
from finetune.dataset.instructions import instructions, with_instructions
from finetune.errors import DatasetError
from finetune.evaluation_rows import read_jsonl
from finetune.redact import RedactedConversation, Redaction
from finetune.settings import DatasetSettings
from tests.conftest import ROOT
from tests.finetune.help_pages import WordBase, documents

SETTINGS = DatasetSettings(
    company_name="Lumen",
    examples=20,
    test_share=0.2,
    validation_share=0.2,
    refusal_share=0.5,
    augment_share=0.5,
)
THINGS = ("kettle", "toaster", "lamp", "router", "camera", "blender", "scooter", "printer")
_OPENINGS = (
    "hello there, I am thinking of sending something back",
    "good evening, a question about an order of my aunt in Bremen",
    "hi! unhappy with what arrived on the doorstep yesterday",
    "morning, the colour does not go with our kitchen at all",
    "hey, my husband bought one although we already had one",
)


def _conversation(number: int) -> SupportConversation:
    thing = THINGS[number % len(THINGS)]
    days = (number % len(THINGS) + 3) * 7
    return SupportConversation(
        f"chat-{number}",
        (
            Turn("customer", f"{_OPENINGS[number % 5]} {'really ' * (number // 5)}"),
            Turn("agent", f"Good day! Is it the {thing}?"),
            Turn("customer", f"within how many days can i return the {thing} number {number}?"),
            Turn("agent", f"Send the {thing} back within {days} days of delivery. All the best!"),
        ),
        customer=f"p-{number % 7}",
        started_at=f"2025-03-{number + 1:02d}T10:00:00+00:00",
    )


def _redacted(conversations: Iterable[SupportConversation]) -> list[RedactedConversation]:
    return list(Redaction(Redactor(PrivacyRules()), b"s" * 32).redact(conversations))


@pytest.fixture(scope="module")
def given() -> list[RedactedConversation]:
    return _redacted(_conversation(number) for number in range(25))


@pytest.fixture(scope="module")
def dataset(given: list[RedactedConversation]) -> Dataset:
    return build_dataset(given, WordBase(documents()), SETTINGS, 7)


def test_the_same_conversations_give_the_same_dataset(
    given: list[RedactedConversation], dataset: Dataset
) -> None:
    again = build_dataset(given, WordBase(documents()), SETTINGS, 7)
    assert again.hash == dataset.hash
    assert again.about == dataset.about


def test_only_redacted_conversations_are_taken() -> None:
    with pytest.raises(AttributeError):
        build_dataset([_conversation(1)], WordBase(documents()), SETTINGS, 7)  # type: ignore[list-item]


def test_replies_become_cited_answers(dataset: Dataset) -> None:
    answered = [e for e in dataset.train if e.kind == "conversation"]
    assert answered
    for example in answered:
        assert example.answer.startswith(f"[{example.gold}] Send the ")
        assert example.answer.partition("] ")[2] in example.prompt[-1].content
        assert [turn.role for turn in example.prompt] == ["system", "user", "assistant", "user"]


def test_withheld_passages_become_refusals(dataset: Dataset) -> None:
    refused = [e for e in dataset.train if e.kind == "refusal" and e.source.startswith("chat-")]
    assert refused
    for example in refused:
        assert example.answer == REFUSAL
        asked = example.prompt[-1].content.rpartition("return the ")[2].split()[0]
        assert f"Send the {asked} back" not in example.prompt[-1].content


def test_all_kinds_are_mixed_in(dataset: Dataset) -> None:
    kinds = {e.kind for e in dataset.train}
    assert {"conversation", "refusal", "heading", "instruction", "clarify"} <= kinds
    assert "instruction" not in {e.kind for e in (*dataset.validation, *dataset.test)}


def test_the_newest_conversations_are_kept_for_the_test(given: list[RedactedConversation]) -> None:
    conversations = [r.conversation for r in given]
    sides, groups = split_conversations(conversations, SETTINGS, 7)
    assert groups == 25
    assert sides == ["train"] * 15 + ["validation"] * 5 + ["test"] * 5


def test_a_conversation_is_on_one_side_only(dataset: Dataset) -> None:
    sides = [
        {e.source.split("#")[0] for e in dataset.part(part) if e.source.startswith("chat-")}
        for part in ("train", "validation", "test")
    ]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not (sides[0] | sides[1]) & sides[2]


def test_near_duplicates_of_a_learnt_conversation_are_not_in_the_test(
    given: list[RedactedConversation],
) -> None:
    conversations = [r.conversation for r in given]
    old = conversations[2]
    copy = replace(old, id="copy", started_at="2025-12-01T10:00:00+00:00")
    sides, groups = split_conversations([*conversations, copy], SETTINGS, 7)
    assert sides[-1] == sides[2] == "train"
    assert groups == 25


def test_conversations_without_a_time_are_drawn_by_what_they_say(given: list[RedactedConversation]) -> None:
    conversations = [replace(r.conversation, started_at="") for r in given]
    sides, _ = split_conversations(conversations, SETTINGS, 7)
    backwards, _ = split_conversations(conversations[::-1], SETTINGS, 7)
    assert sides == backwards[::-1]
    assert set(sides) == {"train", "validation", "test"}


def test_the_card_says_what_was_used_and_what_was_dropped(dataset: Dataset) -> None:
    card = dataset.card()
    assert card["conversations"] == {"train": 15, "validation": 5, "test": 5}
    assert card["replies"] == 50
    assert (card["from"][:10], card["to"][:10]) == ("2025-03-01", "2025-03-25")
    assert sum(card["dropped"].values()) < 25
    assert erasure_key("chat-0") in card["conversation_keys"]
    assert erasure_key("chat-24") not in card["conversation_keys"]
    assert len(card["customer_keys"]) == 7


def test_nothing_to_learn_from_is_a_clear_error() -> None:
    with pytest.raises(DatasetError, match="to learn from"):
        build_dataset([], WordBase([]), SETTINGS, 7)


def test_instructions_are_spread_and_none_is_of_the_guard_set(dataset: Dataset) -> None:
    examples = [e for e in dataset.train if e.kind != "instruction"] * 4
    mixed = list(with_instructions(examples, 0.05, 7))
    count = len(mixed) - len(examples)
    assert count == round(len(examples) * 0.05 / 0.95)
    assert [e for e in mixed if e.kind != "instruction"] == examples
    assert list(with_instructions(examples, 0.0, 7)) == examples
    guards = read_jsonl(ROOT / "finetune" / "guard_sets" / "instructions.jsonl")
    asked = {row["prompt"].casefold() for _, row in guards}
    assert not asked & {e.prompt[0].content.casefold() for e in instructions()}

"""A turn with an adapter: its calibrated refusal, its marks, its canary, and one engine from beginning to end."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from chatbot.adapter_choice import Lineup
from chatbot.adapter_files import Adapter, load_adapter
from chatbot.assistant import Assistant
from chatbot.generators.swap import SwappingGenerator
from chatbot.messages import Decided, Decision, Done, Message, StreamEvent, TextDelta, Warned
from chatbot.settings import Settings
from chatbot.store import ConversationStore, Evidence
from chatbot.templates import say
from tests.chatbot.tiny_adapters import make_adapter
from tests.fakes import CODES, RETURNS, FakeGenerator, FakeKnowledgeBase, FakePerceiver, FakeShelf

QUESTION = "Can I return a Dot?"
SURE = {"0": 0.05, "1": 0.9, "2": 0.05}
UNSURE = {"0": 0.6, "1": 0.3, "2": 0.1}


@dataclass
class Desk:
    """An assistant whose engine is swapped, with one fake engine for each line-up."""

    assistant: Assistant
    store: ConversationStore
    knowledge_base: FakeKnowledgeBase
    shelf: FakeShelf
    swapping: SwappingGenerator
    engines: list[FakeGenerator] = field(default_factory=list)
    conversation_id: str = ""

    def ask(self, question: str = QUESTION, conversation_id: str = "") -> list[StreamEvent]:
        self.conversation_id = conversation_id or self.store.create("ann").id
        return list(self.assistant.respond(Message(question), self.conversation_id, "ann"))

    def answer(self, question: str = QUESTION, conversation_id: str = "") -> Done:
        done = self.ask(question, conversation_id)[-1]
        assert isinstance(done, Done)
        return done

    @property
    def engine(self) -> FakeGenerator:
        return self.engines[-1]

    @property
    def evidence(self) -> Evidence:
        evidence = self.store.get(self.conversation_id, "ann").messages[-1].evidence
        assert evidence is not None
        return evidence


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Adapter]:
    folder = tmp_path_factory.mktemp("adapters")
    thresholds = {"calibrated": 0.4, "other": 0.4, "plain": None}
    return {
        name: load_adapter(make_adapter(folder / name, id=name, refusal_threshold=threshold))
        for name, threshold in thresholds.items()
    }


@pytest.fixture
def weighing(tmp_path: Path) -> Adapter:
    """Refuses an unsure answer unless most words of the question are in the passage."""
    weights = {"bias": 4.0, "doubt": 1.0, "question_similarity": -5.0}
    return load_adapter(
        make_adapter(tmp_path / "weighing", id="weighing", refusal_threshold=0.5, refusal_weights=weights)
    )


@pytest.fixture
def make_desk(tmp_path: Path, settings: Settings) -> Iterator[Callable[..., Desk]]:
    desks: list[Desk] = []

    def make(*adapters: Adapter | None, share_percent: float = 0, **generator: object) -> Desk:
        engines: list[FakeGenerator] = []

        def load(_: Lineup) -> FakeGenerator:
            engines.append(FakeGenerator(**{"likely": SURE, **generator}))  # type: ignore[arg-type]
            return engines[-1]

        shelf = FakeShelf(Lineup(*adapters, share_percent=share_percent))
        swapping = SwappingGenerator(shelf, load)
        store = ConversationStore(f"sqlite:///{tmp_path / f'{len(desks)}.db'}")
        knowledge_base = FakeKnowledgeBase()
        assistant = Assistant(
            store=store,
            perceiver=FakePerceiver(),
            knowledge_base=knowledge_base,
            generator=swapping,
            settings=settings,
        )
        desks.append(Desk(assistant, store, knowledge_base, shelf, swapping, engines))
        return desks[-1]

    yield make
    for desk in desks:
        desk.swapping.close()
        desk.store.close()


MakeDesk = Callable[..., Desk]


def decided(events: list[StreamEvent]) -> list[Decision]:
    return [event.decision for event in events if isinstance(event, Decided)]


def test_an_answer_begins_with_the_likeliest_passage(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], says="[1] You can return a Dot within 45 days.")
    events = desk.ask()
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == (
        "You can return a Dot within 45 days. [1]"
    )
    assert decided(events) == [Decision.GENERATE]
    assert desk.engine.prefixes == ["[1]"]
    assert desk.evidence.adapter == "calibrated"
    assert desk.evidence.refusal_probability == pytest.approx(0.05)


def test_what_the_adapter_would_refuse_is_declined_with_the_number_and_nothing_is_written(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], likely={"0": 0.4, "1": 0.6})
    events = desk.ask()
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.decision, done.text, done.citations) == (Decision.DECLINE, say("decline", "en"), ())
    assert decided(events) == [Decision.DECLINE]
    assert desk.engine.prompts == []
    assert "with probability 0.40, at least 0.40" in desk.evidence.reasons[-1]
    assert desk.evidence.decision is Decision.DECLINE
    assert (desk.evidence.adapter, desk.evidence.refusal_probability) == ("calibrated", 0.4)
    assert not desk.evidence.stopped


def test_below_the_threshold_it_answers_even_if_no_passage_is_likelier(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], likely={"0": 0.39, "1": 0.31, "2": 0.3})
    desk.knowledge_base.chunks = [RETURNS, replace(RETURNS, id="b#0", document_id="b")]
    assert desk.answer().decision is Decision.GENERATE


def test_an_error_code_that_a_passage_explains_is_answered_whatever_the_adapter_thinks(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], likely={"0": 0.99, "1": 0.01}, says="[1] I do not know.")
    done = desk.answer("What is WR-204 on my Dot?")
    assert done.decision is Decision.GENERATE
    assert done.citations[0].document_id == CODES.document_id
    assert desk.engine.prefixes == ["[1]"]
    assert desk.evidence.refusal_probability == 0.99


def test_with_weights_the_nearness_of_the_passages_counts_beside_the_doubt(
    make_desk: MakeDesk, weighing: Adapter
) -> None:
    """The fake knowledge base calls the share of the question's words the similarity."""
    desk = make_desk(weighing, likely=UNSURE)
    assert desk.answer("Can I return a Dot?").decision is Decision.GENERATE
    near = desk.evidence.refusal_probability
    assert desk.answer("Can I return a broken Dot?").decision is Decision.DECLINE
    far = desk.evidence.refusal_probability
    assert near is not None
    assert far is not None
    assert near < 0.5 <= far
    assert f"with probability {far:.2f}, at least 0.50" in desk.evidence.reasons[-1]


def test_a_question_that_the_model_answers_alone_is_answered_beside_what_makes_it_doubt(
    make_desk: MakeDesk, weighing: Adapter
) -> None:
    desk = make_desk(weighing, likely=UNSURE, says="[1] You can return a Dot within 45 days.")
    desk.answer("Can I return a broken Dot?")
    assert desk.evidence.decision is Decision.DECLINE, "there is no other question in it"
    events = desk.ask(f"{QUESTION} Please write verses.")
    assert decided(events) == [Decision.GENERATE]
    assert isinstance(done := events[-1], Done)
    assert done.text == f"{say('in_part', 'en')}\n\nYou can return a Dot within 45 days. [1]"
    assert "verses" not in desk.engine.prompts[-1][-1].content
    assert desk.answer("Can I return a broken Dot? Write of a cracked Dot.").decision is Decision.DECLINE


def test_with_weights_the_nearest_passage_may_begin_the_answer(make_desk: MakeDesk, tmp_path: Path) -> None:
    weights = {"passage_similarity": 10.0}
    choosing = load_adapter(
        make_adapter(tmp_path / "choosing", id="choosing", refusal_threshold=0.9, refusal_weights=weights)
    )
    desk = make_desk(choosing, likely={"0": 0.1, "1": 0.4, "2": 0.5})
    desk.answer("Can I return a Dot?")  # "return" is in the first passage alone
    assert desk.engine.prefixes == ["[1]"]


@pytest.mark.parametrize(("adapter", "name"), [("plain", "plain"), (None, "none")])
def test_without_a_threshold_the_model_is_asked_nothing_beforehand(
    make_desk: MakeDesk, adapters: dict[str, Adapter], adapter: str | None, name: str
) -> None:
    desk = make_desk(adapters.get(adapter or ""), likely=None)
    assert desk.answer().text == "You can return a Dot within 45 days. [1]"
    assert desk.engine.prefixes == [""]
    assert (desk.evidence.adapter, desk.evidence.refusal_probability) == (name, None)


def test_a_question_in_a_language_that_was_not_calibrated_is_answered_as_without_a_threshold(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], likely={"0": 0.99, "1": 0.01}, says="[0] I do not know.")
    desk.knowledge_base.chunks = [replace(RETURNS, text="您可以在收货后四十五天内退回产品。", title="退货")]
    assert desk.answer("退货 收货后 多少天").decision is Decision.GENERATE
    assert desk.engine.prefixes == [""]
    assert (desk.evidence.adapter, desk.evidence.refusal_probability) == ("calibrated", None)


def test_a_reviewed_answer_asks_no_adapter(make_desk: MakeDesk, adapters: dict[str, Adapter]) -> None:
    desk = make_desk(adapters["calibrated"])
    assert desk.answer("Where is my invoice?").decision is Decision.TEMPLATE
    assert (desk.evidence.adapter, desk.evidence.refusal_probability) == ("", None)


def test_an_engine_that_tells_no_probabilities_leaves_a_readable_turn(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], likely=None)
    events = desk.ask()
    assert decided(events) == [Decision.GENERATE]
    assert [e.message for e in events if isinstance(e, Warned)] == [say("engine_failed", "en")]
    assert desk.store.get(desk.conversation_id, "ann").messages[-1].text.startswith(say("quote", "en"))


def test_a_question_that_does_not_fit_is_told_so(make_desk: MakeDesk, adapters: dict[str, Adapter]) -> None:
    desk = make_desk(adapters["calibrated"])
    events = desk.ask("return a Dot " * 400)
    assert decided(events) == [Decision.GENERATE]
    assert "Please shorten it." in [e.message for e in events if isinstance(e, Warned)][-1]


def test_each_sentence_has_the_mark_before_it(make_desk: MakeDesk, adapters: dict[str, Adapter]) -> None:
    desk = make_desk(
        adapters["calibrated"],
        likely={"0": 0.1, "1": 0.2, "2": 0.7},
        says="[2] You can return a Dot within 45 days. [1] Returns are free within Germany.",
    )
    desk.knowledge_base.chunks = [
        replace(RETURNS, id=f"{name}#0", document_id=name) for name in ("first", "second")
    ]
    done = desk.answer("return Dot within Germany free")
    assert done.text == "You can return a Dot within 45 days. [1] Returns are free within Germany. [2]"
    assert [citation.document_id for citation in done.citations] == ["second", "first"]


def test_when_nothing_written_is_supported_the_passage_that_the_adapter_chose_is_quoted(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(
        adapters["calibrated"], likely={"0": 0.1, "1": 0.2, "2": 0.7}, says="[2] Within 99 days only."
    )
    desk.knowledge_base.chunks = [
        replace(RETURNS, id=f"{name}#0", document_id=name) for name in ("first", "second")
    ]
    done = desk.answer()
    assert done.text.startswith(say("quote", "en"))
    assert [citation.document_id for citation in done.citations] == ["second"]


def test_a_turn_asks_and_answers_on_one_engine_though_another_is_promoted_in_between(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], says="[1] You can return a Dot within 45 days.")
    conversation = desk.store.create("ann")
    events = desk.assistant.respond(Message(QUESTION), conversation.id, "ann")
    for event in events:
        if isinstance(event, Decided):
            break
    desk.shelf.choose(Lineup(adapters["other"]))
    assert not desk.swapping.settle(0.2)  # the new one serves, the old one is still held
    list(events)
    desk.conversation_id = conversation.id
    assert desk.evidence.adapter == "calibrated"
    assert [len(engine.prompts) for engine in desk.engines] == [1, 0]
    assert desk.swapping.settle()
    desk.answer()
    assert desk.evidence.adapter == "other"


def test_a_conversation_stays_with_its_adapter_while_a_canary_is_tried(
    make_desk: MakeDesk, adapters: dict[str, Adapter]
) -> None:
    desk = make_desk(adapters["calibrated"], adapters["other"], share_percent=50)
    conversations = [desk.store.create("ann").id for _ in range(24)]
    asked: dict[str, set[str]] = {conversation: set() for conversation in conversations}
    for _ in range(2):
        for conversation in conversations:
            desk.answer(conversation_id=conversation)
            asked[conversation].add(desk.evidence.adapter)
    assert {frozenset(names) for names in asked.values()} == {
        frozenset({"calibrated"}),
        frozenset({"other"}),
    }
    assert len(desk.engines) == 1


def test_stopping_an_answer_lets_go_of_the_engine(make_desk: MakeDesk, adapters: dict[str, Adapter]) -> None:
    desk = make_desk(adapters["calibrated"], says="[1] You can return a Dot within 45 days. " + "x " * 500)
    events = desk.assistant.respond(Message(QUESTION), desk.store.create("ann").id, "ann")
    next(event for event in events if isinstance(event, TextDelta))
    events.close()  # type: ignore[attr-defined]
    desk.shelf.choose(Lineup(adapters["other"]))
    assert desk.swapping.settle()
    assert desk.engines[0].closed_early

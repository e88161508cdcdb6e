"""One customer turn, from message to stored answer, with fakes for what needs a model."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from chatbot.assistant import Assistant
from chatbot.errors import ConversationNotFoundError, FrontdeskError, InputError, StorageError
from chatbot.messages import (
    Attachment,
    CitationAdded,
    Decided,
    Decision,
    Done,
    Kind,
    Message,
    Observation,
    OcrLine,
    OptionsOffered,
    Perceived,
    Retrieved,
    ScreenReading,
    Segment,
    StatusChanged,
    StreamEvent,
    TextDelta,
    Transcript,
    Warned,
)
from chatbot.settings import Settings
from chatbot.store import Conversation, ConversationStore, StoredMessage
from chatbot.templates import say
from knowledge_base.documents import Chunk, FaqEntry, RetrievalResult
from tests.fakes import (
    CODES,
    INVOICE,
    RECEIPT,
    RETURNS,
    UNSURE,
    VAGUE,
    FakeGenerator,
    FakeIntents,
    FakeKnowledgeBase,
    FakePerceiver,
)

QUESTION = "Can I return a Dot?"
PHOTO = Attachment("p" * 64, Kind.IMAGE, "image/png", "screen.png", 9)
VOICE = Attachment("v" * 64, Kind.AUDIO, "audio/ogg", "voice.ogg", 9)
BROKEN = Attachment("b" * 64, Kind.IMAGE, "image/png", "broken.png", 9)
SCREEN = ScreenReading(
    PHOTO.sha256, (OcrLine("Error WR-204", 0.9, (0, 0, 9, 9)),), 90, 90, ("WR-204",), visual_sha256="frame"
)
HEARD = Transcript(VOICE.sha256, (Segment(QUESTION, 0, 2, -0.2, 0.1),), "en", 0.99, 2.0)


@dataclass
class Desk:
    """An assistant with its fakes, and one visitor's conversation."""

    assistant: Assistant
    store: ConversationStore
    knowledge_base: FakeKnowledgeBase
    generator: FakeGenerator
    conversation_id: str

    def respond(self, message: Message | str) -> Iterator[StreamEvent]:
        message = Message(message) if isinstance(message, str) else message
        return self.assistant.respond(message, self.conversation_id, "ann")

    def answer(self, message: Message | str) -> Done:
        return [e for e in self.respond(message) if isinstance(e, Done)][-1]

    @property
    def conversation(self) -> Conversation:
        return self.store.get(self.conversation_id, "ann")

    @property
    def last(self) -> StoredMessage:
        return self.conversation.messages[-1]


@pytest.fixture
def desk(tmp_path: Path, settings: Settings) -> Iterator[Desk]:
    yield from _desk(tmp_path, settings)


def _desk(tmp_path: Path, settings: Settings) -> Iterator[Desk]:
    store = ConversationStore(f"sqlite:///{tmp_path / 'desk.db'}")
    knowledge_base, generator = FakeKnowledgeBase(), FakeGenerator()
    assistant = Assistant(
        store=store,
        perceiver=FakePerceiver({PHOTO.sha256: SCREEN}, {VOICE.sha256: HEARD}),
        knowledge_base=knowledge_base,
        generator=generator,
        settings=settings,
    )
    yield Desk(assistant, store, knowledge_base, generator, store.create("ann").id)
    store.close()


def with_settings(tmp_path: Path, settings: Settings, **changes: object) -> Desk:
    return next(_desk(tmp_path, settings.model_copy(update=changes)))


def kinds(events: list[StreamEvent]) -> list[str]:
    return [e.stage.value if isinstance(e, StatusChanged) else type(e).__name__ for e in events]


def warnings(events: Iterator[StreamEvent] | list[StreamEvent]) -> list[str]:
    return [e.message for e in events if isinstance(e, Warned)]


def text(events: list[StreamEvent]) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


def test_a_composed_answer_comes_in_order_and_is_stored_with_its_evidence(desk: Desk) -> None:
    events = list(desk.respond(QUESTION))
    assert kinds(events) == [
        "Perceived", "searching", "Retrieved", "Decided", "answering", "TextDelta", "CitationAdded", "Done",
    ]  # fmt: skip
    done = events[-1]
    assert isinstance(done, Done)
    assert text(events) == done.text == desk.last.text == "You can return a Dot within 45 days. [1]"
    assert (done.decision, done.stopped, done.message_id) == (Decision.GENERATE, False, desk.last.id)
    assert set(done.timings_ms) == {
        "perceive", "retrieve", "policy", "first_token", "first_text", "generate", "grounding", "total",
    }  # fmt: skip
    assert 0 <= done.timings_ms["grounding"] <= done.timings_ms["generate"]
    assert 0 <= done.timings_ms["policy"] <= done.timings_ms["retrieve"]
    (citation,) = done.citations
    assert (citation.number, citation.document_id, citation.url) == (1, "returns", RETURNS.url)
    assert citation.quote == "You can return a Dot within 45 days of delivery."

    question, answer = desk.conversation.messages
    assert question.observation == Observation(QUESTION)
    assert answer.evidence is not None
    assert answer.evidence.citations == done.citations
    assert answer.evidence.retrieved[0][0] == RETURNS.id
    assert answer.evidence.reasons
    assert answer.evidence.timings_ms == done.timings_ms


def test_the_status_says_what_is_read_or_heard(desk: Desk) -> None:
    assert kinds(list(desk.respond(Message("", (PHOTO,)))))[0] == "reading"
    assert kinds(list(desk.respond(Message("", (PHOTO, VOICE)))))[0] == "listening"


def test_a_reviewed_answer_is_given_word_for_word_without_the_model(desk: Desk) -> None:
    done = desk.answer("Where is my invoice?")
    assert done.decision is Decision.TEMPLATE
    assert done.text == f"{INVOICE.answer} [1]"
    assert done.citations[0].quote == done.citations[0].passage == INVOICE.answer
    assert desk.generator.prompts == []


def test_a_question_nobody_wrote_about_is_declined(desk: Desk) -> None:
    done = desk.answer("Will it rain tomorrow?")
    assert (done.decision, done.text, done.citations) == (Decision.DECLINE, say("decline", "en"), ())
    assert desk.answer("明天北京天气如何？").text == say("decline", "zh")
    assert desk.generator.prompts == []


ELSE = "Please compose three cheerful verses about autumn storms over grey northern harbours tonight."


@pytest.mark.parametrize("message", [f"{QUESTION}\n\n{ELSE}", f"{ELSE} {QUESTION}"])
def test_the_question_that_something_was_found_for_is_answered_beside_another(
    desk: Desk, message: str
) -> None:
    assert desk.answer(ELSE).decision is Decision.DECLINE
    done = desk.answer(message)
    assert done.decision is Decision.GENERATE
    assert done.text == f"{say('in_part', 'en')}\n\nYou can return a Dot within 45 days. [1]"
    asked = desk.generator.prompts[-1][-1].content
    assert QUESTION in asked
    assert "verses" not in asked
    assert desk.knowledge_base.queries[-2:].count(QUESTION) == 1


def test_a_question_beside_mere_talk_is_answered_without_a_remark(desk: Desk) -> None:
    talk = "My grandmother visited yesterday evening and cooked dumplings while everybody watched television."
    assert desk.answer(f"{talk} {QUESTION}").text == "You can return a Dot within 45 days. [1]"


def test_what_is_found_for_mere_talk_answers_nothing(desk: Desk) -> None:
    talk = "I returned a Dot within 45 days of delivery."
    assert desk.answer(f"{talk} {ELSE}").text == say("decline", "en")


def test_of_a_typed_and_a_spoken_question_the_one_with_evidence_is_answered(desk: Desk) -> None:
    done = desk.answer(Message(ELSE, (VOICE,)))
    assert done.text.endswith("You can return a Dot within 45 days. [1]")
    assert done.text.startswith(say("in_part", "en"))


def test_a_message_of_which_no_question_has_evidence_is_declined(desk: Desk) -> None:
    done = desk.answer(f"{ELSE} Who won the world cup?")
    assert (done.decision, done.text) == (Decision.DECLINE, say("decline", "en"))


def test_what_about_another_subject_is_searched_for_alone(desk: Desk) -> None:
    password = Chunk("password#0", "password", "Password", "Reset the password in the app.", 0, 30)
    desk.knowledge_base.chunks = (RETURNS, CODES, CODES, password)
    desk.answer(QUESTION)
    desk.answer("What about the password?")
    assert desk.knowledge_base.queries[-1] == "What about the password?"


def test_a_reviewed_answer_says_back_what_was_named_and_is_not_given_with_an_open_slot(desk: Desk) -> None:
    desk.knowledge_base.chunks = ()
    desk.knowledge_base.faq = (
        FaqEntry("faq-9", "Track order WF-90417733", "We look for {{order_id}} now."),
        FaqEntry("faq-10", "Track order", "We look for {{order_id}} now."),
    )
    named = desk.answer("Track order WF-90417733")
    assert (named.decision, named.text) == (Decision.TEMPLATE, "We look for WF-90417733 now. [1]")
    assert named.citations[0].passage == "We look for WF-90417733 now."
    assert desk.answer("Track order").text == say("decline", "en")


def test_a_message_in_which_nothing_can_be_read_is_told_so(desk: Desk) -> None:
    events = list(desk.respond(Message("", (BROKEN,))))
    assert warnings(events) == ["I could not read broken.png."]
    assert text(events) == say("nothing", "en")
    assert desk.knowledge_base.queries == []


def test_problems_are_reported_beside_the_answer_to_the_rest(desk: Desk) -> None:
    events = list(desk.respond(Message(QUESTION, (BROKEN,), problems=("big.mov is too large.",))))
    problems = ["big.mov is too large.", "I could not read broken.png."]
    assert warnings(events) == problems
    assert text(events).startswith("You can return a Dot")
    assert desk.last.evidence is not None
    assert list(desk.last.evidence.warnings) == problems


def test_speech_is_a_question_like_typed_text_and_a_screen_is_shown_to_the_model(desk: Desk) -> None:
    list(desk.respond(Message("", (VOICE, PHOTO))))
    assert desk.knowledge_base.queries == [QUESTION]
    prompt = desk.generator.prompts[0][-1].content
    assert prompt.endswith(f"screenshot says:\nError WR-204\n\nQuestion: {QUESTION}")


def test_images_go_only_to_a_model_that_sees_them(desk: Desk) -> None:
    list(desk.respond(Message(QUESTION, (PHOTO,))))
    assert desk.generator.images == []
    desk.generator.sees_images = True
    list(desk.respond(Message(QUESTION, (PHOTO,))))
    assert desk.generator.images == [Path("/stored/frame")]


def test_what_the_model_invents_is_never_shown_and_the_passage_is_quoted_instead(desk: Desk) -> None:
    desk.generator.says = "You can return a Dot within 90 days. [1] See https://evil.example now. [1]"
    done = desk.answer(QUESTION)
    assert "90" not in done.text
    assert "evil" not in done.text
    assert done.text == f"{say('quote', 'en')}\n\n{RETURNS.text} [1]"
    assert done.citations[0].quote == RETURNS.text


def test_the_quote_stands_word_for_word_in_the_passage_even_around_an_image(desk: Desk) -> None:
    words = "You can return a Dot within 45 days.\n\n![A parcel](parcel.png)\n\nReturns are free."
    desk.knowledge_base.chunks = [replace(RETURNS, text=words)]
    desk.generator.says = "I do not know."
    done = desk.answer(QUESTION)
    assert "parcel.png" not in done.text
    assert done.citations[0].quote
    assert done.citations[0].quote in words


def test_when_the_engine_fails_the_passage_is_quoted_and_the_answer_stays_readable(desk: Desk) -> None:
    desk.generator.fails_after = 0
    events = list(desk.respond(QUESTION))
    assert warnings(events) == [say("engine_failed", "en")]
    assert text(events) == f"{say('quote', 'en')}\n\n{RETURNS.text} [1]"
    done = events[-1]
    assert isinstance(done, Done)
    assert not done.stopped
    assert desk.last.text == done.text


def test_when_the_engine_fails_part_way_what_was_said_stays_and_is_marked_as_stopped(desk: Desk) -> None:
    desk.generator.says = "You can return a Dot within 45 days. Returns are free within Germany."
    desk.generator.fails_after = 10
    events = list(desk.respond(QUESTION))
    assert text(events) == "You can return a Dot within 45 days. [1]"
    assert warnings(events) == ["The language model's answer broke off. Please try again."]
    assert isinstance(events[-1], Done)
    assert events[-1].stopped
    assert desk.last.evidence is not None
    assert desk.last.evidence.stopped


def test_closing_the_stream_stops_the_engine_and_keeps_what_was_said(desk: Desk) -> None:
    desk.generator.says = (
        "You can return a Dot within 45 days. Returns are free within Germany. " + "x " * 500
    )
    events = desk.respond(QUESTION)
    for event in events:
        if isinstance(event, TextDelta):
            break
    events.close()  # type: ignore[attr-defined]
    assert desk.generator.closed_early
    assert desk.generator.pieces_said < 12
    assert desk.last.role == "assistant"
    assert desk.last.text == "You can return a Dot within 45 days. [1]"
    assert desk.last.evidence is not None
    assert desk.last.evidence.stopped
    assert desk.last.evidence.citations[0].document_id == "returns"


def test_a_megabyte_of_text_is_cut_and_the_customer_told(desk: Desk) -> None:
    events = list(desk.respond(f"{QUESTION} " + "x" * 1_000_000))
    assert "8,000 characters" in warnings(events)[0]
    assert len(desk.conversation.messages[0].text) == 8_000
    assert isinstance(events[-1], Done)
    assert "8,000" in warnings(desk.respond("退货" * 5_000))[0]
    assert "字符" in warnings(desk.respond("退货" * 5_000))[0]


def test_a_question_that_does_not_fit_the_model_is_told_so(desk: Desk) -> None:
    events = list(desk.respond("return a Dot " * 400))
    assert "Please shorten it." in warnings(events)[-1]
    assert isinstance(events[-1], Done)


def test_deceptive_characters_are_gone_before_anything_is_stored(desk: Desk) -> None:
    list(desk.respond("Can I\x00 return\u202e a Dot?\ud83d"))
    assert desk.conversation.messages[0].text == QUESTION


def test_an_empty_message_is_an_error_and_leaves_no_trace(desk: Desk) -> None:
    for empty in ("", " \n", "\x00\u202e"):
        with pytest.raises(InputError, match="Type a question"):
            list(desk.respond(empty))
    assert desk.conversation.messages == ()


def test_an_unknown_conversation_is_an_error(desk: Desk) -> None:
    for conversation_id, visitor_id in ((desk.conversation_id, "bob"), ("nowhere", "ann")):
        with pytest.raises(ConversationNotFoundError):
            list(desk.assistant.respond(Message(QUESTION), conversation_id, visitor_id))
    assert desk.conversation.messages == ()


def test_earlier_turns_are_in_the_prompt_as_pairs_and_unanswered_questions_are_not(desk: Desk) -> None:
    answered = desk.answer(QUESTION)
    desk.store.add_question(desk.conversation_id, "ann", Message("Hello? Nobody answered this."))
    list(desk.respond("Are returns of a Dot free?"))
    _, *history, _ = desk.generator.prompts[-1]
    assert [(t.role, t.content) for t in history] == [("user", QUESTION), ("assistant", answered.text)]


def test_history_is_as_long_as_the_setting_says(tmp_path: Path, settings: Settings) -> None:
    for turns in (0, 1, 2):
        folder = tmp_path / str(turns)
        folder.mkdir()
        desk = with_settings(folder, settings, max_history_turns=turns)
        for _ in range(4):
            desk.answer(QUESTION)
        assert len(desk.generator.prompts[-1]) == 2 + 2 * turns


def test_a_short_follow_up_is_searched_with_the_question_before_it(desk: Desk) -> None:
    desk.answer(QUESTION)
    desk.answer("And is it free?")
    assert desk.knowledge_base.queries[-1] == f"{QUESTION}\nAnd is it free?"


def test_a_question_that_cannot_be_stored_is_not_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise StorageError("The database cannot be used: disk is full.", "Free some disk space.")

    monkeypatch.setattr(desk.store, "add_question", full)
    with pytest.raises(StorageError, match="Free some disk space"):
        list(desk.respond(QUESTION))
    assert desk.generator.prompts == []


def test_the_question_is_on_disk_before_it_is_perceived(desk: Desk) -> None:
    next(desk.respond(QUESTION))
    assert desk.conversation.messages[0].text == QUESTION


def test_a_knowledge_base_that_fails_leaves_a_readable_turn(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise FrontdeskError("The index cannot be read.", "Run `frontdesk index`.")

    monkeypatch.setattr(desk.knowledge_base, "retrieve", broken)
    events = list(desk.respond(QUESTION))
    assert warnings(events) == ["The index cannot be read. Run `frontdesk index`."]
    assert isinstance(events[-1], Done)
    assert [m.role for m in desk.conversation.messages] == ["user", "assistant"]


def test_an_error_code_on_the_screen_is_answered_from_the_passage_that_names_it(desk: Desk) -> None:
    desk.generator.says = "I do not know."
    done = desk.answer(Message("", (PHOTO,)))
    assert done.decision is Decision.GENERATE
    assert done.citations[0].document_id == CODES.document_id


@pytest.mark.parametrize(
    ("said", "decision", "searched"),
    [
        ("What is this?", Decision.GENERATE, ["What is this?", ""]),
        ("这是什么？", Decision.GENERATE, ["这是什么？", ""]),
        ("Which bank is this?", Decision.DECLINE, ["Which bank is this?"]),
        ("Can I return a Dot?", Decision.GENERATE, ["Can I return a Dot?"]),
    ],
)
def test_where_the_words_only_point_at_the_screen_it_is_what_is_asked(
    desk: Desk, said: str, decision: Decision, searched: list[str]
) -> None:
    class Like(
        FakeKnowledgeBase
    ):  # as the real one: evidence is what is near the question, or without one the screen
        def retrieve(self, query: str, *args: object, extra: str = "", **others: object) -> RetrievalResult:
            self.queries.append(query)
            return FakeKnowledgeBase().retrieve(query or extra)

    lines = (OcrLine("Return a Dot within 45 days of delivery", 0.9, (0, 0, 9, 9)),)
    perceiver = FakePerceiver({PHOTO.sha256: ScreenReading(PHOTO.sha256, lines, 90, 90)}, {})
    knowledge_base = desk.assistant._knowledge_base = Like()
    desk.assistant._perceiver = perceiver
    assert desk.answer(Message(said, (PHOTO,))).decision is decision
    assert knowledge_base.queries == searched


def test_sources_are_numbered_in_order_of_use(desk: Desk) -> None:
    desk.generator.says = (
        "Error WR-204 means that the Dot is too far away. [9] You can return a Dot within 45 days. [9]"
    )
    events = list(desk.respond("Can I return a Dot that shows error WR-204?"))
    assert text(events) == (
        "Error WR-204 means that the Dot is too far away. [1] You can return a Dot within 45 days. [2]"
    )
    added = [e.citation.document_id for e in events if isinstance(e, CitationAdded)]
    assert added == ["codes", "returns"]


def test_every_turn_says_what_it_perceived_found_and_decided_once(desk: Desk) -> None:
    for message in (
        Message(QUESTION),
        Message("Where is my invoice?"),
        Message("Rain?"),
        Message("", (PHOTO,)),
    ):
        events = list(desk.respond(message))
        for kind in (Perceived, Retrieved, Decided, Done):
            assert sum(isinstance(e, kind) for e in events) == 1
        assert isinstance(events[-1], Done)


def test_a_known_question_is_asked_as_it_is_whatever_came_before(desk: Desk) -> None:
    """ "Why …?" alone would be taken for a follow-up, and answered with the entry that the one before is about."""
    charged = FaqEntry("twice", "Why was I charged twice?", "One of the two is a hold.")
    desk.knowledge_base.faq = (INVOICE, charged)
    desk.answer("Where is the invoice for my Dot?")
    assert desk.answer(charged.question).text == f"{charged.answer} [1]"
    desk.answer("Why twice?")
    assert desk.knowledge_base.queries[-1] != "Why twice?"


@pytest.fixture
def unsure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk at which one question may mean two, which words alone lead to nothing for."""
    monkeypatch.setattr(desk.assistant, "_intents", FakeIntents(UNSURE))
    monkeypatch.setattr(
        desk.assistant,
        "_settings",
        desk.assistant._settings.model_copy(update={"clarify_min_similarity": -1}),
    )
    desk.knowledge_base.faq = (INVOICE, RECEIPT)
    return desk


def test_it_is_asked_back_once_and_the_chosen_question_gets_its_answer(unsure: Desk) -> None:
    events = list(unsure.respond(VAGUE))
    options = (RECEIPT.question, INVOICE.question)
    assert [e for e in events if isinstance(e, OptionsOffered)] == [OptionsOffered(options)]
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.decision, done.text, done.options) == (Decision.CLARIFY, say("clarify", "en"), options)
    assert unsure.last.evidence is not None
    assert unsure.last.evidence.options == options
    assert unsure.answer(options[1]).text == f"{INVOICE.answer} [1]"
    assert unsure.answer(VAGUE).decision is Decision.CLARIFY


def test_whoever_is_not_helped_by_being_asked_back_is_not_asked_back_again(unsure: Desk) -> None:
    decisions = [unsure.answer(VAGUE).decision for _ in range(3)]
    assert decisions == [Decision.CLARIFY, Decision.DECLINE, Decision.CLARIFY]
    assert unsure.generator.prompts == []


def test_what_is_quoted_is_no_answer_to_another_kind_of_question(desk: Desk) -> None:
    charged = Chunk(
        "f#0", "faq:f", "Will I be charged if I cancel the Dot?", "No. Nothing is charged.", 0, 23
    )
    steps = Chunk("c#0", "cancel", "Cancel the Dot", "Open the app and press Cancel.", 0, 30)
    desk.knowledge_base.chunks = (charged, steps)
    desk.generator.says = "I do not know."
    assert desk.answer("Will I be charged if I cancel the Dot?").citations[0].document_id == "f"
    assert desk.answer("How do I cancel the Dot if I am charged?").citations[0].document_id == "cancel"
    desk.knowledge_base.chunks = (charged,)
    assert desk.answer("How do I cancel the Dot if I am charged?").citations[0].document_id == "f"


def test_a_screenshot_is_compared_with_the_images_of_documents(desk: Desk, tmp_path: Path) -> None:
    stored = tmp_path / "frame"
    stored.write_bytes(b"image")
    desk.knowledge_base.has_images = True
    desk.assistant._perceiver.visual_path = {"frame": stored}.get
    desk.answer(Message("", (PHOTO,)))
    assert [reading.text for reading in desk.knowledge_base.compared] == ["Error WR-204"]
    stored.unlink()
    done = desk.answer(Message("", (PHOTO,)))
    assert done is not None
    assert len(desk.knowledge_base.compared) == 1


def test_a_section_about_another_error_is_no_passage_for_this_one(desk: Desk) -> None:
    article = "Payment errors WR-501, WR-503"
    declined = Chunk(
        "pay#0", "pay", f"{article} > Error WR-501", "The bank did not accept the payment.", 0, 36
    )
    mandate = Chunk("pay#1", "pay", f"{article} > Error WR-503", "There is no valid SEPA mandate.", 36, 67)
    desk.knowledge_base.chunks = (mandate, declined, RETURNS)
    desk.generator.says = "The bank did not accept the payment. [1]"
    list(desk.respond("What does error WR-501 mean for a payment?"))
    prompt = "\n".join(turn.content for turn in desk.generator.prompts[-1])
    assert "The bank did not accept" in prompt
    assert "SEPA mandate" not in prompt


@pytest.mark.parametrize("sees", [True, False])
def test_a_picture_is_described_after_the_answer_of_a_model_that_sees_it_and_before_that_of_another(
    desk: Desk, sees: bool
) -> None:
    desk.generator.sees_images = sees
    desk.assistant._perceiver.describes = True
    events = list(desk.respond(Message(QUESTION, (PHOTO,))))
    readings = [(i, e.observation.screens[0]) for i, e in enumerate(events) if isinstance(e, Perceived)]
    said = next(i for i, e in enumerate(events) if isinstance(e, TextDelta))
    assert [(screen.description, i < said) for i, screen in readings] == (
        [("", True), ("A red light.", False)] if sees else [("A red light.", True)]
    )
    kept = next(m for m in desk.conversation.messages if m.role == "user").observation
    assert kept is not None
    assert kept.screens[0].description == "A red light."
    assert ("A red light." in desk.generator.prompts[-1][-1].content) is not sees


def test_who_names_one_error_explains_it_and_who_lists_several_does_not(desk: Desk) -> None:
    light = Chunk(
        "light#0", "light", "The light", "Amber: look for an error such as WR-203 or WR-204.", 0, 50
    )
    meaning = Chunk("far#0", "far", "Too far away", "WR-204 means that the Dot is too far away.", 0, 42)
    desk.knowledge_base.chunks = (light, meaning)
    desk.generator.says = "I do not know."
    assert desk.answer(Message("", (PHOTO,))).citations[0].document_id == "far"
    assert "Amber" not in "\n".join(turn.content for turn in desk.generator.prompts[-1])
    desk.knowledge_base.chunks = (light,)
    assert desk.answer(Message("", (PHOTO,))).citations[0].document_id == "light"

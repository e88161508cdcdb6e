"""Traces show a turn with its stages, and nothing that a customer wrote."""

import json
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chatbot.assistant import Assistant
from chatbot.errors import ConversationNotFoundError
from chatbot.messages import Message
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.tracing import TracedAssistant, Tracing
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver

QUESTION = "How long can I return a Dot?"


class Desk:
    """An assistant on fakes, and the spans of its turns."""

    def __init__(self, folder: Path) -> None:
        settings = Settings(data_dir=folder)
        self.store = ConversationStore(settings.database_address)
        assistant = Assistant(
            store=self.store,
            perceiver=FakePerceiver(),
            knowledge_base=FakeKnowledgeBase(),
            generator=FakeGenerator(),
            settings=settings,
        )
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.traced = TracedAssistant(assistant, provider.get_tracer("test"))

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_turn_is_a_span_with_its_stages_below_it(desk: Desk) -> None:
    list(desk.traced.respond(Message(QUESTION), desk.store.create("ann").id, "ann"))
    spans = desk.spans()
    assert list(spans) == ["searching", "answering", "turn"]
    turn = spans.pop("turn")
    for stage in spans.values():
        assert stage.parent
        assert turn.context
        assert stage.parent.span_id == turn.context.span_id
    assert turn.attributes
    assert turn.attributes["frontdesk.decision"] == "generate"
    assert turn.attributes["frontdesk.citations"] == 1
    assert turn.attributes["frontdesk.stopped"] is False
    assert "frontdesk.total_ms" in turn.attributes
    shown = json.dumps([json.loads(span.to_json()) for span in (turn, *spans.values())])
    assert "Dot" not in shown
    assert "ann" not in shown.replace("answering", "")


def test_a_turn_that_breaks_is_marked_with_the_kind_of_error_only(desk: Desk) -> None:
    with pytest.raises(ConversationNotFoundError):
        list(desk.traced.respond(Message(QUESTION), "f" * 32, "ann"))
    turn = desk.spans()["turn"]
    assert not turn.status.is_ok
    assert turn.status.description == "ConversationNotFoundError"
    assert not turn.events


def test_a_stopped_turn_ends_its_spans(desk: Desk) -> None:
    events = desk.traced.respond(Message(QUESTION), desk.store.create("ann").id, "ann")
    next(event for event in events if type(event).__name__ == "TextDelta")
    events.close()  # type: ignore[attr-defined]
    assert set(desk.spans()) == {"searching", "answering", "turn"}


def test_without_an_address_nothing_is_traced(desk: Desk) -> None:
    tracing = Tracing("")
    assert tracing.observed(desk.traced) is desk.traced
    tracing.close()


def test_with_an_address_turns_are_traced() -> None:
    tracing = Tracing("http://127.0.0.1:9")
    assert tracing.tracer is not None
    tracing.close()

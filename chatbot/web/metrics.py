"""What a server measures of itself, for Prometheus: turns by decision, time by stage, the line, open streams.

Nothing in it tells of anybody: no texts, no ids, no addresses.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from chatbot.messages import Done, Message, StreamEvent
from chatbot.web.api.runner import Responds

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """One application's own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._turns = Counter(
            "frontdesk_turns", "Answered turns.", ("decision", "stopped"), registry=self._registry
        )
        self._failed = Counter("frontdesk_turns_failed", "Turns without an answer.", registry=self._registry)
        self._stages = Histogram(
            "frontdesk_stage_seconds",
            "Time of a turn's stages.",
            ("stage",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )

    def watch(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Shows a value that is asked for whenever somebody looks."""
        Gauge(f"frontdesk_{name}", meaning, registry=self._registry).set_function(value)

    def text(self) -> bytes:
        """Everything in Prometheus' text form."""
        return generate_latest(self._registry)

    def ended(self, done: Done) -> None:
        """Counts an answered turn, with the time of each of its stages."""
        self._turns.labels(done.decision.value, str(done.stopped).lower()).inc()
        for stage, time_ms in done.timings_ms.items():
            self._stages.labels(stage).observe(time_ms / 1000)

    def broke(self) -> None:
        """Counts a turn that ended without an answer."""
        self._failed.inc()


class MeasuredAssistant:
    """An assistant whose turns are counted."""

    def __init__(self, assistant: Responds, metrics: Metrics) -> None:
        self._assistant = assistant
        self._metrics = metrics

    def respond(
        self, message: Message, conversation_id: str, visitor_id: str, question_id: str = ""
    ) -> Iterator[StreamEvent]:
        """See `Assistant.respond`."""
        events = self._assistant.respond(message, conversation_id, visitor_id, question_id)
        is_over = False
        try:
            with closing(cast("Generator[StreamEvent]", events)):
                for event in events:
                    if isinstance(event, Done):
                        self._metrics.ended(event)
                        is_over = True
                    yield event
        except GeneratorExit:
            is_over = True  # the customer stopped it
            raise
        finally:
            if not is_over:
                self._metrics.broke()

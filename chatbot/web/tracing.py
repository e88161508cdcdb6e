"""OpenTelemetry traces: a span a turn, and one below it for each of its stages. No text of a customer is in them."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from chatbot.errors import SettingsError
from chatbot.messages import Decided, Done, Message, Perceived, StatusChanged, StreamEvent

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from chatbot.web.api.runner import Responds


class Tracing:
    """Where traces go; nowhere without an address.

    Args:
        otlp_url: A collector that takes OTLP over gRPC, such as `http://127.0.0.1:4317`; empty for none.

    Raises:
        SettingsError: An address is set and the packages are not installed.
    """

    def __init__(self, otlp_url: str = "") -> None:
        self._close: Callable[[], object] = lambda: None
        self.tracer: Tracer | None = None
        if otlp_url:
            self._open(otlp_url)

    def observed(self, assistant: "Responds") -> "Responds":
        """The assistant, with its turns traced."""
        return TracedAssistant(assistant, self.tracer) if self.tracer else assistant

    def close(self) -> None:
        """Sends what is left."""
        self._close()

    def _open(self, otlp_url: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError as error:
            raise SettingsError(
                "`web.otlp_url` needs OpenTelemetry, which is not installed.",
                "Install it: `pip install -c constraints.txt '.[telemetry]'`.",
            ) from error
        provider = TracerProvider(resource=Resource.create({"service.name": "frontdesk"}))
        exporter = OTLPSpanExporter(otlp_url, insecure=otlp_url.startswith("http:"))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        self.tracer, self._close = provider.get_tracer("frontdesk"), provider.shutdown


class TracedAssistant:
    """An assistant whose turns are spans."""

    def __init__(self, assistant: "Responds", tracer: "Tracer") -> None:
        self._assistant = assistant
        self._tracer = tracer

    def respond(
        self, message: Message, conversation_id: str, visitor_id: str, question_id: str = ""
    ) -> Iterator[StreamEvent]:
        """See `Assistant.respond`."""
        events = self._assistant.respond(message, conversation_id, visitor_id, question_id)
        spans = _Spans(self._tracer, message)
        try:
            with closing(cast("Generator[StreamEvent]", events)):
                for event in events:
                    spans.see(event)
                    yield event
        except Exception as error:
            spans.broke(error)
            raise
        finally:
            spans.end()


class _Spans:
    """The span of a turn and that of its stage; made from the events, as a view is."""

    def __init__(self, tracer: "Tracer", message: Message) -> None:
        self._tracer = tracer
        self._turn = tracer.start_span("turn", attributes={"frontdesk.attachments": len(message.attachments)})
        self._stage: Span | None = None

    def see(self, event: StreamEvent) -> None:
        match event:
            case StatusChanged(stage):
                self._begin(stage.value)
            case Perceived(observation):
                self._set(self._turn, problems=len(observation.problems))
            case Decided(decision):
                self._end_stage()
                self._set(self._turn, decision=decision.value)
            case Done():
                self._end_stage()
                self._set(
                    self._turn,
                    decision=event.decision.value,
                    citations=len(event.citations),
                    stopped=event.stopped,
                    **{f"{name}_ms": time_ms for name, time_ms in event.timings_ms.items()},
                )

    def broke(self, error: Exception) -> None:
        """The kind of error only: its text may tell of the customer."""
        from opentelemetry.trace import Status, StatusCode

        self._turn.set_status(Status(StatusCode.ERROR, type(error).__name__))

    def end(self) -> None:
        self._end_stage()
        self._turn.end()

    def _begin(self, name: str) -> None:
        from opentelemetry.trace import set_span_in_context

        self._end_stage()
        self._stage = self._tracer.start_span(name, context=set_span_in_context(self._turn))

    def _end_stage(self) -> None:
        if self._stage is not None:
            self._stage.end()
            self._stage = None

    @staticmethod
    def _set(span: "Span", **values: Any) -> None:
        span.set_attributes({f"frontdesk.{name}": value for name, value in values.items()})

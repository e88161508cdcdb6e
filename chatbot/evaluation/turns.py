"""Whole turns for one measurement: the product's own parts, in a data folder that goes away."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from chatbot.messages import Decided, Decision, Done, Message, Retrieved
from chatbot.services import Services
from chatbot.settings import Settings
from knowledge_base.documents import RetrievalResult

VISITOR = "measuring-visitor-of-frontdesk"
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Turned:
    """One turn: what was found, how it was decided, and the answer; no text where only the decision was asked for."""

    result: RetrievalResult
    decision: Decision
    text: str = ""


@contextmanager
def whole_turns(settings: Settings, examples: Path | None = None) -> Iterator[Services]:
    """Everything that a turn needs, with the models of the settings and nothing stored yet.

    Args:
        examples: Folder of the example company, whose articles are loaded; without it the knowledge base is empty.
    """
    with tempfile.TemporaryDirectory(prefix="frontdesk-evaluate-", ignore_cleanup_errors=True) as folder:
        own = settings.model_copy(
            update={
                "data_dir": Path(folder),
                "models_dir": settings.models_path,
                "database_url": SecretStr(""),
                "example_company": examples is not None,
                "knowledge_base": settings.knowledge_base.model_copy(update={"chroma_url": ""}),
            }
        )
        services = Services(own, examples)
        try:
            if intents := services.loaded().intents:
                intents.wait()
            yield services
        finally:
            services.close()


def answer_to(services: Services, message: Message, visitor_id: str = VISITOR) -> Done:
    """The answer to a message in a conversation of its own."""
    conversation = services.store.create(visitor_id)
    events = services.assistant().respond(message, conversation.id, visitor_id)
    return next(event for event in events if isinstance(event, Done))


def turned(
    services: Services, message: Message, visitor_id: str = VISITOR, *, decision_only: bool = False
) -> Turned:
    """A turn in a conversation of its own, stopped as soon as it is decided where only that is asked for."""
    conversation = services.store.create(visitor_id)
    result = RetrievalResult("")
    with closing(services.assistant().respond(message, conversation.id, visitor_id)) as events:
        for event in events:
            match event:
                case Retrieved():
                    result = event.result
                case Decided() if decision_only:
                    return Turned(result, event.decision)
                case Done():
                    return Turned(result, event.decision, event.text)
    raise AssertionError("a turn ends with Done")


def spread(rows: Sequence[_Row], sample: int) -> list[_Row]:
    """So many rows, evenly spread over all of them, the first among them; all where `sample` is 0 or too many."""
    if not 0 < sample < len(rows):
        return list(rows)
    return [rows[i * len(rows) // sample] for i in range(sample)]

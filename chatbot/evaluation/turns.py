"""Whole turns for one measurement: the product's own parts, in a data folder that goes away."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr

from chatbot.messages import Decision, Done, Message
from chatbot.services import Services
from chatbot.settings import Settings

ANSWERED = frozenset({Decision.TEMPLATE, Decision.GENERATE})
"""Decisions by which something is claimed."""
VISITOR = "measuring-visitor-of-frontdesk"
_Row = TypeVar("_Row")


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
            yield services
        finally:
            services.close()


def answer_to(services: Services, message: Message, visitor_id: str = VISITOR) -> Done:
    """The answer to a message in a conversation of its own."""
    conversation = services.store.create(visitor_id)
    events = services.assistant().respond(message, conversation.id, visitor_id)
    return next(event for event in events if isinstance(event, Done))


def spread(rows: Sequence[_Row], sample: int) -> list[_Row]:
    """So many rows, evenly spread over all of them, the first among them; all where `sample` is 0 or too many."""
    if not 0 < sample < len(rows):
        return list(rows)
    return [rows[i * len(rows) // sample] for i in range(sample)]

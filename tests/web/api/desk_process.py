"""One server process on fakes: the real server, runner, hub and database around an engine that can be held up.

`python -m tests.web.api.desk_process DATABASE_URL DATA_DIR GATE LEASE_S [PORT] [PAUSE_S]` prints its port, then each
turn that is stopped. The engine says the first sentence, then goes on once the file GATE is there; it pauses before
each word.
"""

import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import SecretStr

from chatbot.assistant import Assistant
from chatbot.attachments import AttachmentStore
from chatbot.handoff_desk import HandoffDesk
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.web.api.mount import add_api
from chatbot.web.api.parts import ApiParts
from chatbot.web.api.runner import TurnRunner
from chatbot.web.server import listen_and_serve
from chatbot.web_settings import WebSettings
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver

SECRET = "a" * 64
SAYS = "You can return a Dot within 45 days. [1] Returns are free within Germany. [1] "
FIRST_SENTENCE_PIECES = 11  # its last piece is known to be the last when the next sentence has begun


class GatedGenerator(FakeGenerator):
    """Waits after the first sentence until a file is there."""

    def __init__(self, gate: Path, pause_s: float) -> None:
        super().__init__(SAYS)
        self._gate = gate
        self._pause_s = pause_s

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[str]:
        for number, piece in enumerate(super().stream(*args, **kwargs)):
            while number >= FIRST_SENTENCE_PIECES and not self._gate.exists():
                time.sleep(0.01)
            time.sleep(self._pause_s)
            yield piece


def main(
    database_url: str, data_dir: Path, gate: Path, lease_s: float, port: int = 0, pause_s: float = 0.0
) -> None:
    """Serves until a signal comes."""
    web = WebSettings(
        turn_workers=1, turn_lease_s=lease_s, requests_per_minute=100_000, messages_per_minute=1000
    )
    settings = Settings(data_dir=data_dir, database_url=SecretStr(database_url), web=web)
    data_dir.mkdir(exist_ok=True)
    store = ConversationStore(settings.database_address)
    handoff = HandoffDesk(store, settings.handoff)
    assistant = Assistant(
        store=store,
        perceiver=FakePerceiver(),
        knowledge_base=FakeKnowledgeBase(),
        generator=GatedGenerator(gate, pause_s),
        settings=settings,
        handoff=handoff,
    )
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.api = ApiParts.build(
        settings=settings,
        store=store,
        attachments=AttachmentStore(data_dir / "attachments", settings),
        assistant=lambda: assistant,
        perceiver=FakePerceiver,
        secret=SECRET,
        handoff=handoff,
    )
    add_api(app, app.state.api)
    _tell_stops(app.state.api.runner)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listen_and_serve(app, listener, [lambda: print(listener.getsockname()[1], flush=True)])


def _tell_stops(runner: TurnRunner) -> None:
    """Prints the id of a turn that is to be stopped here, once the runner knows."""
    stop = runner.stop

    def told(conversation_id: str, turn_id: str) -> bool:
        known = stop(conversation_id, turn_id)
        if known:
            print(turn_id, flush=True)
        return known

    runner.stop = told  # type: ignore[method-assign]


if __name__ == "__main__":
    optional = [kind(text) for kind, text in zip((int, float), sys.argv[5:], strict=False)]
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4]), *optional)  # type: ignore[arg-type]

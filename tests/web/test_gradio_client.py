"""The official client of Gradio at the public page: it chats, and reaches nothing else; the other pages not at all."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from gradio_client import Client, handle_file
from gradio_client.exceptions import AuthenticationError
from PIL import Image
from sqlalchemy import select

from chatbot.messages import OcrLine, ScreenReading
from chatbot.schema import MessageRow
from chatbot.settings import Settings
from chatbot.web.server import create_app
from chatbot.web_settings import WebSettings
from finetune.web.mount import INBOX, PATH, mount_finetune_page, mount_inbox_page
from tests.fakes import FakePerceiver
from tests.web.api.conftest import serve  # noqa: F401 - a fixture
from tests.web.test_handoff_browser import FREE, QUESTION, ServicesOnFakes

SAID = "You can return a Dot within 45 days."


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServicesOnFakes]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")  # the client's
    made = ServicesOnFakes(
        Settings(
            data_dir=tmp_path / "data",
            engine="openai",
            host="0.0.0.0",
            example_company=False,
            web=WebSettings(public_url="http://127.0.0.1"),
        )
    )
    made.start()
    yield made
    made.close()


@pytest.fixture
def address(services: ServicesOnFakes, serve: Callable[[FastAPI], str]) -> str:  # noqa: F811
    return serve(create_app(services, (mount_finetune_page, mount_inbox_page)))


def connected(address: str) -> Client:
    return Client(address, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 60})


def test_a_client_asks_and_asks_on_and_another_one_begins_anew(
    services: ServicesOnFakes, address: str
) -> None:
    client = connected(address)
    job = client.submit({"text": QUESTION}, api_name="/chat")
    answer = job.result()
    assert answer.startswith(SAID)
    assert answer.endswith("[1] Returns https://wren.example/returns")
    grown = job.outputs()
    assert len(grown) > 1
    assert all(answer.startswith(part.rstrip()) for part in grown)
    assert SAID in client.predict({"text": FREE}, api_name="/chat")
    connected(address).predict({"text": QUESTION}, api_name="/chat")
    with services.store.database.reading() as session:
        told = Counter(session.scalars(select(MessageRow.conversation_id)))
    assert sorted(told.values()) == [2, 4]


def test_a_client_sends_a_screenshot(services: ServicesOnFakes, address: str, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "screen.png")
    stored = services.attachments.add(tmp_path / "screen.png", "screen.png").sha256
    line = OcrLine("Error WR-204", 0.9, (0, 0, 60, 20))
    perceiver = services.loaded().perceiver
    assert isinstance(perceiver, FakePerceiver)
    perceiver.screens = {stored: ScreenReading(stored, (line,), 64, 48, ("WR-204",))}
    asked = {"text": "What does this mean?", "files": [handle_file(tmp_path / "screen.png")]}
    assert "WR-204" in connected(address).predict(asked, api_name="/chat")


def test_a_client_is_offered_nothing_but_the_chat(address: str) -> None:
    client = connected(address)
    offered = client.view_api(all_endpoints=True, return_format="dict")
    assert set(offered["named_endpoints"]) == {"/chat"}
    assert offered["unnamed_endpoints"] == {}
    for step, endpoint in client.endpoints.items():
        if endpoint.api_name != "/chat":
            with pytest.raises(ValueError, match="Invalid function index"):
                client.predict(fn_index=step)
    for name in ("/promote", "/_promote", "/_remove", "/_start", "/lambda"):
        with pytest.raises(ValueError, match="Cannot find a function"):
            client.predict(api_name=name)


@pytest.mark.parametrize("page", [PATH, INBOX])
def test_a_client_without_a_session_gets_nothing_of_the_companys_pages(address: str, page: str) -> None:
    with pytest.raises(AuthenticationError, match="credentials were not provided"):
        connected(f"{address}{page}")

"""The page is there for this machine only, and customers see nothing of it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from finetune.web.mount import PATH, is_loopback, mount_finetune_page

HERE = "http://127.0.0.1:7860"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    services = Services(Settings(data_dir=tmp_path / "data"))
    yield create_app(services, (mount_finetune_page,))
    services.close()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE, client=("127.0.0.1", 50000)) as client:
        yield client


def test_the_page_is_served_and_named(app: FastAPI, client: TestClient) -> None:
    assert [(page.title, page.path) for page in app.state.pages] == [("Fine-tuning", "/admin")]
    assert client.get(PATH).status_code == 200
    assert "ft-files" in client.get(f"{PATH}/config").text


def test_the_widget_is_served_beside_it(client: TestClient) -> None:
    assert client.get("/widget/widget.js").headers["access-control-allow-origin"] == "*"
    assert client.get("/widget/nothing").status_code == 404
    assert "widget/widget.js" in client.get("/demo").text
    started = client.post(
        "/api/v1/conversations", json={"site": "demo", "customer_token": client.post("/demo/token").text}
    )
    assert started.status_code == 201


def test_a_customers_page_its_api_and_its_configuration_hold_nothing_of_it(client: TestClient) -> None:
    pages = [
        "/",
        "/config",
        "/gradio_api/info",
        "/gradio_api/info?all_endpoints=true",
        "/gradio_api/openapi.json",
    ]
    for path in pages:
        shown = client.get(path).text
        assert not [word for word in ("admin", "ft-files", "Fine-tun", "finetune") if word in shown], path
    steps = {step["id"] for step in client.get("/config").json()["dependencies"]}
    assert len(steps) < len(client.get(f"{PATH}/config").json()["dependencies"])


def test_a_customer_cannot_fetch_or_name_a_file_of_it(client: TestClient) -> None:
    sent = client.post(f"{PATH}/gradio_api/upload", files={"files": ("secret.csv", b"a,b\n1,2\n")})
    (path,) = sent.json()
    assert Path(path).is_file()
    assert client.get(f"{PATH}/gradio_api/file={path}").content == b"a,b\n1,2\n"
    assert client.get(f"/gradio_api/file={path}").status_code == 403
    mine = client.post("/gradio_api/upload", files={"files": ("mine.txt", b"hello")}).json()[0]
    assert client.get(f"/gradio_api/file={mine}").content == b"hello"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "shop.example"},
        {"host": "127.0.0.1.shop.example"},
        {"origin": "https://shop.example"},
        {"origin": "null"},
        {"x-forwarded-for": "10.0.0.1"},
        {"forwarded": "for=10.0.0.1"},
    ],
)
def test_foreign_pages_names_and_proxies_are_turned_away(client: TestClient, headers: dict[str, str]) -> None:
    refused = {401, 421}  # 421: the server as a whole does not answer to that name
    for path in ("/config", "/gradio_api/info", "/"):
        assert client.get(f"{PATH}{path}", headers=headers).status_code in refused
    body = json.dumps({"data": [], "fn_index": 0, "session_hash": "x"})
    assert client.post(f"{PATH}/gradio_api/queue/join", content=body, headers=headers).status_code in refused
    upload = client.post(f"{PATH}/gradio_api/upload", files={"files": ("a.csv", b"a")}, headers=headers)
    assert upload.status_code in refused


def test_other_machines_are_turned_away(app: FastAPI) -> None:
    far = TestClient(app, base_url=HERE, client=("192.168.0.7", 50000))
    assert far.get(f"{PATH}/config").status_code == 401
    assert far.get("/config").status_code == 200


def test_a_server_that_others_reach_has_no_such_page_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    services = Services(Settings(data_dir=tmp_path / "data", host="0.0.0.0"))
    with caplog.at_level(logging.INFO):
        app = create_app(services, (mount_finetune_page,))
    services.close()
    assert app.state.pages == ()
    assert "it has no accounts yet and 0.0.0.0 can be reached from other machines" in caplog.text
    near = TestClient(app, base_url=HERE, client=("127.0.0.1", 50000))
    assert near.get(f"{PATH}/config").status_code == 404


@pytest.mark.parametrize(
    ("host", "is_here"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("0.0.0.0", False), ("::", False), ("192.168.1.2", False), ("shop.example", False), ("", False)],
)  # fmt: skip
def test_which_addresses_are_this_machines_own(host: str, is_here: bool) -> None:
    assert is_loopback(host) is is_here

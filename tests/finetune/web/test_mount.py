"""The page is there for this machine or for administrators, and customers see nothing of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount

from chatbot.accounts import Role
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from chatbot.web_settings import WebSettings
from finetune.web.mount import INBOX, PATH, mount_finetune_page, mount_inbox_page

HERE = "http://127.0.0.1:7860"
PUBLIC = "https://chat.example.com"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    services = Services(Settings(data_dir=tmp_path / "data"))
    yield create_app(services, (mount_finetune_page, mount_inbox_page))
    services.close()


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    with TestClient(app, base_url=HERE, client=("127.0.0.1", 50000)) as client:
        yield client


def test_the_page_is_served_and_named(app: FastAPI, client: TestClient) -> None:
    assert [page.path for page in app.state.pages] == ["/admin", "/inbox"]
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


def test_programs_reach_the_same_over_the_api_and_the_api_still_refuses_other_paths(
    client: TestClient,
) -> None:
    assert client.get("/api/v1/finetune/adapters").json()["active"] == "default"
    refused = client.put("/api/v1/finetune/adapters")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET")
    assert client.get("/api/v1/knowledge/nothing").status_code == 404
    assert "/api/v1/knowledge/documents/{document_id}" in client.get("/openapi.json").json()["paths"]
    assert client.get("/api/v1/finetune/adapters", headers={"Host": "evil.example"}).status_code == 421


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


@pytest.fixture
def open_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FastAPI]:
    """A server that others can reach, with an administrator and an agent."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    services = Services(
        Settings(data_dir=tmp_path / "data", host="0.0.0.0", web=WebSettings(public_url=PUBLIC))
    )
    yield create_app(services, (mount_finetune_page, mount_inbox_page))
    services.close()


def signed_in(app: FastAPI, role: Role) -> TestClient:
    desk = app.state.accounts
    account, _ = desk.accounts.create(role.value, role)
    client = TestClient(app, base_url=PUBLIC, client=("203.0.113.7", 50000))
    client.cookies.set("__Host-frontdesk-session", desk.sessions.open(account.id))
    return client


def test_where_others_reach_the_server_all_of_it_is_for_administrators(open_server: FastAPI) -> None:
    admin, agent = signed_in(open_server, Role.ADMIN), signed_in(open_server, Role.AGENT)
    visitor = TestClient(open_server, base_url=PUBLIC, client=("203.0.113.8", 50000))
    here = TestClient(open_server, base_url=HERE, client=("127.0.0.1", 50000))
    sent = admin.post(f"{PATH}/gradio_api/upload", files={"files": ("secret.csv", b"a,b\n1,2\n")})
    (path,) = sent.json()
    assert admin.get(f"{PATH}/gradio_api/file={path}").content == b"a,b\n1,2\n"
    assert "ft-files" in admin.get(f"{PATH}/config").text
    inner = next(r for r in open_server.routes if isinstance(r, Mount) and r.path == PATH)
    shown = {route.path for route in inner.app.routes if hasattr(route, "path")}  # type: ignore[attr-defined]
    concrete = {re.sub(r"{(\w+)(:path)?}", "x", place) for place in shown} | {
        f"/gradio_api/{name}"
        for name in ("upload", "queue/join", "queue/data", "call/x", "run/x", "info", "heartbeat/x", "reset")
    }
    for place in sorted({*concrete, f"/gradio_api/file={path}", f"/file={path}", "/theme.css"}):
        for method in ("GET", "POST"):
            for client, status in ((visitor, 401), (agent, 403), (here, 401)):
                answer = client.request(method, f"{PATH}{place}", follow_redirects=False)
                assert answer.status_code == status, (method, place)
    for client in (visitor, agent):
        for place in (f"/gradio_api/file={path}", f"/gradio_api/file=../private/{Path(path).name}"):
            assert client.get(place).status_code in (403, 404)
    for origin, status in (("https://evil.example", 403), ("null", 403), (PUBLIC, 200)):
        assert admin.get(f"{PATH}/config", headers={"Origin": origin}).status_code == status
    assert admin.get(f"{PATH}/gradio_api/user").json() == "admin"


def test_this_machine_needs_a_session_too_once_there_are_accounts(app: FastAPI, client: TestClient) -> None:
    assert client.get(f"{PATH}/config").status_code == 200
    app.state.accounts.accounts.create("ann", Role.ADMIN)
    assert {client.get(f"{page}/config").status_code for page in (PATH, INBOX)} == {401}
    assert client.get(f"{PATH}/", headers={"Accept": "text/html"}, follow_redirects=False).status_code == 303

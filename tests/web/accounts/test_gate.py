"""Attackers before the pages for administrators: visitors, agents, forged cookies, other origins, tricks with paths."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.types import Message

from chatbot.accounts import Role
from chatbot.audit import THIS_MACHINE
from chatbot.web.accounts.gate import StaffGate
from tests.web.accounts.conftest import MakeOffice, Office

PUBLIC = "https://chat.example.com"
TRICKS = (
    "/admin",
    "/admin/",
    "/admin/config",
    "/admin/gradio_api/file=/etc/passwd",
    "//admin",
    "//admin/config",
    "/admin/../config",
    "/./admin/config",
    "/x/../admin/config",
    "/x/..//admin/config",
    "/ADMIN/config",
    "/\\admin/config",
    "/admin//gradio_api/queue/join",
)


def run_apart(ask: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """In a thread of its own: the browser tests leave a running loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(ask())).result()


def answered(office: Office, path: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> int:
    """The status for a path exactly as it stands: clients tidy paths up before they send them."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    async def ask() -> None:
        scope: dict[str, Any] = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "https", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "server": ("chat.example.com", 443),
            "client": ("203.0.113.7", 50000), "headers": [(b"host", b"chat.example.com"), *headers],
        }  # fmt: skip
        await office.app(scope, receive, send)

    run_apart(ask)
    return int(sent[0]["status"])


@pytest.fixture
def opened(make_office: MakeOffice) -> Office:
    """A server that others can reach."""
    return make_office(base=PUBLIC, public_url=PUBLIC)


@pytest.mark.parametrize("path", TRICKS)
def test_no_spelling_of_a_path_leads_past_the_gate(opened: Office, path: str) -> None:
    assert answered(opened, path) == 401
    assert answered(opened, path, ((b"cookie", b"__Host-frontdesk-session=" + b"A" * 43),)) == 401


@pytest.mark.parametrize("path", ["/", "/config", "/administrator", "/x/admin", "/gradio_api/info"])
def test_everything_else_is_open(opened: Office, path: str) -> None:
    assert answered(opened, path) == 200


def test_encoded_paths_are_decoded_before_they_are_judged(opened: Office) -> None:
    browser = opened.browser()
    for path in ("/admin%2f", "/%61dmin/config", "/admin%2fconfig", "/admin/%2e%2e/config", "/%2e/admin/"):
        assert browser.get(path, Accept="*/*").status_code == 401


def test_an_administrator_passes_and_an_agent_does_not(opened: Office) -> None:
    admin, agent = opened.signed_in("root"), opened.signed_in("ann", Role.AGENT)
    assert admin.get("/admin/config").json() == {"actor": "root"}
    assert agent.get("/admin/").status_code == 403
    assert "administrators" in agent.get("/admin/").text
    assert agent.client.post("/admin/gradio_api/queue/join", json={}).status_code == 403
    assert agent.get("/account").status_code == 200


def test_agents_and_administrators_pass_to_the_inbox(opened: Office) -> None:
    admin, agent = opened.signed_in("root"), opened.signed_in("ann", Role.AGENT)
    assert admin.get("/inbox/config").json() == {"actor": "root"}
    assert agent.get("/inbox/config").json() == {"actor": "ann"}
    assert agent.client.post("/inbox/x", headers={"Origin": "https://evil.example"}).status_code == 403
    assert opened.browser().get("/inbox/").headers["location"] == "/login"


@pytest.mark.parametrize("path", [*TRICKS, "/inbox/../admin/config", "/inbox/..//ADMIN", "/admin/../inbox/"])
def test_no_spelling_of_a_path_leads_an_agent_past_the_gate(opened: Office, path: str) -> None:
    agent = opened.signed_in("ann", Role.AGENT)
    token = next(c.value for c in agent.client.cookies.jar if "session" in c.name)
    assert answered(opened, path, ((b"cookie", f"__Host-frontdesk-session={token}".encode()),)) == 403


def test_people_are_sent_to_sign_in_and_programs_are_refused(opened: Office) -> None:
    browser = opened.browser()
    assert browser.get("/admin/").headers["location"] == "/login"
    assert browser.get("/admin/", Accept="application/json").status_code == 401
    assert browser.client.post("/admin/", headers={"Accept": "text/html"}).status_code == 401


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://chat.example.com"])
def test_other_origins_cannot_use_an_administrators_session(opened: Office, origin: str) -> None:
    admin = opened.signed_in("root")
    for method in ("GET", "POST"):
        answer = admin.client.request(method, "/admin/gradio_api/queue/join", headers={"Origin": origin})
        assert answer.status_code == 403
    assert admin.client.post("/admin/x", headers={"Origin": PUBLIC}).json() == {"actor": "root"}


def test_a_cookie_of_another_name_or_a_changed_one_is_nobody(opened: Office) -> None:
    admin = opened.signed_in("root")
    token = next(c.value for c in admin.client.cookies.jar if "session" in c.name)
    for cookie in (f"frontdesk-session={token}", f"__Host-frontdesk-session={token[:-1]}"):
        assert answered(opened, "/admin/config", ((b"cookie", cookie.encode()),)) == 401
    right = f"__Host-frontdesk-session={token}".encode()
    assert answered(opened, "/admin/config", ((b"cookie", right),)) == 200


def test_a_disabled_account_is_out_at_once(make_office: MakeOffice) -> None:
    office = make_office(base=PUBLIC, public_url=PUBLIC)
    admin = office.signed_in("root")
    office.desk.accounts.disable("root")
    assert admin.get("/admin/").status_code == 303


def test_a_server_for_this_machine_is_open_to_it_until_there_is_an_account(office: Office) -> None:
    near, far = office.browser(), office.browser("192.168.0.7")
    assert near.get("/admin/config").json() == {"actor": THIS_MACHINE}
    assert far.get("/admin/config").status_code == 401
    assert near.get("/admin/config", Origin="https://evil.example").status_code == 401
    assert near.get("/admin/config", **{"X-Forwarded-For": "127.0.0.1"}).status_code == 401
    office.add("ann", Role.AGENT)
    assert near.get("/admin/config").headers["location"] == "/login"
    office.desk.accounts.disable("ann")
    assert near.get("/admin/config").headers["location"] == "/login"


@pytest.mark.parametrize(
    "how", [{"host": "0.0.0.0", "public_url": PUBLIC}, {"public_url": PUBLIC}, {"trusted_proxies": 1}]
)
def test_a_server_that_others_can_reach_is_never_open(make_office: MakeOffice, how: dict[str, Any]) -> None:
    office = make_office(**how)
    assert office.browser().get("/admin/config").status_code == 303
    assert office.desk.first_admin_path()


def test_nobody_can_say_who_they_are(opened: Office) -> None:
    for header in ("frontdesk_actor", "x-forwarded-user", "remote-user"):
        assert answered(opened, "/admin/config", ((header.encode(), b"root"),)) == 401


def test_web_sockets_are_refused_too(opened: Office) -> None:
    sent: list[Message] = []

    async def behind(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("passed")

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/admin/ws", "headers": [(b"host", b"chat.example.com")]}
    run_apart(lambda: StaffGate(behind, desk=opened.desk)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]

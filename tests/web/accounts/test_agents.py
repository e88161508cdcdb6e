"""An agent at the real application: the inbox by the account's name, and nothing of the page for administrators."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from chatbot.accounts import Role
from chatbot.handoff import Ticket, TicketState
from chatbot.messages import Message
from chatbot.policy import Cause
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.web.accounts.gate import ADMIN_PATH, INBOX_PATH
from chatbot.web.server import create_app
from finetune.registry import AdapterRegistry
from finetune.web.mount import mount_finetune_page, mount_inbox_page
from tests.web.api.conftest import serve  # noqa: F401 - a fixture


@dataclass
class Company:
    """A running server with accounts, and somebody who waits for a person."""

    app: FastAPI
    services: Services
    address: str

    def browser(self, name: str, role: Role) -> "Browser":
        desk = self.app.state.accounts
        account, _ = desk.accounts.create(name, role)
        cookies = {"frontdesk-session": desk.sessions.open(account.id)}
        return Browser(
            httpx.Client(base_url=self.address, cookies=cookies, headers={"Connection": "close"}, timeout=60)
        )

    def waits(self) -> Ticket:
        conversation = self.services.store.create("visitor-1")
        self.services.store.add_question(conversation.id, "visitor-1", Message("May I speak to somebody?"))
        standing, _ = self.services.handoff.request(conversation.id, "visitor-1", cause=Cause.ASKED)
        return standing.ticket

    def ticket(self) -> Ticket:
        (ticket,) = self.services.handoff.queue()
        return ticket


@dataclass
class Browser:
    """Calls what a page's buttons call, by Gradio's API."""

    client: httpx.Client

    def parts(self, page: str) -> dict[str, Any]:
        return dict(self.client.get(f"{page}/config").json())

    def step(self, page: str, element: str, event: str = "click") -> int:
        parts = self.parts(page)
        part = next(c["id"] for c in parts["components"] if c["props"].get("elem_id") == element)
        return next(int(d["id"]) for d in parts["dependencies"] if [part, event] in d["targets"])

    def join(self, page: str, step: int, *data: Any) -> int:
        body = {"data": data, "fn_index": step, "session_hash": "s"}
        return self.client.post(f"{page}/gradio_api/queue/join", json=body).status_code

    def call(self, page: str, step: int, *data: Any) -> dict[str, Any]:
        """What comes of a step: its last message."""
        assert self.join(page, step, *data) == 200
        messages: list[dict[str, Any]] = []
        with self.client.stream("GET", f"{page}/gradio_api/queue/data?session_hash=s") as told:
            for line in told.iter_lines():
                if line.startswith("data: "):
                    messages.append(json.loads(line.removeprefix("data: ")))
        return next(m for m in reversed(messages) if m["msg"] in ("process_completed", "unexpected_error"))

    def open_inbox(self) -> None:
        steps = self.parts(INBOX_PATH)["dependencies"]
        opened = next(d["id"] for d in steps if d["targets"][0][1] == "load" and d["inputs"])
        assert self.call(INBOX_PATH, opened, None, "")["success"]

    def press(self, button: str, *data: Any) -> dict[str, Any]:
        return self.call(INBOX_PATH, self.step(INBOX_PATH, button), *data)


@pytest.fixture
def company(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[FastAPI], str],  # noqa: F811
) -> Iterator[Company]:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    services = Services(Settings(data_dir=tmp_path / "data"))
    app = create_app(services, (mount_finetune_page, mount_inbox_page))
    yield Company(app, services, serve(app))
    services.close()


def test_an_agent_takes_a_ticket_and_answers_by_the_accounts_name_whatever_is_typed(company: Company) -> None:
    ticket, ann = company.waits(), company.browser("ann@shop.example", Role.AGENT)
    ann.open_inbox()
    assert ann.press("fd-claim", ticket.id, "Mallory")["success"]
    assert (company.ticket().state, company.ticket().agent) == (TicketState.CLAIMED, "ann@shop.example")
    assert ann.press("fd-send", ticket.id, "Mallory", "Hello, how can I help?")["success"]
    said = company.services.store.get(ticket.conversation_id, "visitor-1").messages[-1]
    assert (said.role, said.author, said.text) == ("person", "ann", "Hello, how can I help?")


def test_an_agent_cannot_act_for_another(company: Company) -> None:
    ticket = company.waits()
    ann, bob = company.browser("ann", Role.AGENT), company.browser("bob", Role.AGENT)
    for browser in (ann, bob):
        browser.open_inbox()
    here = ann.step(INBOX_PATH, "fd-here", "input")
    assert ann.call(INBOX_PATH, here, True, "")["success"]
    assert ann.press("fd-claim", ticket.id, "")["success"]
    for button, data in (("fd-claim", ()), ("fd-send", ("Give me your password",)), ("fd-close", ())):
        assert not bob.press(button, ticket.id, "ann", *data)["success"]
    assert bob.call(INBOX_PATH, here, False, "ann")["success"]
    assert company.services.handoff.availability().is_here  # it was bob who left
    assert (company.ticket().state, company.ticket().agent) == (TicketState.CLAIMED, "ann")


def test_what_agents_do_with_tickets_is_in_the_audit_log(company: Company) -> None:
    ticket, ann = company.waits(), company.browser("ann", Role.AGENT)
    ann.open_inbox()
    for button, data in (("fd-claim", ()), ("fd-send", ("Hello",)), ("fd-return", ()), ("fd-close", ())):
        assert ann.press(button, ticket.id, "Mallory", *data)["success"]
    entries = company.app.state.accounts.audit.entries()
    done = [(e.actor, e.action, e.target) for e in entries if e.action.startswith("ticket-")]
    names = ("ticket-claimed", "ticket-replied", "ticket-returned", "ticket-closed")
    assert done == [("ann", name, ticket.id) for name in names]


@pytest.mark.parametrize("step", [-1, 10**9, None, "x", [1], {"a": 1}])
@pytest.mark.parametrize("page", ["", INBOX_PATH, ADMIN_PATH])
def test_a_step_that_a_page_does_not_have_is_refused(company: Company, page: str, step: object) -> None:
    root = company.browser("root", Role.ADMIN)
    body = {"data": [], "fn_index": step, "session_hash": "s"}
    for path in ("queue/join", "run/nothing", "api/nothing", "call/nothing", "call/v2/nothing"):
        status = root.client.post(f"{page}/gradio_api/{path}", json=body).status_code
        assert 400 <= status < 500, (path, status)


def test_an_administrator_has_the_inbox_on_both_pages(company: Company) -> None:
    ticket, root = company.waits(), company.browser("root", Role.ADMIN)
    root.open_inbox()
    assert root.press("fd-claim", ticket.id, "")["success"]
    assert company.ticket().agent == "root"
    assert "fd-claim" in json.dumps(root.parts(ADMIN_PATH))


def test_no_step_of_the_page_for_administrators_runs_for_an_agent(company: Company) -> None:
    root, ann = company.browser("root", Role.ADMIN), company.browser("ann", Role.AGENT)
    steps = root.parts(ADMIN_PATH)["dependencies"]
    assert len(steps) > 50
    for step in steps:
        assert ann.join(ADMIN_PATH, step["id"], *[None] * len(step["inputs"])) == 403
        for path in (f"run/{step['id']}", f"call/{step['id']}", "run/predict", "api/predict"):
            body = {"data": [], "fn_index": step["id"], "session_hash": "s"}
            assert ann.client.post(f"{ADMIN_PATH}/gradio_api/{path}", json=body).status_code == 403


def test_the_agents_page_holds_the_inbox_alone(company: Company) -> None:
    root, ann = company.browser("root", Role.ADMIN), company.browser("ann", Role.AGENT)
    shown = {str(c["props"].get("elem_id") or "") for c in ann.parts(INBOX_PATH)["components"]}
    assert "fd-claim" in shown
    assert not [name for name in shown if name.startswith(("ft-", "kb-"))]
    own = {step["id"] for step in ann.parts(INBOX_PATH)["dependencies"]}
    registry = AdapterRegistry(company.services.settings.data_dir)
    before = registry.list()
    for step in root.parts(ADMIN_PATH)["dependencies"]:
        if step["id"] not in own:  # what is no step of this page is refused, and runs nothing of the other
            status = ann.join(INBOX_PATH, step["id"], *[None] * len(step["inputs"]))
            assert status != 200 or not ann.call(INBOX_PATH, step["id"])["success"]
    assert registry.list() == before


def test_an_agent_reaches_no_file_of_an_administrator(company: Company) -> None:
    root, ann = company.browser("root", Role.ADMIN), company.browser("ann", Role.AGENT)
    sent = root.client.post(f"{ADMIN_PATH}/gradio_api/upload", files={"files": ("s.csv", b"a,b\n1,2\n")})
    (path,) = sent.json()
    assert root.client.get(f"{ADMIN_PATH}/gradio_api/file={path}").status_code == 200
    for page in (INBOX_PATH, ADMIN_PATH, ""):
        for named in (path, f"{INBOX_PATH}/../{path}", str(company.services.settings.database_path)):
            answer = ann.client.get(f"{page}/gradio_api/file={named}")
            assert answer.status_code in (403, 404), (page, named)
    large = ann.client.post(f"{INBOX_PATH}/gradio_api/upload", files={"files": ("a.bin", b"x" * 1000)})
    assert large.status_code == 413


def test_visitors_and_ended_sessions_reach_neither_page(company: Company) -> None:
    visitor = Browser(httpx.Client(base_url=company.address))
    ann = company.browser("ann", Role.AGENT)
    assert ann.client.get(f"{INBOX_PATH}/gradio_api/user").json() == "ann"
    company.app.state.accounts.accounts.disable("ann")
    for browser in (visitor, ann):
        for page in (ADMIN_PATH, INBOX_PATH):
            assert browser.join(page, 0) == 401
            assert browser.client.get(f"{page}/config").status_code == 401

"""A handoff in two real browser windows, the customer's and the agent's, on the real application without any model."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, Route, expect

from chatbot.assistant import Assistant
from chatbot.audit import THIS_MACHINE, AuditLog
from chatbot.services import Loaded, Services
from chatbot.settings import Settings
from chatbot.web.server import create_app
from finetune.web.mount import PATH, mount_finetune_page
from knowledge_base.documents import FAQ_PREFIX
from tests.fakes import FakeGenerator, FakeKnowledgeBase, FakePerceiver
from tests.web.conftest import PATIENCE_MS
from tests.web.test_browser import answers, send, violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
QUESTION = "How long can I return a Dot?"
FREE = "Are returns free within Germany?"


class ServicesOnFakes(Services):
    """Everything real but what needs a model."""

    def _build(self) -> Loaded:
        knowledge_base, generator, perceiver = FakeKnowledgeBase(), FakeGenerator(), FakePerceiver()
        assistant = Assistant(
            store=self.store,
            perceiver=perceiver,
            knowledge_base=knowledge_base,
            generator=generator,
            settings=self.settings,
            handoff=self.handoff,
        )
        return Loaded(assistant, knowledge_base, generator, perceiver)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServicesOnFakes]:
    folder: Path = tmp_path_factory.mktemp("handoff")
    services = ServicesOnFakes(Settings(data_dir=folder, engine="openai", example_company=False))
    yield services
    services.close()


@pytest.fixture(scope="module")
def address(services: ServicesOnFakes) -> Iterator[str]:
    app = create_app(services, (mount_finetune_page,))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        services.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


def window(chromium: Browser, address: str, **options: Any) -> Page:
    context = chromium.new_context(
        **{"viewport": {"width": 1100, "height": 900}, "locale": "en-GB", **options}
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    return page


def inbox(page: Page) -> Page:
    expect(page.locator(".ft-header p").first).not_to_be_empty()
    page.get_by_role("tab", name="Inbox", exact=True).click()
    expect(page.locator("#fd-agent input, #fd-agent textarea")).to_be_visible()
    return page


def test_a_customer_is_handed_to_an_agent_and_back(chromium: Browser, address: str) -> None:
    customer = window(chromium, address)
    agent = inbox(window(chromium, f"{address}{PATH}"))
    case, line = agent.locator("#fd-case"), customer.locator("#fd-person-line")
    agent.locator("#fd-agent input, #fd-agent textarea").fill("Mia")
    agent.locator("#fd-here input").check()

    send(customer, QUESTION)
    expect(answers(customer).last).to_contain_text("You can return a Dot within 45 days.")
    expect(customer.locator("#fd-box .submit-button")).to_be_visible()
    send(customer, "I want to talk to a human")
    expect(answers(customer).last).to_contain_text("You are number 1 in the queue.")
    expect(answers(customer).last).to_contain_text("Somebody is here now")
    expect(customer.locator("#fd-person")).to_be_hidden()

    agent.locator("#fd-queue label").filter(has_text=QUESTION).click()
    expect(case).to_contain_text("asked for a person")
    expect(case.locator(".fd-turn").first).to_contain_text(QUESTION)
    agent.locator("#fd-claim").click()
    expect(line).to_contain_text("Mia has this conversation")

    agent.locator("#fd-suggest").click()
    reply = agent.locator("#fd-reply textarea")
    expect(reply).to_have_value(
        "You can return a Dot within 45 days of delivery. Returns are free within Germany."
    )
    reply.fill("Hello, <b>bold</b> Mia here.")
    agent.locator("#fd-send").click()
    expect(reply).to_have_value("")
    expect(answers(customer).last).to_contain_text("Hello, <b>bold</b> Mia here.")

    expect(customer.locator("#fd-box .submit-button")).to_be_visible()
    send(customer, "Thank you, and the invoice?")
    expect(case).to_contain_text("Thank you, and the invoice?")
    expect(answers(customer).last).to_contain_text("Mia here.")  # the assistant is silent
    assert violations(customer) == []
    assert violations(agent) == []

    agent.locator("#fd-return").click()
    expect(line).to_contain_text("the assistant answers again")
    send(customer, QUESTION)
    expect(answers(customer).last).to_contain_text("within 45 days")
    agent.locator("#fd-close").click()
    expect(agent.locator("#fd-queue label").filter(has_text=QUESTION)).to_have_count(0)


def test_two_customers_are_answered_at_the_same_time(
    chromium: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=PATIENCE_MS / 1000)
    stream = FakeGenerator.stream

    def together(*args: Any, **options: Any) -> Iterator[str]:
        both.wait()  # breaks, and the answer with it, if the other's turn does not come meanwhile
        yield from stream(*args, **options)

    monkeypatch.setattr(FakeGenerator, "stream", together)
    customers = [window(chromium, address) for _ in range(2)]
    for customer in customers:
        send(customer, FREE)
    for customer in customers:
        expect(answers(customer).last).to_contain_text("within 45 days")


def test_a_name_typed_while_the_inbox_loads_is_kept(chromium: Browser, address: str) -> None:
    agent = window(chromium, f"{address}{PATH}")
    expect(agent.locator(".ft-header p").first).not_to_be_empty()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    agent.route("**/queue/join*", hold)
    agent.get_by_role("tab", name="Inbox", exact=True).click()
    name = agent.locator("#fd-agent input, #fd-agent textarea")
    name.fill("Mia")
    with agent.expect_event("requestfinished", lambda request: "/queue/data" in request.url):
        for request in held:
            request.continue_()
        agent.unroute("**/queue/join*", hold)
    agent.locator("#fd-here input").check()
    expect(name).to_have_value("Mia")


def test_being_here_needs_a_name(chromium: Browser, address: str) -> None:
    agent = inbox(window(chromium, f"{address}{PATH}"))
    agent.locator("#fd-here input").check()
    expect(agent.get_by_text("Type your name first.")).to_be_visible()


def test_a_bad_answer_is_corrected_and_the_correction_answers(
    chromium: Browser, address: str, services: ServicesOnFakes
) -> None:
    customer = window(chromium, address)
    send(customer, FREE)
    expect(answers(customer).last).to_contain_text("within 45 days")
    expect(customer.locator("#fd-box .submit-button")).to_be_visible()
    customer.get_by_role("button", name="dislike").last.click()
    expect(customer.locator("#fd-comment-row")).to_be_visible()

    admin = window(chromium, f"{address}{PATH}")
    expect(admin.locator(".ft-header p").first).not_to_be_empty()
    admin.get_by_role("tab", name="Review", exact=True).click()
    expect(admin.locator("#fd-given")).to_contain_text("You can return a Dot within 45 days.")
    expect(admin.locator("#fd-bad-question textarea")).to_have_value(FREE)
    assert violations(admin) == []
    admin.locator("#fd-bad-answer textarea").fill("Within **60 days**, since May.")
    admin.locator("#fd-correct").click()
    expect(admin.locator("#fd-review-status")).to_contain_text("The FAQ entry is made")
    expect(admin.locator("#fd-bad")).to_have_count(0)
    *_, entry = AuditLog(services.store.database).entries()
    assert (entry.actor, entry.action) == (THIS_MACHINE, "answer-written")
    assert entry.target.startswith(f"{FAQ_PREFIX}reviewed-")

    send(customer, FREE)
    expect(answers(customer).last).to_contain_text("Within 60 days, since May.")

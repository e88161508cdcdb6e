"""An agent in a real browser: signs in, has the inbox by the account's name, and is shown nothing else."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from playwright.sync_api import Page, expect

from chatbot.accounts import Role
from chatbot.messages import Message
from chatbot.policy import Cause
from chatbot.settings import Settings
from chatbot.web.server import create_app
from finetune.web.mount import mount_finetune_page, mount_inbox_page
from tests.web.accounts.conftest import GOOD
from tests.web.accounts.test_browser import PHONE, is_tidy, visit  # noqa: F401 - a fixture
from tests.web.api.conftest import serve  # noqa: F401 - a fixture
from tests.web.test_handoff_browser import QUESTION, ServicesOnFakes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture
def desk(
    tmp_path: Path,
    serve: Callable[[FastAPI], str],  # noqa: F811
) -> Iterator[tuple[ServicesOnFakes, str]]:
    """A server with one agent, and one customer who waits."""
    services = ServicesOnFakes(Settings(data_dir=tmp_path, engine="openai", example_company=False))
    app = create_app(services, (mount_finetune_page, mount_inbox_page))
    _, link = app.state.accounts.accounts.create("ann@shop.example", Role.AGENT)
    app.state.accounts.accounts.use_link(link, GOOD)
    conversation = services.store.create("visitor-1")
    services.store.add_question(conversation.id, "visitor-1", Message(QUESTION))
    services.handoff.request(conversation.id, "visitor-1", cause=Cause.ASKED)
    services.start()
    yield services, serve(app)
    services.close()


def signed_in(page: Page, address: str, name: str, password: str, button: str) -> None:
    page.goto(f"{address}/inbox/")
    page.wait_for_url("**/login")
    page.get_by_label(name).fill("ann@shop.example")
    page.get_by_label(password).fill(GOOD)
    page.get_by_role("button", name=button).click()
    page.wait_for_url("**/inbox/")


def test_an_agent_signs_in_and_answers(
    desk: tuple[ServicesOnFakes, str],
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    services, address = desk
    page = visit(viewport={"width": 1100, "height": 900})
    signed_in(page, address, "Account name", "Password", "Sign in")
    expect(page.locator(".ft-header")).to_contain_text("Signed in: ann@shop.example")
    expect(page.get_by_role("tab")).to_have_count(0)
    name = page.locator("#fd-agent input, #fd-agent textarea")
    expect(name).to_have_value("ann")
    expect(name).to_be_disabled()
    page.locator("#fd-queue label").filter(has_text=QUESTION).click()
    page.locator("#fd-claim").click()
    expect(page.locator("#fd-inbox-status")).to_contain_text("You have the conversation.")
    page.locator("#fd-reply textarea").fill("Within 45 days.")
    page.locator("#fd-send").click()
    expect(page.locator("#fd-case")).to_contain_text("Within 45 days.")
    (ticket,) = services.handoff.queue()
    assert ticket.agent == "ann@shop.example"
    assert services.store.get(ticket.conversation_id, "visitor-1").messages[-1].author == "ann"
    is_tidy(page)
    page.goto(f"{address}/admin/")
    expect(page.locator("h1")).to_have_text("This is for administrators")
    page.get_by_role("link", name="Inbox").click()
    expect(page.locator("#fd-queue")).to_contain_text("with ann@shop.example")


def test_the_inbox_is_usable_in_the_dark_on_a_phone_and_in_chinese(
    desk: tuple[ServicesOnFakes, str],
    visit: Callable[..., Page],  # noqa: F811
) -> None:
    _, address = desk
    page = visit(**PHONE)
    signed_in(page, address, "账户名", "密码", "登录")
    expect(page.locator(".ft-header")).to_contain_text("人工收件箱")
    page.locator("#fd-queue label").filter(has_text=QUESTION).click()
    expect(page.locator("#fd-case")).to_contain_text("要求人工")
    is_tidy(page)

"""The pages of accounts in a real browser: light, dark, on a phone, with the keyboard alone, without a violation."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from playwright.sync_api import Browser, Page, expect

from chatbot.accounts import Role
from tests.web.accounts.conftest import GOOD, MakeOffice, Office
from tests.web.api.conftest import serve  # noqa: F401 - a fixture
from tests.web.conftest import PATIENCE_MS
from tests.web.test_browser import violations

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
PHONE = {"viewport": {"width": 320, "height": 640}, "color_scheme": "dark", "locale": "zh-CN"}


@pytest.fixture
def office_address(make_office: MakeOffice, serve: Callable[[FastAPI], str]) -> tuple[Office, str]:  # noqa: F811
    office = make_office()
    return office, serve(office.app)


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Page]]:
    contexts = []

    def opened(**options: Any) -> Page:
        contexts.append(chromium.new_context(**{"locale": "en-GB", **options}))
        contexts[-1].set_default_timeout(PATIENCE_MS)
        return contexts[-1].new_page()

    yield opened
    for context in contexts:
        context.close()


def is_tidy(page: Page) -> None:
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) == 0
    assert violations(page) == []


def test_the_first_administrator_is_made_signs_out_and_in_again(
    office_address: tuple[Office, str], visit: Callable[..., Page]
) -> None:
    office, address = office_address
    page = visit()
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text) if message.type == "error" else None)
    page.goto(address + (office.desk.first_admin_path() or ""))
    is_tidy(page)
    page.get_by_label("Account name").fill("root")
    page.get_by_label("New password").fill(GOOD)
    page.get_by_label("The same password again").fill(GOOD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    expect(page.locator("body")).to_contain_text('"actor":"root"')
    page.goto(address + "/account")
    is_tidy(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.get_by_label("Account name").fill("root")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("The name or the password is wrong.")
    is_tidy(page)
    page.get_by_label("Password").fill(GOOD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    assert not [text for text in refused if "Security" in text]


def test_every_page_is_usable_in_the_dark_on_a_phone_and_in_chinese(
    office_address: tuple[Office, str], visit: Callable[..., Page]
) -> None:
    office, address = office_address
    _, link = office.desk.accounts.create("ann", Role.AGENT)
    page = visit(**PHONE)
    for path in ("/login", "/welcome/none", f"/welcome/{link}"):
        page.goto(address + path)
        expect(page.locator("html")).to_have_attribute("lang", "zh")
        is_tidy(page)
    page.get_by_label("新密码").fill(GOOD)
    page.get_by_label("再次输入密码").fill(GOOD)
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/inbox/")
    page.goto(address + "/account")
    is_tidy(page)
    page.goto(address + "/admin/")
    expect(page.locator("h1")).to_have_text("仅限管理员")
    is_tidy(page)


def test_pages_of_another_origin_can_neither_frame_nor_send_a_form(
    office_address: tuple[Office, str], visit: Callable[..., Page]
) -> None:
    office, address = office_address
    office.add("root")
    page = visit()
    page.goto(address + "/login")
    page.get_by_label("Account name").fill("root")
    page.get_by_label("Password").fill(GOOD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/admin/")
    elsewhere = address.replace("127.0.0.1", "localhost")
    page.route(
        f"{elsewhere}/evil", lambda route: route.fulfill(content_type="text/html", body=FORM % address)
    )
    page.goto(f"{elsewhere}/evil")
    with page.expect_response(f"{address}/logout") as answer:
        page.locator("button").click()
    assert answer.value.status == 403
    page.goto(address + "/admin/")
    expect(page.locator("body")).to_contain_text('"actor":"root"')


FORM = '<form method="post" action="%s/logout"><input name="form_token" value="x"><button>x</button></form>'

"""Whether people are there now stands in the widget, and how they are reached when they are not."""

import calendar
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.widget.conftest import (
    DAYS,
    DESKTOP,
    OPENS,
    PATIENCE_MS,
    PHONE,
    Opens,
    WidgetDesk,
    ask,
    opened,
    press,
    violations,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
MAIL = "mailto:help@shop.example"


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def device(request: pytest.FixtureRequest) -> dict[str, Any]:
    chosen: dict[str, Any] = request.param
    return chosen


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def asked_for_a_person(page: Page) -> Locator:
    """The form, before it is sent."""
    ask(page)
    press(page, "Menu")
    press(page, "Talk to a person")
    return page.locator("frontdesk-widget .form")


def test_outside_of_the_hours_it_says_when_people_are_back_and_takes_an_address(
    desk: WidgetDesk, visit: Opens
) -> None:
    page = opened(visit(desk.page('data-site="closed"'), timezone_id="UTC"))
    form = asked_for_a_person(page)
    day = calendar.day_name[DAYS.index(OPENS)]
    expect(form).to_contain_text(f"People are back on {day}")
    expect(form).to_contain_text("Leave your e-mail address and they will write to you.")
    expect(form).to_contain_text("9:00")
    expect(form.get_by_role("link")).to_have_attribute("href", MAIL)
    assert violations(page) == []
    contact = form.locator("#fd-contact")
    contact.fill("not an address")
    press(page, "Ask for a person")
    assert contact.evaluate("it => it.validity.typeMismatch")
    contact.fill("ann@shop.example")
    with page.expect_response("**/person") as sent:
        press(page, "Ask for a person")
    ticket = sent.value.json()["ticket_id"]
    assert desk.handoff.case(ticket).ticket.contact == "ann@shop.example"
    expect(page.locator("frontdesk-widget .notice")).to_contain_text("A person was asked to help.")


def test_within_the_hours_it_promises_nothing_for_later(desk: WidgetDesk, visit: Opens) -> None:
    form = asked_for_a_person(opened(visit(desk.page('data-site="staffed"'))))
    expect(form.locator("#fd-contact")).to_be_visible()
    expect(form).not_to_contain_text("People are back")
    expect(form.get_by_role("link")).to_have_count(0)  # this site names no address


def test_without_a_connection_the_address_is_offered(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit())
    page.context.set_offline(True)
    offline = page.locator("frontdesk-widget .offline")
    expect(offline.get_by_role("link", name="help@shop.example")).to_have_attribute("href", MAIL)
    assert violations(page) == []
    page.context.set_offline(False)
    expect(offline).to_be_hidden()

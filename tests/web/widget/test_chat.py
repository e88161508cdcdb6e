"""A customer's conversation in the widget, on a page of another origin under a strict Content-Security-Policy."""

import pytest
from playwright.sync_api import expect

from tests.web.widget.conftest import CSP, Opens, WidgetDesk, answers, ask, box, launcher, opened, panel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def test_a_question_is_answered_with_its_source_which_opens_in_place(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(headers={"Content_Security_Policy": CSP.format(url=desk.url)}))
    expect(box(page)).to_be_focused()
    ask(page)
    expect(answers(page)).to_contain_text("You can return a Dot within 45 days.")
    page.locator("frontdesk-widget .mark").first.click()
    expect(page.locator("frontdesk-widget .passage mark")).to_have_text(
        "You can return a Dot within 45 days of delivery."
    )
    expect(page.locator("frontdesk-widget .card a")).to_have_attribute("href", "https://wren.example/returns")


def test_a_reload_keeps_the_conversation_and_the_open_panel(visit: Opens) -> None:
    page = opened(visit())
    ask(page)
    page.reload()
    expect(panel(page)).to_be_visible()
    expect(answers(page)).to_contain_text("You can return a Dot within 45 days.")
    launcher(page).click()
    page.reload()
    expect(launcher(page)).to_be_visible()
    expect(panel(page)).to_have_count(0)
    opened(page)
    expect(answers(page)).to_have_count(1)


def test_nothing_is_asked_or_stored_before_the_customer_opens_it(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(headers={"Content_Security_Policy": CSP.format(url=desk.url)})
    expect(launcher(page)).to_be_visible()
    page.wait_for_load_state("networkidle")
    asked = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert asked == [f"{desk.url}/widget/widget.js"]
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    opened(page)
    page.wait_for_load_state("networkidle")
    asked = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert len(asked) <= 16
    assert {url.split("/")[2] for url in asked} == {desk.url.split("/")[2]}
    assert page.evaluate("localStorage.length") == 0

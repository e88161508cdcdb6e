"""A customer's conversation in the widget, on a page of another origin under a strict Content-Security-Policy."""

import io
import json
import re
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect
from sqlalchemy import select

from chatbot.errors import StorageError
from chatbot.insights.suggestions import Step, Suggestions
from chatbot.messages import OcrLine, ScreenReading
from chatbot.schema import CsatRow
from knowledge_base.documents import RetrievalResult
from tests.fakes import INVOICE, RECEIPT, UNSURE, VAGUE, FakeIntents, FakeKnowledgeBase
from tests.web.widget.conftest import (
    CSP,
    CUSTOMER_SECRET,
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    RETURNS,
    SAYS,
    Opens,
    WidgetDesk,
    answers,
    ask,
    box,
    launcher,
    opened,
    panel,
    press,
    violations,
)
from tests.web.widget.part_host import texts

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
ANSWER = "You can return a Dot within 45 days."
WORDS = texts()
EVENTS = re.compile(r"/events$")


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def device(request: pytest.FixtureRequest) -> dict[str, Any]:
    """All of this is tried on both."""
    chosen: dict[str, Any] = request.param
    return chosen


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


class BrokenKnowledgeBase(FakeKnowledgeBase):
    """Finds nothing, and says why."""

    def retrieve(self, *_: Any, **__: Any) -> RetrievalResult:
        raise StorageError("The index is broken.")


def strict(desk: WidgetDesk) -> dict[str, str]:
    return {"Content_Security_Policy": CSP.format(url=desk.url)}


def send(page: Page, text: str = RETURNS) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def png(color: str = "navy") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (320, 200), color).save(data, "PNG")
    return data.getvalue()


def test_a_question_is_answered_with_its_source_which_opens_in_place(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(headers=strict(desk)))
    expect(box(page)).to_be_focused()
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)
    page.locator("frontdesk-widget .mark").first.click()
    quote = page.locator("frontdesk-widget .passage mark")
    expect(quote).to_have_text("You can return a Dot within 45 days of delivery.")
    expect(page.locator("frontdesk-widget .passage")).to_contain_text("Returns are free within Germany.")
    expect(page.locator("frontdesk-widget .card a")).to_have_attribute("href", "https://wren.example/returns")


def test_an_answer_grows_while_it_is_made_and_stops_when_it_is_told_to(
    desk: WidgetDesk, visit: Opens
) -> None:
    desk.generator.is_held = True
    desk.generator.says = f"{SAYS} Returns are free. [1]"
    page = opened(visit())
    send(page)
    expect(page.locator("frontdesk-widget .status")).to_contain_text("Writing the answer")
    desk.generator.go_on.release(12)
    expect(answers(page)).to_contain_text(ANSWER)
    with page.expect_response(re.compile(r"/stop$")):
        page.locator("frontdesk-widget .status").get_by_role("button", name="Stop").click()
    desk.generator.go_on.release(200)
    expect(page.locator("frontdesk-widget .answer")).to_contain_text("Stopped.")
    expect(answers(page)).to_contain_text(ANSWER)


def test_waiting_questions_show_their_place_in_the_line(desk: WidgetDesk, visit: Opens) -> None:
    desk.generator.is_held = True
    page = opened(visit())
    send(page)
    expect(page.locator("frontdesk-widget .status")).to_contain_text("Writing the answer")
    send(page, "How long does a return take?")
    expect(page.locator("frontdesk-widget .status").last).to_contain_text("You are number 1 in line")
    desk.generator.is_held = False
    desk.generator.go_on.release(200)
    expect(page.locator("frontdesk-widget .actions .good")).to_have_count(2)


def test_a_reload_keeps_the_conversation_and_the_open_panel(visit: Opens) -> None:
    page = opened(visit())
    ask(page)
    page.reload()
    expect(panel(page)).to_be_visible()
    expect(answers(page)).to_contain_text(ANSWER)
    press(page, WORDS["close"])
    page.reload()
    expect(launcher(page)).to_be_visible()
    expect(panel(page)).to_have_count(0)
    opened(page)
    expect(answers(page)).to_have_count(1)


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(desk: WidgetDesk, visit: Opens) -> None:
    desk.generator.is_held = True
    page = opened(visit())
    send(page)
    expect(page.locator("frontdesk-widget .status")).to_contain_text("Writing the answer")
    page.reload()
    expect(page.locator("frontdesk-widget .said")).to_contain_text(RETURNS)
    desk.generator.go_on.release(200)
    expect(answers(page)).to_contain_text(ANSWER)
    expect(page.locator("frontdesk-widget .actions .good")).to_have_count(1)


def test_a_dropped_connection_is_resumed_without_loss_or_repeat(desk: WidgetDesk, visit: Opens) -> None:
    """The first stream ends in the middle of the answer; the next one begins after the last event that was seen."""
    page = visit()
    seen: list[str | None] = []

    def cut(route: Route) -> None:
        seen.append(route.request.headers.get("last-event-id"))
        if len(seen) > 1:
            return route.continue_()
        url = route.request.url + "?follow=false"
        deadline = time.monotonic() + 20
        while "event: done" not in (body := route.fetch(url=url).text()) and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        half = body[: body.index("event: delta")]
        half += body[len(half) :].split("\n\n")[0] + "\n\n"
        half = half[: half.rindex("id: ")] if half.rstrip().endswith("event: delta") else half
        return route.fulfill(
            body=half,
            headers={"Content-Type": "text/event-stream", "Access-Control-Allow-Origin": desk.host.url},
        )

    page.route(EVENTS, cut)
    opened(page)
    ask(page)
    assert len(seen) >= 2
    assert seen[0] is None
    assert seen[1]
    assert int(seen[1]) >= 2
    text = answers(page).inner_text()
    assert text.count("within 45 days") == 1
    assert text.count("free within Germany") == 1


def test_without_a_connection_it_says_so_and_sends_again(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit())
    page.context.set_offline(True)
    expect(page.locator("frontdesk-widget .offline")).to_contain_text("help@shop.example")
    send(page)
    unsent = page.locator("frontdesk-widget .notes .bad")
    expect(unsent).to_contain_text("The server cannot be reached.")
    page.context.set_offline(False)
    expect(page.locator("frontdesk-widget .offline")).to_be_hidden()
    unsent.get_by_role("button", name="Try again").click()
    expect(answers(page)).to_contain_text(ANSWER)
    expect(page.locator("frontdesk-widget .said")).to_have_count(1)


def test_a_failed_answer_can_be_asked_for_again(desk: WidgetDesk, visit: Opens) -> None:
    known = desk.assistant._knowledge_base
    desk.assistant._knowledge_base = BrokenKnowledgeBase()
    try:
        page = opened(visit())
        send(page)
        failed = page.locator("frontdesk-widget .answer .bad")
        expect(failed).to_contain_text("This question was not answered.")
        expect(page.locator("frontdesk-widget .answer")).to_contain_text("The index is broken.")
    finally:
        desk.assistant._knowledge_base = known
    failed.get_by_role("button", name="Try again").click()
    expect(answers(page)).to_contain_text(ANSWER)


def test_a_picture_is_shown_read_corrected_and_asked_again(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(headers=strict(desk)))
    picked = {"name": "screen.png", "mimeType": "image/png", "buffer": png()}
    page.locator("frontdesk-widget input[type=file]").set_input_files([picked])
    expect(page.locator("frontdesk-widget .chips canvas")).to_be_visible()
    stored = desk.parts.attachments.add(png(), "screen.png").sha256
    line = OcrLine("Errer WR-204", 0.9, (0, 0, 100, 20))
    desk.perceiver.screens = {stored: ScreenReading(stored, (line,), 320, 200, ("WR-204",))}
    ask(page, "What does WR-204 mean?")
    expect(page.locator("frontdesk-widget .said canvas")).to_be_visible()
    page.locator("frontdesk-widget .fold summary").click()
    field = page.locator("frontdesk-widget .readings textarea")
    expect(field).to_have_value("Errer WR-204")
    field.fill("Error WR-204")
    press(page, "Ask again with these corrections")
    expect(page.locator("frontdesk-widget .actions .good")).to_have_count(2)
    page.reload()
    expect(page.locator("frontdesk-widget .said canvas").first).to_be_visible()


def test_what_a_picture_shows_is_told_after_the_answer_and_a_correction_being_written_stays(
    desk: WidgetDesk, visit: Opens
) -> None:
    page = opened(visit(headers=strict(desk)))
    stored = desk.parts.attachments.add(png(), "screen.png").sha256
    line = OcrLine("Errer WR-204", 0.9, (0, 0, 100, 20))
    desk.perceiver.screens = {stored: ScreenReading(stored, (line,), 320, 200, ("WR-204",))}
    desk.generator.sees_images = desk.perceiver.describes = desk.generator.is_held = True
    try:
        picked = {"name": "screen.png", "mimeType": "image/png", "buffer": png()}
        page.locator("frontdesk-widget input[type=file]").set_input_files([picked])
        expect(page.locator("frontdesk-widget .chips canvas")).to_be_visible()
        box(page).fill("What does WR-204 mean?")
        box(page).press("Enter")
        page.locator("frontdesk-widget .fold summary").click()
        readings = page.locator("frontdesk-widget .readings")
        readings.locator("textarea").fill("Error WR-2")
        expect(readings).not_to_contain_text("A red light.")
        desk.generator.go_on.release(200)
        expect(readings).to_contain_text("A red light.")
        expect(readings.locator("textarea")).to_have_value("Error WR-2")
    finally:
        desk.generator.reset()
        desk.generator.sees_images = desk.perceiver.describes = False


def test_files_are_pasted_dropped_and_removed_and_those_that_do_not_fit_are_named(
    desk: WidgetDesk, visit: Opens
) -> None:
    page = opened(visit())
    give = """(target, [kind, name, count]) => {
        const data = new DataTransfer();
        for (let n = 0; n < count; n++) data.items.add(new File(['a note'], `${n}${name}`, {type: 'text/plain'}));
        const how = {dataTransfer: data, clipboardData: data, bubbles: true, cancelable: true, composed: true};
        const event = kind === 'paste' ? new ClipboardEvent(kind, how) : new DragEvent(kind, how);
        target.dispatchEvent(event);
    }"""
    chips = page.locator("frontdesk-widget .chips li")
    box(page).evaluate(give, ["paste", "pasted.txt", 1])
    expect(chips).to_have_count(1)
    body = page.locator("frontdesk-widget .body")
    body.evaluate(give, ["dragenter", "x.txt", 1])
    expect(page.locator("frontdesk-widget .veil")).to_be_visible()
    body.evaluate(give, ["drop", "dropped.txt", 9])
    expect(page.locator("frontdesk-widget .veil")).to_be_hidden()
    expect(chips).to_have_count(desk.settings.max_attachments)
    expect(page.locator("frontdesk-widget .composer .bad")).to_contain_text("at most 6 files")
    press(page, "Remove 0pasted.txt")
    expect(chips).to_have_count(desk.settings.max_attachments - 1)
    expect(box(page)).to_be_focused()


def test_an_answer_is_rated_commented_on_and_stays_so(visit: Opens) -> None:
    page = opened(visit())
    ask(page)
    good = page.locator("frontdesk-widget .good")
    with page.expect_response(re.compile(r"/feedback$")):
        good.click()
    expect(good).to_have_attribute("aria-pressed", "true")
    expect(good).to_be_focused()
    page.locator("frontdesk-widget .comment input").fill("It was quick.")
    with page.expect_response(re.compile(r"/feedback$")):
        page.locator("frontdesk-widget .comment button").click()
    page.reload()
    expect(good).to_have_attribute("aria-pressed", "true")


def test_a_person_is_asked_for_and_conversations_are_begun_found_and_erased(visit: Opens) -> None:
    page = opened(visit())
    ask(page)
    press(page, "Menu")
    press(page, "Talk to a person")
    expect(page.locator("frontdesk-widget #fd-note")).to_be_focused()
    page.locator("frontdesk-widget #fd-contact").fill("ann@example.com")
    press(page, "Ask for a person")
    expect(page.locator("frontdesk-widget .notice")).to_contain_text("A person was asked to help.")
    press(page, "Menu")
    press(page, "New conversation")
    expect(page.locator("frontdesk-widget .opening")).to_be_visible()
    expect(answers(page)).to_have_count(0)
    press(page, RETURNS)
    expect(answers(page)).to_contain_text(ANSWER)
    press(page, "Menu")
    press(page, "Your conversations")
    expect(page.locator("frontdesk-widget .list li")).to_have_count(2)
    page.keyboard.press("Escape")
    press(page, "Menu")
    press(page, "Erase this conversation")
    press(page, "Erase this conversation")
    expect(page.locator("frontdesk-widget .notice")).to_contain_text("The conversation was erased.")
    expect(answers(page)).to_have_count(0)


def test_a_person_of_the_team_joins_speaks_and_leaves(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit())
    ask(page)
    press(page, "Menu")
    press(page, "Talk to a person")
    with page.expect_response(re.compile(r"/person$")) as asked:
        press(page, "Ask for a person")
    ticket = asked.value.json()["ticket_id"]
    notice = page.locator("frontdesk-widget .notice")
    expect(notice).to_contain_text("A person was asked to help.")
    desk.handoff.claim(ticket, "Mia")
    expect(notice).to_contain_text("Mia is here and answers you.")
    send(page, "Can I return a Dot?")
    expect(page.locator("frontdesk-widget .said")).to_have_count(2)
    desk.handoff.reply(ticket, "Mia", "Yes, within **45 days**.")
    expect(page.locator("frontdesk-widget .author")).to_have_text("Mia")
    expect(answers(page).last).to_have_text("Yes, within 45 days.")
    page.reload()
    expect(notice).to_contain_text("Mia is here and answers you.")
    expect(answers(page).last).to_have_text("Yes, within 45 days.")
    desk.handoff.give_back(ticket, "Mia")
    expect(notice).to_contain_text("Mia has left; the assistant answers again.")


def rating(page: Page) -> Locator:
    return page.locator("frontdesk-widget").get_by_role("radiogroup", name=WORDS["csat"])


def stored_csat(desk: WidgetDesk) -> list[tuple[int, str]]:
    """The scores of all conversations, oldest first."""
    with desk.parts.store.database.reading() as session:
        return [(row.score, row.comment) for row in session.scalars(select(CsatRow).order_by(CsatRow.id))]


def test_a_customer_says_how_satisfied_they_were_after_the_person_has_left(
    desk: WidgetDesk, visit: Opens, device: dict[str, Any]
) -> None:
    theme = "dark" if device is PHONE else "light"
    page = opened(visit(desk.page(f'data-theme="{theme}"'), headers=strict(desk)))
    page.evaluate("window.rated = []; frontdesk.on('rated', (said) => window.rated.push(said))")
    ask(page)
    press(page, "Menu")
    press(page, "Talk to a person")
    with page.expect_response(re.compile(r"/person$")) as asked:
        press(page, "Ask for a person")
    ticket = asked.value.json()["ticket_id"]
    desk.handoff.claim(ticket, "Mia")
    expect(page.locator("frontdesk-widget .notice")).to_contain_text("Mia is here and answers you.")
    expect(rating(page)).to_have_count(0)
    desk.handoff.close(ticket, "Mia")
    expect(rating(page)).to_be_visible()
    expect(rating(page)).to_have_accessible_description("1: not at all, 5: fully")
    expect(box(page)).to_be_focused()  # whoever writes is not interrupted
    expect(page.locator("frontdesk-widget .asked textarea")).to_be_hidden()
    assert violations(page) == []
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    expect(rating(page).get_by_role("radio", name="4 of 5", exact=True)).to_be_checked()
    assert violations(page) == []
    page.locator("frontdesk-widget .asked textarea").fill("Mia was quick.")
    before = stored_csat(desk)
    with page.expect_response(re.compile(r"/csat$")):
        page.locator("frontdesk-widget .asked .first").click()
    expect(rating(page)).to_have_count(0)
    expect(page.locator("frontdesk-widget .notice")).to_contain_text("Thank you for telling us.")
    expect(box(page)).to_be_focused()
    assert stored_csat(desk) == [*before, (4, "Mia was quick.")]
    assert page.evaluate("window.rated") == [{"score": 4, "comment": "Mia was quick."}]
    press(page, "Menu")
    press(page, "New conversation")
    expect(page.locator("frontdesk-widget .opening")).to_be_visible()
    expect(rating(page)).to_have_count(0)  # asked once


def test_a_conversation_that_was_ended_is_rated_although_another_one_goes_on(
    desk: WidgetDesk, visit: Opens
) -> None:
    page = opened(visit())
    press(page, "Menu")
    expect(
        page.locator("frontdesk-widget").get_by_role("button", name="Rate this conversation")
    ).to_be_disabled()
    page.keyboard.press("Escape")
    ask(page)
    page.wait_for_function("JSON.parse(Object.values(localStorage)[0]).conversation")
    kept = page.evaluate("JSON.parse(Object.values(localStorage)[0])")
    press(page, "Menu")
    press(page, "New conversation")
    expect(rating(page)).to_be_visible()
    rating(page).get_by_role("radio", name="2 of 5", exact=True).check()
    page.route(re.compile(r"/csat$"), lambda route: route.abort(), times=1)
    button = page.locator("frontdesk-widget .asked .first")
    button.click()
    problem = page.locator("frontdesk-widget .asked .bad")
    expect(problem).to_have_text("The server cannot be reached.")
    with page.expect_response(re.compile(r"/csat$")) as sent:
        button.click()
    assert f"/conversations/{kept['conversation']}/csat" in sent.value.url
    assert sent.value.status == 204
    ask(page)
    press(page, "Menu")
    press(page, "Rate this conversation")
    expect(rating(page).get_by_role("radio").first).to_be_focused()
    page.locator("frontdesk-widget .asked").get_by_role("button", name="Dismiss").click()
    expect(rating(page)).to_have_count(0)
    press(page, "Menu")
    press(page, "Your conversations")
    page.locator("frontdesk-widget .list button").last.click()
    expect(answers(page)).to_have_count(1)
    press(page, "Menu")
    press(page, "New conversation")
    expect(page.locator("frontdesk-widget .opening")).to_be_visible()
    expect(rating(page)).to_have_count(0)  # it was rated before


def test_what_was_said_is_saved_as_text_and_as_data(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(headers=strict(desk)))
    ask(page)
    saved = {}
    for name in ("Save as text", "Save as data (JSON)"):
        press(page, "Menu")
        with page.expect_download() as download:
            press(page, name)
        file = download.value
        saved[file.suggested_filename] = Path(file.path()).read_text(encoding="utf-8")
    assert RETURNS in saved["conversation.md"]
    assert ANSWER in saved["conversation.md"]
    question, answer = json.loads(saved["conversation.json"])["messages"]
    assert (question["text"], answer["citations"][0]["title"]) == (RETURNS, "Returns")


def test_an_answer_that_comes_while_the_panel_is_closed_is_counted(desk: WidgetDesk, visit: Opens) -> None:
    desk.generator.is_held = True
    page = opened(visit())
    send(page)
    expect(page.locator("frontdesk-widget .status")).to_contain_text("Writing the answer")
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()
    desk.generator.go_on.release(200)
    expect(page.locator("frontdesk-widget .badge")).to_have_text("1")
    expect(launcher(page)).to_have_accessible_name("Help: 1 unread")
    opened(page)
    expect(page.locator("frontdesk-widget .badge")).to_be_hidden()
    expect(answers(page)).to_contain_text(ANSWER)


def test_a_customer_who_is_signed_in_finds_the_conversation_in_another_browser(
    desk: WidgetDesk, visit: Opens
) -> None:
    claims = {"sub": f"customer-{uuid4()}", "exp": int(time.time()) + 600}
    token = jwt.encode(claims, CUSTOMER_SECRET, algorithm="HS256", headers={"kid": "k1"})
    html = desk.page(head=f"<script>window.frontdesk = [(f) => f.identify('{token}')]</script>")
    first = opened(visit(html))
    ask(first)
    assert first.evaluate("localStorage.length") == 0
    second = opened(visit(html))
    expect(answers(second)).to_contain_text(ANSWER)
    second.evaluate("frontdesk.identify(null)")
    expect(answers(second)).to_have_count(0)


def test_the_page_opens_sends_listens_and_closes(visit: Opens) -> None:
    page = visit()
    page.evaluate(
        """(question) => {
            window.heard = [];
            for (const name of ['open', 'sent', 'message', 'close']) frontdesk.on(name, () => window.heard.push(name));
            const off = () => window.heard.push('off');
            frontdesk.on('open', off);
            frontdesk.off('open', off);
            return frontdesk.send(question);
        }""",
        RETURNS,
    )
    expect(answers(page)).to_contain_text(ANSWER)
    page.wait_for_function("window.heard.includes('message')")
    page.evaluate("frontdesk.close()")
    expect(panel(page)).to_be_hidden()
    assert page.evaluate("window.heard") == ["open", "sent", "message", "close"]


class LearntSteps:
    """Has learnt what customers want after an answer."""

    is_offering = True

    def offer(self, citations: Any, language: str) -> Suggestions:
        return Suggestions(
            (Step("q", "Who pays for sending a return?", is_question=True),),
            (Step("a", "Returns", "https://help.example/returns"),),
        )


def test_what_may_come_next_is_offered_until_the_next_question(
    desk: WidgetDesk, visit: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.parts.next_steps, "_suggester", LearntSteps())
    page = opened(visit(headers=strict(desk)))
    ask(page)
    group = page.locator("frontdesk-widget").get_by_role("group", name="You may also ask")
    choice, article = group.get_by_role("button"), page.locator("frontdesk-widget .next a")
    expect(choice).to_have_text("Who pays for sending a return?")
    expect(article).to_have_attribute("href", "https://help.example/returns")
    expect(article).to_have_attribute("rel", re.compile("noopener"))
    assert violations(page) == []
    page.reload()
    expect(choice).to_have_count(1)
    choice.focus()
    page.keyboard.press("Enter")
    expect(page.locator("frontdesk-widget .said .bubble").last).to_have_text("Who pays for sending a return?")
    expect(answers(page)).to_have_count(2)
    expect(choice).to_have_count(1)  # of the newest answer alone
    expect(article).to_have_count(2)


def test_questions_that_may_be_meant_are_offered_until_the_next_message(
    desk: WidgetDesk, visit: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.assistant, "_intents", FakeIntents(UNSURE))
    monkeypatch.setattr(desk.assistant, "_knowledge_base", FakeKnowledgeBase(faq=(INVOICE, RECEIPT)))
    settings = desk.settings.model_copy(update={"clarify_min_similarity": -1})
    monkeypatch.setattr(desk.assistant, "_settings", settings)
    page = opened(visit(headers=strict(desk)))
    ask(page, VAGUE)
    group = page.locator("frontdesk-widget").get_by_role("group", name="Did you mean")
    options = group.get_by_role("button")
    expect(options).to_have_text([RECEIPT.question, INVOICE.question])
    expect(page.locator("frontdesk-widget [role=status]").last).to_contain_text(INVOICE.question)
    assert violations(page) == []
    page.reload()
    expect(options).to_have_count(2)
    options.last.focus()
    page.keyboard.press("Enter")
    expect(answers(page).last).to_contain_text("Open Account and press Invoices.")
    expect(options).to_have_count(0)
    expect(box(page)).to_be_focused()

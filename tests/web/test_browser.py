"""The chat page in a real browser, with the real server, models and example company.

Questions that match a reviewed answer word for word are answered at once; the others wait for the language model.
"""

import json
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.conftest import EXAMPLES
from tests.web.conftest import PATIENCE_MS, Frontdesk, Visits

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.timeout(1200)]

REVIEWED = "How long is the warranty on the Wren Out?"
REVIEWED_ANSWER = "The Wren Out has a warranty of 2 years."
SHIPPING = "How long does standard shipping take?"
SHIPPING_ANSWER = "Standard shipping takes 3–5 working days."
LONG = "How do I set up my new Wren One step by step?"
SCREENSHOT = EXAMPLES / "screenshots" / "card-declined-dark.png"
VOICE = EXAMPLES / "voice" / "return-dot.wav"


def box(page: Page) -> Locator:
    return page.locator("#fd-box textarea")


def answers(page: Page) -> Locator:
    return page.locator("#fd-chat .bot-row")


def cards(page: Page) -> Locator:
    return page.locator("#fd-chat .fd-card")


def status(page: Page) -> Locator:
    return page.locator("#fd-turn .fd-status")


def attach(page: Page, *files: Path) -> None:
    page.locator("#fd-box input[type=file]").first.set_input_files(files)
    expect(page.locator("#fd-box .thumbnail-item")).to_have_count(len(files))
    expect(page.locator("#fd-box .submit-button")).to_be_enabled()


def send(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def finished(page: Page) -> None:
    """Waits until the answer is complete and the box can be used again."""
    expect(page.locator("#fd-box .submit-button")).to_be_visible()
    expect(status(page)).to_be_empty()


def ask(page: Page, text: str) -> None:
    before = page.locator("#fd-chat .user-row").count()
    send(page, text)
    expect(page.locator("#fd-chat .user-row")).to_have_count(before + 1)
    expect(answers(page)).to_have_count(before + 1)
    finished(page)


def reading(page: Page) -> Locator:
    """The first field of what was read, opened where it is folded."""
    panel = page.locator("#fd-read")
    expect(panel).to_be_visible()
    field = panel.locator("textarea").first
    if not field.is_visible():
        panel.locator("button.label-wrap").click()
    expect(field).to_be_visible()
    return field


def open_sidebar(page: Page) -> None:
    if not page.locator(".sidebar.open").count():
        page.locator(".sidebar .toggle-button").click()
    expect(page.locator("#fd-new")).to_be_in_viewport()


def conversations(page: Page) -> Locator:
    return page.locator("#fd-list label")


# The end of one animation may begin the next: a message that comes waits, and fades in then.
_STILL = """async () => {
    for (let still = 0, looks = 0; still < 3 && looks < 40; looks++) {
        const going = document.getAnimations().filter(a => a.playState !== 'finished');
        going.forEach(a => { try { a.finish() } catch { a.cancel() } });
        still = going.length ? 0 : still + 1;
        await new Promise(done => setTimeout(done, 50));
    }
}"""


def violations(page: Page) -> list[str]:
    """Serious and critical findings of axe-core, readable, once nothing is faded because its update is on the way."""
    expect(page.locator(".pending")).to_have_count(0)
    page.evaluate(_STILL)
    return [
        f"{found['id']}: {node['html'][:200]} {node['any'][0]['message'][:200] if node['any'] else ''}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
        for node in found["nodes"]
    ]


def rows(frontdesk: Frontdesk, query: str, *values: str) -> list[tuple[Any, ...]]:
    database = sqlite3.connect(f"file:{frontdesk.data_dir / 'frontdesk.db'}?mode=ro", uri=True)
    try:
        return database.execute(query, values).fetchall()
    finally:
        database.close()


def test_a_typed_question_streams_its_stages_its_answer_and_its_sources(visit: Visits) -> None:
    page = visit()
    page.evaluate(
        """() => { window.stages = []; new MutationObserver(() => {
            const text = document.querySelector('#fd-turn .fd-status')?.textContent.trim();
            if (text && text !== window.stages.at(-1)) window.stages.push(text);
        }).observe(document.body, {childList: true, subtree: true, characterData: true}); }"""
    )
    send(page, "How long is the warranty?")
    page.wait_for_function("window.stages.at(-1) === 'Writing the answer…'")
    expect(answers(page)).to_contain_text("warranty")
    expect(cards(page).first).to_be_visible()
    finished(page)
    assert page.evaluate("window.stages")[-1] == "Writing the answer…"
    expect(answers(page)).to_contain_text("[1]")


def test_a_screenshot_is_read_shown_and_answered_from_the_payment_article(
    visit: Visits, frontdesk: Frontdesk
) -> None:
    page = visit()
    attach(page, SCREENSHOT)
    ask(page, "What does this mean? The card works everywhere else.")
    expect(page.get_by_alt_text("card-declined-dark.png")).to_be_visible()
    expect(reading(page)).to_have_value(re.compile("WR-501"))
    expect(page.get_by_label(re.compile(r"Read on card-declined-dark\.png \(\d+% sure\)"))).to_be_visible()
    newest = "SELECT evidence FROM messages WHERE role = 'assistant' ORDER BY created_at DESC LIMIT 1"
    cited = {c["document_id"] for c in json.loads(rows(frontdesk, newest)[0][0])["citations"]}
    assert cited & {"payment-methods-and-errors", "faq-025"}


def test_a_voice_note_is_heard_and_a_correction_asks_again(visit: Visits) -> None:
    page = visit()
    attach(page, VOICE)
    box(page).press("Enter")
    expect(page.locator("#fd-chat audio")).to_be_visible()
    expect(cards(page).first).to_be_visible()
    finished(page)
    field = reading(page)
    expect(field).to_have_value(re.compile("return", re.IGNORECASE))
    expect(page.get_by_label(re.compile(r"Heard in return-dot\.wav"))).to_be_visible()
    expect(answers(page).first).to_contain_text("45 days")

    field.fill(REVIEWED)
    page.locator("#fd-again").click()
    expect(answers(page)).to_have_count(2)
    expect(answers(page).last).to_contain_text(REVIEWED_ANSWER)
    finished(page)
    expect(reading(page)).to_have_value(REVIEWED)


def test_an_opened_citation_shows_the_quoted_words_marked(visit: Visits) -> None:
    page = visit()
    ask(page, REVIEWED)
    expect(answers(page)).to_contain_text(f"{REVIEWED_ANSWER} [1]")
    expect(cards(page)).to_have_count(1)
    expect(page.locator(".fd-card mark")).to_be_hidden()
    page.locator(".fd-card summary").click()
    expect(page.locator(".fd-card mark")).to_be_visible()
    expect(page.locator(".fd-card mark")).to_have_text(REVIEWED_ANSWER)


def test_thumbs_and_comment_are_stored(visit: Visits, frontdesk: Frontdesk) -> None:
    page = visit()
    ask(page, REVIEWED)
    page.locator("#fd-chat").get_by_role("button", name="Like", exact=True).click()
    page.locator("#fd-comment textarea, #fd-comment input").fill("Just what I needed")
    page.locator("#fd-send-comment").click()
    expect(status(page)).to_have_text("Thank you, your feedback is stored.")
    expect(page.locator("#fd-comment-row")).to_be_hidden()
    stored = rows(
        frontdesk,
        "SELECT f.rating, f.comment, m.text FROM feedback f JOIN messages m ON m.id = f.message_id ORDER BY f.id",
    )
    assert stored[-1][:2] == (1, "Just what I needed")
    assert "warranty" in stored[-1][2]


def test_conversations_survive_a_reload_and_can_be_listed_renamed_exported_and_deleted(
    visit: Visits,
) -> None:
    page = visit()
    ask(page, REVIEWED)
    page.reload()
    expect(answers(page)).to_contain_text(REVIEWED_ANSWER)
    expect(cards(page)).to_have_count(1)

    open_sidebar(page)
    page.locator("#fd-new").click()
    expect(answers(page)).to_have_count(0)
    ask(page, SHIPPING)
    expect(conversations(page)).to_have_text([SHIPPING, REVIEWED])

    conversations(page).filter(has_text=REVIEWED).click()
    expect(answers(page)).to_contain_text(REVIEWED_ANSWER)
    expect(page.locator("#fd-chat")).not_to_contain_text(SHIPPING_ANSWER)

    title = page.locator("#fd-title").locator("textarea, input")
    expect(title).to_have_value(REVIEWED)
    title.fill("Warranty of my Wren Out")
    page.locator("#fd-rename").click()
    expect(conversations(page)).to_have_text([SHIPPING, "Warranty of my Wren Out"])

    with page.expect_download() as download:
        page.locator("#fd-export-json").click()
    assert download.value.suggested_filename == "conversation.json"
    exported = download.value.path().read_text(encoding="utf-8")
    assert json.loads(exported)
    assert REVIEWED in exported
    with page.expect_download() as download:
        page.locator("#fd-export-md").click()
    assert download.value.suggested_filename == "conversation.md"
    assert "2 years" in download.value.path().read_text(encoding="utf-8")

    page.locator("#fd-delete").click()
    page.locator("#fd-sure").click()
    expect(conversations(page)).to_have_text([SHIPPING])
    expect(answers(page)).to_have_count(0)
    expect(page.locator("#fd-manage")).to_be_hidden()


def test_another_visitor_sees_none_of_it(visit: Visits) -> None:
    mine = visit()
    ask(mine, REVIEWED)
    other = visit()
    open_sidebar(other)
    expect(other.locator("#fd-chat")).to_contain_text("How can we help?")
    expect(answers(other)).to_have_count(0)
    expect(conversations(other)).to_have_count(0)


@pytest.fixture
def talkative(frontdesk: Frontdesk) -> Iterator[None]:
    """The language model without its adapter, which is done before anybody could stop it."""
    frontdesk.stop()
    frontdesk.start(FRONTDESK_ADAPTER="none")
    yield
    frontdesk.stop()
    frontdesk.start()


@pytest.mark.usefixtures("talkative")
def test_stop_keeps_what_was_said(visit: Visits) -> None:
    page = visit()
    send(page, LONG)
    expect(answers(page)).to_contain_text("[1]")
    page.locator("#fd-box .stop-button").click()
    expect(answers(page)).to_contain_text("Stopped.")
    finished(page)
    said = answers(page).locator(".message-content").first.inner_text()
    assert "[1]" in said
    page.reload()
    expect(answers(page)).to_contain_text("Stopped.")
    assert answers(page).locator(".message-content").first.inner_text() == said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("archive.png", b"PK\x05\x06" + bytes(18)),
        ("drawing.png", b'<svg xmlns="http://www.w3.org/2000/svg"><script>window.hacked = 1</script></svg>'),
        ("nothing.png", b""),
    ],
)
def test_a_refused_upload_is_named_and_the_question_still_answered(
    visit: Visits, tmp_path: Path, name: str, content: bytes
) -> None:
    page = visit()
    path = tmp_path / name
    path.write_bytes(content)
    attach(page, path)
    ask(page, REVIEWED)
    expect(answers(page)).to_contain_text("⚠️")
    expect(answers(page)).to_contain_text(name)
    expect(answers(page)).to_contain_text(REVIEWED_ANSWER)
    assert page.evaluate("window.hacked") is None


def test_script_in_a_question_is_shown_and_never_run(visit: Visits) -> None:
    page = visit()
    attack = "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script> [x](javascript:window.hacked=1)"
    ask(page, attack)
    expect(page.locator("#fd-chat .user-row")).to_contain_text("<script>window.hacked=1</script>")
    page.reload()
    expect(page.locator("#fd-chat .user-row")).to_contain_text("<script>window.hacked=1</script>")
    assert page.locator("#fd-chat a[href^=javascript]").count() == 0
    assert page.evaluate("window.hacked") is None


def test_a_chinese_browser_gets_a_chinese_page(visit: Visits) -> None:
    page = visit(locale="zh-CN")
    expect(page.locator("#fd-chat")).to_contain_text("需要什么帮助？")
    expect(box(page)).to_have_attribute("placeholder", "提问、粘贴截图或录音…")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    open_sidebar(page)
    expect(page.locator("#fd-new")).to_have_text("新对话")
    ask(page, "标准配送需要多少天？")
    expect(answers(page)).to_contain_text("3–5 个工作日")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_hinders_assistive_technology(visit: Visits, scheme: str) -> None:
    page = visit(color_scheme=scheme)
    expect(page.locator("#fd-chat .example").first).to_be_visible()
    assert violations(page) == []
    attach(page, SCREENSHOT)
    assert violations(page) == []
    ask(page, "What does this mean? The card works everywhere else.")
    reading(page)
    page.locator(".fd-card summary").first.click()
    open_sidebar(page)
    page.locator("#fd-delete").click()
    expect(page.locator("#fd-sure")).to_be_visible()
    page.locator("#fd-chat").get_by_role("button", name="Like", exact=True).click()
    expect(page.locator("#fd-comment")).to_be_visible()
    assert violations(page) == []
    background = page.evaluate("getComputedStyle(document.querySelector('gradio-app')).backgroundColor")
    brightness = sum(int(n) for n in re.findall(r"\d+", background)[:3])
    assert brightness > 700 if scheme == "light" else brightness < 100


def test_a_phone_shows_everything_without_sideways_scrolling(visit: Visits) -> None:
    page = visit(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(sideways) == 0
    expect(box(page)).to_be_in_viewport()
    ask(page, REVIEWED)
    assert page.evaluate(sideways) == 0
    page.locator(".fd-card summary").tap()
    expect(page.locator(".fd-card mark")).to_be_in_viewport()
    assert page.evaluate(sideways) == 0
    size = (
        answers(page)
        .locator(".message-content p")
        .first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")
    )
    assert size >= 15
    shown = answers(page).locator(".message-content").first.bounding_box()
    assert shown
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 360
    expect(box(page)).to_be_in_viewport()
    page.locator(".sidebar .toggle-button").tap()
    expect(conversations(page)).to_have_text([REVIEWED])


def test_the_keyboard_alone_is_enough(visit: Visits) -> None:
    page = visit()
    page.evaluate("document.activeElement.blur()")
    tab_until(
        page, "document.activeElement.closest('#fd-box') && document.activeElement.tagName === 'TEXTAREA'"
    )
    page.keyboard.type(REVIEWED)
    page.keyboard.press("Enter")
    expect(cards(page)).to_have_count(1)
    finished(page)
    tab_until(page, "document.activeElement.matches('.fd-card summary')")
    page.keyboard.press("Enter")
    expect(page.locator(".fd-card mark")).to_be_visible()


def tab_until(page: Page, condition: str) -> None:
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate(f"!!({condition})"):
            return
    pytest.fail(f"60 tabs do not reach {condition}")


def test_a_crash_loses_nothing_that_was_asked(visit: Visits, frontdesk: Frontdesk) -> None:
    page = visit()
    ask(page, REVIEWED)
    send(page, LONG)
    expect(status(page)).to_have_text("Writing the answer…")
    frontdesk.kill()
    frontdesk.start()
    page.goto(frontdesk.url, timeout=PATIENCE_MS)
    expect(answers(page).first).to_contain_text(REVIEWED_ANSWER)
    expect(page.locator("#fd-chat .user-row").last).to_contain_text(LONG)
    expect(answers(page).last).to_contain_text("This question was not answered; please ask it again.")
    ask(page, SHIPPING)
    expect(answers(page).last).to_contain_text(SHIPPING_ANSWER)

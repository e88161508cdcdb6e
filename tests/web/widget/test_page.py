"""The widget and the page around it: weight, access for everyone, languages, hostile pages, script that stays text."""

import base64
import json
import re
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, Route, expect

from chatbot.messages import OcrLine, ScreenReading, Segment, Transcript
from knowledge_base.documents import Chunk
from tests.conftest import EXAMPLES
from tests.fakes import CODES, FakeKnowledgeBase
from tests.web.widget.conftest import (
    CSP,
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    RETURNS,
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
from tests.web.widget.test_editor import SIZE, coordinates, encoded

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
NOTE = EXAMPLES / "voice" / "return-dot.wav"
ANSWER = "You can return a Dot within 45 days."
HOSTILE_STYLE = """
body * { all: unset !important; display: none !important; }
frontdesk-widget, div, button { position: static !important; visibility: hidden !important; }
* { font-size: 40px !important; }
body { background: hotpink; }
"""
HOSTILE_SCRIPT = """
for (const name of 'map filter forEach find findIndex some every reduce includes flat flatMap'.split(' ')) {
  Array.prototype[name] = () => { throw new Error('hostile ' + name); };
}
Array.prototype.toJSON = function () { return 'hostile'; };
Array.prototype.each = 1;
Object.prototype.hostile = 'enumerable';
addEventListener('keydown', (event) => event.preventDefault());
"""
HOSTILE_LATER = """
addEventListener('load', () => {
  Element.prototype.attachShadow = () => { throw new Error('hostile attachShadow'); };
  customElements.define = () => { throw new Error('hostile define'); };
  window.fetch = () => Promise.reject(new Error('hostile fetch'));
});
"""


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


def requested(page: Page) -> list[str]:
    """Addresses that the page has asked for, without its own icon."""
    page.wait_for_load_state("networkidle")
    asked: list[str] = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    return [url for url in asked if not url.endswith("/favicon.ico")]


def test_nothing_is_asked_or_stored_before_the_customer_opens_it(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(headers={"Content_Security_Policy": CSP.format(url=desk.url)})
    expect(launcher(page)).to_be_visible()
    assert requested(page) == [f"{desk.url}/widget/widget.js"]
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    opened(page)
    asked = requested(page)
    assert len(asked) <= 16
    assert all(url.startswith(desk.url) for url in asked)
    assert page.evaluate("localStorage.length") == 0
    weights = page.evaluate("performance.getEntriesByType('resource').map(e => e.encodedBodySize)")
    assert sum(weights) < 33_000


def test_the_launcher_shifts_nothing(visit: Opens) -> None:
    page = visit()
    expect(launcher(page)).to_be_visible()
    shifts = """new Promise((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => { for (const e of list.getEntries()) sum += e.value; })
            .observe({type: 'layout-shift', buffered: true});
        requestAnimationFrame(() => requestAnimationFrame(() => resolve(sum)));
    })"""
    assert page.evaluate(shifts) == 0
    opened(page)
    assert page.evaluate(shifts) == 0


@pytest.mark.parametrize(("options", "theme"), [({}, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_nothing_hinders_assistive_technology(
    desk: WidgetDesk, visit: Opens, options: dict[str, object], theme: str
) -> None:
    page = visit(desk.page(f'data-theme="{theme}"'), **options)
    assert violations(page) == []
    opened(page)
    assert violations(page) == []
    ask(page)
    page.locator("frontdesk-widget .mark").first.click()
    page.locator("frontdesk-widget .good").click()
    expect(page.locator("frontdesk-widget .comment")).to_be_visible()
    assert violations(page) == []
    press(page, "Menu")
    assert violations(page) == []
    press(page, "Talk to a person")
    assert violations(page) == []


def test_a_phone_shows_it_over_the_whole_screen_and_keeps_the_focus_inside(visit: Opens) -> None:
    page = opened(visit(**PHONE))
    expect(panel(page)).to_have_attribute("aria-modal", "true")
    frame = panel(page).bounding_box()
    assert frame == {"x": 0, "y": 0, "width": 390, "height": 760}
    ask(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    for _ in range(30):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "FRONTDESK-WIDGET"


@pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_at_200_percent_everything_can_be_reached_and_nothing_goes_sideways(
    visit: Opens, device: dict[str, Any]
) -> None:
    half = {side: pixels // 2 for side, pixels in device["viewport"].items()}
    page = opened(visit(viewport=half, device_scale_factor=2))
    ask(page)
    expect(box(page)).to_be_in_viewport()
    every_control_is_reached(page)
    press(page, "Menu")
    every_control_is_reached(page)
    press(page, "Talk to a person")
    every_control_is_reached(page)
    assert violations(page) == []


def every_control_is_reached(page: Page) -> None:
    for control in page.locator("frontdesk-widget .panel").locator("button, a, input, textarea").all():
        if control.is_visible():
            control.scroll_into_view_if_needed()
            expect(control).to_be_in_viewport(ratio=0.99)
    sideways = "it => it.scrollWidth - it.clientWidth"
    assert panel(page).evaluate(sideways) == 0
    assert page.locator("html").evaluate(sideways) == 0


def test_nothing_moves_for_whoever_asked_for_less_motion(desk: WidgetDesk, visit: Opens) -> None:
    moving = """document.querySelector('frontdesk-widget').shadowRoot.getAnimations()
        .filter((each) => each.playState === 'running').length"""
    for motion, moves in (("no-preference", True), ("reduce", False)):
        desk.generator.is_held = True
        page = visit(reduced_motion=motion)
        launcher(page).click()
        expect(panel(page)).to_be_visible()
        if not moves:
            assert page.evaluate(moving) == 0  # it is there at once
        box(page).fill(RETURNS)
        box(page).press("Enter")
        expect(page.locator("frontdesk-widget .dots")).to_be_visible()
        assert (page.evaluate(moving) > 0) is moves
        desk.generator.is_held = False
        desk.generator.go_on.release(200)
        expect(answers(page)).to_contain_text(ANSWER)


def test_the_keyboard_alone_is_enough(visit: Opens) -> None:
    page = visit()
    page.keyboard.press("Tab")
    expect(launcher(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    page.keyboard.type(RETURNS)
    page.keyboard.press("Enter")
    expect(page.locator("frontdesk-widget .good")).to_be_visible()
    tab_back_until(page, "mark")
    page.keyboard.press("Enter")
    expect(page.locator("frontdesk-widget .passage mark")).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel(page)).to_be_hidden()
    expect(launcher(page)).to_be_focused()


def tab_back_until(page: Page, name: str) -> None:
    for _ in range(20):
        page.keyboard.press("Shift+Tab")
        if page.evaluate(f"document.activeElement.shadowRoot?.activeElement?.classList.contains('{name}')"):
            return
    pytest.fail(f"20 tabs do not reach .{name}")


def test_the_focus_returns_to_the_button_of_the_page_that_opened_it(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(desk.page(body='<button id="help" onclick="frontdesk.open()">Ask us</button>'))
    page.locator("#help").focus()
    page.keyboard.press("Enter")
    expect(box(page)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#help")).to_be_focused()


def test_a_screen_reader_hears_whole_sentences_once(visit: Opens) -> None:
    page = opened(visit())
    page.evaluate(
        """() => { window.said = [];
            const region = document.querySelector('frontdesk-widget').shadowRoot.querySelector('.body > [role=status]');
            const hear = (node) => window.said.push(node.textContent);
            new MutationObserver((changes) => { for (const change of changes) change.addedNodes.forEach(hear); })
                .observe(region, {childList: true}); }"""
    )
    ask(page)
    said = page.evaluate("window.said")
    assert said.count(ANSWER) == 1
    assert said.count("Returns are free within Germany.") == 1
    assert "Writing the answer" in said


@pytest.mark.parametrize(("lang", "words", "direction"), [
    ("de-CH", "Hallo! Wie können wir helfen?", "ltr"),
    ("ar", "مرحبًا! كيف يمكننا مساعدتك؟", "rtl"),
    ("xx", "Hi! How can we help?", "ltr"),
])  # fmt: skip
def test_it_speaks_the_language_of_the_page(
    desk: WidgetDesk, visit: Opens, lang: str, words: str, direction: str
) -> None:
    page = opened(visit(desk.page(lang=lang)))
    expect(page.locator("frontdesk-widget .opening h2")).to_have_text(words)
    expect(panel(page)).to_have_attribute("dir", direction)
    fetched = [url for url in requested(page) if url.endswith(".json")]
    assert len(fetched) == 1
    if direction == "rtl":
        menu = page.locator("frontdesk-widget .header .icon:visible").first.bounding_box()
        title = page.locator("frontdesk-widget h1").bounding_box()
        assert menu
        assert title
        assert menu["x"] < title["x"]
        assert violations(page) == []


def test_attributes_choose_colour_side_title_and_theme(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(
        desk.page(
            'data-color="#facc15" data-position="left" data-title="Ask Ann" data-theme="dark" data-label="Questions"'
        )
    )
    expect(launcher(page)).to_have_accessible_name("Questions")
    opened(page)
    frame = panel(page).bounding_box()
    assert frame
    assert frame["x"] < 40
    expect(page.locator("frontdesk-widget h1")).to_have_text("Ask Ann")
    expect(page.locator("frontdesk-widget .header")).to_have_css("background-color", "rgb(250, 204, 21)")
    expect(page.locator("frontdesk-widget .header")).to_have_css("color", "rgb(17, 17, 17)")
    expect(panel(page)).to_have_css("background-color", "rgb(23, 23, 26)")
    assert violations(page) == []


@pytest.mark.parametrize("attributes", ["", 'data-theme="auto"', 'data-theme="rainbow"'])
def test_without_a_theme_it_follows_the_system_at_once(
    desk: WidgetDesk, visit: Opens, attributes: str
) -> None:
    page = opened(visit(desk.page(attributes), color_scheme="dark"))
    expect(panel(page)).to_have_css("background-color", "rgb(23, 23, 26)")
    page.emulate_media(color_scheme="light")
    expect(panel(page)).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(panel(page)).to_have_css("color-scheme", "light")


def test_inline_it_is_part_of_the_page(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(
        desk.page('data-inline="#chat"', body='<div id="chat" style="height: 560px; width: 500px"></div>')
    )
    expect(panel(page)).to_be_visible()
    expect(launcher(page)).to_have_count(0)
    frame, place = panel(page).bounding_box(), page.locator("#chat").bounding_box()
    assert frame == place
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)


def test_a_message_by_rule_invites_without_a_request(desk: WidgetDesk, visit: Opens) -> None:
    page = visit(desk.page('data-proactive="/other 0 No | /pa* 0 Questions about a plan?"'))
    invitation = page.locator("frontdesk-widget .nudge")
    expect(invitation).to_contain_text("Questions about a plan?")
    assert violations(page) == []
    assert len(requested(page)) == 1
    invitation.get_by_role("button", name="Questions about a plan?").click()
    expect(panel(page)).to_be_visible()
    expect(invitation).to_have_count(0)


def test_a_hostile_page_does_not_break_it(desk: WidgetDesk, visit: Opens) -> None:
    head = f"<style>{HOSTILE_STYLE}</style><script>{HOSTILE_SCRIPT}{HOSTILE_LATER}</script>"
    page = visit(desk.page('data-theme="light"', head=head))
    expect(launcher(page)).to_be_visible()
    opened(page)
    ask(page)
    expect(answers(page)).to_contain_text(ANSWER)
    expect(answers(page)).to_have_css("font-size", "15px")
    page.locator("frontdesk-widget .mark").first.click()
    expect(page.locator("frontdesk-widget .passage mark")).to_be_visible()


def test_script_in_question_answer_title_and_passage_stays_text(desk: WidgetDesk, visit: Opens) -> None:
    attack = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    link = "[press](javascript:window.hacked=1) ![seen](https://evil.example/x.png) <https://evil.example>"
    passage = f"You can return a Dot within 45 days. {attack} {link}"
    chunk = Chunk(
        "returns#0", "returns", f"Returns {attack}", passage, 0, 82, url="javascript:window.hacked=1"
    )
    known = desk.assistant._knowledge_base
    desk.assistant._knowledge_base = FakeKnowledgeBase(chunks=(chunk, CODES))
    desk.generator.says = f"You can return a Dot within 45 days. [1] {link}"
    try:
        page = opened(visit())
        ask(page, f"How long can I return a Dot? {attack}")
    finally:
        desk.assistant._knowledge_base = known
    expect(page.locator("frontdesk-widget .said")).to_contain_text(attack)
    page.locator("frontdesk-widget .card summary").first.click()
    expect(page.locator("frontdesk-widget .passage")).to_contain_text(attack)
    expect(page.locator("frontdesk-widget .card summary")).to_contain_text(attack)
    assert page.locator("frontdesk-widget").locator("img, script, iframe, a[href^=javascript]").count() == 0
    assert page.evaluate("window.hacked") is None
    page.reload()
    expect(page.locator("frontdesk-widget .said")).to_contain_text(attack)
    assert page.evaluate("window.hacked") is None


def test_script_in_a_file_name_a_screen_and_a_recording_stays_text(
    desk: WidgetDesk, visit: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = "<img src=x onerror=window.hacked=1>"
    page = opened(visit())
    files = {
        f"{attack}.png": (encoded(coordinates()), "image/png"),
        f"{attack}.wav": (base64.b64encode(NOTE.read_bytes()).decode(), "audio/wav"),
    }
    stored = [
        desk.parts.attachments.add(base64.b64decode(data), name).sha256 for name, (data, _) in files.items()
    ]
    screen = ScreenReading(stored[0], (OcrLine(attack, 0.9, (0, 0, 100, 20)),), *SIZE, ())
    heard = Transcript(stored[1], (Segment(attack, 0.0, 1.0, -0.2, 0.01),), "en", 0.99, 1.0)
    monkeypatch.setattr(desk.perceiver, "screens", {stored[0]: screen})
    monkeypatch.setattr(desk.perceiver, "transcripts", {stored[1]: heard})
    given: list[FilePayload] = [
        {"name": name, "mimeType": kind, "buffer": base64.b64decode(data)}
        for name, (data, kind) in files.items()
    ]
    page.locator("frontdesk-widget input[type=file]").set_input_files(given)
    expect(page.locator("frontdesk-widget .chips li")).to_have_count(2)
    ask(page)
    page.locator("frontdesk-widget .fold summary").click()
    readings = page.locator("frontdesk-widget .readings textarea")
    expect(readings).to_have_count(2)
    assert [field.input_value() for field in readings.all()] == [attack, attack]
    assert violations(page) == []
    for _ in range(2):
        assert page.locator("frontdesk-widget").locator("img, script, iframe").count() == 0
        assert page.evaluate("window.hacked") is None
        page.reload()
        expect(page.locator("frontdesk-widget .said")).to_contain_text(RETURNS)


MARKDOWN = [
    ("**bold** and *weak* and `a<b>`", "<p><strong>bold</strong> and <em>weak</em> and <code>a&lt;b&gt;</code></p>"),
    ("1. one\n2. two\n   - deep", "<ol><li><p>one</p></li><li><p>two</p><ul><li><p>deep</p></li></ul></li></ol>"),
    ("# Title\ntext\nmore", '<p class="heading">Title</p><p>text<br>more</p>'),
    ("```\n<b>\n```", '<pre tabindex="0"><code>&lt;b&gt;</code></pre>'),
    ("> quoted\n> more", "<blockquote><p>quoted<br>more</p></blockquote>"),
    ("[a](javascript:x) ![b](https://e.example/x)", "<p>a b</p>"),
    ("snake_case_name 2 * 3 * 4", "<p>snake_case_name 2 * 3 * 4</p>"),
    ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
    ("| a | b |\n| --- | --- |\n| 1 | 2 |", '<div class="table" tabindex="0"><table>'
     "<thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table></div>"),
]  # fmt: skip


def test_markdown_becomes_elements_and_nothing_else(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit())
    part = next(url for url in requested(page) if "/markdown.js" in url)
    render = """([url, text]) => import(url).then((part) => {
        const box = document.createElement('div'); part.render(box, text); return box.innerHTML; })"""
    for text, html in MARKDOWN:
        assert page.evaluate(render, [part, text]) == html, text
    link = page.evaluate(render, [part, "see https://wren.example/a_b_c. Bye"])
    assert ">https://wren.example/a_b_c</a>. Bye" in link
    assert 'rel="noopener noreferrer nofollow"' in link
    for wild in ("*" * 5000, "[" * 5000, "> " * 3000 + "x", "- " * 3000 + "x", "_a" * 3000, "`" * 4999):
        assert page.evaluate(render, [part, wild]) is not None


def test_the_demo_page_works_as_visitor_and_as_customer(desk: WidgetDesk, visit: Opens) -> None:
    page = visit()
    for address in ("/demo", "/demo?customer"):
        page.goto(desk.url + address)
        launcher(page).click()
        ask(page)
        expect(answers(page).last).to_contain_text(ANSWER)
        expect(page.locator("#log")).to_contain_text("message")
        page.keyboard.press("Escape")
        expect(panel(page)).to_be_hidden()
    assert "demo" in json.dumps(page.evaluate("Object.keys(localStorage)"))
    assert re.search("Ann", page.locator("#who").inner_text())


def test_what_is_sent_while_a_conversation_is_being_opened_belongs_to_it(
    desk: WidgetDesk, visit: Opens
) -> None:
    page = visit()
    page.goto(desk.url + "/demo?customer")
    held: list[Route] = []
    page.route("**/api/v1/conversations", lambda route: held.append(route))
    launcher(page).click()
    box(page).fill(RETURNS)
    box(page).press("Enter")
    expect(panel(page)).to_contain_text(RETURNS)
    page.wait_for_timeout(300)  # time to begin a second one
    assert len(held) == 1
    held[0].continue_()
    expect(answers(page).last).to_contain_text(ANSWER)
    expect(page.locator("frontdesk-widget .actions .good").last).to_be_visible()
    assert len(held) == 1


def test_when_the_server_is_away_the_launcher_says_so_and_tries_again(visit: Opens) -> None:
    page = visit()
    page.context.set_offline(True)
    launcher(page).click()
    told = page.locator("frontdesk-widget .nudge")
    expect(told).to_contain_text("Not available now.")
    page.context.set_offline(False)
    told.get_by_role("button", name="Dismiss").click()
    opened(page)
    ask(page)


def test_the_launcher_shows_its_sign_in_forced_colours_too(desk: WidgetDesk, visit: Opens) -> None:
    sign = launcher(visit(forced_colors="active")).locator("span").first
    color, ground = (
        sign.evaluate("it => getComputedStyle(it).backgroundColor"),
        launcher(sign.page).evaluate("it => getComputedStyle(it).backgroundColor"),
    )
    assert color != ground

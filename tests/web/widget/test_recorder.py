"""The voice recorder with a microphone that beeps: what it gives can be heard, and the microphone is let go always."""

import base64
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from chatbot.media import MediaInfo, probe_media
from chatbot.messages import Kind
from tests.web.conftest import PATIENCE_MS as USUAL_PATIENCE_MS
from tests.web.widget.conftest import DESKTOP, PHONE, Launches
from tests.web.widget.part_host import (
    PartHost,
    assert_clean,
    begin,
    microphones_are_off,
    outcome,
    response,
    texts,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PATIENCE_MS = 90_000  # Chromium's audio on a busy machine of two cores
A_SECOND_OR_MORE = re.compile(r"^(?!0:00)\d:\d\d / ")
TWO_SECONDS_OR_MORE = re.compile(r"^(?!0:0[01])\d:\d\d / ")
PLAYED = re.compile(r"^(\d:\d\d) / \1$")
KEYS = {"stop": "stop", "pause": "stop", "play": "play", "cancel": "editor.cancel"}


@pytest.fixture(autouse=True)
def _patience() -> Iterator[None]:
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=USUAL_PATIENCE_MS)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def host_page(
    filming_chromium: Browser, part_host: PartHost, request: pytest.FixtureRequest
) -> Iterator[Page]:
    context = filming_chromium.new_context(**request.param)
    page = context.new_page()
    page.goto(part_host.url)
    page.locator("html[data-ready]").wait_for(state="attached")  # what a test replaces is not replaced again
    yield page
    context.close()


def button(page: Page, name: str, language: str = "en") -> Locator:
    key = KEYS.get(name, f"recorder.{name}")
    return page.get_by_role("button", name=texts(language)[key], exact=True)


def until(holds: Callable[[], bool]) -> None:
    """Returns when something holds that the page does not show."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def say(page: Page, language: str = "en") -> None:
    """Records for two seconds: the last piece of a sound, and what a busy machine lost of it, may be missing."""
    expect(page.locator(".time")).to_have_text(TWO_SECONDS_OR_MORE)
    button(page, "stop", language).click()
    expect(button(page, "use", language)).to_be_focused()


def heard(page: Page) -> None:
    """Returns when a beep was loud on the meter; it is shorter than the pauses between two looks from outside."""
    page.wait_for_function(
        """() => new Promise((done) => {
            const dialog = document.querySelector('#panel').shadowRoot.querySelector('fd-dialog');
            const meter = dialog.shadowRoot.querySelector('.bars');
            const look = () => Number(meter.ariaValueNow) >= 20 && done(true);
            new MutationObserver(look).observe(meter, { attributes: true });
            look(); })""",
        timeout=PATIENCE_MS,
    )


def sound_of(made: dict[str, Any]) -> MediaInfo:
    assert "bytes" in made, made
    return probe_media(base64.b64decode(made["bytes"]), made["name"])


def test_a_take_is_recorded_heard_and_used(host_page: Page) -> None:
    page = host_page
    dialog = begin(page, "record")
    meter = page.get_by_role("meter")
    expect(meter).to_be_visible()
    heard(page)
    assert not microphones_are_off(page)
    say(page)
    assert microphones_are_off(page)
    expect(meter).to_have_count(0)
    slider = page.get_by_role("slider")
    expect(slider).to_have_value("0")
    button(page, "play").evaluate("b => { b.click(); b.click(); }")  # and paused at once
    expect(button(page, "play")).to_be_visible()
    expect(page.locator(".time")).to_contain_text("0:00 /")
    slider.press("End")
    button(page, "play").click()  # from the end: from the beginning again
    expect(page.locator(".time")).to_have_text(PLAYED)
    expect(button(page, "play")).to_be_visible()  # it has ended by itself
    button(page, "use").click()
    made = outcome(page)
    assert (made["type"], made["name"]) == ("audio/webm", "voice.webm")
    sound = sound_of(made)
    assert sound.kind is Kind.AUDIO
    assert sound.duration_s >= 1
    assert page.evaluate(
        """async () => { const decoder = new OfflineAudioContext(1, 1, 16000);
            return (await decoder.decodeAudioData(await made.arrayBuffer())).duration >= 1; }"""
    )
    expect(dialog).to_have_count(0)
    expect(page.locator("#start")).to_be_focused()
    assert page.evaluate("violations") == []


def test_a_take_is_replaced_by_the_next(host_page: Page) -> None:
    page = host_page
    page.evaluate(
        """() => { window.sizes = [];
            const start = MediaRecorder.prototype.start;
            MediaRecorder.prototype.start = function (...args) {
                const at = sizes.push(0) - 1;
                this.addEventListener('dataavailable', ({ data }) => { sizes[at] += data.size; });
                return start.apply(this, args); } }"""
    )
    begin(page, "record")
    say(page)
    button(page, "play").click()
    button(page, "again").click()
    say(page)
    button(page, "use").click()
    made = outcome(page)
    assert sound_of(made).duration_s >= 1
    first, second = page.evaluate("sizes")
    assert (made["size"], first > 0) == (second, True)
    assert page.evaluate("streams.length") == 2
    assert microphones_are_off(page)


def test_a_take_stays_when_another_cannot_be_made(host_page: Page) -> None:
    page = host_page
    begin(page, "record")
    say(page)
    page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia =
            async () => { throw new DOMException("x", "NotReadableError") } }"""
    )
    button(page, "again").click()
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.busy"])
    button(page, "use").click()
    assert sound_of(outcome(page)).duration_s >= 1


def test_it_stops_by_itself_at_the_limit(host_page: Page) -> None:
    page = host_page
    begin(page, "record", {"limit_s": 2})
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.recorded"])
    assert microphones_are_off(page)
    button(page, "use").click()
    assert 1 <= sound_of(outcome(page)).duration_s < 60


def test_the_usual_limit_is_five_minutes_and_is_told_before(host_page: Page) -> None:
    page = host_page
    page.clock.install()
    begin(page, "record")
    expect(button(page, "stop")).to_be_focused()
    heard(page)
    page.clock.fast_forward(1000)
    expect(page.locator(".time")).to_contain_text(" / 5:00")
    page.clock.fast_forward(275_000)
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.ending"])
    page.clock.fast_forward(25_000)
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.recorded"])
    assert microphones_are_off(page)


def test_silence_is_noticed(host_page: Page) -> None:
    page = host_page
    page.evaluate(
        """() => { navigator.mediaDevices.getUserMedia = async () => {
            const context = new AudioContext();
            const [tone, off] = [context.createOscillator(), context.createGain()];
            const out = context.createMediaStreamDestination();
            off.gain.value = 0;
            tone.connect(off).connect(out);
            tone.start();
            return out.stream; } }"""
    )
    begin(page, "record")
    say(page)
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.unheard"])
    assert_clean(page)


@pytest.mark.parametrize("way", ["cancel", "Escape", "removed", "unplugged"])
def test_the_microphone_is_let_go_however_it_ends(host_page: Page, way: str) -> None:
    page = host_page
    dialog = begin(page, "record")
    expect(button(page, "stop")).to_be_focused()
    expect(page.locator(".time")).to_have_text(A_SECOND_OR_MORE)
    if way == "cancel":
        button(page, "cancel").click()
    elif way == "removed":
        page.evaluate("document.querySelector('#panel').remove()")
    else:
        if way == "Escape":
            page.keyboard.press("Escape")  # ends the take, loses nothing
        else:
            page.evaluate(
                "() => { const [t] = streams[0].getTracks(); t.stop(); t.dispatchEvent(new Event('ended')) }"
            )
        expect(button(page, "use")).to_be_focused()
        assert microphones_are_off(page)
        page.keyboard.press("Escape")
    assert outcome(page) == {"none": True}
    assert microphones_are_off(page)
    expect(dialog).to_have_count(0)


def test_a_microphone_that_comes_too_late_is_let_go(host_page: Page) -> None:
    page = host_page
    page.evaluate(
        """() => { const ask = navigator.mediaDevices.getUserMedia;
            const late = new Promise((resolve) => (window.allow = resolve));
            navigator.mediaDevices.getUserMedia = (...args) => late.then(() => ask(...args)); }"""
    )
    begin(page, "record")
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.asking"])
    assert_clean(page)
    button(page, "cancel").click()
    assert outcome(page) == {"none": True}
    page.evaluate("allow()")
    until(lambda: page.evaluate("streams.length") == 1 and microphones_are_off(page))
    expect(page.get_by_role("dialog")).to_have_count(0)


# A microphone that gives nothing until `wake` is called, then a loud tone.
SLEEPY = """() => {
    const track = new MediaStreamTrackGenerator({ kind: 'audio' });
    const writer = track.writable.getWriter();
    const tone = Float32Array.from({ length: 4800 }, (_, i) => Math.sin(i / 10));
    let at = 0;
    window.wake = () => setInterval(() => {
        const shape = { format: 'f32-planar', sampleRate: 48000, numberOfFrames: 4800, numberOfChannels: 1 };
        writer.write(new AudioData({ ...shape, timestamp: at, data: tone })).catch(() => {});
        at += 100_000; }, 100);
    const ask = navigator.mediaDevices.getUserMedia;
    navigator.mediaDevices.getUserMedia = async () => {
        navigator.mediaDevices.getUserMedia = ask;
        const stream = new MediaStream([track]);
        window.streams.push(stream);
        return stream; } }"""


def test_it_says_that_it_records_when_sound_comes_in(host_page: Page) -> None:
    page = host_page
    page.clock.install()
    page.evaluate(SLEEPY)
    dialog = begin(page, "record")
    expect(button(page, "cancel")).to_be_focused()
    page.clock.run_for(3000)
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.asking"])
    expect(button(page, "stop")).to_have_count(0)
    page.evaluate("wake()")
    expect(button(page, "stop")).to_be_focused()
    expect(page.locator(".time")).to_contain_text(" / 5:00")
    heard(page)
    button(page, "cancel").click()
    assert outcome(page) == {"none": True}
    assert microphones_are_off(page)
    expect(dialog).to_have_count(0)


def test_a_microphone_that_gives_nothing_can_be_tried_again(host_page: Page) -> None:
    page = host_page
    page.evaluate(SLEEPY)
    begin(page, "record")
    expect(button(page, "cancel")).to_be_focused()
    until(lambda: page.evaluate("streams.length") == 1)
    page.evaluate(
        "() => { const [t] = streams[0].getTracks(); t.stop(); t.dispatchEvent(new Event('ended')) }"
    )
    expect(page.get_by_role("status")).to_have_text(texts()["recorder.unheard"])
    expect(button(page, "use")).to_have_count(0)
    expect(button(page, "again")).to_be_focused()
    assert_clean(page)
    page.keyboard.press("Enter")
    say(page)
    button(page, "use").click()
    assert sound_of(outcome(page)).duration_s >= 1
    assert microphones_are_off(page)


def test_everything_can_be_done_with_the_keyboard_alone(host_page: Page) -> None:
    page = host_page
    begin(page, "record")
    expect(page.locator(".time")).to_have_text(TWO_SECONDS_OR_MORE)
    expect(button(page, "stop")).to_be_focused()
    page.keyboard.press("Enter")
    expect(button(page, "use")).to_be_focused()
    for name in ("play", "position", "discard", "again", "use"):
        page.keyboard.press("Tab")
        wanted = page.get_by_role("slider") if name == "position" else button(page, name)
        expect(wanted).to_be_focused()
    page.keyboard.press("Enter")
    assert sound_of(outcome(page)).duration_s >= 1


@pytest.mark.parametrize(("language", "theme"), [("en", "light"), ("de", "dark"), ("ar", "none")])
def test_it_is_accessible_and_fits(
    filming_chromium: Browser, part_host: PartHost, language: str, theme: str
) -> None:
    scheme = "dark" if theme == "dark" else "light"
    context = filming_chromium.new_context(
        viewport={"width": 320, "height": 560}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{part_host.url}/?language={language}&theme={theme}")
    begin(page, "record")
    expect(button(page, "stop", language)).to_be_focused()
    assert_clean(page)
    dialogs = "document.querySelector('#panel').shadowRoot.querySelector('fd-dialog').shadowRoot"
    assert page.evaluate(f"{dialogs}.getAnimations().length") == 0
    say(page, language)
    assert_clean(page)
    expect(button(page, "use", language)).to_be_in_viewport(ratio=1)
    context.close()


def test_why_there_is_no_microphone_is_said(
    filming_chromium: Browser, chromium: Browser, launch: Launches, part_host: PartHost
) -> None:
    said = texts()

    def reason(page: Page) -> str:
        begin(page, "record")
        error: str = outcome(page)["error"]
        expect(page.get_by_role("dialog")).to_have_count(0)
        return error

    page = filming_chromium.new_page()
    page.goto(f"{part_host.url}/?policy=microphone=()")
    assert reason(page) == said["recorder.embed"]

    def answer(route: Route) -> None:
        path = route.request.url.partition("help.example")[2]
        body, media_type = response(path, {})
        route.fulfill(status=200 if body else 404, body=body or b"", content_type=media_type)

    page.route("http://help.example/**", answer)
    page.goto("http://help.example/")
    assert reason(page) == said["recorder.insecure"]
    page.close()

    page = chromium.new_page()  # on a machine without a sound card
    page.goto(part_host.url)
    assert reason(page) == said["recorder.no_device"]
    page.close()

    page = launch("--use-fake-device-for-media-stream", says="no").new_page()
    page.goto(part_host.url)
    assert reason(page) == said["recorder.denied"]
    page.evaluate("() => { delete window.MediaRecorder }")
    assert reason(page) == said["recorder.unsupported"]
    page.close()


def test_an_embed_says_that_the_page_around_it_forbids_the_microphone(
    filming_chromium: Browser, part_host: PartHost
) -> None:
    page = filming_chromium.new_page()
    page.goto(part_host.url)
    for allowed, policy_is_known in ((False, True), (False, False), (True, True)):
        page.evaluate(
            """([url, allow]) => { document.querySelector('iframe')?.remove();
                const frame = document.createElement('iframe');
                frame.allow = allow ? 'microphone' : ''; frame.src = url; document.body.append(frame); }""",
            [part_host.other_url, allowed],
        )
        frame = page.frame_locator("iframe")
        frame.locator("html[data-ready]").wait_for(state="attached")
        inner = next(f for f in page.frames if f.url.startswith(part_host.other_url))
        if not policy_is_known:  # as in Firefox and Safari
            inner.evaluate("() => Object.defineProperty(document, 'featurePolicy', { value: undefined })")
        inner.evaluate("() => prepare('record')")
        frame.locator("#start").click(force=True)
        if allowed:
            expect(frame.get_by_role("button", name=texts()["stop"])).to_be_visible()
            continue
        frame.locator("html[data-outcome]").wait_for(state="attached")
        said = [texts()["recorder.denied"]] * (not policy_is_known) + [texts()["recorder.embed"]]
        assert inner.evaluate("outcome.error") == " ".join(said)
    page.close()

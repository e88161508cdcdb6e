"""Screenshots and voice notes in the real panel, on another origin's page under a strict policy, down to the server."""

import base64
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from pydantic import TypeAdapter
from sqlalchemy import select

from chatbot.messages import Attachment, Kind, Segment, Transcript
from chatbot.schema import MessageRow
from tests.web.widget.conftest import (
    CSP,
    DESKTOP,
    PATIENCE_MS,
    PHONE,
    Opens,
    WidgetDesk,
    answers,
    box,
    opened,
    panel,
)
from tests.web.widget.part_host import texts
from tests.web.widget.test_editor import PICTURE, SIZE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HEARD = "How long can I return a Dod?"
MEANT = "How long can I return a Dot?"
WORDS = texts()


class Ears(dict[str, Transcript]):
    """Hears the same in every recording."""

    def __contains__(self, sha256: object) -> bool:
        return True

    def __getitem__(self, sha256: str) -> Transcript:
        return Transcript(sha256, (Segment(HEARD, 0.0, 1.0, -0.2, 0.01),), "en", 0.99, 1.0)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def filming(filming_chromium: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    context = filming_chromium.new_context(**request.param, locale="en-GB")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


def button(page: Page, key: str) -> Locator:
    return page.get_by_role("button", name=WORDS[key], exact=True)


def kept(desk: WidgetDesk, name: str) -> Attachment:
    """The newest upload of this name, as the server keeps it."""
    with desk.parts.store.database.reading() as session:
        rows = session.scalars(select(MessageRow).order_by(MessageRow.created_at))
        *_, found = (a for row in rows for a in row.attachments if a["name"] == name)
    return TypeAdapter(Attachment).validate_python(found)


def strict(desk: WidgetDesk) -> dict[str, str]:
    return {"Content_Security_Policy": CSP.format(url=desk.url)}


def test_a_voice_note_is_recorded_sent_and_its_transcript_corrected(
    desk: WidgetDesk, visit: Opens, filming: BrowserContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.perceiver, "transcripts", Ears())
    page = opened(visit(headers=strict(desk), context=filming))
    button(page, "record").click()
    expect(page.locator(".time")).to_have_text(re.compile(r"^(?!0:00).* / 5:00$"))
    button(page, "stop").click()
    button(page, "recorder.use").click()
    expect(box(page)).to_be_focused()
    expect(page.locator("frontdesk-widget .chips")).to_contain_text("voice-note.webm")
    button(page, "send").click()
    expect(answers(page)).to_have_count(1)
    page.locator("frontdesk-widget .fold summary").click()
    transcript = page.get_by_role("textbox", name=WORDS["heard"])
    expect(transcript).to_have_value(HEARD)
    transcript.fill(MEANT)
    button(page, "askAgain").click()
    expect(answers(page)).to_have_count(2)
    note = kept(desk, "voice-note.webm")
    assert (note.kind, note.media_type) == (Kind.AUDIO, "audio/webm")
    assert note.duration_s > 0


def test_what_is_blacked_out_never_reaches_the_server(
    desk: WidgetDesk, visit: Opens, filming: BrowserContext
) -> None:
    page = opened(visit(desk.page('data-theme="dark"'), headers=strict(desk), context=filming))
    page.locator("frontdesk-widget input[type=file]").set_input_files(
        {"name": "bank.png", "mimeType": "image/png", "buffer": base64.b64decode(PICTURE)}
    )
    page.get_by_role("button", name=WORDS["edit"].format(name="bank.png")).click()
    dialog = page.get_by_role("dialog", name=WORDS["editor.title"])
    expect(dialog).to_have_css("background-color", "rgb(23, 23, 26)")  # as dark as the panel is
    button(page, "editor.black_out").click()
    button(page, "editor.add").click()
    button(page, "editor.done").click()
    expect(dialog).to_have_count(0)
    box(page).fill(MEANT)
    button(page, "send").click()
    expect(answers(page)).to_have_count(1)
    with desk.parts.attachments.open(kept(desk, "bank.png")) as file:
        pixels = np.asarray(Image.open(file).convert("RGB"))
    assert pixels.shape == (SIZE[1], SIZE[0], 3)
    assert (pixels[SIZE[1] // 2 - 8 : SIZE[1] // 2 + 8, SIZE[0] // 2 - 25 : SIZE[0] // 2 + 25] == 0).all()
    assert (pixels[0, 0] == (0, 0, 200)).all()


def test_the_screen_is_captured_edited_and_attached(
    desk: WidgetDesk, visit: Opens, filming: BrowserContext
) -> None:
    page = opened(visit(headers=strict(desk), context=filming))
    button(page, "capture").click()
    button(page, "editor.done").click()
    expect(page.locator("frontdesk-widget .chips")).to_contain_text("screenshot.png")
    expect(panel(page)).to_be_visible()
    button(page, "capture").click()
    button(page, "editor.cancel").click()
    expect(page.locator("frontdesk-widget .chips li")).to_have_count(1)


def test_why_there_is_no_microphone_stands_in_the_panel(desk: WidgetDesk, visit: Opens) -> None:
    page = opened(visit(headers={**strict(desk), "Permissions_Policy": "microphone=()"}))
    button(page, "record").click()
    expect(page.get_by_role("alert")).to_have_text(WORDS["recorder.embed"])

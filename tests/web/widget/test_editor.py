"""The screenshot editor on a strict, hostile page: what was cut or blacked out is gone from the bytes."""

import base64
import gzip
import io
import re
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Browser, Locator, Page, expect

from tests.web.widget.conftest import DESKTOP, PHONE
from tests.web.widget.part_host import (
    PARTS,
    PartHost,
    assert_clean,
    begin,
    microphones_are_off,
    outcome,
    picture_of,
    texts,
)

pytestmark = pytest.mark.browser

SIZE = (240, 160)
MOST_BYTES = 2_000_000


def coordinates() -> Image.Image:
    """A picture in which each pixel tells where it was."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    return Image.fromarray(np.stack([x, y, np.full_like(x, 200)], axis=-1).astype(np.uint8))


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> str:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return base64.b64encode(buffer.getvalue()).decode()


PICTURE = encoded(coordinates())


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def host_page(chromium: Browser, part_host: PartHost, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = chromium.new_context(**request.param)
    page = context.new_page()
    page.goto(part_host.url)
    yield page
    context.close()


def drag(page: Page, *places: tuple[float, float]) -> None:
    """Draws through places of the page: with a finger where there is a touch screen, else with the mouse."""
    if page.evaluate("navigator.maxTouchPoints"):
        devtools = page.context.new_cdp_session(page)
        for n, (x, y) in enumerate(places):
            kind = "touchMove" if n else "touchStart"
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        devtools.detach()
        return
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
    page.mouse.up()


class Sheet:
    """The picture in the editor, in its own pixels."""

    def __init__(self, page: Page) -> None:
        box = page.locator(".sheet").bounding_box()
        assert box
        self._page, self._box, self._scale = page, box, box["width"] / SIZE[0]

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self._box["x"] + x * self._scale, self._box["y"] + y * self._scale

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        half = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        drag(self._page, *(self.at(*place) for place in (start, half, end)))


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=texts()[f"editor.{name}"], exact=True)


def edge(page: Page, name: str) -> Locator:
    return page.get_by_role("slider", name=texts()[f"editor.{name}"])


def value(slider: Locator) -> int:
    return int(slider.get_attribute("aria-valuenow") or -1)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB")).astype(int)


def test_a_cropped_and_blacked_out_picture_holds_nothing_else(host_page: Page) -> None:
    page = host_page
    begin(page, "edit", PICTURE)
    sheet = Sheet(page)
    sheet.drag((0, 80), (20, 80))  # the left edge
    sheet.drag((240, 160), (200, 120))  # the corner
    left, right, bottom = value(edge(page, "left")), value(edge(page, "right")), value(edge(page, "bottom"))
    assert (abs(left - 20), abs(right - 200), abs(bottom - 120)) <= (1, 1, 1)
    button(page, "black_out").click()
    sheet.drag((50, 40), (90, 70))
    sheet.drag((120, 10), (110, 30))  # up and leftwards too
    button(page, "done").click()
    made = outcome(page)
    assert (made["type"], made["name"]) == ("image/png", "screenshot.png")
    result = pixels(picture_of(made))
    x0, y0 = result[0, 0, 0], result[0, 0, 1]
    assert (x0, y0) == (left, 0) or abs(x0 - left) <= 1
    height, width = result.shape[:2]
    assert abs(width - (right - left)) <= 2
    assert abs(height - bottom) <= 2
    was = pixels(coordinates())[y0 : y0 + height, x0 : x0 + width]
    black = (result == 0).all(axis=-1)
    assert (result[~black] == was[~black]).all()
    assert black[41 - y0 : 69 - y0, 51 - x0 : 89 - x0].all()
    assert black[11 - y0 : 29 - y0, 111 - x0 : 119 - x0].all()
    assert 40 * 30 + 10 * 20 - 60 <= black.sum() <= 43 * 33 + 13 * 23


def test_boxes_are_moved_resized_deleted_and_undone(host_page: Page) -> None:
    page = host_page
    begin(page, "edit", PICTURE)
    button(page, "black_out").click()
    sheet = Sheet(page)
    boxes = page.locator(".black")
    sheet.drag((20, 20), (60, 60))
    sheet.drag((100, 100), (140, 140))
    expect(boxes).to_have_count(2)
    sheet.drag((40, 40), (90, 40))  # moved by its middle
    expect(boxes.first).to_have_attribute("aria-label", re.compile(r"1: .?(39|40|41) × (39|40|41) px"))
    sheet.drag((109, 59), (160, 79))  # resized at its corner
    expect(boxes.first).to_have_attribute("aria-label", re.compile(r"1: .?9\d × (59|60|61) px"))
    boxes.nth(1).focus()
    page.keyboard.press("Delete")
    expect(boxes).to_have_count(1)
    expect(boxes.first).to_be_focused()
    for _ in range(2):
        page.keyboard.press("Control+z")
    expect(boxes).to_have_count(2)
    button(page, "undo").click()
    button(page, "done").click()
    result = pixels(picture_of(outcome(page)))
    black = (result == 0).all(axis=-1)
    assert black[22:58, 22:58].all()
    assert black[102:138, 102:138].all()
    assert not black[:, 62:98].any()


def test_undoing_everything_gives_the_whole_picture_back(host_page: Page) -> None:
    page = host_page
    begin(page, "edit", PICTURE)
    expect(button(page, "undo")).to_have_attribute("aria-disabled", "true")
    Sheet(page).drag((30, 30), (90, 100))
    button(page, "black_out").click()
    button(page, "add").click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    undo = button(page, "undo")
    while undo.get_attribute("aria-disabled") != "true":
        undo.click()
    expect(page.locator(".black")).to_have_count(0)
    button(page, "done").click()
    assert (pixels(picture_of(outcome(page))) == pixels(coordinates())).all()


def test_everything_can_be_done_with_the_keyboard_alone(host_page: Page) -> None:
    page = host_page
    dialog = begin(page, "edit", PICTURE)
    expect(edge(page, "left")).to_be_focused()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    left = value(edge(page, "left"))
    assert left > 6
    page.keyboard.press("Tab")
    expect(edge(page, "top")).to_be_focused()
    page.keyboard.press("End")  # as far as the bottom allows
    top = value(edge(page, "top"))
    assert top == SIZE[1] - 8
    page.keyboard.press("Home")
    for name in ("left", "fit", "zoom_in", "zoom_out", "undo", "black_out"):
        page.keyboard.press("Shift+Tab")
        wanted = edge(page, name) if name == "left" else button(page, name)
        expect(wanted).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(button(page, "add")).to_be_focused()
    page.keyboard.press("Space")
    box = page.locator(".black")
    expect(box).to_be_focused()
    before = box.get_attribute("style")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    assert box.get_attribute("style") != before
    for wanted in (button(page, "cancel"), button(page, "done")):
        page.keyboard.press("Tab")
        expect(wanted).to_be_focused()
    page.keyboard.press("Tab")  # the focus stays inside
    expect(button(page, "crop")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(button(page, "done")).to_be_focused()
    page.keyboard.press("Enter")
    result = pixels(picture_of(outcome(page)))
    assert result.shape == (SIZE[1], SIZE[0] - left, 3)
    assert (result == 0).all(axis=-1).sum() > 8 * 8
    expect(dialog).to_have_count(0)
    expect(page.locator("#start")).to_be_focused()
    assert page.evaluate("window.keysOfPage") == []


def test_a_finger_draws_and_two_fingers_zoom(chromium: Browser, part_host: PartHost) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 700}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(part_host.url)
    begin(page, "edit", PICTURE)
    button(page, "black_out").tap()
    sheet = Sheet(page)
    devtools = context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(sheet.at(*p) for p in points)]
        devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    for kind, points in (
        ("touchStart", [(60, 40)]),
        ("touchMove", [(100, 60)]),
        ("touchMove", [(120, 90)]),
        ("touchEnd", []),
        ("touchStart", [(20, 20)]),
        ("touchMove", [(30, 30)]),
        ("touchStart", [(30, 30), (160, 120)]),
        ("touchMove", [(20, 20), (200, 140)]),
        ("touchEnd", []),
    ):
        touch(kind, *points)
    wide = page.locator(".sheet").bounding_box()
    assert wide
    assert wide["width"] > 1.2 * SIZE[0] * sheet._scale
    expect(page.locator(".black")).to_have_count(1)  # what one finger had begun was dropped
    assert_clean(page)
    button(page, "fit").tap()
    button(page, "done").tap()
    black = (pixels(picture_of(outcome(page))) == 0).all(axis=-1)
    assert black[42:88, 62:118].all()
    context.close()


def test_metadata_is_dropped_and_photos_stand_upright(host_page: Page) -> None:
    page = host_page
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Comment", "card 4111 1111 1111 1111")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010E] = "secret place"
    for picture in (
        encoded(coordinates(), pnginfo=notes),
        encoded(coordinates(), "JPEG", exif=exif, quality=95),
    ):
        begin(page, "edit", picture)
        button(page, "done").click()
        made = outcome(page)
        result = picture_of(made)
        data = base64.b64decode(made["bytes"])
        assert b"secret" not in data
        assert b"4111" not in data
        assert not result.getexif()
    assert result.size == (SIZE[1], SIZE[0])


def test_a_big_picture_becomes_small_enough_and_stays_black(host_page: Page) -> None:
    page = host_page
    noise = np.random.default_rng(7).integers(30, 256, (1000, 1400, 3), dtype=np.uint8)
    begin(page, "edit", encoded(Image.fromarray(noise), compress_level=1))
    button(page, "black_out").click()
    button(page, "add").click()
    button(page, "done").click()
    made = outcome(page)
    assert made["type"] == "image/jpeg"
    assert made["size"] <= MOST_BYTES
    image = picture_of(made)
    result = pixels(image)
    assert (
        result[
            image.height // 2 - 40 : image.height // 2 + 40, image.width // 2 - 120 : image.width // 2 + 120
        ].max()
        < 12
    )


def test_zooming_keeps_to_the_picture(host_page: Page) -> None:
    page = host_page
    begin(page, "edit", PICTURE)
    whole = page.locator(".sheet").bounding_box()
    assert whole
    for _ in range(3):
        button(page, "zoom_in").click()
    near = page.locator(".sheet").bounding_box()
    assert near
    assert near["width"] == pytest.approx(whole["width"] * 1.5**3, rel=0.01)
    button(page, "black_out").click()
    stage = page.locator(".stage").bounding_box()
    assert stage
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    drag(page, (x, y), (x + 60, y + 60))
    button(page, "fit").click()
    assert page.locator(".sheet").bounding_box() == whole
    button(page, "done").click()
    black = (pixels(picture_of(outcome(page))) == 0).all(axis=-1)
    side = 60 / (near["width"] / SIZE[0])
    assert black[80 + 2, 120 + 2]
    assert black.sum() == pytest.approx(side * side, rel=0.35)


@pytest.mark.parametrize("way", ["button", "Escape", "removed"])
def test_leaving_gives_nothing(host_page: Page, way: str) -> None:
    page = host_page
    dialog = begin(page, "edit", PICTURE)
    expect(dialog).to_be_visible()
    if way == "button":
        button(page, "cancel").click()
    elif way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.evaluate("document.querySelector('#panel').remove()")
    assert outcome(page) == {"none": True}
    expect(dialog).to_have_count(0)


def test_what_is_no_picture_is_said(host_page: Page) -> None:
    begin(host_page, "edit", base64.b64encode(b"%PDF-1.7").decode())
    assert outcome(host_page)["error"] == texts()["editor.unreadable"]


def test_a_browser_that_hides_canvases_sends_no_noise(host_page: Page) -> None:
    page = host_page
    page.evaluate(
        """() => { CanvasRenderingContext2D.prototype.getImageData = function (x, y, w, h) {
            const data = new Uint8ClampedArray(4 * w * h); crypto.getRandomValues(data); return { data }; } }"""
    )
    begin(page, "edit", PICTURE)
    button(page, "done").click()
    assert outcome(page)["error"] == texts()["editor.failed"]


def test_the_screen_is_captured_once_and_let_go(filming_chromium: Browser, part_host: PartHost) -> None:
    context = filming_chromium.new_context()
    page = context.new_page()
    page.goto(part_host.url)
    begin(page, "capture")
    image = picture_of(outcome(page))
    assert min(image.size) > 100
    assert len(np.unique(pixels(image).reshape(-1, 3), axis=0)) > 1
    assert page.evaluate("streams.length") == 1
    assert microphones_are_off(page)
    expect(page.locator("h1")).to_be_visible()
    page.evaluate(
        """() => { navigator.mediaDevices.getDisplayMedia =
            async () => { throw new DOMException("no", "NotAllowedError") } }"""
    )
    begin(page, "capture")
    assert outcome(page) == {"none": True}
    page.evaluate("navigator.mediaDevices.getDisplayMedia = undefined")
    begin(page, "capture")
    assert outcome(page)["error"] == texts()["editor.no_capture"]
    page.goto(f"{part_host.url}/?policy=display-capture=()")
    begin(page, "capture")
    assert outcome(page)["error"] == texts()["editor.no_capture"]
    context.close()


@pytest.mark.parametrize(
    ("language", "theme", "width"),
    [("en", "light", 1000), ("de", "dark", 390), ("ar", "none", 390), ("zh", "none", 320)],
)
def test_it_is_accessible_and_fits(
    chromium: Browser, part_host: PartHost, language: str, theme: str, width: int
) -> None:
    scheme = "dark" if theme == "dark" else "light"
    context = chromium.new_context(
        viewport={"width": width, "height": 640}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{part_host.url}/?language={language}&theme={theme}")
    begin(page, "edit", PICTURE)
    assert_clean(page)
    said = texts(language)
    page.get_by_role("button", name=said["editor.black_out"], exact=True).click()
    page.get_by_role("button", name=said["editor.add"]).click()
    assert_clean(page)
    done = page.get_by_role("button", name=said["editor.done"])
    expect(done).to_be_in_viewport(ratio=1)
    context.close()


def test_the_parts_are_small() -> None:
    files = [PARTS / name for name in ("dialog.js", "editor.js", "recorder.js")]
    assert sum(len(gzip.compress(file.read_bytes(), 9)) for file in files) < 15_000

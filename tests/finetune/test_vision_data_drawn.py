"""Screens that a real Chromium draws: the truth is what can be seen."""

import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image

from finetune.vision_data.browser import NoBrowserError, drawing_page
from finetune.vision_data.generate import SCREENS_FILE, Told, generate_screens, page_of, plan, row_of
from finetune.vision_data.layouts import TEMPLATES, Draft
from finetune.vision_data.look import LIGHTS, TRAINING_THEMES, Look, accent_called, is_dark, light_called
from finetune.vision_data.markup import box, buttons, field, light, progress, switch, title
from finetune.vision_data.reading import ScreenTruth, Spot, read_truth
from finetune.vision_data.vocabulary import vocabulary

pytestmark = pytest.mark.browser
SIZE = (600, 600)
WHOLE = {"x": 0, "y": 0, "width": 600, "height": 600}
LOOK = Look(TRAINING_THEMES[0], "#2266dd", "blue", SIZE, 24)


@pytest.fixture(scope="module")
def page() -> Iterator[object]:
    try:
        with drawing_page() as drawn:
            drawn.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
            yield drawn
    except NoBrowserError as error:
        pytest.skip(str(error))


def seen(page: object, body: str, look: Look = LOOK) -> tuple[ScreenTruth, Image.Image]:
    """The truth about a body and a picture of it, without pointer and messages of other programs."""

    class Never(Random):
        def random(self) -> float:
            return 0.99

    draft = Draft(Never(1), look, vocabulary("en"), "settings")
    page.set_viewport_size({"width": look.size_px[0], "height": look.size_px[1]})  # type: ignore[attr-defined]
    page.set_content(page_of(body, draft))  # type: ignore[attr-defined]
    shot = page.screenshot(type="png")  # type: ignore[attr-defined]
    return read_truth(page, WHOLE), Image.open(io.BytesIO(shot)).convert("RGB")  # type: ignore[arg-type]


def pixel(image: Image.Image, spot: Spot, right: float = 0.0) -> tuple[int, int, int]:
    """The colour at a spot, `right` half-widths away from its middle."""
    x = (spot.x + right * spot.width / 2) * image.width
    found = image.getpixel((int(x), int(spot.y * image.height)))
    assert isinstance(found, tuple)
    return found[0], found[1], found[2]


@pytest.mark.parametrize("colour", list(LIGHTS))
def test_a_light_has_the_colour_that_its_pixels_have(page: object, colour: str) -> None:
    truth, image = seen(page, box("pad", light("status", LIGHTS[colour])))
    (lamp,) = truth.lights
    assert light_called(lamp.rgb) == colour
    assert light_called(pixel(image, lamp.spot)) == colour


@pytest.mark.parametrize("theme", TRAINING_THEMES, ids=lambda theme: theme.name)
def test_the_knob_of_a_switch_is_on_the_side_that_its_state_says(page: object, theme: object) -> None:
    look = Look(theme, "#2266dd", "blue", SIZE, 24)  # type: ignore[arg-type]
    on, image_on = seen(page, box("pad", switch("Sound", True)), look)
    off, image_off = seen(page, box("pad", switch("Sound", False)), look)
    assert (on.controls[0].on, off.controls[0].on) == (True, False)
    spot = on.controls[0].spot
    for right in (-0.5, 0.5):
        assert pixel(image_on, spot, right) != pixel(image_off, spot, right)
    changed = np.abs(np.asarray(image_on, int) - np.asarray(image_off, int)).sum(axis=2) > 60
    assert changed.sum() > 300  # big enough to be seen


def test_the_highlighted_button_is_the_one_in_the_accent_colour(page: object) -> None:
    truth, image = seen(page, box("pad", buttons(["Save", "Cancel"], 1)))
    save, cancel = truth.group("choice")
    assert (save.filled, cancel.filled) == (False, True)
    assert accent_called(pixel(image, cancel.spot, right=-0.8)) == "blue"
    assert save.spot.x < cancel.spot.x


def test_a_wrong_field_is_red_at_its_edge(page: object) -> None:
    truth, image = seen(page, box("pad", field("Name"), field("City", wrong=True)))
    name, city = truth.of("field")
    assert (name.wrong, city.wrong) == (False, True)
    red, green, blue = pixel(image, city.spot, right=0.995)
    assert red > 150 > max(green, blue)


def test_a_bar_is_filled_as_far_as_its_pixels(page: object) -> None:
    truth, image = seen(page, box("pad", progress(0.75)))
    assert truth.progress[0] == pytest.approx(0.75, abs=0.01)
    row = np.asarray(image, int)
    blue = (row[..., 2] - row[..., 0] > 80).any(axis=0)
    grey = np.abs(row - np.array([0xD1, 0xD5, 0xDB])).sum(axis=2) < 12
    assert blue.sum() / (blue.sum() + grey.any(axis=0).sum()) == pytest.approx(0.75, abs=0.03)


def test_what_is_covered_or_outside_of_the_picture_is_not_read(page: object) -> None:
    over = '<div style="position:absolute;inset:0;background:#fff;z-index:5"></div>'
    truth, _ = seen(page, box("pad", title("Privacy"), switch("Sound", True)) + over)
    assert (truth.title, truth.lines, truth.of("switch")) == ("", (), [])
    truth, _ = seen(page, box("pad", title("Privacy"), style="margin-top:900px"))
    assert (truth.title, truth.lines) == ("", ())


def test_the_theme_is_dark_where_the_pixels_are(page: object) -> None:
    for theme in TRAINING_THEMES:
        truth, image = seen(page, "", Look(theme, "#2266dd", "blue", SIZE, 24))
        corner = image.getpixel((5, 5))
        assert isinstance(corner, tuple)
        assert truth.dark == theme.dark == is_dark((corner[0], corner[1], corner[2]))


def test_every_layout_can_be_drawn_and_asked_about(page: object, tmp_path: Path) -> None:
    met: dict[str, int] = {}
    for number in range(15 * 60):
        planned = plan(number, 11)
        if planned.template.name in met:
            continue
        page.set_viewport_size(dict(zip(("width", "height"), planned.look.size_px, strict=True)))  # type: ignore[attr-defined]
        page.set_content(planned.html)  # type: ignore[attr-defined]
        row = row_of(planned, read_truth(page, planned.clip))  # type: ignore[arg-type]
        met[planned.template.name] = len(row["questions"])
        assert row["caption"].endswith(".")
        for question in row["questions"]:
            assert question["answer"] in question["choices"], planned.template.name
            assert len(set(question["choices"])) == len(question["choices"]) > 1, planned.template.name
    assert met.keys() == TEMPLATES.keys()
    assert sum(n >= 3 for n in met.values()) > 0.9 * len(met)


def drawn(folder: Path, tell: Told = lambda done, total: None) -> Path:
    """15 screens, drawn in another thread: Playwright runs once in a thread, and the other tests have a page open."""
    with ThreadPoolExecutor(1) as other:
        return other.submit(generate_screens, folder, 15, 6, tell).result()


def test_a_run_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class Killed(Exception):  # noqa: N818 - stands for a signal
        pass

    def kill(done: int, total: int) -> None:
        if done == 7:
            raise Killed

    whole = drawn(tmp_path / "whole").read_bytes()
    with pytest.raises(Killed):
        drawn(tmp_path / "parts", kill)
    assert not (tmp_path / "parts" / SCREENS_FILE).exists()
    with (tmp_path / "parts" / "screens.jsonl.part").open("ab") as torn:
        torn.write(b'{"image": "images/0000')
    assert drawn(tmp_path / "parts").read_bytes() == whole
    rows = [json.loads(line) for line in whole.splitlines()]
    assert [row["image"] for row in rows] == [f"images/{i:06}.jpg" for i in range(1, 16)]
    for row in rows:
        with Image.open(tmp_path / "parts" / row["image"]) as image:
            assert min(image.size) > 150
    assert len(os.listdir(tmp_path / "parts" / "images")) == 15

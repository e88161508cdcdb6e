"""Drawn screens: what is decided before anything is drawn, and what is asked about a truth."""

import io
import json
import sys
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from random import Random

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from chatbot.errors import InputError
from chatbot.messages import OcrLine
from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.commands import finetune_app
from finetune.errors import DatasetError
from finetune.vision_data import generate, noise, questions
from finetune.vision_data.captions import caption_of
from finetune.vision_data.generate import generate_screens, plan
from finetune.vision_data.layouts import TEMPLATES
from finetune.vision_data.look import (
    ACCENTS,
    LIGHTS,
    TEST_THEMES,
    TRAINING_THEMES,
    accent_called,
    choose_look,
    light_called,
    seen_from_afar,
    shade_of,
)
from finetune.vision_data.questions import Asked, questions_about
from finetune.vision_data.reading import Control, Mark, ScreenTruth, Spot
from finetune.vision_data.screenshots import screenshot_rows
from finetune.vision_data.vocabulary import LANGUAGES, vocabulary

MIDDLE = Spot(0.5, 0.5, 0.1, 0.1)
BLANK = ScreenTruth(
    title="", lines=(), dark=False, controls=(), lights=(), parts=(), ports=(), bubbles=(), facts=(), signs=(),
    progress=(), antennas=0, body=None, cracked=None, console=None,
)  # fmt: skip


def switch(name: str, on: bool) -> Control:
    return Control("switch", name, "", True, on, True, False, False, (0, 0, 0), MIDDLE)


def rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def answers(truth: ScreenTruth, screen_type: str, seed: int = 0) -> dict[str, tuple[str, str]]:
    asked = Asked(truth, screen_type, "en", vocabulary("en"), Random(seed))
    return {q.question: (q.answer, q.needs) for q in questions_about(asked)}


def test_the_same_seed_plans_the_same_screens_and_another_one_others() -> None:
    assert [plan(i, 3).html for i in range(20)] == [plan(i, 3).html for i in range(20)]
    assert [plan(i, 3).html for i in range(20)] != [plan(i, 4).html for i in range(20)]


def test_templates_and_themes_of_the_test_split_are_never_trained_on() -> None:
    plans = [plan(i, 1) for i in range(300)]
    for_test = [p for p in plans if p.split == "test"]
    rest = [p for p in plans if p.split != "test"]
    assert {p.template.name for p in for_test}.isdisjoint({p.template.name for p in rest})
    assert {p.look.theme.name for p in for_test}.isdisjoint({p.look.theme.name for p in rest})
    assert Counter(p.split for p in plans) == {"train": 240, "validation": 20, "test": 40}
    assert {t.name for t in TRAINING_THEMES}.isdisjoint({t.name for t in TEST_THEMES})


def test_every_type_has_layouts_to_train_on_and_others_to_test_on() -> None:
    for kind in SCREEN_TYPES:
        templates = [t for t in TEMPLATES.values() if t.screen_type == kind]
        assert sum(not t.for_test for t in templates) >= 3, kind
        assert sum(t.for_test for t in templates) >= 2, kind


def test_types_come_equally_often_and_dark_as_often_as_light() -> None:
    plans = [plan(i, 2) for i in range(15 * 70)]
    types = Counter(p.template.screen_type for p in plans if p.split == "train")
    assert max(types.values()) - min(types.values()) <= 1
    assert 0.43 < sum(p.look.theme.dark for p in plans) / len(plans) < 0.57
    assert set(Counter(p.language for p in plans)) == set(LANGUAGES)


def test_a_colour_is_called_what_it_was_made_as() -> None:
    rng = Random(5)
    for name in ACCENTS:
        assert all(accent_called(rgb(shade_of(name, rng))) == name for _ in range(50))
    assert {light_called(rgb(colour)) for colour in LIGHTS.values()} == set(LIGHTS)


def test_every_language_has_words_for_everything() -> None:
    english = vocabulary("en")
    for language in LANGUAGES:
        words = vocabulary(language)
        assert words.titles.keys() == english.titles.keys() == SCREEN_TYPES.keys()
        assert words.lists.keys() == english.lists.keys()
        assert words.labels.keys() == english.labels.keys()


def test_every_question_has_five_phrasings_or_more_and_no_two_share_one() -> None:
    phrasings = questions._phrasings()
    assert all(len(set(written)) >= 5 for written in phrasings.values())
    every = [one for written in phrasings.values() for one in written]
    assert len(every) == len(set(every))


def test_a_switch_is_asked_about_as_it_is() -> None:
    on, off = (
        answers(replace(BLANK, controls=(switch("Sound", state),)), "settings") for state in (True, False)
    )
    assert ("on", "sight") in on.values()
    assert ("off", "sight") in off.values()


@pytest.mark.parametrize(
    ("states", "answer"), [((True, True), "all on"), ((False, False), "all off"), ((True, False), "mixed")]
)
def test_several_switches_are_summed_up(states: tuple[bool, ...], answer: str) -> None:
    controls = tuple(switch(f"S{i}", on) for i, on in enumerate(states))
    found = [
        a
        for seed in range(8)
        for a, _ in answers(replace(BLANK, controls=controls), "settings", seed).values()
    ]
    assert answer in found
    assert {"all on", "all off", "mixed"} & set(found) == {answer}


def test_switches_of_which_one_is_covered_are_not_asked_about() -> None:
    controls = (switch("A", True), replace(switch("B", True), visible=False))
    found = answers(replace(BLANK, controls=controls), "settings")
    assert not {"on", "off", "all on"} & {answer for answer, _ in found.values()}


def test_how_much_is_done_is_not_asked_for_where_it_is_written() -> None:
    bare = answers(replace(BLANK, progress=(0.52,)), "progress")
    written = answers(replace(BLANK, progress=(0.52,), lines=("52%",)), "progress")
    assert "half" in {answer for answer, _ in bare.values()}
    assert "half" not in {answer for answer, _ in written.values()}


def test_lights_are_counted_and_named_from_the_left() -> None:
    lights = tuple(
        Mark(str(i), False, rgb(LIGHTS[colour]), Spot(0.2 + 0.2 * i, 0.5, 0.1, 0.1))
        for i, colour in enumerate(("green", "off", "red"))
    )
    found = {
        q: a
        for seed in range(30)
        for q, a in answers(replace(BLANK, lights=lights), "device_photo", seed).items()
    }
    assert {a for q, (a, _) in found.items() if "second light from the left" in q} == {"off"}
    assert {a for q, (a, _) in found.items() if "How many lights" in q} == {"two"}


def test_what_the_text_says_needs_no_sight_and_wrong_choices_are_not_on_the_screen() -> None:
    truth = replace(
        BLANK, title="Invoices", lines=("Invoices", "Orders", "$12.00"), facts=(("amount", "$12.00"),)
    )
    for seed in range(20):
        asked = Asked(truth, "table", "en", vocabulary("en"), Random(seed))
        for question in questions_about(asked):
            assert question.answer in question.choices
            if question.kind == "text" and question.answer == "Invoices":
                assert question.needs == "ocr"
                assert "Orders" not in question.choices


def test_a_caption_says_type_title_and_what_is_striking() -> None:
    truth = replace(BLANK, title="Privacy", dark=True, controls=(switch("Sound", True),))
    assert caption_of(truth, "settings") == "A dark settings page titled “Privacy” with all switches on."
    assert (
        caption_of(replace(BLANK, cracked=True), "device_photo")
        == "A photo of a device with a cracked display."
    )


def test_a_spoilt_picture_keeps_its_parts_where_they_are() -> None:
    image = Image.new("RGB", (400, 300), "white")
    image.paste((255, 0, 0), (150, 100, 250, 200))
    for seed in range(12):
        spoilt = Image.open(
            io.BytesIO(noise.encoded(noise.spoil(image, Random(seed), photo=False), Random(seed)))
        )
        red, green, _ = spoilt.convert("RGB").resize((400, 300)).getpixel((200, 150))  # type: ignore[misc]
        assert red > 150, seed
        assert green < 100, seed


def test_a_photographed_screen_has_something_around_it() -> None:
    pixels = np.asarray(noise.photographed(Image.new("RGB", (300, 300), "white"), Random(3)))
    assert pixels[150, 150].min() > 200
    assert pixels[0, 0].min() < 200


def test_another_seed_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text('{"version": 1, "count": 30, "seed": 1}')
    with pytest.raises(InputError, match="other screens"):
        generate_screens(tmp_path, 30, 2)


def test_a_line_that_was_cut_off_is_drawn_again(tmp_path: Path) -> None:
    partial = tmp_path / "screens.jsonl.part"
    partial.write_bytes(json.dumps({"image": "a"}).encode() + b'\n{"image": "b')
    assert generate._keep_whole_lines(partial) == 1
    assert partial.read_bytes() == b'{"image": "a"}\n'


def test_without_playwright_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    done = CliRunner().invoke(finetune_app, ["vision-data", "--out", str(tmp_path), "--count", "15"])
    assert done.exit_code == 1
    assert "pip install playwright" in " ".join(done.output.split())


def test_labelled_screenshots_are_added_for_training_and_begun_ones_gone_on_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    labels = json.loads((files("finetune.vision_data") / "screenshots.json").read_text("utf-8"))
    sets, folder = tmp_path / "sets", tmp_path / "out"
    for name in labels:
        (sets / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (90, 60), "navy").save(sets / name)
    (folder / "images").mkdir(parents=True)
    lines = (OcrLine("Save as", 0.9, (0, 0, 30, 10)), OcrLine("Cancel", 0.9, (60, 50, 90, 60)))
    rows = list(screenshot_rows(folder, sets, 1, lambda image: lines))
    assert len(rows) == 12 * len(labels)
    assert all(row["ocr_text"] == "Save as\nCancel" for row in rows[::12])
    assert {row["ocr_text"] for row in rows} == {"Save as\nCancel", "Save as", "Cancel", ""}
    assert {row["split"] for row in rows} == {"train"}
    assert all((folder / row["image"]).is_file() for row in rows)
    asked = rows[0]["questions"][0]
    assert asked["answer"] == SCREEN_TYPES[labels[next(iter(labels))]]
    assert asked["answer"] in asked["choices"]

    recipe = {"version": generate._VERSION, "count": 15, "seed": 1, "screenshots": True}
    (folder / "recipe.json").write_text(json.dumps(recipe))
    begun = [{"image": "drawn"}] * 15 + rows[:3]
    (folder / "screens.jsonl.part").write_text("".join(json.dumps(row) + "\n" for row in begun))
    written = generate_screens(folder, 15, 1, screenshots=sets).read_text("utf-8").splitlines()
    assert [json.loads(line)["image"] for line in written[15:]] == [row["image"] for row in rows]


def test_no_labelled_screenshot_shares_an_article_with_those_that_are_measured(eval_data: Path) -> None:
    folder = eval_data / "screens" / "officedocs"
    if not folder.is_dir():
        pytest.skip("no screenshots of OfficeDocs here")
    trained = json.loads((files("finetune.vision_data") / "screenshots.json").read_text("utf-8"))
    measured = json.loads((files("chatbot.evaluation") / "screen_labels.json").read_text("utf-8"))
    rows = [json.loads(line) for line in (folder / "screens.jsonl").read_text("utf-8").splitlines()]
    articles = {f"officedocs/{row['image']}": set(row["relevant"]) for row in rows}
    of_measured = set().union(*(articles[name] for name in measured if name in articles))
    assert not of_measured & set().union(*(articles[name] for name in trained))


def test_a_missing_screenshot_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        next(screenshot_rows(tmp_path, tmp_path / "nowhere", 1, lambda image: ()))


def test_a_screen_seen_from_afar_is_the_same_in_a_larger_window() -> None:
    look = choose_look("train", ((600, 600),), Random(1))
    far = seen_from_afar(look, Random(2))
    assert far.size_px[0] > look.size_px[0]
    assert (far.theme, far.font_px, far.accent) == (look.theme, look.font_px, look.accent)

"""Measuring what a model makes of screens: models that see, read, or do neither, on pictures of one colour."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

import chatbot
from chatbot.errors import InputError
from chatbot.evaluation.read_once import KeptLines, screen_text
from chatbot.evaluation.vision import choice_in, evaluate_vision, read_labelled, read_screens, spread
from chatbot.generators.base import Prompt
from chatbot.messages import OcrLine
from tests.fakes import FakeGenerator

COLOURS = {"red": (250, 0, 0), "blue": (0, 0, 250)}
SIGHT = {"question": "What colour?", "choices": ["red", "blue"], "kind": "colour", "needs": "sight"}
TEXT = {"question": "Which word?", "choices": ["lamp", "parcel"], "kind": "text", "needs": "ocr"}
TYPE = {
    "question": "What?",
    "answer": "table",
    "choices": ["table", "menu"],
    "kind": "screen_type",
    "needs": "ocr",
}


@dataclass
class Looks(FakeGenerator):
    """Answers with the colour of the picture, or the word of the screen that is a choice; else with nothing known."""

    sees_images: bool = True
    blinded_by_pictures: bool = False
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def stream(self, prompt: Prompt, *, images: Sequence[Path] = (), **_: object) -> Iterator[str]:
        said = prompt[-1].content
        self.asked.append((said, bool(images)))
        seen = said.partition("Question:")[0]
        words = [
            word for word in ("lamp", "parcel") if word in seen and not (images and self.blinded_by_pictures)
        ]
        if images:
            with Image.open(images[0]) as image:
                red, _, _ = image.convert("RGB").getpixel((2, 2))  # type: ignore[misc]
            words.append("red" if red > 100 else "blue")
        yield from (" ".join(words), ".")


def written(folder: Path, n: int = 6) -> Path:
    (folder / "images").mkdir()
    rows = []
    for i in range(n):
        colour = ("red", "blue")[i % 2]
        Image.new("RGB", (20, 20), COLOURS[colour]).save(folder / "images" / f"{i}.png")
        questions = [{**SIGHT, "answer": colour}, {**TEXT, "answer": "lamp"}, TYPE]
        rows.append(
            {"image": f"images/{i}.png", "caption": f"lamp {colour}", "questions": questions, "split": "test"}
        )
    rows.append({"image": "images/none.png", "questions": [], "split": "train"})
    (folder / "screens.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_each_channel_answers_what_it_can(tmp_path: Path) -> None:
    data = written(tmp_path)
    result = evaluate_vision(read_screens(data), data, Looks(), lambda image: "the lamp")
    figures = result.metrics
    assert result.n == 6
    assert [figures[f"sight_only_accuracy_{c}"] for c in ("none", "ocr", "vision", "both")] == [0, 0, 1, 1]
    assert [figures[f"ocr_answerable_accuracy_{c}"] for c in ("none", "ocr", "vision", "both")] == [
        0,
        1,
        0,
        1,
    ]
    assert figures["caption_rouge_l_both"] == 1
    assert 0 < figures["caption_rouge_l_vision"] < 1
    assert figures["sight_only_accuracy_gain_both_over_ocr"] == 1
    assert figures["sight_only_accuracy_chance"] == 0.5
    assert figures["screen_type_accuracy_both"] == 0
    assert figures["both_against_ocr_p"] == 1
    assert result.intervals["sight_only_accuracy_both"] == (1, 1)
    assert "screen_type_accuracy_both" in result.intervals


def test_asking_about_several_screens_at_once_gives_the_same(tmp_path: Path) -> None:
    data = written(tmp_path, 9)
    one, more = (
        evaluate_vision(read_screens(data), data, Looks(), lambda image: f"the lamp {image.name}", at_once=n)
        for n in (1, 4)
    )
    assert (one.metrics, one.intervals, one.misses) == (more.metrics, more.intervals, more.misses)


def test_a_picture_that_drives_out_the_text_is_found(tmp_path: Path) -> None:
    data = written(tmp_path, 12)
    model = Looks(blinded_by_pictures=True)
    figures = evaluate_vision(read_screens(data), data, model, lambda image: "the lamp").metrics
    assert (figures["both_right_ocr_wrong"], figures["both_wrong_ocr_right"]) == (0, 12)
    assert figures["both_against_ocr_p"] == pytest.approx(2 * 0.5**12)
    assert figures["ocr_answerable_accuracy_gain_both_over_ocr"] == -1


def test_a_model_without_eyes_has_no_figures_of_sight_and_says_why(tmp_path: Path) -> None:
    data = written(tmp_path)
    model = Looks(sees_images=False)
    result = evaluate_vision(read_screens(data), data, model, lambda image: "the lamp")
    assert not [name for name in result.metrics if name.endswith(("_vision", "_both", "_p"))]
    assert result.settings["without_pictures"] == "fake does not see pictures"
    assert not any(pictured for _, pictured in model.asked)


def test_only_what_is_kept_for_testing_is_asked_and_no_more_than_wanted(tmp_path: Path) -> None:
    data = written(tmp_path)
    assert len(read_screens(data)) == 6
    assert [screen.image.name for screen in read_screens(data, 3)] == ["0.png", "2.png", "4.png"]
    assert spread([1, 2], 5) == [1, 2]


@pytest.mark.parametrize(
    ("answer", "choices", "found"),
    [
        ("It is greyed out.", ["active", "greyed out"], "greyed out"),
        ("on, not off", ["on", "off"], "on"),
        ("one", ["on", "one"], "one"),
        ("top left", ["top", "top left"], "top left"),
        ("€12.90!", ["12.90 €", "$9.00"], "12.90 €"),
        ("发票。", ["订单", "发票"], "发票"),
        ("no idea", ["yes", "maybe"], ""),
        ("", ["yes"], ""),
    ],
)
def test_the_first_choice_that_is_mentioned_counts(answer: str, choices: list[str], found: str) -> None:
    assert choice_in(answer, choices) == found


def test_labelled_pictures_are_asked_for_their_type_alone(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    labels = tmp_path / "labels.json"
    labels.write_text('{"a.png": "error_dialog"}')
    (screen,) = read_labelled(tmp_path, labels)
    assert [(q.answer, len(q.choices)) for q in screen.questions] == [("error message", 14)]
    result = evaluate_vision([screen], tmp_path, FakeGenerator("An error message"), lambda image: "")
    assert result.metrics["screen_type_accuracy_none"] == 1
    labels.write_text('{"a.png": "dragon"}')
    with pytest.raises(InputError, match="does not name screen types"):
        read_labelled(tmp_path, labels)


def test_the_200_labels_that_come_with_it_are_of_pictures_that_exist(eval_data: Path) -> None:
    screens = read_labelled(
        eval_data / "screens", Path(chatbot.__file__).parent / "evaluation" / "screen_labels.json"
    )
    assert len(screens) == 200
    assert len({screen.questions[0].answer for screen in screens}) >= 9


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": "images/gone.png"}, "not in"),
        ({"questions": [{**SIGHT, "answer": "green"}]}, "none of its choices"),
        ({"questions": [{"question": "?"}]}, "lacks question, answer"),
        ({"questions": "many"}, "lacks question, answer"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, change: dict[str, object], problem: str) -> None:
    data = written(tmp_path, 1)
    row = json.loads((data / "screens.jsonl").read_text().splitlines()[0]) | change
    (data / "screens.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match=problem):
        read_screens(data)


class CountsReads:
    """Reads "hello" and counts how often."""

    def __init__(self) -> None:
        self.reads = 0

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        self.reads += 1
        return (OcrLine("hello", 0.9, (0, 0, 1, 1)),)


def test_a_picture_is_read_once_also_by_the_next_run(tmp_path: Path) -> None:
    picture, kept = tmp_path / "a.png", tmp_path / "kept" / "texts.jsonl"
    Image.new("RGB", (20, 20)).save(picture)
    ocr = CountsReads()
    assert [screen_text(KeptLines(ocr, kept), 1_000, picture) for _ in range(3)] == ["hello"] * 3
    assert ocr.reads == 1
    with kept.open("a") as torn:
        torn.write('{"sha256": "12')
    again = KeptLines(ocr, kept)
    assert again.read(Image.new("RGB", (20, 20))) == ocr.read(Image.new("RGB", (20, 20)))
    assert screen_text(again, 1_000, picture) == "hello"
    picture.write_bytes(b"no picture")
    assert screen_text(again, 1_000, picture) == ""
    assert ocr.reads == 2, "another picture would be"
    again.read(Image.new("RGB", (10, 40)))
    assert ocr.reads == 3

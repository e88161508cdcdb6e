"""Reading order with made-up lines, recognition with the models in the rapidocr wheel."""

import random
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw, ImageFont

from chatbot.messages import OcrLine
from chatbot.vision.ocr import Ocr, in_reading_order

LINE_PX = 20


def line(text: str, left: int, top: int, width: int = 200) -> OcrLine:
    return OcrLine(text, 0.9, (left, top, left + width, top + LINE_PX))


def ordered(*lines: OcrLine) -> str:
    shuffled = random.Random(7).sample(lines, len(lines))
    return " ".join(found.text for found in in_reading_order(shuffled))


def drawn(size: tuple[int, int], *texts: tuple[int, int, str], font_px: int = 18) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for left, top, text in texts:
        draw.text((left, top), text, fill="black", font=ImageFont.load_default(font_px))
    return image


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr(threads=2)


def test_rows_run_from_top_to_bottom_and_left_to_right() -> None:
    assert ordered(line("a", 0, 0), line("b", 300, 4), line("c", 0, 40), line("d", 300, 36)) == "a b c d"


def test_a_form_is_read_row_by_row() -> None:
    labels = [line(f"label{i}", 0, 40 * i, 80) for i in range(4)]
    values = [line(f"value{i}", 300, 40 * i, 80) for i in range(4)]
    assert ordered(*labels, *values) == "label0 value0 label1 value1 label2 value2 label3 value3"


def test_two_columns_of_prose_are_read_one_after_the_other_below_their_heading() -> None:
    left = [line(f"l{i}", 0, 60 + 30 * i) for i in range(4)]
    right = [line(f"r{i}", 260, 66 + 30 * i) for i in range(4)]
    heading, footer = line("heading", 0, 0, 460), line("footer", 0, 300, 460)
    assert ordered(heading, *left, *right, footer) == "heading l0 l1 l2 l3 r0 r1 r2 r3 footer"


def test_the_bubbles_of_a_chat_are_read_in_turn() -> None:
    turns = [line(f"t{i}", 0 if i % 2 else 300, 60 * i) for i in range(8)]
    assert ordered(*turns) == "t0 t1 t2 t3 t4 t5 t6 t7"


def test_no_lines_have_no_order() -> None:
    assert in_reading_order([]) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (7, 400)])
def test_dots_and_slivers_have_no_lines_and_load_no_model(size: tuple[int, int]) -> None:
    recogniser = Ocr()
    assert recogniser.read(Image.new("RGB", size)) == ()
    assert recogniser._engine is None


def test_importing_loads_nothing_heavy() -> None:
    code = "import sys, chatbot.perceive; print({'rapidocr', 'onnxruntime', 'faster_whisper', 'av'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.models
def test_a_message_is_read_with_confidence_and_place(ocr: Ocr) -> None:
    lines = ocr.read(drawn((640, 200), (40, 40, "Payment declined"), (40, 100, "Error WR-501")))
    assert [found.text for found in lines] == ["Payment declined", "Error WR-501"]
    assert all(found.confidence > 0.8 for found in lines)
    left, top, right, bottom = lines[0].box
    assert left == pytest.approx(40, abs=8)
    assert 30 < top < bottom < 75
    assert right < 260
    assert all(isinstance(edge, int) for found in lines for edge in found.box)


@pytest.mark.models
def test_boxes_of_a_big_image_are_in_its_own_pixels(ocr: Ocr) -> None:
    lines = ocr.read(drawn((5000, 3000), (2000, 2500, "Connection lost"), font_px=110))
    assert [found.text for found in lines] == ["Connection lost"]
    left, top, right, bottom = lines[0].box
    assert 1900 < left < right < 3100
    assert 2450 < top < bottom < 2720


@pytest.mark.models
@pytest.mark.parametrize("size", [(1200, 24), (900, 26)])
def test_a_single_line_cut_out_of_a_screen_is_read(ocr: Ocr, size: tuple[int, int]) -> None:
    lines = ocr.read(drawn(size, (4, 2, "Payment failed with error WR-501")))
    assert "WR-501" in "".join(found.text for found in lines)
    assert all(found.box[3] <= size[1] for found in lines)


@pytest.mark.models
@pytest.mark.parametrize("colour", ["white", "black"])
def test_an_empty_screen_has_no_lines(ocr: Ocr, colour: str) -> None:
    assert ocr.read(Image.new("RGB", (400, 300), colour)) == ()

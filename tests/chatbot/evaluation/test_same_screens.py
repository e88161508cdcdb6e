"""Changed copies and what is measured with them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chatbot.errors import InputError
from chatbot.evaluation.changed_copies import KEPT_SHARE, SCALE, changed_copy
from chatbot.evaluation.screens import evaluate_screens
from chatbot.messages import OcrLine
from chatbot.screenshot import ScreenReader
from chatbot.settings import Settings
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.test_images import SCREENS, ColourReader, png, screen


def test_a_seed_decides_every_change_and_three_in_a_row_differ_in_kind() -> None:
    image = screen("any")
    copies = [changed_copy(image, seed) for seed in range(6)]
    assert [copy.change for copy in copies] == ["frame", "photo", "notification"] * 2
    assert changed_copy(image, 4) == copies[4]
    assert len({copy.data for copy in copies}) == 6


@pytest.mark.parametrize("seed", range(2, 30, 3))
def test_a_copy_is_cropped_and_scaled_within_its_bounds(seed: int) -> None:
    width, height = Image.open(io.BytesIO(changed_copy(screen("any"), seed).data)).size
    for side, given in ((width, 360), (height, 260)):
        assert KEPT_SHARE[0] * SCALE[0] - 0.01 <= side / given <= KEPT_SHARE[1] * SCALE[1] + 0.01


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (900, 2)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_slivers_make_copies_too(size: tuple[int, int], seed: int) -> None:
    assert Image.open(io.BytesIO(changed_copy(Image.new("RGB", size), seed).data)).format == "JPEG"


def test_a_notification_covers_and_a_photo_is_aslant() -> None:
    plain = Image.new("RGB", (400, 300), (128, 128, 128))
    told = np.asarray(Image.open(io.BytesIO(changed_copy(plain, 2).data)).convert("L"), np.float32)
    assert told[: len(told) // 4].std() > 10 > told[len(told) // 2 :].std()
    photo = np.asarray(Image.open(io.BytesIO(changed_copy(plain, 1).data)).convert("L"), np.float32)
    assert photo[0].mean() < 0.6 * photo[len(photo) // 2].max()


class NoWords:
    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        return ()


def written(folder: Path) -> Path:
    (folder / "images").mkdir()
    articles = [{"id": i, "title": name, "text": f"All about {name}."} for i, name in enumerate(SCREENS)]
    screens = [{"image": f"images/{name}.png", "relevant": [i]} for i, name in enumerate(SCREENS)]
    for name in SCREENS:
        (folder / "images" / f"{name}.png").write_bytes(png(name))
    for name, rows in {"articles.jsonl": articles, "screens.jsonl": screens}.items():
        (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_copies_find_their_article_by_the_image_where_there_are_no_words(
    tmp_path: Path, settings: Settings
) -> None:
    class Wordless(ColourReader):
        def read(self, data: bytes, name: str, text: str | None = None):
            return super().read(data, name, "")

    data = written(tmp_path)
    result = evaluate_screens(data, settings, HashingEmbedder(), ScreenReader(NoWords()), Wordless())
    assert result.metrics["unseen_recall_at_1"] == 0
    assert result.metrics["changed_recall_at_1"] == 1
    assert result.metrics["changed_pictures_recall_at_1"] == 1
    assert result.metrics["changed_image_recall_at_1"] == 1
    assert result.metrics["changed_ocr_recall_at_1"] == 0
    assert result.metrics["changed_gain_over_ocr"] == 1
    assert "changed_recall_at_1" in result.intervals
    again = evaluate_screens(data, settings, HashingEmbedder(), ScreenReader(NoWords()), Wordless())
    assert again.metrics["changed_mrr"] == result.metrics["changed_mrr"]
    plain = evaluate_screens(data, settings, HashingEmbedder(), ScreenReader(NoWords()))
    assert not any(name.startswith("changed") for name in plain.metrics)


def test_with_a_limit_screens_are_evenly_spread(tmp_path: Path, settings: Settings) -> None:
    data = written(tmp_path)
    read = ColourReader()
    found = evaluate_screens(data, settings, HashingEmbedder(), ScreenReader(NoWords()), read, limit=2)
    assert found.n == 2
    assert read.read_names == ["invoices.png", "firmware.png"] * 2


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path, settings: Settings) -> None:
    data = written(tmp_path)
    (data / "images" / "guests.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(InputError, match=r"guests\.png cannot be used"):
        evaluate_screens(data, settings, HashingEmbedder(), ScreenReader(NoWords()), ColourReader())

"""From screens to articles: pictures that are drawn here, and what is on them told by their size."""

import json
from pathlib import Path

import pytest
from PIL import Image

from chatbot.errors import InputError
from chatbot.evaluation.screens import evaluate_screens, without_pictures
from chatbot.messages import OcrLine
from chatbot.screenshot import ScreenReader
from chatbot.settings import Settings
from tests.knowledge_base.conftest import HashingEmbedder

ARTICLES = [
    {"id": 0, "path": "a.md", "title": "Lamps", "text": "Red lamp fault.\n\n![zebra settings](zebra.png)"},
    {"id": 1, "path": "b.md", "title": "Parcels", "text": "A parcel takes three days."},
]


class ReadsBySize:
    """Says on an image what belongs to its width."""

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        text = {10: "red lamp fault", 20: "zebra settings", 30: ""}[image.width]
        return (OcrLine(text, 0.9, (0, 0, 1, 1)),) if text else ()


def written(folder: Path, widths: list[int]) -> Path:
    (folder / "images").mkdir()
    screens = [{"image": f"images/{w}.png", "relevant": [0]} for w in widths]
    for width in widths:
        Image.new("RGB", (width, 20), "white").save(folder / "images" / f"{width}.png")
    for name, rows in {"articles.jsonl": ARTICLES, "screens.jsonl": screens}.items():
        (folder / name).write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_what_only_describes_a_picture_of_an_article_does_not_find_it(
    tmp_path: Path, settings: Settings
) -> None:
    folder = written(tmp_path, [10, 20, 30])
    result = evaluate_screens(folder, settings, HashingEmbedder(), ScreenReader(ReadsBySize()))
    assert result.n == 3
    assert result.metrics["unseen_recall_at_1"] == pytest.approx(1 / 3)
    assert result.metrics["unseen_mrr"] < 1
    assert result.metrics["unreadable_rate"] == pytest.approx(1 / 3)
    assert any("nothing could be read" in miss.given for miss in result.misses)


def test_simpler_searches_are_asked_for_the_same_words(tmp_path: Path, settings: Settings) -> None:
    folder = written(tmp_path, [10, 30])
    reader = ScreenReader(ReadsBySize())
    plain = evaluate_screens(folder, settings, HashingEmbedder(), reader)
    assert not any("bm25" in name for name in plain.metrics)
    metrics = evaluate_screens(folder, settings, HashingEmbedder(), reader, compare=True).metrics
    assert metrics["unseen_bm25_recall_at_5"] == 0.5
    assert metrics["unseen_gain_over_bm25_mrr"] == metrics["unseen_mrr"] - metrics["unseen_bm25_mrr"]
    assert {"unseen_dense_mrr", "unseen_ensemble_mrr"} <= metrics.keys()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a ![the alt](img/x.png) b", "a  b"),
        ("a ![alt [with] brackets](x_(1).png){ width=30% } b", "a  b"),
        (':::image type="content" source="m.png" alt-text="Screenshot of x.":::\nAfter', "\nAfter"),
        ('<p>x<img src="a.png" alt="secret">y</p>', "<p>xy</p>"),
        ("[a link](page.md) stays!", "[a link](page.md) stays!"),
        ("![ref][picture] text", " text"),
    ],
)
def test_pictures_go_and_all_else_stays(text: str, left: str) -> None:
    assert without_pictures(text) == left


def test_an_image_that_is_not_there_is_named(tmp_path: Path, settings: Settings) -> None:
    folder = written(tmp_path, [10])
    (folder / "images" / "10.png").unlink()
    with pytest.raises(InputError, match=r"10\.png is named"):
        evaluate_screens(folder, settings, HashingEmbedder(), ScreenReader(ReadsBySize()))


def test_a_damaged_image_counts_as_read_to_nothing(tmp_path: Path, settings: Settings) -> None:
    folder = written(tmp_path, [10])
    (folder / "images" / "10.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    result = evaluate_screens(folder, settings, HashingEmbedder(), ScreenReader(ReadsBySize()))
    assert (result.metrics["unreadable_rate"], result.metrics["unseen_recall_at_10"]) == (1, 0)

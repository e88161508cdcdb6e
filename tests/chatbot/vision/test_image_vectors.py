"""The tower in numpy gives what transformers gives; images are read whole."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chatbot.errors import ModelError
from chatbot.messages import OcrLine
from chatbot.models import ModelStore
from chatbot.services import open_image_reader
from chatbot.settings import Settings
from chatbot.vision.image_vectors import LAYER, SIDE_PX, ImageTower, ScreenImageReader
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Embedder
from knowledge_base.errors import DocumentError
from knowledge_base.settings import KnowledgeBaseSettings
from tests.conftest import EXAMPLES, ModelFiles
from tests.knowledge_base.test_images import png, screen


@pytest.fixture(scope="module")
def tiny_tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random tower with one layer more than is used."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=24, num_hidden_layers=LAYER + 1, num_attention_heads=2, image_size=518, patch_size=14
    )
    model = Dinov2Model(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    folder = tmp_path_factory.mktemp("tower")
    model.save_pretrained(folder)
    return folder


def torch_vector(folder: Path, image: Image.Image) -> np.ndarray:
    import torch
    from transformers import Dinov2Model

    square = image.resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
    pixels = (np.asarray(square, np.float32) / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.inference_mode():
        given = torch.from_numpy(pixels.astype(np.float32).transpose(2, 0, 1))[None]
        states = Dinov2Model.from_pretrained(folder).eval()(given, output_hidden_states=True).hidden_states
    token = states[LAYER][0, 0].numpy()
    return token / np.linalg.norm(token)


def test_the_vector_is_the_class_token_that_transformers_gives(tiny_tower: Path) -> None:
    vector = ImageTower(tiny_tower).vector(screen("any"))
    assert vector @ torch_vector(tiny_tower, screen("any")) > 0.9999
    assert vector.dtype == np.float32


def test_the_id_follows_the_weights(tiny_tower: Path, tmp_path: Path) -> None:
    for file in tiny_tower.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert ImageTower(tmp_path).id == ImageTower(tiny_tower).id
    weights = bytearray((tmp_path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(weights)
    assert ImageTower(tmp_path).id != ImageTower(tiny_tower).id


@pytest.mark.parametrize("config", ["", "{}", '{"model_type": "siglip", "hidden_size": 8}'])
def test_another_model_is_refused(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(ModelError, match="holds no DINOv2 model"):
        ImageTower(tmp_path)


class OneLine:
    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        return (OcrLine(f"{image.width} wide", 0.9, (0, 0, 1, 1)),)


def test_words_are_read_unless_they_are_told_and_bad_images_are_refused(tiny_tower: Path) -> None:
    reader = ScreenImageReader(ImageTower(tiny_tower), OneLine(), 1_000_000)
    read, told = reader.read(png("a"), "a.png"), reader.read(png("a"), "a.png", "told")
    assert (read.text, told.text) == ("360 wide", "told")
    assert read.features.count > 100
    huge = io.BytesIO()
    Image.new("RGB", (1001, 1000)).save(huge, "PNG")
    for data in (b"no image", png("a")[:500], huge.getvalue()):
        with pytest.raises(DocumentError):
            reader.read(data, "bad.png")


def test_there_is_no_reader_without_the_tower_or_when_it_is_not_wanted(tmp_path: Path) -> None:
    wanted = Settings(data_dir=tmp_path, knowledge_base=KnowledgeBaseSettings(images=True))
    assert open_image_reader(wanted, ModelStore(tmp_path / "none")) is None
    other = wanted.model_copy(update={"vision_tower": str(tmp_path)})
    assert open_image_reader(other, ModelStore(tmp_path / "none")) is None
    off = Settings(data_dir=tmp_path, knowledge_base=KnowledgeBaseSettings(images=False))
    assert open_image_reader(off, ModelStore(tmp_path / "none")) is None


@pytest.mark.models
def test_a_photo_of_a_screen_finds_the_article_that_shows_it(tmp_path: Path, model_files: ModelFiles) -> None:
    settings = Settings(data_dir=tmp_path, knowledge_base=KnowledgeBaseSettings(images=True))
    reader = open_image_reader(settings, ModelStore(model_files.folder))
    assert reader is not None
    help_centre = tmp_path / "help"
    (help_centre / "images").mkdir(parents=True)
    for article, image in (
        ("firmware-updates", "firmware-update"),
        ("payment-methods-and-errors", "payment-declined"),
        ("guest-network", "guest-network"),
    ):
        for name in (f"{article}.md", f"images/{image}.png"):
            (help_centre / name).write_bytes((EXAMPLES / "articles" / name).read_bytes())
    knowledge_base = KnowledgeBase(
        tmp_path / "chroma", Embedder(model_files.embedder), settings.knowledge_base, reader
    )
    try:
        assert knowledge_base.add_path(help_centre).failed == ()
        photo = EXAMPLES / "screenshots" / "updating-phone-photo.jpg"
        reading = knowledge_base.read_image(photo.read_bytes(), photo.name)
        assert reading is not None
        found = knowledge_base.retrieve("", extra=reading.text, images=[reading])
        assert found.images[0].source == "images/firmware-update.png"
        assert found.chunks[0].chunk.id == found.images[0].chunk_id
        assert "firmware" in reading.text.lower()
    finally:
        knowledge_base.close()

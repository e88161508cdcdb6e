"""The setting `projector` gives an engine eyes, and refuses what belongs to other models before anything is loaded."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from PIL import Image

from chatbot.adapter_files import base_digest
from chatbot.errors import AttachmentError, ModelError
from chatbot.generators import factory
from chatbot.generators.base import ChatTurn
from chatbot.models import Purpose
from chatbot.settings import Settings
from chatbot.vision.encoder import VisionEncoder
from chatbot.vision.projector import WEIGHTS, BaseSpec, ProjectorConfig, build_projector, save_projector
from tests.chatbot.vision.tiny_towers import save_tiny_tower
from tests.finetune.tiny import save_tiny_base

ASKED = [ChatTurn("user", "What is this?")]


@dataclass(frozen=True)
class Shop:
    """Resolves every name to the tiny models."""

    llm: Path
    tower: Path

    def resolve(self, reference: str, purpose: Purpose) -> Path:
        return self.tower if purpose is Purpose.VISION else self.llm


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    base = save_tiny_base(tmp_path_factory.mktemp("base"), word_scale=30.0)
    return Shop(base, save_tiny_tower(tmp_path_factory.mktemp("tower")))


@pytest.fixture(scope="module")
def projector(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("projector")
    spec = VisionEncoder(shop.tower, layer=2, image_px=84).spec
    config = ProjectorConfig(
        spec, BaseSpec("tiny", base_digest(shop.llm), 32), scale_factor=3, hidden_width=32
    )
    torch.manual_seed(1)
    save_projector(folder, build_projector(config), config)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    for colour in ("red", "blue"):
        Image.effect_noise((90, 50), 80 if colour == "red" else 20).convert("RGB").save(
            tmp_path / f"{colour}.png"
        )
    return [tmp_path / "red.png", tmp_path / "blue.png"]


def seeing(projector: Path, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        engine="transformers",
        projector=str(projector),
        context_tokens=512,
        adapter="none",
    )


def test_without_a_projector_an_engine_sees_nothing(shop: Shop, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", engine="transformers", adapter="none", context_tokens=512)
    generator = factory.make_generator(settings, shop)
    assert not generator.sees_images
    assert generator.count_tokens(ASKED, images=[Path("/gone.png")]) == generator.count_tokens(ASKED)
    generator.close()


@pytest.mark.parametrize("make", [factory.make_generator, factory.make_looking_generator])
def test_with_one_pictures_count_and_change_the_answer(
    make: object, shop: Shop, projector: Path, pictures: list[Path], tmp_path: Path
) -> None:
    assert callable(make)
    generator = make(seeing(projector, tmp_path), shop)
    alone = generator.count_tokens(ASKED)
    lengths = [generator.count_tokens(ASKED, images=pictures[:n]) - alone for n in (1, 2)]
    marks = len("<img></img>")
    assert lengths == [4 + marks, 2 * (4 + marks)]
    likely = [generator.choose(ASKED, ["a", "b"], images=some) for some in ([], pictures[:1], pictures[1:])]
    assert len(set(likely)) == 3
    with pytest.raises(AttachmentError, match="gone"):
        list(generator.stream(ASKED, images=[tmp_path / "gone.png"], max_new_tokens=2))
    generator.close()


def test_one_of_another_language_model_is_refused_before_anything_is_loaded(
    shop: Shop, projector: Path, tmp_path: Path
) -> None:
    other = save_tiny_base(tmp_path / "other", word_scale=2.0)
    weights = (projector / WEIGHTS).rename(projector / "away")
    try:
        with pytest.raises(ModelError, match="another language model, tiny"):
            factory.make_generator(seeing(projector, tmp_path), Shop(other, shop.tower))
    finally:
        weights.rename(projector / WEIGHTS)


def test_one_of_another_tower_is_refused(shop: Shop, projector: Path, tmp_path: Path) -> None:
    other = save_tiny_tower(tmp_path / "other", seed=3)
    with pytest.raises(ModelError, match="another vision tower"):
        factory.make_generator(seeing(projector, tmp_path), Shop(shop.llm, other))


def test_a_folder_that_is_none_is_refused(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a projector"):
        factory.make_generator(seeing(tmp_path, tmp_path), shop)

"""A projector describes itself, comes back as it was saved, and is refused beside another model or tower."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import torch

from chatbot.adapter_files import base_digest
from chatbot.errors import ModelError
from chatbot.vision.encoder import TowerSpec, tower_digest
from chatbot.vision.projector import (
    CONFIG,
    WEIGHTS,
    BaseSpec,
    ProjectorConfig,
    build_projector,
    fitting_config,
    load_projector,
    pixel_shuffle,
    read_config,
    save_projector,
)
from tests.chatbot.vision.tiny_towers import save_tiny_tower
from tests.finetune.tiny import save_tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_tower(tmp_path_factory.mktemp("tower"))


@pytest.fixture
def config(base: Path, tower: Path) -> ProjectorConfig:
    return ProjectorConfig(
        TowerSpec("tiny tower", tower_digest(tower), 2, 84, 14, 24),
        BaseSpec("tiny model", base_digest(base), 32),
        scale_factor=3,
        hidden_width=40,
    )


def as_internvl_does(features: torch.Tensor, factor: int) -> torch.Tensor:
    """The published pixel shuffle (`ps_version` v2), on a square of patches."""
    side, scale = round(features.shape[1] ** 0.5), 1 / factor
    x = features.reshape(len(features), side, side, -1)
    n, w, h, c = x.size()
    x = x.view(n, w, round(h * scale), round(c / scale)).permute(0, 2, 1, 3).contiguous()
    x = x.view(n, round(h * scale), round(w * scale), round(c / (scale * scale)))
    return x.permute(0, 2, 1, 3).reshape(n, (side // factor) ** 2, -1)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_patches_are_joined_as_internvl_joins_them(factor: int) -> None:
    features = torch.randn(2, 144, 5)
    assert torch.equal(pixel_shuffle(features, factor), as_internvl_does(features, factor))


@pytest.mark.parametrize("kind", ["mlp", "linear"])
@pytest.mark.parametrize(("factor", "tokens"), [(1, 36), (2, 9), (3, 4)])
def test_a_picture_becomes_so_many_tokens_of_the_base(
    config: ProjectorConfig, kind: Literal["mlp", "linear"], factor: int, tokens: int
) -> None:
    shaped = replace(config, kind=kind, scale_factor=factor)
    found = build_projector(shaped)(torch.randn(2, 36, 24))
    assert found.shape == (2, tokens, 32)
    assert shaped.visual_tokens == tokens


def test_patches_that_cannot_be_joined_are_refused(config: ProjectorConfig) -> None:
    with pytest.raises(ModelError, match="grid of 6 patches cannot be joined 4 by 4"):
        build_projector(replace(config, scale_factor=4))


@pytest.mark.parametrize("kind", ["mlp", "linear"])
def test_a_saved_projector_comes_back_in_half_precision(
    config: ProjectorConfig, kind: Literal["mlp", "linear"], tmp_path: Path
) -> None:
    shaped = replace(config, kind=kind, metrics={"accuracy": 0.9})
    projector = build_projector(shaped)
    save_projector(tmp_path / "p", projector, shaped)
    again = read_config(tmp_path / "p")
    assert again == shaped
    features = torch.randn(1, 36, 24)
    loaded = load_projector(tmp_path / "p", again)
    assert torch.allclose(loaded(features), projector.half().float()(features), atol=1e-6)
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == [CONFIG, WEIGHTS]


def test_a_projector_fits_its_own_base_and_tower(
    config: ProjectorConfig, base: Path, tower: Path, tmp_path: Path
) -> None:
    save_projector(tmp_path / "p", build_projector(config), config)
    assert fitting_config(tmp_path / "p", base=base, tower=tower) == config


def test_another_base_is_refused_before_weights_are_read(
    config: ProjectorConfig, tower: Path, tmp_path: Path
) -> None:
    save_projector(tmp_path / "p", build_projector(config), config)
    (tmp_path / "p" / WEIGHTS).unlink()
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF and something else")
    with pytest.raises(ModelError, match="another language model, tiny model"):
        fitting_config(tmp_path / "p", base=other, tower=tower)


def test_another_tower_is_refused_before_weights_are_read(
    config: ProjectorConfig, base: Path, tmp_path: Path
) -> None:
    save_projector(tmp_path / "p", build_projector(config), config)
    (tmp_path / "p" / WEIGHTS).unlink()
    other = save_tiny_tower(tmp_path / "tower", seed=1)
    with pytest.raises(ModelError, match="another vision tower, tiny tower"):
        fitting_config(tmp_path / "p", base=base, tower=other)


def test_another_format_is_refused(config: ProjectorConfig, tmp_path: Path) -> None:
    save_projector(tmp_path / "p", build_projector(config), replace(config, format="img-0"))
    with pytest.raises(ModelError, match="img-0"):
        read_config(tmp_path / "p")


@pytest.mark.parametrize("text", ["", "[]", '{"tower": 3}', '{"kind": "conv"}'])
def test_a_damaged_config_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match="damaged"):
        read_config(tmp_path)


def test_a_folder_without_a_config_is_no_projector(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a projector"):
        read_config(tmp_path)


def test_weights_of_another_shape_are_refused(config: ProjectorConfig, tmp_path: Path) -> None:
    save_projector(tmp_path / "p", build_projector(config), config)
    found = json.loads((tmp_path / "p" / CONFIG).read_text("utf-8"))
    (tmp_path / "p" / CONFIG).write_text(json.dumps(found | {"hidden_width": 41}), encoding="utf-8")
    with pytest.raises(ModelError, match="does not fit"):
        load_projector(tmp_path / "p", read_config(tmp_path / "p"))


def test_damaged_weights_are_refused(config: ProjectorConfig, tmp_path: Path) -> None:
    save_projector(tmp_path / "p", build_projector(config), config)
    (tmp_path / "p" / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="missing or damaged"):
        load_projector(tmp_path / "p", config)

"""The vision tower recovered from an ONNX graph is the graph's own backbone, byte for byte every time."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from chatbot.errors import ModelError
from chatbot.model_catalogue import CATALOGUE, CatalogueModel
from chatbot.model_files import sha256_of, unpack
from chatbot.model_wheels import download_wheels
from chatbot.vision.dinov2 import read_weights, recover, write_safetensors
from tests.chatbot.tiny_models import ROOT
from tests.conftest import ModelFiles

WIDTH, LAYERS = 8, 2
LINEAR = ("attention.attention.query", "attention.attention.key", "attention.attention.value",
          "attention.output.dense", "mlp.fc1", "mlp.fc2")  # fmt: skip


@pytest.fixture(scope="module")
def tiny_tower() -> Any:
    """A random Dinov2Model of two layers."""
    import torch
    from transformers import Dinov2Config, Dinov2Model

    torch.manual_seed(0)
    config = Dinov2Config(
        hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2, image_size=28, patch_size=14
    )
    return Dinov2Model(config).eval()


@pytest.fixture(scope="module")
def checkpoint(tiny_tower: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Its tensors under the names that are published."""
    from safetensors.numpy import load_file

    folder = tmp_path_factory.mktemp("tower")
    tiny_tower.save_pretrained(folder)
    return load_file(folder / "model.safetensors")


def graph_of(checkpoint: dict[str, np.ndarray], path: Path, leave_out: str = "") -> Path:
    """An ONNX file laid out as torch exports one: linear weights lose their names and are transposed."""
    named, nodes = {}, []
    for name, value in checkpoint.items():
        linear = name.removesuffix(".weight").partition("layer.")[2].partition(".")[2]
        if name.endswith(".weight") and linear in LINEAR:
            number = len(nodes)
            named[f"onnx::MatMul_{number}"] = value.T
            nodes += [
                helper.make_node("MatMul", ["hidden", f"onnx::MatMul_{number}"], [f"product_{number}"]),
                helper.make_node(
                    "Add", [f"backbone.{name[:-7]}.bias", f"product_{number}"], [f"sum_{number}"]
                ),
            ]
        elif name == "embeddings.position_embeddings":
            named["onnx::Concat_1957"], named["onnx::Reshape_1962"] = value[:, :1], value[:, 1:]
        elif name != "embeddings.mask_token":
            named[f"backbone.{name}"] = value
    named |= {
        "decoder.weight": np.ones((3, WIDTH), np.float32),
        "onnx::MatMul_999": np.eye(WIDTH, dtype="f4"),
    }
    nodes.append(helper.make_node("MatMul", ["hidden", "onnx::MatMul_999"], ["score"]))
    nodes.append(helper.make_node("Add", ["score", "decoder.weight"], ["out"]))
    tensors = [
        numpy_helper.from_array(np.ascontiguousarray(v), name)
        for name, v in named.items()
        if name != leave_out
    ]
    constant = tensors.pop()  # some exporters keep weights in Constant nodes
    nodes.insert(0, helper.make_node("Constant", [], [constant.name], value=constant))
    onnx.save(helper.make_model(helper.make_graph(nodes, "tiny", [], [], tensors)), str(path))
    return path


def test_every_tensor_comes_back_under_its_published_name(
    checkpoint: dict[str, np.ndarray], tmp_path: Path
) -> None:
    found = read_weights(graph_of(checkpoint, tmp_path / "tiny.onnx"))
    assert found.keys() == checkpoint.keys()
    for name, value in found.items():
        if name != "embeddings.mask_token":
            np.testing.assert_array_equal(value, checkpoint[name], err_msg=name)


def test_what_is_written_loads_into_transformers(
    tiny_tower: Any, checkpoint: dict[str, np.ndarray], tmp_path: Path
) -> None:
    import torch
    from transformers import Dinov2Model

    write_safetensors(
        read_weights(graph_of(checkpoint, tmp_path / "tiny.onnx")), tmp_path / "model.safetensors"
    )
    tiny_tower.config.save_pretrained(tmp_path)
    loaded, report = Dinov2Model.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    pixels = torch.rand(1, 3, 28, 28, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = tiny_tower(pixels).last_hidden_state
        torch.testing.assert_close(loaded.eval()(pixels).last_hidden_state, expected)


def test_equal_tensors_give_equal_bytes_whatever_their_order(
    checkpoint: dict[str, np.ndarray], tmp_path: Path
) -> None:
    backwards = dict(reversed([(name, np.asfortranarray(value)) for name, value in checkpoint.items()]))
    write_safetensors(checkpoint, tmp_path / "one")
    write_safetensors(backwards, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_library_of_the_format_reads_and_writes_the_same(
    checkpoint: dict[str, np.ndarray], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    write_safetensors(checkpoint, tmp_path / "ours.safetensors")
    loaded = load_file(tmp_path / "ours.safetensors")
    assert loaded.keys() == checkpoint.keys()
    assert all(np.array_equal(loaded[name], value) for name, value in checkpoint.items())


@pytest.mark.parametrize("lost", ["onnx::Reshape_1962", "onnx::Concat_1957", "backbone.embeddings.cls_token"])
def test_another_graph_is_refused(checkpoint: dict[str, np.ndarray], tmp_path: Path, lost: str) -> None:
    graph = graph_of(checkpoint, tmp_path / "other.onnx", leave_out=lost)
    with pytest.raises(ModelError, match=f"other.onnx is not the graph .* it lacks {lost}"):
        read_weights(graph)


def test_a_backbone_of_another_size_is_refused(checkpoint: dict[str, np.ndarray], tmp_path: Path) -> None:
    graph = graph_of(checkpoint, tmp_path / "tiny.onnx")
    with pytest.raises(ModelError, match=r"does not hold a DINOv2-small backbone: \d+ of 223 tensors"):
        recover(graph, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()


def test_recovering_needs_no_torch(checkpoint: dict[str, np.ndarray], tmp_path: Path) -> None:
    graph = graph_of(checkpoint, tmp_path / "tiny.onnx")
    code = (
        "import sys; from pathlib import Path; from chatbot.vision import dinov2;"
        "assert 'onnx' not in sys.modules;"
        f"dinov2.read_weights(Path({str(graph)!r})); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="module")
def catalogued() -> CatalogueModel:
    return next(model for model in CATALOGUE if model.name == "dinov2-small")


@pytest.fixture(scope="module")
def original_graph(
    catalogued: CatalogueModel, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The ONNX file that the tower is recovered from; its wheel is kept in pytest's cache between runs."""
    folder = tmp_path_factory.mktemp("original")
    wheels = download_wheels(catalogued, request.config.cache.mkdir("frontdesk-wheels"))
    assert catalogued.recovered_from
    unpack(wheels, catalogued.recovered_from, folder)
    return folder / catalogued.recovered_from.target


@pytest.mark.models
def test_the_recovered_files_are_those_the_catalogue_pins(
    catalogued: CatalogueModel, original_graph: Path, tmp_path: Path
) -> None:
    recover(original_graph, tmp_path)
    assert {p.name: sha256_of(p) for p in tmp_path.iterdir()} == {
        f.target: f.sha256 for f in catalogued.files
    }
    assert all(os.stat(p).st_mode & 0o777 == 0o666 & ~_umask() for p in tmp_path.iterdir())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.models
def test_the_tower_gives_what_the_onnx_graph_gives(model_files: ModelFiles, original_graph: Path) -> None:
    import onnxruntime
    import torch
    from transformers import Dinov2Model

    graph = onnx.load(str(original_graph))
    last = next(n for n in graph.graph.node if "backbone.layernorm.bias" in n.input).output[0]
    graph.graph.output.append(helper.make_tensor_value_info(last, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).standard_normal((2, 3, 224, 224)).astype(np.float32)
    expected = session.run([last], {"input_image": pixels})[0]
    tower, report = Dinov2Model.from_pretrained(model_files.vision_tower, output_loading_info=True)
    with torch.no_grad():
        found = tower.eval()(torch.from_numpy(pixels)).last_hidden_state.numpy()
    assert not report["missing_keys"]
    assert found.shape == expected.shape == (2, 257, 384)
    assert np.abs(found - expected).max() < 1e-4
    assert np.abs(expected).mean() > 0.1


@pytest.mark.models
def test_the_preprocessor_says_how_images_are_prepared(model_files: ModelFiles) -> None:
    settings = json.loads((model_files.vision_tower / "preprocessor_config.json").read_text())
    assert settings["image_mean"] == [0.485, 0.456, 0.406]
    assert settings["size"] == {"height": 336, "width": 336}

"""A run becomes a folder that serving verifies and loads."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from chatbot.adapter_files import base_digest, load_adapter
from chatbot.errors import AdapterError
from chatbot.prompt import PROMPT_FORMAT
from chatbot.refusal import RefusalRule
from finetune.dataset import Dataset
from finetune.dataset.example import Context
from finetune.errors import ExportError
from finetune.finish import Measured, Origin, export_weights, seal_adapter
from finetune.lora import save_adapter
from finetune.model import add_adapter
from finetune.settings import TrainSettings
from tests.finetune.tiny import save_tiny_base, tiny_model

SETTINGS = TrainSettings(r=8, lora_alpha=16, epochs=0.5)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny_base(tmp_path / "base")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save_adapter(add_adapter(tiny_model(), SETTINGS, 10), tmp_path / "run")
    (tmp_path / "run" / "checkpoints").mkdir()
    return tmp_path / "run"


def _origin(base: Path) -> Origin:
    refusals = tuple(Context("Lumen", ()).refusal(f"question {n}", source=f"page-{n}") for n in range(4))
    card = Dataset(refusals[:3], refusals[3:]).card()
    return Origin("tiny", base, card, SETTINGS, "Made of nothing.", ("a" * 24,), ("b" * 24,))


def test_a_sealed_folder_is_what_serving_loads(run: Path, base: Path, tmp_path: Path) -> None:
    out = export_weights(run, tmp_path / "out", base)
    seal_adapter(out, "tiny-1", _origin(base), Measured(RefusalRule(0.3, {"doubt": 1.5}), {"answer_f1": 0.5}))
    adapter = load_adapter(out, base_digest(base), PROMPT_FORMAT)
    assert adapter.gguf.is_file()
    assert adapter.peft == out
    manifest = adapter.manifest
    assert (manifest.id, manifest.refusal_threshold, manifest.metrics) == ("tiny-1", 0.3, {"answer_f1": 0.5})
    assert (manifest.r, manifest.lora_alpha, manifest.seed) == (8, 16.0, 7)
    assert manifest.dataset_hash == _origin(base).dataset["dataset_hash"]
    assert (manifest.conversations, manifest.customers) == (("a" * 24,), ("b" * 24,))
    assert set(manifest.files) == {
        "adapter.gguf",
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.md",
    }


def test_weights_are_halved(run: Path, base: Path, tmp_path: Path) -> None:
    out = export_weights(run, tmp_path / "out", base)
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (run, out))
    assert {value.dtype for value in after.values()} == {np.dtype("float16")}
    assert all(np.allclose(before[name], after[name], atol=1e-3) for name in before)


def test_a_changed_file_is_noticed(run: Path, base: Path, tmp_path: Path) -> None:
    out = export_weights(run, tmp_path / "out", base)
    seal_adapter(out, "tiny-1", _origin(base), Measured())
    (out / "card.md").write_text("Nothing to see.", "utf-8")
    with pytest.raises(AdapterError, match=r"card\.md"):
        load_adapter(out)


def test_the_card_says_what_it_is_made_of(run: Path, base: Path, tmp_path: Path) -> None:
    out = export_weights(run, tmp_path / "out", base)
    seal_adapter(
        out, "tiny-1", _origin(base), Measured(RefusalRule(0.25, {"doubt": 1.5}), {"answer_f1": 0.5})
    )
    card = (out / "card.md").read_text("utf-8")
    assert "Made of nothing." in card
    assert "| refusal | 3 | 1 |" in card
    assert "- `epochs`: 0.5" in card
    assert "| answer_f1 | 0.5 |" in card
    assert "probability of 0.25" in card
    assert "| doubt | 1.5 |" in card
    assert str(base) not in card


def test_a_run_without_weights_is_a_clear_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="no adapter"):
        export_weights(tmp_path, tmp_path / "out", base)
    assert not (tmp_path / "out").exists()

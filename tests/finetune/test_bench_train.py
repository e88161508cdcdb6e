"""The race of two trainers on a model of two layers: both learn the same, and what fails is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatbot.settings import Settings
from finetune import bench_train
from finetune.bench_train import measure_train, race
from finetune.dataset.from_knowledge_base import build_examples
from finetune.errors import TrainingError
from finetune.settings import DatasetSettings, TrainSettings
from tests.finetune.help_pages import WordBase, documents
from tests.finetune.tiny import save_tiny_base

SETTINGS = TrainSettings(
    r=4,
    lora_alpha=8,
    learning_rate=5e-3,
    epochs=2,
    mark_weight=1.0,
    precision="fp32",
    max_length=4000,
    pack_tokens=1200,
    tokens_per_step=2400,
    checkpoint_every_s=1e6,
    threads=1,
)


@pytest.mark.timeout(1800)
def test_both_trainers_learn_and_are_timed_without_padding(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="the extra `bench` is not installed")
    base = save_tiny_base(tmp_path / "base")
    made = build_examples(WordBase(documents()), DatasetSettings(examples=30, passages=1), 7)
    result = race(tmp_path, base, made[:24], made[24:], SETTINGS)
    metrics, ratios = result["metrics"], result["ratios"]
    assert result["bench"] == "train"
    for trainer in ("ours", "trl"):
        assert metrics[f"{trainer}_steps"] >= 2
        assert metrics[f"{trainer}_heldout_loss"] < metrics["base_heldout_loss"]
    assert set(ratios) == {"tokens_per_s", "tokens_per_s_overall", "heldout_loss"}
    assert 0.9 < ratios["heldout_loss"] < 1.1
    assert ratios["tokens_per_s"] == pytest.approx(
        metrics["ours_tokens_per_s"] / metrics["trl_tokens_per_s"], rel=0.01
    )


def test_a_trainer_that_fails_says_why(tmp_path: Path) -> None:
    with (
        pytest.raises(TrainingError, match=r"'ours' failed: FileNotFoundError.*job\.json"),
        bench_train._started("ours", tmp_path),
    ):
        pass


def test_without_trl_it_says_how_to_get_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    monkeypatch.setattr(bench_train.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match="not installed") as caught:
        measure_train(settings)
    assert "frontdesk[bench]" in caught.value.hint


def test_the_command_is_there() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "bench", "train", "--help"], capture_output=True, text=True, check=True
    )
    assert "SFTTrainer" in done.stdout

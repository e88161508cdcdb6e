"""Training runs on a model of two layers: they learn, reproduce, resume to the same weights, and are refused."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from chatbot.errors import ModelError
from finetune import run as run_module
from finetune.budget import within_minutes
from finetune.dataset.from_knowledge_base import build_examples
from finetune.dataset.store import Dataset
from finetune.errors import TrainingError
from finetune.lora import train
from finetune.run import TrainProgress, TrainResult, learning_rate
from finetune.settings import DatasetSettings, TrainSettings
from tests.finetune.help_pages import WordBase, documents
from tests.finetune.tiny import save_tiny_base

SETTINGS = TrainSettings(
    r=4,
    lora_alpha=8,
    learning_rate=1e-2,
    epochs=1.5,
    max_length=4000,
    pack_tokens=1200,
    tokens_per_step=1200,
    evaluate_every_steps=3,
    validation_examples=6,
    checkpoint_every_s=0,
    threads=1,
)
_KILLED = """
import json, os, signal, sys
from pathlib import Path
from finetune.lora import train
from finetune.run import TrainProgress, TrainResult, learning_rate
from finetune.settings import TrainSettings

data, out, base, settings, step = sys.argv[1:]
def die(told):
    if told.step == int(step):
        os.kill(os.getpid(), signal.SIGKILL)
train(Path(data), Path(out), TrainSettings(**json.loads(settings)), base=Path(base), progress=die)
"""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = build_examples(WordBase(documents()), DatasetSettings(examples=24, passages=1), 7)
    parts = {"train": tuple(made[:19]), "validation": tuple(made[19:])}
    return Dataset(**parts).save(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data: Path, base: Path) -> Callable[..., TrainResult]:
    def run_one(out: Path, settings: TrainSettings = SETTINGS, **more: object) -> TrainResult:
        return train(data, out, settings, base=base, **more)  # type: ignore[arg-type]

    return run_one


@pytest.fixture(scope="module")
def whole(run: Callable[..., TrainResult], tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    """A run that nobody interrupts."""
    return run(tmp_path_factory.mktemp("whole"))


def _same_weights(one: Path, other: Path) -> bool:
    left, right = (load_file(folder / "adapter_model.safetensors") for folder in (one, other))
    return left.keys() == right.keys() and all(left[name].equal(right[name]) for name in left)


def test_fewer_examples_of_a_context_together_are_more_tokens_in_the_run_and_its_estimate(
    data: Path, base: Path, run: Callable[..., TrainResult], tmp_path: Path
) -> None:
    limits = {
        limit: SETTINGS.model_copy(update={"examples_per_context": limit, "epochs": 1.0}) for limit in (0, 1)
    }
    estimates = {limit: within_minutes(data, chosen, base, None)[1] for limit, chosen in limits.items()}
    steps = {limit: run(tmp_path / str(limit), chosen).steps for limit, chosen in limits.items()}
    assert estimates[1].tokens > 1.5 * estimates[0].tokens
    assert steps[1] > steps[0]


def test_a_run_learns_and_says_how_it_went(
    run: Callable[..., TrainResult], whole: TrainResult, tmp_path: Path
) -> None:
    told: list[TrainProgress] = []
    result = run(tmp_path, progress=told.append)
    assert [t.step for t in told] == list(range(1, result.steps + 1))
    assert told[-1].loss < told[0].loss
    assert told[-1].remaining_s == 0
    assert all(t.tokens_per_s >= t.computed_tokens_per_s > 0 for t in told)
    history = json.loads((tmp_path / "training.json").read_text("utf-8"))["history"]
    assert result.validation_loss == min(loss for _, loss in history) < history[0][1]
    assert (result.steps, result.loss, result.validation_loss) == (
        whole.steps,
        whole.loss,
        whole.validation_loss,
    )
    assert _same_weights(tmp_path, whole.folder)


def test_a_run_that_was_killed_goes_on_to_the_same_weights(
    run: Callable[..., TrainResult], whole: TrainResult, data: Path, base: Path, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-c",
        _KILLED,
        str(data),
        str(tmp_path),
        str(base),
        SETTINGS.model_dump_json(),
        "3",
    ]
    died = subprocess.run(command, capture_output=True, text=True, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr
    told: list[TrainProgress] = []
    result = run(tmp_path, progress=told.append)
    assert told[0].step in (3, 4)
    assert (result.loss, result.validation_loss, result.best_step) == (
        whole.loss,
        whole.validation_loss,
        whole.best_step,
    )
    assert _same_weights(tmp_path, whole.folder)


@pytest.mark.parametrize("changed", [{"method": "adalora"}, {"lora_dropout": 0.2}, {"method": "dora"}])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    run: Callable[..., TrainResult], tmp_path: Path, changed: dict[str, object]
) -> None:
    settings = SETTINGS.model_copy(update={**changed, "epochs": 1.0})
    run(tmp_path / "whole", settings)
    stops = iter([False, False, True])
    with pytest.raises(TrainingError, match="stopped"):
        run(tmp_path / "parts", settings, should_stop=lambda: next(stops, False))
    run(tmp_path / "parts", settings)
    assert _same_weights(tmp_path / "whole", tmp_path / "parts")


def test_a_finished_run_is_not_trained_again(run: Callable[..., TrainResult], whole: TrainResult) -> None:
    told: list[TrainProgress] = []
    again = run(whole.folder, progress=told.append)
    assert not told
    assert (again.loss, again.best_step) == (whole.loss, whole.best_step)


def test_other_settings_begin_anew(
    run: Callable[..., TrainResult], whole: TrainResult, tmp_path: Path
) -> None:
    stops = iter([False, True])
    with pytest.raises(TrainingError, match="stopped"):
        run(tmp_path, should_stop=lambda: next(stops, False))
    told: list[TrainProgress] = []
    run(tmp_path, SETTINGS.model_copy(update={"seed": 8}), progress=told.append)
    assert told[0].step == 1
    assert not _same_weights(tmp_path, whole.folder)


def test_training_stops_when_validation_gets_no_better(
    run: Callable[..., TrainResult], tmp_path: Path
) -> None:
    settings = SETTINGS.model_copy(
        update={"learning_rate": 0.3, "epochs": 9.0, "patience": 2, "evaluate_every_steps": 1}
    )
    result = run(tmp_path, settings)
    assert result.stopped_early
    assert result.best_step == result.steps - 2


@pytest.mark.parametrize("method", ["rslora", "prefix"])
def test_other_methods_train_too(run: Callable[..., TrainResult], tmp_path: Path, method: str) -> None:
    settings = SETTINGS.model_copy(update={"method": method, "epochs": 0.5, "max_length": 3900})
    result = run(tmp_path, settings)
    assert result.validation_loss < 6
    config = json.loads((tmp_path / "adapter_config.json").read_text("utf-8"))
    assert config["peft_type"] == ("PREFIX_TUNING" if method == "prefix" else "LORA")


def test_only_safetensors_and_json_are_written(whole: TrainResult) -> None:
    files = [path for path in whole.folder.rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} == {".safetensors", ".json"}


def test_the_folder_does_not_tell_where_the_base_lies(whole: TrainResult, base: Path) -> None:
    assert str(base.parent) not in (whole.folder / "adapter_config.json").read_text("utf-8")
    assert str(base.parent) not in (whole.folder / "training.json").read_text("utf-8")


def test_a_damaged_checkpoint_is_a_clear_error(run: Callable[..., TrainResult], tmp_path: Path) -> None:
    stops = iter([False, True])
    with pytest.raises(TrainingError, match="stopped"):
        run(tmp_path, should_stop=lambda: next(stops, False))
    weights = next((tmp_path / "checkpoints").glob("step-*/adapter.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(TrainingError, match="damaged"):
        run(tmp_path)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"max_memory_share": 1e-9}, "of memory"),
        ({"max_hours": 1e-12}, "hours"),
        ({"max_length": 64}, "no example"),
    ],
)
def test_a_run_that_cannot_fit_is_refused_beforehand(
    run: Callable[..., TrainResult], tmp_path: Path, changed: dict[str, float], why: str
) -> None:
    with pytest.raises(TrainingError, match=why):
        run(tmp_path, SETTINGS.model_copy(update=changed))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("changed", [{"wandb_project": "x"}, {"quantize_base": True}])
def test_what_is_not_installed_is_a_clear_error(
    run: Callable[..., TrainResult], tmp_path: Path, changed: dict[str, object]
) -> None:
    with pytest.raises(TrainingError):
        run(tmp_path, SETTINGS.model_copy(update=changed))


def test_a_base_that_is_none_is_a_clear_error(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        train(data, tmp_path / "out", SETTINGS, base=tmp_path)


def test_the_learning_rate_rises_and_falls() -> None:
    settings = TrainSettings(learning_rate=1.0, warmup_share=0.1)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert max(rates) == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert 0.05 <= rates[-1] < 0.06


@pytest.mark.parametrize(
    ("flags", "precision"),
    [("avx512_bf16 amx_bf16 amx_tile", "bf16"), ("avx512_bf16 avx512f", "no"), (None, "no")],
)
def test_bf16_is_chosen_on_a_processor_only_where_it_is_faster(
    flags: str | None, precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "cpuinfo"
    if flags is not None:
        told.write_text(f"flags : fpu {flags}", encoding="utf-8")
    monkeypatch.setattr(run_module, "_CPU_INFO", told)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert run_module._precision(TrainSettings()) == precision

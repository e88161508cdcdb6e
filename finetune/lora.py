"""Trains an adapter on a dataset folder: packed, resumable to the same result, with live progress."""

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from chatbot.models import ModelStore, Purpose
from chatbot.settings import load_settings
from finetune.dataset.example import Example
from finetune.dataset.store import Dataset
from finetune.encoding import encode_all
from finetune.errors import TrainingError
from finetune.estimate import estimate, refuse_what_cannot_fit
from finetune.fused import fuse_lora
from finetune.model import add_adapter, load_base, make_scorer, tensors_of
from finetune.packing import Encoded, Flat, Pack, Tree, grow_trees, pack
from finetune.run import OnProgress, Packs, TrainingRun, TrainResult, schedule
from finetune.settings import TrainSettings
from knowledge_base.atomic import write_atomically


def train(
    dataset_folder: Path,
    out_folder: Path,
    settings: TrainSettings,
    *,
    base: Path | None = None,
    progress: OnProgress = lambda told: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> TrainResult:
    """Trains an adapter, or goes on with the run that was begun in `out_folder`.

    Args:
        dataset_folder: A `Dataset` that was saved.
        out_folder: Gets `adapter_model.safetensors` and `adapter_config.json` in PEFT's form.
        base: Folder or GGUF file of the base; the configured language model when None.
        should_stop: Asked after each step; True saves a checkpoint and raises.

    Raises:
        DatasetError: The dataset is damaged.
        ModelError: The base cannot be loaded.
        TrainingError: The run cannot fit, was stopped, or diverged.
    """
    dataset = Dataset.load(dataset_folder)
    run = _Run(dataset, out_folder, settings, base or default_base(), progress, should_stop)
    return run.go()


def default_base() -> Path:
    """The configured language model's file."""
    settings = load_settings()
    store = ModelStore(settings.models_path, offline=settings.offline)
    return store.resolve(settings.llm, Purpose.LLM_GGUF)


class _Run(TrainingRun):
    def __init__(
        self,
        dataset: Dataset,
        out_folder: Path,
        settings: TrainSettings,
        base: Path,
        progress: OnProgress,
        should_stop: Callable[[], bool],
    ) -> None:
        import torch

        super().__init__(out_folder, settings, progress, should_stop)
        tokenizer, model = load_base(base, quantize=settings.quantize_base)
        examples, left_out = self._encoded(tokenizer, dataset.train)
        held, _ = self._encoded(tokenizer, dataset.validation[: settings.validation_examples])
        if not examples:
            raise TrainingError(
                "There is no example to train on.", "Build the dataset again with more documents."
            )
        packs = self._packed(examples, settings.examples_per_context)
        steps = list(schedule(packs, settings))
        if self._accelerator.mixed_precision == "bf16" and not settings.quantize_base:
            model.requires_grad_(False)  # what is frozen is cast once and not in each step
            model.to(torch.bfloat16)
        model = add_adapter(model, settings, len(steps))
        if settings.gradient_checkpointing:
            model.enable_input_require_grads()
            model.gradient_checkpointing_enable()
        else:
            fuse_lora(model)
        refuse_what_cannot_fit(estimate(model, packs, settings.epochs, settings), settings)
        whole = Packs(steps, self._packed(held), len(examples), left_out)
        self._begin(model, make_scorer(model), whole, _identity(dataset, settings, base))

    def _encoded(self, tokenizer: Any, examples: Sequence[Example]) -> tuple[list[Encoded], int]:
        settings = self._settings
        return encode_all(
            tokenizer, examples, max_length=settings.max_length, mark_weight=settings.mark_weight
        )

    def _packed(self, examples: Sequence[Encoded], examples_per_tree: int = 0) -> list[Pack]:
        if self._settings.method == "prefix":
            return [Pack((Tree(0, (example,)),)) for example in examples]
        trees = grow_trees(examples, self._settings.pack_tokens, examples_per_tree)
        return pack(trees, self._settings.pack_tokens)

    def _tensors(self, flat: Flat) -> dict[str, Any]:
        with_mask = self._settings.method != "prefix"
        return tensors_of(flat, self._accelerator.device, with_mask=with_mask)

    def _after_step(self) -> None:
        if self._settings.method == "adalora":
            self._model.base_model.update_and_allocate(self._state.step)

    def _write_trained(self) -> None:
        save_adapter(self._model, self._out)


def _identity(dataset: Dataset, settings: TrainSettings, base: Path) -> str:
    """Names the run: what changes its result, not how it is watched."""
    counted = settings.model_dump(
        mode="json", exclude={"checkpoint_every_s", "tensorboard", "wandb_project", "max_hours", "threads"}
    )
    size = base.stat().st_size if base.is_file() else 0
    text = json.dumps([dataset.hash, counted, base.name, size], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def save_adapter(model: Any, folder: Path) -> None:
    """Weights and configuration in PEFT's form (which vLLM loads too), each file whole or absent.

    Raises:
        TrainingError: The folder cannot be written.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    config = model.peft_config["default"].to_dict()
    config = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    config |= {"inference_mode": True, "base_model_name_or_path": ""}
    try:
        write_atomically(folder / "adapter_model.safetensors", save(_weights(model), {"format": "pt"}))
        write_atomically(folder / "adapter_config.json", json.dumps(config, indent=1, default=str).encode())
    except OSError as error:
        raise TrainingError(
            f"The adapter cannot be written: {error.strerror}.", "Make room and start again."
        ) from error


def _weights(model: Any) -> dict[str, Any]:
    from peft import get_peft_model_state_dict

    state = get_peft_model_state_dict(model)
    return {name: value.detach().to("cpu").clone().contiguous() for name, value in state.items()}

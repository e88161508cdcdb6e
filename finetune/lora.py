"""Trains an adapter on a dataset folder: packed, resumable to the same result, with live progress."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chatbot.models import ModelStore, Purpose
from chatbot.settings import load_settings
from finetune import checkpoint
from finetune.checkpoint import RunState
from finetune.dataset.store import Dataset
from finetune.encoding import encode_all
from finetune.errors import TrainingError
from finetune.estimate import estimate, refuse_what_cannot_fit
from finetune.files import write_atomically
from finetune.fused import fuse_lora
from finetune.model import add_adapter, load_base, make_scorer, tensors_of
from finetune.packing import Encoded, Flat, Pack, Tree, flatten, grow_trees, pack, steps_of
from finetune.settings import TrainSettings
from finetune.tracking import Tracker, open_trackers
from finetune.trained_state import set_trained_tensors, trained_tensors

CHECKPOINTS = "checkpoints"
RESULT = "training.json"

_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class TrainProgress:
    """Where a run stands, told after each step.

    Attributes:
        tokens: Of this step's examples, as if each were computed alone.
        loss: Weighted mean loss of a token in this step.
        validation_loss: Of the last validation; None before the first.
        tokens_per_s: Tokens of examples (as if each were computed alone) per second in this process.
        computed_tokens_per_s: Tokens that were computed, shared beginnings once.
    """

    step: int
    steps: int
    tokens: int
    loss: float
    validation_loss: float | None
    learning_rate: float
    tokens_per_s: float
    computed_tokens_per_s: float
    remaining_s: float


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A finished run; the adapter's weights are of the step with the best validation loss."""

    folder: Path
    steps: int
    best_step: int
    loss: float
    validation_loss: float
    examples: int
    left_out: int
    tokens: int
    seconds: float
    stopped_early: bool


OnProgress = Callable[[TrainProgress], None]


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


class _Run:
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
        from accelerate import Accelerator
        from accelerate.utils import set_seed

        if settings.threads:
            torch.set_num_threads(settings.threads)
        set_seed(settings.seed)
        self._settings, self._out = settings, out_folder
        self._progress, self._should_stop = progress, should_stop
        self._accelerator = Accelerator(mixed_precision=_precision(settings))
        tokenizer, model = load_base(base, quantize=settings.quantize_base)
        examples, self._left_out = encode_all(
            tokenizer, dataset.train, max_length=settings.max_length, mark_weight=settings.mark_weight
        )
        held, _ = encode_all(
            tokenizer,
            dataset.validation[: settings.validation_examples],
            max_length=settings.max_length,
            mark_weight=settings.mark_weight,
        )
        if not examples:
            raise TrainingError(
                "There is no example to train on.", "Build the dataset again with more documents."
            )
        self._examples = len(examples)
        self._alone = sum(map(len, examples))
        packs = self._packed(examples)
        self._held = self._packed(held)
        self._steps = list(_schedule(packs, settings))
        self._model = add_adapter(model, settings, len(self._steps))
        if settings.gradient_checkpointing:
            self._model.enable_input_require_grads()
            self._model.gradient_checkpointing_enable()
        elif self._accelerator.mixed_precision == "no":
            fuse_lora(self._model)
        refuse_what_cannot_fit(estimate(self._model, packs, settings.epochs, settings), settings)
        self._computed = sum(one.tokens for one in packs)
        self._state = RunState(_identity(dataset, settings, base))
        self._best: Mapping[str, Any] = {}
        self._prepare()

    def _packed(self, examples: Sequence[Encoded]) -> list[Pack]:
        if self._settings.method == "prefix":
            return [Pack((Tree(0, (example,)),)) for example in examples]
        return pack(grow_trees(examples, self._settings.pack_tokens), self._settings.pack_tokens)

    def _prepare(self) -> None:
        from torch.optim import AdamW

        settings = self._settings
        trained = [p for p in self._model.parameters() if p.requires_grad]
        optimizer = AdamW(
            trained, lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
        )
        loaded = checkpoint.load(self._out / CHECKPOINTS, self._state.identity)
        if loaded:
            self._restore(loaded, optimizer)
        self._scorer, self._optimizer = self._accelerator.prepare(make_scorer(self._model), optimizer)

    def _restore(self, loaded: checkpoint.Loaded, optimizer: Any) -> None:
        import torch

        self._state, self._best = loaded.state, loaded.best
        set_trained_tensors(self._model, loaded.adapter)
        checkpoint.restore_optimizer(optimizer, loaded.optimizer)
        torch.set_rng_state(loaded.rng)

    def go(self) -> TrainResult:
        """All remaining steps, then the best weights into the folder."""
        self._begun, self._saved = time.monotonic(), time.monotonic()
        self._done_before = self._state.step
        trackers = open_trackers(self._settings, self._out)
        stopped_early = self._state.waited >= self._settings.patience
        try:
            while self._state.step < len(self._steps) and not stopped_early:
                self._step()
                stopped_early = self._validate_when_due()
                self._tell(trackers)
                self._save_when_due()
        finally:
            for tracker in trackers:
                tracker.close()
        return self._finish(stopped_early=stopped_early)

    def _step(self) -> None:
        packs = self._steps[self._state.step]
        flats = [flatten(one) for one in packs]
        total = sum(weight for flat in flats for _, _, weight in flat.targets)
        self._scorer.train()
        self._set_learning_rate()
        summed = 0.0
        for flat, share in self._mine(flats):
            loss = self._scorer(**self._tensors(flat)) * (share / total)
            self._accelerator.backward(loss)
            summed += loss.item() / self._accelerator.num_processes
        summed = self._over_processes(summed)
        if not math.isfinite(summed):
            raise TrainingError(
                "The loss is not a number any more.", "Lower `learning_rate` and start again."
            )
        self._accelerator.clip_grad_norm_(self._scorer.parameters(), self._settings.max_grad_norm)
        self._optimizer.step()
        if self._settings.method == "adalora":
            self._model.base_model.update_and_allocate(self._state.step)
        self._optimizer.zero_grad()
        self._state.step += 1
        self._state.loss = summed
        self._state.tokens += sum(one.tokens for one in packs)

    def _mine(self, flats: Sequence[Flat]) -> Iterator[tuple[Flat, float]]:
        """This process's packs and their share; all processes get as many, so that none waits for another."""
        count, place = self._accelerator.num_processes, self._accelerator.process_index
        for first in range(0, len(flats), count):
            at = first + place
            yield (flats[at], float(count)) if at < len(flats) else (flats[0], 0.0)

    def _over_processes(self, value: float) -> float:
        import torch

        if self._accelerator.num_processes == 1:
            return value
        here = torch.tensor(value, device=self._accelerator.device)
        return float(self._accelerator.reduce(here, "sum").item())

    def _tensors(self, flat: Any) -> dict[str, Any]:
        with_mask = self._settings.method != "prefix"
        return tensors_of(flat, self._accelerator.device, with_mask=with_mask)

    def _set_learning_rate(self) -> None:
        rate = learning_rate(self._state.step, len(self._steps), self._settings)
        for group in self._optimizer.param_groups:
            group["lr"] = rate

    def _validate_when_due(self) -> bool:
        """Measures the held-out loss when it is time; True when training should stop."""
        state = self._state
        is_last = state.step == len(self._steps)
        if not self._held or not (is_last or state.step % self._settings.evaluate_every_steps == 0):
            return False
        loss = self._held_out_loss()
        state.history.append((state.step, loss))
        if loss < state.best_loss:
            state.best_loss, state.best_step, state.waited = loss, state.step, 0
            self._best = trained_tensors(self._model)
        else:
            state.waited += 1
        return state.waited >= self._settings.patience

    def _held_out_loss(self) -> float:
        import torch

        self._scorer.eval()
        summed, total = 0.0, 0.0
        with torch.inference_mode():
            for one in self._held:
                flat = flatten(one)
                summed += self._scorer(**self._tensors(flat)).item()
                total += sum(weight for _, _, weight in flat.targets)
        return summed / total

    def _tell(self, trackers: Sequence[Tracker]) -> None:
        state = self._state
        elapsed = max(1e-9, time.monotonic() - self._begun)
        done = state.step - self._done_before
        computed = sum(p.tokens for step in self._steps[self._done_before : state.step] for p in step)
        told = TrainProgress(
            step=state.step,
            steps=len(self._steps),
            tokens=sum(one.tokens_alone for one in self._steps[state.step - 1]),
            loss=state.loss,
            validation_loss=state.history[-1][1] if state.history else None,
            learning_rate=learning_rate(state.step - 1, len(self._steps), self._settings),
            tokens_per_s=computed / elapsed * self._alone / self._computed,
            computed_tokens_per_s=computed / elapsed,
            remaining_s=elapsed / done * (len(self._steps) - state.step),
        )
        self._progress(told)
        for tracker in trackers:
            tracker.log(state.step, {k: float(v) for k, v in asdict(told).items() if v is not None})

    def _save_when_due(self) -> None:
        now = time.monotonic()
        stop = self._should_stop()
        if not stop and now - self._saved < self._settings.checkpoint_every_s:
            return
        self._save()
        if stop:
            raise TrainingError(
                "Training was stopped; a checkpoint is kept.", "Start it again and it goes on where it was."
            )

    def _save(self) -> None:
        now = time.monotonic()
        if self._accelerator.is_main_process:
            self._state.spent_s += now - self._saved
            folder = self._out / CHECKPOINTS
            checkpoint.save(folder, self._state, trained_tensors(self._model), self._best, self._optimizer)
        self._saved = now

    def _finish(self, *, stopped_early: bool) -> TrainResult:
        state = self._state
        if state.step > self._done_before:
            self._save()
        if self._best and self._settings.method != "adalora":  # its last weights are those that were pruned
            set_trained_tensors(self._model, self._best)
        result = TrainResult(
            folder=self._out,
            steps=state.step,
            best_step=state.best_step or state.step,
            loss=state.loss,
            validation_loss=state.best_loss,
            examples=self._examples,
            left_out=self._left_out,
            tokens=state.tokens,
            seconds=state.spent_s,
            stopped_early=stopped_early,
        )
        if self._accelerator.is_main_process:
            save_adapter(self._model, self._out)
            facts = {**asdict(result), "folder": self._out.name, "history": state.history}
            write_atomically(self._out / RESULT, json.dumps(facts, indent=1).encode())
        return result


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine to a twentieth of the peak."""
    warmup = max(1, round(steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def _schedule(packs: Sequence[Pack], settings: TrainSettings) -> Iterator[list[Pack]]:
    """The packs of each step, for all epochs; the last one may be a part."""
    whole = math.ceil(settings.epochs)
    for epoch in range(whole):
        steps = steps_of(packs, settings.tokens_per_step, settings.seed + epoch)
        share = min(1.0, settings.epochs - epoch)
        yield from steps[: max(1, round(len(steps) * share))]


def _precision(settings: TrainSettings) -> str:
    """`bf16` or `no`; on a CPU without AMX autocast is two (with AVX512-BF16) to four times slower than fp32."""
    import torch

    if settings.precision == "auto":
        if torch.cuda.is_available():
            return "bf16" if torch.cuda.is_bf16_supported() else "no"
        return "bf16" if _cpu_multiplies_bf16() else "no"
    return "bf16" if settings.precision == "bf16" else "no"


def _cpu_multiplies_bf16() -> bool:
    try:
        flags = _CPU_INFO.read_text("utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags


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

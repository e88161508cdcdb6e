"""One training run, whatever is trained: steps of packs, validation, checkpoints, figures, the best weights.

Knows no dataset and no model: those who train say what the packs are, what is trained and how it is written.
"""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from finetune import checkpoint
from finetune.checkpoint import RunState
from finetune.errors import TrainingError
from finetune.packing import Flat, Pack, flatten, steps_of
from finetune.settings import TrainSettings
from finetune.tracking import Tracker, open_trackers
from finetune.trained_state import set_trained_tensors, trained_tensors
from knowledge_base.atomic import write_atomically

CHECKPOINTS = "checkpoints"
RESULT = "training.json"
RATE_FACTOR = "rate_factor"
"""Key of an optimiser's group of parameters: their learning rate in multiples of the settings' one."""
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


@dataclass(frozen=True, slots=True)
class Packs:
    """What a run goes through.

    Attributes:
        steps: The packs of each optimiser step, over all epochs.
        held: Held-out packs, for validation.
        examples: How many examples one epoch has.
        left_out: Examples that were too long.
    """

    steps: Sequence[Sequence[Pack]]
    held: Sequence[Pack]
    examples: int
    left_out: int


class TrainingRun(ABC):
    """What all runs share; a child loads model and packs, and calls `_begin`.

    Args:
        out: Folder of the checkpoints and the result.
        should_stop: Asked after each step; True saves a checkpoint and raises.
    """

    _model: Any
    _scorer: Any
    _packs: Packs

    def __init__(
        self, out: Path, settings: TrainSettings, progress: OnProgress, should_stop: Callable[[], bool]
    ) -> None:
        import torch
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
        from accelerate.utils import set_seed

        if settings.threads:
            torch.set_num_threads(settings.threads)
        set_seed(settings.seed)
        self._settings, self._out = settings, out
        self._progress, self._should_stop = progress, should_stop
        AcceleratorState._reset_state()  # what one run of a process computed in would bind the next one
        self._accelerator = Accelerator(mixed_precision=_precision(settings))

    @abstractmethod
    def _tensors(self, flat: Flat) -> dict[str, Any]:
        """A flattened pack as the scorer's arguments."""

    @abstractmethod
    def _write_trained(self) -> None:
        """Writes what was trained into the folder."""

    def _groups(self) -> list[dict[str, Any]]:
        """The trained parameters as the optimiser's groups."""
        return [{"params": [p for p in self._model.parameters() if p.requires_grad]}]

    def _begin(self, model: Any, scorer: Any, packs: Packs, identity: str) -> None:
        """Takes up what is to be trained, and an earlier checkpoint of the same run."""
        from torch.optim import AdamW

        settings = self._settings
        self._model, self._packs = model, packs
        self._state = RunState(identity)
        self._best: Mapping[str, Any] = {}
        optimizer = AdamW(
            self._groups(), lr=settings.learning_rate, weight_decay=settings.weight_decay, betas=(0.9, 0.99)
        )
        loaded = checkpoint.load(self._out / CHECKPOINTS, self._state.identity)
        if loaded:
            self._restore(loaded, optimizer)
        self._scorer, self._optimizer = self._accelerator.prepare(scorer, optimizer)

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
        self._tokens_alone = self._tokens_computed = 0
        trackers = open_trackers(self._settings, self._out)
        stopped_early = self._state.waited >= self._settings.patience
        try:
            while self._state.step < len(self._packs.steps) and not stopped_early:
                self._step()
                stopped_early = self._validate_when_due()
                self._tell(trackers)
                self._save_when_due()
        finally:
            for tracker in trackers:
                tracker.close()
        return self._finish(stopped_early=stopped_early)

    def _step(self) -> None:
        packs = self._packs.steps[self._state.step]
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
        self._after_step()
        self._optimizer.zero_grad()
        self._state.step += 1
        self._state.loss = summed
        self._state.tokens += sum(one.tokens for one in packs)

    def _after_step(self) -> None:  # noqa: B027 (most methods do nothing)
        """What a method does between the optimiser's step and forgetting the gradients."""

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

    def _set_learning_rate(self) -> None:
        rate = learning_rate(self._state.step, len(self._packs.steps), self._settings)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group.get(RATE_FACTOR, 1.0)

    def _validate_when_due(self) -> bool:
        """Measures the held-out loss when it is time; True when training should stop."""
        state = self._state
        is_last = state.step == len(self._packs.steps)
        if not self._packs.held or not (is_last or state.step % self._settings.evaluate_every_steps == 0):
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
        summed, total = 0.0, 0.0
        for flat, loss in self._held_out():
            summed += loss
            total += sum(weight for _, _, weight in flat.targets)
        return summed / total

    def _held_out(self) -> Iterator[tuple[Flat, float]]:
        """Each held-out pack with the sum of its losses."""
        import torch

        self._scorer.eval()
        with torch.inference_mode():
            for one in self._packs.held:
                flat = flatten(one)
                yield flat, self._scorer(**self._tensors(flat)).item()

    def _tell(self, trackers: Sequence[Tracker]) -> None:
        state, steps = self._state, self._packs.steps
        elapsed = max(1e-9, time.monotonic() - self._begun)
        done = state.step - self._done_before
        packs = steps[state.step - 1]
        self._tokens_alone += sum(one.tokens_alone for one in packs)
        self._tokens_computed += sum(one.tokens for one in packs)
        told = TrainProgress(
            step=state.step,
            steps=len(steps),
            tokens=sum(one.tokens_alone for one in packs),
            loss=state.loss,
            validation_loss=state.history[-1][1] if state.history else None,
            learning_rate=learning_rate(state.step - 1, len(steps), self._settings),
            tokens_per_s=self._tokens_alone / elapsed,
            computed_tokens_per_s=self._tokens_computed / elapsed,
            remaining_s=elapsed / done * (len(steps) - state.step),
        )
        self._progress(told)
        figures = {k: float(v) for k, v in asdict(told).items() if v is not None} | self._figures()
        for tracker in trackers:
            tracker.log(state.step, figures)

    def _figures(self) -> dict[str, float]:
        """More figures of the last validation, by name."""
        return {}

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
            examples=self._packs.examples,
            left_out=self._packs.left_out,
            tokens=state.tokens,
            seconds=state.spent_s,
            stopped_early=stopped_early,
        )
        if self._accelerator.is_main_process:
            self._write_trained()
            facts = {**asdict(result), "folder": self._out.name, "history": state.history, **self._figures()}
            write_atomically(self._out / RESULT, json.dumps(facts, indent=1).encode())
        return result


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Linear warm-up, then a cosine to a twentieth of the peak."""
    warmup = max(1, round(steps * settings.warmup_share))
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * done)))


def schedule(packs: Sequence[Pack], settings: TrainSettings) -> Iterator[list[Pack]]:
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
        return "bf16" if cpu_multiplies_bf16() else "no"
    return "bf16" if settings.precision == "bf16" else "no"


def cpu_multiplies_bf16() -> bool:
    """Whether this CPU has AMX, which multiplies bf16 several times as fast as single precision."""
    try:
        flags = _CPU_INFO.read_text("utf-8")
    except OSError:
        return False
    return "amx_bf16" in flags

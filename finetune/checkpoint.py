"""Checkpoints of a training run: safetensors and JSON only, whole or absent, and enough to go on exactly."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from finetune.errors import TrainingError
from knowledge_base.atomic import write_atomically

_LATEST = "latest.json"
_ADAPTER, _BEST, _OPTIMIZER, _STATE = "adapter", "best", "optimizer", "state.json"


@dataclass
class RunState:
    """Where a run stands.

    Attributes:
        identity: Hash of dataset, settings and base: another run's checkpoint is not taken up.
        step: Optimiser steps done; it is also the position in the data.
        history: (step, validation loss) of each validation.
        waited: Validations since the best one.
        spent_s: Seconds of training before this process.
    """

    identity: str
    step: int = 0
    loss: float = 0.0
    tokens: int = 0
    best_loss: float = float("inf")
    best_step: int = 0
    waited: int = 0
    spent_s: float = 0.0
    history: list[tuple[int, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Loaded:
    """A checkpoint read back: tensors by name, and the state."""

    state: RunState
    adapter: Mapping[str, Any]
    best: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    rng: Any


def save(
    folder: Path, state: RunState, adapter: Mapping[str, Any], best: Mapping[str, Any], optimizer: Any
) -> None:
    """Writes a checkpoint beside the last one, points to it, and removes the old.

    Raises:
        TrainingError: The folder cannot be written.
    """
    import torch
    from safetensors.torch import save_file

    name = _free_name(folder, state.step)
    staging = folder / f".{name}.tmp"
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        save_file(dict(adapter), staging / f"{_ADAPTER}.safetensors")
        save_file(dict(best or adapter), staging / f"{_BEST}.safetensors")
        save_file(_optimizer_tensors(optimizer), staging / f"{_OPTIMIZER}.safetensors")
        rng = torch.get_rng_state().numpy().tobytes().hex()
        write_atomically(staging / _STATE, json.dumps({**asdict(state), "rng": rng}).encode())
        staging.rename(folder / name)
        write_atomically(folder / _LATEST, json.dumps({"name": name}).encode())
        for old in [*folder.glob("step-*"), *folder.glob(".step-*.tmp")]:
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise TrainingError(
            f"The checkpoint cannot be written: {error.strerror}.", "Make room on the disk and start again."
        ) from error


def _free_name(folder: Path, step: int) -> str:
    """A name of its own for each checkpoint, so that the last one stays until the new one is whole."""
    name = f"step-{step:06d}"
    return f"{name}b" if (folder / name).exists() else name


def load(folder: Path, identity: str) -> Loaded | None:
    """The latest whole checkpoint of the run with this identity, or None."""
    import numpy as np
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        name = json.loads((folder / _LATEST).read_text("utf-8"))["name"]
        found = json.loads((folder / name / _STATE).read_text("utf-8"))
        if found["identity"] != identity:
            return None
        rng = torch.from_numpy(np.frombuffer(bytes.fromhex(found.pop("rng")), dtype=np.uint8).copy())
        state = RunState(**{**found, "history": [(int(s), float(v)) for s, v in found["history"]]})
        adapter, best, optimizer = (
            load_file(folder / name / f"{part}.safetensors") for part in (_ADAPTER, _BEST, _OPTIMIZER)
        )
        return Loaded(state, adapter, best if state.best_step else {}, optimizer, rng)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise TrainingError(
            f"The checkpoint in {folder.name} is damaged: {error}.", "Delete the folder to begin anew."
        ) from error


def _optimizer_tensors(optimizer: Any) -> dict[str, Any]:
    """AdamW's moments and step counts, by the parameter's place in the optimiser."""
    state = optimizer.state_dict()["state"]
    return {
        f"{i}.{key}": value.contiguous() for i, moments in state.items() for key, value in moments.items()
    }


def restore_optimizer(optimizer: Any, tensors: Mapping[str, Any]) -> None:
    """Puts the moments of a checkpoint back."""
    moments: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        place, key = name.split(".", 1)
        moments.setdefault(int(place), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})

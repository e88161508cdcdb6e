"""Whether a run fits: memory and time, estimated before it starts."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.errors import TrainingError
from finetune.packing import Pack
from finetune.settings import TrainSettings

_BYTES = 4
_PASSES = 4.0  # multiply-adds per weight and token: 2 forward, 2 backward through a frozen base
_OVERHEAD = 1.8  # attention, norms, adapter and optimiser beside the frozen matrices
_KEPT_PER_LAYER = 34  # activations of one token in one layer, in multiples of the hidden size
_ROUNDS, _PRODUCTS = (
    30,
    2,
)  # the fastest of several short rounds: other work slows some of them, never speeds one up
_BUSY_SHARE = 0.5
_LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run needs.

    Attributes:
        busy_share: How much of the processors other programs used just before, in [0, 1].
    """

    memory_bytes: int
    free_bytes: int
    seconds: float
    tokens: int
    busy_share: float = 0.0


def estimate(model: Any, packs: Sequence[Pack], epochs: float, settings: TrainSettings) -> Estimate:
    """Memory from the sizes of model and packs, time from the fastest of some short multiplications."""
    import torch

    tokens = int(sum(pack.tokens for pack in packs) * epochs)
    largest = max(pack.tokens for pack in packs)
    parameters = sum(p.numel() for p in model.parameters())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    config = model.config
    layers = 1 if settings.gradient_checkpointing else config.num_hidden_layers
    activations = largest * (layers * _KEPT_PER_LAYER + config.num_hidden_layers) * config.hidden_size
    attention = largest * largest * 2
    memory = _BYTES * (parameters + 4 * trained + activations + attention)
    on_gpu = torch.cuda.is_available()
    free = torch.cuda.mem_get_info()[0] if on_gpu else _free_memory()
    busy = 0.0 if on_gpu else _busy_share()  # before our own multiplications make it busy
    seconds = tokens * parameters * _PASSES * _OVERHEAD / _measured_flops("cuda" if on_gpu else "cpu")
    return Estimate(memory, free, seconds, tokens, busy)


def refuse_what_cannot_fit(needed: Estimate, settings: TrainSettings) -> None:
    """Stops a run before it wastes anybody's time.

    Raises:
        TrainingError: It needs more memory or time than the settings allow.
    """
    if needed.memory_bytes > needed.free_bytes * settings.max_memory_share:
        raise TrainingError(
            f"Training needs about {_gib(needed.memory_bytes)} of memory and {_gib(needed.free_bytes)} are free.",
            "Lower `pack_tokens` and `max_length`, set `gradient_checkpointing`, or choose a smaller base.",
        )
    if needed.seconds > settings.max_hours * 3600:
        raise TrainingError(
            f"Training on {needed.tokens} tokens would take about {needed.seconds / 3600:.1f} hours "
            f"and `max_hours` is {settings.max_hours:g}.{_said_of_load(needed)}",
            "Use fewer examples or epochs, or raise `max_hours`.",
        )


def _said_of_load(needed: Estimate) -> str:
    if needed.busy_share < _BUSY_SHARE:
        return ""
    return (
        f" Other programs use {needed.busy_share:.0%} of the processors right now, which makes it look longer: "
        "try again when they have ended."
    )


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def _busy_share() -> float:
    """Share of all processors that is used, measured for a moment in which this process does nothing."""
    import psutil

    return float(psutil.cpu_percent(interval=_LOOK_S)) / 100


def _measured_flops(device: str) -> float:
    """Floating point operations per second of a plain matrix product, undisturbed as far as can be."""
    import torch

    left, right = torch.ones(512, 576, device=device), torch.ones(576, 1536, device=device)
    (left @ right).sum().item()
    fastest_s = float("inf")
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        for _ in range(_PRODUCTS):
            product = left @ right
        product.sum().item()
        fastest_s = min(fastest_s, time.perf_counter() - start)
    return float(_PRODUCTS * 2 * 512 * 576 * 1536 / fastest_s)


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"

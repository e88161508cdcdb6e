"""What training changes in a model, as tensors by name: enough to put it back exactly, whatever the method."""

from collections.abc import Mapping
from typing import Any

_IMPORTANCE = ("ipt", "exp_avg_ipt", "exp_avg_unc")
_RANKS = "ranks"


def trained_tensors(model: Any) -> dict[str, Any]:
    """Copies of all trained parameters and, for AdaLoRA, of what it knows of their importance."""
    found = {n: _copied(p) for n, p in model.named_parameters() if p.requires_grad}
    allocator = _allocator(model)
    if allocator is not None:
        for kind in _IMPORTANCE:
            found |= {f"{kind}/{name}": _copied(value) for name, value in getattr(allocator, kind).items()}
        pattern = model.peft_config["default"].rank_pattern or {}
        found |= {f"{_RANKS}/{name}": _as_tensor(kept) for name, kept in pattern.items()}
    return found


def set_trained_tensors(model: Any, tensors: Mapping[str, Any]) -> None:
    """Puts back what `trained_tensors` copied."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                parameter.copy_(tensors[name])
    allocator = _allocator(model)
    if allocator is None:
        return
    for kind in _IMPORTANCE:
        setattr(allocator, kind, _below(tensors, kind))
    pattern = {name: value.bool().tolist() for name, value in _below(tensors, _RANKS).items()}
    model.peft_config["default"].rank_pattern = pattern or None


def _below(tensors: Mapping[str, Any], kind: str) -> dict[str, Any]:
    return {n.removeprefix(f"{kind}/"): _copied(v) for n, v in tensors.items() if n.startswith(f"{kind}/")}


def _allocator(model: Any) -> Any:
    return getattr(getattr(model, "base_model", None), "rankallocator", None)


def _copied(value: Any) -> Any:
    return value.detach().to("cpu").clone().contiguous()


def _as_tensor(kept: Any) -> Any:
    import torch

    return torch.tensor([bool(one) for one in kept], dtype=torch.uint8)

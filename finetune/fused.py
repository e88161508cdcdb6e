"""LoRA layers that compute the same with fewer passes over memory.

PEFT's layer multiplies, scales and adds in separate steps, each a pass over `[tokens, width]` forward and backward.
Here the update is accumulated into the product of the frozen weight, and its gradient into that of the input.
"""

from typing import Any


def fuse_lora(model: Any) -> int:
    """Replaces the forward of every plain LoRA layer; layers with dropout, DoRA or a quantised base stay.

    Returns:
        How many layers were fused.
    """
    import torch
    from peft.tuners.lora import Linear

    class Update(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, weight: Any, down: Any, up: Any, scale: float) -> Any:
            kept = down.dtype  # single precision, also where the frozen weights are bf16
            down, up = down.to(weight.dtype), up.to(weight.dtype)
            flat = x.reshape(-1, x.shape[-1]).to(weight.dtype)
            narrow = flat @ down.T
            ctx.save_for_backward(flat, narrow, weight, down, up)
            ctx.scale, ctx.shape, ctx.kept = scale, x.shape, kept
            wide = torch.addmm(flat @ weight.T, narrow, up.T, alpha=scale)
            return wide.reshape(*x.shape[:-1], weight.shape[0])

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> Any:
            flat, narrow, weight, down, up = ctx.saved_tensors
            wide = gradients[0].reshape(-1, gradients[0].shape[-1])
            back = (wide @ up).mul_(ctx.scale)
            d_x = None
            if ctx.needs_input_grad[0]:
                d_x = (wide @ weight).addmm_(back, down).reshape(ctx.shape)
            d_down, d_up = back.T @ flat, (wide.T @ narrow).mul_(ctx.scale)
            return d_x, None, d_down.to(ctx.kept), d_up.to(ctx.kept), None

    def forward_of(layer: Any) -> Any:
        down, up = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        weight, scale = layer.base_layer.weight, layer.scaling["default"]

        def forward(x: Any, *_: Any, **__: Any) -> Any:
            return Update.apply(x, weight, down, up, scale)  # type: ignore[no-untyped-call]

        return forward

    plain = [module for module in model.modules() if type(module) is Linear and _is_plain(module)]
    for layer in plain:
        layer.forward = forward_of(layer)
    return len(plain)


def _is_plain(layer: Any) -> bool:
    import torch

    return (
        type(layer.base_layer) is torch.nn.Linear
        and layer.base_layer.bias is None
        and layer.base_layer.weight.dtype in (torch.float32, torch.bfloat16)
        and list(layer.lora_A) == ["default"]
        and not layer.use_dora.get("default", False)
        and isinstance(layer.lora_dropout["default"], torch.nn.Identity)
    )

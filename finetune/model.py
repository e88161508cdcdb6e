"""The base model with an adapter to train on it, and the loss of a pack. The one place that loads them."""

from pathlib import Path
from typing import Any

from chatbot.errors import ModelError
from finetune.errors import TrainingError
from finetune.packing import Flat
from finetune.settings import TrainSettings

_SAID = "\x00said\x00"


def load_base(path: Path, *, quantize: bool = False) -> tuple[Any, Any]:
    """Tokenizer and model from a folder, or from a GGUF file whose weights are dequantised.

    Raises:
        ModelError: The files are no language model.
        TrainingError: Quantisation is wanted where it does not work.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    is_gguf = path.suffix == ".gguf"
    where: dict[str, Any] = {"gguf_file": path.name} if is_gguf else {}
    folder = path.parent if is_gguf else path
    extra = {"quantization_config": _four_bits(is_gguf=is_gguf)} if quantize else {}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **where)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **where, **extra)
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise ModelError(
            f"{path.name} cannot be loaded for training: {error}.",
            "Name a folder in Hugging Face format or a GGUF file of the llama architecture.",
        ) from error
    end_turns_as_the_template(tokenizer)
    return tokenizer, model


def end_turns_as_the_template(tokenizer: Any) -> None:
    """Takes the end of a turn from the chat template: releases of transformers differ in what a GGUF file ends with.

    An adapter that learns another end goes on after its answer, since engines stop at the template's.
    """
    if not tokenizer.chat_template:
        return
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _SAID}]
    end = tokenizer.apply_chat_template(turns, tokenize=False).rpartition(_SAID)[2].strip()
    if end in tokenizer.get_vocab():
        tokenizer.eos_token = end


def _four_bits(*, is_gguf: bool) -> Any:
    import importlib.util

    import torch
    from transformers import BitsAndBytesConfig

    if is_gguf or not torch.cuda.is_available() or importlib.util.find_spec("bitsandbytes") is None:
        raise TrainingError(
            "QLoRA needs a GPU, the package bitsandbytes, and a base that is not a GGUF file.",
            "Set `quantize_base` to false: LoRA on the full base gives the same or better quality.",
        )
    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def add_adapter(model: Any, settings: TrainSettings, total_steps: int) -> Any:
    """The model with a fresh adapter of the method that the settings name; the base is frozen."""
    from peft import get_peft_model

    return get_peft_model(model, _peft_config(settings, total_steps, model.config.num_hidden_layers))


def _peft_config(settings: TrainSettings, total_steps: int, layers: int) -> Any:
    from peft import AdaLoraConfig, LoraConfig, PrefixTuningConfig

    if settings.method == "prefix":
        return PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=settings.virtual_tokens)
    common: dict[str, Any] = {
        "task_type": "CAUSAL_LM",
        "r": settings.r,
        "lora_alpha": settings.lora_alpha,
        "lora_dropout": settings.lora_dropout,
        "target_modules": list(settings.target_modules),
    }
    if settings.first_layer:
        common["layers_to_transform"] = list(range(settings.first_layer, layers))
    if settings.method == "adalora":
        return AdaLoraConfig(
            **{**common, "r": 8},
            init_r=settings.r,
            target_r=max(1, settings.r // 2),
            tinit=total_steps // 10,
            tfinal=total_steps // 2,
            total_step=max(total_steps, 3),
        )
    return LoraConfig(**common, use_rslora=settings.method == "rslora", use_dora=settings.method == "dora")


def make_scorer(model: Any) -> Any:
    """A module whose forward gives the weighted sum of losses of a pack, `[]`.

    The 49k-word head is computed at the predicting positions only.
    """
    from torch import nn

    class Scorer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(
            self, input_ids: Any, positions: Any, mask: Any, predictors: Any, labels: Any, weights: Any
        ) -> Any:
            if mask is None:  # prefix tuning adds its own keys: no mask of ours
                hidden_logits = self.model(input_ids=input_ids, use_cache=False).logits[0, predictors]
            else:
                base = without_adapter(self.model)
                hidden = base.model(
                    input_ids=input_ids, position_ids=positions, attention_mask=mask, use_cache=False
                ).last_hidden_state
                hidden_logits = base.lm_head(hidden[0, predictors])
            losses = nn.functional.cross_entropy(hidden_logits.float(), labels, reduction="none")
            return (losses * weights).sum()

    return Scorer()


def without_adapter(model: Any) -> Any:
    """The causal language model itself, whose adapted layers stay adapted, whether or not PEFT wraps it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def tensors_of(flat: Flat, device: Any, *, with_mask: bool = True) -> dict[str, Any]:
    """A flattened pack as the scorer's arguments; the mask `[1, 1, tokens, tokens]` is true where one may look."""
    import torch

    segments = torch.tensor(flat.segments, device=device)
    parents = torch.tensor(flat.parents, device=device)[segments]
    positions = torch.tensor(flat.positions, device=device)
    same = (segments[:, None] == segments[None, :]) | (parents[:, None] == segments[None, :])
    mask = same & (positions[None, :] <= positions[:, None])
    predictors, labels, weights = zip(*flat.targets, strict=True)
    return {
        "input_ids": torch.tensor([flat.input_ids], device=device),
        "positions": positions[None],
        "mask": mask[None, None] if with_mask else None,
        "predictors": torch.tensor(predictors, device=device),
        "labels": torch.tensor(labels, device=device),
        "weights": torch.tensor(weights, device=device),
    }

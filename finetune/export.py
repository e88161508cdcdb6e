"""PEFT adapters to GGUF adapters for llama.cpp; vLLM loads PEFT's own folder.

llama.cpp interleaves the rotary halves of queries and keys, so the rows of their `lora_B` are permuted.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from chatbot.adapter_files import GGUF_WEIGHTS, PEFT_CONFIG, PEFT_WEIGHTS
from finetune.errors import ExportError

Array = npt.NDArray[np.float32]
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_KEY = re.compile(r"layers\.(\d+)\.(self_attn\.\w+|mlp\.\w+)\.lora_([AB])(?:\.\w+)?\.weight$")
_VLLM_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


@dataclass(frozen=True, slots=True)
class Heads:
    """How the base divides its attention.

    Attributes:
        queries: Query heads.
        keys: Key and value heads.
    """

    queries: int
    keys: int


def export_gguf(adapter_folder: Path, base: Path | None = None) -> Path:
    """Writes `adapter.gguf` beside the PEFT weights, whole or not at all.

    Args:
        base: GGUF file or folder of the base; the configured language model when None.

    Returns:
        The GGUF file.

    Raises:
        ExportError: The adapter is missing or damaged, or of a method that llama.cpp has no form for.
    """
    config, weights = read_peft(adapter_folder)
    heads = read_heads(base or _configured_base())
    tensors = dict(_tensor(name, value, heads) for name, value in weights.items())
    path = adapter_folder / GGUF_WEIGHTS
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        _write(temporary, tensors, _alpha(config))
        temporary.replace(path)
    except OSError as error:
        raise ExportError(f"{path.name} cannot be written: {error.strerror}.", "Make room.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def check_vllm(adapter_folder: Path) -> Path:
    """Makes sure that vLLM can load the folder as it is (`--enable-lora --lora-modules NAME=FOLDER`).

    Raises:
        ExportError: Its method or rank is none that vLLM serves.
    """
    config, _ = read_peft(adapter_folder)
    if config["r"] not in _VLLM_RANKS:
        raise ExportError(
            f"vLLM serves ranks {', '.join(map(str, _VLLM_RANKS))}, and this adapter has {config['r']}.",
            "Train with one of these ranks.",
        )
    return adapter_folder


def read_peft(folder: Path) -> tuple[dict[str, Any], Mapping[str, Array]]:
    """Configuration and weights of a LoRA adapter in PEFT's form.

    Raises:
        ExportError: It is missing, damaged, or not plain LoRA or rsLoRA.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = json.loads((folder / PEFT_CONFIG).read_text("utf-8"))
        weights = load_file(folder / PEFT_WEIGHTS)
        kind, has_magnitudes = str(config["peft_type"]).rpartition(".")[2], bool(config.get("use_dora"))
        is_lora = kind == "LORA" and float(config["r"]) > 0 and float(config["lora_alpha"]) > 0
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise ExportError(
            f"{folder.name} is no adapter in PEFT's form: {error}.", "Train it again."
        ) from error
    if not is_lora or has_magnitudes:
        raise ExportError(
            f"Adapters of the kind {'DoRA' if has_magnitudes else kind} have no form in llama.cpp or vLLM.",
            "Train with `method` lora or rslora, or serve it with the engine `transformers`.",
        )
    return config, weights


def read_heads(base: Path) -> Heads:
    """The attention heads of a base, from its GGUF header or its configuration.

    Raises:
        ExportError: The base is not of the llama architecture or cannot be read.
    """
    try:
        return _heads_of_gguf(base) if base.suffix == ".gguf" else _heads_of_folder(base)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(
            f"{base.name} is no base of the llama architecture.", "Name the base of the adapter."
        ) from error


def _heads_of_gguf(base: Path) -> Heads:
    import gguf

    fields = gguf.GGUFReader(base).fields
    if fields["general.architecture"].contents() != "llama":
        raise ValueError("another architecture")
    queries = int(fields["llama.attention.head_count"].contents())
    keys = fields.get("llama.attention.head_count_kv")
    return Heads(queries, int(keys.contents()) if keys else queries)


def _heads_of_folder(base: Path) -> Heads:
    config = json.loads((base / "config.json").read_text("utf-8"))
    if config["model_type"] != "llama":
        raise ValueError("another architecture")
    queries = int(config["num_attention_heads"])
    return Heads(queries, int(config.get("num_key_value_heads") or queries))


def _configured_base() -> Path:
    from finetune.lora import default_base

    return default_base()


def _tensor(name: str, value: Array, heads: Heads) -> tuple[str, Array]:
    match = _KEY.search(name)
    if not match or match[2] not in _NAMES:
        raise ExportError(
            f"The adapter's tensor {name} has no form in llama.cpp.", "Adapt linear layers only."
        )
    layer, module, side = match[1], _NAMES[match[2]], match[3].lower()
    rows = value.astype(np.float32)
    if side == "b" and module in ("attn_q", "attn_k"):
        rows = permuted(rows, heads.queries if module == "attn_q" else heads.keys)
    return f"blk.{layer}.{module}.weight.lora_{side}", np.ascontiguousarray(rows)


def permuted(rows: Array, heads: int) -> Array:
    """Rows `[heads * dim, r]` in llama.cpp's order: the two rotary halves of each head interleaved."""
    shape = (heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return rows.reshape(shape).swapaxes(1, 2).reshape(rows.shape)


def _alpha(config: Mapping[str, Any]) -> float:
    """llama.cpp scales by alpha / r; rsLoRA by alpha / sqrt(r)."""
    alpha = float(config["lora_alpha"])
    return alpha * math.sqrt(config["r"]) if config.get("use_rslora") else alpha


def _write(path: Path, tensors: Mapping[str, Array], alpha: float) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, value in sorted(tensors.items()):
        writer.add_tensor(name, value.astype(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

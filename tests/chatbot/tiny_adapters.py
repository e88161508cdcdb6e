"""Adapters made in a test: tiny ones for the files' sake, and some for the real base with an unmistakable effect."""

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import save_file

from chatbot.adapter_files import (
    GGUF_WEIGHTS,
    PEFT_CONFIG,
    PEFT_WEIGHTS,
    Adapter,
    AdapterManifest,
    Gate,
    erasure_key,
    load_adapter,
    write_manifest,
)
from chatbot.prompt import PROMPT_FORMAT

BASE_SHA256 = "b" * 64
MANIFEST = AdapterManifest(
    id="shop-1",
    base_model="smollm2-135m-instruct",
    base_sha256=BASE_SHA256,
    prompt_format=PROMPT_FORMAT,
    refusal_threshold=0.4,
    r=1,
    lora_alpha=1.0,
    dataset_hash="d" * 64,
    seed=7,
    metrics={"answer_f1": 0.9},
    files={},
    created_at="2026-01-01T00:00:00+00:00",
    conversations=(erasure_key("conversation-1"), erasure_key("conversation-2")),
    customers=(erasure_key("anna@wren.example"),),
)
PASSED, FAILED = Gate(True), Gate(False, ("It refuses too often.",))
PEFT_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip


def make_adapter(folder: Path, **changes: Any) -> Path:
    """A complete folder whose weights fit no real model."""
    folder.mkdir(parents=True)
    seed = changes.pop("weights_seed", 0)
    a, b = (np.random.default_rng(seed + n).normal(size=(4, 4)).astype(np.float32) for n in (0, 1))
    write_gguf(folder / GGUF_WEIGHTS, {"blk.0.attn_q.weight.lora_a": a, "blk.0.attn_q.weight.lora_b": b})
    write_peft(folder, {"q.lora_A.weight": a, "q.lora_B.weight": b}, r=4)
    (folder / "README.md").write_text("# Data card\n", encoding="utf-8")
    write_manifest(folder, replace(MANIFEST, **changes))
    return folder


def write_gguf(path: Path, tensors: Mapping[str, np.ndarray[Any, Any]], alpha: float = 1.0) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in tensors.items():
        writer.add_tensor(name, np.ascontiguousarray(tensor, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_peft(folder: Path, tensors: Mapping[str, np.ndarray[Any, Any]], r: int, alpha: float = 1.0) -> None:
    save_file(dict(tensors), folder / PEFT_WEIGHTS)
    modules = sorted(name.split(".")[-1] for name in PEFT_NAMES)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": r, "lora_alpha": alpha}
    (folder / PEFT_CONFIG).write_text(json.dumps({**config, "target_modules": modules}), encoding="utf-8")


def word_adapter(base: Path, folder: Path, word: str, base_sha256: str = BASE_SHA256) -> Adapter:
    """An adapter of the real base that says one word over and over, whatever it is asked.

    The last attention layer looks at the first token most of the time, so a constant direction is added to the
    residual stream: the word's own embedding, so large that nothing else is left.
    """
    embedding = _embeddings(base)[f"Ġ{word}"]
    folder.mkdir(parents=True)
    down = np.random.default_rng(0).normal(size=(1, len(embedding)))
    up = (-3000 * embedding / np.linalg.norm(embedding))[:, None]
    last = "blk.29.attn_output.weight"
    write_gguf(folder / GGUF_WEIGHTS, {f"{last}.lora_a": down, f"{last}.lora_b": up})
    write_manifest(folder, replace(MANIFEST, id=word, base_sha256=base_sha256))
    return load_adapter(folder)


@lru_cache(maxsize=1)
def _embeddings(base: Path) -> dict[str, np.ndarray[Any, Any]]:
    reader = gguf.GGUFReader(base)
    table = next(tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    words = reader.fields["tokenizer.ggml.tokens"].contents()
    wanted = {word: at for at, word in enumerate(words) if word in ("Ġred", "Ġten")}
    return {word: gguf.dequantize(table.data[[at]], table.tensor_type)[0] for word, at in wanted.items()}


def random_adapter(
    folder: Path, *, r: int = 4, size: float = 0.02, base_sha256: str = BASE_SHA256
) -> Adapter:
    """An adapter of the real base with random weights on all linear layers, in both forms."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(5)
    sizes = {"q_proj": (576, 576), "k_proj": (576, 192), "v_proj": (576, 192), "o_proj": (576, 576)}
    sizes |= {"gate_proj": (576, 1536), "up_proj": (576, 1536), "down_proj": (1536, 576)}
    peft: dict[str, np.ndarray[Any, Any]] = {}
    served: dict[str, np.ndarray[Any, Any]] = {}
    for layer in range(30):
        for module, name in PEFT_NAMES.items():
            takes, gives = sizes[module.split(".")[1]]
            a = random.normal(scale=size, size=(r, takes)).astype(np.float32)
            b = random.normal(scale=size, size=(gives, r)).astype(np.float32)
            place = f"base_model.model.model.layers.{layer}.{module}"
            peft |= {f"{place}.lora_A.weight": a, f"{place}.lora_B.weight": b}
            heads = {"attn_q": 9, "attn_k": 3}.get(name)
            served[f"blk.{layer}.{name}.weight.lora_a"] = a
            served[f"blk.{layer}.{name}.weight.lora_b"] = _interleaved(b, heads) if heads else b
    write_gguf(folder / GGUF_WEIGHTS, served, alpha=float(2 * r))
    write_peft(folder, peft, r, alpha=2 * r)
    write_manifest(folder, replace(MANIFEST, id="random", base_sha256=base_sha256, r=r, lora_alpha=2 * r))
    return load_adapter(folder)


def _interleaved(rows: np.ndarray[Any, Any], heads: int) -> np.ndarray[Any, Any]:
    """llama.cpp keeps the two rotary halves of each head side by side."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)

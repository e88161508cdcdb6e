"""Adapters in llama.cpp's form: the same numbers under its names, its order of heads, its scale."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from chatbot.generators.base import ChatTurn
from finetune.encoding import prompt_ids
from finetune.errors import ExportError
from finetune.export import Heads, check_vllm, export_gguf, permuted, read_heads, read_peft
from finetune.lora import save_adapter
from finetune.model import add_adapter, load_base
from finetune.settings import Method, TrainSettings
from tests.conftest import ModelFiles
from tests.finetune.tiny import save_tiny_base, tiny_model

HEADS = Heads(queries=4, keys=2)


def _randomised(model: torch.nn.Module, std: float = 0.1) -> torch.nn.Module:
    torch.manual_seed(3)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=std)
    return model


def _adapter(folder: Path, method: Method = "lora", r: int = 8) -> Path:
    model = _randomised(add_adapter(tiny_model(), TrainSettings(method=method, r=r, lora_alpha=16), 10))
    save_adapter(model, folder)
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_base(tmp_path_factory.mktemp("base"))


def test_every_tensor_has_its_pair_under_the_names_of_llama_cpp(tmp_path: Path, base: Path) -> None:
    reader = gguf.GGUFReader(export_gguf(_adapter(tmp_path), base))
    names = {tensor.name for tensor in reader.tensors}
    modules = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")
    assert names == {f"blk.{n}.{m}.weight.lora_{s}" for n in (0, 1) for m in modules for s in "ab"}
    assert reader.fields["general.type"].contents() == "adapter"
    assert reader.fields["adapter.type"].contents() == "lora"
    assert reader.fields["general.architecture"].contents() == "llama"
    assert reader.fields["adapter.lora.alpha"].contents() == 16.0


def test_the_numbers_are_those_of_the_adapter_with_query_and_key_rows_permuted(
    tmp_path: Path, base: Path
) -> None:
    _, weights = read_peft(_adapter(tmp_path))
    tensors = {t.name: np.array(t.data) for t in gguf.GGUFReader(export_gguf(tmp_path, base)).tensors}
    prefix = "base_model.model.model.layers.1"
    for module, name, heads in (
        ("self_attn.q_proj", "attn_q", HEADS.queries),
        ("self_attn.k_proj", "attn_k", HEADS.keys),
        ("mlp.down_proj", "ffn_down", 0),
    ):
        up = weights[f"{prefix}.{module}.lora_B.weight"]
        expected = permuted(up, heads) if heads else up
        assert np.allclose(tensors[f"blk.1.{name}.weight.lora_b"], expected, atol=1e-3)
        down = weights[f"{prefix}.{module}.lora_A.weight"]
        assert np.allclose(tensors[f"blk.1.{name}.weight.lora_a"], down, atol=1e-3)


def test_permuted_rows_interleave_the_rotary_halves_of_each_head() -> None:
    rows = np.arange(16, dtype=np.float32).reshape(16, 1)
    assert permuted(rows, 2)[:, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]


def test_the_scale_of_rslora_is_kept(tmp_path: Path, base: Path) -> None:
    reader = gguf.GGUFReader(export_gguf(_adapter(tmp_path, "rslora", r=4), base))
    assert reader.fields["adapter.lora.alpha"].contents() / 4 == pytest.approx(16 / 4**0.5)


@pytest.mark.parametrize("method", ["dora", "adalora", "prefix"])
def test_methods_without_a_form_in_llama_cpp_are_refused(tmp_path: Path, base: Path, method: Method) -> None:
    with pytest.raises(ExportError, match="have no form"):
        export_gguf(_adapter(tmp_path, method), base)
    assert not (tmp_path / "adapter.gguf").exists()


def test_a_folder_without_an_adapter_is_a_clear_error(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ExportError, match="no adapter"):
        export_gguf(tmp_path, base)


def test_damaged_weights_are_a_clear_error(tmp_path: Path, base: Path) -> None:
    (_adapter(tmp_path) / "adapter_model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ExportError, match="no adapter"):
        export_gguf(tmp_path, base)


@pytest.mark.parametrize("config", [{"model_type": "gpt2"}, {}, [], {"model_type": "llama"}])
def test_a_base_of_another_architecture_is_refused(tmp_path: Path, config: object) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(ExportError, match="llama architecture"):
        read_heads(tmp_path)


def test_a_base_that_is_no_gguf_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "base.gguf").write_bytes(b"x" * 64)
    with pytest.raises(ExportError, match="llama architecture"):
        read_heads(tmp_path / "base.gguf")


def test_vllm_is_told_which_ranks_it_serves(tmp_path: Path) -> None:
    assert check_vllm(_adapter(tmp_path / "eight")) == tmp_path / "eight"
    with pytest.raises(ExportError, match="and this adapter has 3"):
        check_vllm(_adapter(tmp_path / "three", r=3))


@pytest.mark.models
def test_llama_cpp_with_the_exported_adapter_agrees_with_torch(
    model_files: ModelFiles, tmp_path: Path
) -> None:
    from chatbot.generators.llama_cpp import LlamaCppGenerator

    tokenizer, model = load_base(model_files.llm)
    adapted = _randomised(add_adapter(model, TrainSettings(r=8, lora_alpha=16), 10), std=0.25)
    save_adapter(adapted, tmp_path)
    generator = LlamaCppGenerator(
        model_files.llm,
        context_tokens=512,
        parallel_turns=1,
        threads=1,
        adapters={"a": export_gguf(tmp_path, model_files.llm)},
    )
    prompt = [ChatTurn("system", "You are helpful."), ChatTurn("user", "Name a colour of the rainbow.")]
    options = ("Red", "Blue", "The", "Green", "A", "I")
    try:
        told = generator.choose(prompt, options)
    finally:
        generator.close()
    with torch.no_grad():
        logits = adapted(input_ids=torch.tensor([prompt_ids(tokenizer, prompt)])).logits[0, -1]
        with adapted.disable_adapter():
            bare = adapted(input_ids=torch.tensor([prompt_ids(tokenizer, prompt)])).logits[0, -1]
    tokens = [tokenizer(option, add_special_tokens=False)["input_ids"][0] for option in options]
    expected = torch.log_softmax(logits, 0)[tokens]
    unadapted = torch.log_softmax(bare, 0)[tokens]
    found = torch.tensor(told).log()
    assert (found - expected).abs().mean() < (found - unadapted).abs().mean() / 3

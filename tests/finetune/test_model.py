"""The loss of a pack is that of its examples alone, whatever they share."""

import pytest
import torch

from finetune.dataset.from_knowledge_base import build_examples
from finetune.encoding import encode_all
from finetune.fused import fuse_lora
from finetune.model import add_adapter, end_turns_as_the_template, make_scorer, tensors_of
from finetune.packing import Encoded, Pack, Tree, flatten, grow_trees, pack
from finetune.settings import DatasetSettings, Method, TrainSettings
from tests.finetune.help_pages import WordBase, documents
from tests.finetune.tiny import tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def examples() -> list[Encoded]:
    made = build_examples(WordBase(documents()), DatasetSettings(examples=14, passages=2), 7)
    encoded, left_out = encode_all(tiny_tokenizer(), made, max_length=4000, mark_weight=3.0)
    assert not left_out
    return encoded


def _adapted(method: Method = "lora") -> torch.nn.Module:
    model = add_adapter(tiny_model(), TrainSettings(r=4, lora_alpha=8, method=method), 10)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def _loss(model: torch.nn.Module, packs: list[Pack]) -> torch.Tensor:
    scorer = make_scorer(model)
    return sum(scorer(**tensors_of(flatten(one), "cpu")) for one in packs)


def _reference(model: torch.nn.Module, examples: list[Encoded]) -> torch.Tensor:
    """Each example alone, through the model's own forward."""
    total = torch.zeros(())
    for one in examples:
        logits = model(input_ids=torch.tensor([one.input_ids])).logits[0, :-1]
        losses = torch.nn.functional.cross_entropy(logits, torch.tensor(one.labels[1:]), reduction="none")
        total = total + (losses * torch.tensor(one.weights[1:])).sum()
    return total


@pytest.mark.parametrize("max_examples", [0, 2])
@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "adalora"])
def test_packed_losses_and_gradients_are_those_of_the_examples_alone(
    examples: list[Encoded], method: Method, max_examples: int
) -> None:
    packed, alone = _adapted(method), _adapted(method)
    packs = pack(grow_trees(examples, 4000, max_examples), 8000)
    assert sum(p.tokens for p in packs) < sum(map(len, examples))
    losses = [_loss(packed, packs), _reference(alone, examples)]
    for loss in losses:
        loss.backward()
    assert torch.allclose(*losses, rtol=1e-4)
    for (name, one), (_, other) in zip(packed.named_parameters(), alone.named_parameters(), strict=True):
        if one.requires_grad and one.grad is not None:
            assert torch.allclose(one.grad, other.grad, rtol=1e-3, atol=1e-4), name


def test_a_packed_example_is_not_changed_by_its_neighbour(examples: list[Encoded]) -> None:
    model = _adapted()
    with torch.no_grad():
        alone = _loss(model, [Pack((Tree(0, (examples[0],)),))])
        both = _loss(model, [Pack((Tree(0, (examples[0],)), Tree(0, (examples[-1],))))])
        other = _loss(model, [Pack((Tree(0, (examples[-1],)),))])
    assert torch.allclose(both, alone + other, rtol=1e-5)


def test_a_prefix_learns_from_unpacked_examples(examples: list[Encoded]) -> None:
    model = add_adapter(tiny_model(), TrainSettings(method="prefix", virtual_tokens=3), 10)
    scorer = make_scorer(model)
    flat = flatten(Pack((Tree(0, (examples[0],)),)))
    loss = scorer(**tensors_of(flat, "cpu", with_mask=False))
    loss.backward()
    assert torch.isfinite(loss)
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_only_the_layers_that_are_named_are_adapted() -> None:
    model = add_adapter(tiny_model(), TrainSettings(first_layer=1), 10)
    adapted = {name.split("layers.")[1][0] for name, _ in model.named_parameters() if "lora_" in name}
    assert adapted == {"1"}


def test_a_fused_model_gives_the_losses_and_gradients_of_peft() -> None:
    plain, fused = _adapted(), _adapted()
    assert fuse_lora(fused) == 14
    ids = torch.randint(3, 90, (1, 17))
    losses = [model(input_ids=ids, labels=ids).loss for model in (plain, fused)]
    for loss in losses:
        loss.backward()
    assert torch.allclose(*losses, atol=1e-6)
    for (name, one), (_, other) in zip(plain.named_parameters(), fused.named_parameters(), strict=True):
        if one.requires_grad:
            assert torch.allclose(one.grad, other.grad, atol=1e-6), name


@pytest.mark.parametrize("changed", [{"lora_dropout": 0.1}, {"method": "dora"}])
def test_layers_that_compute_something_else_are_not_fused(changed: dict[str, object]) -> None:
    assert fuse_lora(add_adapter(tiny_model(), TrainSettings(r=4, **changed), 10)) == 0


def test_a_turn_ends_as_the_chat_template_ends_it_whatever_the_tokenizer_took_for_the_end() -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.eos_token = "<|im_start|>"
    end_turns_as_the_template(tokenizer)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|im_end|>", 2)
    tokenizer.chat_template = None
    tokenizer.eos_token = "<|im_start|>"
    end_turns_as_the_template(tokenizer)
    assert tokenizer.eos_token == "<|im_start|>"

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from finetune.evaluation_rows import EvaluationError
from finetune.heldout import heldout_loss
from tests.finetune.answering_model import ROWS

TEMPLATE = (
    "{% for m in messages %}<|im_start|> {{ m['role'] }} {{ m['content'] }} <|im_end|> {% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    texts = [turn.content for row in ROWS for turn in row.prompt] + [row.references[0] for row in ROWS]
    splitter = pre_tokenizers.Whitespace()
    pieces = {piece for text in texts for piece, _ in splitter.pre_tokenize_str(text)}
    names = ["<unk>", "<|im_start|>", "<|im_end|>", "system", "user", "assistant", *sorted(pieces)]
    inner = Tokenizer(
        models.WordLevel({name: at for at, name in enumerate(dict.fromkeys(names))}, unk_token="<unk>")
    )
    inner.pre_tokenizer = splitter
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        unk_token="<unk>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    )
    made.chat_template = TEMPLATE
    return made


@pytest.fixture(scope="module")
def model(tokenizer: Any) -> Any:
    torch.set_num_threads(1)  # threads of a model this small only wait for each other
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
        )
    )


def test_an_untrained_model_is_about_as_surprised_as_by_chance(model: Any, tokenizer: Any) -> None:
    measured = heldout_loss(ROWS, model, tokenizer)
    assert measured.loss == pytest.approx(math.log(len(tokenizer)), rel=0.1)
    assert measured.scores.keys() == {row.key for row in ROWS}


def test_the_loss_is_that_of_the_answers_tokens_and_of_no_others(model: Any, tokenizer: Any) -> None:
    row = ROWS[0]
    messages = [{"role": t.role, "content": t.content} for t in row.prompt]
    prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    before = len(tokenizer(prompt)["input_ids"])
    ids = torch.tensor([tokenizer(f"{prompt}{row.references[0]} <|im_end|>")["input_ids"]])
    labels = ids.clone()
    labels[:, :before] = -100
    with torch.inference_mode():
        expected = float(model(input_ids=ids, labels=labels).loss)
    measured = heldout_loss([row], model, tokenizer)
    assert measured.loss == pytest.approx(expected, rel=1e-4)
    assert measured.tokens == ids.shape[1] - before


def test_training_on_the_answers_lowers_it(model: Any, tokenizer: Any) -> None:
    before = heldout_loss(ROWS, model, tokenizer).loss
    state = {name: value.clone() for name, value in model.state_dict().items()}
    ids = torch.tensor([[*tokenizer(ROWS[0].references[0])["input_ids"], tokenizer.eos_token_id]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(20):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    after = heldout_loss([ROWS[0]], model, tokenizer).loss
    model.load_state_dict(state)
    assert after < before / 2


def test_rows_beyond_the_window_are_counted_and_left_out(model: Any, tokenizer: Any) -> None:
    lengths = sorted(heldout_loss([row], model, tokenizer).tokens for row in ROWS)
    assert lengths[0] < lengths[-1]
    with pytest.raises(EvaluationError, match="fits into 10 tokens"):
        heldout_loss(ROWS, model, tokenizer, max_length=10)


def test_the_model_keeps_its_mode(model: Any, tokenizer: Any, tmp_path: Path) -> None:
    model.train()
    heldout_loss(ROWS[:1], model, tokenizer)
    assert model.training
    model.eval()

"""What llama.cpp serves with the exported adapter is what torch and PEFT say: greedy, the same base in f16."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from chatbot.generators.base import Prompt
from chatbot.generators.llama_cpp import LlamaCppGenerator
from chatbot.prompt import Passage, Question, render_conversation
from finetune.encoding import prompt_ids
from finetune.export import export_gguf
from finetune.lora import save_adapter
from finetune.model import add_adapter, load_base
from finetune.settings import TrainSettings
from tests.conftest import EXAMPLES, ModelFiles
from tests.finetune.f16_base import write_f16

PROMPTS, TOKENS, BATCH = 50, 16, 25
NEAR_TIE = 0.05
"""Logits nearer than this are a tie: llama.cpp multiplies f16 weights and keeps keys and values in f16."""
EQUAL = 45
"""At least so many are equal in every token; other processors break other ties."""
_PASSAGE = "You can send an opened product back within 45 days. The label is free."


@dataclass(frozen=True)
class Said:
    """An answer of torch: its text after each token, and by how much each token won."""

    texts: tuple[str, ...]
    margins: tuple[float, ...]

    def margin_at_difference(self, other: str) -> float:
        """By how much the first token won that is not in the other answer."""
        wrong = (i for i, text in enumerate(self.texts) if not other.startswith(text))
        return self.margins[next(wrong, len(self.margins) - 1)]


def prompts() -> list[Prompt]:
    lines = (EXAMPLES / "questions.jsonl").read_text("utf-8").splitlines()
    asked = [row["question"] for row in map(json.loads, lines) if row.get("question", "").isascii()]
    passages = [Passage(1, "returns", "Returns", "", _PASSAGE)]
    return [render_conversation("Wrenfield", [], passages, Question(text)) for text in asked[:PROMPTS]]


def adapted(base: Path, folder: Path) -> tuple[Any, Any]:
    """The base with an adapter that says something else, in the half precision in which it is shipped."""
    tokenizer, model = load_base(base)
    model = add_adapter(model, TrainSettings(r=8, lora_alpha=16), 10)
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
            if "lora_" in name:
                parameter.copy_(parameter.half().float())
    save_adapter(model, folder)
    return tokenizer, model.eval()


def greedy(tokenizer: Any, model: Any, asked: Sequence[Prompt]) -> Iterator[Said]:
    tokenizer.padding_side = "left"
    for start in range(0, len(asked), BATCH):
        ids = [prompt_ids(tokenizer, prompt) for prompt in asked[start : start + BATCH]]
        padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")
        made = model.generate(
            **padded, max_new_tokens=TOKENS, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
        new = made.sequences[:, padded["input_ids"].shape[1] :]
        for row, tokens in enumerate(new):
            length = next((i for i, t in enumerate(tokens) if t == tokenizer.eos_token_id), len(tokens))
            steps = [logits[row].topk(2).values for logits in made.logits[: length + 1]]
            yield Said(
                tuple(tokenizer.decode(tokens[: n + 1], skip_special_tokens=True) for n in range(len(steps))),
                tuple(float(best - second) for best, second in steps),
            )


@pytest.mark.models
@pytest.mark.timeout(1800)  # a minute or two; the machines of tests are busy
def test_served_answers_are_those_of_torch_and_peft(model_files: ModelFiles, tmp_path: Path) -> None:
    base = write_f16(model_files.llm, tmp_path / "base-f16.gguf")
    tokenizer, model = adapted(base, tmp_path / "adapter")
    asked = prompts()
    with torch.inference_mode():
        expected = list(greedy(tokenizer, model, asked))
    del model
    gguf_adapter = export_gguf(tmp_path / "adapter", base)
    generator = LlamaCppGenerator(base, context_tokens=512, parallel_turns=1, adapters={"a": gguf_adapter})
    try:
        served = ["".join(generator.stream(prompt, max_new_tokens=TOKENS)) for prompt in asked]
        bare = ["".join(generator.stream(p, adapter="none", max_new_tokens=TOKENS)) for p in asked[:10]]
    finally:
        generator.close()
    assert len(asked) == PROMPTS
    assert sum(text != plain for text, plain in zip(served, bare, strict=False)) >= 5
    differ = [(s, e) for s, e in zip(served, expected, strict=True) if s != e.texts[-1]]
    margins = [e.margin_at_difference(s) for s, e in differ]
    print(f"{PROMPTS - len(differ)} of {PROMPTS} equal; margins where they part: {margins}")
    assert all(margin < NEAR_TIE for margin in margins), differ
    assert len(differ) <= PROMPTS - EQUAL, margins

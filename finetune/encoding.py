"""Examples to tokens: the chat template of serving, and labels on the assistant's words only."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from chatbot.generators.base import ChatTurn
from finetune.dataset.example import Example
from finetune.packing import IGNORE, Encoded

_LEADING_MARK = re.compile(r"\[\d\]")


def encode(tokenizer: Any, example: Example, mark_weight: float = 1.0) -> Encoded:
    """The example's prompt and answer as the model reads them when it answers.

    Args:
        mark_weight: Weight of the number in the mark that begins the answer: it chooses the passage or refuses.
    """
    prompt = prompt_ids(tokenizer, example.prompt)
    answer, weights = answer_of(tokenizer, example, mark_weight)
    return Encoded(
        (*prompt, *answer),
        (*([IGNORE] * len(prompt)), *answer),
        (*([0.0] * len(prompt)), *weights),
    )


def answer_of(tokenizer: Any, example: Example, mark_weight: float) -> tuple[list[int], list[float]]:
    """The answer and the end of its turn in tokens, and the weight of each in the loss."""
    answer = list(tokenizer(example.answer, add_special_tokens=False)["input_ids"])
    answer.append(tokenizer.eos_token_id)
    weights = [1.0] * len(answer)
    if _LEADING_MARK.match(example.answer) and len(answer) > 1:
        weights[1] = mark_weight
    return answer, weights


def prompt_ids(tokenizer: Any, prompt: Sequence[ChatTurn]) -> list[int]:
    """The prompt in tokens, up to where the assistant begins to speak."""
    messages = [{"role": t.role, "content": t.content} for t in harmless_turns(tokenizer, prompt)]
    encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
    return list(encoded["input_ids"])


def harmless_turns(tokenizer: Any, prompt: Sequence[ChatTurn]) -> list[ChatTurn]:
    """The prompt with control tokens split where they stand in somebody's text."""
    return [ChatTurn(turn.role, harmless(tokenizer, turn.content)) for turn in prompt]


def harmless(tokenizer: Any, text: str) -> str:
    """Splits control tokens where they stand in somebody's text, as the engines do."""
    for special in tokenizer.all_special_tokens:
        text = text.replace(special, f"{special[0]} {special[1:]}")
    return text


def encode_all(
    tokenizer: Any, examples: Iterable[Example], *, max_length: int, mark_weight: float = 1.0
) -> tuple[list[Encoded], int]:
    """All examples up to `max_length` tokens in their order, and how many were longer."""
    encoded = [encode(tokenizer, example, mark_weight) for example in examples]
    kept = [one for one in encoded if len(one) <= max_length]
    return kept, len(encoded) - len(kept)

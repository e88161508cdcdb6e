"""The loss on held-out answers: how surprised the model is by what a good agent wrote. Needs torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from finetune.answering import Progress, no_progress
from finetune.evaluation_rows import EvaluationError, EvaluationRow
from finetune.metrics import Scores


@dataclass(frozen=True, slots=True)
class HeldoutLoss:
    """Mean negative log likelihood in nats per token of the assistant's words.

    Attributes:
        scores: `heldout_loss` of each row by its key, to be compared pair by pair.
        left_out: Rows longer than the window.
    """

    loss: float
    tokens: int
    scores: Scores
    left_out: int = 0


def heldout_loss(
    rows: Sequence[EvaluationRow],
    model: Any,
    tokenizer: Any,
    *,
    max_length: int = 2048,
    progress: Progress = no_progress,
) -> HeldoutLoss:
    """Scores each row's first reference after its prompt, with the chat template of serving.

    Args:
        model: A causal language model of transformers, with or without a PEFT adapter.

    Raises:
        EvaluationError: No row fits into `max_length` tokens.
    """
    import torch

    was_training = model.training
    model.eval()
    scores: dict[str, dict[str, float | None]] = {}
    total, tokens, left_out = 0.0, 0, 0
    with torch.inference_mode():
        for done, row in enumerate(rows):
            progress(done, len(rows))
            prompt, answer = _token_ids(tokenizer, row)
            if len(prompt) + len(answer) > max_length:
                left_out += 1
                continue
            loss = _summed_loss(model, prompt, answer)
            scores[row.key] = {"heldout_loss": loss / len(answer)}
            total, tokens = total + loss, tokens + len(answer)
    model.train(was_training)
    if not tokens:
        raise EvaluationError(f"None of {len(rows)} rows fits into {max_length} tokens.")
    return HeldoutLoss(total / tokens, tokens, scores, left_out)


def _summed_loss(model: Any, prompt: Sequence[int], answer: Sequence[int]) -> float:
    """The answer's negative log likelihood; the head is computed at the predicting positions only."""
    import torch

    inputs = torch.tensor([[*prompt, *answer[:-1]]], device=model.device)  # [1, tokens]
    logits = model(input_ids=inputs, logits_to_keep=len(answer)).logits[0].float()  # [answer, vocabulary]
    wanted = torch.tensor(list(answer), device=logits.device)
    return float(torch.nn.functional.cross_entropy(logits, wanted, reduction="sum"))


def _token_ids(tokenizer: Any, row: EvaluationRow) -> tuple[list[int], list[int]]:
    """Prompt and answer in tokens; the answer ends with the end of the turn."""
    messages = [{"role": t.role, "content": _harmless(tokenizer, t.content)} for t in row.prompt]
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    prompt, answer = (tokenizer(t, add_special_tokens=False)["input_ids"] for t in (text, row.references[0]))
    return list(prompt), [*answer, tokenizer.eos_token_id]


def _harmless(tokenizer: Any, text: str) -> str:
    """Splits control tokens where they stand in somebody's text, as the engines do."""
    for special in tokenizer.all_special_tokens:
        text = text.replace(special, f"{special[0]} {special[1:]}")
    return text

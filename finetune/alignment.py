"""Before the language model reads them, visual tokens learn to name what they show.

The projector alone is trained: a question's words look for the visual tokens that matter, and the words of the answer
must be the nearest ones, in the language model's own embedding space, to what is found. It costs a thousandth of a
step of the language model; the parts that look are thrown away.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from finetune.packing import IGNORE
from finetune.vision_encoding import EncodedQuestion

_SCREENS = 16
_HEADS = 8
_RATE = 1e-3
_SHARPNESS = 12.0
_SIZE_WEIGHT = 0.05


@dataclass(frozen=True, slots=True)
class Named:
    """A question of one picture, and the words of its answer, as numbers of tokens."""

    picture: int
    asked: tuple[int, ...]
    answer: tuple[int, ...]


def named_of(questions: Sequence[EncodedQuestion]) -> list[Named]:
    """What there is to learn of questions about pictures."""
    return [
        Named(one.picture, one.words, tuple(label for label in one.labels if label != IGNORE)[:-1])
        for one in questions
        if one.picture >= 0 and one.words
    ]  # an answer without the end of its turn


def align(
    projector: Any,
    embeddings: Any,
    features: Sequence[Any],
    questions: Sequence[Named],
    *,
    steps: int,
    seed: int,
    is_bf16: bool = False,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> None:
    """Trains the projector in place.

    Args:
        embeddings: Of the language model's words, `[vocabulary, width]`; the projector is on the same device.
        features: Of each picture, `[patches, tower width]`.
        is_bf16: Multiply in bf16, where that is faster.
        tell: Called now and then with the step and the mean loss since the last time.
    """
    import torch

    torch.manual_seed(seed)
    device = embeddings.device
    looker = _make_looker(projector, embeddings.detach().float(), questions).to(device)
    optimizer = torch.optim.AdamW(looker.parameters(), lr=_RATE, betas=(0.9, 0.99))
    rise = max(0.05, 2 / steps)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps, pct_start=rise)
    by_picture: dict[int, list[Named]] = {}
    for question in questions:
        by_picture.setdefault(question.picture, []).append(question)
    chance = random.Random(seed)  # noqa: S311 (an order, not a secret)
    summed = 0.0
    for step in range(1, steps + 1):
        drawn = chance.sample(sorted(by_picture), min(_SCREENS, len(by_picture)))
        seen = torch.stack([features[p] for p in drawn]).to(device).float()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
            loss = looker(seen, [by_picture[p] for p in drawn])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rates.step()
        summed += loss.item()
        if step % 100 == 0:
            tell(step, summed / 100)
            summed = 0.0


def _make_looker(projector: Any, embeddings: Any, questions: Sequence[Named]) -> Any:
    import torch
    from torch import nn

    words = sorted({token for one in questions for token in one.answer})
    places = {token: place for place, token in enumerate(words)}
    width, size = embeddings.shape[1], embeddings.norm(dim=1).mean()
    unit = nn.functional.normalize(embeddings[words], dim=1)

    class Looker(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.projector = projector
            self.query = nn.Linear(width, width)
            self.key = nn.Linear(width, width)
            self.sharpness = nn.Parameter(torch.tensor(_SHARPNESS))

        def forward(self, features: Any, asked: Sequence[Sequence[Named]]) -> Any:
            visual = self.projector(features)
            rows = torch.tensor(
                [row for row, some in enumerate(asked) for _ in some], device=embeddings.device
            )
            found = self._look(visual, rows, [one for some in asked for one in some])
            logits = self.sharpness * nn.functional.normalize(found, dim=1) @ unit.T
            wanted = self._wanted([one for some in asked for one in some]).to(logits.device)
            named = -(wanted * logits.log_softmax(1)).sum(1).mean()
            return named + _SIZE_WEIGHT * (visual.norm(dim=-1) / size - 1).square().mean()

        def _wanted(self, asked: Sequence[Named]) -> Any:
            """The share of each word in each answer: `[questions, words]`."""
            wanted = torch.zeros(len(asked), len(words))
            for row, one in enumerate(asked):
                for token in one.answer:
                    wanted[row, places[token]] += 1.0 / len(one.answer)
            return wanted

        def _look(self, visual: Any, rows: Any, asked: Sequence[Named]) -> Any:
            """What each question finds: `[questions, width]`, the mean over heads of the tokens they look at."""
            said = torch.stack([embeddings[list(one.asked)].mean(0) for one in asked]) / size
            queries = self.query(said).unflatten(1, (_HEADS, -1))
            keys = self.key(visual / size).unflatten(2, (_HEADS, -1))[rows]
            scores = torch.einsum("qhd,qthd->qht", queries, keys) / keys.shape[-1] ** 0.5
            return torch.einsum("qht,qtd->qd", scores.softmax(-1), visual[rows]) / _HEADS

    return Looker()

"""Contrastive training of an embedder: each question nearer to its own passage than to those of the others.

The loss is multiple negatives ranking (Henderson et al. 2017) as sentence-transformers has it; the loop is ours, as
that library's trainer needs the `datasets` package and cannot keep passages of one article out of each other's way.
The weights are then averaged with those before (Wortsman et al. 2022, robust fine-tuning): what the model knew of
other subjects stays, and so does the scale of its similarities, on which thresholds rest.
"""

import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge_base.errors import IndexUnavailableError
from knowledge_base.report import Progress
from knowledge_base.tuning.pairs import Pair

_WEIGHTS = "model.safetensors"
_MANIFEST = "manifest.json"  # says what the folder was fetched from, which no longer holds


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an embedder is tuned.

    Attributes:
        batch: Pairs compared with each other.
        learning_rate: Its highest, after a tenth of the steps; it then falls in a line to 0.
        scale: Cosines are multiplied by it before the softmax.
        new_weight: Share of the trained weights in the average with those before.
        max_pairs: A random part of more than so many.
        max_tokens: Longer texts are cut, in training alone: what a passage is about stands at its beginning.
    """

    epochs: int = 3
    batch: int = 32
    learning_rate: float = 2e-5
    scale: float = 20.0
    new_weight: float = 0.7
    max_pairs: int = 20_000
    max_tokens: int = 96
    seed: int = 1


def train(
    base: Path, folder: Path, pairs: Sequence[Pair], recipe: Recipe, threads: int, progress: Progress
) -> None:
    """Writes a tuned copy of the model folder `base` to `folder`.

    Args:
        progress: Called before each step with steps done, steps in all and the loss so far.

    Raises:
        IndexUnavailableError: The model has weights in no single safetensors file.
    """
    import torch

    if not (base / _WEIGHTS).is_file():
        raise IndexUnavailableError(f"{base} holds no {_WEIGHTS}; such a model cannot be tuned.")
    torch.manual_seed(recipe.seed)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        model = _open(base, recipe.max_tokens)
        _fit(model, pairs, recipe, progress)
        _write(model, base, folder, recipe.new_weight)
    finally:
        torch.set_num_threads(before)


def batches(pairs: Sequence[Pair], size: int, rng: random.Random) -> list[list[Pair]]:
    """Shuffled batches without two pairs of one group; what finds no place is left out of this round."""
    waiting = list(pairs)
    rng.shuffle(waiting)
    done: list[list[Pair]] = []
    while waiting:
        batch: list[Pair] = []
        groups: set[str] = set()
        left = []
        for pair in waiting:
            if len(batch) < size and pair.group not in groups:
                batch.append(pair)
                groups.add(pair.group)
            else:
                left.append(pair)
        if len(batch) < 2:
            break
        done.append(batch)
        waiting = left
    rng.shuffle(done)
    return done


def _open(base: Path, max_tokens: int) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(base), device="cpu", local_files_only=True)
    model.max_seq_length = min(model.max_seq_length or max_tokens, max_tokens)
    return model


def _fit(model: Any, pairs: Sequence[Pair], recipe: Recipe, progress: Progress) -> None:
    import torch
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

    rng = random.Random(recipe.seed)  # noqa: S311 - a seed that reproduces
    chosen = rng.sample(list(pairs), min(len(pairs), recipe.max_pairs))
    rounds = [batches(chosen, recipe.batch, rng) for _ in range(recipe.epochs)]
    steps = [batch for one in rounds for batch in one]
    loss = MultipleNegativesRankingLoss(model, scale=recipe.scale)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_then_falling(len(steps)))
    told = ""
    model.train()
    for step, batch in enumerate(steps):
        progress(step, len(steps), told)
        sides = [[pair.query for pair in batch], [pair.passage for pair in batch]]
        value = loss([model.preprocess(texts) for texts in sides], torch.zeros(len(batch)))
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        told = f"loss {value.item():.3f}"
    model.eval()


def _warm_then_falling(steps: int) -> Callable[[int], float]:
    warm = max(1, steps // 10)
    return lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))


def _write(model: Any, base: Path, folder: Path, new_weight: float) -> None:
    """The folder of `base` with other weights, under the same names and in the same form."""
    from safetensors.torch import load_file, save_file

    trained = model[0].model.state_dict()
    tensors = load_file(base / _WEIGHTS)
    known = [name for name, old in tensors.items() if name in trained and old.is_floating_point()]
    if not known:
        raise IndexUnavailableError(f"The weights of {base} have other names than the model that reads them.")
    for name in known:
        tensors[name] = tensors[name].lerp(trained[name].to(tensors[name].dtype), new_weight).contiguous()
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns(_MANIFEST))
    save_file(tensors, folder / _WEIGHTS, {"format": "pt"})

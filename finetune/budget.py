"""How much training fits: into memory before anything is begun, and into the minutes that somebody has."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from finetune.dataset.store import Dataset
from finetune.encoding import encode_all
from finetune.errors import TrainingError
from finetune.estimate import Estimate, estimate, refuse_what_cannot_fit
from finetune.model import add_adapter, load_base
from finetune.packing import IGNORE, Encoded, Pack, Tree, grow_trees, pack
from finetune.settings import TrainSettings

_FEWEST_EPOCHS = 0.01


def refuse_beforehand(base: Path, settings: TrainSettings) -> Estimate:
    """Stops before any work on the data when the base cannot be trained on this machine.

    Returns:
        The memory that one step needs; its time is that of one pack.

    Raises:
        ModelError: The base cannot be loaded.
        TrainingError: Training needs more memory than is free.
    """
    _, model = load_base(base, quantize=settings.quantize_base)
    length = max(settings.pack_tokens, settings.max_length)
    longest = Encoded((0,) * length, (IGNORE,) * length, (0.0,) * length)
    needed = estimate(add_adapter(model, settings, 1), [Pack((Tree(0, (longest,)),))], 1, settings)
    refuse_what_cannot_fit(needed, settings)
    return needed


def within_minutes(
    dataset_folder: Path, settings: TrainSettings, base: Path, minutes: float | None
) -> tuple[TrainSettings, Estimate]:
    """The settings with as many epochs as the minutes allow, at most those that were asked for; and the estimate.

    Raises:
        DatasetError: The dataset is damaged.
        ModelError: The base cannot be loaded.
        TrainingError: There is nothing to train on, or it cannot fit.
    """
    dataset = Dataset.load(dataset_folder)
    tokenizer, model = load_base(base, quantize=settings.quantize_base)
    examples, _ = encode_all(
        tokenizer, dataset.train, max_length=settings.max_length, mark_weight=settings.mark_weight
    )
    if not examples:
        raise TrainingError("There is no example to train on.", "Build the dataset with more documents.")
    packs = _packed(examples, settings)
    model = add_adapter(model, settings, max(1, len(packs)))
    whole = estimate(model, packs, 1, settings)
    epochs = settings.epochs
    if minutes is not None and whole.seconds > 0:
        epochs = min(epochs, max(_FEWEST_EPOCHS, round(60 * minutes / whole.seconds, 3)))
    chosen = settings.model_copy(update={"epochs": epochs})
    needed = replace(whole, seconds=whole.seconds * epochs, tokens=round(whole.tokens * epochs))
    refuse_what_cannot_fit(needed, chosen)
    return chosen, needed


def _packed(examples: Any, settings: TrainSettings) -> list[Pack]:
    if settings.method == "prefix":
        return [Pack((Tree(0, (example,)),)) for example in examples]
    trees = grow_trees(examples, settings.pack_tokens, settings.examples_per_context)
    return pack(trees, settings.pack_tokens)

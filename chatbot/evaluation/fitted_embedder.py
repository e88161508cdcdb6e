"""An embedder fitted to labelled phrasings, as `frontdesk kb tune` fits one to those of FAQ entries."""

import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from knowledge_base.embed import Embedder
from knowledge_base.report import Progress, no_progress
from knowledge_base.tuning.pairs import Pair
from knowledge_base.tuning.train import Recipe, train

RECIPE = Recipe(epochs=1, learning_rate=1e-4)
"""One round, at more than content is tuned with: labelled phrasings are many, and say the same in few words."""
_SEED = 7


@contextmanager
def fitted_embedder(
    base: Path, rows: Sequence[tuple[str, str]], threads: int, progress: Progress = no_progress
) -> Iterator[Embedder]:
    """A copy of an embedder in which phrasings of one label are nearer to each other; gone afterwards.

    Args:
        base: Its folder, as for `Embedder`; it stays as it is.
        rows: Phrasings with their labels.

    Raises:
        IndexUnavailableError: It cannot be read or tuned.
    """
    with tempfile.TemporaryDirectory(prefix="frontdesk-fitted-", ignore_cleanup_errors=True) as folder:
        model = Path(folder) / "model"
        train(base, model, phrasing_pairs(rows), RECIPE, threads, progress)
        embedder = Embedder(model, threads)
        try:
            yield embedder
        finally:
            embedder.close()


def phrasing_pairs(rows: Sequence[tuple[str, str]]) -> list[Pair]:
    """Each phrasing with another of its label, so that every one stands once on either side; one alone has no pair."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for text, label in rows:
        by_label[label].append(text)
    chance = random.Random(_SEED)  # noqa: S311 - a seed that reproduces
    pairs = []
    for label, texts in by_label.items():
        chance.shuffle(texts)
        nexts = [*texts[1:], texts[0]]
        pairs += [Pair(a, b, label, "phrasing") for a, b in zip(texts, nexts, strict=True) if a != b]
    return pairs

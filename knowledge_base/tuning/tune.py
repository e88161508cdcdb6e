"""`tune`: train, measure on what was held out, keep only what is better."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_base.embed import Embedder
from knowledge_base.errors import DocumentError
from knowledge_base.items import Item
from knowledge_base.report import Progress, no_progress
from knowledge_base.settings import KnowledgeBaseSettings
from knowledge_base.tuning.measure import (
    FALSE_EVIDENCE,
    Difference,
    differences,
    rows,
    sample,
    stripped,
)
from knowledge_base.tuning.pairs import Accepted, held_out_questions, training_pairs
from knowledge_base.tuning.train import Recipe, train

MIN_PAIRS, MIN_QUESTIONS = 100, 20
_MAX_ITEMS = 5_000  # measured on; embedding them twice takes minutes
_MAX_QUESTIONS = 1_000


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuning came to.

    Attributes:
        folder: The tuned model; None when it was not kept.
        pairs: Pairs trained on.
        questions: Held-out questions measured on.
        figures: By metric.
        reason: Why it was kept or not.
    """

    folder: Path | None
    pairs: int
    questions: int
    figures: Mapping[str, Difference]
    reason: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the model comes from and goes to.

    Attributes:
        base: The model folder that is tuned.
        folder: Where tuned models are kept, each in a folder named by its id.
        threads: CPU threads.
        cache_folder: As for `Embedder`.
    """

    base: Path
    folder: Path
    threads: int
    cache_folder: Path | None = None


def tune(
    place: Place,
    items: Sequence[Item],
    settings: KnowledgeBaseSettings,
    *,
    accepted: Sequence[Accepted] = (),
    evidence_min_similarity: float,
    recipe: Recipe | None = None,
    progress: Progress = no_progress,
) -> Tuned:
    """Tunes an embedder to a knowledge base. Nothing else is changed: to use it is up to the caller.

    Args:
        evidence_min_similarity: A passage is taken for evidence from this cosine on.

    Raises:
        DocumentError: There is too little to learn from or to measure on.
        IndexUnavailableError: The model cannot be read or tuned.
    """
    pairs = training_pairs(items, accepted)
    questions = held_out_questions(items, accepted)[:_MAX_QUESTIONS]
    if len(pairs) < MIN_PAIRS or len(questions) < MIN_QUESTIONS:
        raise DocumentError(
            f"There are {len(pairs)} pairs to learn from and {len(questions)} held-out questions; "
            f"{MIN_PAIRS} and {MIN_QUESTIONS} are needed.",
            "Add articles with headings, or further phrasings to FAQ entries.",
        )
    place.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        dir=place.folder, prefix="new-", ignore_cleanup_errors=True
    ) as temporary:
        new = Path(temporary) / "model"
        train(place.base, new, pairs, recipe or Recipe(), place.threads, progress)
        measured = sample(stripped(items), questions, _MAX_ITEMS)
        before, after = (
            rows(
                measured,
                Embedder(folder, place.threads, cache),
                questions,
                settings,
                evidence_min_similarity,
            )
            for folder, cache in ((place.base, place.cache_folder), (new, None))
        )
        figures = differences(before, after, questions)
        is_better, reason = verdict(figures)
        kept = _keep(new, place) if is_better else None
    return Tuned(kept, len(pairs), len(questions), figures, reason)


def verdict(figures: Mapping[str, Difference]) -> tuple[bool, str]:
    """Whether to keep it: a better rank beyond noise, and nothing else worse beyond noise."""
    found, false = figures["mrr"], figures[FALSE_EVIDENCE]
    if found.low <= 0:
        return False, "Not kept: held-out questions do not find their answer at a better rank beyond noise."
    if figures["recall_at_5"].high < 0:
        return False, "Not kept: fewer held-out questions find their answer among the first five."
    if false.low > 0:
        return False, "Not kept: passages about other things pass for evidence more often."
    return True, "Kept: held-out questions find their answer at a better rank."


def _keep(new: Path, place: Place) -> Path:
    kept = place.folder / Embedder(new, place.threads).id
    if not kept.exists():
        shutil.move(new, kept)
    return kept

"""Tuning the embedder of an installation: from its knowledge base and ratings to an index that is switched over."""

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from chatbot.accepted import accepted_answers
from chatbot.errors import InputError
from chatbot.models import ModelStore, Purpose
from chatbot.privacy import pattern_redactor, rules_from_settings
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.tuned_embedder import choose_embedder, chosen_embedder, embedders_path
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Embedder
from knowledge_base.report import Progress, no_progress
from knowledge_base.tuning.pairs import Accepted
from knowledge_base.tuning.train import Recipe
from knowledge_base.tuning.tune import Place, Tuned, tune


def tune_embedder(
    settings: Settings, recipe: Recipe, *, use: bool = True, progress: Progress = no_progress
) -> Tuned:
    """Tunes the configured embedder, always from the start, and uses the result where it is better.

    The new index is built beside the old one and chosen when it is whole. A server that runs goes on with the old one
    until it is started again.

    Args:
        use: False only measures; nothing is kept.

    Raises:
        FrontdeskError: There is too little content, or a model or the knowledge base cannot be used.
    """
    services = Services(settings)
    with closing(services), tempfile.TemporaryDirectory(prefix="frontdesk-tune-") as unused:
        knowledge_base = services.knowledge_base()
        place = Place(
            services.models.resolve(settings.embedder, Purpose.EMBEDDER),
            embedders_path(settings) if use else Path(unused),
            settings.threads,
            settings.models_path / "onnx",
        )
        tuned = tune(
            place,
            knowledge_base.snapshot().items,
            settings.knowledge_base,
            accepted=_accepted(services),
            evidence_min_similarity=settings.evidence_min_similarity,
            recipe=recipe,
            progress=progress,
        )
        source = knowledge_base.embedder_id
    if not use or tuned.folder is None:
        return replace(tuned, folder=None)
    _switch(settings, Embedder(tuned.folder, settings.threads), source, progress)
    choose_embedder(settings, tuned.folder)
    return tuned


def undo_tuning(settings: Settings, progress: Progress = no_progress) -> None:
    """Uses the configured embedder again, with all that was taken in meanwhile.

    Raises:
        InputError: No tuned one is in use.
    """
    tuned = chosen_embedder(settings)
    if tuned is None:
        raise InputError("No tuned embedder is in use.")
    models = ModelStore(settings.models_path, offline=settings.offline)
    configured = models.resolve(settings.embedder, Purpose.EMBEDDER)
    embedder = Embedder(configured, settings.threads, settings.models_path / "onnx")
    _switch(settings, embedder, Embedder(tuned, settings.threads).id, progress)
    choose_embedder(settings, None)


def _accepted(services: Services) -> list[Accepted]:
    return accepted_answers(services.store.database, pattern_redactor(rules_from_settings(services.settings)))


def _switch(settings: Settings, embedder: Embedder, source: str, progress: Progress) -> None:
    """Brings the index of an embedder in step with that of `source`."""
    if embedder.id == source:  # tuned to the same weights as last time
        return
    index = KnowledgeBase(settings.data_dir / "chroma", embedder, settings.knowledge_base)
    with closing(index):
        index.mirror(source, progress)

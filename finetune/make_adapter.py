"""From a recipe and its data to a measured adapter folder; each stage is on the disk, so a killed run goes on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatbot.adapter_files import GGUF_WEIGHTS, AdapterManifest
from chatbot.generators.base import Generator
from chatbot.models import ModelStore, Purpose
from chatbot.settings import Settings
from finetune.calibration import calibration_rows
from finetune.dataset.store import CARD, Dataset
from finetune.evaluate import evaluate_adapter, fit_refusal
from finetune.finish import Measured, Origin, export_weights, seal_adapter
from finetune.lora import train
from finetune.protocols import heading_questions
from finetune.recipe import OnPart, Recipe, build_recipe, load_recipe
from knowledge_base.embed import TextEmbedder
from knowledge_base.retrieve import comparing

OpenGenerator = Callable[[Path, dict[str, Path]], Generator]
"""Opens the base with adapters in GGUF by id."""


@dataclass(frozen=True)
class Stages:
    """Where the stages of a recipe are kept."""

    work: Path

    @property
    def dataset(self) -> Path:
        """Its examples."""
        return self.work / "dataset"

    @property
    def run(self) -> Path:
        """Its training run."""
        return self.work / "run"

    def journal(self, name: str) -> Path:
        """Answers of one measurement."""
        return self.work / f"{name}.jsonl"


def make_adapter(
    recipe: Recipe,
    data: Path,
    work: Path,
    out: Path,
    *,
    base: Path,
    embedder: TextEmbedder,
    open_generator: OpenGenerator,
    progress: OnPart = lambda name, done, total: None,
) -> AdapterManifest:
    """Builds the examples, trains, fits the refusal, measures on the held-out company, and seals.

    Args:
        data: Folder with the recipe's data.
        work: Folder for what is in between; the same one takes up a killed run.
        out: Gets the adapter.
        base: GGUF file of the base.

    Raises:
        FrontdeskError: Any stage failed; its message says which and what to do.
    """
    stages = Stages(work)
    dataset = _built(recipe, data, stages, embedder, progress)
    train(
        stages.dataset,
        stages.run,
        recipe.train,
        base=base,
        progress=lambda told: progress("training", told.step, told.steps),
    )
    export_weights(stages.run, out, base)
    generator = open_generator(base, {recipe.id: out / GGUF_WEIGHTS})
    try:
        measured = _measured(recipe, data, stages, generator, embedder, progress)
    finally:
        generator.close()
    origin = Origin(recipe.base_model, base, dataset.card(), recipe.train, recipe.about)
    return seal_adapter(out, recipe.id, origin, measured)


def _built(recipe: Recipe, data: Path, stages: Stages, embedder: TextEmbedder, progress: OnPart) -> Dataset:
    if (stages.dataset / CARD).is_file():  # written last
        return Dataset.load(stages.dataset)
    dataset = build_recipe(recipe, data, embedder, stages.work, progress)
    dataset.save(stages.dataset)
    return dataset


def _measured(
    recipe: Recipe, data: Path, stages: Stages, generator: Generator, embedder: TextEmbedder, progress: OnPart
) -> Measured:
    similarity = comparing(embedder)
    refusal = fit_refusal(
        calibration_rows(recipe, data, stages.work, embedder),
        generator,
        recipe.id,
        similarity,
        journal_path=stages.journal("calibration"),
        progress=lambda done, total: progress("refusal", done, total),
    )
    run = evaluate_adapter(
        heading_questions(data / recipe.held_out),
        generator,
        recipe.id,
        refusal,
        journal_path=stages.journal("held-out"),
        progress=lambda done, total: progress("held-out company", done, total),
        similarity=similarity,
    )
    run.save(stages.work / "held-out.json")
    return Measured(refusal, {name: round(value, 4) for name, value in run.metrics.items()})


def make_adapter_from_settings(
    name: str, data: Path, work: Path, out: Path, settings: Settings, progress: OnPart
) -> AdapterManifest:
    """`make_adapter` with the models that the settings name; errors as there."""
    from chatbot.generators.llama_cpp import LlamaCppGenerator
    from knowledge_base.embed import Embedder

    recipe = load_recipe(name)
    store = ModelStore(settings.models_path, offline=settings.offline)
    embedder = Embedder(
        store.resolve(settings.embedder, Purpose.EMBEDDER), settings.threads, settings.models_path / "onnx"
    )
    try:
        return make_adapter(
            recipe,
            data,
            work,
            out,
            base=store.resolve(recipe.base_model, Purpose.LLM_GGUF),
            embedder=embedder,
            open_generator=lambda base, adapters: LlamaCppGenerator(
                base, parallel_turns=1, threads=settings.threads, adapters=adapters
            ),
            progress=progress,
        )
    finally:
        embedder.close()

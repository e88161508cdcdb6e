"""Chooses the engine the settings name."""

import logging
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from chatbot.adapter_choice import AdapterShelf, Lineup
from chatbot.adapter_files import NO_ADAPTER
from chatbot.errors import AdapterError, ModelError
from chatbot.generators.base import Generator
from chatbot.generators.swap import SwappingGenerator
from chatbot.models import Purpose
from chatbot.settings import NO_PROJECTOR, SHIPPED_PROJECTOR, Settings
from chatbot.vision.describing import Describer
from chatbot.vision.mmproj import cached_mmproj
from chatbot.vision.sight import LOOKING, ProjectorFiles

log = logging.getLogger(__name__)


class ResolvesModels(Protocol):
    """What is needed of `models.ModelStore`."""

    def resolve(self, reference: str, purpose: Purpose) -> Path:
        """The verified local files of a catalogue name, a local path or a hub id."""
        ...


def make_generator(settings: Settings, models: ResolvesModels) -> Generator:
    """Loads the language model in the engine of `settings.engine`, with the adapter that is to serve.

    Raises:
        ModelError: Its files are missing, broken or not of this engine's kind.
        AdapterError: The adapter of the settings cannot be used with it.
    """
    if settings.engine == "openai":
        return _remote(settings)
    model_path = models.resolve(settings.llm, _purpose(settings))
    projector = find_projector(settings, models, model_path)
    shelf = AdapterShelf(settings, model_path)
    looking = LOOKING if projector and projector.adapter else None
    return SwappingGenerator(
        shelf, lambda lineup: load_engine(settings, model_path, lineup, projector), looking=looking
    )


def make_looking_generator(settings: Settings, models: ResolvesModels) -> Generator:
    """The language model as it looks at screens: with the projector's own adapter by default, and no other.

    Without a projector, or with an engine elsewhere, it is the one of `make_generator`; errors are as there.
    """
    if settings.engine == "openai" or settings.projector == NO_PROJECTOR:
        return make_generator(settings, models)
    model_path = models.resolve(settings.llm, _purpose(settings))
    return load_engine(settings, model_path, Lineup(None), find_projector(settings, models, model_path))


def make_describer(
    settings: Settings, models: ResolvesModels, generator: Generator, keep: Callable[[Generator], None]
) -> Describer | None:
    """What says in a sentence what a picture shows; None where nothing has learned to look.

    A remote model is told what the shipped projector and its small model see here; they are loaded at the first
    picture, where the settings name the shipped projector.

    Args:
        keep: Told of an engine that was loaded for this, so that it is closed at the end.
    """
    if isinstance(generator, SwappingGenerator):
        looking = generator.looking
        return Describer(lambda: generator, looking) if looking else None
    if settings.engine != "openai" or settings.projector != SHIPPED_PROJECTOR:
        return None
    local = settings.model_copy(update={"engine": "llama_cpp", "llm": Settings.model_fields["llm"].default})

    def load() -> Generator:
        loaded = make_looking_generator(local, models)
        keep(loaded)
        return loaded

    return Describer(load, LOOKING)


def find_projector(settings: Settings, models: ResolvesModels, model_path: Path) -> ProjectorFiles | None:
    """The projector of the settings, checked against the language model and the tower; None when it is `none`.

    The shipped one is left out where it does not fit, unless the settings ask for it by name.

    Raises:
        ModelError: It is missing or damaged, or belongs to other models; nothing has been loaded.
        AdapterError: The adapter in it is damaged.
    """
    if settings.projector == NO_PROJECTOR:
        return None
    is_shipped = settings.projector == SHIPPED_PROJECTOR
    place = Path(str(files("chatbot"))) / "projectors" / SHIPPED_PROJECTOR if is_shipped else None
    try:
        tower = models.resolve(settings.vision_tower, Purpose.VISION)
        return ProjectorFiles.fitting(
            place or Path(settings.projector).expanduser(), base=model_path, tower=tower
        )
    except ModelError as error:
        if not is_shipped or "projector" in settings.model_fields_set:
            raise
        log.info("pictures are only read, not looked at: %s", error)
        return None


def load_engine(
    settings: Settings, model_path: Path, lineup: Lineup, projector: ProjectorFiles | None = None
) -> Generator:
    """Starts the local engine of the settings with the adapters of a line-up, and eyes if there is a projector.

    Raises:
        ModelError: The base model or the projector cannot be loaded.
        AdapterError: An adapter has no weights in the engine's form.
    """
    adapters = {adapter.id: adapter for adapter in lineup.adapters}
    if projector and projector.adapter:
        adapters[LOOKING] = projector.adapter
    if settings.engine == "transformers":
        from chatbot.generators.transformers import TransformersGenerator

        return TransformersGenerator(
            model_path,
            name=settings.llm,
            context_tokens=settings.context_tokens,
            threads=settings.threads,
            adapters={name: adapter.peft for name, adapter in adapters.items()},
            projector=projector,
            timeout_s=settings.generation_timeout_s,
        )
    from chatbot.generators.llama_cpp import LlamaCppGenerator

    return LlamaCppGenerator(
        model_path,
        name=settings.llm,
        context_tokens=settings.context_tokens,
        parallel_turns=settings.parallel_turns,
        threads=settings.threads,
        gpu_layers=settings.gpu_layers,
        adapters={name: adapter.gguf for name, adapter in adapters.items()},
        mmproj=cached_mmproj(projector.folder, projector.config, projector.tower, settings.mmproj_path)
        if projector
        else None,
        timeout_s=settings.generation_timeout_s,
    )


def _purpose(settings: Settings) -> Purpose:
    return Purpose.LLM_GGUF if settings.engine == "llama_cpp" else Purpose.LLM_TORCH


def _remote(settings: Settings) -> Generator:
    from chatbot.generators.openai import OpenAIGenerator

    if "adapter" in settings.model_fields_set and settings.adapter != NO_ADAPTER:
        raise AdapterError(
            "A remote server loads its adapters itself.",
            "Set `llm` to the adapter's name on the server and leave `adapter` unset.",
        )
    return OpenAIGenerator(
        settings.llm,
        base_url=settings.openai_base_url,
        api_key=settings.openai_api_key.get_secret_value(),
        context_tokens=settings.context_tokens,
        timeout_s=settings.generation_timeout_s,
    )

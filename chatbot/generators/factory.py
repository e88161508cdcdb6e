"""Chooses the engine the settings name."""

from pathlib import Path
from typing import Protocol

from chatbot.adapter_choice import AdapterShelf, Lineup
from chatbot.adapter_files import NO_ADAPTER
from chatbot.errors import AdapterError
from chatbot.generators.base import Generator
from chatbot.generators.swap import SwappingGenerator
from chatbot.models import Purpose
from chatbot.settings import Settings


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
    purpose = Purpose.LLM_GGUF if settings.engine == "llama_cpp" else Purpose.LLM_TORCH
    model_path = models.resolve(settings.llm, purpose)
    shelf = AdapterShelf(settings, model_path)
    return SwappingGenerator(shelf, lambda lineup: load_engine(settings, model_path, lineup))


def load_engine(settings: Settings, model_path: Path, lineup: Lineup) -> Generator:
    """Starts the local engine of the settings with the adapters of a line-up.

    Raises:
        ModelError: The base model cannot be loaded.
        AdapterError: An adapter has no weights in the engine's form.
    """
    if settings.engine == "transformers":
        from chatbot.generators.transformers import TransformersGenerator

        return TransformersGenerator(
            model_path,
            name=settings.llm,
            context_tokens=settings.context_tokens,
            threads=settings.threads,
            adapters={adapter.id: adapter.peft for adapter in lineup.adapters},
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
        adapters={adapter.id: adapter.gguf for adapter in lineup.adapters},
        timeout_s=settings.generation_timeout_s,
    )


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

"""Chooses the engine the settings name."""

from pathlib import Path
from typing import Protocol

from chatbot.generators.base import Generator
from chatbot.models import Purpose
from chatbot.settings import Settings


class ResolvesModels(Protocol):
    """What is needed of `models.ModelStore`."""

    def resolve(self, reference: str, purpose: Purpose) -> Path:
        """The verified local files of a catalogue name, a local path or a hub id."""
        ...


def make_generator(settings: Settings, models: ResolvesModels) -> Generator:
    """Loads the language model in the engine of `settings.engine`.

    Raises:
        ModelError: Its files are missing, broken or not of this engine's kind.
    """
    match settings.engine:
        case "llama_cpp":
            from chatbot.generators.llama_cpp import LlamaCppGenerator

            return LlamaCppGenerator(
                models.resolve(settings.llm, Purpose.LLM_GGUF),
                name=settings.llm,
                context_tokens=settings.context_tokens,
                parallel_turns=settings.parallel_turns,
                threads=settings.threads,
                gpu_layers=settings.gpu_layers,
                timeout_s=settings.generation_timeout_s,
            )
        case "transformers":
            from chatbot.generators.transformers import TransformersGenerator

            return TransformersGenerator(
                models.resolve(settings.llm, Purpose.LLM_TORCH),
                name=settings.llm,
                context_tokens=settings.context_tokens,
                threads=settings.threads,
                timeout_s=settings.generation_timeout_s,
            )
        case "openai":
            from chatbot.generators.openai import OpenAIGenerator

            return OpenAIGenerator(
                settings.llm,
                base_url=settings.openai_base_url,
                api_key=settings.openai_api_key.get_secret_value(),
                context_tokens=settings.context_tokens,
                timeout_s=settings.generation_timeout_s,
            )

"""The models and folders that the stages of tuning work with, each opened when it is needed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from chatbot.adapter_choice import AdapterShelf
from chatbot.adapter_files import GGUF_WEIGHTS, Adapter
from chatbot.errors import ModelError
from chatbot.generators.base import Generator
from chatbot.models import ModelStore, Purpose
from chatbot.refusal import Similarity
from chatbot.settings import Settings
from finetune.dataset.from_knowledge_base import Searchable
from finetune.guard_templates import write_faq
from finetune.guards import SearchesFaq
from finetune.hearing import Hearing, Transcribe
from finetune.redact import Redaction, redaction_from_settings
from finetune.registry import AdapterRegistry

if TYPE_CHECKING:
    from knowledge_base.embed import Embedder


class Tools:
    """What the settings name. Tests put smaller things in place of its methods."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._models = ModelStore(settings.models_path, offline=settings.offline)

    def base(self) -> Path:
        """The base model's file or folder.

        Raises:
            ModelError: It is not there, or a remote server has it.
        """
        if self.settings.engine == "openai":
            raise ModelError(
                "An adapter is trained where its base lies, and a remote server has that.",
                "Set `engine` to `llama_cpp` or `transformers` and `llm` to the same model.",
            )
        is_gguf = self.settings.engine == "llama_cpp"
        return self._models.resolve(self.settings.llm, Purpose.LLM_GGUF if is_gguf else Purpose.LLM_TORCH)

    def redaction(self, terms: Path | None) -> Redaction:
        """Masking with a reviewer's terms; errors as for `redaction_from_settings`."""
        return redaction_from_settings(self.settings, terms)

    def transcribe(self) -> Transcribe:
        """Writes recordings of calls down."""
        return Hearing(self.settings)

    @contextmanager
    def knowledge_base(self) -> Iterator[Searchable]:
        """The company's knowledge base."""
        from chatbot.services import Services

        services = Services(self.settings)
        try:
            yield services.knowledge_base()
        finally:
            services.close()

    @contextmanager
    def fixed_faq(self) -> Iterator[SearchesFaq]:
        """A knowledge base of the guard set of template intents alone, with the embedder that serves."""
        from knowledge_base.base import KnowledgeBase

        with TemporaryDirectory(prefix="frontdesk-guard-") as folder:
            knowledge_base = KnowledgeBase(
                Path(folder) / "index", self._embedder(), self.settings.knowledge_base
            )
            try:
                write_faq(Path(folder) / "faq.jsonl")
                knowledge_base.add_path(Path(folder) / "faq.jsonl")
                yield knowledge_base
            finally:
                knowledge_base.close()

    @contextmanager
    def similarity(self) -> Iterator[Similarity]:
        """How near a question's passages are to the embedder that serves."""
        from knowledge_base.retrieve import comparing

        embedder = self._embedder()
        try:
            yield comparing(embedder)
        finally:
            embedder.close()

    def _embedder(self) -> "Embedder":
        from knowledge_base.embed import Embedder

        settings = self.settings
        model = self._models.resolve(settings.embedder, Purpose.EMBEDDER)
        return Embedder(model, settings.threads, settings.models_path / "onnx")

    @contextmanager
    def generator(self, adapters: Mapping[str, Path]) -> Iterator[Generator]:
        """The base with the adapters in these folders, by id."""
        generator = self._load(adapters)
        try:
            yield generator
        finally:
            generator.close()

    def _load(self, adapters: Mapping[str, Path]) -> Generator:
        settings = self.settings
        if settings.engine == "transformers":
            from chatbot.generators.transformers import TransformersGenerator

            return TransformersGenerator(
                self.base(),
                name=settings.llm,
                context_tokens=settings.context_tokens,
                threads=settings.threads,
                adapters=adapters,
                timeout_s=settings.generation_timeout_s,
            )
        from chatbot.generators.llama_cpp import LlamaCppGenerator

        return LlamaCppGenerator(
            self.base(),
            name=settings.llm,
            context_tokens=settings.context_tokens,
            parallel_turns=1,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            adapters={adapter: folder / GGUF_WEIGHTS for adapter, folder in adapters.items()},
            timeout_s=settings.generation_timeout_s,
        )

    def current(self) -> Adapter | None:
        """The adapter that serves; None for the bare base."""
        return AdapterShelf(self.settings, self.base()).lineup().active

    def registry(self) -> AdapterRegistry:
        """The registered adapters."""
        return AdapterRegistry(self.settings.data_dir)

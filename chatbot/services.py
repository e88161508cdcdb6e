"""Builds everything one process needs from the settings: the store at once, the models in the background."""

import logging
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chatbot.assistant import Assistant
from chatbot.attachments import AttachmentStore
from chatbot.audit import audit_ticket
from chatbot.errors import FrontdeskError, ModelError, StorageError
from chatbot.faq_intents import FaqIntents
from chatbot.generators.base import Generator
from chatbot.generators.factory import make_describer, make_generator
from chatbot.handoff_desk import HandoffDesk
from chatbot.insights.desk import InsightDesk, InsightWatch
from chatbot.insights.suggestions import Suggester
from chatbot.models import ModelStore, Purpose
from chatbot.outbox import Outbox
from chatbot.perceive import Perceiver
from chatbot.privacy import pattern_redactor, redactor_at_hand, rules_from_settings
from chatbot.privacy.looked_once import LookedOnce
from chatbot.privacy.screens import ScreenRedactor
from chatbot.read_ahead import ReadAhead
from chatbot.restore_mark import check_restored
from chatbot.screenshot import ReadsText, ScreenReader
from chatbot.settings import Settings
from chatbot.speech import SpeechRecognizer
from chatbot.store import ConversationStore
from chatbot.tuned_embedder import chosen_embedder
from chatbot.vision.image_vectors import ImageTower, ScreenImageReader
from chatbot.vision.ocr import Ocr
from chatbot.webhook_sender import WebhookSender
from knowledge_base.atomic import create_atomically
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import Embedder
from knowledge_base.image_reading import ImageReader
from knowledge_base.rerank import CrossEncoderReranker, Reranker

log = logging.getLogger(__name__)
_SECRET_BYTES = 32
_QUIET_S, _STEP_S = 1.0, 0.2
"""How long nobody must have been answered before something is prepared, and how often that is looked at."""
EXAMPLE_PARTS = ("articles", "faq.csv", "faq_zh.csv")


class _BrokenOffError(FrontdeskError):
    """Work in the background ended early because everything is closed."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is there once the models are loaded."""

    assistant: Assistant
    knowledge_base: KnowledgeBase
    generator: Generator
    perceiver: Perceiver
    intents: FaqIntents | None = None


class Services:
    """Store and attachments are ready at once; `assistant()` waits for the models.

    Args:
        examples: Folder of the example company, loaded when the knowledge base is empty.
        prepare: After everything is ready and while nobody is answered, also load the reader of screens and read the
            images of the example company's articles: that takes longer than all else.

    Attributes:
        read_ahead: Reads pictures that lie attached; None where none is looked through before it is stored.
        when_loaded: Called when the models are loaded.
        when_closing: Called before anything is closed.

    Raises:
        StorageError: The data folder cannot be written.
    """

    def __init__(self, settings: Settings, examples: Path | None = None, *, prepare: bool = False) -> None:
        self.settings = settings
        _make_folder(settings.data_dir)
        check_restored(settings.data_dir)
        self.models = ModelStore(settings.models_path, offline=settings.offline)
        files = settings.attachments_path
        self.store = ConversationStore(settings.database_address, files)
        webhooks = settings.handoff.webhooks
        outbox = Outbox(webhooks, pattern_redactor(rules_from_settings(settings)))
        self.handoff = HandoffDesk(self.store, settings.handoff, listeners=(outbox, audit_ticket))
        self.webhooks = WebhookSender(self.store.database, outbox, webhooks)
        self._ocr = Ocr(threads=settings.threads)
        self._screens = (
            ScreenRedactor(self._ocr, partial(redactor_at_hand, settings))
            if settings.redact_screenshots
            else None
        )
        pictures = LookedOnce(self._screens) if self._screens else None
        self.attachments = AttachmentStore(files, settings, self.store.claims, pictures)
        self.read_ahead = ReadAhead(self.attachments.picture, pictures) if pictures else None
        self.insights = InsightDesk(
            self.store.database,
            settings.insights,
            lambda: self.loaded().knowledge_base,
            settings.handoff.time_zone,
            outbox.tell,
        )
        self.suggester = Suggester(
            self.store.database, lambda: self.loaded().knowledge_base, self.insights.vectors
        )
        also = (self.suggester.learn,) if settings.insights.suggestions else ()
        self.insight_watch = InsightWatch(self.insights, settings.insights.look_every_s, also)
        self._examples = examples if settings.example_company else None
        self._prepares = prepare
        self._closing = threading.Event()
        self._loading: Future[Loaded] = Future()
        self._closers: list[Callable[[], None]] = [
            self.store.close,
            self.webhooks.close,
            self.insight_watch.close,
            *([self.read_ahead.close] if self.read_ahead else []),
        ]
        self._lock = threading.Lock()
        self._started = False
        self.when_loaded: list[Callable[[], object]] = []
        self.when_closing: list[Callable[[], object]] = []

    def start(self) -> None:
        """Begins to load the models in the background; a second call does nothing."""
        with self._lock:
            if not self._started:
                self._started = True
                threading.Thread(target=self._load, name="load-models", daemon=True).start()

    def assistant(self) -> Assistant:
        """The assistant, once the models are loaded.

        Raises:
            FrontdeskError: A model is missing or broken; the text says which and what to do.
        """
        return self.loaded().assistant

    def loaded(self) -> Loaded:
        """Everything that needs models, once they are loaded; errors as for `assistant`."""
        self.start()
        return self._loading.result()

    @property
    def is_ready(self) -> bool:
        """Whether the models are loaded."""
        return self._loading.done() and self._loading.exception() is None

    def browser_secret(self) -> str:
        """The key that seals what browsers keep for us; made once and kept in the data folder."""
        path = self.settings.data_dir / "browser.key"
        try:
            if not path.is_file():
                create_atomically(path, secrets.token_hex(_SECRET_BYTES).encode())
            return path.read_text(encoding="ascii")
        except OSError as error:
            raise StorageError(f"{path.name} cannot be written to the data folder: {error}.") from error

    def close(self) -> None:
        """Frees models and files; waits for loading to end first."""
        self._closing.set()
        for call in self.when_closing:
            call()
        if self._started:
            self._loading.exception()
        for closer in reversed(self._closers):
            closer()

    def _load(self) -> None:
        try:
            self.store.claims.sweep_folder()  # what a killed erasure left
            loaded = self._build()
            self._loading.set_result(loaded)
            for call in self.when_loaded:
                call()
            if self._prepares:
                self._prepare(loaded)
        except FrontdeskError as error:
            log.error("%s", error)
            self._fail(error)
        except Exception as error:
            log.exception("the models could not be loaded")
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._loading.done():
            self._loading.set_exception(error)

    def _prepare(self, loaded: Loaded) -> None:
        """What the first screenshot would wait for; `close` breaks it off, the next start goes on.

        Customers go first: this would take the processor from them for seconds.
        """

        def go_on(_done: int = 0, _total: int = 0, _source: str = "") -> None:
            quiet_s = 0.0
            while quiet_s < _QUIET_S and not self._closing.wait(_STEP_S):
                quiet_s = 0.0 if loaded.assistant.answering else quiet_s + _STEP_S
            if self._closing.is_set():
                raise _BrokenOffError("Not everything was prepared.")

        try:
            go_on()
            self._ocr.warm_up()
            if self._examples and self.settings.knowledge_base.images:
                loaded.knowledge_base.add_images(self._examples / EXAMPLE_PARTS[0], go_on)
        except _BrokenOffError as error:
            log.info("%s", error)

    def _build(self) -> Loaded:
        knowledge_base = self.knowledge_base()
        if self._examples and not knowledge_base.stats().documents:
            for part in EXAMPLE_PARTS:
                report = knowledge_base.add_path(self._examples / part, images=False)
                log.info("loaded %s of the example company: %d added", part, report.added)
        generator = self.generator()
        perceiver, intents = self.perceiver(generator), FaqIntents(knowledge_base)
        assistant = Assistant(
            store=self.store,
            perceiver=perceiver,
            knowledge_base=knowledge_base,
            generator=generator,
            settings=self.settings,
            handoff=self.handoff,
            intents=intents,
        )
        log.info("ready: %s", generator.name)
        return Loaded(assistant, knowledge_base, generator, perceiver, intents)

    def knowledge_base(self) -> KnowledgeBase:
        """Opens the knowledge base with the configured embedder."""
        embedder = open_embedder(self.settings, self.models)
        knowledge_base = KnowledgeBase(
            self.settings.data_dir / "chroma",
            embedder,
            self.settings.knowledge_base,
            open_image_reader(self.settings, self.models),
            open_reranker(self.settings, self.models),
        )
        self._closers.append(knowledge_base.close)
        return knowledge_base

    def generator(self) -> Generator:
        """Loads the configured language model."""
        generator = make_generator(self.settings, self.models)
        self._closers.append(generator.close)
        return generator

    def perceiver(self, generator: Generator) -> Perceiver:
        """Speech and screen reading; their models load at first use.

        Args:
            generator: Describes screens where it has learned to look at them.
        """
        describer = make_describer(
            self.settings, self.models, generator, lambda loaded: self._closers.append(loaded.close)
        )
        known = {"known": self._screens.lines_of} if self._screens else {}
        return Perceiver(
            self.attachments,
            SpeechRecognizer(self.models.resolve(self.settings.whisper, Purpose.SPEECH), self.settings),
            ScreenReader(self._ocr, **known),
            self.settings,
            describer.describe if describer else None,
        )


def open_embedder(settings: Settings, models: ModelStore) -> Embedder:
    """Loads the configured embedder, or what was tuned from it.

    Raises:
        FrontdeskError: It is missing or broken; the text says what to do.
    """
    if tuned := chosen_embedder(settings):
        return Embedder(tuned, settings.threads)  # its ONNX copy lies beside it and goes with it
    folder = models.resolve(settings.embedder, Purpose.EMBEDDER)
    return Embedder(folder, settings.threads, settings.models_path / "onnx")


def open_reranker(settings: Settings, models: ModelStore) -> Reranker | None:
    """Loads the configured reranker; None where there is none.

    Raises:
        FrontdeskError: It is missing or no cross-encoder; the text says what to do.
    """
    name = settings.knowledge_base.reranker
    return CrossEncoderReranker(models.resolve(name, Purpose.RERANKER), settings.threads) if name else None


def open_image_reader(
    settings: Settings, models: ModelStore, ocr: ReadsText | None = None
) -> ImageReader | None:
    """What reads the images of documents; None when they are not wanted, or without a DINOv2 tower here.

    Args:
        ocr: Reads what is written on them; one of its own when None.
    """
    tower = settings.vision_tower
    missing = {state.model.name for state in models.states() if not state.is_present}
    if not settings.knowledge_base.images or tower in missing:
        return None
    try:
        reader = ImageTower(models.resolve(tower, Purpose.VISION))
    except ModelError as error:
        log.warning("images of documents are not searched: %s", error)
        return None
    return ScreenImageReader(reader, ocr or Ocr(threads=settings.threads), settings.max_image_pixels)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"The data folder {folder} cannot be made: {error.strerror}.", "Set `data_dir` to another folder."
        ) from error

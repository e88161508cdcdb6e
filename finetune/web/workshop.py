"""What the page works with: places in the data folder, and the parts of the loop that depend on the settings."""

import threading
from collections.abc import Callable
from pathlib import Path

from chatbot.audit import AuditLog
from chatbot.privacy import pattern_redactor, rules_from_settings
from chatbot.settings import Settings
from chatbot.store import AdapterFeedback, ConversationStore
from chatbot.unanswered import UnansweredQuestion, unanswered_questions
from finetune.data_commands import imported_path, redacted_path
from finetune.forgotten import Forgotten
from finetune.jobs import Jobs
from finetune.redact import Redaction, redaction_from_settings
from finetune.registry import AdapterRegistry
from finetune.registry_commands import base_of_settings, canary_began
from finetune.workspace import Workspace
from knowledge_base.base import KnowledgeBase


class Workshop:
    """The tuning loop of one data folder.

    Args:
        knowledge_base: Waits until it is open.

    Attributes:
        workspace: Its places.
    """

    def __init__(
        self, settings: Settings, store: ConversationStore, knowledge_base: Callable[[], KnowledgeBase]
    ) -> None:
        self.settings = settings
        self.knowledge_base = knowledge_base
        self.workspace = Workspace.of(settings)
        self.folder = self.workspace.folder
        self._store = store
        self._base_sha256: str | None = None
        self._lock = threading.Lock()

    @property
    def uploads(self) -> Path:
        """Files that were uploaded and not imported yet. They hold personal data."""
        return self.workspace.uploads

    @property
    def imported(self) -> Path:
        """Imported conversations. They hold personal data."""
        return imported_path(self.settings)

    @property
    def redacted(self) -> Path:
        """Redacted conversations."""
        return redacted_path(self.settings)

    @property
    def terms(self) -> Path:
        """What a reviewer of a sample wrote."""
        return self.workspace.terms

    @property
    def evaluations(self) -> Path:
        """Answers and scores of adapters, as evaluations wrote them."""
        return self.workspace.evaluations

    @property
    def blind(self) -> Path:
        """Sessions of blind comparison."""
        return self.workspace.blind

    @property
    def jobs(self) -> Jobs:
        """Background jobs."""
        return self.workspace.jobs

    def forgotten_ones(self) -> Forgotten:
        """Conversations that must not come in again, as of now."""
        return Forgotten(self.settings.data_dir)

    def redaction(self, terms: Path | None) -> Redaction:
        """Masking by the company's rules and a reviewer's terms; errors as for `redaction_from_settings`."""
        return redaction_from_settings(self.settings, terms)

    def registry(self) -> AdapterRegistry:
        """The adapters, for looking at them."""
        return AdapterRegistry(self.settings.data_dir)

    def registry_of_base(self) -> AdapterRegistry:
        """The adapters, for switching one on: those of another base are refused.

        Raises:
            ModelError: The base is not there.
        """
        with self._lock:
            if self._base_sha256 is None:
                self._base_sha256 = base_of_settings(self.settings)
        return AdapterRegistry(self.settings.data_dir, base_sha256=self._base_sha256)

    def unanswered(self) -> tuple[UnansweredQuestion, ...]:
        """Questions that nobody could answer, newest first, masked by patterns."""
        redactor = pattern_redactor(rules_from_settings(self.settings))
        asked = unanswered_questions(self._store.database)
        return tuple(UnansweredQuestion(redactor.mask(one.text).text, one.asked_at) for one in asked)

    def masked(self, text: str) -> str:
        """A text without personal data, masked by patterns."""
        return pattern_redactor(rules_from_settings(self.settings)).mask(text).text

    def feedback(self) -> tuple[AdapterFeedback, ...]:
        """What customers think of each adapter's answers, since the trial began when there is one."""
        return self._store.adapter_feedback(canary_began(self.registry()))

    @property
    def audit(self) -> AuditLog:
        """Who did what."""
        return AuditLog(self._store.database)

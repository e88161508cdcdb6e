"""A worker that tunes a model of two layers on a small help centre: everything of the loop but its size."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from chatbot.adapter_files import Adapter
from chatbot.generators.base import Generator
from chatbot.privacy import PrivacyRules, Redactor
from finetune import job_worker
from finetune.dataset.from_knowledge_base import Searchable
from finetune.guards import SearchesFaq
from finetune.job_kinds import tuning_kinds
from finetune.job_worker import JobContext
from finetune.redact import Redaction
from finetune.tools import Tools
from tests.finetune.answering_model import TableModel
from tests.finetune.help_pages import ExactFaq, WordBase, documents
from tests.finetune.tiny import save_tiny_base

WORKER = (sys.executable, "-m", "tests.finetune.tiny_tuning")
KILL_AT = "TEST_KILL_AT"
"""Places, with `;` between: `STAGE`, where it begins, or `STAGE@NUMBER`, when so much of it is told."""


class TinyTools(Tools):
    def base(self) -> Path:
        folder = self.settings.data_dir / "base"
        return folder if folder.is_dir() else save_tiny_base(folder)

    def redaction(self, terms: Path | None) -> Redaction:
        return Redaction(Redactor(PrivacyRules()), b"s" * 32)

    @contextmanager
    def knowledge_base(self) -> Iterator[Searchable]:
        yield WordBase(documents())

    @contextmanager
    def fixed_faq(self) -> Iterator[SearchesFaq]:
        yield ExactFaq()

    @contextmanager
    def generator(self, adapters: Mapping[str, Path]) -> Iterator[Generator]:
        assert all((folder / "adapter_model.safetensors").is_file() for folder in adapters.values())
        yield TableModel(name="tiny")

    def current(self) -> Adapter | None:
        return None


class KilledContext(JobContext):
    """Dies once at each of the places in the environment."""

    def _dies(self, stage: str, number: int | None) -> None:
        for place in os.environ.get(KILL_AT, "").split(";"):
            wanted, _, at = place.partition("@")
            is_there = number is None if not at else number is not None and number >= int(at)
            marker = self.data_dir / f"died-{place}"
            if wanted == stage and is_there and not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    def stage(self, name: str, message: str = "") -> None:
        super().stage(name, message)
        self._now = name
        self._dies(name, None)

    def tell(self, done: int, total: int, message: str = "") -> None:
        super().tell(done, total, message)
        self._dies(self._now, done)

    def trained(self, figures: job_worker.TrainingFigures) -> None:
        super().trained(figures)
        self._dies("train", figures.step)


def main(words: Sequence[str]) -> int:
    job_worker.JobContext = KilledContext  # type: ignore[misc]
    return job_worker.main(list(words), tuning_kinds(TinyTools))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

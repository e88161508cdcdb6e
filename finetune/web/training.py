"""What the step "Training" does: starts, follows, cancels and resumes the job of tuning. Knows no page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.errors import InputError
from chatbot.settings import Settings
from finetune.errors import TrainingError
from finetune.job_files import JobState
from finetune.jobs import Jobs, JobStatus, TrainingPoint
from finetune.order import Order, completed
from finetune.retraining import order_of
from finetune.settings import TrainSettings
from finetune.workspace import DEFAULT_NAME, Workspace

KIND = "run"
"""The job that masks, builds, trains and evaluates what was imported, and stops at the gate."""
ESTIMATE = "estimate"
"""The job that tells what that one needs."""
_LIVE = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class Followed:
    """A job and the points of its training so far."""

    status: JobStatus
    points: tuple[TrainingPoint, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether it waits or works."""
        return self.status.state in _LIVE

    @property
    def can_go_on(self) -> bool:
        """Whether it ended before it was done."""
        return self.status.state in (JobState.FAILED, JobState.CANCELLED, JobState.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Needed:
    """What training needs.

    Attributes:
        seconds: None while there are no examples to estimate it from.
        minutes: The longest time that is allowed, where `seconds` is not known; None for no limit.
    """

    memory_bytes: int
    free_bytes: int
    seconds: float | None
    epochs: float
    minutes: float | None = None


class TrainingDesk:
    """The newest tuning job of one installation."""

    def __init__(self, workspace: Workspace, settings: Settings, jobs: Jobs | None = None) -> None:
        self._workspace = workspace
        self._settings = settings
        self._jobs = jobs or workspace.jobs

    @property
    def usual(self) -> TrainSettings:
        """The settings of training as they are configured."""
        return self._settings.finetune.train

    def newest(self) -> Followed | None:
        """The newest tuning job with its progress; None when there was none."""
        status = next((status for status in self._jobs.list() if status.kind == KIND), None)
        return Followed(status, tuple(self._jobs.progress(status.id))) if status else None

    def estimate(self, minutes: float | None, train: Mapping[str, Any]) -> Needed:
        """What training would need, from a process of its own, so that this one loads no base.

        Args:
            minutes: As for `start`, and so for the next.

        Raises:
            InputError: A job is running already, or a setting is out of its range.
            TrainingError: It cannot fit; the text says why.
        """
        arguments = self._arguments(minutes, train)
        status = self._jobs.wait(self._jobs.start(ESTIMATE, arguments).id)
        if status.state is not JobState.DONE:
            raise TrainingError(status.error or "The estimate was stopped.")
        found = self._jobs.result(status.id)
        seconds = found["seconds"]
        limit = minutes or None if seconds is None else None
        return Needed(found["memory_bytes"], found["free_bytes"], seconds, found["epochs"], limit)

    def start(self, minutes: float | None, train: Mapping[str, Any]) -> Followed:
        """Starts tuning on what was imported.

        Args:
            minutes: Longest time of training; None trains all epochs.
            train: Settings of training that differ from the configured ones.

        Raises:
            InputError: One is running already, or a setting is out of its range.
            StorageError: The data folder cannot be written.
        """
        return Followed(self._jobs.start(KIND, self._arguments(minutes, train)))

    def _arguments(self, minutes: float | None, train: Mapping[str, Any]) -> dict[str, Any]:
        if (newest := self.newest()) and newest.is_live:
            raise InputError("Training is running already.", "Wait until it has ended, or cancel it.")
        made = order_of(
            self._workspace, DEFAULT_NAME
        )  # examples that were made on the page are used as they are
        examples: dict[str, Any] = {part: made[part] for part in ("dataset", "seed") if part in made}
        given: dict[str, Any] = {**examples, "minutes": minutes or None, "train": dict(train)}
        arguments = completed(given, self._settings)
        Order.of(arguments, self._settings.company_name)
        return arguments

    def cancel(self) -> Followed | None:
        """Asks the newest job to stop; asked again, it is killed. What is done is kept."""
        newest = self.newest()
        return Followed(self._jobs.cancel(newest.status.id), newest.points) if newest else None

    def resume(self) -> Followed | None:
        """Lets the newest job go on where it was."""
        newest = self.newest()
        return Followed(self._jobs.resume(newest.status.id), newest.points) if newest else None

"""What the step "Training" does: starts, follows, cancels and resumes the job of tuning. Knows no page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chatbot.errors import InputError
from finetune.job_files import JobState
from finetune.jobs import Jobs, JobStatus, TrainingPoint

KIND = "run"
"""The job that masks, builds, trains and evaluates what was imported, and stops at the gate."""
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


class TrainingDesk:
    """The newest tuning job of one installation."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def newest(self) -> Followed | None:
        """The newest tuning job with its progress; None when there was none."""
        status = next((status for status in self._jobs.list() if status.kind == KIND), None)
        return Followed(status, tuple(self._jobs.progress(status.id))) if status else None

    def start(self, minutes: float | None, train: Mapping[str, Any]) -> Followed:
        """Starts tuning on what was imported.

        Args:
            minutes: Longest time of training; None trains all epochs.
            train: Settings of training that differ from the defaults.

        Raises:
            InputError: One is running already.
            StorageError: The data folder cannot be written.
        """
        if (newest := self.newest()) and newest.is_live:
            raise InputError("Training is running already.", "Wait until it has ended, or cancel it.")
        status = self._jobs.start(KIND, {"minutes": minutes or None, "train": dict(train)})
        return Followed(status)

    def cancel(self) -> Followed | None:
        """Asks the newest job to stop; asked again, it is killed. What is done is kept."""
        newest = self.newest()
        return Followed(self._jobs.cancel(newest.status.id), newest.points) if newest else None

    def resume(self) -> Followed | None:
        """Lets the newest job go on where it was."""
        newest = self.newest()
        return Followed(self._jobs.resume(newest.status.id), newest.points) if newest else None

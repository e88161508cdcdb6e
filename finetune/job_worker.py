"""The process of one job: `python -m finetune.job_worker FOLDER [DESCRIPTOR]`. Started by `finetune.jobs`.

It waits for its turn, works at low priority and writes where it stands. It may be killed at any moment.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import psutil

from chatbot.errors import FrontdeskError
from finetune.job_files import (
    JSON,
    JobError,
    JobFolder,
    JobRecord,
    JobState,
    TrainingPoint,
    now,
    try_lock,
)

log = logging.getLogger(__name__)
_TURN = ".turn.lock"
_NICE = 15
_POLL_S = 0.2
_TELL_EVERY_S = 0.5


class JobCancelledError(FrontdeskError):
    """Somebody asked the job to stop."""


class TrainingFigures(Protocol):
    """What is needed of `finetune.run.TrainProgress`."""

    @property
    def step(self) -> int: ...  # noqa: D102
    @property
    def steps(self) -> int: ...  # noqa: D102
    @property
    def loss(self) -> float: ...  # noqa: D102
    @property
    def validation_loss(self) -> float | None: ...  # noqa: D102
    @property
    def tokens_per_s(self) -> float: ...  # noqa: D102
    @property
    def remaining_s(self) -> float: ...  # noqa: D102


class JobContext:
    """What the work on a job is given.

    Attributes:
        arguments: What it was started with.
        workspace: The folder `finetune` of the data folder.
        data_dir: The data folder.
    """

    def __init__(self, job: JobFolder) -> None:
        self._job = job
        self._record = job.read()
        self._told_at = 0.0
        self.arguments = self._record.arguments
        self.workspace = job.path.parent.parent
        self.data_dir = self.workspace.parent

    def stage(self, name: str, message: str = "") -> None:
        """Tells what is begun now.

        Raises:
            JobCancelledError: Somebody asked to stop.
        """
        self._check()
        self._write(stage=name, done=0, total=0, message=message)

    def tell(self, done: int, total: int, message: str = "") -> None:
        """Tells how much of the stage is done; written twice a second at most.

        Raises:
            JobCancelledError: Somebody asked to stop.
        """
        self._check()
        if time.monotonic() - self._told_at >= _TELL_EVERY_S or (total and done >= total):
            self._write(done=done, total=total, message=message)

    def trained(self, figures: TrainingFigures) -> None:
        """Keeps a point of training. Never stops it: training asks `is_cancelled` itself, and keeps a checkpoint."""
        point = TrainingPoint(
            figures.step,
            figures.steps,
            figures.loss,
            figures.validation_loss,
            figures.tokens_per_s,
            figures.remaining_s,
        )
        self._job.add_point(point)
        if time.monotonic() - self._told_at >= _TELL_EVERY_S or figures.step >= figures.steps:
            self._write(done=figures.step, total=figures.steps, message=_in_words(point))

    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._job.wants_cancel

    def _check(self) -> None:
        if self.is_cancelled():
            raise JobCancelledError("It was cancelled.")

    def _write(self, **changes: JSON) -> None:
        self._record = self._job.write(JobRecord(**{**asdict(self._record), **changes}))
        self._told_at = time.monotonic()


Work = Callable[[JobContext], Mapping[str, JSON]]
"""Does the work of one kind of job and returns what came of it."""


def work_on(folder: Path, kinds: Mapping[str, Work]) -> JobState:
    """Waits for the job's turn and works on it; how it ended is in its record."""
    job = JobFolder(folder)
    job.write_pid()
    _be_humble()
    ending: dict[str, JSON]
    try:
        turn = wait_for_turn(job)
        ending = work_now(job, kinds)
        os.close(turn)
    except JobCancelledError:
        ending = {"state": JobState.CANCELLED, "message": "Cancelled; it can go on where it was."}
    job.change(**ending, finished_at=now())
    return JobState(ending["state"])


def work_now(job: JobFolder, kinds: Mapping[str, Work]) -> dict[str, JSON]:
    """Works on a job whose turn it is; returns what its record has to say of the end.

    Raises:
        JobCancelledError: Somebody asked to stop.
    """
    record = job.change(state=JobState.RUNNING, message="")
    try:
        if record.kind not in kinds:
            raise JobError(f"There is no kind of job {record.kind!r}.", f"Known are {', '.join(kinds)}.")
        result = kinds[record.kind](JobContext(job))
    except JobCancelledError:
        raise
    except FrontdeskError as error:
        if job.wants_cancel:
            raise JobCancelledError("It was cancelled.") from error
        log.warning("failed: %s", error)
        return {"state": JobState.FAILED, "error": f"{error.message} {error.hint}".strip()}
    except Exception as error:
        log.exception("failed")
        told = f"Something went wrong inside: {type(error).__name__}. The file `log` of the job tells more."
        return {"state": JobState.FAILED, "error": told}
    job.write_result(result)
    return {"state": JobState.DONE, "message": str(result.get("message", ""))}


def wait_for_turn(job: JobFolder, is_closing: Callable[[], bool] = lambda: False) -> int:
    """The lock of the one job that works; those that have waited longer come first.

    Raises:
        JobCancelledError: Somebody asked to stop, or `is_closing`.
    """
    while True:
        if job.wants_cancel or is_closing():
            raise JobCancelledError("It was cancelled.")
        if not _is_behind(job):
            turn = try_lock(job.path.parent / _TURN)
            if turn is not None:
                return turn
        time.sleep(_POLL_S)


def _is_behind(job: JobFolder) -> bool:
    mine = job.read()
    for path in job.path.parent.iterdir():
        other = JobFolder(path)
        if not path.is_dir() or path == job.path:
            continue
        try:
            theirs = other.read()
        except JobError:
            continue
        waits_longer = (theirs.queued_at, theirs.id) < (mine.queued_at, mine.id)
        if theirs.state is JobState.QUEUED and waits_longer and other.is_alive:
            return True
    return False


def _be_humble() -> None:
    """Whoever chats comes first, for the processor and for the disk."""
    os.setpriority(os.PRIO_PROCESS, 0, max(os.getpriority(os.PRIO_PROCESS, 0), _NICE))
    if hasattr(psutil, "IOPRIO_CLASS_IDLE"):
        psutil.Process().ionice(psutil.IOPRIO_CLASS_IDLE)


def _in_words(point: TrainingPoint) -> str:
    minutes = point.remaining_s / 60
    left = f"{minutes:.0f} min left" if minutes >= 1 else "less than a minute left"
    return f"loss {point.loss:.3f}, {point.tokens_per_s:.0f} tokens/s, {left}"


def main(arguments: list[str], kinds: Mapping[str, Work]) -> int:
    """Works on the job whose folder is named; the exit code says whether it is done."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    alive = int(arguments[1]) if len(arguments) > 1 else None
    if alive is not None:
        os.set_inheritable(alive, False)  # what we start does not count as us
    ended = work_on(Path(arguments[0]), kinds)
    if alive is not None:
        os.close(alive)  # it can be resumed at once: taking this process down may last seconds
    return int(ended is not JobState.DONE)


if __name__ == "__main__":
    from finetune import job_worker  # the same module as the kinds know, not a second one
    from finetune.job_kinds import KINDS

    sys.exit(job_worker.main(sys.argv[1:], KINDS))

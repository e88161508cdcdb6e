"""Work that takes minutes, in processes of its own: started, followed, cancelled, and taken up again after a kill.

Everything known of a job lies in its folder, so that the page, the commands and the job itself may each be killed or
started again without the others losing anything. One job works at a time; the others wait for their turn.
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from finetune.job_files import (
    JSON,
    LOG,
    RECORD,
    JobError,
    JobFolder,
    JobRecord,
    JobState,
    TrainingPoint,
    now,
    storage_errors,
)

__all__ = ["JobState", "JobStatus", "Jobs", "TrainingPoint"]
Points = list[TrainingPoint]
_WORKER = (sys.executable, "-m", "finetune.job_worker")
_POLL_S = 0.2
_LONGEST_LOOK_S = 5.0
_LONGEST_DEATH_S = 5.0
_CHILDREN: list["subprocess.Popen[bytes]"] = []
"""Processes started here, so that the dead ones are taken off the system's list."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job stands, for people and pages.

    Attributes:
        stage: What it is at, in words; `done` of `total` of it are done, both 0 while that is not known.
        message: The newest thing to tell.
        error: Why it failed, with what to do about it; empty otherwise.
        created_at: ISO 8601, as is `finished_at`, which is empty before the end.
    """

    id: str
    kind: str
    state: JobState
    stage: str
    done: int
    total: int
    message: str
    error: str
    created_at: str
    finished_at: str
    folder: Path


class Jobs:
    """The jobs of one installation.

    Args:
        folder: Where each has a folder of its own: `finetune/jobs` below the data folder.
        worker: Command that works on a job; the job's folder is appended.
    """

    def __init__(self, folder: Path, worker: Sequence[str] = _WORKER) -> None:
        self.folder = folder.absolute()
        self._worker = tuple(worker)

    def start(self, kind: str, arguments: Mapping[str, JSON]) -> JobStatus:
        """Puts a job at the end of the queue; it begins as soon as no other one works.

        Args:
            kind: A name of `finetune.job_kinds.KINDS`.

        Raises:
            StorageError: The data folder cannot be written.
        """
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        job = JobFolder(self.folder / f"{stamp}-{kind}-{uuid.uuid4().hex[:6]}")
        with storage_errors(self.folder.name):
            job.path.mkdir(parents=True)
        self._spawn(job, JobRecord(job.path.name, kind, dict(arguments), created_at=now()))
        return self.status(job.path.name)

    def resume(self, job_id: str) -> JobStatus:
        """Lets a job that was interrupted, cancelled or failed go on where it was; others are left as they are.

        Raises:
            JobError: There is no such job.
            StorageError: The data folder cannot be written.
        """
        job = self._job(job_id)
        if self.status(job_id).state in (JobState.QUEUED, JobState.RUNNING, JobState.DONE):
            return self.status(job_id)
        self._spawn(job, job.read())
        return self.status(job_id)

    def cancel(self, job_id: str) -> JobStatus:
        """Asks a job to stop, which it does at the next step; asked again, its process is killed.

        What is done is kept, so that `resume` goes on from there. A job that has ended is left as it is.

        Raises:
            JobError: There is no such job.
        """
        job = self._job(job_id)
        state = self.status(job_id).state
        if state.is_live and not job.wants_cancel:
            job.ask_cancel()
        elif state.is_live:
            _kill(job)
        if state.is_live or state is JobState.INTERRUPTED:
            self._end_if_dead(job)
        return self.status(job_id)

    def status(self, job_id: str) -> JobStatus:
        """Where a job stands.

        Raises:
            JobError: There is no such job, or its record is damaged.
        """
        _reap()
        job = self._job(job_id)
        record = job.read()
        if record.state.is_live and not job.is_alive:
            record = job.read()  # it may have ended in between
            if record.state.is_live:
                return _status(job, record, JobState.INTERRUPTED)
        return _status(job, record, record.state)

    def list(self) -> tuple[JobStatus, ...]:
        """All jobs, newest first; damaged records are left out."""
        found = []
        for path in self.folder.glob(f"*/{RECORD}"):
            try:
                found.append(self.status(path.parent.name))
            except JobError:
                continue
        return tuple(sorted(found, key=lambda status: (status.created_at, status.id), reverse=True))

    def progress(self, job_id: str) -> Points:
        """The points of its training so far, by step; empty before training."""
        return self._job(job_id).points()

    def result(self, job_id: str) -> dict[str, JSON]:
        """What came of it, as plain values; empty before it is done."""
        return self._job(job_id).result()

    def wait(
        self, job_id: str, tell: Callable[[JobStatus], None] = lambda status: None, poll_s: float = _POLL_S
    ) -> JobStatus:
        """Returns when the job has ended or its process has died.

        Args:
            tell: Told where it stands, again and again.
        """
        while True:
            status = self.status(job_id)
            tell(status)
            if not status.state.is_live:
                return status
            time.sleep(poll_s)

    def _job(self, job_id: str) -> JobFolder:
        if not job_id.strip(".") or Path(job_id).name != job_id:
            raise JobError(f"{job_id!r} is no id of a job.", "See `frontdesk finetune jobs`.")
        return JobFolder(self.folder / job_id)

    def _spawn(self, job: JobFolder, record: JobRecord) -> None:
        """Starts the process; it inherits the lock that says that it lives, so that there is no moment without."""
        claimed = _claim(job)
        if claimed is None:
            return  # somebody else was faster
        try:
            job.forget_cancel()
            queued = replace(record, state=JobState.QUEUED, queued_at=now())
            job.write(replace(queued, finished_at="", error="", message=""))
            self._launch(job, claimed)
        finally:
            os.close(claimed)

    def _launch(self, job: JobFolder, claimed: int) -> None:
        """Lets somebody work on a job who holds a copy of its lock."""
        with storage_errors(job.path.name), (job.path / LOG).open("ab") as log:
            process = subprocess.Popen(
                [*self._worker, str(job.path), str(claimed)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(claimed,),
                start_new_session=True,  # Ctrl-C in a terminal is the terminal's
                env={**os.environ, "PYTHONPATH": _python_path(), "PYTHONUNBUFFERED": "1"},
            )
        _CHILDREN.append(process)

    @staticmethod
    def _end_if_dead(job: JobFolder) -> None:
        claimed = _claim(job) if not job.is_alive else None
        if claimed is None:
            return
        try:
            if job.read().state.is_live:
                job.change(state=JobState.CANCELLED, finished_at=now())
        finally:
            os.close(claimed)


def _status(job: JobFolder, record: JobRecord, state: JobState) -> JobStatus:
    return JobStatus(
        record.id,
        record.kind,
        state,
        record.stage,
        record.done,
        record.total,
        record.message,
        record.error,
        record.created_at,
        record.finished_at,
        job.path,
    )


def _claim(job: JobFolder) -> int | None:
    """The job's lock; somebody who only looks holds it for a moment, a process for as long as it lives."""
    deadline = time.monotonic() + _LONGEST_LOOK_S
    while (claimed := job.claim()) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    return claimed


def _kill(job: JobFolder) -> None:
    pid = job.pid()
    if pid is None or not job.is_alive:
        return
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    deadline = time.monotonic() + _LONGEST_DEATH_S
    while job.is_alive and time.monotonic() < deadline:
        time.sleep(0.01)


def _reap() -> None:
    _CHILDREN[:] = [process for process in _CHILDREN if process.poll() is None]


def _python_path() -> str:
    """Where this copy of Frontdesk lies, before whatever else is installed."""
    here = str(Path(__file__).resolve().parent.parent)
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))

"""A background job on disk, as both sides see it: whoever asks, and the process that works.

`job.json` is replaced whole; `progress.jsonl` is appended to, and a line torn by a kill is passed over. Whether the
process lives is told by a lock that it holds from its first moment on and that the system takes back when it dies.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from chatbot.errors import FrontdeskError, StorageError
from knowledge_base.atomic import write_atomically

JSON = Any
"""A plain value: text, number, truth value, None, or lists and objects of them."""
RECORD, PROGRESS, LOG, RESULT = "job.json", "progress.jsonl", "log", "result.json"
_ALIVE, _CANCEL, _PID = "alive.lock", "cancel", "pid"


class JobError(FrontdeskError):
    """There is no such job, or it cannot be started."""


class JobState(StrEnum):
    """Where a job stands; `interrupted` means that its process died and that it can go on."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_live(self) -> bool:
        """Whether it waits or works."""
        return self in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What `job.json` holds.

    Attributes:
        stage: What it is at, in words; `done` of `total` of it are done, both 0 while that is not known.
        message: The newest thing to tell.
        error: Why it failed, with what to do about it.
        queued_at: ISO 8601 time from which it waits for its turn.
    """

    id: str
    kind: str
    arguments: Mapping[str, JSON] = field(default_factory=dict)
    state: JobState = JobState.QUEUED
    stage: str = ""
    done: int = 0
    total: int = 0
    message: str = ""
    error: str = ""
    created_at: str = ""
    queued_at: str = ""
    finished_at: str = ""


@dataclass(frozen=True, slots=True)
class TrainingPoint:
    """Where a training run stood after a step."""

    step: int
    steps: int
    loss: float
    validation_loss: float | None
    tokens_per_s: float
    remaining_s: float


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The files of one job."""

    path: Path

    def read(self) -> JobRecord:
        """What is known of it.

        Raises:
            JobError: There is no such job, or its record is damaged.
        """
        try:
            found = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
            return JobRecord(**{**found, "state": JobState(found["state"])})
        except FileNotFoundError as error:
            raise JobError(
                f"There is no job {self.path.name!r}.", "See `frontdesk finetune jobs`."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise JobError(f"The record of job {self.path.name} is damaged: {error}.") from error

    def write(self, record: JobRecord) -> JobRecord:
        """Replaces the record.

        Raises:
            StorageError: The folder cannot be written.
        """
        with storage_errors(self.path.name):
            self.path.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path / RECORD, json.dumps(asdict(record), ensure_ascii=False).encode())
        return record

    def change(self, **changes: Any) -> JobRecord:
        """Replaces parts of the record; only one side does so at a time: the process while it lives."""
        return self.write(replace(self.read(), **changes))

    def write_result(self, result: Mapping[str, JSON]) -> None:
        """Keeps what came of it."""
        with storage_errors(self.path.name):
            text = json.dumps(result, ensure_ascii=False, default=str)
            write_atomically(self.path / RESULT, text.encode())

    def result(self) -> dict[str, JSON]:
        """What came of it; empty before it is done."""
        try:
            found = json.loads((self.path / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def add_point(self, point: TrainingPoint) -> None:
        """Appends a point; a line that a kill tore is ended first."""
        line = json.dumps(asdict(point)).encode() + b"\n"
        with storage_errors(self.path.name), (self.path / PROGRESS).open("a+b") as file:
            file.seek(0, os.SEEK_END)
            if file.tell() and _last_byte(self.path / PROGRESS) != b"\n":
                line = b"\n" + line
            file.write(line)

    def points(self) -> list[TrainingPoint]:
        """All points by step; a run that went on from an earlier checkpoint replaces what it repeats."""
        points: list[TrainingPoint] = []
        for point in self._read_points():
            while points and points[-1].step >= point.step:
                points.pop()
            points.append(point)
        return points

    def _read_points(self) -> Iterator[TrainingPoint]:
        try:
            lines = (self.path / PROGRESS).read_bytes().splitlines()
        except OSError:
            return
        names = [one.name for one in fields(TrainingPoint)]
        for line in lines:
            try:
                found = json.loads(line)
                yield TrainingPoint(**{name: found[name] for name in names})
            except (ValueError, KeyError, TypeError):
                continue

    @property
    def wants_cancel(self) -> bool:
        """Whether somebody asked it to stop."""
        return (self.path / _CANCEL).exists()

    def ask_cancel(self) -> None:
        """Asks it to stop."""
        with storage_errors(self.path.name):
            (self.path / _CANCEL).touch()

    def forget_cancel(self) -> None:
        """Takes the wish to stop back."""
        with storage_errors(self.path.name):
            (self.path / _CANCEL).unlink(missing_ok=True)

    def write_pid(self) -> None:
        """Notes this process as the one that works."""
        with storage_errors(self.path.name):
            write_atomically(self.path / _PID, str(os.getpid()).encode())

    def pid(self) -> int | None:
        """The process that works; only meaningful while `is_alive`."""
        try:
            return int((self.path / _PID).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    @property
    def is_alive(self) -> bool:
        """Whether its process lives."""
        held = try_lock(self.path / _ALIVE, shared=True)
        if held is None:
            return True
        os.close(held)
        return False

    def claim(self) -> int | None:
        """A descriptor whose holder, and whoever inherits it, is the job's process; None when there is one."""
        return try_lock(self.path / _ALIVE)


def try_lock(path: Path, *, shared: bool = False) -> int | None:
    """A descriptor that holds the lock until it is closed or its process dies; None when another one holds it.

    Raises:
        StorageError: The file cannot be made.
    """
    with storage_errors(path.name):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def now() -> str:
    """The time as records keep it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@contextmanager
def storage_errors(name: str) -> Iterator[None]:
    """Failures of the disk as errors that may be shown."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{name} cannot be written: {error.strerror}.",
            "Free some disk space and check the rights of the data folder.",
        ) from error


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)

"""A background job as a terminal sees it: a bar for each stage, the last word, and what Ctrl-C does."""

from collections.abc import Mapping
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from finetune.errors import TrainingError
from finetune.job_files import JobState
from finetune.jobs import Jobs, JobStatus
from finetune.show import print_json

err = Console(stderr=True)
_INTERRUPTED_CODE = 130


def start_and_follow(
    jobs: Jobs, kind: str, arguments: Mapping[str, Any], *, background: bool, as_json: bool
) -> dict[str, Any] | None:
    """Starts a job and shows it to its end; its result, or None when it goes on in the background.

    Raises:
        TrainingError: It failed or was interrupted.
        typer.Exit: Somebody pressed Ctrl-C; the job is cancelled and can go on.
    """
    started = jobs.start(kind, arguments)
    if background:
        told = {"job": started.id, "state": started.state.value}
        if as_json:
            print_json(told)
        else:
            err.print(f"Started in the background as {started.id}. Follow it with", highlight=False)
            err.print("`frontdesk finetune jobs`.", highlight=False)
        return None
    return follow(jobs, started.id)


def follow(jobs: Jobs, job_id: str) -> dict[str, Any]:
    """Shows a job to its end; results and errors as for `start_and_follow`."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(16), TimeElapsedColumn())
    try:
        with Progress(*columns, console=err) as shown:
            ended = jobs.wait(job_id, _Bars(shown).tell)
    except KeyboardInterrupt as error:
        jobs.cancel(job_id)
        jobs.wait(job_id)
        err.print("\nStopped. What is done is kept; go on with", highlight=False)
        err.print(f"`frontdesk finetune resume {job_id}`.", highlight=False)
        raise typer.Exit(_INTERRUPTED_CODE) from error
    if ended.state is not JobState.DONE:
        raise TrainingError(*_ending(ended))
    return {**jobs.result(job_id), "job": job_id, "state": ended.state.value}


def _ending(status: JobStatus) -> tuple[str, str]:
    if status.state is JobState.FAILED:
        return status.error, f"The log is {status.folder / 'log'}."
    how = "was cancelled" if status.state is JobState.CANCELLED else "was interrupted: its process died"
    return f"The job {how}.", f"Go on with `frontdesk finetune resume {status.id}`."


class _Bars:
    """One bar for each stage; the stages before the newest one are done."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._bar: TaskID | None = None
        self._stage = ""

    def tell(self, status: JobStatus) -> None:
        stage = status.stage or ("waiting for another job" if status.state is JobState.QUEUED else "")
        if stage != self._stage:
            self._end()
            self._stage, self._bar = stage, self._shown.add_task(stage, total=None)
        if self._bar is not None:
            words = f"{stage}: {status.message}" if status.message and status.state.is_live else stage
            self._shown.update(
                self._bar, completed=status.done, total=status.total or None, description=words
            )
        if status.state is JobState.DONE:
            self._end()

    def _end(self) -> None:
        if self._bar is not None:
            self._shown.update(self._bar, completed=1, total=1, description=self._stage)

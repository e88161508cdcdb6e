"""Background jobs: their own process, one at a time, and nothing lost when either side is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from finetune.job_files import JobError, JobFolder
from finetune.jobs import Jobs, JobState, JobStatus
from tests.finetune.patient_worker import WORKER


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    made = Jobs(tmp_path / "finetune" / "jobs", WORKER)
    yield made
    for status in made.list():
        if status.state.is_live:
            made.cancel(status.id)
            made.cancel(status.id)


@pytest.fixture
def start(jobs: Jobs, tmp_path: Path) -> Callable[[str], JobStatus]:
    def start_one(name: str) -> JobStatus:
        told = {"until": str(tmp_path / "go"), "order": str(tmp_path / "order"), "name": name}
        return jobs.start("wait", told)

    return start_one


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def kill(status: JobStatus) -> None:
    pid = JobFolder(status.folder).pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    until(lambda: not JobFolder(status.folder).is_alive)


def test_a_job_works_in_a_humble_process_of_its_own_and_says_where_it_is(
    jobs: Jobs, start: Callable[[str], JobStatus], tmp_path: Path
) -> None:
    begun = start("a")
    until(lambda: jobs.status(begun.id).done == 1)
    status = jobs.status(begun.id)
    assert (status.state, status.kind, status.stage, status.total) == (JobState.RUNNING, "wait", "waiting", 2)
    assert status.folder == tmp_path / "finetune" / "jobs" / begun.id
    assert JobFolder(status.folder).pid() != os.getpid()
    (tmp_path / "go").touch()
    ended = jobs.wait(begun.id)
    assert (ended.state, ended.message, ended.error) == (JobState.DONE, "seen", "")
    assert ended.finished_at > ended.created_at
    assert jobs.result(begun.id)["nice"] >= 15


def test_one_works_at_a_time_and_the_others_follow_in_order(
    jobs: Jobs, start: Callable[[str], JobStatus], tmp_path: Path
) -> None:
    first = start("a")
    until(lambda: jobs.status(first.id).state is JobState.RUNNING)
    others = [start("b"), start("c")]
    assert [jobs.status(one.id).state for one in others] == [JobState.QUEUED, JobState.QUEUED]
    (tmp_path / "go").touch()
    assert {jobs.wait(one.id).state for one in (first, *others)} == {JobState.DONE}
    assert (tmp_path / "order").read_text().split() == ["a", "b", "c"]
    assert [one.id for one in jobs.list()] == [others[1].id, others[0].id, first.id]


def test_a_killed_job_is_interrupted_and_goes_on(
    jobs: Jobs, start: Callable[[str], JobStatus], tmp_path: Path
) -> None:
    begun = start("a")
    until(lambda: jobs.status(begun.id).state is JobState.RUNNING)
    kill(begun)
    assert jobs.wait(begun.id).state is JobState.INTERRUPTED
    next_one = start("b")
    until(lambda: jobs.status(next_one.id).state is JobState.RUNNING)  # the dead hold nobody up
    (tmp_path / "go").touch()
    resumed = jobs.resume(begun.id)
    assert (resumed.id, resumed.created_at) == (begun.id, begun.created_at)
    assert jobs.wait(begun.id).state is JobState.DONE
    assert jobs.wait(next_one.id).state is JobState.DONE


def test_points_of_a_run_that_went_on_from_a_checkpoint_are_told_once(jobs: Jobs) -> None:
    begun = jobs.start("train", {"dies_at": 3})
    assert jobs.wait(begun.id).state is JobState.INTERRUPTED
    with (begun.folder / "progress.jsonl").open("a") as file:
        file.write('{"step": 4, "st')  # torn by the kill
    assert [point.step for point in jobs.progress(begun.id)] == [1, 2, 3]
    jobs.resume(begun.id)
    assert jobs.wait(begun.id).state is JobState.DONE
    points = jobs.progress(begun.id)
    assert [point.step for point in points] == [1, 2, 3, 4, 5]
    assert (points[4].loss, points[4].steps, points[4].validation_loss) == (0.2, 5, None)
    assert len((begun.folder / "progress.jsonl").read_text().splitlines()) == 7


def test_cancelling_stops_a_job_that_works_and_one_that_waits(
    jobs: Jobs, start: Callable[[str], JobStatus], tmp_path: Path
) -> None:
    first = start("a")
    until(lambda: jobs.status(first.id).state is JobState.RUNNING)
    second = start("b")
    jobs.cancel(second.id)
    jobs.cancel(first.id)
    assert {jobs.wait(one.id).state for one in (first, second)} == {JobState.CANCELLED}
    assert jobs.cancel(first.id).state is JobState.CANCELLED
    (tmp_path / "go").touch()
    jobs.resume(first.id)
    assert jobs.wait(first.id).state is JobState.DONE
    assert jobs.resume(first.id).state is JobState.DONE
    assert (tmp_path / "order").read_text().split() == ["a"]


def test_a_job_that_does_not_listen_is_killed_when_asked_twice(
    jobs: Jobs, start: Callable[[str], JobStatus]
) -> None:
    begun = start("a")
    until(lambda: jobs.status(begun.id).state is JobState.RUNNING)
    pid = JobFolder(begun.folder).pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    assert jobs.cancel(begun.id).state is JobState.RUNNING
    assert jobs.cancel(begun.id).state is JobState.CANCELLED


def test_an_interrupted_job_can_be_cancelled(jobs: Jobs, start: Callable[[str], JobStatus]) -> None:
    begun = start("a")
    until(lambda: jobs.status(begun.id).state is JobState.RUNNING)
    kill(begun)
    assert jobs.cancel(begun.id).state is JobState.CANCELLED


def test_a_failure_says_why_and_what_to_do_and_a_bug_tells_no_details(jobs: Jobs) -> None:
    failed, broken, unknown = (jobs.start(kind, {}) for kind in ("fail", "bug", "nonsense"))
    states = [jobs.wait(one.id) for one in (failed, broken, unknown)]
    assert {one.state for one in states} == {JobState.FAILED}
    assert states[0].error == "There is nothing to learn. Add conversations."
    assert "ZeroDivisionError" in states[1].error
    assert "secret detail" not in states[1].error
    assert "secret detail" in (broken.folder / "log").read_text()
    assert "nonsense" in states[2].error


def test_the_job_outlives_whoever_started_it(jobs: Jobs, tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from finetune.jobs import Jobs
from tests.finetune.patient_worker import WORKER
go, order = sys.argv[2:]
print(Jobs(Path(sys.argv[1]), WORKER).start("wait", {"until": go, "order": order, "name": "a"}).id, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    words = [str(jobs.folder), str(tmp_path / "go"), str(tmp_path / "order")]
    root = str(Path(__file__).resolve().parents[2])
    starter = subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    job_id = starter.stdout.strip()
    assert starter.returncode == -signal.SIGKILL
    assert jobs.status(job_id).state.is_live
    (tmp_path / "go").touch()
    assert jobs.wait(job_id).state is JobState.DONE


@pytest.mark.parametrize("job_id", ["", "..", "nothing", "../../etc"])
def test_an_unknown_job_is_an_error(jobs: Jobs, job_id: str) -> None:
    with pytest.raises(JobError):
        jobs.status(job_id)


def test_a_damaged_record_does_not_hide_the_others(jobs: Jobs) -> None:
    damaged = jobs.start("fail", {})
    jobs.wait(damaged.id)
    whole = jobs.start("fail", {})
    (damaged.folder / "job.json").write_text(json.dumps({"id": 1}))
    assert jobs.wait(whole.id).state is JobState.FAILED
    assert [one.id for one in jobs.list()] == [whole.id]
    with pytest.raises(JobError, match="damaged"):
        jobs.status(damaged.id)

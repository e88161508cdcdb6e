"""Training is started, followed, cancelled and resumed from the page."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatbot.errors import InputError
from finetune.job_files import JobState
from finetune.jobs import JobStatus, TrainingPoint
from finetune.pipeline import Order
from finetune.web.training import KIND, Followed, TrainingDesk
from finetune.web.training_tab import figures_html, training_html

STATUS = JobStatus(
    "j1", KIND, JobState.RUNNING, "train", 3, 40, "", "", "2026-01-01T00:00:00+00:00", "", Path("j1")
)
POINTS = [TrainingPoint(1, 40, 2.5, None, 250.0, 90.0), TrainingPoint(2, 40, 2.25, 2.4, 300.0, 75.0)]


class Remembers:
    """Jobs without processes."""

    def __init__(self, *found: JobStatus) -> None:
        self.found = list(found)
        self.asked: list[Any] = []

    def list(self) -> tuple[JobStatus, ...]:
        return tuple(self.found)

    def progress(self, job_id: str) -> Any:
        return POINTS

    def start(self, kind: str, arguments: Any) -> JobStatus:
        self.asked.append((kind, arguments))
        self.found.insert(0, STATUS)
        return STATUS

    def cancel(self, job_id: str) -> JobStatus:
        self.asked.append(("cancel", job_id))
        return replace(STATUS, state=JobState.CANCELLED)

    def resume(self, job_id: str) -> JobStatus:
        self.asked.append(("resume", job_id))
        return STATUS


def desk_of(jobs: Remembers) -> TrainingDesk:
    return TrainingDesk(jobs)  # type: ignore[arg-type]


def test_what_is_started_is_an_order_that_the_job_understands() -> None:
    jobs = Remembers(replace(STATUS, kind="recipe"))
    desk = desk_of(jobs)
    assert desk.newest() is None
    desk.start(20, {"r": 8, "learning_rate": 1e-4})
    kind, arguments = jobs.asked[0]
    order = Order.of(arguments, "Lumen")
    assert kind == "run"
    assert (order.minutes, order.settings.train.r) == (20, 8)
    with pytest.raises(InputError, match="running already"):
        desk.start(None, {})


def test_a_running_job_tells_its_stage_its_losses_and_the_time_left() -> None:
    found = desk_of(Remembers(STATUS)).newest()
    assert found
    assert "train: 3 / 40" in training_html(found, "en")
    shown = figures_html(found, "en")
    for word in ("2 / 40", "2.2500", "2.4000", "300", "1:15"):
        assert f"<td>{word}</td>" in shown


def test_cancelled_and_failed_jobs_can_go_on_and_say_why() -> None:
    jobs = Remembers(STATUS)
    cancelled = desk_of(jobs).cancel()
    assert cancelled
    assert cancelled.can_go_on
    resumed = desk_of(jobs).resume()
    assert resumed
    assert resumed.is_live
    assert jobs.asked == [("cancel", "j1"), ("resume", "j1")]
    failed = Followed(replace(STATUS, state=JobState.FAILED, error="No <b>memory</b>."))
    assert "No &lt;b&gt;memory" in training_html(failed, "en")


@pytest.mark.parametrize("state", list(JobState))
def test_every_state_has_words_in_both_languages(state: JobState) -> None:
    found = Followed(replace(STATUS, state=state))
    assert training_html(found, "en") != training_html(found, "zh")


def test_nothing_trained_yet_shows_so() -> None:
    assert desk_of(Remembers()).cancel() is None
    assert "Nothing was trained" in training_html(None, "en")
    assert figures_html(None, "en") == ""

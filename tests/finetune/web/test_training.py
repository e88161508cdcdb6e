"""Training is started, followed, cancelled and resumed from the page."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chatbot.errors import InputError
from chatbot.settings import Settings
from finetune import pipeline, proving
from finetune.errors import TrainingError
from finetune.job_files import JobState
from finetune.jobs import JobStatus, TrainingPoint
from finetune.order import Order
from finetune.settings import DatasetSettings, FinetuneSettings, TrainSettings
from finetune.web.stages import stage_in
from finetune.web.training import KIND, Followed, TrainingDesk
from finetune.web.training_tab import figures_html, needed_html, training_html
from finetune.workspace import Workspace

STATUS = JobStatus(
    "j1", KIND, JobState.RUNNING, "train", 3, 40, "", "", "2026-01-01T00:00:00+00:00", "", Path("j1")
)
POINTS = [TrainingPoint(1, 40, 2.5, None, 250.0, 90.0), TrainingPoint(2, 40, 2.25, 2.4, 300.0, 75.0)]


class Remembers:
    """Jobs without processes."""

    def __init__(self, *found: JobStatus) -> None:
        self.found = list(found)
        self.asked: list[Any] = []
        self.ends, self.error = JobState.DONE, ""
        self.needs = {"memory_bytes": 2**31, "free_bytes": 2**33, "seconds": 1230.0, "epochs": 0.5}

    def list(self) -> tuple[JobStatus, ...]:
        return tuple(self.found)

    def progress(self, job_id: str) -> Any:
        return POINTS

    def start(self, kind: str, arguments: Any) -> JobStatus:
        self.asked.append((kind, arguments))
        self.found.insert(0, STATUS)
        return STATUS

    def wait(self, job_id: str) -> JobStatus:
        return replace(self.found.pop(0), state=self.ends, error=self.error)

    def result(self, job_id: str) -> Any:
        return self.needs

    def cancel(self, job_id: str) -> JobStatus:
        self.asked.append(("cancel", job_id))
        return replace(STATUS, state=JobState.CANCELLED)

    def resume(self, job_id: str) -> JobStatus:
        self.asked.append(("resume", job_id))
        return STATUS


def desk_of(jobs: Remembers, workspace: Workspace | None = None, **settings: Any) -> TrainingDesk:
    place = workspace or Workspace(Path("nowhere"))
    return TrainingDesk(place, Settings(**settings), jobs)  # type: ignore[arg-type]


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


def test_what_training_needs_is_told_before_it_starts() -> None:
    jobs = Remembers()
    needed = desk_of(jobs).estimate(25, {"r": 8})
    kind, arguments = jobs.asked[0]
    assert (kind, arguments["train"]["r"], arguments["minutes"]) == ("estimate", 8, 25)
    shown = needed_html(needed, "en")
    assert "2.0 GiB of memory; 8.0 GiB are free" in shown
    assert "about 20 minutes for 0.5 passes" in shown
    assert "20 分钟" in needed_html(needed, "zh")
    jobs.needs = {**jobs.needs, "seconds": None}
    assert "25 minutes at most" in needed_html(desk_of(jobs).estimate(25, {}), "en")
    assert "known when the examples are made" in needed_html(desk_of(jobs).estimate(None, {}), "en")


def test_what_does_not_fit_is_refused_with_its_reason() -> None:
    jobs = Remembers()
    jobs.ends, jobs.error = JobState.FAILED, "Training needs about 40.0 GiB of memory and 8.0 GiB are free."
    with pytest.raises(TrainingError, match=r"40\.0 GiB"):
        desk_of(jobs).estimate(25, {})


@pytest.mark.parametrize(
    ("stage", "named"),
    [
        ("train", "训练"),
        ("ask bare base: held-out questions", "向 原始基础模型 提问（留出问题）"),
        ("ask shop-1234abcd: guard questions", "向 shop-1234abcd 提问（防护问题）"),
        ("something new", "something new"),
    ],
)
def test_stages_are_told_in_the_readers_language(stage: str, named: str) -> None:
    assert stage_in("zh", stage) == named
    assert stage_in("en", stage) == stage


def test_every_stage_of_a_job_has_a_name_in_chinese() -> None:
    told = "".join(Path(module.__file__ or "").read_text("utf-8") for module in (pipeline, proving))
    stages = re.findall(r'\.stage\(f?"([^"]+)"', told)
    assert len(stages) > 10
    assert not [s for s in stages if stage_in("zh", s.replace("{who.name}", "x")).isascii()]


def test_configured_settings_hold_where_nothing_else_is_chosen() -> None:
    jobs = Remembers()
    tuning = FinetuneSettings(train=TrainSettings(r=4, epochs=2), dataset=DatasetSettings(examples=9))
    desk_of(jobs, finetune=tuning).start(None, {"r": 8})
    settings = Order.of(jobs.asked[0][1], "Lumen").settings
    assert (settings.train.r, settings.train.epochs, settings.dataset.examples) == (8, 2, 9)
    assert settings.dataset.company_name == "Lumen"
    with pytest.raises(InputError, match="README"):
        desk_of(Remembers()).start(None, {"r": 0})


def test_examples_that_were_made_on_the_page_are_those_that_are_trained_on(tmp_path: Path) -> None:
    workspace, jobs = Workspace(tmp_path), Remembers()
    workspace.dataset().mkdir(parents=True)
    made = DatasetSettings(examples=16, company_name="Lumen").model_dump(mode="json")
    (workspace.dataset() / "card.json").write_text(json.dumps({"settings": made, "seed": 7}))
    desk_of(jobs, workspace).start(None, {})
    assert Order.of(jobs.asked[0][1], "other").settings.dataset.model_dump(mode="json") == made


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

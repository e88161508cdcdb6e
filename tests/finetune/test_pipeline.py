"""From transcripts to a registered adapter in one job that may be killed anywhere."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chatbot.adapter_files import erasure_key, load_adapter
from chatbot.errors import InputError
from finetune.jobs import Jobs, JobState
from finetune.order import Order
from finetune.proving import held_out
from finetune.registry import AdapterRegistry
from finetune.workspace import Workspace
from tests.finetune.answering_model import row
from tests.finetune.test_dataset_from_conversations import _conversation
from tests.finetune.tiny_tuning import KILL_AT, WORKER

DATASET = {"examples": 16, "passages": 1, "test_share": 0.2, "validation_share": 0.2, "company_name": "Lumen"}
TRAIN = {
    "r": 2,
    "max_length": 4000,
    "pack_tokens": 1500,
    "tokens_per_step": 3000,
    "evaluate_every_steps": 2,
    "validation_examples": 3,
    "checkpoint_every_s": 0,
    "threads": 1,
}


def transcripts(folder: Path) -> Path:
    path = folder / "chats.jsonl"
    conversations = [_conversation(number) for number in range(20)]
    lines = (
        json.dumps(
            {
                "conversation_id": c.id,
                "customer": f"zoe{int(c.id[5:]) % 7}@mail.example",
                "started_at": c.started_at,
                "messages": [{"role": t.role, "text": t.text} for t in c.turns],
            }
        )
        for c in conversations
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def arguments(file: Path) -> dict[str, Any]:
    return {"files": [str(file)], "dataset": DATASET, "train": TRAIN, "questions": 8, "calibration": 8}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Workspace, Jobs, str]]:
    file = transcripts(tmp_path_factory.mktemp("files"))

    def run_one() -> tuple[Workspace, Jobs, str]:
        data = tmp_path_factory.mktemp("data")
        workspace = Workspace(data / "finetune")
        jobs = Jobs(workspace.folder / "jobs", WORKER)
        job_id = jobs.start("run", arguments(file)).id
        jobs.wait(job_id)
        return workspace, jobs, job_id

    return run_one


@pytest.fixture(scope="module")
def whole(run: Callable[..., tuple[Workspace, Jobs, str]]) -> tuple[Workspace, Jobs, str]:
    """A run that nobody interrupts."""
    workspace, jobs, job_id = run()
    assert jobs.status(job_id).state is JobState.DONE, jobs.status(job_id).error
    return workspace, jobs, job_id


def results(found: tuple[Workspace, Jobs, str]) -> Mapping[str, Any]:
    return found[1].result(found[2])


def test_a_run_ends_in_a_registered_adapter_that_does_not_serve(whole: tuple[Workspace, Jobs, str]) -> None:
    workspace, jobs, job_id = whole
    result = results(whole)
    registry = AdapterRegistry(workspace.folder.parent)
    (adapter,) = registry.list()
    assert adapter.id == result["adapter"]
    assert registry.pointer().active == "default"
    assert adapter.registration.gate is not None
    assert adapter.registration.gate.passed == result["gate"]["passed"]
    assert load_adapter(adapter.folder).manifest.metrics
    assert set(result["metrics"]) == {adapter.id, "bare base"}
    assert {"mean", "low", "high", "n"} == set(result["metrics"][adapter.id]["guard_refusal_recall"])
    assert Path(result["side_by_side"]).is_file()
    assert result["import"]["conversations"] == result["redact"]["conversations"] == 20
    assert [point.step for point in jobs.progress(job_id)] == list(
        range(1, result["train"]["result"]["steps"] + 1)
    )


def test_the_manifest_knows_the_conversations_it_was_trained_on_but_not_those_of_the_test(
    whole: tuple[Workspace, Jobs, str],
) -> None:
    workspace = whole[0]
    (adapter,) = AdapterRegistry(workspace.folder.parent).list()
    card = json.loads((workspace.dataset() / "card.json").read_text())
    assert card["conversations"]["test"] > 0
    assert len(adapter.manifest.conversations) == 20 - card["conversations"]["test"]
    assert erasure_key("chat-0") in adapter.manifest.conversations
    assert erasure_key("chat-19") not in adapter.manifest.conversations


def test_nothing_of_the_customers_is_left_in_what_is_trained_on(whole: tuple[Workspace, Jobs, str]) -> None:
    workspace = whole[0]
    assert "@mail.example" in workspace.imported().read_text()
    for path in [workspace.redacted(), *workspace.dataset().iterdir()]:
        assert "@mail.example" not in path.read_text()


PLACES = (
    "import",
    "redact",
    "build@7",
    "train",
    "train@2",
    "export",
    "ask bare base: instructions@20",
)


def test_killed_at_every_stage_and_inside_it_ends_with_the_same_dataset_and_the_same_loss(
    run: Callable[..., tuple[Workspace, Jobs, str]],
    whole: tuple[Workspace, Jobs, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(KILL_AT, ";".join(PLACES))
    workspace, jobs, job_id = run()
    kills = 0
    while jobs.wait(job_id).state is JobState.INTERRUPTED:
        kills += 1
        assert kills <= len(PLACES)
        jobs.resume(job_id)
    assert jobs.status(job_id).state is JobState.DONE, jobs.status(job_id).error
    assert len(list(workspace.folder.parent.glob("died-*"))) == kills == len(PLACES)
    ended, expected = jobs.result(job_id), results(whole)
    for part, name in (("build", "dataset_hash"), ("train", "run")):
        assert ended[part][name] == expected[part][name]
    for name in ("loss", "validation_loss", "steps", "best_step"):
        assert ended["train"]["result"][name] == expected["train"]["result"][name]
    assert ended["gate"] == expected["gate"]


def test_what_is_done_is_not_done_again(whole: tuple[Workspace, Jobs, str]) -> None:
    workspace, jobs, job_id = whole
    expected = results(whole)
    trained = (workspace.run(expected["adapter"]) / "training.json").stat().st_mtime_ns
    given = json.loads((workspace.folder / "jobs" / job_id / "job.json").read_text())["arguments"]
    again = jobs.start("run", {**given, "files": []})
    assert jobs.wait(again.id).state is JobState.DONE, jobs.status(again.id).error
    assert jobs.result(again.id)["adapter"] == expected["adapter"]
    assert (workspace.run(expected["adapter"]) / "training.json").stat().st_mtime_ns == trained
    assert not jobs.progress(again.id)


def test_what_training_needs_is_estimated_without_training(whole: tuple[Workspace, Jobs, str]) -> None:
    workspace, jobs, job_id = whole
    runs = len(workspace.plans())
    given = json.loads((workspace.folder / "jobs" / job_id / "job.json").read_text())["arguments"]
    started = jobs.start("estimate", given)
    assert jobs.wait(started.id).state is JobState.DONE, jobs.status(started.id).error
    needed = jobs.result(started.id)
    assert 0 < needed["memory_bytes"] < needed["free_bytes"]
    assert needed["seconds"] > 0
    assert len(workspace.plans()) == runs


def test_what_cannot_fit_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "data" / "finetune")
    jobs = Jobs(workspace.folder / "jobs", WORKER)
    given = arguments(transcripts(tmp_path))
    given["train"] = {**TRAIN, "max_memory_share": 1e-9}
    ended = jobs.wait(jobs.start("run", given).id)
    assert ended.state is JobState.FAILED
    assert "Training needs about" in ended.error
    assert not workspace.imported().exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train": {"r": 0}}, "train.r"),
        ({"dataset": {"sise": 1}}, "dataset.sise"),
        ({"name": "../x"}, "cannot be a name"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Order.of(given, "Lumen")


def test_questions_of_conversations_are_asked_first_and_some_must_be_refused() -> None:
    def of(number: int, kind: str, *, refuse: bool) -> Any:
        made = row(f"question {number}") if refuse else row(f"question {number}", "Yes.", 1)
        return type(made)(made.prompt, made.references, made.gold, kind, str(number))

    rows = [of(n, "heading", refuse=n % 2 == 0) for n in range(20)]
    rows += [of(n, "conversation", refuse=False) for n in range(20, 25)]
    chosen = held_out(rows, 10, 0.3)
    assert len(chosen) == 10
    assert sum(one.must_refuse for one in chosen) == 3
    assert sum(one.kind == "conversation" for one in chosen) == 5
    assert [int(one.source) for one in chosen] == sorted(int(one.source) for one in chosen)

"""`frontdesk finetune build`, `jobs`, `resume`, `cancel` and what is refused before a process is started."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from app import cli
from finetune import tuning_commands
from finetune.jobs import Jobs
from finetune.workspace import Workspace
from tests.finetune.tiny_tuning import WORKER

SETTINGS = ["--set", "dataset.passages=1", "--set", "dataset.test_share=0.2"]


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FRONTDESK_FINETUNE__DATASET__EXAMPLES", "12")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Workspace, "jobs", property(lambda self: Jobs(self.folder / "jobs", WORKER)))
    return tmp_path / "data"


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(cli, ["finetune", *map(str, words)])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


def test_examples_are_built_of_the_articles_alone_when_there_are_no_conversations(data: Path) -> None:
    code, printed, told = run("build", *SETTINGS, "--json")
    assert code == 0, told
    found = json.loads(printed)
    assert found["state"] == "done"
    assert sum(found["examples"].values()) >= 12
    assert (found["settings"]["examples"], found["settings"]["passages"]) == (12, 1)
    assert (data / "finetune" / "datasets" / "conversations" / "train.jsonl").is_file()
    assert found["job"] in run("jobs")[1]
    assert json.loads(run("jobs", "--json")[1])["jobs"][0]["state"] == "done"
    assert json.loads(run("resume", found["job"], "--json")[1])["dataset_hash"] == found["dataset_hash"]
    code, printed, _ = run("build", *SETTINGS)
    assert code == 0
    assert found["dataset_hash"][:12] in printed


def test_training_without_a_dataset_says_what_to_do_first() -> None:
    code, _, told = run("train")
    assert code == 1
    assert "frontdesk finetune build" in told


def test_a_job_in_the_background_is_named_and_can_be_cancelled() -> None:
    code, printed, _ = run("run", "--background", "--json")
    job = json.loads(printed)["job"]
    assert code == 0
    assert run("cancel", job)[0] == 0
    assert Workspace.of(tuning_commands.load_settings()).jobs.wait(job).state in ("cancelled", "failed")


def test_forgetting_queues_training_without_what_was_forgotten(data: Path) -> None:
    folder = data / "finetune" / "datasets" / "conversations"
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text('{"source": "chat-1#2"}\n')
    code, printed, told = run("forget", "chat-1", "--json")
    assert code == 0, told
    found = json.loads(printed)
    assert (found["datasets"], found["found"], folder.exists()) == (["conversations"], True, False)
    (job,) = found["retrain_jobs"]
    assert Workspace.of(tuning_commands.load_settings()).jobs.status(job).kind == "run"
    run("cancel", job)
    code, printed, _ = run("forget", "chat-1", "--no-retrain")
    assert code == 0
    assert "they are left out" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["build", "--set", "sise=1"], "Begin the name with"),
        (["build", "--set", "dataset.sise=1"], "dataset.sise"),
        (["train", "--set", "train.r=0"], "train.r"),
        (["build", "--name", "../x"], "cannot be a name"),
        (["run", "--map", "colour=red"], "NAME is one of text"),
        (["resume", "nothing"], "no job 'nothing'"),
        (["cancel", ".."], "no id of a job"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(words: list[str], said: str, data: Path) -> None:
    code, _, told = run(*words)
    assert code == 1
    assert said in told
    assert not list(data.glob("finetune/jobs/*"))


def test_a_proof_fits_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    monkeypatch.setattr(tuning_commands, "out", narrow)
    figure: dict[str, Any] = {"mean": 0.25, "low": 0.125, "high": 0.5, "n": 40}
    metrics: dict[str, Any] = {"answer_f1": figure, "refusal_recall": figure, "tokens_per_s": {"mean": 61.4}}
    found = {
        "metrics": {"conversations-1a2b3c4d": metrics, "support-en": metrics, "bare base": metrics},
        "questions": 40,
        "side_by_side": "/data/side-by-side.md",
        "gate": {"passed": True, "reasons": []},
        "message": "conversations-1a2b3c4d passed its gate.",
    }
    tuning_commands.show_proof(found)
    text = narrow.export_text()
    assert max(map(len, text.splitlines())) <= 60
    for part in ("answer F1", "0.25", "0.12–0.50", "61", "1a2b3c4d", "passed its gate"):
        assert part in text

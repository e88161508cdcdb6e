"""Floors on the shared evaluation data, through the commands; skipped where the data is not there."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app import cli
from tests.conftest import ModelFiles


def evaluated(task: str, data: Path) -> dict[str, Any]:
    if not data.is_dir():
        pytest.skip(f"no {data}")
    done = CliRunner().invoke(cli, ["evaluate", task, "--data", str(data), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["task"], found["data"]) == (task, data.name)
    return found


@pytest.mark.models
def test_the_mood_of_messages_is_better_than_always_negative(
    eval_data: Path, model_files: ModelFiles
) -> None:
    found = evaluated("sentiment", eval_data / "sentiment" / "airline")
    assert found["n"] > 1_000
    assert found["metrics"]["macro_f1"] > 0.63


@pytest.mark.models
def test_a_shop_bots_questions_are_answered_or_refused(eval_data: Path, model_files: ModelFiles) -> None:
    found = evaluated("refusal", eval_data / "intents" / "hint3_sofmattress")
    assert found["metrics"]["mcc"] > 0.54
    assert found["metrics"]["auroc"] > 0.85
    assert set(found["metrics"]) >= {"mcc", "in_scope_accuracy", "oos_recall", "auroc", "threshold"}


@pytest.mark.models
def test_search_is_ahead_of_keywords_and_of_the_embedder_alone(
    eval_data: Path, model_files: ModelFiles, tmp_path: Path
) -> None:
    source = eval_data / "retrieval" / "stackfaq"
    if not source.is_dir():
        pytest.skip(f"no {source}")
    folder = tmp_path / "stackfaq"
    folder.mkdir()
    (folder / "articles.jsonl").write_bytes((source / "articles.jsonl").read_bytes())
    queries = (source / "queries.jsonl").read_text(encoding="utf-8").splitlines()[::8]
    (folder / "queries.jsonl").write_text("\n".join(queries), encoding="utf-8")
    arguments = ["evaluate", "retrieval", "--data", str(folder), "--compare", "--json"]
    done = CliRunner().invoke(cli, arguments)
    assert done.exit_code == 0, done.output
    metrics = json.loads(done.stdout)["metrics"]
    assert metrics["recall_at_5"] >= max(metrics["bm25_recall_at_5"], metrics["dense_recall_at_5"]) - 0.01
    assert metrics["mrr"] > 0.95

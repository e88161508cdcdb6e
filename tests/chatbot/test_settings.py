"""Settings: read from three places, checked whole, explained."""

import os
from pathlib import Path

import pytest

from chatbot.database_url import engine_url
from chatbot.errors import SettingsError
from chatbot.settings import load_settings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("FRONTDESK_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def write_toml(text: str) -> None:
    Path("frontdesk.toml").write_text(text, encoding="utf-8")


def problems() -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_defaults_are_usable_without_a_file_or_a_variable() -> None:
    settings = load_settings()
    assert settings.database_path == settings.data_dir / "frontdesk.db"
    assert settings.models_path == settings.data_dir / "models"


def test_the_environment_wins_over_the_toml_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_toml('port = 8001\ncompany_name = "Toml"\n[knowledge_base]\ntop_k = 7\ncandidates = 9\n')
    monkeypatch.setenv("FRONTDESK_PORT", "8002")
    monkeypatch.setenv("FRONTDESK_KNOWLEDGE_BASE__TOP_K", "8")
    settings = load_settings()
    assert (settings.port, settings.company_name) == (8002, "Toml")
    assert (settings.knowledge_base.top_k, settings.knowledge_base.candidates) == (8, 9)
    assert load_settings(port=8003).port == 8003


def test_settings_of_tuning_come_from_file_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml("[finetune.dataset]\nexamples = 16\n[finetune.train]\nr = 4\nepochs = 2\n")
    monkeypatch.setenv("FRONTDESK_FINETUNE__TRAIN__R", "8")
    monkeypatch.setenv("FRONTDESK_FINETUNE__TRAIN__TARGET_MODULES", '["q_proj"]')
    tuning = load_settings().finetune
    assert (tuning.dataset.examples, tuning.train.r, tuning.train.epochs) == (16, 8, 2)
    assert tuning.train.target_modules == ("q_proj",)
    monkeypatch.setenv("FRONTDESK_FINETUNE__TRAIN__R", "0")
    monkeypatch.setenv("FRONTDESK_FINETUNE__DATASET__PASSAGES", "10")
    told = problems()
    assert "finetune.train.r: " in told
    assert "finetune.dataset.passages: " in told


def test_one_loading_leaves_no_file_behind_for_the_next() -> None:
    write_toml("port = 8001")
    assert load_settings().port == 8001
    Path("frontdesk.toml").unlink()
    assert load_settings().port == 7860


def test_frontdesk_config_names_another_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write_toml("port = 8001")
    (tmp_path / "other.toml").write_text("port = 9001")
    monkeypatch.setenv("FRONTDESK_CONFIG", "other.toml")
    assert load_settings().port == 9001


def test_a_named_file_that_is_missing_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_CONFIG", "nowhere.toml")
    assert "FRONTDESK_CONFIG names nowhere.toml" in problems()


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("FRONTDESK_PROT", "prot: there is no such setting; did you mean `port`?"),
        ("FRONTDESK_KNOWLEDGE_BASE__TOPK", "did you mean `top_k`?"),
        ("FRONTDESK_XYZZY", "xyzzy: there is no such setting; see `frontdesk settings`"),
        ("FRONTDESK_PORT__NUMBER", "port has no parts"),
        ("FRONTDESK_FINETUNE__TRAIN__RATE", "finetune.train.rate: there is no such setting"),
        ("FRONTDESK_FINETUNE__TRAIN__EPOCH", "did you mean `epochs`?"),
        ("FRONTDESK_FINETUNE__TRAINING__R", "did you mean `train`?"),
    ],
)
def test_an_unknown_variable_fails_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, variable: str, hint: str
) -> None:
    monkeypatch.setenv(variable, "1")
    assert hint in problems()


def test_an_unknown_toml_key_fails_with_a_hint() -> None:
    write_toml("max_new_token = 5\n[knowledge_base]\nchunk_token = 5")
    text = problems()
    assert "did you mean `max_new_tokens`?" in text
    assert "did you mean `chunk_tokens`?" in text


def test_all_problems_are_reported_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    write_toml('port = 0\nhots = "x"')
    monkeypatch.setenv("FRONTDESK_TEMPERATURE", "warm")
    monkeypatch.setenv("FRONTDESK_ENGIN", "openai")
    text = problems()
    for part in ("port:", "`host`", "temperature:", "`engine`"):
        assert part in text
    assert text.count("\n- ") == 4


@pytest.mark.parametrize("content", [b"port = = 1", b"company_name = '\xff'"])
def test_a_broken_toml_file_is_named(content: bytes) -> None:
    Path("frontdesk.toml").write_bytes(content)
    assert "frontdesk.toml is not valid TOML" in problems()


def test_a_broken_group_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_KNOWLEDGE_BASE", "{not json")
    assert "knowledge_base" in problems()


def test_an_answer_must_leave_room_for_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_CONTEXT_TOKENS", "512")
    monkeypatch.setenv("FRONTDESK_MAX_NEW_TOKENS", "512")
    assert "max_new_tokens" in problems()


def test_the_key_is_hidden_wherever_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_OPENAI_API_KEY", "sk-secret")
    settings = load_settings()
    assert settings.openai_api_key.get_secret_value() == "sk-secret"
    assert "sk-secret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_a_wrong_setting_beside_the_key_does_not_show_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("FRONTDESK_PORT", "none")
    assert "sk-secret" not in problems()


def test_one_setting_puts_postgres_in_the_place_of_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().database_address == f"sqlite:///{load_settings().database_path}"
    address = "postgresql://desk:hidden@db.example/desk"
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", address)
    settings = load_settings()
    assert settings.database_address == address
    assert "hidden" not in repr(settings)
    driver = engine_url(settings.database_address).get_driver_name()
    assert driver == engine_url("postgres://desk@db.example/desk").get_driver_name() == "psycopg"


def test_a_database_that_is_neither_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "mysql://desk:hidden@db.example/desk")
    assert "database_url: Value error, must begin with `postgresql://`" in problems()
    assert "hidden" not in problems()

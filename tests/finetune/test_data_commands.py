"""`frontdesk finetune import` and `redact` as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from finetune.data_commands import data_app
from tests.conftest import EXAMPLES, ModelFiles

TRANSCRIPTS = EXAMPLES / "transcripts"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(data_app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


def test_transcripts_of_the_example_company_are_imported_into_the_data_folder(data: Path) -> None:
    code, printed, _ = run("import", TRANSCRIPTS / "conversations.jsonl", "--json")
    report = json.loads(printed)
    assert code == 0
    assert report["conversations"] >= 300
    assert Path(report["out"]) == data / "finetune" / "imported" / "conversations.jsonl"
    assert len(Path(report["out"]).read_text(encoding="utf-8").splitlines()) == report["conversations"]


def test_other_formats_go_in_together_and_are_counted() -> None:
    files = [TRANSCRIPTS / name for name in ("zendesk-export.json", "chats.csv", "thread.mbox")]
    code, printed, _ = run("import", *files, "--domain", "wrenfield.example", "--json")
    assert code == 0
    report = json.loads(printed)
    assert report["conversations"] == 8 + 10 + 3
    assert report["reasons"] == {"private_note": 2}


def test_columns_and_speakers_can_be_named(tmp_path: Path) -> None:
    table = tmp_path / "odd.csv"
    table.write_text("who,words,nr\nZoe,My router is red,1\nBot 7,Please restart it,1\n", encoding="utf-8")
    words = ["--map", "text=words", "--map", "role=who", "--map", "conversation_id=nr"]
    code, printed, _ = run(
        "import", table, *words, "--role", "Zoe=customer", "--role", "Bot 7=agent", "--json"
    )
    assert code == 0
    turns = json.loads(printed)["first"][0]["messages"]
    assert [(turn["role"], turn["text"]) for turn in turns] == [
        ("customer", "My router is red"),
        ("agent", "Please restart it"),
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--map", "words"], "--map got 'words'"),
        (["--map", "colour=red"], "NAME is one of text"),
        (["--role", "Zoe=boss"], "--role got 'boss'"),
    ],
)
def test_an_option_that_makes_no_sense_says_how_to_write_it(words: list[str], said: str) -> None:
    code, _, told = run("import", TRANSCRIPTS / "chats.csv", *words)
    assert code == 1
    assert said in " ".join(told.split())


def test_a_file_that_gives_nothing_fails_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("{not json\n", encoding="utf-8")
    code, _, told = run("import", tmp_path / "bad.jsonl")
    assert code == 1
    assert "bad.jsonl" in told


def test_redacting_what_was_never_imported_says_what_to_do_first() -> None:
    code, _, told = run("redact", "missing.jsonl")
    assert code == 1
    assert "frontdesk finetune import" in " ".join(told.split())


@pytest.mark.models
def test_imported_conversations_are_redacted(
    data: Path, model_files: ModelFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FRONTDESK_MODELS_DIR", str(model_files.folder))
    lines = (TRANSCRIPTS / "conversations.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    (tmp_path / "few.jsonl").write_text("\n".join(lines), encoding="utf-8")
    run("import", tmp_path / "few.jsonl")
    code, printed, told = run("redact", "--json")
    assert code == 0, told
    report = json.loads(printed)
    assert report["conversations"] == len(imported_path_lines(data))
    assert sum(report["masked"].values()) > 0
    assert "@mail.example" not in Path(report["out"]).read_text(encoding="utf-8")


def imported_path_lines(data: Path) -> list[str]:
    return (data / "finetune" / "imported" / "conversations.jsonl").read_text(encoding="utf-8").splitlines()

"""Figures of masking: what counts as a hit, what as right, and the floor on the shared sentences."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from chatbot.errors import InputError
from chatbot.privacy import pattern_redactor, redactor_from_settings
from chatbot.privacy.evaluate import evaluate_privacy, mapped
from chatbot.settings import load_settings


def sentence(text: str, *found: tuple[str, str]) -> dict[str, object]:
    spans = [{"entity_type": k, "start": text.index(v), "end": text.index(v) + len(v)} for k, v in found]
    return {"text": text, "spans": spans}


def written(folder: Path, name: str, rows: list[dict[str, object]]) -> Path:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


def test_hits_misses_wrong_masks_and_confusions_are_counted(tmp_path: Path) -> None:
    rows = [
        sentence("write to jo@mail.example", ("EMAIL_ADDRESS", "jo@mail.example")),
        sentence("Zyx wrote to us", ("PERSON", "Zyx")),
        sentence("my phone: 078-05-1120", ("PHONE_NUMBER", "078-05-1120")),
        sentence("my name is Oona Kirkby", ("ORGANIZATION", "Oona Kirkby")),
    ]
    result = evaluate_privacy(written(tmp_path, "sentences.jsonl", rows), pattern_redactor())
    metrics = result["metrics"]
    assert result["n"] == 4
    assert metrics["recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert metrics["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert metrics["confused"] == 1
    assert metrics["recall_person"] == 0
    assert metrics["recall_email"] == 1


def test_half_a_name_is_a_miss_and_still_no_wrong_mask(tmp_path: Path) -> None:
    rows = [sentence("call +44 20 7946 0958 or Zyx", ("PHONE_NUMBER", "+44 20 7946 0958 or Zyx"))]
    metrics = evaluate_privacy(written(tmp_path, "sentences.jsonl", rows), pattern_redactor())["metrics"]
    assert (metrics["recall"], metrics["precision"]) == (0, 1)


def test_a_town_counts_only_as_part_of_an_address(tmp_path: Path) -> None:
    with_street = sentence(
        "I live at 12 Harbour Lane, Leeds", ("STREET_ADDRESS", "12 Harbour Lane"), ("GPE", "Leeds")
    )
    assert (
        evaluate_privacy(written(tmp_path, "sentences.jsonl", [with_street]), pattern_redactor())["metrics"][
            "precision"
        ]
        == 1
    )
    alone = sentence("my name is Leeds", ("GPE", "Leeds"))
    assert (
        evaluate_privacy(written(tmp_path, "sentences.jsonl", [alone]), pattern_redactor())["metrics"][
            "precision"
        ]
        == 0
    )


def test_a_date_counts_only_beside_a_word_of_birth() -> None:
    born, other = "she was born on 3 May 1990", "delivered on 3 May 1990"
    assert mapped(born, {"entity_type": "DATE_TIME", "start": 16, "end": 26}) == "DATE_OF_BIRTH"
    assert mapped(other, {"entity_type": "DATE_TIME", "start": 13, "end": 23}) is None


def test_only_the_asked_rows_are_measured(tmp_path: Path) -> None:
    rows = [
        sentence("Zyx wrote to us", ("PERSON", "Zyx")),
        sentence("jo@mail.example", ("EMAIL", "jo@mail.example")),
    ]
    data = written(tmp_path, "sentences.jsonl", rows)
    assert evaluate_privacy(data, pattern_redactor(), first=1)["metrics"]["recall"] == 1
    assert evaluate_privacy(data, pattern_redactor(), last=1)["metrics"]["recall"] == 0


def test_spoken_answers_are_read_after_their_question(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "w s 7 1 0 g h", "item": "postcode"},
        {"text": "5th August 1977", "item": "dob"},
        {"text": "Julia Davies", "item": "name"},
        {"text": "...", "item": "name"},
        {"text": "what?", "item": "name"},
    ]
    metrics = evaluate_privacy(written(tmp_path, "turns.jsonl", rows), pattern_redactor())["metrics"]
    assert metrics["recall"] == 0.75
    assert metrics["recall_postcode"] == 1


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"spans": []}',
        '{"text": 1}',
        '{"text": "a", "spans": [{"entity_type": "PERSON", "start": 0, "end": 9}]}',
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "sentences.jsonl").write_text(f'{{"text": "a"}}\n{line}\n', encoding="utf-8")
    with pytest.raises(InputError, match="Line 2"):
        evaluate_privacy(tmp_path, pattern_redactor())


def test_a_folder_without_data_is_an_error_without_a_traceback(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["evaluate", "privacy", "--data", str(tmp_path), "--json"])
    assert done.exit_code == 1
    assert "sentences.jsonl" in done.output
    assert "Traceback" not in done.output


@pytest.mark.models
def test_the_command_prints_one_object(tmp_path: Path) -> None:
    data = written(
        tmp_path, "sentences.jsonl", [sentence("I met Philippa Crane", ("PERSON", "Philippa Crane"))]
    )
    done = CliRunner().invoke(cli, ["evaluate", "privacy", "--data", str(data), "--json"])
    assert done.exit_code == 0, done.output
    printed = json.loads(done.stdout)
    assert set(printed) == {"task", "data", "n", "metrics", "settings"}
    assert printed["task"] == "privacy"
    assert printed["metrics"]["recall"] == 1
    assert printed["metrics"]["precision"] == 1


@pytest.mark.models
def test_shared_sentences_keep_their_floor(eval_data: Path) -> None:
    redactor = redactor_from_settings(load_settings())
    metrics = evaluate_privacy(eval_data / "pii" / "presidio", redactor, last=375)["metrics"]
    assert metrics["recall"] >= 0.95
    assert metrics["precision"] >= 0.85

"""Examples are made on the page, and what they are is told."""

from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.privacy import PrivacyRules, pattern_redactor
from finetune.dataset import Dataset
from finetune.errors import DatasetError, RedactionError
from finetune.redact import Redaction, redact_file
from finetune.transcripts import import_transcripts
from finetune.web.alone import alone
from finetune.web.examples import ExamplesDesk, Statistics
from finetune.web.examples_html import counted_html, dataset_html, details_html
from tests.finetune.help_pages import WordBase, documents
from tests.finetune.transcripts_files import chat, write

FEW = {"examples": 30, "test_share": 0.2, "validation_share": 0.2}


def desk_of(tmp_path: Path) -> ExamplesDesk:
    return ExamplesDesk(
        tmp_path / "redacted.jsonl", tmp_path / "dataset", lambda: WordBase(documents()), "Lumen"
    )


def masked_chats(tmp_path: Path) -> None:
    chats = [
        chat(f"c{n}", f"within how many days can i return the kettle, case {n}?",
             "Send the kettle back within 21 days of delivery. Your ticket is T-123456.")
        for n in range(6)
    ]  # fmt: skip
    import_transcripts([write(tmp_path / "a.jsonl", *chats)], tmp_path / "imported.jsonl")
    redaction = Redaction(pattern_redactor(PrivacyRules()), b"s" * 32)
    redact_file(tmp_path / "imported.jsonl", tmp_path / "redacted.jsonl", redaction)


@pytest.fixture
def built(tmp_path: Path) -> Statistics:
    masked_chats(tmp_path)
    return desk_of(tmp_path).build(FEW, lambda done, total: None)


def test_examples_of_conversations_and_articles_are_kept_and_counted(
    built: Statistics, tmp_path: Path
) -> None:
    dataset = Dataset.load(tmp_path / "dataset")
    total = sum(len(part) for part in (dataset.train, dataset.validation, dataset.test))
    assert sum(built.kinds.values()) == sum(built.lengths.values()) == total
    assert built.card["dataset_hash"] == dataset.hash
    assert sum(built.card["conversations"].values()) == 6
    assert "conversation_keys" not in built.card
    assert desk_of(tmp_path).statistics() == built


def test_what_is_shown_has_every_part_and_kind(built: Statistics) -> None:
    shown = dataset_html(built, "en")
    for word in ("training", "validation", "test", built.card["dataset_hash"][:12]):
        assert word in shown
    assert len({example.kind for example in built.shown}) > 2
    assert "dataset_hash" in details_html(built, "en")
    kinds = counted_html("Examples", "Kind", built.kinds, "en")
    assert all(f"<td>{kind}</td>" in kinds for kind in built.kinds)


def test_without_conversations_the_articles_are_enough(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    found = desk_of(tmp_path).build(FEW, lambda done, total: told.append((done, total)))
    assert found.card["conversations"] == {"train": 0, "validation": 0, "test": 0}
    assert sum(found.kinds.values())


def test_nothing_made_yet_shows_so(tmp_path: Path) -> None:
    assert desk_of(tmp_path).statistics() is None
    assert "No examples are made yet" in dataset_html(None, "en")
    assert details_html(None, "en") == ""


def test_wrong_settings_changed_files_and_a_second_build_are_refused(tmp_path: Path) -> None:
    desk = desk_of(tmp_path)
    with pytest.raises(InputError, match="examples: Input should be greater"):
        desk.build({"examples": 0}, lambda done, total: None)
    with alone(tmp_path / "dataset", "x"), pytest.raises(InputError, match="being made already"):
        desk.build(FEW, lambda done, total: None)
    masked_chats(tmp_path)
    with (tmp_path / "redacted.jsonl").open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(RedactionError, match="changed since"):
        desk.build(FEW, lambda done, total: None)


def test_a_damaged_dataset_says_so(built: Statistics, tmp_path: Path) -> None:
    (tmp_path / "dataset" / "train.jsonl").write_text("")
    with pytest.raises(DatasetError):
        desk_of(tmp_path).statistics()

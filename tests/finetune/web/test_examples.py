"""Examples are made on the page, and what they are is told."""

from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.privacy import PrivacyRules, pattern_redactor
from chatbot.settings import Settings
from finetune.dataset import Dataset
from finetune.errors import DatasetError, RedactionError
from finetune.order import Order
from finetune.pipeline import build_examples_of
from finetune.redact import Redaction, redact_file
from finetune.settings import DatasetSettings, FinetuneSettings
from finetune.transcripts import import_transcripts
from finetune.web.alone import alone
from finetune.web.examples import ExamplesDesk, Statistics
from finetune.web.examples_html import counted_html, dataset_html, details_html
from finetune.workspace import Workspace
from tests.finetune.help_pages import WordBase, documents
from tests.finetune.transcripts_files import chat, write

FEW = {"examples": 30, "test_share": 0.2, "validation_share": 0.2}
CONFIGURED = FinetuneSettings(dataset=DatasetSettings(passages=2))


def desk_of(tmp_path: Path) -> ExamplesDesk:
    return ExamplesDesk(
        Workspace(tmp_path),
        lambda: WordBase(documents()),
        Settings(company_name="Lumen", finetune=CONFIGURED),
    )


def masked_chats(tmp_path: Path) -> None:
    chats = [
        chat(f"c{n}", f"within how many days can i return the kettle, case {n}?",
             "Send the kettle back within 21 days of delivery. Your ticket is T-123456.")
        for n in range(6)
    ]  # fmt: skip
    import_transcripts([write(tmp_path / "a.jsonl", *chats)], tmp_path / "imported.jsonl")
    Workspace(tmp_path).redacted().parent.mkdir()
    redaction = Redaction(pattern_redactor(PrivacyRules()), b"s" * 32)
    redact_file(tmp_path / "imported.jsonl", Workspace(tmp_path).redacted(), redaction)


@pytest.fixture
def built(tmp_path: Path) -> Statistics:
    masked_chats(tmp_path)
    return desk_of(tmp_path).build(FEW, lambda done, total: None)


def test_examples_of_conversations_and_articles_are_kept_and_counted(
    built: Statistics, tmp_path: Path
) -> None:
    dataset = Dataset.load(Workspace(tmp_path).dataset())
    total = sum(len(part) for part in (dataset.train, dataset.validation, dataset.test))
    assert sum(built.kinds.values()) == sum(built.lengths.values()) == total
    assert built.card["dataset_hash"] == dataset.hash
    assert sum(built.card["conversations"].values()) == 6
    assert "conversation_keys" not in built.card
    assert desk_of(tmp_path).statistics() == built


def test_a_job_knows_the_examples_of_the_page_again(built: Statistics, tmp_path: Path) -> None:
    assert built.card["settings"]["passages"] == 2
    assert built.card["settings"]["company_name"] == "Lumen"
    order = Order.of({"dataset": built.card["settings"], "seed": built.card["seed"]}, "other")
    told: list[tuple[int, int]] = []
    again = build_examples_of(
        order, Workspace(tmp_path), WordBase(documents()), lambda done, total: told.append((done, total))
    )
    assert (again["made_of"], again["dataset_hash"]) == (built.card["made_of"], built.card["dataset_hash"])
    assert not told


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
    with alone(Workspace(tmp_path).dataset(), "x"), pytest.raises(InputError, match="being made already"):
        desk.build(FEW, lambda done, total: None)
    masked_chats(tmp_path)
    with (Workspace(tmp_path).redacted()).open("a", encoding="utf-8") as file:
        file.write("{}\n")
    with pytest.raises(RedactionError, match="changed since"):
        desk.build(FEW, lambda done, total: None)


def test_a_damaged_dataset_says_so(built: Statistics, tmp_path: Path) -> None:
    (Workspace(tmp_path).dataset() / "train.jsonl").write_text("")
    with pytest.raises(DatasetError):
        desk_of(tmp_path).statistics()
    assert desk_of(tmp_path).build(FEW, lambda done, total: None).kinds == built.kinds

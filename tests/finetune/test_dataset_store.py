"""Datasets on disk: whole, checked, and split by source."""

import json
from pathlib import Path

import pytest

from finetune.dataset import Dataset, Example
from finetune.dataset.example import Context
from finetune.dataset.store import split_by_source
from finetune.errors import DatasetError

_CONTEXT = Context("Lumen", ())


def _examples(sources: int, each: int = 3) -> list[Example]:
    return [
        _CONTEXT.refusal(f"question {number} of {source}", source=f"page-{source}#part-{number}")
        for source in range(sources)
        for number in range(each)
    ]


def _dataset() -> Dataset:
    parts = split_by_source(_examples(60), validation_share=0.2, test_share=0.2, seed=7)
    return Dataset(**parts, about={"seed": 7})


def test_a_document_is_on_one_side_only() -> None:
    dataset = _dataset()
    sides = [{e.source.split("#")[0] for e in dataset.part(p)} for p in ("train", "validation", "test")]
    assert all(sides)
    assert not sides[0] & sides[1]
    assert not sides[0] & sides[2]
    assert not sides[1] & sides[2]
    assert sum(len(dataset.part(p)) for p in ("train", "validation", "test")) == 180


def test_a_document_stays_on_its_side_when_others_come() -> None:
    before = split_by_source(_examples(30), validation_share=0.2, test_share=0.2, seed=7)
    after = split_by_source(_examples(60), validation_share=0.2, test_share=0.2, seed=7)
    assert all(set(before[part]) <= set(after[part]) for part in before)


def test_a_dataset_is_read_back_as_it_was(tmp_path: Path) -> None:
    dataset = _dataset()
    loaded = Dataset.load(dataset.save(tmp_path / "data"))
    assert loaded == dataset
    assert loaded.hash == dataset.hash


def test_the_hash_follows_content_and_part() -> None:
    dataset = _dataset()
    moved = Dataset(dataset.validation, dataset.train, dataset.test, dataset.about)
    assert moved.hash != dataset.hash
    assert Dataset(dataset.train[1:], dataset.validation, dataset.test).hash != dataset.hash
    assert Dataset(dataset.train, dataset.validation, dataset.test, {"seed": 8}).hash == dataset.hash


def test_a_changed_line_is_noticed(tmp_path: Path) -> None:
    folder = _dataset().save(tmp_path / "data")
    path = folder / "train.jsonl"
    path.write_text(path.read_text("utf-8").replace("question 1", "question 9", 1), "utf-8")
    with pytest.raises(DatasetError, match="was changed"):
        Dataset.load(folder)


@pytest.mark.parametrize("line", ["{", "[]", '{"prompt": [], "answer": "a"}', '{"prompt": 3}'])
def test_a_broken_line_is_a_clear_error(tmp_path: Path, line: str) -> None:
    folder = _dataset().save(tmp_path / "data")
    (folder / "train.jsonl").write_text(line + "\n", "utf-8")
    with pytest.raises(DatasetError, match="no example"):
        Dataset.load(folder)


def test_a_missing_part_or_card_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no whole dataset"):
        Dataset.load(tmp_path / "nothing")
    folder = _dataset().save(tmp_path / "data")
    (folder / "test.jsonl").unlink()
    with pytest.raises(DatasetError, match="no whole dataset"):
        Dataset.load(folder)


def test_another_prompt_format_is_refused(tmp_path: Path) -> None:
    folder = _dataset().save(tmp_path / "data")
    card = json.loads((folder / "card.json").read_text("utf-8"))
    (folder / "card.json").write_text(json.dumps({**card, "prompt_format": "passages-0"}), "utf-8")
    with pytest.raises(DatasetError, match="another prompt format"):
        Dataset.load(folder)


def test_the_card_counts_what_is_there() -> None:
    dataset = _dataset()
    card = dataset.card()
    assert card["seed"] == 7
    assert card["examples"]["train"] == len(dataset.train)
    assert card["statistics"]["train"]["kinds"] == {"refusal": len(dataset.train)}
    assert card["statistics"]["train"]["gold"] == {"0": len(dataset.train)}


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(DatasetError, match="cannot be written"):
        _dataset().save(tmp_path / "file" / "data")

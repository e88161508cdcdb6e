"""A recipe of a few pages made here, in the form of the shipped one."""

import csv
import json
from pathlib import Path

from finetune.recipe import Recipe, load_recipe
from finetune.settings import TrainSettings
from tests.finetune.help_pages import documents


def write_recipe_data(folder: Path) -> Path:
    (folder / "centre").mkdir(parents=True)
    rows = [{"id": d.id, "title": d.title, "text": d.text, "path": d.id} for d in documents()]
    rows += [{"id": 7, "title": "Short", "text": "short", "path": "a"}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "centre" / "articles.jsonl").write_text(text, "utf-8")
    (folder / "intents" / "banking77").mkdir(parents=True)
    table = [("sentence", "label"), ("where is my card", "card_arrival"), ("a joke", "oos")]
    with (folder / "intents" / "banking77" / "train.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(table)
    return folder


def small_recipe() -> Recipe:
    shipped = load_recipe()
    centre = shipped.help_centre.model_copy(
        update={
            "articles": "centre/articles.jsonl",
            "limit": 5,
            "leave_out": ("page-lamp",),
            "min_chars": 100,
        }
    )
    dataset = shipped.dataset.model_copy(update={"examples": 30, "passages": 1})
    train = TrainSettings(
        r=2,
        epochs=0.2,
        max_length=4000,
        pack_tokens=1500,
        tokens_per_step=1500,
        validation_examples=3,
        threads=1,
    )
    changed = {
        "help_centre": centre,
        "topic_contexts": 6,
        "dataset": dataset,
        "validation_share": 0.3,
        "train": train,
        "calibration_headings": 6,
        "held_out": "centre/articles.jsonl",
    }
    return shipped.model_copy(update=changed)

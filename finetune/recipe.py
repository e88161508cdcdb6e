"""The recipe of an adapter that is not one company's: which help centres, topics and settings it is made of.

`recipes/support-en.json` is that of the adapter that comes with Frontdesk. The data are not: whoever makes the adapter
again names the folder that holds them.
"""

import json
import random
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from finetune.dataset.from_knowledge_base import build_examples
from finetune.dataset.store import Dataset, split_by_source
from finetune.dataset.topics import COMPANIES, load_topics, out_of_scope_questions, topic_examples
from finetune.errors import DatasetError
from finetune.evaluation_rows import read_jsonl
from finetune.settings import DatasetSettings, TrainSettings
from knowledge_base.atomic import write_atomically
from knowledge_base.base import KnowledgeBase
from knowledge_base.embed import TextEmbedder
from knowledge_base.settings import KnowledgeBaseSettings

OnPart = Callable[[str, int, int], None]
"""Told the name of what is made, how much of it is done, and how much there is."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class HelpCentre(_Part):
    """Articles to make examples of."""

    articles: str
    """`articles.jsonl` ({id, title, text}) below the data folder."""
    limit: int = Field(600, ge=1)
    """How many articles are drawn."""
    min_chars: int = Field(400, ge=0)
    """Shorter articles are left out."""
    max_chars: int = Field(9_000, ge=1)
    """Longer articles are left out."""
    leave_out: tuple[str, ...] = ()
    """Beginnings of paths of files that are no articles."""
    draw: int = 5
    """Seed of the draw."""


class Recipe(_Part):
    """Everything that the adapter depends on, beside the data and the base."""

    id: str
    """Id of the adapter."""
    base_model: str
    """Catalogue name of the base."""
    help_centre: HelpCentre
    """Articles of the examples made from a knowledge base."""
    companies: tuple[str, ...] = ()
    """Names to speak for, beside the invented ones."""
    intents: str = "intents"
    """Folder of intent sets below the data folder; their training questions are asked of the topics."""
    topic_contexts: int = Field(1, ge=1)
    """Prompts made from topics, several questions each."""
    seed: int = 7
    """Seed of the examples and the split."""
    validation_share: float = Field(0.04, gt=0, lt=0.5)
    """Share of the documents kept for validation."""
    dataset: DatasetSettings
    """How the examples are made."""
    train: TrainSettings
    """How the adapter is trained."""
    calibration_headings: int = Field(200, ge=1)
    """Headings of unseen articles that the refusal is fitted on beside people's questions, half of them as keywords."""
    held_out: str
    """`articles.jsonl` of a company that nothing is trained or fitted on; the adapter is measured on it."""
    about: str = ""
    """Sources, licences and limits, for the data card."""


def load_recipe(name: str = "support-en") -> Recipe:
    """A recipe that comes with Frontdesk.

    Raises:
        DatasetError: There is none of this name, or it is damaged.
    """
    file = resources.files("finetune").joinpath("recipes", f"{name}.json")
    try:
        return Recipe.model_validate_json(file.read_text("utf-8"))
    except (OSError, ValidationError) as error:
        raise DatasetError(f"There is no recipe {name!r} that can be read: {error}.") from error


def chosen_articles(recipe: Recipe, data: Path) -> list[dict[str, Any]]:
    """The articles that the recipe draws, in the order in which it draws them.

    Raises:
        EvaluationError: The file cannot be read.
        DatasetError: It holds no article that the recipe can use.
    """
    found = _usable_articles(recipe, data)
    if not found:
        raise DatasetError(f"{recipe.help_centre.articles} holds no article that the recipe can use.")
    return found[: recipe.help_centre.limit]


def unseen_articles(recipe: Recipe, data: Path) -> list[dict[str, Any]]:
    """The usable articles that were not drawn: no example is made of them.

    Raises:
        EvaluationError: The file cannot be read.
    """
    return _usable_articles(recipe, data)[recipe.help_centre.limit :]


def _usable_articles(recipe: Recipe, data: Path) -> list[dict[str, Any]]:
    wanted = recipe.help_centre
    found = [row for _, row in read_jsonl(data / wanted.articles) if _is_usable(row, wanted)]
    random.Random(wanted.draw).shuffle(found)  # noqa: S311 (a draw, not a secret)
    return found


def _is_usable(row: dict[str, Any], wanted: HelpCentre) -> bool:
    text = row.get("text")
    return (
        isinstance(text, str)
        and "title" in row
        and wanted.min_chars < len(text) < wanted.max_chars
        and not str(row.get("path", "")).startswith(wanted.leave_out or ("\0",))
    )


def build_recipe(
    recipe: Recipe,
    data: Path,
    embedder: TextEmbedder,
    work: Path,
    progress: OnPart = lambda name, done, total: None,
) -> Dataset:
    """The recipe's examples; the same data and embedder give the same ones.

    Args:
        work: Folder for the knowledge base that finds the passages; taken up again when it is there.

    Raises:
        DatasetError: Data are missing or not as they should be.
    """
    knowledge_base = _knowledge_base(recipe, data, embedder, work, progress)
    try:
        from_articles = build_examples(
            knowledge_base,
            recipe.dataset,
            recipe.seed,
            lambda done, total: progress("examples from articles", done, total),
            companies=[*COMPANIES, *recipe.companies],
        )
    finally:
        knowledge_base.close()
    intents = data / recipe.intents
    from_topics = topic_examples(
        load_topics(intents),
        embedder,
        contexts=recipe.topic_contexts,
        seed=recipe.seed,
        out_of_scope=out_of_scope_questions(intents),
    )
    parts = split_by_source(
        [*from_articles, *from_topics],
        validation_share=recipe.validation_share,
        test_share=0.0,
        seed=recipe.seed,
    )
    return Dataset(**parts, about={"recipe": recipe.id, "seed": recipe.seed})


def _knowledge_base(
    recipe: Recipe, data: Path, embedder: TextEmbedder, work: Path, progress: OnPart
) -> KnowledgeBase:
    rows = chosen_articles(recipe, data)
    work.mkdir(parents=True, exist_ok=True)
    articles = work / "articles.jsonl"
    kept = ({"id": str(row["id"]), "title": row["title"], "text": row["text"]} for row in rows)
    write_atomically(articles, "".join(json.dumps(row) + "\n" for row in kept).encode())
    opened = KnowledgeBase(work / "knowledge-base", embedder, KnowledgeBaseSettings())
    opened.add_path(articles, lambda done, total, source: progress("articles", done, total))
    return opened

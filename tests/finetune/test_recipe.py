"""The recipe of the shipped adapter, and making its examples from other data."""

from pathlib import Path

import pytest

from finetune.dataset import Dataset
from finetune.errors import DatasetError
from finetune.recipe import Recipe, build_recipe, chosen_articles, load_recipe, unseen_articles
from tests.finetune.small_recipe import small_recipe, write_recipe_data
from tests.knowledge_base.conftest import HashingEmbedder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_recipe_data(tmp_path / "data")


@pytest.fixture
def recipe() -> Recipe:
    return small_recipe()


def _build(recipe: Recipe, data: Path, work: Path) -> Dataset:
    return build_recipe(recipe, data, HashingEmbedder(), work)


def test_the_recipe_of_the_shipped_adapter_fits_its_own_settings() -> None:
    recipe = load_recipe("support-en")
    assert recipe.id == "support-en"
    assert recipe.dataset.max_prompt_tokens + 64 <= recipe.train.max_length
    assert recipe.train.examples_per_context == 0, "as when it was trained"


def test_the_same_data_give_the_same_dataset(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    first = _build(recipe, data, tmp_path / "one")
    assert first.hash == _build(recipe, data, tmp_path / "two").hash
    assert first.hash == _build(recipe, data, tmp_path / "one").hash
    assert first.train
    assert first.validation
    assert {e.source.split("-")[0] for e in first.train} == {"page", "topic"}


def test_articles_that_are_short_or_no_articles_are_not_drawn(recipe: Recipe, data: Path) -> None:
    drawn = [row["id"] for row in chosen_articles(recipe, data)]
    assert len(drawn) == 5
    assert not {"page-lamp", 7} & set(drawn)
    assert drawn == [row["id"] for row in chosen_articles(recipe, data)]


def test_unseen_articles_are_those_that_were_not_drawn(recipe: Recipe, data: Path) -> None:
    drawn = [row["id"] for row in chosen_articles(recipe, data)]
    unseen = [row["id"] for row in unseen_articles(recipe, data)]
    assert unseen
    assert not set(drawn) & set(unseen)


def test_progress_is_told_by_part(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    told: list[str] = []
    build_recipe(recipe, data, HashingEmbedder(), tmp_path, lambda name, done, total: told.append(name))
    assert {"articles", "examples from articles"} <= set(told)


def test_an_unknown_recipe_is_a_clear_error() -> None:
    with pytest.raises(DatasetError, match="no recipe"):
        load_recipe("support-xx")


def test_data_without_usable_articles_are_a_clear_error(recipe: Recipe, data: Path, tmp_path: Path) -> None:
    long = recipe.help_centre.model_copy(update={"min_chars": 8_000})
    with pytest.raises(DatasetError, match="no article"):
        _build(recipe.model_copy(update={"help_centre": long}), data, tmp_path)

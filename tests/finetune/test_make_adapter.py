"""A recipe from data to a sealed adapter, with a tiny base and a model that answers from a table."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from chatbot.adapter_files import AdapterManifest, base_digest, load_adapter
from chatbot.prompt import PROMPT_FORMAT
from chatbot.refusal import CHOICE, FEATURES
from finetune.calibration import calibration_rows
from finetune.evaluate import EvaluationRun
from finetune.make_adapter import make_adapter
from finetune.recipe import chosen_articles
from tests.finetune.answering_model import TableModel
from tests.finetune.small_recipe import small_recipe, write_recipe_data
from tests.finetune.tiny import save_tiny_base
from tests.knowledge_base.conftest import HashingEmbedder

RECIPE = small_recipe()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_recipe_data(tmp_path / "data")


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny_base(tmp_path / "base")


@pytest.fixture
def make(data: Path, base: Path, tmp_path: Path) -> Callable[[], AdapterManifest]:
    def make_one() -> AdapterManifest:
        return make_adapter(
            RECIPE,
            data,
            tmp_path / "work",
            tmp_path / "out",
            base=base,
            embedder=HashingEmbedder(),
            open_generator=_open,
        )

    return make_one


def _open(base: Path, adapters: dict[str, Path]) -> TableModel:
    assert [path.is_file() for path in adapters.values()] == [True]
    return TableModel(name="tiny")


def test_a_recipe_ends_in_an_adapter_that_serving_loads(
    make: Callable[[], AdapterManifest], base: Path, tmp_path: Path
) -> None:
    manifest = make()
    adapter = load_adapter(tmp_path / "out", base_digest(base), PROMPT_FORMAT)
    assert adapter.manifest == manifest
    assert manifest.refusal_threshold is not None
    assert {"answer_f1", "refusal_recall"} <= set(manifest.metrics)
    run = EvaluationRun.load(tmp_path / "work" / "held-out.json")
    assert run.settings["adapter"] == RECIPE.id
    assert "OfficeDocs-Support" in (tmp_path / "out" / "card.md").read_text("utf-8")


def test_made_again_nothing_is_trained_or_asked_again(
    make: Callable[[], AdapterManifest], tmp_path: Path
) -> None:
    first = make()
    run = (tmp_path / "work" / "run" / "training.json").read_bytes()
    again = make()
    assert (tmp_path / "work" / "run" / "training.json").read_bytes() == run
    assert (again.files["adapter_model.safetensors"], again.metrics, again.refusal_threshold) == (
        first.files["adapter_model.safetensors"],
        first.metrics,
        first.refusal_threshold,
    )


def test_the_refusal_is_fitted_on_nothing_that_an_example_is_made_of(data: Path, tmp_path: Path) -> None:
    rows = calibration_rows(RECIPE, data, tmp_path, HashingEmbedder())
    drawn = {row["id"] for row in chosen_articles(RECIPE, data)}
    assert rows["headings"]
    assert not {row.source for row in rows["headings"] + rows["keywords"]} & drawn
    people = rows["people"]
    assert {row.must_refuse for row in people} == {True, False}
    withheld = {row.question for row in people if row.kind == "withheld"}
    assert {row.question for row in people if row.gold} <= withheld


def test_the_refusal_of_a_recipe_weighs_more_than_doubt(make: Callable[[], AdapterManifest]) -> None:
    manifest = make()
    assert manifest.refusal is not None
    assert {"bias", "heading"} <= set(manifest.refusal.weights)
    assert set(manifest.refusal.weights) <= {"bias", CHOICE, *FEATURES}


def test_the_command_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "data"))
    done = CliRunner().invoke(cli, ["finetune", "recipe", "support-xx", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "no recipe" in done.output


@pytest.mark.parametrize("command", ["import", "redact", "recipe", "list", "show", "promote", "rollback"])
def test_all_commands_of_the_loop_are_under_one_name(command: str) -> None:
    done = CliRunner().invoke(cli, ["finetune", command, "--help"])
    assert done.exit_code == 0, done.output

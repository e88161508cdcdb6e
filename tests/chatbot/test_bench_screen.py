"""The bench of pictures measures every stage on real turns, and says so where nothing is seen."""

import pytest

from chatbot.bench_screen import measure_screen
from chatbot.errors import ModelError
from chatbot.settings import Settings
from tests.conftest import ModelFiles

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]


def test_every_stage_is_measured(
    model_files: ModelFiles, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.bench_screen.SCREENS", 1)
    made = measure_screen(
        settings.model_copy(update={"models_dir": model_files.folder, "projector": "screens"})
    )
    stages = (
        "first_token_with_s",
        "first_token_without_s",
        "description_s",
        "perceived_s",
        "first_token_of_turn_s",
        "memory_extra_mb",
    )
    assert all(made["metrics"][stage] > 0 for stage in stages)
    assert set(made["ratios"]) == {"seeing_of_bar", "first_token_of_bar", "memory_of_bar"}


def test_a_model_without_a_projector_is_not_measured(model_files: ModelFiles, settings: Settings) -> None:
    blind = settings.model_copy(update={"models_dir": model_files.folder, "projector": "none"})
    with pytest.raises(ModelError, match="does not see"):
        measure_screen(blind)

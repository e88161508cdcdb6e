"""What the bench of policy, grounding and privacy says of the turns it has measured."""

import pytest

from chatbot.bench_policy import figures, measure_policy, messages
from chatbot.settings import Settings
from tests.conftest import ModelFiles


def test_stages_are_told_apart_and_summed_turn_by_turn() -> None:
    slow = {"policy": 10.0, "grounding": 0.0, "privacy": 1.0, "total": 900.0}
    quick = {"policy": 0.0, "grounding": 6.0, "privacy": 1.0}
    found = figures([slow, quick])
    assert found["turns"] == 2
    assert (found["policy_p50_ms"], found["grounding_p50_ms"], found["privacy_p95_ms"]) == (5.0, 3.0, 1.0)
    assert found["together_p50_ms"] == 9.0  # of 11 and 7
    assert (
        found["together_p95_ms"]
        < found["policy_p95_ms"] + found["grounding_p95_ms"] + found["privacy_p95_ms"]
    )


def test_every_fourth_message_asks_two_things() -> None:
    assert messages(["a?", "b?", "c?", "d?", "e?"]) == ["a?", "b?", "c?", "c?\n\nd?", "e?"]


@pytest.mark.models
@pytest.mark.timeout(1800)
def test_every_stage_is_measured_on_real_turns(
    model_files: ModelFiles, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.bench_policy.TURNS", 3)
    made = measure_policy(settings.model_copy(update={"models_dir": model_files.folder}))
    assert made["metrics"]["turns"] == 3
    assert all(made["metrics"][f"{stage}_p50_ms"] > 0 for stage in ("policy", "privacy", "together"))
    assert made["metrics"]["understand_cpu_p95_ms"] > 0
    assert made["ratios"]["together_p95_of_bar"] > 0

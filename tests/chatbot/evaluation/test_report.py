"""Figures with intervals, and what is shown of them."""

import numpy as np
import pytest

from chatbot.evaluation.report import Evaluation, Miss, intervals, means_over, worst


def test_rows_that_are_all_alike_leave_no_doubt() -> None:
    assert intervals(means_over([{"hit": 1.0}] * 20), 20) == {"hit": (1.0, 1.0)}


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    rows = [{"hit": float(i < 60)} for i in range(100)]
    low, high = intervals(means_over(rows), 100)["hit"]
    spread = 1.96 * np.sqrt(0.6 * 0.4 / 100)
    assert low == pytest.approx(0.6 - spread, abs=0.02)
    assert high == pytest.approx(0.6 + spread, abs=0.02)


def test_a_figure_that_some_draws_cannot_have_is_taken_from_the_others() -> None:
    def measure(places: np.ndarray) -> dict[str, float]:
        return {"odd": float("nan") if 0 in places else 1.0}

    assert intervals(measure, 3)["odd"] == (1.0, 1.0)


def test_the_worst_come_first_and_the_object_holds_no_text_of_customers() -> None:
    misses = [Miss("a", "x", "y", 0.1), Miss("b", "x", "y", 0.9), Miss("c", "x", "y", 0.9)]
    assert [miss.given for miss in worst(misses, 2)] == ["b", "c"]
    shown = Evaluation("retrieval", "set", 3, {"mrr": 1 / 3}, {"mrr": (0.1, 2 / 3)}, {"k": 5}, misses)
    assert shown.as_object() == {
        "task": "retrieval",
        "data": "set",
        "n": 3,
        "metrics": {"mrr": 0.3333},
        "intervals": {"mrr": [0.1, 0.6667]},
        "settings": {"k": 5, "resamples": 1000, "confidence": 0.95},
    }

"""Intent and refusal, by figures that are known by hand."""

import csv
from pathlib import Path

import numpy as np
import pytest

from chatbot.errors import InputError
from chatbot.evaluation.refusal import RefusalFigures, auroc, evaluate_refusal, matthews
from chatbot.intents import Guess
from tests.chatbot.test_intents import LABELS, TEXTS
from tests.knowledge_base.conftest import HashingEmbedder


def written(folder: Path, name: str, rows: list[tuple[str, str]]) -> Path:
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("sentence", "label"), *rows])
    return folder


def test_each_figure_counts_what_it_says() -> None:
    labels = ["a", "a", "b", "oos", "oos"]
    guesses = [
        Guess("a", 0.9, 0.1),
        Guess("a", 0.2, 0.3),
        Guess("a", 0.8, 0.2),
        Guess("b", 0.1, 0.9),
        Guess("b", 0.3, 0.2),
    ]
    metrics = RefusalFigures(labels, guesses, 0.5).measure(np.arange(5))
    assert metrics["in_scope_accuracy"] == pytest.approx(1 / 3)  # one refused, one wrong
    assert metrics["intent_accuracy"] == pytest.approx(2 / 3)
    assert metrics["oos_recall"] == 0.5
    assert metrics["auroc"] == pytest.approx(5 / 6)  # only 0.4 against 0.6 is the wrong way round
    assert metrics["sure_accuracy"] == pytest.approx(1 / 3)
    assert metrics["sure_precision"] == 0.5


def test_the_correlation_of_two_labels_is_the_usual_one() -> None:
    true, given = np.array([1, 1, 1, 0, 0, 0, 0, 0]), np.array([1, 1, 0, 0, 0, 0, 0, 1])
    tp, fp, fn, tn = 2, 1, 1, 4
    expected = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    assert matthews(true, given, 2) == pytest.approx(expected)
    assert matthews(true, true, 2) == 1
    assert matthews(true, np.zeros(8, int), 2) == 0


def test_the_area_is_zero_without_both_kinds_and_a_half_where_all_are_alike() -> None:
    assert auroc(np.array([0.3]), np.array([])) == 0
    assert auroc(np.full(4, 0.5), np.full(3, 0.5)) == 0.5


def test_a_set_is_fitted_on_its_training_part_and_measured_on_the_other(tmp_path: Path) -> None:
    written(tmp_path, "train.csv", list(zip(TEXTS, LABELS, strict=True)))
    asked = [("please return the router", "return"), ("an invoice please", "invoice"), ("zebra quiz", "oos")]
    written(tmp_path, "test.csv", [*asked, ("is the lamp amber", "never seen in training")])
    result = evaluate_refusal(tmp_path, HashingEmbedder())
    assert result.metrics["in_scope_accuracy"] == pytest.approx(2 / 3)
    assert result.metrics["oos_recall"] == 1
    assert 0 < result.metrics["mcc"] < 1
    assert result.settings["test_outside"] == 1
    assert [miss.given for miss in result.misses] == ["is the lamp amber"]


def test_a_dearer_refusal_is_given_less_often(tmp_path: Path) -> None:
    written(tmp_path, "train.csv", list(zip(TEXTS, LABELS, strict=True)))
    written(tmp_path, "test.csv", [("please return the router", "return"), ("zebra quiz", "oos")])
    dear, cheap = (evaluate_refusal(tmp_path, HashingEmbedder(), cost) for cost in (1e9, 0.0))
    assert (dear.metrics["threshold"], cheap.metrics["threshold"]) == (pytest.approx(1e-9), 1.0)
    assert (dear.metrics["oos_recall"], cheap.metrics["oos_recall"]) == (0.0, 1.0)
    assert (dear.metrics["in_scope_accuracy"], cheap.metrics["in_scope_accuracy"]) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("rows", "said"),
    [([], "no rows"), ([("hello", "")], "Line 2"), ([("a", "x"), ("b", "x")], "fewer than two intents")],
)
def test_a_bad_training_part_is_refused(tmp_path: Path, rows: list[tuple[str, str]], said: str) -> None:
    written(written(tmp_path, "train.csv", rows), "test.csv", [("a", "x")])
    with pytest.raises(InputError, match=said):
        evaluate_refusal(tmp_path, HashingEmbedder())


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"train\.csv cannot be read"):
        evaluate_refusal(tmp_path, HashingEmbedder())

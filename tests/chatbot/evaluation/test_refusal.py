"""Intent and refusal, by figures that are known by hand."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from chatbot.cli import cli
from chatbot.errors import InputError
from chatbot.evaluation.fitted_embedder import fitted_embedder, phrasing_pairs
from chatbot.evaluation.refusal import (
    RefusalFigures,
    auroc,
    evaluate_refusal,
    matthews,
    phrasings_inside,
)
from chatbot.intents import Guess
from knowledge_base.embed import Embedder
from tests.chatbot.test_intents import LABELS, TEXTS
from tests.knowledge_base.conftest import HashingEmbedder
from tests.knowledge_base.test_embed import make_model


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


def test_every_phrasing_stands_once_on_either_side_of_a_pair_of_its_label() -> None:
    rows = [(f"{label} {i}", label) for label in "ab" for i in range(5)] + [
        ("alone", "c"),
        ("x", "d"),
        ("x", "d"),
    ]
    pairs = phrasing_pairs(rows)
    assert len(pairs) == 10
    assert (
        {p.query for p in pairs}
        == {p.passage for p in pairs}
        == {text for text, label in rows if label in "ab"}
    )
    assert all(p.query[0] == p.passage[0] == p.group for p in pairs)
    assert pairs == phrasing_pairs(rows)


def test_the_fitted_copy_is_of_the_training_part_alone_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    base = make_model(tmp_path / "base")
    texts = ["the light is amber", "amber light", "router restarts", "restarts the router", "hold the button"]
    labels = ["light", "light", "router", "router", "oos"]
    written(tmp_path, "train.csv", list(zip(texts, labels, strict=True)))
    rows = phrasings_inside(tmp_path)
    assert rows == list(zip(texts, labels, strict=True))[:4]
    before = Embedder(base).id
    told: list[tuple[int, int, str]] = []
    with fitted_embedder(base, rows, 1, lambda *step: told.append(step)) as fitted:
        assert fitted.id != before
        assert len(list(temporary.glob("frontdesk-*"))) == 1
    assert told
    assert Embedder(base).id == before
    assert not list(temporary.glob("frontdesk-*"))


def test_the_command_measures_with_the_fitted_embedder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_model(tmp_path / "base")
    written(tmp_path, "train.csv", list(zip(TEXTS, LABELS, strict=True)))
    written(tmp_path, "test.csv", [("please return the router", "return"), ("zebra quiz", "oos")])
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FRONTDESK_EMBEDDER", str(base))
    used = []
    for arguments in ([], ["--tune"]):
        command = ["evaluate", "refusal", "--data", str(tmp_path), *arguments, "--json"]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["settings"]["train_rows"] == len(TEXTS)
        used.append(found["settings"]["embedder"])
    assert used[0] == Embedder(base).id != used[1]

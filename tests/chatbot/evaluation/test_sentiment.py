"""Accuracy and macro F1 by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from chatbot.errors import InputError
from chatbot.evaluation.sentiment import SentimentFigures, evaluate_sentiment


def test_macro_f1_is_the_mean_over_the_sentiments_that_occur() -> None:
    true = ["negative", "negative", "negative", "positive"]
    given = ["negative", "negative", "positive", "positive"]
    metrics = SentimentFigures(true, given).measure(np.arange(4))
    assert metrics["accuracy"] == 0.75
    assert metrics["macro_f1"] == pytest.approx((2 * 2 / 5 + 2 * 1 / 3) / 2)
    assert metrics["recall_negative"] == pytest.approx(2 / 3)
    assert SentimentFigures(["neutral"], ["negative"]).measure(np.arange(1))["macro_f1"] == 0


def test_messages_are_read_and_misses_told(tmp_path: Path) -> None:
    rows = [
        {"text": "great, thank you", "sentiment": "positive"},
        {"text": "where is it?", "sentiment": "neutral"},
        {"text": "great, thank you so much", "sentiment": "negative"},
    ]
    (tmp_path / "messages.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    result = evaluate_sentiment(tmp_path)
    assert result.n == 3
    assert result.metrics["accuracy"] == pytest.approx(2 / 3)
    assert [(m.given, m.expected) for m in result.misses] == [("great, thank you so much", "negative")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{}", "lacks text"),
        ("nonsense", "not JSON"),
        ('{"text": "a", "sentiment": "odd"}', "Unknown"),
        ("", "no rows"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "messages.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        evaluate_sentiment(tmp_path)

"""Accuracy and macro F1 by hand."""

import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chatbot.errors import InputError
from chatbot.evaluation.sentiment import SentimentFigures, evaluate_sentiment
from knowledge_base.embed_backends import Vectors


def words_encoded(texts: Sequence[str]) -> Vectors:
    """Unit vectors of the words that texts have."""
    vectors = np.zeros((len(texts), 1024), np.float32)
    for row, text in zip(vectors, texts, strict=True):
        for word in re.findall(r"\w+", text.lower()):
            row[zlib.crc32(word.encode()) % 1024] = 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


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
        {"text": "Thank you so much, that really helped a lot.", "sentiment": "positive"},
        {"text": "How do I change my password today?", "sentiment": "neutral"},
        {"text": "Great service, I am very happy today.", "sentiment": "negative"},
    ]
    (tmp_path / "messages.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    result = evaluate_sentiment(tmp_path, words_encoded)
    assert result.n == 3
    assert result.metrics["accuracy"] == pytest.approx(2 / 3)
    assert [(m.given, m.expected) for m in result.misses] == [
        ("Great service, I am very happy today.", "negative")
    ]


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
        evaluate_sentiment(tmp_path, words_encoded)

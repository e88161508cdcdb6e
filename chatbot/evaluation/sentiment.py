"""How messages sound, against `messages.jsonl` {text, sentiment}."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from chatbot.errors import InputError
from chatbot.evaluation.report import Evaluation, Miss, Places, all_rows, intervals, worst
from chatbot.evaluation.rows import read_rows
from chatbot.insights.mood import Encode, Mood, MoodJudge

_NAMES = [mood.value for mood in Mood]


def evaluate_sentiment(data: Path, encode: Encode) -> Evaluation:
    """Measures the mood of single messages, as insight judges it.

    Args:
        encode: Texts to unit vectors.

    Returns:
        `accuracy`, `macro_f1` (mean F1 of the sentiments that occur), `recall_…` of each, `ms_per_message` (embedding
        included).

    Raises:
        InputError: The file is missing or a row is not of the format.
    """
    rows = read_rows(data / "messages.jsonl", ("text", "sentiment"))
    true = [str(row["sentiment"]).strip().lower() for row in rows]
    if unknown := set(true) - set(_NAMES):
        raise InputError(f"Unknown sentiments: {', '.join(sorted(unknown))}.", f"Known: {', '.join(_NAMES)}.")
    judge = MoodJudge(encode)
    texts = [str(row["text"]) for row in rows]
    started_s = time.perf_counter()
    judged = judge.judge(texts, encode(texts))
    elapsed_ms = (time.perf_counter() - started_s) * 1000
    figures = SentimentFigures(true, [found.mood.value for found in judged])
    misses = [
        Miss(text, label, f"{found.mood} (ahead by {found.margin:.2f})", found.margin)
        for text, label, found in zip(texts, true, judged, strict=True)
        if label != found.mood
    ]
    return Evaluation(
        "sentiment",
        data.name,
        len(rows),
        {**figures.measure(all_rows(len(rows))), "ms_per_message": elapsed_ms / len(rows)},
        intervals(figures.measure, len(rows)),
        {name: true.count(name) for name in _NAMES},
        worst(misses),
    )


class SentimentFigures:
    """Figures of given sentiments against the true ones, over any choice of rows."""

    def __init__(self, true: Sequence[str], given: Sequence[str]) -> None:
        self._true = np.array([_NAMES.index(name) for name in true])
        self._given = np.array([_NAMES.index(name) for name in given])

    def measure(self, places: Places) -> Mapping[str, float]:
        """Accuracy, macro F1 and recalls over the rows at the places."""
        k = len(_NAMES)
        table = np.bincount(self._true[places] * k + self._given[places], minlength=k * k).reshape(k, k)
        hits, trues, givens = np.diag(table).astype(float), table.sum(axis=1), table.sum(axis=0)
        occurs = trues + givens > 0
        f1 = 2 * hits[occurs] / (trues + givens)[occurs]
        recalls = hits / np.maximum(trues, 1)
        return {
            "accuracy": float(hits.sum() / max(table.sum(), 1)),
            "macro_f1": float(f1.mean()) if len(f1) else 0.0,
            **{f"recall_{name}": float(recalls[i]) for i, name in enumerate(_NAMES)},
        }

"""Intent and refusal on `train.csv` and `test.csv` (sentence,label), by the model that chooses FAQ templates.

`train.csv` alone fits the model and its probabilities; `test.csv` is only measured. The label `oos` marks what must not
be answered; a training part without it is fine. Refusal is one label more: it is given where it is likelier than the
likeliest intent, or so many times likelier as a wrong refusal is worse than a wrong answer. The chat gives a reviewed
answer later, from a probability of 0.5 on, and between the two composes one or asks back; `sure_accuracy` and
`sure_precision` are for that.
"""

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chatbot.errors import InputError
from chatbot.evaluation.report import Evaluation, Miss, Places, all_rows, intervals, worst
from chatbot.intents import LIKELIER_THAN_NOT, Guess, IntentModel
from knowledge_base.embed import TextEmbedder

OUTSIDE = "oos"
_REFUSED = -1


def phrasings_inside(data: Path) -> list[tuple[str, str]]:
    """The rows of the training part that have an intent.

    Raises:
        InputError: It is missing or not of the format.
    """
    return [(text, label) for text, label in _rows(data / "train.csv") if label != OUTSIDE]


def evaluate_refusal(data: Path, embedder: TextEmbedder, refusal_cost: float = 1.0) -> Evaluation:
    """Fits on the training part and measures on the test part.

    Args:
        refusal_cost: How many wrong answers a wrong refusal is as bad as; the threshold is 1 / (1 + cost), which costs
            least where the probabilities are right.

    Returns:
        `mcc` (Matthews correlation over all labels and refusal), `in_scope_accuracy` (answerable rows answered with
        the right intent), `oos_recall` (rows outside that are refused), `auroc` (of the likeliest intent against none,
        inside against outside), `intent_accuracy` (answerable rows whose likeliest intent is right, answered or not),
        `sure_accuracy` (answerable rows whose right intent has at least the probability for a reviewed answer),
        `sure_precision` (rows with such an intent, in which it is right), `threshold`, `fit_s` and `ms_per_message`
        (without the embedding).

    Raises:
        InputError: A file is missing or not of the format.
    """
    threshold = 1 / (1 + refusal_cost)
    train, test = _rows(data / "train.csv"), _rows(data / "test.csv")
    if len({label for _, label in train} - {OUTSIDE}) < 2:
        raise InputError("train.csv names fewer than two intents.", "Give at least two to choose between.")
    texts, labels = zip(*train, strict=True)
    vectors = embedder.encode(texts, "query")
    started_s = time.perf_counter()
    model = IntentModel(texts, labels, vectors, OUTSIDE)
    fit_s = time.perf_counter() - started_s
    asked = [text for text, _ in test]
    vectors = embedder.encode(asked, "query")
    started_s = time.perf_counter()
    guesses = [model.guesses([text], vectors[i : i + 1])[0] for i, text in enumerate(asked)]
    ms = (time.perf_counter() - started_s) * 1000 / len(asked)
    scored = RefusalFigures([label for _, label in test], guesses, threshold)
    return Evaluation(
        "refusal",
        data.name,
        len(test),
        {
            **scored.measure(all_rows(len(test))),
            "threshold": threshold,
            "fit_s": fit_s,
            "ms_per_message": ms,
        },
        intervals(scored.measure, len(test)),
        {
            "embedder": embedder.id,
            "train_rows": len(train),
            "train_intents": len(model.labels),
            "test_outside": sum(label == OUTSIDE for _, label in test),
            "refusal_cost": refusal_cost,
        },
        worst(_misses(test, guesses, threshold)),
    )


class RefusalFigures:
    """Figures of guesses against labels, over any choice of rows.

    Args:
        labels: The right one of each row; `oos` where there is none.
        threshold: Of a guess against none, from which it is given as the answer.
    """

    def __init__(self, labels: Sequence[str], guesses: Sequence[Guess], threshold: float) -> None:
        names = sorted({*labels, *(guess.label for guess in guesses)} - {OUTSIDE})
        numbers = {OUTSIDE: _REFUSED} | {name: i for i, name in enumerate(names)}
        self._size = len(names) + 1
        self._true = np.array([numbers[label] for label in labels])
        self._likeliest = np.array([numbers[guess.label] for guess in guesses])
        self._score = np.array([guess.against_none for guess in guesses])
        self._sure = np.array([guess.probability >= LIKELIER_THAN_NOT for guess in guesses])
        self._answer = np.where(self._score >= threshold, self._likeliest, _REFUSED)

    def measure(self, places: Places) -> Mapping[str, float]:
        """Figures over the rows at the places; one that has no row to stand on is 0."""
        true, answer, score = self._true[places], self._answer[places], self._score[places]
        inside, sure, right = true != _REFUSED, self._sure[places], self._likeliest[places] == true
        return {
            "mcc": matthews(true + 1, answer + 1, self._size),
            "in_scope_accuracy": _share(answer[inside] == true[inside]),
            "oos_recall": _share(answer[~inside] == _REFUSED),
            "auroc": auroc(score[inside], score[~inside]),
            "intent_accuracy": _share(right[inside]),
            "sure_accuracy": _share((right & sure)[inside]),
            "sure_precision": _share(right[sure]),
        }


def matthews(true: npt.NDArray[np.intp], given: npt.NDArray[np.intp], labels: int) -> float:
    """Matthews correlation over several labels (Gorodkin 2004): 1 when all are right, 0 when it is as by chance."""
    table = np.bincount(true * labels + given, minlength=labels * labels).reshape(labels, labels)
    n, right = float(table.sum()), float(np.trace(table))
    trues, givens = table.sum(axis=1).astype(float), table.sum(axis=0).astype(float)
    scale = np.sqrt((n * n - givens @ givens) * (n * n - trues @ trues))
    return float((right * n - trues @ givens) / scale) if scale else 0.0


def auroc(above: npt.NDArray[np.floating], below: npt.NDArray[np.floating]) -> float:
    """How often one of the first is larger than one of the second, half where they are equal; 0 without both."""
    if not len(above) or not len(below):
        return 0.0
    ordered = np.sort(below)
    wins = np.searchsorted(ordered, above, "left") + np.searchsorted(ordered, above, "right")
    return float(wins.mean() / (2 * len(below)))


def _share(hits: npt.NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else 0.0


def _misses(test: Sequence[tuple[str, str]], guesses: Sequence[Guess], threshold: float) -> list[Miss]:
    """Wrong answers the surer the worse, and refusals the less sure the worse."""
    misses = []
    for (text, label), guess in zip(test, guesses, strict=True):
        score = guess.against_none
        got = guess.label if score >= threshold else OUTSIDE
        if got != label:
            cost = score if score >= threshold else threshold - score
            misses.append(Miss(text, label, f"{got} ({guess.label} at {score:.2f})", cost))
    return misses


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path.name} cannot be read: {error}.", "Give sentence,label rows.") from error
    for number, row in enumerate(rows, 2):
        if not (row.get("sentence") or "").strip() or not row.get("label"):
            raise InputError(f"Line {number} of {path.name} lacks a sentence or a label.")
    if not rows:
        raise InputError(f"{path.name} has no rows.", "Give sentence,label rows.")
    return [(row["sentence"], row["label"]) for row in rows]

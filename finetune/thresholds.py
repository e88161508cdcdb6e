"""From which probability of "I do not know" to refuse: a pure fit on questions whose right outcome is known."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from finetune.evaluation_rows import EvaluationError

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class RefusalFit:
    """A threshold and what it does on the rows it was fitted on.

    Attributes:
        auroc: How well the probability tells the unanswerable from the answerable, whatever the threshold.
    """

    threshold: float
    refusal_recall: float
    wrong_refusal_rate: float
    auroc: float
    n_answerable: int
    n_unanswerable: int


def fit_threshold(
    probabilities: Sequence[float], answerable: Sequence[bool], max_wrong_refusals: float
) -> RefusalFit:
    """The threshold with the best refusal recall among those with few enough wrong refusals.

    Among thresholds that do the same it lies in the middle (of the log odds), where it is most likely to hold on
    other questions.

    Raises:
        EvaluationError: There are no answerable or no unanswerable questions.
    """
    odds = np.array([_log_odds(p) for p in probabilities])
    may_answer = np.array(answerable, bool)
    right, wrong = odds[may_answer], odds[~may_answer]
    if not right.size or not wrong.size:
        raise EvaluationError(
            "A refusal threshold needs questions that the passages answer and questions that they do not.",
            "Build the dataset with a share of unanswerable questions.",
        )
    cuts = _cuts(odds)
    wrongly = (right[None] >= cuts[:, None]).mean(axis=1)
    rightly = (wrong[None] >= cuts[:, None]).mean(axis=1)
    allowed = np.flatnonzero(wrongly <= max_wrong_refusals + 1e-9)
    best = max(allowed, key=lambda at: (rightly[at], -wrongly[at]))
    return RefusalFit(
        threshold=1 / (1 + math.exp(-cuts[best])),
        refusal_recall=float(rightly[best]),
        wrong_refusal_rate=float(wrongly[best]),
        auroc=_auroc(wrong, right),
        n_answerable=right.size,
        n_unanswerable=wrong.size,
    )


def _cuts(odds: "np.typing.NDArray[np.float64]") -> "np.typing.NDArray[np.float64]":
    """One cut between each two neighbouring values and one beyond either end; the last refuses nothing."""
    values = np.unique(odds)
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate([[values[0] - 1], middles, [values[-1] + 1]])


def _log_odds(probability: float) -> float:
    p = min(max(probability, _TINY), 1 - _TINY)
    return math.log(p / (1 - p))


def _auroc(higher: "np.typing.NDArray[np.float64]", lower: "np.typing.NDArray[np.float64]") -> float:
    above = (higher[:, None] > lower[None]).mean()
    ties = (higher[:, None] == lower[None]).mean()
    return float(above + ties / 2)

"""From scores to the probability of being right. Knows no texts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]
_STEPS = 50
_PENALTY = 1e-2


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic model of being right; `weights` has one number for each column of evidence."""

    weights: tuple[float, ...]
    bias: float

    def probability(self, evidence: Table) -> Table:
        """The probability of each row to be right, `[n]`."""
        found: Table = 1 / (1 + np.exp(-np.clip(evidence @ np.array(self.weights) + self.bias, -40, 40)))
        return found


def fitted(
    inside: Table, right: npt.NDArray[np.bool_], outside: Table, *, outside_share: float
) -> Calibration:
    """Fits by weighted maximum likelihood (Platt 1999, several scores).

    Args:
        inside: Evidence of questions that an answer is there for, `[n, k]`.
        right: Of which the best guess is the right one.
        outside: Evidence of questions that no answer is there for.
        outside_share: The share of such questions among those to be expected, in [0, 1).
    """
    share = outside_share if len(outside) else 0.0
    weights = np.concatenate(
        [
            np.full(len(inside), (1 - share) / max(len(inside), 1)),
            np.full(len(outside), share / max(len(outside), 1)),
        ]
    )
    table = np.concatenate([inside, outside])
    goal = np.concatenate([right, np.zeros(len(outside), bool)])
    *slopes, bias = _logistic(table, goal.astype(np.float64), weights)
    return Calibration(tuple(map(float, slopes)), float(bias))


def _logistic(table: Table, goal: Table, weights: Table) -> Table:
    """Newton's method; a small penalty keeps separable data finite."""
    columns = np.concatenate([table, np.ones((len(table), 1))], axis=1)
    found = np.zeros(columns.shape[1])
    penalty = np.diag([*[_PENALTY / max(len(table), 1)] * table.shape[1], 1e-9])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(columns @ found, -40, 40)))
        slope = columns.T @ (weights * (p - goal)) + penalty @ found
        curve = (columns * (weights * np.maximum(p * (1 - p), 1e-6))[:, None]).T @ columns + penalty
        step = np.linalg.solve(curve, slope)
        found = found - np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-8:
            break
    return found

"""What every evaluation gives: figures, how sure they are, and the rows that came out worst."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.intp]
Measure = Callable[[Places], Mapping[str, float]]
"""Figures over the rows at these places; a place may come more than once."""
RESAMPLES = 1_000
CONFIDENCE = 0.95
_SEED = 20_240_229
_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Miss:
    """A row that came out wrong, in words; `cost` sorts, the worst is the largest."""

    given: str
    expected: str
    got: str
    cost: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result of one evaluation.

    Attributes:
        data: Name of the folder measured on.
        n: Rows measured.
        intervals: Lower and upper end by metric, of those that rows can be drawn again for.
        misses: Rows that came out wrong, worst first.
    """

    task: str
    data: str
    n: int
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    misses: Sequence[Miss] = ()

    def as_object(self) -> dict[str, Any]:
        """For JSON; misses are for reading and left out."""
        return {
            "task": self.task,
            "data": self.data,
            "n": self.n,
            "metrics": {name: round(float(value), _DIGITS) for name, value in self.metrics.items()},
            "intervals": {
                name: [round(float(end), _DIGITS) for end in ends] for name, ends in self.intervals.items()
            },
            "settings": {**self.settings, "resamples": RESAMPLES, "confidence": CONFIDENCE},
        }


def worst(misses: Sequence[Miss], shown: int = 10) -> tuple[Miss, ...]:
    """The costliest misses, first come first among equals."""
    return tuple(sorted(misses, key=lambda miss: -miss.cost)[:shown])


def all_rows(n: int) -> Places:
    """Every row once."""
    return np.arange(n)


def intervals(measure: Measure, n: int, resamples: int = RESAMPLES) -> dict[str, tuple[float, float]]:
    """Percentile bootstrap (Efron & Tibshirani 1993, ch. 13) over rows, always with the same draws.

    Args:
        n: Rows there are.
        resamples: How often n rows are drawn with repeats.
    """
    draws = np.random.default_rng(_SEED)
    drawn = [measure(draws.integers(0, n, n)) for _ in range(resamples if n else 0)]
    tail = (1 - CONFIDENCE) / 2
    return {
        name: (
            float(np.nanquantile([d[name] for d in drawn], tail)),
            float(np.nanquantile([d[name] for d in drawn], 1 - tail)),
        )
        for name in (drawn[0] if drawn else ())
    }


def means_over(rows: Sequence[Mapping[str, float]]) -> Measure:
    """A measure that averages each figure of the rows."""
    names = list(rows[0]) if rows else []
    table = np.array([[row[name] for name in names] for row in rows], np.float64)

    def measure(places: Places) -> Mapping[str, float]:
        return dict(zip(names, table[places].mean(axis=0).tolist(), strict=True))

    return measure

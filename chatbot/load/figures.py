"""Figures of a load: times by kind of answer, the line, and how evenly customers waited."""

import math
import statistics
from collections.abc import Mapping, Sequence

from chatbot.load.ledger import AskedTurn, Ledger

_PERCENT = (50, 95)
_GROUPS = {"template": "template", "generate": "generated"}


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed (nearest rank); NaN of nothing."""
    if not values:
        return math.nan
    ranked = sorted(values)
    return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]


def evenness(values: Sequence[float]) -> float:
    """Jain's index of fairness (Jain, Chiu and Hawe 1984): 1 when all have the same, 1/n when one has all."""
    squares = sum(value * value for value in values)
    return sum(values) ** 2 / (len(values) * squares) if squares else 1.0


def growth(samples: Sequence[tuple[float, float]], warm_share: float = 1 / 3) -> float:
    """How much of itself the memory has grown by after the warm-up: the last tenth against the first after it.

    Args:
        samples: Moments in seconds and sizes, in order.
        warm_share: Part of the time that is the warm-up.
    """
    after = [size for _, size in samples[math.ceil(len(samples) * warm_share) :]]
    if not after:
        return math.nan
    tenth = max(1, len(after) // 10)
    return statistics.median(after[-tenth:]) / statistics.median(after[:tenth]) - 1


def times(turns: Sequence[AskedTurn]) -> dict[str, float]:
    """Median and 95th percentile of the first text and of the whole answer, by kind of answer, in seconds."""
    metrics: dict[str, float] = {}
    for decision, name in _GROUPS.items():
        of_kind = [t for t in turns if t.decision == decision]
        metrics[f"{name}_answers"] = len(of_kind)
        first = [t.first_s - t.asked_s for t in of_kind if t.first_s is not None]
        whole = [t.done_s - t.asked_s for t in of_kind if t.done_s is not None]
        for percent in _PERCENT:
            metrics[f"{name}_first_byte_p{percent}_s"] = percentile(first, percent)
            metrics[f"{name}_whole_p{percent}_s"] = percentile(whole, percent)
    metrics["other_answers"] = sum(t.decision not in _GROUPS for t in turns)
    return metrics


def line(ledgers: Sequence[Ledger]) -> dict[str, float]:
    """How long generated answers waited for their turn, in seconds, and how evenly over the customers."""
    waits = [[_wait_s(t) for t in ledger.turns if t.decision == "generate"] for ledger in ledgers]
    means = [statistics.fmean(own) for own in waits if own]
    every = [wait for own in waits for wait in own]
    places = [place for ledger in ledgers for turn in ledger.turns for place in turn.places]
    return {
        "wait_p50_s": percentile(every, 50),
        "wait_p95_s": percentile(every, 95),
        "wait_mean_of_luckiest_chat_s": min(means, default=math.nan),
        "wait_mean_of_unluckiest_chat_s": max(means, default=math.nan),
        "wait_evenness": evenness(means) if means else math.nan,
        "places_told": len(places),
        "last_place": max(places, default=0),
        "places_that_rose": sum(ledger.places_rose for ledger in ledgers),
    }


def known(metrics: Mapping[str, float]) -> dict[str, float]:
    """Without those of which nothing was measured."""
    return {name: value for name, value in metrics.items() if not math.isnan(value)}


def _wait_s(turn: AskedTurn) -> float:
    began_s = turn.begun_s or turn.first_s or turn.accepted_s
    return max(0.0, began_s - turn.accepted_s)

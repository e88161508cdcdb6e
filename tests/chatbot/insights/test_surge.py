"""The test for surges: by hand, on steady data with weekends, on synthetic surges, on dated messages of airlines."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from chatbot.insights.rule import DEFAULT_RULE, SurgeRule
from chatbot.insights.surge import TopicTest, overdispersion, seasons, surges, window_of

WINDOWS = DEFAULT_RULE.windows
WEEK = np.array([1.2, 1.3, 1.1, 1.0, 0.9, 0.4, 0.3]) * 7 / 6.2  # Monday to Sunday, mean 1
RATES = (0.2, 0.5, 1, 2, 3, 5, 10, 20)


def history(
    random: np.random.Generator, alpha: float, factor: float = 1.0, rates: tuple[float, ...] = RATES
) -> tuple[dict[str, list[int]], list[int]]:
    """Negative binomial counts with weekends; the last window of topic 0 is `factor` times what it would be."""
    season = WEEK[(random.integers(7) - np.arange(WINDOWS)) % 7]
    negative = {}
    for topic, rate in enumerate(rates):
        means = rate * season
        means[0] *= factor if topic == 0 else 1.0
        if alpha:
            means = random.gamma(1 / alpha, means * alpha)
        negative[str(topic)] = random.poisson(means).tolist()
    others = random.poisson(2.5 * sum(rates) * season)
    return negative, (np.sum(list(negative.values()), axis=0) + others).tolist()


def share_of_alarms(alpha: float, looks: int = 400) -> float:
    random = np.random.default_rng(7)
    return sum(any(t.is_surge for t in surges(*history(random, alpha))) for _ in range(looks)) / looks


def power(rate: float, factor: float, alpha: float = 0.1, looks: int = 100) -> float:
    random = np.random.default_rng(11)
    tests = (surges(*history(random, alpha, factor, (rate, *RATES[2:]))) for _ in range(looks))
    return sum(t.is_surge for each in tests for t in each if t.topic == "0") / looks


def test_the_chance_by_hand() -> None:
    # ten windows of 2, which vary less than Poisson counts: S = 20, E = 10, mean 20.5 / 10, size 20.5
    (found,) = surges({"late": [9, *[2] * 10]}, [20] * 11 + [5])
    assert found.expected == 2.05
    assert found.overdispersion == 0.0
    chance = 1.0
    term = (20.5 / 22.55) ** 20.5  # P(Y = 0)
    for n in range(9):
        chance -= term
        term *= (20.5 + n) / (n + 1) * 2.05 / 22.55
    assert found.p_value == pytest.approx(chance)
    assert found.is_surge


def test_holms_correction_by_hand() -> None:
    steady = {"a": [3, *[2] * 10], "b": [2, *[2] * 10]}
    alone = surges({"late": [7, *[2] * 10]}, [20] * 11 + [5])[0]
    first, second, third = surges({"late": [7, *[2] * 10], **steady}, [20] * 11 + [5])
    assert first.topic == "late"
    assert first.corrected == pytest.approx(3 * alone.p_value)
    assert second.corrected == pytest.approx(max(first.corrected, min(1.0, 2 * second.p_value)))
    assert third.corrected >= second.corrected


def test_overdispersion_by_hand() -> None:
    flat = np.ones(4)
    assert overdispersion(np.array([[5, 5, 5, 5]]), flat) == 0.0
    # mean 5, squares 25 + 25 + 25 + 25 = 100, times 4/3, minus 20, over 100
    assert overdispersion(np.array([[0, 10, 0, 10]]), flat) == pytest.approx((400 / 3 - 20) / 100)


def test_weekends_are_learnt_from_two_weeks_on() -> None:
    total = np.array([30, *[100, 100, 100, 100, 100, 30, 30] * 4], np.int64)
    learnt = seasons(total)
    assert learnt[6] == learnt[13]
    # mean 80, four of each day, and 20 messages of an even week: (400 + 20) / 340 and (120 + 20) / 340
    assert learnt[1] == pytest.approx(420 / 340)
    assert learnt[6] == pytest.approx(140 / 340)
    assert set(seasons(total[:13])) == {1.0}


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.3])
def test_steady_data_with_weekends_alarms_no_more_often_than_the_level(alpha: float) -> None:
    assert share_of_alarms(alpha) <= DEFAULT_RULE.level + 3 * (0.01 * 0.99 / 400) ** 0.5


@pytest.mark.parametrize(
    ("rate", "factor", "at_least"), [(3, 8, 0.7), (10, 5, 0.7), (10, 8, 0.9), (30, 5, 0.8)]
)
def test_surges_are_found(rate: float, factor: float, at_least: float) -> None:
    assert power(rate, factor) >= at_least


def test_what_is_certain_but_small_is_no_alert() -> None:
    many = {"late": [1400, *[1000] * 28]}
    assert not surges(many, [9000] * 29)[0].is_surge
    few = {"late": [4, *[0] * 28]}
    assert surges(few, [9] * 29)[0].corrected < DEFAULT_RULE.level
    assert not surges(few, [9] * 29)[0].is_surge


def test_a_new_topic_is_a_surge_and_a_short_history_is_none() -> None:
    assert surges({"outage": [8, *[0] * 28]}, [90] * 29)[0].is_surge
    assert surges({"outage": [8, 0, 0, 0, 0, 0]}, [90] * 6) == ()
    assert surges({}, [90] * 29) == ()
    assert surges({"quiet": [0] * 29}, [0] * 29) == ()


def test_windows_are_cut_backwards_from_now() -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert window_of(now, now) == 0
    assert window_of(now - timedelta(hours=23), now) == 0
    assert window_of(now - timedelta(hours=24), now) == 1
    assert window_of(now - timedelta(days=29), now) is None
    assert window_of(now + timedelta(seconds=1), now) is None


def airline(folder: Path, now: datetime, rule: SurgeRule) -> dict[str, TopicTest]:
    negative: dict[str, list[int]] = {}
    everything = [0] * rule.windows
    for line in (folder / "messages.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        at = datetime.strptime(row["created"], "%d-%m-%Y %H.%M").replace(tzinfo=UTC)
        window = window_of(at, now, rule)
        if window is not None:
            everything[window] += 1
            if row["sentiment"] == "negative":
                negative.setdefault(str(row["topic"]), [0] * rule.windows)[window] += 1
    return {t.topic: t for t in surges(negative, everything, rule)}


def test_the_weekend_on_which_airlines_cancelled_flights_surges_once(eval_data: Path) -> None:
    folder = eval_data / "sentiment" / "airline"
    if not folder.is_dir():
        pytest.skip("no messages of airlines")
    storm = airline(folder, datetime(2015, 2, 23, tzinfo=UTC), DEFAULT_RULE)
    assert {"Late Flight", "Customer Service Issue", "Lost Luggage"} <= {
        t for t in storm if storm[t].is_surge
    }
    assert storm["Customer Service Issue"].count == 367
    after = airline(folder, datetime(2015, 2, 24, tzinfo=UTC), DEFAULT_RULE)
    assert not [t for t in after.values() if t.is_surge]  # no more than the day before

"""Whether negative messages on a topic surge: a stated test over counts. Pure; it knows no texts and no database.

Time is cut backwards from now into windows of equal length (a day unless set otherwise); window 0 is the last one,
and the windows before it are the history, as far back as the first window that is whole. For each topic with history
`y_1 … y_n`:

- *Season.* When the history covers two weeks, window `i` gets a factor `s_i`, the mean number of all customers'
  messages in windows of the same phase of the week over the mean of all windows, pulled towards 1 where there are
  few messages. `E = Σ s_i` is the topic's exposure, `S = Σ y_i` its count.
- *Expectation.* With Jeffreys' prior the rate is `(S + ½) / E`, and window 0 is expected to hold `μ = s_0 (S + ½) /
  E`.
- *Overdispersion.* `α`, the variance beyond Poisson's relative to the squared mean, is estimated by moments from the
  topic's own history and from all topics together, and the larger of the two is taken.
- *Test.* One-sided: the chance that a negative binomial variable with mean `μ` and variance `μ + μ² (α + 1/(S + ½) +
  α/n)` reaches the count of window 0. The second part of the bracket is the uncertainty of the rate. With `α = 0` it
  is exactly the predictive distribution of Poisson counts, and differs from the conditional binomial test only by
  the prior.
- *Many topics.* Holm's correction over all topics that have a message in any window keeps the chance that a look at
  steady data tells of any surge below the level.

A surge is told when the corrected chance is below the level, the count is at least `min_count`, and at least
`min_ratio` times what was expected: what is certain but small is no alert.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from chatbot.insights.rule import DEFAULT_RULE, SurgeRule

Counts = npt.NDArray[np.int64]
_WEEK = timedelta(days=7)
_SEASON_WEIGHT = 20.0
_FEWEST_WINDOWS = 5


@dataclass(frozen=True, slots=True)
class TopicTest:
    """How a topic's last window compares with its history.

    Attributes:
        p_value: Before the correction.
        corrected: After it.
        overdispersion: `α`.
    """

    topic: str
    count: int
    expected: float
    overdispersion: float
    p_value: float
    corrected: float
    is_surge: bool


def window_of(moment: datetime, now: datetime, rule: SurgeRule = DEFAULT_RULE) -> int | None:
    """Which window a moment lies in; None outside of all of them."""
    place = (now - moment) // rule.window
    return place if 0 <= place < rule.windows else None


def surges(
    negative: Mapping[str, Sequence[int]], everything: Sequence[int], rule: SurgeRule = DEFAULT_RULE
) -> tuple[TopicTest, ...]:
    """The test of each topic, the least likely first; none while the history has fewer than five windows.

    Args:
        negative: Negative messages by topic and window, window 0 first.
        everything: All messages of customers by window; the window of the first message, in the middle of which the
            messages begin, and those before it are no history.
    """
    total = np.asarray(everything, np.int64)
    begun = int(np.flatnonzero(total).max(initial=-1))
    if begun >= rule.windows - 1:
        begun = rule.windows  # the messages began before all windows
    if begun <= _FEWEST_WINDOWS:
        return ()
    names = [name for name, counts in negative.items() if sum(counts)]
    if not names:
        return ()
    counts = np.asarray([list(negative[name])[:begun] for name in names], np.int64)
    season = seasons(total[:begun], rule)
    tested = [_test(name, row, season, counts[:, 1:]) for name, row in zip(names, counts, strict=True)]
    return _corrected(sorted(tested, key=lambda t: (t.p_value, t.topic)), rule)


def seasons(total: Counts, rule: SurgeRule = DEFAULT_RULE) -> npt.NDArray[np.float64]:
    """The factor of each window, about 1 on average; all 1 where the history does not cover two weeks."""
    phases = round(_WEEK / rule.window)
    history = total[1:]
    if len(history) < 2 * phases or phases < 2 or not history.sum():
        return np.ones(len(total))
    phase = np.arange(len(total)) % phases
    mean = history.mean()
    factors = np.ones(phases)
    for place in range(phases):
        same = history[phase[1:] == place]
        factors[place] = (same.sum() + _SEASON_WEIGHT) / (len(same) * mean + _SEASON_WEIGHT)
    return factors[phase]


def overdispersion(counts: Counts, season: npt.NDArray[np.float64]) -> float:
    """`α` by moments over one or more histories `[topics, windows]`; 0 where they vary no more than Poisson counts."""
    if counts.size == 0 or counts.shape[1] < 2:
        return 0.0
    rates = counts.sum(axis=1, keepdims=True) / season.sum()
    expected = rates * season[None, :]
    freedom = counts.shape[1] / (counts.shape[1] - 1)
    beyond = ((counts - expected) ** 2).sum() * freedom - expected.sum()
    squared = (expected**2).sum()
    return max(0.0, float(beyond / squared)) if squared else 0.0


def _test(topic: str, row: Counts, season: npt.NDArray[np.float64], histories: Counts) -> TopicTest:
    from scipy.stats import nbinom

    history, weights = row[1:], season[1:]
    seen, exposure = float(history.sum()) + 0.5, float(weights.sum())
    expected = float(season[0]) * seen / exposure
    alpha = max(overdispersion(history[None, :], weights), overdispersion(histories, weights))
    size = 1 / (alpha + 1 / seen + alpha / len(history))
    p_value = float(nbinom.sf(row[0] - 1, size, size / (size + expected)))
    return TopicTest(topic, int(row[0]), round(expected, 2), round(alpha, 4), p_value, p_value, False)


def _corrected(tests: Sequence[TopicTest], rule: SurgeRule) -> tuple[TopicTest, ...]:
    found, highest = [], 0.0
    for place, test in enumerate(tests):
        highest = max(highest, min(1.0, test.p_value * (len(tests) - place)))
        is_surge = (
            highest <= rule.level
            and test.count >= rule.min_count
            and test.count >= rule.min_ratio * test.expected
        )
        found.append(
            TopicTest(
                test.topic,
                test.count,
                test.expected,
                test.overdispersion,
                test.p_value,
                highest,
                is_surge,
            )
        )
    return tuple(found)

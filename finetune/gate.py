"""Whether a candidate may be promoted: a pure function of row scores, with its reasons in plain words.

It compares on the same questions, pair by pair, and blocks only what got worse beyond noise. Knows no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from finetune.metrics import Interval, Scores, mean_of, paired_bootstrap, values_of

Against = Literal["current", "base"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What must not get worse.

    Attributes:
        metric: Name of a score.
        says: What the metric means, with {} for its figure.
        against: Whom the candidate is compared with; without a current adapter, always the bare base.
        margin: A difference of at most this much is accepted even when it is sure.
        fine_at: A candidate at least this good passes whatever the other one does; a base that never refuses
            anything cannot be beaten at wrong refusals.
        is_strict: Worse on average by more than the margin blocks, sure or not.
        fewest: Rows below which nothing can be said, so that the candidate is blocked.
        is_share: Whether the figure is shown in percent.
    """

    metric: str
    says: str
    higher_is_better: bool = True
    against: Against = "current"
    margin: float = 0.01
    fine_at: float | None = None
    is_strict: bool = False
    fewest: int = 10
    is_share: bool = True

    def is_fine(self, mean: float) -> bool:
        """Whether a mean is good enough on its own."""
        if self.fine_at is None:
            return False
        return mean >= self.fine_at if self.higher_is_better else mean <= self.fine_at


HELDOUT_RULES = (
    Rule("answer_f1", "has an answer F1 of {}", margin=0.005, is_strict=True, is_share=False),
    Rule("refusal_recall", "refuses {} of the questions that its passages do not answer", margin=0.02),
    Rule(
        "wrong_refusal_rate",
        "refuses {} of the questions that its passages answer",
        higher_is_better=False,
        fine_at=0.05,
    ),
    Rule(
        "unsupported_rate",
        "puts a number, code or link that no passage holds into {} of its answers",
        higher_is_better=False,
        margin=0.002,
        fine_at=0.002,
    ),
    Rule("citation_precision", "has {} of its citations right"),
)
GUARD_RULES = (
    Rule("guard_instructions", "follows {} of the general instructions", against="base", margin=0.05),
    Rule("guard_refusal_recall", "refuses {} of the fixed unanswerable questions", margin=0.02),
    Rule(
        "guard_wrong_refusal_rate",
        "refuses {} of the fixed answerable questions",
        higher_is_better=False,
        margin=0.02,
        fine_at=0.1,
    ),
    Rule(
        "guard_unsupported_rate",
        "puts a number, code or link that no passage holds into {} of its answers to the fixed questions",
        higher_is_better=False,
        margin=0.01,
        fine_at=0.02,
    ),
    Rule(
        "guard_template_intents",
        "gets the reviewed answer, or none where none is asked for, for {} of the fixed FAQ questions",
        margin=0,
        is_strict=True,
    ),
)
DEFAULT_RULES = (*HELDOUT_RULES, *GUARD_RULES)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One rule applied: the two means, and the candidate's minus the other's with its interval."""

    metric: str
    against: Against
    candidate: float
    other: float
    difference: Interval
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """Whether the candidate may be promoted.

    Attributes:
        reasons: Why not, in plain words; what got better when it may.
    """

    passed: bool
    reasons: tuple[str, ...]
    comparisons: tuple[Comparison, ...] = ()


def judge(
    candidate: Scores, current: Scores | None, base: Scores, rules: Sequence[Rule] = DEFAULT_RULES
) -> GateResult:
    """Compares the candidate's row scores with those of the current adapter and of the bare base.

    Args:
        current: None when no adapter is promoted; the base takes its place.
        rules: Every rule's metric must have been measured on all three.
    """
    comparisons = []
    for rule in rules:
        against: Against = "base" if current is None else rule.against
        other = base if against == "base" or current is None else current
        comparisons.append(_compare(rule, candidate, other, against))
    failed = tuple(c.reason for c in comparisons if not c.passed)
    better = tuple(c.reason for c in comparisons if c.passed and c.difference.excludes_zero and c.reason)
    return GateResult(not failed, failed or better or ("Nothing got worse.",), tuple(comparisons))


def _compare(rule: Rule, candidate: Scores, other: Scores, against: Against) -> Comparison:
    keys = _keys(candidate, rule.metric)
    if keys != _keys(other, rule.metric):
        return _unmeasured(rule, against, f"{rule.metric} was not measured on the same questions for both")
    measured = [key for key in sorted(keys) if candidate[key].get(rule.metric) is not None]
    if len(measured) < rule.fewest:
        return _unmeasured(
            rule, against, f"{rule.metric} has {len(measured)} rows and at least {rule.fewest} are needed"
        )
    ours, theirs = (values_of(scores, rule.metric, sorted(keys)) for scores in (candidate, other))
    difference = paired_bootstrap(ours, theirs)
    means = (mean_of(ours), mean_of(theirs))
    passed = rule.is_fine(means[0]) or not _is_worse(rule, difference)
    return Comparison(
        rule.metric, against, *means, difference, passed, _in_words(rule, against, means, difference)
    )


def _keys(scores: Scores, metric: str) -> set[str]:
    return {key for key, row in scores.items() if metric in row}


def _is_worse(rule: Rule, difference: Interval) -> bool:
    """Whether it got worse by more than the margin and, unless the rule is strict, beyond noise."""
    lost = -difference.mean if rule.higher_is_better else difference.mean
    surely_lost = -difference.high if rule.higher_is_better else difference.low
    return lost > rule.margin and (rule.is_strict or surely_lost > 0)


def _unmeasured(rule: Rule, against: Against, why: str) -> Comparison:
    nothing = float("nan")
    return Comparison(
        rule.metric,
        against,
        nothing,
        nothing,
        Interval(nothing, nothing, nothing, 0),
        False,
        f"It cannot be judged: {why}.",
    )


def _in_words(rule: Rule, against: Against, means: tuple[float, float], difference: Interval) -> str:
    is_better = (difference.mean > 0) == rule.higher_is_better
    verdict = "Better" if is_better else "Worse"
    whom = "the bare base" if against == "base" else "the current adapter"
    ours, theirs = (_figure(rule, mean) for mean in means)
    low, high = (_change(rule, bound) for bound in (difference.low, difference.high))
    return (
        f"{verdict}: it {rule.says.format(ours)}, {whom} {theirs} "
        f"(difference {_change(rule, difference.mean)}, 95 % interval {low} to {high}, {difference.n} questions)."
    )


def _figure(rule: Rule, mean: float) -> str:
    return f"{mean:.1%}" if rule.is_share else f"{mean:.3f}"


def _change(rule: Rule, difference: float) -> str:
    return f"{100 * difference:+.1f} points" if rule.is_share else f"{difference:+.3f}"


def with_guards(heldout: Scores, *guards: Scores) -> dict[str, Mapping[str, float | None]]:
    """The scores of several sets of rows as one; keys of guard rows are their own."""
    merged = dict(heldout)
    for guard in guards:
        merged |= guard
    return merged

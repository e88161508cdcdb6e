"""From when on to refuse: pure fits on questions whose right outcome is known."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from chatbot.refusal import BIAS, HEADING, chosen
from finetune.evaluation_rows import EvaluationError

_TINY = 1e-12
_RIDGE = 0.02
_STEPS = 50
_CHOICES = (0.0, 1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0)
_UNSIGNED = frozenset({HEADING})
_AGAINST_AN_ANSWER = frozenset({"doubt"})


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
    probabilities: Sequence[float],
    answerable: Sequence[bool],
    max_wrong_refusals: float,
    kinds: Sequence[str] | None = None,
    *,
    confidence: float | None = None,
) -> RefusalFit:
    """The threshold with the best refusal recall among those with few enough wrong refusals.

    Among thresholds that do the same it lies in the middle (of the log odds), where it is most likely to hold on
    other questions.

    Args:
        kinds: Of the questions; each kind may have no more wrong refusals than all together.
        confidence: With it the share of wrong refusals is not that of these rows but, at this confidence, the largest
            that they leave possible (Clopper and Pearson): for a threshold that must hold at other companies.

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
    of_kind = np.array(kinds or [""] * len(odds))[may_answer]
    by_kind = [(right[of_kind == kind][None] >= cuts[:, None]).mean(axis=1) for kind in np.unique(of_kind)]
    worst = np.max([wrongly, *by_kind], axis=0)
    if confidence is not None:
        worst = _at_most(wrongly, right.size, confidence)
    allowed = [*np.flatnonzero(worst <= max_wrong_refusals + 1e-9), len(cuts) - 1]  # the last refuses nothing
    best = max(allowed, key=lambda at: (rightly[at], -wrongly[at]))
    return RefusalFit(
        threshold=1 / (1 + math.exp(-cuts[best])),
        refusal_recall=float(rightly[best]),
        wrong_refusal_rate=float(wrongly[best]),
        auroc=_auroc(wrong, right),
        n_answerable=right.size,
        n_unanswerable=wrong.size,
    )


def fit_heading_threshold(
    probabilities: Sequence[float],
    answerable: Sequence[bool],
    headings: Sequence[bool],
    max_wrong_refusals: float,
    confidence: float | None = None,
) -> tuple[float, float]:
    """A threshold for people's questions, and what to add to the log odds of headings so that it serves them as well.

    The two kinds are doubted differently: at one threshold either headings would hardly ever be refused or people's
    questions far too often. Where one of the kinds cannot be fitted alone, both share a threshold and nothing is added.

    Args:
        headings: Which of the questions are worded like headings.
        confidence: See `fit_threshold`.

    Raises:
        EvaluationError: There are no answerable or no unanswerable questions.
    """
    parts = []
    for kind in (False, True):
        rows = [at for at, is_heading in enumerate(headings) if is_heading == kind]
        fits = {answerable[at] for at in rows} == {True, False}
        asked = ([probabilities[at] for at in rows], [answerable[at] for at in rows])
        parts.append(
            fit_threshold(*asked, max_wrong_refusals, confidence=confidence).threshold if fits else None
        )
    people, heading = parts
    if people is None or heading is None:
        return fit_threshold(probabilities, answerable, max_wrong_refusals).threshold, 0.0
    return people, _log_odds(people) - _log_odds(heading)


def _at_most(
    shares: "np.typing.NDArray[np.float64]", n: int, confidence: float
) -> "np.typing.NDArray[np.float64]":
    """The upper end of the one-sided interval of each share of `n`."""
    counts = np.round(shares * n)
    return np.where(counts >= n, 1.0, beta.ppf(confidence, counts + 1, np.maximum(n - counts, 1)))


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


def fit_weights(
    rows: Sequence[Mapping[str, float]], answerable: Sequence[bool], kinds: Sequence[str]
) -> dict[str, float]:
    """Weights of a logistic regression that tells what must be refused, by feature and `bias`.

    The answerable and the unanswerable questions of each kind count as the root of how many there are, so that neither
    the many nor a few alone decide. A feature that
    comes out against its meaning (likeness that speaks for a refusal) says something of the rows only, and is left out.

    Args:
        rows: Features of each question, the same ones in all.
        kinds: Of the questions.

    Raises:
        EvaluationError: There are no answerable or no unanswerable questions.
    """
    return _fitted(rows, answerable, kinds, list(rows[0]), np.zeros(len(rows)))


def fit_weights_by_wording(
    rows: Sequence[Mapping[str, float]], answerable: Sequence[bool], kinds: Sequence[str]
) -> dict[str, float]:
    """As `fit_weights`, but what weighs for headings alone is fitted on them alone, beside the weights of all others.

    Fitted together, either would give way to the other. Where one of them cannot be fitted alone, they are.
    """
    of_headings = [name for name in rows[0] if name.startswith(HEADING)]
    is_heading = np.array([bool(row[HEADING]) for row in rows])
    may_answer = np.array(answerable, bool)
    if not all(0 < may_answer[part].sum() < part.sum() for part in (is_heading, ~is_heading)):
        return fit_weights(rows, answerable, kinds)
    people, headings = (np.flatnonzero(part).tolist() for part in (~is_heading, is_heading))
    shared = [name for name in rows[0] if name not in of_headings]
    weights = _fitted(*_at(people, rows, answerable, kinds), shared, np.zeros(len(people)))
    known = np.array([sum(weights[name] * rows[at].get(name, 1.0) for name in weights) for at in headings])
    more = _fitted(*_at(headings, rows, answerable, kinds), of_headings[1:], known)
    return weights | more | {HEADING: more[BIAS], BIAS: weights[BIAS]}


def _at(
    places: Sequence[int],
    rows: Sequence[Mapping[str, float]],
    answerable: Sequence[bool],
    kinds: Sequence[str],
) -> tuple[list[Mapping[str, float]], list[bool], list[str]]:
    return [rows[at] for at in places], [answerable[at] for at in places], [kinds[at] for at in places]


def _fitted(
    rows: Sequence[Mapping[str, float]],
    answerable: Sequence[bool],
    kinds: Sequence[str],
    names: Sequence[str],
    known: "np.typing.NDArray[np.float64]",
) -> dict[str, float]:
    """Bias and weights of the named features beside log odds that are known already."""
    refuse = ~np.array(answerable, bool)
    if refuse.all() or not refuse.any():
        raise EvaluationError(
            "Refusal weights need questions that the passages answer and questions that they do not."
        )
    cells = [f"{kind}\n{r}" for kind, r in zip(kinds, refuse, strict=True)]
    counted = {cell: cells.count(cell) for cell in cells}
    each = np.array([counted[cell] ** -0.5 for cell in cells])
    left = list(names)
    while True:
        values = np.array([[row[name] for name in left] for row in rows], np.float64).reshape(len(rows), -1)
        weights = dict(zip((BIAS, *left), _regressed(values, refuse, each / each.mean(), known), strict=True))
        against = {name: _against(name, weights[name]) for name in left}
        worst = max(against, key=against.__getitem__, default="")
        if not worst or against[worst] <= 0:
            return weights
        left.remove(worst)


def _against(name: str, weight: float) -> float:
    """How far a weight lies on the wrong side of zero."""
    if name in _UNSIGNED:
        return 0.0
    return -weight if name in _AGAINST_AN_ANSWER else weight


def _regressed(
    values: "np.typing.NDArray[np.float64]",
    refuse: "np.typing.NDArray[np.bool_]",
    each: "np.typing.NDArray[np.float64]",
    known: "np.typing.NDArray[np.float64]",
) -> list[float]:
    """Bias and weights by Newton's method, with a small ridge on standardised features."""
    middle, spread = values.mean(axis=0), values.std(axis=0) + 1e-9
    x = np.hstack([np.ones((len(values), 1)), (values - middle) / spread])
    ridge = _RIDGE * len(values) * np.diag([0.0, *[1.0] * values.shape[1]])
    found = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        likely = 1 / (1 + np.exp(-np.clip(known + x @ found, -30, 30)))
        slope = x.T @ (each * (likely - refuse)) + ridge @ found
        curve = (x * (each * likely * (1 - likely) + 1e-9)[:, None]).T @ x + ridge
        found = found - np.linalg.solve(curve, slope)
    weights = found[1:] / spread
    return [float(found[0] - weights @ middle), *map(float, weights)]


def fit_choice(
    likely: Sequence[Sequence[float]],
    similarities: Sequence[Sequence[float]],
    gold: Sequence[Collection[int]],
    kinds: Sequence[str],
) -> float:
    """The weight of similarity with which the right passage is chosen most often; the smallest of equal ones.

    Args:
        likely: How likely the model begins with each passage, by question.
        gold: Numbers of the right passages; questions without any do not count.
        kinds: Of the questions; each kind counts the same.
    """
    rows = [row for row in zip(likely, similarities, gold, kinds, strict=True) if row[2]]
    of_kind = [kind for *_, kind in rows]

    def right(weight: float) -> float:
        return sum((chosen(p, s, weight) in g) / of_kind.count(kind) for p, s, g, kind in rows)

    return max(_CHOICES, key=lambda weight: (round(right(weight), 9), -weight))

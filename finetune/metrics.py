"""How good one answer is, and how sure a mean over many answers is: pure functions.

An answer is scored into a few named values, `None` where a metric does not apply to the row; a metric is the mean of
the values that are there. Intervals come from resampling rows (Efron & Tibshirani 1993), never from re-running.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatbot.citations import facts
from chatbot.evaluation.overlap import answer_f1 as answer_f1
from chatbot.evaluation.overlap import answer_tokens as answer_tokens
from chatbot.evaluation.overlap import rouge_l as rouge_l

RowScores = Mapping[str, float | None]
"""Metric → value of one row."""
Scores = Mapping[str, RowScores]
"""Row key → its values. Runs on the same rows have the same keys, so that they can be compared pair by pair."""
Floats = npt.NDArray[np.float64]

_MARK = re.compile(r"\[(\d{1,2})\]")
_SIGNS = "$€£¥%+"
_REFUSAL = re.compile(
    r"^\W*(?:(?:i am |i'm )?(?:sorry|unfortunately|apologies)\W+(?:but )?)?"
    r"(?:(?:i|we) (?:do not|don['’]t|cannot|can['’]t|am not able to|could not|couldn['’]t) "
    r"(?:know|find|answer|tell|provide|have (?:any |that |this |the |enough )?information)"
    r"|(?:the |these |this )?passages? (?:do|does)(?: not|n['’]t) "
    r"|there is no information|我不知道|很抱歉，?我不知道)",
    re.IGNORECASE,
)
_RESAMPLES = 2000
_CHUNK_CELLS = 4_000_000  # resampled at a time, to bound memory


def contains_reference(answer: str, references: Sequence[str]) -> bool:
    """Whether the answer says a reference word for word: for short answers, where F1 punishes whole sentences."""
    said = f" {' '.join(answer_tokens(answer))} "
    return any(f" {' '.join(answer_tokens(r))} " in said for r in references if answer_tokens(r))


def citations_of(answer: str) -> list[int]:
    """Passage numbers that the answer marks, in order, with repeats."""
    return [int(number) for number in _MARK.findall(answer)]


def citation_precision(answer: str, gold: Collection[int]) -> float:
    """The share of the answer's marks that name a right passage; 0 when it marks none."""
    marks = citations_of(answer)
    return sum(mark in gold for mark in marks) / len(marks) if marks else 0.0


def unsupported_facts(answer: str, passages: Sequence[str]) -> list[str]:
    """Numbers, amounts, codes, links and addresses of the answer that no passage holds."""
    known = {form for fact in facts("\n".join(passages)) for form in (fact, fact.strip(_SIGNS))}
    return [fact for fact in facts(_MARK.sub(" ", answer)) if not {fact, fact.strip(_SIGNS)} & known]


def is_refusal(answer: str) -> bool:
    """Whether the answer is an honest "I do not know": the mark [0], or its words at the beginning."""
    return answer.lstrip().startswith("[0]") or bool(_REFUSAL.match(_MARK.sub("", answer).strip()))


def score_answer(
    answer: str, *, refused: bool, references: Sequence[str], gold: Collection[int], passages: Sequence[str]
) -> dict[str, float | None]:
    """All metrics of one answer to a question that its passages answer (`gold`) or do not (no `gold`).

    A wrong refusal has an F1 of 0 but no citations to judge; an answer that should have been a refusal has no
    reference but is still searched for invented facts.
    """
    answered = bool(gold) and not refused
    said = "" if refused else answer
    return {
        "answer_f1": answer_f1(said, references) if gold else None,
        "rouge_l": rouge_l(said, references) if gold else None,
        "answer_accuracy": float(contains_reference(said, references)) if gold else None,
        "citation_precision": citation_precision(answer, gold) if answered else None,
        "citation_accuracy": float(bool(gold and set(citations_of(said)) & set(gold))) if gold else None,
        "unsupported_rate": None if refused else float(bool(unsupported_facts(answer, passages))),
        "refusal_recall": None if gold else float(refused),
        "wrong_refusal_rate": float(refused) if gold else None,
    }


def metric_names(scores: Scores) -> list[str]:
    """Metrics that at least one row has, in order of first appearance."""
    return list(dict.fromkeys(name for row in scores.values() for name in row))


def values_of(scores: Scores, metric: str, keys: Sequence[str] | None = None) -> Floats:
    """The metric's value of every row, `[n]`; NaN where it does not apply."""
    rows = scores.values() if keys is None else [scores[key] for key in keys]
    found = [row.get(metric) for row in rows]
    return np.array([np.nan if value is None else value for value in found], np.float64)


def mean_of(values: Floats) -> float:
    """The mean of the values that are there; NaN when there are none."""
    there = values[~np.isnan(values)]
    return float(there.mean()) if there.size else float("nan")


def refusal_recall(refused: Sequence[bool], answerable: Sequence[bool]) -> float:
    """The share of unanswerable questions that were refused."""
    return _share([r for r, a in zip(refused, answerable, strict=True) if not a])


def wrong_refusal_rate(refused: Sequence[bool], answerable: Sequence[bool]) -> float:
    """The share of answerable questions that were refused."""
    return _share([r for r, a in zip(refused, answerable, strict=True) if a])


def _share(flags: Sequence[bool]) -> float:
    return mean_of(np.array(flags, np.float64))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over `n` values with its percentile-bootstrap interval."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def bootstrap(
    values: Floats, *, confidence: float = 0.95, resamples: int = _RESAMPLES, seed: int = 0
) -> Interval:
    """The mean of the values with its interval; rows whose value is NaN do not count."""
    there = values[~np.isnan(values)]
    if not there.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means = _resampled(there[:, None], resamples, seed)[:, 0]
    return Interval(float(there.mean()), *_percentiles(means, confidence), int(there.size))


def paired_bootstrap(
    one: Floats, other: Floats, *, confidence: float = 0.95, resamples: int = _RESAMPLES, seed: int = 0
) -> Interval:
    """Mean of `one` minus mean of `other`, measured on the same rows, with its interval.

    Rows are resampled together, so what makes a row hard for both cancels out. A row may count for only one of the
    two, as a citation does when one of them refuses.

    Raises:
        ValueError: The two have different lengths.
    """
    if one.shape != other.shape:
        raise ValueError(f"the runs have {one.size} and {other.size} rows; they must be measured on the same")
    kept = ~(np.isnan(one) & np.isnan(other))
    pairs = np.stack([one[kept], other[kept]], axis=1)
    if not pairs.size or np.isnan(pairs).all(axis=0).any():
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    means = _resampled(pairs, resamples, seed)
    differences = means[:, 0] - means[:, 1]
    mean = float(np.nanmean(pairs[:, 0]) - np.nanmean(pairs[:, 1]))
    return Interval(mean, *_percentiles(differences[~np.isnan(differences)], confidence), int(kept.sum()))


def _resampled(columns: Floats, resamples: int, seed: int) -> Floats:
    """Means of each column over resampled rows, `[resamples, columns]`."""
    random = np.random.default_rng(seed)
    n = len(columns)
    step = max(1, _CHUNK_CELLS // n)
    there, filled = (~np.isnan(columns)).astype(np.float64), np.nan_to_num(columns)
    means = []
    for start in range(0, resamples, step):
        rows = random.integers(0, n, (min(step, resamples - start), n))
        counts = there[rows].sum(axis=1)
        sums = filled[rows].sum(axis=1)
        means.append(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
    return np.concatenate(means)


def _percentiles(means: Floats, confidence: float) -> tuple[float, float]:
    tail = 100 * (1 - confidence) / 2
    low, high = np.percentile(means, [tail, 100 - tail])
    return float(low), float(high)

import math

import pytest

from finetune.gate import DEFAULT_RULES, GUARD_RULES, HELDOUT_RULES, Rule, judge, with_guards
from finetune.metrics import Scores

N = 200


def scores(n: int = N, **means: float | None) -> dict[str, dict[str, float | None]]:
    """Rows whose values are shares: the first `mean * n` rows have 1 and the others 0; F1 is the mean itself."""
    usual: dict[str, float | None] = {
        "answer_f1": 0.8,
        "refusal_recall": 0.9,
        "wrong_refusal_rate": 0.03,
        "unsupported_rate": 0.0,
        "citation_precision": 0.9,
        "guard_instructions": 0.6,
        "guard_refusal_recall": 0.9,
        "guard_wrong_refusal_rate": 0.05,
        "guard_unsupported_rate": 0.0,
        "guard_template_intents": 0.95,
    }
    wanted = usual | means
    return {
        f"row-{at}": {name: _value(name, mean, at, n) for name, mean in wanted.items()} for at in range(n)
    }


def _value(name: str, mean: float | None, at: int, n: int) -> float | None:
    if mean is None or name == "answer_f1":
        return mean
    return float(at < round(mean * n))


BASE = scores(
    answer_f1=0.25,
    refusal_recall=0.03,
    wrong_refusal_rate=0.0,
    unsupported_rate=0.3,
    citation_precision=0.1,
    guard_refusal_recall=0.05,
)


def test_as_good_as_the_current_adapter_passes() -> None:
    result = judge(scores(), scores(), BASE)
    assert result.passed
    assert result.reasons == ("Nothing got worse.",)
    assert len(result.comparisons) == len(DEFAULT_RULES)


@pytest.mark.parametrize(
    ("metric", "value", "says"),
    [
        ("answer_f1", 0.79, "answer F1 of 0.790, the current adapter 0.800"),
        ("refusal_recall", 0.8, "refuses 80.0% of the questions that its passages do not answer"),
        ("wrong_refusal_rate", 0.2, "refuses 20.0% of the questions that its passages answer"),
        ("unsupported_rate", 0.05, "no passage holds into 5.0% of its answers"),
        ("citation_precision", 0.8, "has 80.0% of its citations right"),
        ("guard_instructions", 0.4, "follows 40.0% of the general instructions, the bare base 60.0%"),
        ("guard_refusal_recall", 0.7, "refuses 70.0% of the fixed unanswerable questions"),
        ("guard_wrong_refusal_rate", 0.3, "refuses 30.0% of the fixed answerable questions"),
        ("guard_unsupported_rate", 0.1, "into 10.0% of its answers to the fixed questions"),
    ],
)
def test_whatever_gets_clearly_worse_blocks_with_its_reason(metric: str, value: float, says: str) -> None:
    result = judge(scores(**{metric: value}), scores(), BASE)
    assert not result.passed
    (reason,) = result.reasons
    assert reason.startswith("Worse: it ")
    assert says in reason
    assert "95 % interval" in reason


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("answer_f1", 0.797),  # within the margin
        ("refusal_recall", 0.885),  # within the margin
        ("wrong_refusal_rate", 0.045),  # fine on its own
        ("citation_precision", 0.895),
        ("guard_instructions", 0.56),
        ("guard_wrong_refusal_rate", 0.09),
        ("guard_unsupported_rate", 0.02),
    ],
)
def test_what_is_within_the_margin_or_good_enough_passes(metric: str, value: float) -> None:
    assert judge(scores(**{metric: value}), scores(), BASE).passed


def test_a_loss_within_noise_passes_and_the_same_loss_on_more_rows_does_not() -> None:
    rules = (Rule("refusal_recall", "refuses {}"),)

    def judged(n: int) -> bool:
        ours = {f"r{at}": {"refusal_recall": float(at % 10 not in (0, 1, 2))} for at in range(n)}
        theirs = {f"r{at}": {"refusal_recall": float(at % 10 not in (1, 3))} for at in range(n)}
        return judge(ours, theirs, theirs, rules).passed

    assert judged(20)
    assert not judged(2000)


def test_better_blocks_nothing_and_is_told() -> None:
    result = judge(scores(answer_f1=0.9, refusal_recall=0.98), scores(), BASE)
    assert result.passed
    assert any(reason.startswith("Better: it has an answer F1 of 0.900") for reason in result.reasons)


def test_without_a_current_adapter_the_base_takes_its_place() -> None:
    result = judge(scores(), None, BASE)
    assert result.passed
    assert all(comparison.against == "base" for comparison in result.comparisons)
    assert "the bare base" in result.reasons[0]


def test_a_base_that_never_refuses_does_not_block_few_wrong_refusals() -> None:
    assert judge(scores(wrong_refusal_rate=0.05), None, BASE).passed
    assert not judge(scores(wrong_refusal_rate=0.15), None, BASE).passed


def test_several_losses_are_all_told() -> None:
    result = judge(scores(refusal_recall=0.5, unsupported_rate=0.2), scores(), BASE)
    assert len(result.reasons) == 2


def test_what_was_not_measured_on_the_same_questions_cannot_be_judged() -> None:
    other: Scores = {f"other-{key}": row for key, row in scores().items()}
    result = judge(scores(), other, BASE, HELDOUT_RULES[:1])
    assert not result.passed
    assert "same questions" in result.reasons[0]
    assert math.isnan(result.comparisons[0].candidate)


def test_too_few_rows_cannot_be_judged() -> None:
    few = scores(5)
    result = judge(few, few, few, HELDOUT_RULES[:1])
    assert not result.passed
    assert "5 rows and at least 10 are needed" in result.reasons[0]


def test_guard_scores_join_the_held_out_ones() -> None:
    guard: Scores = {"guard/1": {"guard_instructions": 1.0}}
    merged = with_guards({"row": {"answer_f1": 0.5}}, guard)
    assert merged.keys() == {"row", "guard/1"}
    assert {rule.metric.startswith("guard_") for rule in GUARD_RULES} == {True}

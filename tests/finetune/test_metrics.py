import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.metrics import (
    answer_f1,
    answer_tokens,
    bootstrap,
    citation_precision,
    citations_of,
    contains_reference,
    is_refusal,
    mean_of,
    paired_bootstrap,
    refusal_recall,
    rouge_l,
    score_answer,
    unsupported_facts,
    values_of,
    wrong_refusal_rate,
)

PASSAGES = (
    "Returns\nReturn it within 45 days for 20 € in the shop.",
    "Codes\nWR-204 means too far. See help.example.com.",
)


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("[1] The lamp is red.", "A lamp is red", 1.0),
        ("", "red", 0.0),
        ("red lamp", "blue table", 0.0),
        ("the red lamp", "red lamp stands", 0.8),
        ("退货期为30天", "退货期为45天", 2 * 5 / 12),
        ("Don't, e.g. WR-204!", "dont eg wr204", 1.0),
    ],
)
def test_f1_compares_words_without_case_articles_punctuation_and_marks(
    answer: str, reference: str, f1: float
) -> None:
    assert answer_f1(answer, [reference]) == pytest.approx(f1)


def test_the_nearest_reference_counts() -> None:
    assert answer_f1("July 21 2017", ["21 July", "July 21, 2017"]) == 1.0


def test_rouge_l_minds_the_order_of_words_and_f1_does_not() -> None:
    assert answer_f1("b a", ["a b"]) == 1.0
    assert answer_f1("two one three", ["one two three"]) == 1.0
    assert rouge_l("two one three", ["one two three"]) == pytest.approx(2 / 3)
    assert rouge_l("one x two y", ["one two"]) == pytest.approx(2 / 3)


@given(st.text(), st.text())
def test_scores_of_texts_are_shares_and_symmetric(one: str, other: str) -> None:
    for metric in (answer_f1, rouge_l):
        assert 0 <= metric(one, [other]) <= 1
        assert metric(one, [other]) == pytest.approx(metric(other, [one]))
    assert rouge_l(one, [other]) <= answer_f1(one, [other]) + 1e-9


@given(st.text(min_size=1))
def test_a_text_with_words_is_its_own_best_answer(text: str) -> None:
    assert answer_f1(text, [text]) == 1.0
    assert rouge_l(text, [text]) == 1.0
    assert contains_reference(text, [text]) == bool(answer_tokens(text))


def test_a_reference_is_contained_only_as_whole_words() -> None:
    assert contains_reference("It was Joe Biden.", ["Joe Biden"])
    assert not contains_reference("It was Joe Bidenson.", ["Joe Biden"])
    assert not contains_reference("anything", [])


def test_citations_are_the_numbers_in_brackets() -> None:
    assert citations_of("[1] One. [2] Two [x] [123] [1]") == [1, 2, 1]


@pytest.mark.parametrize(
    ("answer", "precision"),
    [("[1] a [1] b", 1.0), ("[1] a [2] b", 0.5), ("[3] a", 0.0), ("no mark", 0.0)],
)
def test_citation_precision_is_the_share_of_right_marks(answer: str, precision: float) -> None:
    assert citation_precision(answer, {1}) == precision


@pytest.mark.parametrize(
    ("answer", "invented"),
    [
        ("[1] Return it within 45 days.", []),
        ("[2] Return it within 30 days.", ["30"]),
        ("It costs 20.", []),
        ("It costs $20.", []),
        ("It costs 25 €.", ["25"]),
        ("WR-205 is shown.", ["wr-205"]),
        ("See help.example.com or help.example.org.", ["help.example.org"]),
        ("Write to a@b.example now", ["a@b.example"]),
        ("It takes seven days.", ["seven"]),
    ],
)
def test_a_number_code_link_or_address_that_no_passage_holds_is_unsupported(
    answer: str, invented: list[str]
) -> None:
    assert unsupported_facts(answer, PASSAGES) == invented


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("[0] I do not know.", True),
        ("[2] I don’t know.", True),
        ("I'm sorry, but I cannot answer that.", True),
        ("The passages do not say.", True),
        ("我不知道。", True),
        ("If you do not know your password, reset it.", False),
        ("[1] We do not ship abroad.", False),
        ("[1] Press 0.", False),
    ],
)
def test_a_refusal_is_known_by_its_mark_or_its_first_words(text: str, refused: bool) -> None:
    assert is_refusal(text) is refused


def test_refusals_count_apart_for_answerable_and_unanswerable_questions() -> None:
    refused, answerable = [True, False, True, False], [True, True, False, False]
    assert refusal_recall(refused, answerable) == 0.5
    assert wrong_refusal_rate(refused, answerable) == 0.5
    assert np.isnan(refusal_recall([True], [True]))


def test_a_wrong_refusal_scores_no_f1_and_has_no_citation_to_judge() -> None:
    scores = score_answer("[0] I do not know.", refused=True, references=["x"], gold={1}, passages=PASSAGES)
    assert scores["answer_f1"] == 0.0
    assert scores["wrong_refusal_rate"] == 1.0
    assert scores["citation_precision"] is None
    assert scores["refusal_recall"] is None
    assert scores["unsupported_rate"] is None


def test_an_answer_where_none_is_right_has_no_f1_but_is_searched_for_inventions() -> None:
    scores = score_answer("[1] In 99 days.", refused=False, references=["-"], gold=(), passages=PASSAGES)
    assert scores["answer_f1"] is None
    assert scores["refusal_recall"] == 0.0
    assert scores["unsupported_rate"] == 1.0


def test_values_keep_the_rows_order_and_miss_what_does_not_apply() -> None:
    scores = {"a": {"m": 1.0}, "b": {"m": None}, "c": {"other": 2.0}}
    values = values_of(scores, "m")
    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()
    assert mean_of(values) == 1.0


def test_an_interval_holds_the_mean_and_narrows_with_more_rows() -> None:
    few = bootstrap(np.array([0.0, 1.0] * 10), seed=1)
    many = bootstrap(np.array([0.0, 1.0] * 1000), seed=1)
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 5
    assert few == bootstrap(np.array([0.0, 1.0] * 10), seed=1)
    assert few.n == 20


def test_the_interval_has_the_textbook_width() -> None:
    values = np.random.default_rng(0).normal(size=400)
    interval = bootstrap(values)
    expected = 2 * 1.96 * values.std() / 20
    assert interval.high - interval.low == pytest.approx(expected, rel=0.1)


def test_nothing_measured_has_no_interval() -> None:
    assert bootstrap(np.array([np.nan])).n == 0


def test_pairing_sees_a_small_steady_difference_that_separate_intervals_hide() -> None:
    hard = np.random.default_rng(0).uniform(size=100)
    difference = paired_bootstrap(hard + 0.02, hard)
    assert difference.mean == pytest.approx(0.02)
    assert difference.excludes_zero
    assert bootstrap(hard + 0.02).low < bootstrap(hard).high


def test_rows_that_count_for_one_run_only_are_weighed_in_its_own_mean() -> None:
    one, other = np.array([1.0, np.nan, 1.0, np.nan]), np.array([0.0, 0.0, 1.0, np.nan])
    difference = paired_bootstrap(one, other)
    assert difference.mean == pytest.approx(1 - 1 / 3)
    assert difference.n == 3


def test_runs_on_different_rows_are_not_compared() -> None:
    with pytest.raises(ValueError, match="same"):
        paired_bootstrap(np.zeros(3), np.zeros(4))

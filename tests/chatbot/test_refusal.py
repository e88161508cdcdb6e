"""From when on an adapter refuses: its doubt beside what the question shares with its passages."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.first_mark import FirstMark
from chatbot.refusal import (
    CHOICE,
    FEATURES,
    Asked,
    RefusalRule,
    features,
    headed_alike,
    is_heading,
    log_odds,
)

PASSAGES = ("Returns > Free returns\nSend a lamp back within 45 days.", "Error codes\nWR-204 is too far.")
WEIGHTS = {"bias": 0.0, "doubt": 1.0, "question_similarity": -4.0}


def asked(question: str, similarity: float = 0.0) -> Asked:
    return Asked(question, PASSAGES, (similarity, similarity - 0.2))


def test_a_heading_is_looked_for_in_titles_and_any_other_question_by_its_nearness() -> None:
    heading = features(FirstMark(0.5, 1), asked("Free returns from abroad", 0.7))
    assert tuple(heading) == FEATURES
    assert (heading["heading"], heading["heading_title"]) == (1, pytest.approx(2 / 3))
    assert heading["question_similarity"] == 0
    question = features(FirstMark(0.5, 1), asked("are returns free?", 0.7))
    assert (question["heading"], question["heading_title"]) == (0, 0)
    assert question["question_similarity"] == 0.7
    assert (heading["doubt"], question["doubt"]) == (0, 0)


@pytest.mark.parametrize(
    ("question", "alike"),
    [
        ("Free of returns", 1.0),
        ("Free of return", 1.0),
        ("Free returns from abroad", 4 / 5),
        ("About returns", 2 / 3),
        ("About the warranty", 0),
    ],
)
def test_a_heading_is_as_alike_as_the_words_that_it_shares_with_a_passages_own(
    question: str, alike: float
) -> None:
    assert features(FirstMark(0.5, 1), asked(question))["heading_alike"] == pytest.approx(alike)


def test_what_is_no_heading_is_like_none() -> None:
    assert features(FirstMark(0.5, 1), asked("free returns"))["heading_alike"] == 0


def test_a_heading_of_nothing_but_small_words_is_in_no_title() -> None:
    assert features(FirstMark(0.5, 1), asked("About this"))["heading_title"] == 0


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Returning a lamp", True),
        ("2-step sign-in for all accounts", True),
        ("Parental controls", False),
        ("Slow wifi upstairs", False),
        ("Delivery", False),
        ("Delivery Times", True),
        ("What Is Typically Covered", True),
        ("What is typically covered", False),
        ("My Delivery Times", False),
        ("How to open an account", True),
        ("Where is the parcel", False),
        ("My parcel", False),
        ("Error code for which there is no help", True),
        ("spare key", False),
        ("Is it free?", False),
        ("Broken lamp.", False),
        ("Lamp\nbroken", False),
        ("", False),
    ],
)
def test_a_heading_begins_with_a_capital_asks_nothing_and_is_about_nobody(
    question: str, expected: bool
) -> None:
    assert is_heading(question) is expected


def test_without_weights_the_models_own_probability_counts() -> None:
    assert RefusalRule(0.5).probability(FirstMark(0.3, 1), asked("?", 0.9)) == 0.3
    assert not RefusalRule(0.5).compares


def test_the_weights_make_one_probability_of_doubt_and_likeness() -> None:
    rule = RefusalRule(0.5, WEIGHTS)
    assert rule.compares
    mark = FirstMark(0.6, 1)
    near, far = (rule.probability(mark, asked("Lamp?", similarity)) for similarity in (0.8, 0.0))
    assert near < 0.1 < 0.5 < far
    assert far == pytest.approx(0.6)


def test_without_a_passage_it_refuses_whatever_the_weights_say() -> None:
    assert RefusalRule(0.5, WEIGHTS).probability(FirstMark(1.0, 0), Asked("Lamp?", ())) == 1


@given(st.floats(0, 1), st.text(max_size=40), st.floats(-1, 1), st.floats(-1e6, 1e6))
def test_it_is_always_a_probability(doubt: float, question: str, similarity: float, weight: float) -> None:
    rule = RefusalRule(0.5, dict.fromkeys(FEATURES, weight))
    assert 0 <= rule.probability(FirstMark(doubt, 1), asked(question, similarity)) <= 1
    assert math.isfinite(log_odds(doubt))


def test_a_near_passage_is_chosen_over_one_that_the_model_hardly_prefers() -> None:
    rule = RefusalRule(0.5, {CHOICE: 10.0})
    assert rule.compares
    assert rule.passage(FirstMark(0.1, 2, (0.4, 0.5)), asked("Lamp?", 0.7)) == 1
    assert rule.passage(FirstMark(0.1, 2, (0.01, 0.89)), asked("Lamp?", 0.7)) == 2
    assert rule.probability(FirstMark(0.1, 2, (0.4, 0.5)), asked("Lamp?", 0.7)) == 0.1


def test_without_its_weight_or_its_numbers_the_model_chooses_alone() -> None:
    mark = FirstMark(0.1, 2, (0.4, 0.5))
    assert RefusalRule(0.5, WEIGHTS).passage(mark, asked("Lamp?", 0.7)) == 2
    assert RefusalRule(0.5, {CHOICE: 10.0}).passage(mark, Asked("Lamp?", PASSAGES)) == 2
    assert RefusalRule(0.5, {CHOICE: 10.0}).passage(FirstMark(0.1, 2), asked("Lamp?", 0.7)) == 2


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("How long do I have to return a Wren Dot?", 1),
        ("how do i reset a wren dot", 3),
        ("How do I reset a Wren Pro?", 0),
        ("What does WR-205 mean?", 0),
        ("What does WR-204 mean?", 4),
        ("Where is my parcel?", 0),
        ("", 0),
    ],
)
def test_a_passage_whose_heading_asks_nearly_the_same_is_meant(question: str, expected: int) -> None:
    headings = (
        "How long do I have to return a product?",
        "Reset > How do I reset a Wren Out?",
        "Reset > How do I reset a Wren Dot?",
        "What does WR-204 mean?",
    )
    assert headed_alike(Asked(question, [f"{heading}\nText." for heading in headings])) == expected


def test_a_heading_that_asks_the_same_is_begun_with_whatever_the_model_says() -> None:
    passages = ("How do I add a Dot?\nPlug it in.", "How long may I return a Dot?\n45 days.")
    mark = FirstMark(0.1, 1, (0.99, 0.001))
    assert RefusalRule(0.5, WEIGHTS).passage(mark, Asked("How long may I return a Dot?", passages)) == 2
    assert headed_alike(Asked("How long may I return a Dot?", ())) == 0

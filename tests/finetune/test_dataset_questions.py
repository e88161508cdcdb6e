"""Questions made by templates."""

import random

from hypothesis import given
from hypothesis import strategies as st

from finetune.dataset.questions import absent_question, heading_question, sentence_question, varied


def _rngs(count: int = 40) -> list[random.Random]:
    return [random.Random(seed) for seed in range(count)]


def test_an_action_is_asked_with_its_verb() -> None:
    asked = {heading_question("How to reset the router", "Router", rng, name_title=False) for rng in _rngs()}
    assert "How do I reset the router?" in asked
    assert all("reset the router" in question for question in asked)


def test_a_heading_that_says_nothing_is_asked_by_its_title() -> None:
    for rng in _rngs():
        question = heading_question("Cause", "Screen stays black", rng, name_title=False)
        assert "screen stays black" in question.lower()


def test_a_heading_that_is_a_question_stays_as_it_is() -> None:
    question = heading_question("Can I pay later?", "Payment", random.Random(1), name_title=False)
    assert question == "Can I pay later?"


def test_an_ambiguous_heading_names_its_title() -> None:
    for rng in _rngs():
        assert "Dot" in heading_question("Warranty", "The Wren Dot", rng, name_title=True)


def test_a_question_about_a_sentence_does_not_tell_its_numbers() -> None:
    for rng in _rngs():
        question = sentence_question("Express delivery costs 9 euros within Germany.", "Delivery", rng)
        assert "9" not in question
        assert any(word in question for word in ("much", "cost", "amount"))


def test_what_the_passages_mention_is_not_asked_as_absent() -> None:
    evidence = "It costs $5, call +49 30, write to a@b.example, in French, on Sunday, takes two days."
    for rng in _rngs():
        question = absent_question("Delivery", evidence, rng)
        assert question
        assert not any(
            word in question for word in ("cost", "price", "phone", "e-mail", "French", "Sunday", "days")
        )


def test_no_question_is_absent_when_everything_is_mentioned() -> None:
    evidence = (
        "price phone e-mail student day country colour age mac sunday warranty manager language insurance tax"
    )
    assert absent_question("Delivery", evidence, random.Random(1)) is None


@given(st.text(max_size=80), st.integers(0, 1000))
def test_any_question_can_be_varied(question: str, seed: int) -> None:
    assert isinstance(varied(question, random.Random(seed)), str)


@given(st.text(max_size=60), st.text(max_size=60), st.booleans(), st.integers(0, 99))
def test_any_heading_can_be_asked(heading: str, title: str, name_title: bool, seed: int) -> None:
    assert isinstance(heading_question(heading, title, random.Random(seed), name_title=name_title), str)

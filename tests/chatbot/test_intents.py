"""Which known question is asked: learnt from phrasings, sure of itself only where it may be."""

import numpy as np
import pytest

from chatbot import intents
from chatbot.calibration import fitted
from chatbot.intents import LIKELIER_THAN_NOT, IntentModel, _LeftOut
from tests.knowledge_base.conftest import HashingEmbedder

PHRASINGS = {
    "return": [
        "how do I return a router",
        "send the router back",
        "return my order",
        "can I give a router back",
    ],
    "invoice": [
        "where is my invoice",
        "download an invoice",
        "I need the invoice as pdf",
        "invoice for my taxes",
    ],
    "light": [
        "the lamp is amber",
        "amber lamp on the device",
        "why is the lamp amber",
        "what does the amber lamp say",
    ],
}
TEXTS = [text for texts in PHRASINGS.values() for text in texts]
LABELS = [label for label, texts in PHRASINGS.items() for _ in texts]
EMBEDDER = HashingEmbedder()


def model(texts: list[str] = TEXTS, labels: list[str] = LABELS) -> IntentModel:
    return IntentModel(texts, labels, EMBEDDER.encode(texts), "oos")


def test_a_new_wording_finds_its_intent_and_something_else_is_less_sure() -> None:
    fitted_model = model()
    asked = ["please return the router", "an invoice please", "is the lamp amber", "zebra crossing quiz"]
    guesses = fitted_model.guesses(asked, EMBEDDER.encode(asked))
    assert [guess.label for guess in guesses[:3]] == ["return", "invoice", "light"]
    assert min(guess.probability for guess in guesses[:3]) > LIKELIER_THAN_NOT > guesses[3].probability
    assert min(guess.against_none for guess in guesses[:3]) > LIKELIER_THAN_NOT > guesses[3].against_none
    assert all(guess.probability + guess.outside <= 1 for guess in guesses)


def test_a_shortlist_begins_with_the_best_guess_and_leaves_room_for_none_of_them() -> None:
    fitted_model = model()
    asked = ["please return the router", "amber invoice", "zebra crossing quiz"]
    vectors = EMBEDDER.encode(asked)
    guesses, shortlists = fitted_model.guesses(asked, vectors), fitted_model.shortlists(asked, vectors)
    for guess, shortlist in zip(guesses, shortlists, strict=True):
        assert shortlist[0].label == guess.label
        assert shortlist[0].probability == pytest.approx(guess.probability)
        assert len({one.label for one in shortlist}) == len(shortlist) == 3
        assert all(one.probability >= 0 for one in shortlist)
        assert sum(one.probability for one in shortlist) <= 1
    assert {one.label for one in shortlists[1][:2]} == {"light", "invoice"}


def test_letters_carry_a_misspelling_that_the_embedder_does_not_know() -> None:
    asked = ["invoicce"]
    unknown = np.zeros((1, EMBEDDER.dimension), np.float32)
    assert model().guesses(asked, unknown)[0].label == "invoice"


def test_one_message_is_predicted_as_it_is_among_others() -> None:
    vectors = EMBEDDER.encode(TEXTS)
    fitted_model = model()
    together = fitted_model.outputs(TEXTS, vectors)
    alone = [fitted_model.outputs([text], vectors[i : i + 1])[0] for i, text in enumerate(TEXTS)]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_leaving_rows_out_in_closed_form_is_fitting_without_them() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(12, 5))
    numbers = np.repeat(np.arange(3), 4)
    targets = (numbers[:, None] == np.arange(3)).astype(float)
    likeness = features @ features.T
    regularised = likeness + intents.RIDGE * np.eye(12)
    root = np.linalg.inv(np.linalg.cholesky(regularised))
    vectors = rng.normal(size=(12, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    left_out = _LeftOut(root, root.T @ root @ targets, targets, numbers, vectors)
    rows, kept = np.array([1, 2]), np.array([0, *range(3, 12)])
    outputs = likeness[np.ix_(rows, kept)] @ np.linalg.solve(regularised[np.ix_(kept, kept)], targets[kept])
    evidence, top = left_out._without(rows)
    assert top.tolist() == outputs.argmax(axis=1).tolist()
    padded = np.sort(np.c_[outputs, np.zeros(2)], axis=1)
    np.testing.assert_allclose(evidence[:, 0], padded[:, -1], atol=1e-6)
    np.testing.assert_allclose(evidence[:, 1], padded[:, -1] - padded[:, -2], atol=1e-6)
    nearest = [
        max(vectors[i] @ vectors[j] for j in kept if numbers[j] == guess)
        for i, guess in zip(rows, top, strict=True)
    ]
    np.testing.assert_allclose(evidence[:, 2], nearest, atol=1e-5)


def test_many_phrasings_in_single_precision_are_judged_as_in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["please return the router", "an invoice please", "zebra crossing quiz"]
    vectors = EMBEDDER.encode(asked)
    double = model().guesses(asked, vectors)
    monkeypatch.setattr(intents, "MAX_DOUBLE", 0)
    single = model().guesses(asked, vectors)
    assert [guess.label for guess in single] == [guess.label for guess in double]
    assert [guess.probability for guess in single] == pytest.approx([g.probability for g in double], abs=1e-3)


def test_what_is_marked_as_outside_is_never_an_intent() -> None:
    outside = [f"{word} and nothing else" for word in "sun moon rain snow wind fog hail".split()]
    fitted_model = model([*TEXTS, *outside], [*LABELS, *["oos"] * len(outside)])
    assert fitted_model.labels == ("invoice", "light", "return")
    plain = model().guesses(["rain and nothing else"], EMBEDDER.encode(["rain and nothing else"]))[0]
    taught = fitted_model.guesses(["rain and nothing else"], EMBEDDER.encode(["rain and nothing else"]))[0]
    assert taught.probability <= plain.probability + 0.05


def test_probabilities_are_the_shares_they_speak_of() -> None:
    rng = np.random.default_rng(2)
    inside, outside = rng.normal(1, 1, (4_000, 1)), rng.normal(-1, 1, (1_000, 1))
    calibration = fitted(inside, np.ones(4_000, bool), outside, outside_share=0.5)
    assert calibration.weights[0] == pytest.approx(2, abs=0.15)  # log odds of two normals two apart
    assert calibration.probability(np.zeros((1, 1)))[0] == pytest.approx(0.5, abs=0.03)


def test_data_that_a_line_parts_stays_finite() -> None:
    calibration = fitted(np.ones((5, 1)), np.ones(5, bool), np.zeros((5, 1)), outside_share=0.5)
    low, high = calibration.probability(np.array([[0.0], [1.0]]))
    assert 0 <= low < 0.05 < 0.95 < high <= 1

"""Names that no list holds are found by what stands about them, also when the model takes them for a company."""

import re

import pytest

from chatbot.privacy.lexicon import lexicon
from chatbot.privacy.persons import find_persons
from chatbot.privacy.tokens import Tagged, tokenize


def found(text: str) -> list[str]:
    """The persons of a text in which every uncommon capital word is tagged as a company's name."""
    words = [
        Tagged(m.start(), m.end(), *(("NNP", "ORG") if _is_rare(m.group()) else ("NN", "")))
        for m in re.finditer(r"[^\W\d_]+", text)
    ]
    return [text[span.start : span.end] for span in find_persons(tokenize(text, tuple(words)))]


def _is_rare(word: str) -> bool:
    return word[0].isupper() and word.lower() not in lexicon().everyday


@pytest.mark.parametrize(
    ("text", "persons"),
    [
        ("The old technician, Ylvorn lives on the hill.", ["Ylvorn"]),
        ('He shouted at Ylvorn: "It is broken"', ["Ylvorn"]),
        ("Ylvorn, can you look at this?", ["Ylvorn"]),
        ("please take my daughter Ylvorn off the plan", ["Ylvorn"]),
        ("I gave it to Ylvorn Tessk yesterday", ["Ylvorn Tessk"]),
        ("Please add Ylvorn Tessk as a beneficiary.", ["Ylvorn Tessk"]),
        ("we named him Ylvorn", ["Ylvorn"]),
        ("Ylvorn: It is broken.\nTessk: Since when?", ["Ylvorn", "Tessk"]),
        ("Follow up with Jan Novotny in June.", ["Jan Novotny"]),
        ("unlike the Sokolov biography it is short", ["Sokolov"]),
        ("a film starring Ylvorn", ["Ylvorn"]),
        ("do you remember me, Ylvorn Tessk?", ["Ylvorn Tessk"]),
        ("the work of our three founders: Ylvorn, Sokolov and others", ["Ylvorn", "Sokolov"]),
        ("I need the consent of Ylvorn first", ["Ylvorn"]),
        ("Ylvorn is a very helpful person.", ["Ylvorn"]),
    ],
)
def test_a_name_is_known_by_its_company(text: str, persons: list[str]) -> None:
    assert found(text) == persons


@pytest.mark.parametrize(
    "text",
    [
        "Ylvorn said that I need a new box",
        "I am mad at Ylvorn",
        "I moved to Ylvorn last year",
        "Status: ready.\nTessk: The box is full",
        "In June and on Jan 4 it did not work",
    ],
)
def test_companies_places_and_months_stay(text: str) -> None:
    assert not found(text)


def test_a_family_name_that_is_an_everyday_word_is_found_again() -> None:
    text = "Boris Field called. The invoice is for Field, not for the field office."
    words = (Tagged(0, 5, "NNP", "PERSON"), Tagged(6, 11, "NNP", "PERSON"), Tagged(39, 44, "NNP", ""))
    spans = [(s.start, s.end) for s in find_persons(tokenize(text, words))]
    assert spans == [(0, 11), (39, 44)]

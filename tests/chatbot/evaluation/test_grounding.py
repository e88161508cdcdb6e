"""Answering from evidence: what is right, what is unsupported, and a whole run with the real models."""

import json
from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.evaluation.grounding import accepted_answers, evaluate_grounding, is_right, is_unsupported
from chatbot.evaluation.turns import spread
from chatbot.messages import Citation, Decision, Done
from chatbot.settings import Settings
from tests.conftest import ModelFiles


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("It was played in Tampa, Florida. [1]", "tampa, florida", True),
        ("It was played in Tampa. [1]", "Tampa, Florida", False),
        ("On 7 February 2021.", [["February 7, 2021", "7 February 2021"]], True),
        ("On 7 February.", [["February 7, 2021", "7 February 2021"]], False),
        ("Norway won, Sweden came second.", ["Norway", "Sweden"], True),
        ("Norway won.", ["Norway", "Sweden"], False),
        ("Normandy won.", "Norm", False),
        ("冠军是挪威队。", "挪威", True),
    ],
)
def test_right_answers_hold_every_part_in_one_of_its_wordings(text: str, answer: object, right: bool) -> None:
    assert is_right(text, answer) is right


def test_an_answer_of_nothing_is_no_answer() -> None:
    assert accepted_answers("") == ()
    assert accepted_answers([["", "!"]]) == ()
    assert accepted_answers(["A", ["b", "B."]]) == (("a",), ("b", "b"))


def done(text: str, passage: str = "You have 45 days. It costs 4.90 €.") -> Done:
    citation = Citation(1, "returns", "Returns", "https://wren.example/returns", passage, passage)
    return Done("c", "m", text, Decision.GENERATE, (citation,), {})


def test_a_number_or_link_that_no_cited_passage_holds_is_unsupported() -> None:
    assert not is_unsupported(done("You have 45 days. [1] See https://wren.example/returns [1]"))
    assert not is_unsupported(done("It costs 4.90. [1]"))
    assert is_unsupported(done("You have 30 days. [1]"))
    assert is_unsupported(done("See https://evil.example [1]"))


def test_a_sample_is_spread_over_all_rows() -> None:
    assert spread("abcdefghij", 3) == ["a", "d", "g"]
    assert spread("abc", 0) == spread("abc", 5) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"question": "Who?", "answer": "Ann"}], "passages"),
        ([{"question": "Who?", "answer": "", "passages": []}], "lacks an answer"),
        ([{"question": "Who?", "answer": "Ann", "passages": ["Ann won."]}], "passages with a text"),
    ],
)
def test_rows_that_cannot_be_used_are_told_before_a_model_loads(
    tmp_path: Path, settings: Settings, rows: list[object], told: str
) -> None:
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputError, match=told):
        evaluate_grounding(tmp_path, settings)


@pytest.mark.models
@pytest.mark.timeout(1800)
def test_with_the_real_models_nothing_is_claimed_that_no_passage_holds(
    tmp_path: Path, model_files: ModelFiles
) -> None:
    rows = [
        {
            "question": "How long is the warranty on the Larkspur kettle?",
            "answer": "30 months",
            "passages": [
                {"text": "The warranty on the Larkspur kettle is 30 months from purchase.", "supports": True},
                {"text": "Tulips are planted in October and flower in spring.", "supports": False},
            ],
        }
    ]
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    result = evaluate_grounding(tmp_path, Settings(data_dir=tmp_path / "d", models_dir=model_files.folder))
    assert result.metrics == {
        "answer_accuracy": 1.0,
        "answered_rate": 1.0,
        "abstention_rate": 1.0,
        "unsupported_rate": 0.0,
    }

"""Evaluations stand side by side, and people judge them without knowing whose answer is whose."""

from pathlib import Path

import pytest

from chatbot.errors import InputError
from finetune.evaluate import EvaluationRun, evaluate_adapter
from finetune.evaluation_rows import EvaluationError
from finetune.web.comparing import BlindDesk, Evaluations
from finetune.web.comparing_html import blind_html, figures_html, result_html, side_by_side_html
from tests.finetune.answering_model import ROWS, TableModel, good_model


@pytest.fixture(scope="module")
def new() -> EvaluationRun:
    return evaluate_adapter(ROWS, good_model(), "new", 0.5)


@pytest.fixture(scope="module")
def old() -> EvaluationRun:
    return evaluate_adapter(ROWS, TableModel(otherwise="[1] <b>Return</b> it."), "old", 0.5)


@pytest.fixture
def evaluations(tmp_path: Path, new: EvaluationRun, old: EvaluationRun) -> Evaluations:
    new.save(tmp_path / "runs" / "new.json")
    old.save(tmp_path / "runs" / "shop" / "old.json")
    (tmp_path / "runs" / "other.json").write_text('{"name": "x"}')
    return Evaluations(tmp_path / "runs")


def test_only_evaluations_are_listed_and_loaded(evaluations: Evaluations) -> None:
    assert {(run.key, run.name) for run in evaluations.kept()} == {
        ("new.json", "new (new)"),
        ("shop/old.json", "old (shop/old)"),
    }
    assert evaluations.load("new.json").name == "new"
    for key in ("", "other.json", "../secret.json", "missing.json"):
        with pytest.raises(InputError, match="not there"):
            evaluations.load(key)


def test_two_of_them_stand_side_by_side(evaluations: Evaluations) -> None:
    one, other, questions = evaluations.pair("new.json", "shop/old.json")
    shown = side_by_side_html(questions, "en")
    assert "&lt;b&gt;Return&lt;/b&gt;" in shown
    assert "<b>Return" not in shown
    assert "Reference answer" in shown
    figures = figures_html([one, other], "en")
    assert "answer_f1" in figures
    assert " – " in figures
    with pytest.raises(InputError, match="same evaluation"):
        evaluations.pair("new.json", "new.json")


def test_a_judge_sees_no_name_and_every_choice_is_kept(
    tmp_path: Path, new: EvaluationRun, old: EvaluationRun
) -> None:
    desk = BlindDesk(tmp_path / "blind")
    name = desk.begin(new, old)
    place = desk.place(name, "Ann")
    good = {answer.answer.text for answer in new.answers}
    judged = 0
    while place.question:
        shown = blind_html(place, "en")
        assert f"Question {judged + 1} of 5" in shown
        assert "new" not in shown.replace("renew", "")
        side = "left" if place.question.left in good else "right"
        place = desk.vote(name, " ann ", place.question.id, side)
        judged += 1
        assert BlindDesk(tmp_path / "blind").place(name, "ANN").judged == judged
    assert "judged all 5" in blind_html(place, "en")
    result = desk.result(name)
    assert (result.candidate_wins, result.current_wins) == (5, 0)
    shown = result_html(result, "en")
    assert "new was better 5 times, old 0 times" in shown
    assert "6.2%" in shown
    assert "no proof" in shown
    assert "once you have judged" in result_html(None, "en")


def test_each_test_has_a_name_of_its_own(tmp_path: Path, new: EvaluationRun, old: EvaluationRun) -> None:
    desk = BlindDesk(tmp_path / "blind")
    assert desk.sessions() == ()
    names = [desk.begin(new, old) for _ in range(2)]
    assert names == ["new-against-old-1", "new-against-old-2"]
    assert set(desk.sessions()) == set(names)


def test_nobody_votes_without_a_name_or_in_a_test_that_is_not_there(
    tmp_path: Path, new: EvaluationRun, old: EvaluationRun
) -> None:
    desk = BlindDesk(tmp_path / "blind")
    name = desk.begin(new, old)
    with pytest.raises(InputError, match="needs a name"):
        desk.place(name, "  ")
    with pytest.raises(InputError, match="not there"):
        desk.place("../runs/new", "ann")
    with pytest.raises(InputError, match="no question"):
        desk.vote(name, "ann", "unknown", "left")
    with pytest.raises(EvaluationError, match="names of their own"):
        desk.begin(new, new)

import json
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest

from chatbot.errors import InputError
from finetune.compare import BlindSession, side_by_side, sign_test, write_side_by_side
from finetune.evaluate import EvaluationRun, evaluate_adapter
from finetune.evaluation_rows import EvaluationError
from tests.finetune.answering_model import ROWS, TableModel, good_model


@pytest.fixture(scope="module")
def candidate() -> EvaluationRun:
    return evaluate_adapter(ROWS, good_model(), "new", 0.5)


@pytest.fixture(scope="module")
def current() -> EvaluationRun:
    model = TableModel(otherwise="[1] <b>Return</b> it.\n\n# Now")
    return evaluate_adapter(ROWS, model, "old", 0.5)


def test_answers_stand_beside_each_other_the_most_different_first(
    candidate: EvaluationRun, current: EvaluationRun
) -> None:
    questions = side_by_side([candidate, current])
    assert len(questions) == len(ROWS)
    assert set(questions[0].answers) == {"new", "old"}
    f1 = [
        abs((q.scores["new"].get("answer_f1") or 0) - (q.scores["old"].get("answer_f1") or 0))
        for q in questions
        if q.scores["new"].get("answer_f1") is not None
    ]
    assert f1 == sorted(f1, reverse=True)


def test_only_questions_of_all_runs_are_shown(candidate: EvaluationRun, current: EvaluationRun) -> None:
    shorter = replace(current, answers=current.answers[:2])
    assert len(side_by_side([candidate, shorter])) == 2
    with pytest.raises(EvaluationError, match="in common"):
        side_by_side([candidate, replace(current, answers=())])
    with pytest.raises(EvaluationError, match="names of their own"):
        side_by_side([candidate, candidate])


def test_the_files_hold_every_answer_and_no_markup_of_strangers(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    markdown, data = write_side_by_side(tmp_path / "new", [candidate, current])
    text = markdown.read_text(encoding="utf-8")
    assert "<b>" not in text
    assert "\n# Now" not in text
    assert "&lt;b>Return&lt;/b> it. # Now" in text
    assert {q["question"] for q in json.loads(data.read_text(encoding="utf-8"))} == {
        row.question for row in ROWS
    }


def session(path: Path, candidate: EvaluationRun, current: EvaluationRun, seed: int = 0) -> BlindSession:
    return BlindSession.create(path, candidate, current, seed=seed)


def test_what_a_judge_sees_names_nobody_and_sides_change(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    seen = session(tmp_path / "ab.json", candidate, current).questions()
    mine = {a.answer.text for a in candidate.answers}
    assert len(seen) == 5
    assert {question.left in mine for question in seen} == {True, False}
    assert not any(name in json.dumps([str(q) for q in seen]) for name in ("'new'", "'old'"))


def test_the_seed_draws_the_sides(tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun) -> None:
    drawn = [
        [(q.id, q.left) for q in session(tmp_path / f"{n}.json", candidate, current, seed).questions()]
        for n, seed in enumerate((1, 1, 2))
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def vote_for(found: BlindSession, run: EvaluationRun, judge: str = "judge") -> None:
    texts = {a.answer.text for a in run.answers}
    for question in found.questions():
        found.vote(question.id, "left" if question.left in texts else "right", judge)


def test_votes_count_for_whoever_stood_on_that_side(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    found = session(tmp_path / "ab.json", candidate, current)
    assert found.result().p_value == 1.0
    vote_for(found, candidate)
    result = BlindSession(tmp_path / "ab.json").result()
    assert (result.candidate_wins, result.current_wins, result.ties) == (5, 0, 0)
    assert result.candidate_share == 1
    assert result.p_value == pytest.approx(2 / 2**5)


def test_the_majority_of_judges_decides_a_question_once(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    found = session(tmp_path / "ab.json", candidate, current)
    vote_for(found, candidate, "ann")
    vote_for(found, current, "bob")
    assert found.result().ties == 5
    vote_for(found, candidate, "cem")
    assert found.result().candidate_wins == 5
    assert found.result().judged == 5


def test_a_judge_may_think_again_and_is_not_asked_twice(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    found = session(tmp_path / "ab.json", candidate, current)
    first = found.questions()[0]
    found.vote(first.id, "left", "ann")
    found.vote(first.id, "tie", "ann")
    assert found.result().ties == 1
    assert first.id not in {q.id for q in found.questions("ann")}
    assert first.id in {q.id for q in found.questions("bob")}


def test_unknown_questions_and_choices_are_refused(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    found = session(tmp_path / "ab.json", candidate, current)
    with pytest.raises(InputError, match="no question"):
        found.vote("x", "left")
    with pytest.raises(InputError, match="no choice"):
        found.vote(found.questions()[0].id, "both")  # type: ignore[arg-type]


def test_a_session_is_never_overwritten(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    session(tmp_path / "ab.json", candidate, current)
    with pytest.raises(InputError, match="exists already"):
        session(tmp_path / "ab.json", candidate, current)


def test_equal_answers_leave_nothing_to_judge(tmp_path: Path, candidate: EvaluationRun) -> None:
    with pytest.raises(EvaluationError, match="alike"):
        session(tmp_path / "ab.json", candidate, replace(candidate, name="twin"))


def test_a_file_that_is_no_session_says_so(tmp_path: Path) -> None:
    (tmp_path / "ab.json").write_text("[]")
    with pytest.raises(EvaluationError, match="no blind session"):
        BlindSession(tmp_path / "ab.json")
    with pytest.raises(EvaluationError, match="no session that can be read"):
        BlindSession(tmp_path / "missing.json")


def _vote_all(path: Path, judge: str) -> None:
    found = BlindSession(path)
    for question in found.questions():
        found.vote(question.id, "left", judge)


def test_votes_of_several_processes_at_once_are_all_kept(
    tmp_path: Path, candidate: EvaluationRun, current: EvaluationRun
) -> None:
    path = tmp_path / "ab.json"
    session(path, candidate, current)
    judges = [get_context("spawn").Process(target=_vote_all, args=(path, f"judge-{n}")) for n in range(3)]
    for process in judges:
        process.start()
    for process in judges:
        process.join()
    votes = json.loads(path.read_text(encoding="utf-8"))["votes"]
    assert all(set(of_question) == {"judge-0", "judge-1", "judge-2"} for of_question in votes.values())
    assert len(votes) == 5


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (5, 5, 1.0), (1, 0, 1.0), (8, 1, 20 / 512), (1, 8, 20 / 512)]
)
def test_the_sign_test_is_exact_and_two_sided(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(p)

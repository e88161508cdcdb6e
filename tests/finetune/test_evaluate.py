import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.errors import StorageError
from chatbot.generators.base import ChatTurn
from chatbot.prompt import Passage, Question, render_conversation
from chatbot.refusal import RefusalRule
from finetune.evaluate import (
    EvaluationRun,
    calibrate_refusal,
    evaluate_adapter,
    evaluate_task,
    fit_refusal,
    rows_for,
)
from finetune.evaluation_rows import EvaluationError, EvaluationRow, load_rows, passages_in, row_of, save_rows
from finetune.journal import Journal
from finetune.protocols import heading_questions, human_questions, passage_questions, sections_of
from finetune.thresholds import (
    fit_choice,
    fit_heading_threshold,
    fit_threshold,
    fit_weights,
    fit_weights_by_wording,
)
from tests.conftest import ModelFiles
from tests.fakes import CODES, RETURNS, FakeKnowledgeBase
from tests.finetune.answering_model import ROWS, KilledError, TableModel, good_model, row

ARTICLES = [
    {
        "id": n,
        "title": f"{thing} guide",
        "text": f"# {thing} set-up\n\nPut the {thing} on a table. Press the {thing} button for {n} seconds. "
        "It glows.\n\n"
        f"## Cleaning a {thing}\n\n- Wipe the {thing} with a cloth.\n- Let the {thing} dry for {n} hours.\n\n"
        f"## Notes\n\nThe {thing} is made of {thing} parts in one factory.",
    }
    for n, thing in enumerate("lamp kettle radio mower clock camera printer".split(), 3)
]


def write_jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return path


@pytest.fixture
def articles(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "articles.jsonl", ARTICLES)


# Rows


def test_passages_are_read_back_from_the_prompt_as_they_were_rendered() -> None:
    passages = [
        Passage(1, "a", "One", "", "First line.\n\nSecond, see [7] there.\n\n[5] not a passage"),
        Passage(2, "b", "Two", "", "Text with\n\nQuestion: inside it"),
    ]
    for seen in ("", "Error 7"):
        prompt = render_conversation("Lamps", [], passages, Question("Why?", seen))
        expected = tuple(f"{p.title}\n{p.text}" for p in passages)
        assert passages_in(prompt[-1].content) == expected


def test_a_prompt_without_passages_has_none() -> None:
    assert passages_in("Question: Hello?") == ()


def test_rows_come_back_from_disk_with_the_same_keys(tmp_path: Path) -> None:
    free = EvaluationRow((ChatTurn("user", "Question: Hm?"),), ("Which lamp?",), frozenset(), "clarify")
    save_rows(tmp_path / "test.jsonl", [*ROWS, free])
    again = load_rows(tmp_path / "test.jsonl")
    assert [r.key for r in again] == [r.key for r in (*ROWS, free)]
    assert [r.must_refuse for r in again] == [False, False, False, True, True, False]
    assert [r.is_grounded for r in again] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("record", "names"),
    [
        ({"prompt": [], "answer": "a"}, "prompt"),
        ({"prompt": [{"role": "robot", "content": "x"}], "answer": "a"}, "prompt"),
        ({"prompt": [{"role": "user", "content": "x"}], "answer": " "}, "answer"),
        ({"prompt": [{"role": "user", "content": "x"}], "answer": "a", "gold": "1"}, "gold"),
        ({"prompt": [{"role": "user", "content": "x"}], "answer": "a", "gold": -2}, "gold"),
    ],
)
def test_a_malformed_row_is_named_with_its_line(record: dict[str, object], names: str) -> None:
    with pytest.raises(EvaluationError, match=f"line 3.*{names}"):
        row_of(record, "test.jsonl, line 3")


def test_a_line_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text('{"prompt"\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="line 1 is not JSON"):
        load_rows(tmp_path / "test.jsonl")


# Answering and scoring


def test_a_model_that_knows_everything_has_perfect_scores() -> None:
    run = evaluate_adapter(ROWS, good_model(), "a", 0.5)
    expected = {"answer_f1": 1, "rouge_l": 1, "citation_precision": 1, "refusal_recall": 1}
    assert expected | {"unsupported_rate": 0, "wrong_refusal_rate": 0} == {
        name: run.metrics[name] for name in [*expected, "unsupported_rate", "wrong_refusal_rate"]
    }
    assert run.metrics["tokens_per_s"] > 0


def test_refusal_goes_by_the_threshold_and_not_by_the_likeliest_token() -> None:
    low = evaluate_adapter(ROWS, good_model(), "a", 0.01)
    high = evaluate_adapter(ROWS, good_model(), "a", 0.9)
    assert low.metrics["wrong_refusal_rate"] == 1
    assert low.metrics["answer_f1"] == 0
    assert high.metrics["refusal_recall"] == 0
    assert all(not a.answer.refused for a in high.answers)


def test_below_the_threshold_the_likeliest_passage_begins_the_answer_even_if_zero_is_likelier() -> None:
    model = good_model()
    run = evaluate_adapter([ROWS[3]], model, "a", 0.9)
    assert run.answers[0].answer.text.startswith("[1] ")
    assert run.answers[0].answer.refusal_probability == pytest.approx(0.8, abs=0.02)


def test_without_a_threshold_the_model_writes_freely_and_its_words_are_read() -> None:
    model = TableModel({ROWS[3].question: "I do not know that."}, otherwise="It takes 99 days.")
    run = evaluate_adapter(ROWS, model, None, None)
    assert run.metrics["refusal_recall"] == 0.5
    assert run.metrics["unsupported_rate"] == 1
    assert run.metrics["citation_precision"] == 0


def test_a_free_row_is_neither_refused_nor_cited() -> None:
    free = EvaluationRow((ChatTurn("user", "Hm?"),), ("Which lamp?",), frozenset(), "clarify")
    run = evaluate_adapter([free], TableModel({"Hm?": "Which lamp?"}), "a", 0.0)
    assert run.scores[free.key] == {"free_f1": 1.0}


def test_a_killed_evaluation_goes_on_with_the_next_question(tmp_path: Path) -> None:
    path, whole = tmp_path / "answers.jsonl", evaluate_adapter(ROWS, good_model(), "a", 0.5)
    with pytest.raises(KilledError):
        evaluate_adapter(ROWS, good_model(dies_after=2), "a", 0.5, journal_path=path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"key": "torn')
    model = good_model()
    run = evaluate_adapter(ROWS, model, "a", 0.5, journal_path=path)
    assert model.asked == [ROWS[2].question]
    assert [a.answer.text for a in run.answers] == [a.answer.text for a in whole.answers]
    assert run.scores == whole.scores


def test_another_threshold_or_adapter_is_other_work(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    evaluate_adapter(ROWS, good_model(), "a", 0.5, journal_path=path)
    model = good_model()
    evaluate_adapter(ROWS, model, "b", 0.5, journal_path=path)
    assert len(model.asked) == 3


def test_a_journal_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be opened"):
        Journal(tmp_path / "file" / "answers.jsonl", {})


def test_a_run_is_read_back_as_it_was_saved(tmp_path: Path) -> None:
    run = evaluate_adapter(ROWS, good_model(), "a", 0.5)
    run.save(tmp_path / "run.json")
    again = EvaluationRun.load(tmp_path / "run.json")
    assert again.answers == run.answers
    assert again.metrics == run.metrics
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(EvaluationError, match=r"run\.json"):
        EvaluationRun.load(tmp_path / "run.json")


def test_nothing_to_ask_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="no questions"):
        evaluate_adapter([], good_model(), None, None)


# The refusal threshold


class Unasked(TableModel):
    """Must not be asked anything."""

    def choose(self, *_: object, **__: object) -> tuple[float, ...]:
        raise KilledError


def test_the_threshold_lies_between_answerable_and_unanswerable(tmp_path: Path) -> None:
    threshold = calibrate_refusal(ROWS, good_model(), "a", journal_path=tmp_path / "odds.jsonl")
    assert 0.05 < threshold < 0.8
    assert evaluate_adapter(ROWS, good_model(), "a", threshold).metrics["refusal_recall"] == 1


def test_no_more_wrong_refusals_than_allowed_then_the_best_recall() -> None:
    probabilities = [0.01] * 17 + [0.2, 0.4, 0.6] + [0.1, 0.3, 0.5, 0.9]
    answerable = [True] * 20 + [False] * 4
    fit = fit_threshold(probabilities, answerable, 0.05)
    assert fit.wrong_refusal_rate == 0.05
    assert fit.refusal_recall == 0.5
    assert 0.4 < fit.threshold < 0.5
    assert fit_threshold(probabilities, answerable, 0.1).refusal_recall == 0.75
    assert fit_threshold(probabilities, answerable, 0.15).refusal_recall == 1
    assert fit_threshold(probabilities, answerable, 0).threshold > 0.6


def test_a_probability_that_tells_nothing_refuses_nobody() -> None:
    fit = fit_threshold([0.5] * 40, [True] * 20 + [False] * 20, 0.05)
    assert fit.auroc == 0.5
    assert fit.refusal_recall == 0
    assert fit.threshold > 0.5


def test_no_kind_of_question_may_pay_for_the_others() -> None:
    probabilities = [0.1] * 38 + [0.7, 0.8] + [0.75] * 10
    answerable, kinds = [True] * 40 + [False] * 10, ["many"] * 36 + ["few"] * 4 + ["many"] * 10
    assert fit_threshold(probabilities, answerable, 0.05).refusal_recall == 1
    assert fit_threshold(probabilities, answerable, 0.05, kinds).refusal_recall == 0


def test_weights_follow_what_tells_the_questions_apart() -> None:
    rows = [{"doubt": d, "similarity": s} for d in (-3.0, -1.0, 1.0, 3.0) for s in (0.2, 0.4, 0.6, 0.8)]
    answerable = [row["doubt"] / 5 - row["similarity"] < -0.4 for row in rows]
    weights = fit_weights(rows, answerable, ["all"] * len(rows))
    assert weights["doubt"] > 0 > weights["similarity"]
    rule = RefusalRule(0.5, weights)
    assert [rule.weighed(row) < 0.5 for row in rows] == answerable


def test_a_likeness_that_would_speak_for_a_refusal_is_left_out() -> None:
    rows = [{"doubt": float(n % 5), "similarity": n / 20} for n in range(20)]
    weights = fit_weights(rows, [n < 10 for n in range(20)], ["all"] * 20)
    assert "similarity" not in weights


def test_a_kind_of_question_counts_for_itself_beside_the_others() -> None:
    rows = [{"doubt": 1.0}] * 6 + [{"doubt": -1.0}] * 6
    answerable = [True, False, False, False, False, False] + [True] * 5 + [False]
    alone = fit_weights(rows, answerable, ["all"] * 12)
    doubled = fit_weights(rows + rows[:6], answerable + answerable[:6], ["all"] * 12 + ["more"] * 6)
    assert alone["doubt"] > 0
    assert doubled["bias"] != pytest.approx(alone["bias"], abs=1e-3)


def test_what_weighs_for_headings_alone_leaves_the_weights_of_peoples_questions_as_they_are() -> None:
    def row(doubt: float, heading: float, alike: float) -> dict[str, float]:
        return {"doubt": doubt, "heading": heading, "heading_alike": alike}

    people = [row(d, 0, 0) for d in (-3.0, -2.0, 1.5, -1.0, -1.5, 1.0, 2.0, 3.0)]
    headings = [row(d, 1, alike) for d in (-1.0, 0.0, 1.0) for alike in (0.1, 0.3, 0.9, 1.0)]
    answerable = [n < 4 for n in range(8)] + [one["heading_alike"] > 0.5 for one in headings]
    kinds = ["people"] * 8 + ["headings"] * 12
    weights = fit_weights_by_wording([*people, *headings], answerable, kinds)
    alone = fit_weights([{"doubt": one["doubt"]} for one in people], answerable[:8], kinds[:8])
    assert (weights["bias"], weights["doubt"]) == pytest.approx((alone["bias"], alone["doubt"]))
    rule = RefusalRule(0.5, weights)
    assert [rule.weighed(one) < 0.5 for one in headings] == answerable[8:]


def test_where_headings_all_have_an_answer_they_are_fitted_with_the_others() -> None:
    rows = [{"doubt": float(n % 7), "heading": float(n > 9)} for n in range(14)]
    answerable = [n % 7 < 3 or n > 9 for n in range(14)]
    assert fit_weights_by_wording(rows, answerable, [""] * 14) == fit_weights(rows, answerable, [""] * 14)


def test_weights_need_both_kinds_of_questions() -> None:
    with pytest.raises(EvaluationError, match="do not"):
        fit_weights([{"doubt": 1.0}], [False], ["all"])


def _by_words(question: str, passages: Sequence[str]) -> list[float]:
    """Near are the questions that the lamp shop answers."""
    return [0.1 if "heavy" in question or "founded" in question else 0.9] * len(passages)


def test_likeness_counts_in_the_choice_of_a_passage_as_far_as_it_finds_the_right_one() -> None:
    likely, near = [(0.4, 0.6), (0.1, 0.9)], [(0.9, 0.7), (0.8, 0.7)]
    assert fit_choice(likely, near, [{1}, {2}], ["all"] * 2) == 3.0
    assert fit_choice(likely, near, [{2}, {2}], ["all"] * 2) == 0.0
    assert fit_choice(likely, near, [(), {2}], ["all"] * 2) == 0.0


def test_a_rule_is_fitted_and_asked_by_the_same_features(tmp_path: Path) -> None:
    unsure = replace(good_model(), refuses={})  # its doubt tells nothing
    path = tmp_path / "marks.jsonl"
    rule = fit_refusal({"people": ROWS}, unsure, "a", _by_words, journal_path=path)
    assert rule.weights["question_similarity"] < 0
    run = evaluate_adapter(ROWS, unsure, "a", rule, similarity=_by_words)
    assert (run.metrics["refusal_recall"], run.metrics["wrong_refusal_rate"]) == (1, 0)
    assert run.settings["refusal_weights"] == dict(rule.weights)
    assert fit_refusal({"people": ROWS}, Unasked(), "a", _by_words, journal_path=path) == rule


def test_a_rule_that_compares_needs_something_to_compare_with() -> None:
    with pytest.raises(EvaluationError, match="how near the passages are"):
        evaluate_adapter(ROWS, good_model(), "a", RefusalRule(0.5, {"question_similarity": -1.0}))


def test_a_threshold_needs_both_kinds_of_questions() -> None:
    with pytest.raises(EvaluationError, match="do not"):
        fit_threshold([0.1, 0.2], [True, True], 0.05)


# Protocols


def test_sections_end_at_the_next_heading_and_stand_under_their_title(articles: Path) -> None:
    sections = sections_of(articles)
    assert len(sections) == 21
    assert sections[1].path == "lamp guide > Cleaning a lamp"
    assert sections[1].reference == "Wipe the lamp with a cloth. Let the lamp dry for 3 hours."


def test_heading_questions_ask_what_occurs_once_and_withhold_every_fifth(articles: Path) -> None:
    rows = heading_questions(articles, n=10, seed=3)
    assert [r.must_refuse for r in rows] == [False, False, False, False, True] * 2
    assert all(r.question != "Notes" for r in rows)
    for r in rows:
        assert len(r.passages) == 3
        held = [r.question in passage.partition("\n")[0] for passage in r.passages]
        assert held.count(True) == (not r.must_refuse)
        assert r.gold == {n for n, has in enumerate(held, 1) if has}


def test_keywords_are_some_of_the_words_of_each_heading(articles: Path) -> None:
    headings = [row.question for row in heading_questions(articles, n=10, seed=3)]
    asked = [row.question for row in heading_questions(articles, n=10, seed=3, as_keywords=True)]
    assert asked != headings
    for question, heading in zip(asked, headings, strict=True):
        assert set(question.lower().split()) <= set(heading.lower().split())
        assert question
        assert question[0] == question[0].upper()


def test_heading_questions_repeat_by_their_seed(articles: Path) -> None:
    keys = [[r.key for r in heading_questions(articles, n=8, seed=seed)] for seed in (1, 1, 2)]
    assert keys[0] == keys[1] != keys[2]


def test_the_reference_is_in_the_right_passage(articles: Path) -> None:
    run = evaluate_adapter(heading_questions(articles), TableModel(), "a", 0.5)
    for readable in run.answers:
        for number in readable.gold:
            words = set(readable.references[0].replace(".", "").split())
            assert words <= set(readable.passages[number - 1].replace(".", "").split())


def test_articles_without_sections_are_refused(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "articles.jsonl", [{"id": "q", "title": "How?", "text": "How?"}] * 5)
    with pytest.raises(EvaluationError, match="no sections"):
        heading_questions(path)
    with pytest.raises(EvaluationError, match="line 1 lacks"):
        heading_questions(write_jsonl(tmp_path / "articles.jsonl", [{"id": 1}]))


def test_human_questions_get_the_passages_that_are_found(tmp_path: Path) -> None:
    path = write_jsonl(
        tmp_path / "questions.jsonl",
        [
            {"question": "return a Dot?", "relevant": ["returns"], "answer": "45 days."},
            {"question": "What is error WR-204?", "relevant": ["missing"], "answer": "Far."},
            {"question": "error codes of the Dot?", "relevant": [], "answer": None},
            {"question": "退货?", "relevant": ["returns"], "answer": "45", "language": "zh"},
        ],
    )
    rows = human_questions(path, FakeKnowledgeBase(chunks=(CODES, RETURNS)))
    assert [r.must_refuse for r in rows] == [False, True]
    (gold,) = rows[0].gold
    assert "45 days" in rows[0].passages[gold - 1]
    with pytest.raises(EvaluationError, match="'fr'"):
        human_questions(path, FakeKnowledgeBase(), language="fr")


def test_a_withheld_question_gets_the_next_best_passages(tmp_path: Path) -> None:
    questions = [
        {"question": "return a Dot?", "relevant": ["returns"]},
        {"question": "codes?", "relevant": []},
    ]
    path = write_jsonl(tmp_path / "questions.jsonl", questions)
    (only,) = human_questions(path, FakeKnowledgeBase(chunks=(CODES, RETURNS)), withheld=True)
    assert only.must_refuse
    assert only.question == "return a Dot?"
    assert [passage.split("\n")[0] for passage in only.passages] == [CODES.title]


def test_passage_questions_come_answerable_and_withheld(tmp_path: Path) -> None:
    passages = [{"text": "It was Oslo.", "supports": True}]
    passages += [{"text": f"Nothing {n}.", "supports": False} for n in range(4)]
    record = {"question": "Where?", "answer": "[['Oslo', 'Oslo, Norway']]", "passages": passages}
    answerable, withheld = passage_questions(write_jsonl(tmp_path / "questions.jsonl", [record]))
    assert answerable.references == ("Oslo", "Oslo, Norway")
    (gold,) = answerable.gold
    assert "Oslo" in answerable.passages[gold - 1]
    assert withheld.must_refuse
    assert not any("Oslo" in passage for passage in withheld.passages)


def test_the_folder_decides_what_is_asked(tmp_path: Path, articles: Path) -> None:
    assert rows_for(tmp_path)[0].kind == "heading"
    write_jsonl(tmp_path / "questions.jsonl", [{"question": "Dot?", "relevant": []}])
    assert rows_for(tmp_path, FakeKnowledgeBase())[0].must_refuse
    with pytest.raises(EvaluationError, match="no passages"):
        rows_for(tmp_path)
    save_rows(tmp_path / "test.jsonl", ROWS)
    assert len(rows_for(tmp_path)) == 5
    with pytest.raises(EvaluationError, match="holds nothing"):
        rows_for(tmp_path / "elsewhere")


def test_the_task_prints_one_object_with_the_agreed_names(tmp_path: Path) -> None:
    save_rows(tmp_path / "test.jsonl", ROWS)
    result = evaluate_task(tmp_path, good_model(), "a", 0.5)
    assert json.loads(json.dumps(result)) == result
    assert result["task"] == "adapter"
    assert result["n"] == 5
    names = "answer_f1 rouge_l citation_precision unsupported_rate refusal_recall wrong_refusal_rate"
    assert set(names.split()) <= result["metrics"].keys()
    assert result["settings"]["intervals_95"]["answer_f1"] == [1.0, 1.0]


@pytest.mark.models
def test_the_real_base_answers_and_tells_its_doubt(model_files: ModelFiles) -> None:
    from chatbot.generators.llama_cpp import LlamaCppGenerator

    generator = LlamaCppGenerator(model_files.llm, parallel_turns=1)
    try:
        calibrated = evaluate_adapter(ROWS, generator, None, 0.99, max_new_tokens=24)
        threshold = calibrate_refusal(ROWS, generator, None)
    finally:
        generator.close()
    written = [a.answer for a in calibrated.answers if not a.answer.refused]
    assert written
    assert all(answer.text.startswith("[") for answer in written)
    assert all(0 < (a.answer.refusal_probability or 0) < 1 for a in calibrated.answers)
    assert 0 < threshold < 1
    assert row("Another question?").key not in calibrated.scores


def test_a_threshold_for_any_company_leaves_room_for_what_few_rows_do_not_show() -> None:
    probabilities = [n / 100 for n in range(100)] + [0.97] * 50
    answerable = [True] * 100 + [False] * 50
    plain = fit_threshold(probabilities, answerable, 0.05)
    sure = fit_threshold(probabilities, answerable, 0.05, confidence=0.9)
    assert plain.refusal_recall == 1
    assert plain.wrong_refusal_rate == pytest.approx(0.03)
    assert sure.wrong_refusal_rate < plain.wrong_refusal_rate


def test_too_few_rows_to_be_sure_of_anything_refuse_nothing() -> None:
    fit = fit_threshold([0.1] * 5 + [0.9] * 5, [True] * 5 + [False] * 5, 0.05, confidence=0.9)
    assert fit.refusal_recall == 0


def test_headings_have_a_threshold_of_their_own() -> None:
    people, headings = [0.2, 0.5, 0.6, 0.9], [0.1, 0.2, 0.3, 0.35]
    answerable = [True, True, False, False] * 2
    threshold, more = fit_heading_threshold(people + headings, answerable, [False] * 4 + [True] * 4, 0.0)
    assert 0.5 < threshold < 0.6
    odds = [math.log(p / (1 - p)) + more for p in headings]
    assert [o >= math.log(threshold / (1 - threshold)) for o in odds] == [False, False, True, True]


def test_without_headings_nothing_is_added_for_them() -> None:
    threshold, more = fit_heading_threshold([0.2, 0.8], [True, False], [False, False], 0.05)
    assert 0.2 < threshold < 0.8
    assert more == 0


def test_a_passage_alone_keeps_its_number_and_the_question() -> None:
    passages = [Passage(n, f"d{n}", f"Title {n}", "", f"Text {n}.") for n in (1, 2, 3)]
    prompt = render_conversation("Lumen", [], passages, Question("What?", "Seen"))
    row = EvaluationRow(tuple(prompt), ("Text 2.",), frozenset({2}))
    alone = row.with_one_passage(2)
    assert alone == tuple(render_conversation("Lumen", [], [passages[1]], Question("What?", "Seen")))

from collections.abc import Sequence
from pathlib import Path

import pytest

from chatbot.citations import facts
from chatbot.messages import Decision
from chatbot.settings import Settings
from finetune.evaluation_rows import EvaluationError
from finetune.gate import GUARD_RULES, judge, with_guards
from finetune.guard_templates import METRIC, fixed_templates, guard_template_intents
from finetune.guards import (
    Check,
    Instruction,
    by_policy,
    follow_instructions,
    instructions,
    refusal_rows,
    refuse_and_answer,
    template_intents,
)
from finetune.metrics import answer_tokens, unsupported_facts
from finetune.tools import Tools
from knowledge_base.documents import FaqEntry
from tests.conftest import ModelFiles
from tests.fakes import INVOICE, FakeKnowledgeBase
from tests.finetune.answering_model import KilledError, TableModel
from tests.finetune.help_pages import ExactFaq


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (Check(contains_any=("Paris",)), "It is paris.", "It is Parisian."),
        (Check(avoids=("no",)), "Yes, nobody does.", "Yes and no."),
        (Check(begins_with=("Dear Anna",)), "**Dear Anna**, hello", "Hello, Dear Anna"),
        (Check(most_words=2), "Frozen water.", "It is frozen water."),
        (Check(lines=2), "one\n\ntwo\n", "one, two"),
        (Check(case="upper"), "THE SHOP!", "The SHOP!"),
        (Check(is_json=True), '```json\n{"a": 1}\n```', '{"a": 1} is JSON'),
        (Check(), "anything", "  "),
    ],
)
def test_a_check_tells_right_from_wrong(check: Check, right: str, wrong: str) -> None:
    assert check.passes(right)
    assert not check.passes(wrong)


def test_the_instructions_are_varied_and_checkable() -> None:
    tasks = instructions()
    assert len(tasks) >= 40
    assert len({task.id for task in tasks}) == len({task.prompt for task in tasks}) == len(tasks)
    assert all(task.check != Check() for task in tasks)
    assert not any(task.check.passes("[0] I do not know.") for task in tasks)


def test_fixed_answers_stand_in_their_passages_and_refusals_do_not() -> None:
    rows = refusal_rows()
    assert len(rows) >= 30
    assert sum(row.must_refuse for row in rows) == len(rows) / 2
    for row in rows:
        assert len(row.passages) == 3
        for number in row.gold:
            (reference,) = row.references
            assert set(answer_tokens(reference)) <= set(answer_tokens(row.passages[number - 1]))
            assert not unsupported_facts(reference, row.passages)
        if row.must_refuse:
            assert not set(facts(row.question)) & set(facts("\n".join(row.passages)))


def test_instructions_are_scored_one_by_one_and_go_on_after_a_kill(tmp_path: Path) -> None:
    tasks = [Instruction("a", "Say A.", Check(("A",))), Instruction("b", "Say B.", Check(("B",)))]
    path = tmp_path / "instructions.jsonl"
    says = {"Say A.": "A", "Say B.": "C"}
    with pytest.raises(KilledError):
        follow_instructions(TableModel(says, dies_after=1), "x", journal_path=path, tasks=tasks)
    model = TableModel(says)
    scores = follow_instructions(model, "x", journal_path=path, tasks=tasks)
    assert model.asked == ["Say B."]
    assert scores == {
        "instruction/a": {"guard_instructions": 1.0},
        "instruction/b": {"guard_instructions": 0.0},
    }


def test_guards_measure_everything_that_the_gate_asks_of_them() -> None:
    model = TableModel(refuses={row.question: 0.9 for row in refusal_rows() if row.must_refuse})
    run = refuse_and_answer(model, "x", 0.5)
    assert run.metrics["guard_refusal_recall"] == 1
    assert run.metrics["guard_wrong_refusal_rate"] == 0
    templates = guard_template_intents(ExactFaq(), by_policy(0.92, 0.42))
    scores = with_guards(run.scores, follow_instructions(model, "x"), templates)
    unchanged = judge(scores, scores, scores, GUARD_RULES)
    assert unchanged.passed
    stubborn = TableModel(otherwise="[0] I do not know.")
    forgot = judge(
        with_guards(run.scores, follow_instructions(stubborn, "x"), templates),
        None,
        with_guards(run.scores, follow_instructions(TableModel(otherwise="yes, Paris"), "x"), templates),
        GUARD_RULES,
    )
    assert not forgot.passed
    assert "general instructions" in forgot.reasons[0]


class FaqKnowledgeBase(FakeKnowledgeBase):
    def faq_entries(self) -> Sequence[FaqEntry]:
        return self.faq


def test_known_phrasings_get_their_own_reviewed_answer() -> None:
    other = FaqEntry("faq-8", "How do I pay an invoice?", "By card.", ("Where is my invoice?",))
    decides = by_policy(0.92, 0.42)
    assert template_intents(FaqKnowledgeBase(), decides) == {
        "faq/Where is my invoice?": {"template_intents": 1.0}
    }
    scores = template_intents(FaqKnowledgeBase(faq=(other,)), lambda *_: (Decision.TEMPLATE, INVOICE.id))
    assert {row["template_intents"] for row in scores.values()} == {0.0}
    with pytest.raises(EvaluationError, match="no FAQ"):
        template_intents(FaqKnowledgeBase(faq=()), decides)


def test_the_fixed_faq_tells_phrasings_from_look_alikes() -> None:
    templates = fixed_templates()
    phrasings = [p for template in templates for p in template.entry.all_phrasings]
    near = [question for template in templates for question in template.near]
    assert len(templates) >= 15
    assert len({*phrasings, *near}) == len(phrasings) + len(near)
    scores = guard_template_intents(ExactFaq(), by_policy(0.92, 0.42))
    assert len(scores) == len(phrasings) + len(near)
    assert {row[METRIC] for row in scores.values()} == {1.0}
    always = guard_template_intents(ExactFaq(), lambda *_: (Decision.TEMPLATE, "invoice"))
    wrong = judge({**scores, **always}, scores, scores, GUARD_RULES[-1:])
    assert not wrong.passed
    assert "fixed FAQ questions" in wrong.reasons[0]


@pytest.mark.models
def test_the_real_embedder_gives_reviewed_answers_and_none_to_look_alikes(model_files: ModelFiles) -> None:
    tools = Tools(Settings(models_dir=model_files.folder, offline=True))
    settings = tools.settings
    with tools.fixed_faq() as faq:
        decides = by_policy(settings.template_min_similarity, settings.evidence_min_similarity)
        scores = guard_template_intents(faq, decides)
    assert not [question for question, row in scores.items() if not row[METRIC]]


@pytest.mark.models
def test_the_real_base_follows_most_instructions(model_files: ModelFiles) -> None:
    from chatbot.generators.llama_cpp import LlamaCppGenerator

    generator = LlamaCppGenerator(model_files.llm, parallel_turns=1)
    try:
        scores = follow_instructions(generator, None)
    finally:
        generator.close()
    followed = sum(row["guard_instructions"] or 0 for row in scores.values()) / len(scores)
    assert 0.4 < followed < 1  # or nothing could be seen to be forgotten

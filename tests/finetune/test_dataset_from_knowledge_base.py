"""Examples that a knowledge base gives by itself."""

import re
from collections.abc import Sequence

import pytest

from chatbot.citations import facts
from chatbot.generators.base import ChatTurn
from chatbot.prompt import REFUSAL, Passage, Question, render_conversation
from finetune.dataset.example import Example, neighbours_first
from finetune.dataset.from_knowledge_base import build_examples
from finetune.settings import DatasetSettings
from tests.finetune.help_pages import WordBase, documents

SETTINGS = DatasetSettings(company_name="Lumen", examples=120, clarify_share=0.2, screen_share=0.1)
_MARK = re.compile(r"\[(\d)\] ?")


@pytest.fixture(scope="module")
def examples() -> Sequence[Example]:
    return build_examples(WordBase(documents()), SETTINGS, 7)


def _passages(example: Example) -> dict[int, str]:
    found = re.split(r"(?:^|\n\n)\[(\d)\] ", example.prompt[-1].content.rpartition("\n\nQuestion: ")[0])
    return {int(number): text for number, text in zip(found[1::2], found[2::2], strict=True)}


def test_the_same_seed_gives_the_same_examples(examples: Sequence[Example]) -> None:
    assert build_examples(WordBase(documents()), SETTINGS, 7) == list(examples)
    assert build_examples(WordBase(documents()), SETTINGS, 8) != list(examples)


def test_as_many_are_made_as_are_wanted(examples: Sequence[Example]) -> None:
    few = SETTINGS.model_copy(update={"examples": 17})
    assert len(build_examples(WordBase(documents()), few, 7)) == 17
    assert 17 < len(examples) <= 120


def test_every_sentence_carries_the_mark_of_the_passage_that_says_it(examples: Sequence[Example]) -> None:
    answered = [e for e in examples if e.gold > 0]
    assert answered
    for example in answered:
        said = _MARK.split(example.answer)
        assert said[0] == ""
        assert {int(mark) for mark in said[1::2]} == {example.gold}
        passage = _passages(example)[example.gold]
        assert all(sentence.strip() in passage for sentence in said[2::2])


def test_every_fact_of_an_answer_is_in_its_passage(examples: Sequence[Example]) -> None:
    for example in examples:
        if example.gold > 0:
            said = set(facts(_MARK.sub("", example.answer)))
            assert said <= set(facts(_passages(example)[example.gold]))


def test_refusals_are_exactly_those_of_serving_and_their_passages_do_not_answer(
    examples: Sequence[Example],
) -> None:
    refused = [e for e in examples if e.gold == 0]
    assert refused
    assert {e.answer for e in refused} == {REFUSAL}
    by_question = {e.prompt[-1].content.rpartition("Question: ")[2]: e.answer for e in examples if e.gold > 0}
    for example in refused:
        answer = by_question.get(example.prompt[-1].content.rpartition("Question: ")[2], "")
        sentences = [s.strip() for s in _MARK.split(answer)[2::2]]
        for passage in _passages(example).values():
            assert not sentences or not all(sentence in passage for sentence in sentences)


def test_prompts_are_rendered_as_in_serving(examples: Sequence[Example]) -> None:
    example = next(e for e in examples if len(e.prompt) == 2 and "screenshot" not in e.prompt[1].content)
    body, _, question = example.prompt[-1].content.rpartition("\n\nQuestion: ")
    passages = []
    for number, text in _passages(example).items():
        title, _, words = text.partition("\n")
        passages.append(Passage(number, "", title, "", words))
    assert list(example.prompt) == render_conversation("Lumen", [], passages, Question(question))
    assert body.startswith("[1] ")


def test_shares_of_refusals_and_clarifying_questions_follow_the_settings(examples: Sequence[Example]) -> None:
    none = SETTINGS.model_copy(update={"refusal_share": 0.0, "clarify_share": 0.0})
    kinds = {e.kind for e in build_examples(WordBase(documents()), none, 7)}
    assert "clarify" not in kinds
    assert not {"refusal", "absent detail"} & kinds
    assert {"heading", "sentence", "refusal", "clarify"} <= {e.kind for e in examples}


def test_several_companies_are_spoken_for_in_turn() -> None:
    made = build_examples(WordBase(documents()), SETTINGS, 7, companies=("Ada", "Bob"))
    spoken_for = {e.prompt[0].content.split("assistant of ")[1].split(".")[0] for e in made}
    assert spoken_for == {"Ada", "Bob"}


def test_progress_ends_at_what_was_made() -> None:
    told: list[tuple[int, int]] = []
    made = build_examples(WordBase(documents()), SETTINGS, 7, lambda done, total: told.append((done, total)))
    assert told[-1] == (len(made), 120)
    assert told == sorted(told)


def test_an_empty_knowledge_base_gives_no_examples() -> None:
    assert build_examples(WordBase([]), SETTINGS, 7) == []


def test_the_passages_stand_in_the_order_in_which_the_question_finds_them() -> None:
    base = WordBase(documents())
    settings = SETTINGS.model_copy(update={"shuffle_share": 0.0, "screen_share": 0.0, "clarify_share": 0.0})
    examples = build_examples(base, settings, 7)
    assert len(examples) > 40
    for example in examples:
        question = example.prompt[-1].content.rpartition("Question: ")[2]
        found = [hit.chunk.text.strip() for hit in base.retrieve(question, 10).chunks]
        shown = [text.partition("\n")[2].strip() for text in _passages(example).values()]
        places = [found.index(text) for text in shown if text in found]
        assert places == sorted(places)


def test_examples_of_one_source_stand_so_that_their_common_beginnings_meet() -> None:
    def example(text: str) -> Example:
        return Example((ChatTurn("system", "s"), ChatTurn("user", text)), "a", "heading", "x", 1)

    given = [
        example("[1] a\n\nQuestion: 1"),
        example("[1] b\n\nQuestion: 2"),
        example("[1] a\n\nQuestion: 3"),
    ]
    assert [e.prompt[-1].content[4] for e in neighbours_first(given)] == ["a", "a", "b"]

"""Examples from written passages: marks, facts, refusals."""

import csv
import re
from itertools import pairwise
from pathlib import Path

import pytest

from chatbot.citations import facts
from chatbot.prompt import REFUSAL
from finetune.dataset.example import Example
from finetune.dataset.topics import load_topics, out_of_scope_questions, topic_examples
from finetune.errors import DatasetError
from tests.knowledge_base.conftest import HashingEmbedder

_MARK = re.compile(r"\[(\d)\] ?")


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    return list(topic_examples(load_topics(None), HashingEmbedder(), contexts=40, seed=7))


def _passage(example: Example, number: int) -> str:
    body = example.prompt[-1].content.rpartition("\n\nQuestion: ")[0]
    return re.split(r"(?:^|\n\n)\[\d\] ", body)[number]


def test_the_same_seed_gives_the_same_examples(examples: list[Example]) -> None:
    again = list(topic_examples(load_topics(None), HashingEmbedder(), contexts=40, seed=7))
    assert again == examples


def test_answers_are_sentences_of_the_marked_passage(examples: list[Example]) -> None:
    answered = [e for e in examples if e.gold > 0]
    assert len(answered) > 60
    for example in answered:
        said = _MARK.split(example.answer)
        assert {int(mark) for mark in said[1::2]} == {example.gold}
        passage = _passage(example, example.gold)
        assert all(sentence.strip() in passage for sentence in said[2::2])
        assert set(facts(_MARK.sub("", example.answer))) <= set(facts(passage))


def test_no_place_is_left_unfilled(examples: list[Example]) -> None:
    assert not [e for e in examples if re.search(r"\{\w+\}", e.answer + e.prompt[-1].content)]


def test_some_questions_are_refused_in_the_words_of_serving(examples: list[Example]) -> None:
    refused = [e for e in examples if e.gold == 0]
    assert {e.answer for e in refused} == {REFUSAL}
    assert 0.15 < len(refused) / len(examples) < 0.5


def test_questions_about_the_same_passages_stand_together(examples: list[Example]) -> None:
    sources = [e.source for e in examples]
    changes = sum(one != other for one, other in pairwise(sources))
    assert changes == len(set(sources)) - 1


def _write_intents(folder: Path, header: tuple[str, str] = ("sentence", "label")) -> Path:
    (folder / "banking77").mkdir(parents=True)
    with (folder / "banking77" / "train.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(header)
        rows.writerow(("where is my new card", "card_arrival"))
        rows.writerow(("who won the match", "oos"))
    return folder


def test_questions_of_people_are_asked_of_the_topic_with_their_intent(tmp_path: Path) -> None:
    topics = load_topics(_write_intents(tmp_path))
    topic = next(t for t in topics if t.title == "When your card arrives")
    assert "where is my new card" in [question for question, _ in topic.questions]
    assert out_of_scope_questions(tmp_path) == ["who won the match"]


def test_a_topic_without_questions_is_left_out() -> None:
    assert all(topic.questions for topic in load_topics(None))


def test_a_table_of_another_form_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no table of sentence and label"):
        load_topics(_write_intents(tmp_path, ("text", "intent")))


def test_out_of_scope_questions_are_refused() -> None:
    asked = [f"who won match {n}" for n in range(9)]
    made = topic_examples(load_topics(None), HashingEmbedder(), contexts=40, seed=7, out_of_scope=asked)
    outside = [e for e in made if "match" in e.prompt[-1].content.rpartition("Question: ")[2]]
    assert outside
    assert {e.answer for e in outside} == {REFUSAL}

"""How an answer begins is asked before it is written, in the tokens that a model has learned."""

from pathlib import Path

import pytest

from chatbot.adapter_files import load_adapter
from chatbot.draft import begin
from chatbot.first_mark import FirstMark, first_mark
from chatbot.generators.base import ChatTurn
from chatbot.generators.llama_cpp import LlamaCppGenerator
from chatbot.generators.swap import TurnGenerator
from chatbot.messages import Observation
from chatbot.prompt import Passage
from chatbot.settings import Settings
from finetune.dataset.example import Example
from finetune.encoding import encode
from tests.chatbot.tiny_adapters import make_adapter
from tests.conftest import ModelFiles
from tests.fakes import FakeGenerator

PROMPT = [ChatTurn("user", "Can I return a Dot?")]


def test_the_likeliest_passage_begins_the_answer_however_likely_a_refusal_is() -> None:
    mark = first_mark(FakeGenerator(likely={"0": 0.9, "1": 0.01, "2": 0.09}), PROMPT, 2)
    assert mark == FirstMark(0.9, 2)
    assert mark.prefix == "[2]"


def test_a_refusal_is_measured_against_the_passages_and_not_against_all_words() -> None:
    mark = first_mark(FakeGenerator(likely={"0": 0.02, "1": 0.06, "W": 0.92}), PROMPT, 1)
    assert mark == FirstMark(pytest.approx(0.25), 1)


def test_only_the_passages_that_are_there_are_asked_for() -> None:
    mark = first_mark(FakeGenerator(likely={"0": 0.1, "1": 0.2, "2": 0.7}), PROMPT, 1)
    assert mark == FirstMark(pytest.approx(1 / 3), 1)
    assert first_mark(FakeGenerator(), PROMPT, 0) == FirstMark(1.0, 0)


def test_a_model_that_marks_nothing_refuses() -> None:
    assert first_mark(FakeGenerator(likely={"W": 1.0}), PROMPT, 2).refusal_probability == 1


def test_without_a_calibrated_adapter_the_model_begins_as_it_likes(settings: Settings) -> None:
    passages = [Passage(1, "returns", "Returns", "", "Within 45 days.")]
    draft = begin(TurnGenerator(FakeGenerator()), (), passages, Observation("Can I?"), (), settings)
    assert draft.begins is None
    assert draft.prefix == ""
    assert "".join(draft.pieces(settings)) == FakeGenerator().says


def test_a_rule_that_compares_words_says_nothing_of_a_screen(settings: Settings, tmp_path: Path) -> None:
    weights = {"bias": 9.0, "question_similarity": -1.0}
    adapter = load_adapter(make_adapter(tmp_path / "a", refusal_threshold=0.5, refusal_weights=weights))
    passages = [Passage(1, "returns", "Returns", "", "Within 45 days.")]
    generator = TurnGenerator(FakeGenerator(likely={"0": 0.1, "1": 0.9}), adapter)
    typed = begin(generator, (), passages, Observation("What is this?"), (), settings)
    assert typed.refusal_probability is not None
    assert typed.refusal_probability > 0.9
    shown = begin(generator, (), passages, Observation("What is this?", documents=("E-7",)), (), settings)
    assert (shown.refusal_probability, shown.prefix) == (None, "[1]")
    nothing = begin(generator, (), (), Observation("What is this?", documents=("E-7",)), (), settings)
    assert nothing.refusal_probability == 1


def test_a_passage_that_is_chosen_against_the_model_stands_alone(settings: Settings, tmp_path: Path) -> None:
    weights = {"bias": 0.0, "doubt": 1.0}
    adapter = load_adapter(make_adapter(tmp_path / "a", refusal_threshold=0.9, refusal_weights=weights))
    passages = [
        Passage(1, "add", "How do I add a Dot?", "", "Plug it in."),
        Passage(2, "back", "How long may I return a Dot?", "", "45 days."),
    ]
    turn = TurnGenerator(FakeGenerator(likely={"0": 0.01, "1": 0.9, "2": 0.05}), adapter)
    draft = begin(turn, [], passages, Observation("How long may I return a Dot?"), (), settings)
    assert draft.prefix == "[2]"
    assert [passage.document_id for passage in draft.fitted.passages] == ["back"]
    assert "Plug it in." not in draft.fitted.prompt[-1].content
    usual = begin(turn, [], passages, Observation("Where do I plug a Dot in?"), (), settings)
    assert (usual.prefix, len(usual.fitted.passages)) == ("[1]", 2)


@pytest.mark.models
def test_an_answer_is_asked_for_in_the_tokens_that_training_gives_it(model_files: ModelFiles) -> None:
    from transformers import AutoTokenizer

    gguf = model_files.llm
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
    passages = "[1] Returns\nWithin 45 days.\n\n[2] Codes\nWR-204 is far.\n\nQuestion: Can I?"
    prompt = (ChatTurn("system", "You are terse."), ChatTurn("user", passages))
    rest = " You can return it within 45 days."
    engine = LlamaCppGenerator(gguf, context_tokens=512, parallel_turns=1)

    def tokens(text: str) -> list[int]:
        return list(engine._post("/tokenize", {"content": text, "parse_special": True})["tokens"])

    for number in (1, 2):
        example = Example(prompt, FirstMark(0.1, number).prefix + rest, "heading", "returns", number)
        learned = list(encode(tokenizer, example).input_ids)
        request = engine._request(prompt, FirstMark(0.1, number).prefix, (), None, 4)
        templated = engine._post("/apply-template", {"messages": request["messages"]})["prompt"]
        assert tokens(templated) + tokens(rest) == learned[:-1]
        assert tokens(templated)[-3:] == [*tokens("["), *tokens(str(number)), *tokens("]")]
    engine.close()

"""Adapters change while answers are given: none is dropped, none is mixed, and never more than two engines live."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chatbot.adapter_choice import Lineup
from chatbot.adapter_files import Adapter, load_adapter
from chatbot.errors import AdapterError, FrontdeskError, GenerationError, ModelError
from chatbot.generators.base import ChatTurn, Prompt
from chatbot.generators.swap import SwappingGenerator, one_turn
from tests.chatbot.tiny_adapters import make_adapter
from tests.fakes import FakeGenerator, FakeShelf

PROMPT = [ChatTurn("user", "Hello?")]


class Engine(FakeGenerator):
    """Says its adapter with every word, and can be held up in the middle of an answer."""

    def __init__(self, engines: "Engines", loaded: Sequence[str]) -> None:
        super().__init__(name="tiny")
        self.engines, self.loaded, self.is_closed = engines, loaded, False
        self.asked: list[str | None] = []

    def stream(self, prompt: Prompt, *, adapter: str | None = None, **_: object) -> Iterator[str]:  # type: ignore[override]
        self.asked.append(adapter)
        for _word in range(5):
            self.engines.go_on.wait(10)
            if self.is_closed:
                raise GenerationError("The language model was closed while it answered.")
            yield f"{adapter} "

    def choose(  # type: ignore[override]
        self, prompt: Prompt, options: Sequence[str], *, adapter: str | None = None, **_: object
    ) -> tuple[float, ...]:
        self.asked.append(adapter)
        return (0.5,) * len(options)

    def close(self) -> None:
        self.is_closed = True


class Engines:
    """Starts engines and counts how many live."""

    def __init__(self) -> None:
        self.all: list[Engine] = []
        self.most_alive = 0
        self.problem: FrontdeskError | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.may_load = threading.Event()
        self.may_load.set()

    def load(self, lineup: Lineup) -> Engine:
        self.may_load.wait(10)
        if self.problem:
            raise self.problem
        self.all.append(Engine(self, [adapter.id for adapter in lineup.adapters]))
        self.most_alive = max(self.most_alive, sum(not engine.is_closed for engine in self.all))
        return self.all[-1]


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Adapter]:
    folder = tmp_path_factory.mktemp("adapters")
    return {
        name: load_adapter(
            make_adapter(folder / name, id=name, refusal_threshold=threshold, weights_seed=seed)
        )
        for name, threshold, seed in (("one", 0.1, 1), ("two", 0.2, 2), ("three", None, 3))
    }


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def shelf(adapters: dict[str, Adapter]) -> FakeShelf:
    return FakeShelf(Lineup(adapters["one"]), Lineup(adapters["three"]))


@pytest.fixture
def generator(shelf: FakeShelf, engines: Engines) -> Iterator[SwappingGenerator]:
    swapping = SwappingGenerator(shelf, engines.load)
    yield swapping
    engines.go_on.set()
    swapping.close()


def said(generator: SwappingGenerator) -> set[str]:
    return set("".join(generator.stream(PROMPT)).split())


def test_a_turn_has_the_adapter_and_its_threshold(generator: SwappingGenerator) -> None:
    with generator.turn("conversation-1") as turn:
        assert (turn.adapter_id, turn.refusal.threshold) == ("one", 0.1)
        assert "".join(turn.stream(PROMPT)) == "one " * 5
        assert turn.choose(PROMPT, ["0", "1"]) == (0.5, 0.5)
        assert turn.count_tokens(PROMPT) == 1
        turn.close()
        assert "".join(turn.stream(PROMPT, adapter="none")) == "none " * 5


def test_the_next_turn_after_a_promotion_has_the_new_adapter(
    generator: SwappingGenerator, shelf: FakeShelf, adapters: dict[str, Adapter]
) -> None:
    assert said(generator) == {"one"}
    shelf.choose(Lineup(adapters["two"]))
    assert generator.settle()
    assert said(generator) == {"two"}


def test_turns_go_on_with_the_old_adapter_while_the_new_one_loads(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    engines.may_load.clear()
    shelf.choose(Lineup(adapters["two"]))
    assert said(generator) == {"one"}
    assert said(generator) == {"one"}
    engines.may_load.set()
    assert generator.settle()
    assert said(generator) == {"two"}


def test_an_answer_that_has_begun_ends_on_its_own_engine(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    begun = generator.stream(PROMPT)
    words = [next(begun)]
    shelf.choose(Lineup(adapters["two"]))
    assert not generator.settle(0.2)  # the old engine cannot be closed yet
    assert said(generator) == {"two"}
    words += begun
    assert words == ["one "] * 5
    assert generator.settle()
    assert engines.all[0].is_closed


def test_choosing_and_answering_of_one_turn_are_never_on_two_engines(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    with generator.turn() as turn:
        turn.choose(PROMPT, ["0", "1"])
        shelf.choose(Lineup(adapters["two"]))
        generator.settle(0.2)
        assert "".join(turn.stream(PROMPT)) == "one " * 5
    assert engines.all[0].asked == ["one", "one"]


def test_never_more_than_two_engines_live(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    with generator.turn() as turn:
        for name in ("two", "three", "one", "two", "three"):
            shelf.choose(Lineup(adapters[name]))
            generator.settle(0.05)
        assert "".join(turn.stream(PROMPT)) == "one " * 5
    assert generator.settle()
    assert said(generator) == {"three"}
    assert engines.most_alive == 2
    assert sum(not engine.is_closed for engine in engines.all) == 1


def test_a_turn_that_never_ends_does_not_hold_up_the_next_promotion_for_ever(
    shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    generator = SwappingGenerator(shelf, engines.load, drain_timeout_s=0.05)
    with generator.turn() as turn:
        stream = turn.stream(PROMPT)
        next(stream)
        shelf.choose(Lineup(adapters["two"]))
        assert generator.settle()
        with pytest.raises(GenerationError, match="closed"):
            next(stream)
    generator.close()


def test_a_promoted_adapter_that_cannot_be_used_leaves_the_old_one(
    generator: SwappingGenerator,
    shelf: FakeShelf,
    adapters: dict[str, Adapter],
    caplog: pytest.LogCaptureFixture,
) -> None:
    shelf.choose(Lineup(adapters["two"]), AdapterError("adapter.gguf of adapter two was changed."))
    assert generator.settle()
    assert said(generator) == {"one"}
    assert "was changed" in str(generator.problem)
    assert "was changed" in caplog.text
    shelf.choose(Lineup(adapters["two"]))
    assert generator.settle()
    assert generator.problem is None
    assert said(generator) == {"two"}


def test_an_engine_that_does_not_start_leaves_the_old_one(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    engines.problem = ModelError("llama.cpp cannot load it.")
    shelf.choose(Lineup(adapters["two"]))
    assert generator.settle()
    assert said(generator) == {"one"}
    assert generator.problem is engines.problem


def test_a_failed_load_is_not_tried_again_with_every_turn(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    engines.problem = ModelError("llama.cpp cannot load it.")
    shelf.choose(Lineup(adapters["two"]))
    assert generator.settle()
    engines.problem = None
    assert said(generator) == {"one"}
    assert len(engines.all) == 1


def test_a_start_with_a_damaged_promoted_adapter_serves_that_of_the_settings(
    shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    shelf.choose(Lineup(adapters["one"]), AdapterError("adapter.gguf was changed."))
    generator = SwappingGenerator(shelf, engines.load)
    assert said(generator) == {"three"}
    assert "was changed" in str(generator.problem)
    generator.close()


def test_a_canary_answers_its_conversations_on_the_same_engine(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    shelf.choose(Lineup(adapters["one"], adapters["two"], 30))
    assert generator.settle()
    answered: dict[str, str] = {}
    for n in range(100):
        with generator.turn(f"conversation-{n}") as turn:
            answered[f"conversation-{n}"] = turn.adapter_id
            assert set("".join(turn.stream(PROMPT)).split()) == {turn.adapter_id}
    assert 10 < list(answered.values()).count("two") < 50
    for conversation, adapter_id in answered.items():
        with generator.turn(conversation) as turn:
            assert turn.adapter_id == adapter_id


def test_promoting_or_ending_a_canary_starts_no_engine(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    shelf.choose(Lineup(adapters["one"], adapters["two"], 30))
    assert generator.settle()
    for lineup, name in ((Lineup(adapters["two"]), "two"), (Lineup(adapters["one"]), "one")):
        shelf.choose(lineup)
        assert generator.settle()
        assert said(generator) == {name}
    assert len(engines.all) == 2


def test_the_bare_base_is_asked_for_by_name_where_adapters_are_loaded(
    generator: SwappingGenerator, shelf: FakeShelf
) -> None:
    shelf.choose(Lineup())
    assert generator.settle()
    assert said(generator) == {"none"}
    with generator.turn() as turn:
        assert (turn.adapter_id, turn.refusal) == ("none", None)


def test_closing_ends_everything_even_while_a_new_engine_loads(
    shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    generator = SwappingGenerator(shelf, engines.load)
    engines.may_load.clear()
    shelf.choose(Lineup(adapters["two"]))
    generator.settle(0.01)
    closing = threading.Thread(target=generator.close)
    closing.start()
    engines.may_load.set()
    closing.join(10)
    assert len(engines.all) == 2
    assert all(engine.is_closed for engine in engines.all)
    with pytest.raises(GenerationError, match="closed"), generator.turn():
        pass


def test_eight_streams_and_many_promotions_neither_fail_nor_mix(
    generator: SwappingGenerator, shelf: FakeShelf, engines: Engines, adapters: dict[str, Adapter]
) -> None:
    answers: list[set[str]] = []
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            answers.append(said(generator))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for name in ("two", "three", "one") * 5:
        shelf.choose(Lineup(adapters[name]))
        assert generator.settle()
    done.set()
    for thread in threads:
        thread.join(10)
    assert {frozenset(answer) for answer in answers} <= {frozenset({name}) for name in adapters}
    assert engines.most_alive <= 2


def test_a_generator_without_adapters_has_turns_too(tmp_path: Path) -> None:
    plain = FakeGenerator(says="Yes.")
    with one_turn(plain, "conversation-1") as turn:
        assert "".join(turn.stream(PROMPT)) == "Yes."
        assert (turn.adapter_id, turn.refusal) == ("none", None)


def test_a_generator_that_swaps_is_held_for_the_turn(generator: SwappingGenerator) -> None:
    with one_turn(generator, "conversation-1") as turn:
        assert turn.adapter_id == "one"

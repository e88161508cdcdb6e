"""From a promotion to customers' answers with the real model: no answer fails, none is made by two adapters."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.adapter_files import base_digest
from chatbot.errors import FrontdeskError
from chatbot.generators.base import ChatTurn
from chatbot.generators.factory import make_generator
from chatbot.generators.swap import SwappingGenerator
from chatbot.models import Purpose
from chatbot.settings import Settings
from finetune.registry import AdapterRegistry
from tests.chatbot.tiny_adapters import PASSED, word_adapter
from tests.conftest import ModelFiles

pytestmark = [pytest.mark.models, pytest.mark.timeout(1800)]
WORDS = ("red", "ten")
STREAMS = 8
SETTLE_S = 600  # machines of tests are busy


class Base:
    """The default model, whatever is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resolve(self, name: str, purpose: Purpose) -> Path:
        return self.path


@pytest.fixture
def registry(model_files: ModelFiles, tmp_path: Path) -> AdapterRegistry:
    digest = base_digest(model_files.llm)
    made = AdapterRegistry(tmp_path / "data", base_sha256=digest)
    for word in WORDS:
        made.register(word_adapter(model_files.llm, tmp_path / word, word, digest).folder, PASSED)
    return made


@pytest.fixture
def generator(
    registry: AdapterRegistry, model_files: ModelFiles, tmp_path: Path
) -> Iterator[SwappingGenerator]:
    registry.promote("red")
    settings = Settings(data_dir=tmp_path / "data", context_tokens=512, max_new_tokens=68)
    made = make_generator(settings, Base(model_files.llm))
    assert isinstance(made, SwappingGenerator)
    yield made
    made.close()


class Customers:
    """Eight of them, asking again and again, each a turn of choosing and answering."""

    def __init__(self, generator: SwappingGenerator) -> None:
        self.answers: list[tuple[str, str, set[str]]] = []
        """Conversation, adapter that the turn named, and words that were said."""
        self.failures: list[FrontdeskError] = []
        self._generator = generator
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(f"customer-{n}",)) for n in range(STREAMS)]

    def __enter__(self) -> "Customers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join(SETTLE_S)

    def wait_for_more(self, answers: int = STREAMS) -> None:
        wanted = len(self.answers) + answers
        while len(self.answers) < wanted and not self.failures:
            self._enough.wait(0.05)

    def _ask(self, conversation: str) -> None:
        prompt = [ChatTurn("user", f"I am {conversation}. Which colours does the sea have?")]
        while not self._enough.is_set():
            try:
                with self._generator.turn(conversation) as turn:
                    likely = turn.choose(prompt, [" red", " ten"])
                    said = set("".join(turn.stream(prompt, max_new_tokens=6)).split())
                    said.add(WORDS[likely.index(max(likely))])
                    self.answers.append((conversation, turn.adapter_id, said))
            except FrontdeskError as error:
                self.failures.append(error)
                return


def test_promotions_and_rollbacks_under_eight_streams_drop_and_mix_no_answer(
    generator: SwappingGenerator, registry: AdapterRegistry
) -> None:
    with Customers(generator) as customers:
        customers.wait_for_more()
        for change in (lambda: registry.promote("ten"), registry.rollback):
            change()
            customers.wait_for_more(2)  # some begin while the new engine loads
            assert generator.settle(SETTLE_S)
            customers.wait_for_more()
    assert not customers.failures
    assert generator.problem is None
    assert {name for _, name, _ in customers.answers} == set(WORDS)
    assert all(said == {name} for _, name, said in customers.answers)
    with generator.turn() as turn:
        assert turn.adapter_id == "red"


def test_a_canary_under_load_answers_its_own_conversations_and_no_other(
    generator: SwappingGenerator, registry: AdapterRegistry
) -> None:
    registry.promote("ten", 50)
    assert generator.settle(SETTLE_S)
    with Customers(generator) as customers:
        customers.wait_for_more(2 * STREAMS)
    assert not customers.failures
    assert all(said == {name} for _, name, said in customers.answers)
    adapter_of = {conversation: name for conversation, name, _ in customers.answers}
    assert set(adapter_of.values()) == set(WORDS)
    assert all(adapter_of[conversation] == name for conversation, name, _ in customers.answers)


def test_a_promoted_adapter_that_was_tampered_with_leaves_the_old_one_answering(
    generator: SwappingGenerator, registry: AdapterRegistry
) -> None:
    registry.promote("ten")
    weights = registry.folder / "ten" / "adapter.gguf"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    assert generator.settle(SETTLE_S)
    assert "was changed" in str(generator.problem)
    prompt = [ChatTurn("user", "Which colours does the sea have?")]
    assert set("".join(generator.stream(prompt, max_new_tokens=8)).split()) == {"red"}

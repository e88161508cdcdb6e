"""A few customers against a real server on fakes: what is counted is what happened. No timings."""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest

from chatbot.load.questions import AskedQuestion, Mixture, free_questions, reviewed_questions
from chatbot.load.run import Load, Result, run_load
from chatbot.load.server import OwnServer
from chatbot.settings import Settings
from tests.conftest import EXAMPLES
from tests.fakes import INVOICE, FakeGenerator
from tests.web.api.conftest import Desk, MakeDesk, empty_database, make_desk, serve  # noqa: F401

INVOICES = AskedQuestion(INVOICE.question, INVOICE.answer)
RETURNS = AskedQuestion("How long can I return a Dot?")
FEW = Load(chats=4, minutes=0.05, think_s=0.2, patience_s=120)
LEASE_S = 3.0
PAUSE_S = 0.05
Serve = Callable[[Desk], str]


def loaded(url: str, load: Load = FEW, reviewed: AskedQuestion = INVOICES) -> Result:
    return asyncio.run(run_load(load, mixtures(load, reviewed), url))


def mixtures(load: Load, reviewed: AskedQuestion) -> list[Mixture]:
    """Every other customer asks reviewed questions only, the others free ones."""
    return [Mixture([reviewed], [RETURNS], n % 2, n) for n in range(load.chats)]


def test_customers_at_once_get_each_their_own_answers(make_desk: MakeDesk, serve: Serve) -> None:  # noqa: F811
    result = loaded(serve(make_desk()))
    metrics = result["metrics"]
    assert result["problems"] == []
    assert metrics["template_answers"] >= 1
    assert metrics["generated_answers"] >= 1
    assert metrics["answers"] == metrics["template_answers"] + metrics["generated_answers"] >= 4
    assert metrics["template_first_byte_p50_s"] <= metrics["template_whole_p50_s"]


def test_an_answer_to_another_question_is_a_problem(make_desk: MakeDesk, serve: Serve) -> None:  # noqa: F811
    result = loaded(serve(make_desk()), reviewed=AskedQuestion(INVOICE.question, "Quite another answer."))
    assert any("reviewed answer of another question" in problem for problem in result["problems"])


def test_a_refused_question_is_a_problem(make_desk: MakeDesk, serve: Serve) -> None:  # noqa: F811
    many = replace(FEW, chats=6)  # an address may send four times as many as a visitor
    result = loaded(serve(make_desk(messages_per_minute=1)), many)
    assert any("a question was refused: 429" in problem for problem in result["problems"])


def test_a_broken_engine_is_told_as_a_warning(make_desk: MakeDesk, serve: Serve) -> None:  # noqa: F811
    result = loaded(serve(make_desk(FakeGenerator(fails_after=0))))
    assert result["metrics"]["warnings"] >= 1


class ServerOnFakes(OwnServer):
    """The real server process around an engine that speaks slowly."""

    def command(self) -> list[str]:
        self.data_dir.mkdir(exist_ok=True)
        gate = self.data_dir / "gate"
        gate.touch()
        more = ["", str(self.data_dir), str(gate), str(LEASE_S), str(self.port), str(PAUSE_S)]
        return [sys.executable, "-m", "tests.web.api.desk_process", *more]

    async def is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                return (await client.get(f"{self.url}/openapi.json")).is_success
        except httpx.HTTPError:
            return False


def test_no_customer_loses_anything_when_the_server_is_ended_and_killed(settings: Settings) -> None:
    server = ServerOnFakes(settings)

    async def under_load() -> Result:
        await server.start()
        return await run_load(FEW, mixtures(FEW, INVOICES), server.url, server.pid, server)

    try:
        result = asyncio.run(under_load())
    finally:
        server.close()
    metrics = result["metrics"]
    assert result["problems"] == []
    assert metrics["sigterm_answers_midway"] >= 1
    assert metrics["sigkill_answers_midway"] >= 1
    assert metrics["sigterm_broken_off"] == 0  # what had begun was finished
    assert metrics["sigkill_begun_again"] >= 1
    assert metrics["streams_resumed"] >= 2 * FEW.chats
    assert metrics["rss_last_mb"] > 0


def test_the_questions_of_the_example_company_are_a_mixture_that_a_seed_fixes() -> None:
    reviewed = reviewed_questions(EXAMPLES / "faq.csv")
    free = free_questions(EXAMPLES / "questions.jsonl")
    first, again, other = (
        [mixture.next() for _ in range(20)]
        for mixture in (Mixture(reviewed, free, 0.5, seed) for seed in (1, 1, 2))
    )
    assert first == again != other
    asked = Mixture(reviewed, free, 0.5, 3)
    share = sum(bool(asked.next().reviewed) for _ in range(1000)) / 1000
    assert share == pytest.approx(0.5, abs=0.1)

"""A load of typed questions by many customers at once, and what must hold at its end."""

import asyncio
import signal
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from chatbot.bench import EXAMPLES, bench_result
from chatbot.load.customer import Customer
from chatbot.load.figures import growth, known, line, times
from chatbot.load.ledger import AskedTurn
from chatbot.load.questions import Mixture, free_questions, reviewed_questions
from chatbot.load.server import OwnServer, listening_pid, watch_memory
from chatbot.settings import Settings

Result = dict[str, Any]
_SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked.

    Attributes:
        think_s: Mean time that a customer reads and thinks between an answer and the next question.
        template_share: Part of the questions that has a reviewed answer.
        patience_s: Longest wait for an answer before it counts as lost.
    """

    chats: int = 50
    minutes: float = 5.0
    think_s: float = 10.0
    template_share: float = 0.6
    patience_s: float = 300.0
    seed: int = 0


@dataclass(slots=True)
class _Crowd:
    """The customers, and whether their server may be away just now."""

    customers: list[Customer] = field(default_factory=list)
    followers: "list[asyncio.Task[None]]" = field(default_factory=list)
    is_patient: bool = False

    def turns(self) -> list[AskedTurn]:
        """Everything that was asked."""
        return [turn for customer in self.customers for turn in customer.ledger.turns]

    async def leave(self) -> None:
        """Nobody follows any more."""
        for follower in self.followers:
            follower.cancel()
        await asyncio.gather(*self.followers, return_exceptions=True)


def measure_load(settings: Settings, load: Load, url: str = "", faults: bool = True) -> Result:
    """Runs the load against a server of its own, or the one at `url`.

    Args:
        faults: Also ends and kills the server in the middle of answers; only for a server of its own.

    Returns:
        What every bench returns, and `problems`: what was wrong, empty when all is well.

    Raises:
        FrontdeskError: The server does not start.
    """
    reviewed = reviewed_questions(EXAMPLES / "faq.csv")
    free = free_questions(EXAMPLES / "questions.jsonl")
    mixtures = [Mixture(reviewed, free, load.template_share, load.seed + n) for n in range(load.chats)]
    if url:
        return asyncio.run(run_load(load, mixtures, url.rstrip("/"), listening_pid(url)))
    server = OwnServer(settings)
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        return asyncio.run(_on_own_server(load, mixtures, server, faults))
    finally:
        signal.signal(signal.SIGTERM, before)
        server.close()


def _leave(_number: int, _frame: object) -> None:
    """Ends as after Ctrl-C, so that no server is left behind."""
    sys.exit(128 + signal.SIGTERM)


async def _on_own_server(load: Load, mixtures: Sequence[Mixture], server: OwnServer, faults: bool) -> Result:
    await server.start()
    return await run_load(load, mixtures, server.url, server.pid, server if faults else None)


async def run_load(
    load: Load, mixtures: Sequence[Mixture], url: str, pid: int = 0, server: OwnServer | None = None
) -> Result:
    """The load, one mixture of questions a chat; see `measure_load`.

    Args:
        pid: The process whose memory is looked at, if any.
        server: The server, where it is to be ended and killed in the middle of answers.
    """
    crowd, samples = _Crowd(), list[tuple[float, float]]()
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=2 * load.chats)
    async with httpx.AsyncClient(timeout=httpx.Timeout(load.patience_s), limits=limits) as client:
        watch = asyncio.create_task(watch_memory(pid, samples))
        began_s = time.monotonic()
        await asyncio.gather(*(_live(crowd, client, url, load, mixture) for mixture in mixtures))
        took_s = time.monotonic() - began_s
        watch.cancel()
        steady = crowd.turns()
        queue = line([customer.ledger for customer in crowd.customers])
        broken = await _break(crowd, server, mixtures, load) if server else {}
        await crowd.leave()
        crowd.is_patient = False
        for customer in crowd.customers:
            await customer.check_kept()
    metrics = {"chats": load.chats, "minutes": took_s / 60, "answers": len(steady)}
    metrics |= {"answers_per_s": len(steady) / took_s, **times(steady), **queue, **_memory(samples), **broken}
    return _result(metrics, crowd)


async def _live(crowd: _Crowd, client: httpx.AsyncClient, url: str, load: Load, mixture: Mixture) -> None:
    """One customer, from coming to the last answer."""
    customer = Customer(client, url, lambda: crowd.is_patient)
    crowd.customers.append(customer)
    ends_s = time.monotonic() + load.minutes * 60
    await asyncio.sleep(mixture.pause_s(load.think_s) - load.think_s / 2)  # not all at the same moment
    try:
        await customer.start()
    except httpx.HTTPError as error:
        customer.ledger.problems.append(f"no conversation could be begun: {type(error).__name__} {error}")
        return
    crowd.followers.append(asyncio.create_task(customer.follow()))
    while True:  # everybody asks at least once
        turn = await customer.ask(mixture.next())
        if turn is None or not await _answered(customer, turn, load.patience_s):
            return
        pause_s = mixture.pause_s(load.think_s)
        if time.monotonic() + pause_s >= ends_s:  # at the end itself all who think would ask at once
            return
        await asyncio.sleep(pause_s)


async def _answered(customer: Customer, turn: AskedTurn, patience_s: float) -> bool:
    return await customer.until(lambda: turn.end is not None, patience_s)


async def _break(
    crowd: _Crowd, server: OwnServer, mixtures: Sequence[Mixture], load: Load
) -> dict[str, float]:
    """Everybody asks; the server is told to end, then killed, and started again each time."""
    crowd.is_patient = True
    metrics: dict[str, float] = {}
    for number, name in ((signal.SIGTERM, "sigterm"), (signal.SIGKILL, "sigkill")):
        asking = [
            asyncio.create_task(customer.ask(mixture.free()))
            for customer, mixture in zip(crowd.customers, mixtures, strict=True)
        ]
        await _being_said(crowd, load.patience_s)
        midway = [turn for turn in crowd.turns() if turn.end is None and turn.text]
        _, took_s = await server.end(number)
        metrics[f"{name}_exit_s"] = took_s
        metrics[f"{name}_answers_midway"] = len(midway)
        metrics[f"{name}_answers_waiting"] = sum(turn.end is None for turn in crowd.turns())
        before = time.monotonic()
        await server.start()
        asked = [turn for turn in await asyncio.gather(*asking) if turn]
        for customer in crowd.customers:
            for turn in customer.ledger.turns:
                await _answered(customer, turn, load.patience_s)
        metrics[f"{name}_resumed_s"] = time.monotonic() - before
        metrics[f"{name}_begun_again"] = sum(turn.restarts > 0 for turn in asked)
        if number is signal.SIGTERM:
            metrics["sigterm_broken_off"] = sum(turn.restarts > 0 for turn in midway)
    return metrics


async def _being_said(crowd: _Crowd, patience_s: float) -> None:
    """Waits until an answer is in the middle of being told."""
    ends_s = time.monotonic() + patience_s
    while time.monotonic() < ends_s:
        if any(turn.end is None and turn.text for turn in crowd.turns()):
            return
        await asyncio.sleep(0.005)


def _memory(samples: Sequence[tuple[float, float]]) -> dict[str, float]:
    if not samples:
        return {}
    sizes = [size for _, size in samples]
    warm = sizes[len(sizes) // 3 :]
    return {
        "rss_first_mb": sizes[0],
        "rss_warm_mb": statistics.median(warm),
        "rss_last_mb": sizes[-1],
        "rss_growth": growth(samples),
    }


def _result(metrics: dict[str, float], crowd: _Crowd) -> Result:
    problems = [problem for customer in crowd.customers for problem in customer.ledger.problems]
    wrong = [
        f"turn {turn.turn_id} has the reviewed answer of another question"
        for turn in crowd.turns()
        if turn.decision == "template" and turn.question.reviewed and turn.question.reviewed not in turn.text
    ]
    metrics["problems"] = len(problems) + len(wrong)
    metrics["warnings"] = sum(len(customer.ledger.warnings) for customer in crowd.customers)
    metrics["streams_resumed"] = sum(customer.resumed for customer in crowd.customers)
    ratios = {"rss_growth": metrics.pop("rss_growth")} if "rss_growth" in metrics else {}
    return bench_result("load", known(metrics), known(ratios)) | {
        "problems": [*problems, *wrong][:_SHOWN_PROBLEMS]
    }

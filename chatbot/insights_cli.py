"""`frontdesk insights`: what past conversations tell, as tables or one JSON object."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from chatbot.cli_errors import err, readable_errors
from chatbot.errors import InputError
from chatbot.insights.period import Granularity, Period
from chatbot.settings import load_settings
from chatbot.text import how_many

_DAYS = 28
_SHOWN = 15
insights_app = typer.Typer(
    help="What past conversations tell: volume, outcomes, times, topics, moods, surges.",
    invoke_without_command=True,
)
out = Console()


@insights_app.callback()
def insights(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="First day, as 2026-03-01; 28 days ago when left out.")] = "",
    until: Annotated[str, typer.Option(help="Last day; today when left out.")] = "",
    by: Annotated[Granularity, typer.Option(help="Length of one part of the period.")] = Granularity.DAY,
    topics: Annotated[
        bool, typer.Option(help="Also topics, moods and surges, which need the embedder.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print what the conversations of a period tell; nothing is changed or sent."""
    if context.invoked_subcommand:
        return
    from chatbot.insights.report import as_json as report_as_json
    from chatbot.unanswered import unanswered_questions

    with readable_errors(), _services() as services:
        zone = services.settings.handoff.time_zone
        period = period_of(since, until, by, zone, datetime.now(UTC))
        with err.status("Reading conversations…"):
            found = report_as_json(services.insights.report(period, topics=topics))
        unanswered = [q for q in unanswered_questions(services.store.database) if period.holds(q.asked_at)]
        found["unanswered"] = len(unanswered)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        _print(found)


@insights_app.command("next-steps")
def next_steps(
    data: Annotated[Path, typer.Option(help="Folder with conversations.jsonl.")],
    limit: Annotated[int, typer.Option(min=10, help="Most conversations that are read.")] = 600,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure suggested next questions on held-out conversations, against the most frequent ones."""
    from chatbot.insights.recommend_evaluate import evaluate_next_steps

    with readable_errors(), _services() as services:
        result = evaluate_next_steps(data, services.knowledge_base().encode, limit)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return
    title = f"next steps on {result['data']}, {result['n']} cases"
    _table(title, ["measure", "value"], [(n, f"{v:.4g}") for n, v in result["metrics"].items()])


def period_of(since: str, until: str, by: Granularity, zone: str, now: datetime) -> Period:
    """From the beginning of the first day to the end of the last one, at most until now.

    Raises:
        InputError: A day cannot be read, or the last one is before the first.
    """
    there = ZoneInfo(zone)
    last = _day(until) if until else now.astimezone(there).date()
    first = _day(since) if since else last - timedelta(days=_DAYS)
    ends = datetime.combine(last + timedelta(days=1), time(), there)
    return Period(datetime.combine(first, time(), there), min(ends, now), by, zone)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError(f"`{text}` is not a day.", "Write it like 2026-03-01.") from error


@contextmanager
def _services() -> Iterator[Any]:
    from chatbot.services import Services

    services = Services(load_settings())
    try:
        yield services
    finally:
        services.close()


def _print(found: dict[str, Any]) -> None:
    resolution, volume = found["resolution"], found["volume"]
    out.print(
        f"{how_many(sum(volume['channels'].values()), '{n} message|{n} messages')} of "
        f"{how_many(volume['visitors'], '{n} customer|{n} customers')}",
        highlight=False,
    )
    _table("how it ended", ["outcome", "conversations"], list(resolution["outcomes"].items()))
    shares = [
        (name.replace("_", " "), "" if resolution[name] is None else f"{resolution[name]:.1%}")
        for name in ("resolved_surely", "resolved_at_most", "deflected", "without_a_person")
    ]
    _table("shares of what is settled", ["share", ""], shares)
    times = [
        (n, t["count"], f"{t['median_ms'] / 1000:.1f}", f"{t['p95_ms'] / 1000:.1f}")
        for n, t in found["times"].items()
        if t
    ]
    _table("times in seconds", ["what", "how often", "median", "95th percentile"], times)
    articles = [(a["title"], a["cited"], a["wrong"], a["expected"]) for a in found["misleading"]]
    _table("articles that mislead", ["article", "cited", "went wrong", "expected"], articles)
    open_questions = how_many(found["unanswered"], "{n} question|{n} questions")
    out.print(f"{open_questions} nobody could answer", highlight=False)
    if found["topics"]:
        _print_topics(found["topics"])


def _print_topics(topics: dict[str, Any]) -> None:
    surging = set(topics["surges"])
    rows = [
        (
            t["name"],
            t["count"],
            f"{t['negative_share']:.0%}",
            t["trend"],
            "surge" if t["id"] in surging else "",
        )
        for t in topics["topics"][:_SHOWN]
    ]
    _table("topics", ["topic", "messages", "negative", "trend", ""], rows)


def _table(title: str, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        return
    table = Table(*headers, title=title, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    out.print(table)

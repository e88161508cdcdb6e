"""The `frontdesk` command. Commands translate arguments and events; they hold no logic of their own."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from chatbot.accounts_cli import accounts_app
from chatbot.audit_cli import show_audit
from chatbot.backup.commands import backup, restore
from chatbot.cli_errors import err, readable_errors
from chatbot.errors import FrontdeskError, InputError
from chatbot.evaluate_cli import evaluate_app
from chatbot.insights_cli import insights_app
from chatbot.kb_cli import kb_app
from chatbot.kb_tune_cli import tune
from chatbot.keys_cli import keys_app
from chatbot.logs import start_logging
from chatbot.messages import (
    Done,
    Message,
    OptionsOffered,
    Perceived,
    Retrieved,
    StreamEvent,
    TextDelta,
    Warned,
)
from chatbot.models_cli import models_app
from chatbot.privacy_cli import privacy_app
from chatbot.settings import Settings, load_settings
from chatbot.settings_table import flat_settings
from chatbot.templates import with_options

VISITOR = "command-line"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"

cli = typer.Typer(
    help="A customer-service chatbot that reads text, screenshots and voice, and answers with citations.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
cli.add_typer(models_app, name="models", help="List, fetch, verify, export and import model files.")
bench_app = typer.Typer(help="Measure speed and memory against the bare engine.", no_args_is_help=True)
cli.add_typer(bench_app, name="bench")
cli.add_typer(kb_app, name="kb")
kb_app.command("tune")(tune)
cli.add_typer(evaluate_app, name="evaluate")
cli.add_typer(keys_app, name="keys")
cli.add_typer(insights_app, name="insights")
cli.add_typer(privacy_app, name="privacy")
cli.command()(backup)
cli.command()(restore)
cli.add_typer(accounts_app, name="accounts")
cli.command("audit")(show_audit)
out = Console()


@cli.command()
def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve the chat page."""
    from chatbot.web.server import run

    with readable_errors():
        given = {"host": host, "port": port}
        settings = load_settings(**{k: v for k, v in given.items() if v is not None})
        start_logging(settings.log_level, settings)
        run(settings, EXAMPLES, _announce, context.obj or ())  # the composition root gives more pages


def _announce(name: str, url: str) -> None:
    out.print(f"{name} is at [bold]{url}[/bold]", soft_wrap=True)


@cli.command()
def ask(
    question: Annotated[str, typer.Argument(help="What to ask; may be empty with a file.")] = "",
    image: Annotated[list[Path] | None, typer.Option(help="A screenshot; may be repeated.")] = None,
    audio: Annotated[list[Path] | None, typer.Option(help="A voice note; may be repeated.")] = None,
    conversation: Annotated[str | None, typer.Option(help="Continue this conversation.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Ask one question and print the cited answer."""
    files = [*(image or []), *(audio or [])]
    with readable_errors():
        if missing := next((path for path in files if not path.is_file()), None):
            raise InputError(f"There is no file {missing}.", "Name a screenshot or a voice note.")
        settings = load_settings()
        start_logging("warning", settings)
        with _services(settings) as services:
            message = _message(services.attachments, question, files)
            assistant = services.assistant()
            opened = conversation or services.store.create(VISITOR).id
            events = assistant.respond(message, opened, VISITOR)
            if as_json:
                sys.stdout.write(json.dumps(_answer_object(list(events)), ensure_ascii=False) + "\n")
            else:
                _print_answer(events)


@contextmanager
def _services(settings: Settings) -> Iterator[Any]:
    from chatbot.services import Services

    services = Services(settings, EXAMPLES)
    try:
        with err.status("Loading models…"):
            services.assistant()
        yield services
    finally:
        services.close()


def _message(attachments: Any, question: str, files: list[Path]) -> Message:
    taken, problems = [], []
    for path in files:
        try:
            taken.append(attachments.add(path, path.name))
        except FrontdeskError as error:
            problems.append(str(error))
    return Message(question, tuple(taken), problems=tuple(problems))


def _print_answer(events: Iterator[StreamEvent]) -> None:
    for event in events:
        match event:
            case TextDelta(text):
                out.print(text, end="", markup=False, highlight=False, soft_wrap=False)
            case Warned(text):
                err.print(text, style="yellow", markup=False, highlight=False)
            case OptionsOffered(options):
                out.print(with_options("", options), markup=False, highlight=False)
            case Done(citations=citations, conversation_id=conversation_id):
                out.print("\n")
                for c in citations:
                    out.print(f"\\[{c.number}] {c.title}  [dim]{c.url}[/dim]", highlight=False)
                out.print(f"[dim]conversation {conversation_id}[/dim]", highlight=False)


def _answer_object(events: list[StreamEvent]) -> dict[str, Any]:
    done = next(e for e in events if isinstance(e, Done))
    observation = next((e.observation for e in events if isinstance(e, Perceived)), None)
    result = next((e.result for e in events if isinstance(e, Retrieved)), None)
    return {
        "text": done.text,
        "decision": done.decision.value,
        "options": list(done.options),
        "citations": [
            {
                "number": c.number,
                "document_id": c.document_id,
                "title": c.title,
                "url": c.url,
                "quote": c.quote,
            }
            for c in done.citations
        ],
        "observation": dataclasses.asdict(observation) if observation else None,
        "retrieved": [
            {"id": c.chunk.id, "document_id": c.chunk.document_id, "score": c.score, "scores": dict(c.scores)}
            for c in (result.chunks if result else ())
        ],
        "faq": [
            {"id": m.entry.id, "phrasing": m.phrasing, "similarity": m.similarity}
            for m in (result.faq if result else ())
        ],
        "timings_ms": dict(done.timings_ms),
        "warnings": [e.message for e in events if isinstance(e, Warned)],
        "conversation_id": done.conversation_id,
    }


@cli.command("settings")
def show_settings(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print the effective settings; secrets are hidden."""
    with readable_errors():
        settings = load_settings()
    rows = list(flat_settings(settings))
    if as_json:
        sys.stdout.write(json.dumps({name: value for name, value, _ in rows}, default=str) + "\n")
        return
    values = Column("value", overflow="fold")
    table = Table(Column("setting", no_wrap=True), values, box=None, pad_edge=False)
    for name, value, _ in rows:
        table.add_row(name, str(value), end_section=False)
    out.print(table)


def run_bench(name: str, measure: Callable[[Settings], dict[str, Any]], as_json: bool) -> dict[str, Any]:
    """Measures, and prints one object or a table; returns what was measured."""
    with readable_errors():
        settings = load_settings()
        start_logging("warning", settings)
        result = measure(settings)
    if as_json:
        sys.stdout.write(json.dumps(result) + "\n")
        return result
    table = Table("measure", "value", title=f"bench {name}", box=None)
    for group in ("metrics", "ratios"):
        for key, value in result[group].items():
            table.add_row(key, f"{value:.3g}")
    out.print(table)
    return result


@bench_app.command("engine")
def bench_engine(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Frontdesk's generator against bare xllamacpp: same prompt, same model, same run."""
    from chatbot.bench import measure_engine

    run_bench("engine", measure_engine, as_json)


@bench_app.command("turn")
def bench_turn(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Whole turns: template, typed question, screenshot and voice, with memory and cold start."""
    from chatbot.bench import measure_turn

    run_bench("turn", measure_turn, as_json)


@bench_app.command("ingest")
def bench_ingest(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    articles: Annotated[int, typer.Option(min=1, help="Articles of each round, five passages each.")] = 80,
    files: Annotated[
        int, typer.Option(min=1, help="Files of the folder that is synced again without a change.")
    ] = 10_000,
) -> None:
    """Taking documents in against SentenceTransformer's `encode` and, with the extra `bench`, a LangChain pipeline."""
    from chatbot.bench_ingest import measure_ingest

    run_bench("ingest", lambda settings: measure_ingest(settings, articles, files), as_json)


@bench_app.command("search")
def bench_search(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    chunks: Annotated[int, typer.Option(min=1, help="Passages to search.")] = 100_000,
) -> None:
    """What a search of many passages adds to the question's embedding, how exact it is, and its memory."""
    from chatbot.bench_search import measure_search

    run_bench("search", lambda settings: measure_search(settings, chunks), as_json)


@bench_app.command("policy")
def bench_policy(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What policy, grounding and privacy add to a turn, stage by stage, over the example company's questions."""
    from chatbot.bench_policy import measure_policy

    run_bench("policy", measure_policy, as_json)


@bench_app.command("screen")
def bench_screen(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What a picture adds to a turn: reading, describing, seeing, the first words, memory."""
    from chatbot.bench_screen import measure_screen

    run_bench("screen", measure_screen, as_json)


@bench_app.command("swap")
def bench_swap(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """First tokens under eight streams while an adapter is changed, against the same load without a change."""
    from chatbot.bench_swap import measure_swap

    run_bench("swap", measure_swap, as_json)


@bench_app.command("launcher")
def bench_launcher(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """What the widget's launcher costs the page around it in Chromium, before anybody opens it."""
    from chatbot.bench_launcher import measure_launcher

    run_bench("launcher", measure_launcher, as_json)


@bench_app.command("load")
def bench_load(
    as_json: Annotated[bool, typer.Option("--json")] = False,
    chats: Annotated[int, typer.Option(min=1, max=1000, help="Customers at the same time.")] = 50,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long they go on asking.")] = 5.0,
    think_s: Annotated[
        float, typer.Option(min=0.0, help="Mean seconds between an answer and the next question.")
    ] = 10.0,
    url: Annotated[str, typer.Option(help="A running server; one of its own when not given.")] = "",
    faults: Annotated[
        bool, typer.Option(help="Also end and kill a server of its own while it answers.")
    ] = True,
) -> None:
    """Many customers typing at once: times, the line, memory, and that no event is lost, repeated or mixed up."""
    from chatbot.load.run import Load, measure_load

    load = Load(chats=chats, minutes=minutes, think_s=think_s)
    result = run_bench("load", lambda settings: measure_load(settings, load, url, faults), as_json)
    for problem in result["problems"]:
        err.print(problem, style="red", markup=False, highlight=False)
    if result["problems"]:
        raise typer.Exit(1)

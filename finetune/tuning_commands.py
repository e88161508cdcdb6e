"""`frontdesk finetune build|train|evaluate|run`: the stages of tuning as jobs in processes of their own."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from chatbot.cli_errors import readable_errors
from chatbot.errors import InputError
from chatbot.settings import load_settings
from finetune.data_commands import column_mapping, pairs_of, speaker_roles
from finetune.following import follow, start_and_follow
from finetune.order import Order, completed
from finetune.show import print_json
from finetune.workspace import DEFAULT_NAME, Workspace

tuning_app = typer.Typer()
out = Console()
_DEFAULT_MINUTES = 22.0
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Background = Annotated[bool, typer.Option("--background", help="Return at once; see `jobs`.")]
_Name = Annotated[str, typer.Option(help="Name of conversations and dataset.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="A setting of `finetune.`, as train.r=8; may be repeated."),
]
_Minutes = Annotated[float, typer.Option(help="Longest training, in minutes; 0 for all epochs.")]
_Questions = Annotated[int, typer.Option(help="Most held-out questions for each model.", min=1)]
_JobId = Annotated[str, typer.Argument(help="Id of the job.")]
_SHOWN_METRICS = {
    "answer_f1": "answer F1",
    "rouge_l": "ROUGE-L",
    "citation_precision": "right citations",
    "unsupported_rate": "unsupported facts",
    "refusal_recall": "right refusals",
    "wrong_refusal_rate": "wrong refusals",
    "guard_refusal_recall": "guard set: right refusals",
    "guard_wrong_refusal_rate": "guard set: wrong refusals",
    "guard_unsupported_rate": "guard set: unsupported",
    "guard_instructions": "guard set: instructions",
    "guard_template_intents": "guard set: reviewed answers",
    "tokens_per_s": "tokens per second",
}


@tuning_app.command()
def build(
    name: _Name = DEFAULT_NAME,
    settings: _Set = None,
    seed: Annotated[int, typer.Option(help="Seed of examples and split.")] = 7,
    background: _Background = False,
    as_json: _Json = False,
) -> None:
    """Make training examples of the redacted conversations and your articles."""
    arguments = {"name": name, "seed": seed, **_settings(settings)}
    if found := _do("build", arguments, background, as_json):
        _show_card(found)


@tuning_app.command()
def train(
    name: _Name = DEFAULT_NAME,
    minutes: _Minutes = _DEFAULT_MINUTES,
    settings: _Set = None,
    background: _Background = False,
    as_json: _Json = False,
) -> None:
    """Train an adapter on the dataset; refused beforehand when it cannot fit."""
    arguments = {"name": name, "minutes": minutes or None, **_settings(settings)}
    if found := _do("train", arguments, background, as_json):
        out.print(found["message"], highlight=False)


@tuning_app.command()
def evaluate(
    name: _Name = DEFAULT_NAME,
    adapter: Annotated[str, typer.Option(help="Id of the run; the newest one when not given.")] = "",
    questions: _Questions = 60,
    background: _Background = False,
    as_json: _Json = False,
) -> None:
    """Compare the newest run with the serving adapter and the bare base; register it with its gate."""
    arguments = {"name": name, "questions": questions, **({"adapter": adapter} if adapter else {})}
    if found := _do("evaluate", arguments, background, as_json):
        show_proof(found)


@tuning_app.command()
def run(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Transcripts; those imported before when not given.")
    ] = None,
    name: _Name = DEFAULT_NAME,
    column: Annotated[
        list[str] | None, typer.Option("--map", help="Column of a table, as FIELD=COLUMN; may be repeated.")
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", help="Who a speaker is, as NAME=ROLE (customer, agent, system); may be repeated."
        ),
    ] = None,
    domain: Annotated[
        list[str] | None, typer.Option(help="E-mail domain of your agents; may be repeated.")
    ] = None,
    minutes: _Minutes = _DEFAULT_MINUTES,
    questions: _Questions = 60,
    settings: _Set = None,
    background: _Background = False,
    as_json: _Json = False,
) -> None:
    """Import, redact, build, train, evaluate and register; stops before promotion."""
    with readable_errors():
        mapping = column_mapping(column)
        arguments = {
            "name": name,
            "files": [str(path.absolute()) for path in files or ()],
            "mapping": {k: v for k, v in asdict(mapping).items() if v} if mapping else {},
            "roles": speaker_roles(role),
            "domains": list(domain or ()),
            "minutes": minutes or None,
            "questions": questions,
            **_settings(settings),
        }
    if found := _do("run", arguments, background, as_json):
        show_proof(found)


@tuning_app.command("jobs")
def list_jobs(as_json: _Json = False) -> None:
    """List background jobs, newest first."""
    with readable_errors():
        found = Workspace.of(load_settings()).jobs.list()
    if as_json:
        print_json({"jobs": [asdict(one) for one in found]})
        return
    for one in found:
        share = f" {one.done}/{one.total}" if one.total and one.state.is_live else ""
        out.print(f"[bold]{one.id}[/bold]  {one.state.value}", highlight=False)
        told = one.error or one.message
        out.print(f"  {one.stage}{share}{': ' if told else ''}{told}", markup=False, highlight=False)
    if not found:
        out.print("There are no jobs.")


@tuning_app.command()
def resume(job_id: _JobId, background: _Background = False, as_json: _Json = False) -> None:
    """Let an interrupted, cancelled or failed job go on where it was."""
    with readable_errors():
        jobs = Workspace.of(load_settings()).jobs
        resumed = jobs.resume(job_id)
        found: dict[str, Any] = {"job": job_id, "state": resumed.state.value}
        if not background:
            found = follow(jobs, job_id)
    if as_json:
        print_json(found)
    elif "metrics" in found:
        show_proof(found)
    else:
        out.print(found.get("message") or f"{job_id} is {found['state']}.", highlight=False)


@tuning_app.command()
def cancel(job_id: _JobId, as_json: _Json = False) -> None:
    """Stop a job at its next step; asked twice, at once. What is done is kept."""
    with readable_errors():
        status = Workspace.of(load_settings()).jobs.cancel(job_id)
    if as_json:
        print_json(asdict(status))
    else:
        state = "stopping" if status.state.is_live else status.state.value
        out.print(f"{job_id} is {state}.", highlight=False)


def _do(kind: str, arguments: dict[str, Any], background: bool, as_json: bool) -> dict[str, Any] | None:
    """The result of a job, to be shown; None when it was printed as JSON or goes on in the background."""
    with readable_errors():
        loaded = load_settings()
        arguments = completed(arguments, loaded)
        checked = {name: value for name, value in arguments.items() if name != "adapter"}
        Order.of(checked, loaded.company_name)  # says what is wrong before a process is started
        jobs = Workspace.of(loaded).jobs
        found = start_and_follow(jobs, kind, arguments, background=background, as_json=as_json)
    if found is not None and as_json:
        print_json(found)
        return None
    return found


def _settings(given: Iterable[str] | None) -> dict[str, dict[str, Any]]:
    with readable_errors():
        parts: dict[str, dict[str, Any]] = {"dataset": {}, "train": {}}
        for name, value in pairs_of(given, None, "--set").items():
            group, dot, field = name.partition(".")
            if not dot or group not in parts:
                raise InputError(f"--set got {name!r}.", "Begin the name with `train.` or `dataset.`.")
            parts[group][field] = value_of(value)
    return parts


def value_of(text: str) -> Any:
    """A value as it is given on the command line: JSON where it is that, else text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _show_card(card: dict[str, Any]) -> None:
    kinds = sorted({kind for part in card["statistics"].values() for kind in part.get("kinds", {})})
    parts = [part for part, count in card["examples"].items() if count]
    table = Table("examples", *parts, box=None)
    for kind in kinds:
        counts = (card["statistics"][part]["kinds"].get(kind, 0) for part in parts)
        table.add_row(kind, *(f"{count:,}" for count in counts))
    out.print(table)
    for why, count in card.get("dropped", {}).items():
        out.print(f"{count:,} replies were left out: {why}", highlight=False)
    out.print(card["message"], highlight=False)


def show_proof(found: dict[str, Any]) -> None:
    """Prints what `evaluate` and `run` found, so that it fits a narrow terminal."""
    names = list(found["metrics"])
    for number, name in enumerate(names, 1):
        out.print(f"{number} = {name}", highlight=False)
    table = Table("", *map(str, range(1, len(names) + 1)), box=None, pad_edge=False)
    for metric, said in _SHOWN_METRICS.items():
        cells = [_cell(found["metrics"][name].get(metric)) for name in names]
        if any(cells):
            table.add_row(said, *cells)
    out.print(table)
    out.print(
        f"{found['questions']} held-out questions; below each figure its 95 % interval.", highlight=False
    )
    out.print("The answers side by side:", highlight=False)
    out.print(found["side_by_side"], highlight=False, soft_wrap=True)
    style = "green" if found["gate"]["passed"] else "yellow"
    out.print(found["message"], style=style, highlight=False, markup=False)


def _cell(figure: dict[str, float] | None) -> str:
    if figure is None:
        return ""
    if "low" not in figure:
        return f"{figure['mean']:.0f}"
    return f"{figure['mean']:.2f}\n[dim]{figure['low']:.2f}–{figure['high']:.2f}[/dim]"

"""`frontdesk finetune import` and `redact`: from files of transcripts to conversations that may be learnt from."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from chatbot.cli_errors import readable_errors
from chatbot.errors import InputError
from chatbot.settings import Settings, load_settings
from finetune.forgotten import Forgotten
from finetune.hearing import Hearing
from finetune.show import print_json
from finetune.transcripts import ColumnMapping, ImportReport, ReadOptions, import_transcripts
from finetune.workspace import Workspace

data_app = typer.Typer()
out, err = Console(), Console(stderr=True)
_SHOWN_DROPS = 10
_JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Out = Annotated[Path | None, typer.Option("--out", help="File to write; in the data folder when not given.")]


def imported_path(settings: Settings) -> Path:
    """Where imported conversations lie unless a command says otherwise. They hold personal data."""
    return Workspace.of(settings).imported()


def redacted_path(settings: Settings) -> Path:
    """Where redacted conversations lie unless a command says otherwise."""
    return Workspace.of(settings).redacted()


@data_app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="Transcripts: JSONL, CSV, XLSX, mbox, ZIP, exports…")],
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
    to: _Out = None,
    as_json: _JSON = False,
) -> None:
    """Read transcripts of any common kind and say what was dropped, and why."""
    with readable_errors():
        settings = load_settings()
        options = ReadOptions(
            mapping=column_mapping(column),
            roles=speaker_roles(role),
            company_domains=tuple(domain or ()),
            transcribe=Hearing(settings),
        )
        target = to or imported_path(settings)
        with err.status("Reading…") as status:
            report = import_transcripts(
                files,
                target,
                options,
                lambda label, n: status.update(f"Reading {label}: {n:,}"),
                leave_out=Forgotten(settings.data_dir),
            )
    if as_json:
        print_json({**report.as_record(), "out": str(target)})
    else:
        _show_import(report, target)
    if not report.conversations:
        raise typer.Exit(1)


@data_app.command()
def redact(
    source: Annotated[Path | None, typer.Argument(help="Imported conversations.")] = None,
    terms: Annotated[
        Path | None, typer.Option(help="JSON file with a reviewer's `mask` and `keep` lists.")
    ] = None,
    to: _Out = None,
    as_json: _JSON = False,
) -> None:
    """Mask personal data; only what went through here is ever trained on."""
    from finetune.redact import redact_file, redaction_from_settings

    with readable_errors():
        settings = load_settings()
        target = to or redacted_path(settings)
        redaction = redaction_from_settings(settings, terms)
        with err.status("Masking…") as status:
            report = redact_file(
                source or imported_path(settings),
                target,
                redaction,
                lambda n: status.update(f"Masking: {n:,} conversations"),
            )
    if as_json:
        print_json({**report.as_record(), "out": str(target)})
        return
    out.print(
        f"{report.conversations:,} conversations, {report.affected:,} with personal data → {target}",
        highlight=False,
    )
    _counts("masked", report.masked)


def _show_import(report: ImportReport, target: Path) -> None:
    out.print(
        f"{report.conversations:,} conversations with {report.turns:,} turns → {target}", highlight=False
    )
    _counts("dropped because", report.reasons)
    for dropped in report.dropped[:_SHOWN_DROPS]:
        err.print(
            f"{dropped.source}:{dropped.line}: {dropped.why}", style="yellow", markup=False, highlight=False
        )


def _counts(title: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    table = Table(title, "how often", box=None)
    for name, count in sorted(counts.items(), key=lambda pair: -pair[1]):
        table.add_row(name, f"{count:,}")
    out.print(table)


def column_mapping(given: Iterable[str] | None) -> ColumnMapping | None:
    """The columns in `--map FIELD=COLUMN`; None when there are none."""
    pairs = pairs_of(given, ColumnMapping.__dataclass_fields__, "--map")
    return ColumnMapping(**pairs) if pairs else None


def speaker_roles(given: Iterable[str] | None) -> dict[str, Any]:
    """Who is who, in `--role NAME=ROLE`."""
    pairs = pairs_of(given, None, "--role")
    if wrong := sorted(set(pairs.values()) - {"customer", "agent", "system"}):
        raise InputError(f"--role got {wrong[0]!r}.", "A speaker is `customer`, `agent` or `system`.")
    return {name.lower(): role for name, role in pairs.items()}


def pairs_of(given: Iterable[str] | None, known: Mapping[str, Any] | None, option: str) -> dict[str, str]:
    """NAME and VALUE of each `NAME=VALUE`.

    Raises:
        InputError: One is written in another way, or its name is unknown.
    """
    pairs = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name or not value or (known is not None and name not in known):
            names = f" NAME is one of {', '.join(known)}." if known is not None else ""
            raise InputError(f"{option} got {text!r}.", f"Write it as NAME=VALUE.{names}")
        pairs[name] = value
    return pairs

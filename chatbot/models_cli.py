"""`frontdesk models`: list, fetch, verify, export and import."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from chatbot.errors import FrontdeskError
from chatbot.models import ModelStore
from chatbot.settings import load_settings

models_app = typer.Typer(no_args_is_help=True)
out, err = Console(), Console(stderr=True)


@contextmanager
def _store() -> Iterator[ModelStore]:
    try:
        settings = load_settings()
        yield ModelStore(settings.models_path, offline=settings.offline)
    except FrontdeskError as error:
        err.print(error.message, style="red", markup=False, highlight=False)
        if error.hint:
            err.print(error.hint, markup=False, highlight=False)
        raise typer.Exit(1) from error


@models_app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """Show what can be fetched and what is here."""
    with _store() as store:
        states = store.states()
    if as_json:
        rows = [
            {
                "name": s.model.name,
                "purpose": s.model.purpose.value,
                "licence": s.model.licence,
                "default": s.model.is_default,
                "present": s.is_present,
                "download_bytes": s.model.download_bytes,
                "size_bytes": s.size_bytes,
                "folder": str(s.folder),
            }
            for s in states
        ]
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    table = Table("model", "here", "MB", "licence", box=None, pad_edge=False)
    for s in states:
        here = "yes" if s.is_present else "no"
        table.add_row(s.model.name, here, f"{s.model.download_bytes / 1e6:.0f}", s.model.licence)
    out.print(table)


@models_app.command()
def fetch(
    names: Annotated[list[str] | None, typer.Argument(help="Catalogue names.")] = None,
    default: Annotated[bool, typer.Option("--default", help="The models the first start needs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Download again what is here.")] = False,
) -> None:
    """Download and verify models."""
    with _store() as store:
        wanted = list(names or []) + (store.default_names if default or not names else [])
        columns = (
            TextColumn("{task.description}"), BarColumn(bar_width=None), DownloadColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=err) as bars:
            for name in dict.fromkeys(wanted):
                _fetch_one(store, name, force, bars)


def _fetch_one(store: ModelStore, name: str, force: bool, bars: Progress) -> None:
    task: TaskID = bars.add_task(name, total=None)

    def tell(_name: str, done_bytes: int, total_bytes: int) -> None:
        bars.update(task, completed=done_bytes, total=total_bytes)

    folder = store.fetch(name, force=force, progress=tell)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    bars.update(task, completed=size, total=size)


@models_app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Catalogue names; all that are here if none.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Hash the files again; exit code 1 if any differs."""
    with _store() as store:
        wanted = names or [s.model.name for s in store.states() if s.is_present]
        problems: dict[str, str] = {}
        for name in wanted:
            try:
                store.verify(name)
            except FrontdeskError as error:
                problems[name] = str(error)
    if as_json:
        sys.stdout.write(json.dumps({name: problems.get(name, "ok") for name in wanted}) + "\n")
    else:
        for name in wanted:
            out.print(f"{name}: {problems.get(name, 'ok')}", highlight=False, markup=False)
    if problems:
        raise typer.Exit(1)


@models_app.command()
def export(
    archive: Annotated[Path, typer.Argument(help="The tar file to write.")],
    names: Annotated[
        list[str] | None, typer.Argument(help="Catalogue names; all that are here if none.")
    ] = None,
) -> None:
    """Write models into one file for a machine without a network."""
    with _store() as store:
        chosen = names or [s.model.name for s in store.states() if s.is_present]
        store.export(chosen, archive)
        out.print(f"wrote {', '.join(chosen)} to {archive}", highlight=False)


@models_app.command("import")
def import_models(archive: Annotated[Path, typer.Argument(help="A file written by `export`.")]) -> None:
    """Take models out of an exported file."""
    with _store() as store:
        out.print(f"took in {', '.join(store.import_archive(archive))}", highlight=False)

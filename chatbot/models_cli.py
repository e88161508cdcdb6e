"""`frontdesk models`: list, fetch, verify, export and import."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from chatbot.errors import FrontdeskError
from chatbot.models import ModelState, ModelStore
from chatbot.settings import load_settings

models_app = typer.Typer(no_args_is_help=True)
out, err = Console(), Console(stderr=True)
_WIDE_COLUMNS = 100

Names = Annotated[list[str] | None, typer.Argument(help="Catalogue names; all that are here if none.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]


@contextmanager
def _store() -> Iterator[ModelStore]:
    try:
        settings = load_settings()
        yield ModelStore(settings.models_path, offline=settings.offline)
    except FrontdeskError as error:
        _show(error)
        raise typer.Exit(1) from error


def _show(error: FrontdeskError) -> None:
    err.print(error.message, style="red", markup=False, highlight=False)
    if error.hint:
        err.print(error.hint, markup=False, highlight=False)


def _present(store: ModelStore) -> list[str]:
    return [state.model.name for state in store.states() if state.is_present]


@models_app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Show what can be fetched and what is here."""
    with _store() as store:
        states = store.states()
    if as_json:
        sys.stdout.write(json.dumps([_row(state) for state in states]) + "\n")
        return
    out.print(_table(states, with_summary=out.width >= _WIDE_COLUMNS))


def _table(states: list[ModelState], *, with_summary: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("model", no_wrap=True)
    table.add_column("here", no_wrap=True)
    table.add_column("MB", no_wrap=True, justify="right")
    for heading in ("what it is", "licence") if with_summary else ("licence",):
        table.add_column(heading)
    for state in states:
        model, here = state.model, "yes" if state.is_present else "no"
        texts = (model.summary, model.licence) if with_summary else (model.licence,)
        table.add_row(model.name, here, f"{model.download_bytes / 1e6:.0f}", *texts)
    return table


def _row(state: ModelState) -> dict[str, str | int | bool]:
    return {
        "name": state.model.name,
        "purpose": state.model.purpose.value,
        "summary": state.model.summary,
        "licence": state.model.licence,
        "default": state.model.is_default,
        "present": state.is_present,
        "download_bytes": state.model.download_bytes,
        "size_bytes": state.size_bytes,
        "folder": str(state.folder),
    }


@models_app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Catalogue names; the default set if none.")
    ] = None,
    default: Annotated[bool, typer.Option("--default", help="The models the first start needs.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Download again what is here.")] = False,
) -> None:
    """Download and verify models."""
    with _store() as store:
        wanted = [*(names or []), *(store.default_names if default or not names else [])]
        for name in wanted:
            store.model(name)
        columns = (
            TextColumn("{task.description}"), BarColumn(bar_width=None), DownloadColumn(), TimeRemainingColumn(),
        )  # fmt: skip
        with Progress(*columns, console=err) as bars:
            for name in dict.fromkeys(wanted):
                _fetch_one(store, name, force, bars)


def _fetch_one(store: ModelStore, name: str, force: bool, bars: Progress) -> None:
    total = store.model(name).download_bytes
    task = bars.add_task(name, total=total)

    def tell(_name: str, done_bytes: int, _total_bytes: int) -> None:
        bars.update(task, completed=done_bytes)

    store.fetch(name, force=force, progress=tell)
    bars.update(task, completed=total)


@models_app.command()
def verify(names: Names = None, as_json: AsJson = False) -> None:
    """Hash the files again; exit code 1 if any differs."""
    with _store() as store:
        wanted = names or _present(store)
        problems = {name: error for name in wanted if (error := _problem(store, name))}
    if as_json:
        sys.stdout.write(json.dumps({name: str(problems.get(name, "ok")) for name in wanted}) + "\n")
    else:
        for name in wanted:
            out.print(f"{name}: {'not usable' if name in problems else 'ok'}", highlight=False, markup=False)
        for error in problems.values():
            _show(error)
    if problems:
        raise typer.Exit(1)


def _problem(store: ModelStore, name: str) -> FrontdeskError | None:
    try:
        store.verify(name)
    except FrontdeskError as error:
        return error
    return None


@models_app.command()
def export(
    archive: Annotated[Path, typer.Argument(help="The tar file to write.")], names: Names = None
) -> None:
    """Write models into one file for a machine without a network."""
    with _store() as store:
        chosen = list(dict.fromkeys(names or _present(store)))
        if not chosen:
            raise FrontdeskError("There are no models here to export.", "Run `frontdesk models fetch` first.")
        store.export(chosen, archive)
        out.print(f"wrote {', '.join(chosen)} to {archive}", highlight=False, markup=False)


@models_app.command("import")
def import_models(archive: Annotated[Path, typer.Argument(help="A file written by `export`.")]) -> None:
    """Take models out of an exported file."""
    with _store() as store:
        out.print(f"took in {', '.join(store.import_archive(archive))}", highlight=False, markup=False)

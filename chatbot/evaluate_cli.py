"""`frontdesk evaluate …`: quality measured on annotated data, one JSON object or a small table."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from chatbot.cli_errors import readable_errors
from chatbot.settings import load_settings

evaluate_app = typer.Typer(help="Measure quality on annotated data.", no_args_is_help=True)
out = Console()


@evaluate_app.callback()
def _evaluate() -> None:
    """Keeps `privacy` a command of its own while it is the only one."""


@evaluate_app.command("privacy")
def evaluate_privacy(
    data: Annotated[Path, typer.Option(help="Folder with sentences.jsonl or turns.jsonl.")],
    first: Annotated[int, typer.Option(min=0, help="Row to begin with.")] = 0,
    last: Annotated[int | None, typer.Option(min=0, help="Row to stop before.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Recall and precision of masking personal data."""
    from chatbot.privacy import redactor_from_settings
    from chatbot.privacy.evaluate import evaluate_privacy as measure

    with readable_errors():
        result = measure(data, redactor_from_settings(load_settings()), first=first, last=last)
    _show(result, as_json)


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        return
    table = Table(
        "measure", "value", title=f"{result['task']} on {result['data']}, {result['n']} rows", box=None
    )
    for name, value in result["metrics"].items():
        table.add_row(name, f"{value:.4g}")
    out.print(table)

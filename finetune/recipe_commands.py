"""`frontdesk finetune recipe`: makes the shipped adapter again, or one like it, from data."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from chatbot.cli_errors import readable_errors
from chatbot.settings import load_settings
from finetune.show import print_json

recipe_app = typer.Typer()
err = Console(stderr=True)


@recipe_app.command()
def recipe(
    name: Annotated[str, typer.Argument(help="Recipe that comes with Frontdesk.")] = "support-en",
    data: Annotated[Path, typer.Option(help="Folder with the recipe's data.")] = Path("data"),
    work: Annotated[Path, typer.Option(help="Folder for what is in between.")] = Path("adapter-work"),
    to: Annotated[Path, typer.Option("--out", help="Folder of the adapter.")] = Path("adapter"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make an adapter: examples, training, refusal threshold, measurement. Goes on where it was killed."""
    from finetune.make_adapter import make_adapter_from_settings

    with readable_errors(), Progress(console=err) as shown:
        manifest = make_adapter_from_settings(name, data, work, to, load_settings(), _Bars(shown).tell)
    if as_json:
        threshold, metrics = manifest.refusal_threshold, dict(manifest.metrics)
        print_json({"id": manifest.id, "refusal_threshold": threshold, "metrics": metrics})
    else:
        err.print(f"The adapter {manifest.id} is in {to}.", highlight=False)


class _Bars:
    """One progress bar for each stage."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._bars: dict[str, TaskID] = {}

    def tell(self, name: str, done: int, total: int) -> None:
        if name not in self._bars:
            self._bars[name] = self._shown.add_task(name)
        self._shown.update(self._bars[name], completed=done, total=total)

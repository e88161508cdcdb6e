"""`frontdesk finetune vision-data`: draws the screens that the vision adapter is trained and measured on."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from chatbot.cli_errors import readable_errors
from finetune.show import print_json

vision_data_app = typer.Typer()
err = Console(stderr=True)


@vision_data_app.command("vision-data")
def vision_data(
    to: Annotated[Path, typer.Option("--out", help="Folder for the images and screens.jsonl.")],
    count: Annotated[int, typer.Option(min=15, help="How many screens.")] = 3_000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same screens.")] = 1,
    screenshots: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Folder of screenshot sets; the labelled ones are added."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Draw support screens with exact truth in Chromium. Goes on where it was killed."""
    from finetune.vision_data import generate_screens

    with readable_errors(), Progress(console=err) as shown:
        bar = shown.add_task("Drawing", total=count)
        path = generate_screens(
            to, count, seed, lambda done, _: shown.update(bar, completed=done), screenshots
        )
    if as_json:
        print_json({"screens": count, "seed": seed, "out": str(path)})
    else:
        err.print(f"{count:,} screens → {path}", highlight=False)

"""`frontdesk finetune vision`: trains the projector on screens, in the foreground; started again, it goes on."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from chatbot.cli_errors import readable_errors
from chatbot.errors import InputError
from chatbot.settings import load_settings
from finetune.data_commands import pairs_of
from finetune.run import TrainProgress
from finetune.settings import VisionTrainSettings
from finetune.show import print_json
from finetune.tuning_commands import value_of

vision_app = typer.Typer()
err = Console(stderr=True)


@vision_app.command()
def vision(
    data: Annotated[Path, typer.Option(help="Folder with screens.jsonl and images.")],
    to: Annotated[Path, typer.Option("--out", help="Folder of the projector.")] = Path("projector"),
    texts: Annotated[
        Path | None,
        typer.Option(
            exists=True, file_okay=False, help="Dataset of answers from passages to learn beside the screens."
        ),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option("--from", exists=True, file_okay=False, help="Folder of a projector to go on from."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of `finetune.vision.`, as stage=projector; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Train the projector, through which the language model sees screens. Goes on where it was killed."""
    from finetune.projector import default_models, train_projector

    with readable_errors(), Progress(console=err) as shown:
        chosen = _chosen(load_settings().finetune.vision, settings)
        bars = _Bars(shown)
        found = train_projector(
            data,
            to,
            chosen,
            default_models(),
            texts=texts,
            start=start,
            progress=bars.trained,
            tell=bars.prepared,
        )
    if as_json:
        print_json({**asdict(found), "folder": str(found.folder)})
    else:
        err.print(
            f"The projector is in {to}; its held-out loss is {found.validation_loss:.3f}.", highlight=False
        )


def _chosen(usual: VisionTrainSettings, given: list[str] | None) -> VisionTrainSettings:
    from pydantic import ValidationError

    values: dict[str, Any] = {name: value_of(text) for name, text in pairs_of(given, None, "--set").items()}
    try:
        return VisionTrainSettings.model_validate({**usual.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--set {'.'.join(map(str, first['loc']))}: {first['msg']}.") from error


class _Bars:
    """One bar for each preparation, and one for the training with its figures."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._bars: dict[str, TaskID] = {}

    def prepared(self, name: str, done: int, total: int) -> None:
        self._bar(name.split(" ")[0], total, name, done)

    def trained(self, told: TrainProgress) -> None:
        held = f", held out {told.validation_loss:.3f}" if told.validation_loss is not None else ""
        self._bar("training", told.steps, f"training, loss {told.loss:.3f}{held}", told.step)

    def _bar(self, name: str, total: int, words: str, done: int) -> None:
        if name not in self._bars:
            self._bars[name] = self._shown.add_task(name, total=total)
        self._shown.update(self._bars[name], completed=done, description=words)

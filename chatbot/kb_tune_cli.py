"""`frontdesk kb tune`: the embedder fitted to the company's own content."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from chatbot.audit_cli import record_command
from chatbot.cli_errors import readable_errors
from chatbot.kb_cli import AsJson, out, print_json, progress
from chatbot.logs import start_logging
from chatbot.settings import load_settings
from knowledge_base.tuning.train import Recipe

if TYPE_CHECKING:
    from knowledge_base.tuning.tune import Tuned

_RECIPE = Recipe()


def tune(
    epochs: Annotated[int, typer.Option(min=1, max=50, help="Rounds over all pairs.")] = _RECIPE.epochs,
    learning_rate: Annotated[
        float, typer.Option(min=1e-7, max=1e-2, help="Highest learning rate.")
    ] = _RECIPE.learning_rate,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = _RECIPE.seed,
    measure_only: Annotated[bool, typer.Option("--measure-only", help="Keep nothing, only say.")] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Use the configured embedder again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Fit the embedder to FAQ phrasings, headings and accepted answers; keep it only if held-out questions gain."""
    from chatbot.embedder_tuning import tune_embedder, undo_tuning

    with readable_errors():
        settings = load_settings()
        start_logging("warning", settings)
        recipe = dataclasses.replace(_RECIPE, epochs=epochs, learning_rate=learning_rate, seed=seed)
        with progress(as_json) as told:
            tuned = None if undo else tune_embedder(settings, recipe, use=not measure_only, progress=told)
            if undo:
                undo_tuning(settings, told)
        if undo:
            record_command(settings, "embedder-tuning-undone")
        elif tuned and tuned.folder:
            record_command(settings, "embedder-tuned", tuned.folder.name)
    if tuned is None:
        return (
            print_json({"undone": True}) if as_json else out.print("Restart the server to search as before.")
        )
    return print_json(_object(tuned)) if as_json else _print(tuned)


def _object(tuned: "Tuned") -> dict[str, object]:
    return {
        "kept": tuned.folder is not None,
        "embedder": tuned.folder.name if tuned.folder else None,
        "pairs": tuned.pairs,
        "questions": tuned.questions,
        "metrics": {name: dataclasses.asdict(figure) for name, figure in tuned.figures.items()},
        "reason": tuned.reason,
    }


def _print(tuned: "Tuned") -> None:
    out.print(
        f"{tuned.pairs} pairs learnt from, {tuned.questions} held-out questions asked.", highlight=False
    )
    table = Table("", "before", "after", "difference, 95 %", box=None, pad_edge=False)
    for name, figure in tuned.figures.items():
        gain = f"{figure.low:+.3f} to {figure.high:+.3f}"
        table.add_row(name, f"{figure.before:.3f}", f"{figure.after:.3f}", gain)
    out.print(table)
    out.print(tuned.reason, markup=False, highlight=False)
    if tuned.folder:
        out.print("Restart the server to search with it; `--undo` takes it back.", highlight=False)

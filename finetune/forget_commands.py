"""`frontdesk finetune forget`: erasure, and training without what was forgotten."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console

from chatbot.audit_cli import record_command
from chatbot.cli_errors import readable_errors
from chatbot.settings import load_settings
from finetune.show import print_json
from finetune.workspace import Workspace

forget_app = typer.Typer()
out = Console()


@forget_app.command()
def forget(
    identity: Annotated[str, typer.Argument(help="Id of a conversation or customer, as its source has it.")],
    retrain: Annotated[bool, typer.Option(help="Queue training without them.")] = True,
    minutes: Annotated[
        float | None,
        typer.Option(help="Longest training, in minutes; 0 for all epochs; as before when not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Remove a conversation or customer, mark the adapters trained on them, and train again without."""
    from chatbot.store import ConversationStore
    from finetune import retraining
    from finetune.forget import forget as erase

    with readable_errors():
        settings = load_settings()
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        store = ConversationStore(settings.database_address, settings.attachments_path)
        try:
            erased = erase(identity, settings.data_dir, store)
        finally:
            store.close()
        record_command(  # whose they were is forgotten too
            settings,
            "conversations-forgotten",
            stored=erased.stored,
            imported=erased.imported,
            adapters=len(erased.adapters),
        )
        workspace = Workspace.of(settings)
        again = {} if minutes is None else {"minutes": minutes or None}
        queued = retraining.queue(workspace, settings, workspace.jobs, **again) if retrain else []
        retraining.forget_notes(workspace)
    if as_json:
        print_json({**asdict(erased), "found": erased.found_anything, "retrain_jobs": queued})
        return
    for line in _told_of_erasure(erased, queued):
        out.print(line, highlight=False)


def _told_of_erasure(erased: Any, queued: list[str]) -> Iterable[str]:
    if erased.uploads:
        yield f"Removed {erased.uploads} uploads that waited for their import; add them again on the page."
    if not erased.found_anything:
        yield "Nothing of them is here. Should a file that holds them be imported, they are left out."
        return
    yield (
        f"Removed {erased.imported} imported, {erased.redacted} redacted and {erased.stored} stored conversations, "
        f"and {erased.attachments} files that were attached to these."
    )
    for said, names in (
        ("Removed the blind tests", erased.blind_tests),
        ("Removed the datasets", erased.datasets),
        ("Removed the training runs", erased.runs),
        ("Marked, and no longer promoted, the adapters", erased.adapters),
        ("Cancelled the jobs", erased.stopped_jobs),
        ("Queued training without them:", queued),
    ):
        if names:
            yield f"{said} {', '.join(names)}."
    yield "Files outside of the data folder are as they were; what is forgotten is left out when they are imported."

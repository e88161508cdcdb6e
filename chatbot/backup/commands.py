"""`frontdesk backup` and `frontdesk restore`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from chatbot.backup.parts import Part
from chatbot.cli_errors import err, readable_errors
from chatbot.settings import load_settings

out = Console()


def backup(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not be there.")],
    leave_out: Annotated[
        list[Part] | None, typer.Option(help="A part to leave out; may be repeated.")
    ] = None,
    secrets: Annotated[
        bool,
        typer.Option("--secrets", help="Also accounts, API keys and what signs tokens. Keep the file safe."),
    ] = False,
) -> None:
    """Write database, attachments, knowledge base, adapters and tuning data to one file; the server goes on."""
    from chatbot.backup.take import take_backup

    with readable_errors():
        with err.status("Backing up…"):
            manifest = take_backup(load_settings(), file, leave_out or (), secrets=secrets)
        out.print(
            f"{file}: {len(manifest.members)} files of {', '.join(manifest.parts)}.",
            highlight=False,
            markup=False,
        )


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `frontdesk backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Check a backup and put it in place; stop the server first."""
    from chatbot.backup.restore import restore_backup

    with readable_errors():
        with err.status("Restoring…"):
            manifest = restore_backup(load_settings(), file, force=force)
        out.print(
            f"Restored {', '.join(manifest.parts)} of {manifest.made_at[:19]} UTC.",
            highlight=False,
            markup=False,
        )

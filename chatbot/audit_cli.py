"""`frontdesk audit`, and how the other commands write what they did into the log."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from chatbot.cli_errors import readable_errors
from chatbot.settings import Settings, load_settings


def show_audit(
    since: Annotated[
        datetime | None,
        typer.Option(help="From this time on, in UTC.", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]),
    ] = None,
) -> None:
    """Print who signed in and changed what, oldest first, one JSON object a line."""
    from chatbot.audit import AuditLog
    from chatbot.services import Services

    with readable_errors():
        services = Services(load_settings())
        try:
            for entry in AuditLog(services.store.database).entries(since and since.replace(tzinfo=UTC)):
                fields = {**asdict(entry), "at": entry.at.isoformat()}
                sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
        finally:
            services.close()


def record_command(settings: Settings, action: str, target: str = "", **details: str | float | bool) -> None:
    """Writes down what a command did.

    Raises:
        StorageError: It cannot be kept.
    """
    from chatbot.audit import COMMAND_LINE, AuditLog
    from chatbot.database import Database

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database_address)
    try:
        AuditLog(database).record(COMMAND_LINE, action, target, **details)
    finally:
        database.close()

"""`frontdesk privacy`: what is kept of customers, handed over and erased."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from chatbot.audit_cli import record_command
from chatbot.cli_errors import readable_errors
from chatbot.errors import InputError
from chatbot.settings import Settings, load_settings

if TYPE_CHECKING:
    from chatbot.store import ConversationStore

privacy_app = typer.Typer(help="Hand over and erase what is kept of customers.", no_args_is_help=True)
out = Console()


@privacy_app.command("export")
def export_data(
    identity: Annotated[str, typer.Argument(help="Id of a conversation, or of a visitor for all of theirs.")],
    file: Annotated[Path, typer.Argument(help="ZIP file to write.")],
) -> None:
    """Write the conversations, ratings, tickets and files of one customer."""
    from chatbot.customer_data import export_customer
    from knowledge_base.atomic import private_file_atomically

    with readable_errors(), _store() as (settings, store):
        with private_file_atomically(file) as made:
            exported = export_customer(store, identity.strip(), settings.attachments_path, made)
        record_command(settings, "customer-exported", conversations=exported.conversations)
    out.print(
        f"Wrote {exported.conversations} conversations, {exported.tickets} tickets, {exported.files} files to {file}.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if exported.missing:
        out.print(f"No longer there: {', '.join(exported.missing)}.", highlight=False, markup=False)


@privacy_app.command("expire")
def expire(
    days: Annotated[
        int | None, typer.Option(min=1, help="Days without a message; the setting's when not given.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
) -> None:
    """Erase conversations in which nothing was written for some days, with their files and tickets."""
    from chatbot.retention import erase_expired, expires_before

    with readable_errors(), _store() as (settings, store):
        kept_days = days or settings.retention_days
        if not kept_days:
            raise InputError(
                "No retention period is set.",
                "Give --days, or set FRONTDESK_RETENTION_DAYS: then it is done every hour.",
            )
        if dry_run:
            count = store.count_before(expires_before(kept_days))
            out.print(f"{count} conversations would be erased.", highlight=False)
            return
        conversations, files = erase_expired(store, kept_days)
        record_command(settings, "conversations-expired", conversations=conversations, days=kept_days)
    out.print(f"Erased {conversations} conversations and {files} files.", highlight=False)


@contextmanager
def _store() -> "Iterator[tuple[Settings, ConversationStore]]":
    from chatbot.store import ConversationStore

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = ConversationStore(settings.database_address, settings.attachments_path)
    try:
        yield settings, store
    finally:
        store.close()

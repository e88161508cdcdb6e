"""`frontdesk keys`: keys for programs that use the API."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from chatbot.api_keys import Scope
from chatbot.cli_errors import err, readable_errors
from chatbot.settings import load_settings

if TYPE_CHECKING:
    from chatbot.api_keys import ApiKeyStore

keys_app = typer.Typer(help="Keys for programs that use the API.", no_args_is_help=True)
out = Console()


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; may be repeated.")] = [Scope.CHAT],  # noqa: B006
) -> None:
    """Make a key and print it; it cannot be shown again."""
    with readable_errors(), _keys() as (keys, audit):
        key, text = keys.create(name, scope)
        audit("key-created", key.id, scopes=", ".join(key.scopes))
        out.print(text, markup=False, highlight=False, soft_wrap=True)
        err.print(
            f"Key {key.id} for {key.name}: {', '.join(key.scopes)}. Keep it; it is not stored.", markup=False
        )


@keys_app.command("list")
def list_keys() -> None:
    """List all keys, without their secrets."""
    with readable_errors(), _keys() as (keys, _):
        table = Table("id", "name", "scopes", "made", "revoked", box=None, pad_edge=False)
        for key in keys.list():
            revoked = f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else ""
            table.add_row(
                key.id, key.name, ", ".join(key.scopes), f"{key.created_at:%Y-%m-%d %H:%M}", revoked
            )
        out.print(table)


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="Its id, as `list` shows it.")]) -> None:
    """End a key at once, also in servers that run."""
    with readable_errors(), _keys() as (keys, audit):
        keys.revoke(key_id)
        audit("key-revoked", key_id)
        out.print(f"Key {key_id} is revoked.", highlight=False, markup=False)


@contextmanager
def _keys() -> Iterator[tuple["ApiKeyStore", Callable[..., None]]]:
    from chatbot.api_keys import ApiKeyStore
    from chatbot.audit import COMMAND_LINE, AuditLog
    from chatbot.services import Services

    services = Services(load_settings())
    try:
        database = services.store.database
        yield ApiKeyStore(database), partial(AuditLog(database).record, COMMAND_LINE)
    finally:
        services.close()

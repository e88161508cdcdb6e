"""`frontdesk accounts`: who of the company may sign in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from chatbot.account_settings import AccountSettings
from chatbot.cli_errors import err, readable_errors
from chatbot.settings import Settings, load_settings

if TYPE_CHECKING:
    from chatbot.accounts import AccountStore
    from chatbot.audit import AuditLog

accounts_app = typer.Typer(help="Agents and administrators who may sign in.", no_args_is_help=True)
out = Console()
_Name = Annotated[str, typer.Argument(help="Name of the account.")]


@accounts_app.command("create")
def create_account(
    name: _Name,
    is_admin: Annotated[bool, typer.Option("--admin", help="An administrator, not an agent.")] = False,
) -> None:
    """Make an account and print the link, good for three days and once, with which its owner chooses a password."""
    from chatbot.accounts import Role

    with readable_errors(), _opened() as (settings, accounts, audit):
        account, token = accounts.create(name, Role.ADMIN if is_admin else Role.AGENT)
        audit.record(_actor(), "account-created", account.name, role=account.role.value)
        _print_link(settings, account.name, token)


@accounts_app.command("list")
def list_accounts() -> None:
    """List all accounts."""
    with readable_errors(), _opened() as (_, accounts, _audit):
        listed = accounts.list()
        if not listed:
            out.print("There are no accounts.")
            return
        table = Table("name", "role", "made", "state", box=None, pad_edge=False)
        for account in listed:
            state = (
                "disabled" if account.disabled_at else "" if account.has_password else "without a password"
            )
            table.add_row(account.name, account.role.value, f"{account.created_at:%Y-%m-%d %H:%M}", state)
        out.print(table)


@accounts_app.command("disable")
def disable_account(name: _Name) -> None:
    """Sign an account out everywhere, at once, and let nobody sign in with it."""
    with readable_errors(), _opened() as (_, accounts, audit):
        account = accounts.disable(name)
        audit.record(_actor(), "account-disabled", account.name)
        out.print(f"{account.name} is disabled.", highlight=False, markup=False)


@accounts_app.command("reset")
def reset_account(name: _Name) -> None:
    """End an account's sessions and password, enable it, and print a link to choose a new one with."""
    with readable_errors(), _opened() as (settings, accounts, audit):
        account, token = accounts.reset(name)
        audit.record(_actor(), "account-reset", account.name)
        _print_link(settings, account.name, token)


def _actor() -> str:
    from chatbot.audit import COMMAND_LINE

    return COMMAND_LINE


def _print_link(settings: Settings, name: str, token: str) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = settings.web.public_url or f"http://{host}:{settings.port}"
    out.print(f"{base}/welcome/{token}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"Give this link to {name}: it works once, for three days.", markup=False, highlight=False)


@contextmanager
def _opened() -> Iterator[tuple[Settings, "AccountStore", "AuditLog"]]:
    from chatbot.accounts import AccountStore
    from chatbot.audit import AuditLog
    from chatbot.passwords import Passwords
    from chatbot.services import Services

    settings = load_settings()
    services = Services(settings)
    try:
        database = services.store.database
        own: AccountSettings = settings.accounts
        yield settings, AccountStore(database, Passwords(own.min_password_chars)), AuditLog(database)
    finally:
        services.close()

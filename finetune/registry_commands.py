"""`frontdesk finetune list|show|promote|rollback|feedback|delete|export|load`: which adapter answers."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from chatbot.adapter_choice import Pointer
from chatbot.adapter_files import base_digest
from chatbot.audit_cli import record_command
from chatbot.cli_errors import readable_errors
from chatbot.models import ModelStore, Purpose
from chatbot.settings import Settings, load_settings
from chatbot.store import AdapterFeedback, ConversationStore
from finetune.registry import AdapterRegistry, RegisteredAdapter
from finetune.show import print_json

registry_app = typer.Typer()
out = Console()
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
_Id = Annotated[str, typer.Argument(help="Id of the adapter.")]


@registry_app.command("list")
def list_adapters(as_json: _Json = False) -> None:
    """List the registered adapters, newest first, and what serves."""
    with readable_errors():
        registry = _registry()
        adapters, pointer = registry.list(), registry.pointer()
    if as_json:
        print_json({"adapters": [_record(a) for a in adapters], "serving": asdict(pointer)})
        return
    table = Table("adapter", "role", "registered", "objection", box=None)
    for adapter in adapters:
        table.add_row(adapter.id, adapter.role, adapter.registration.registered_at[:10], adapter.objection)
    out.print(table)
    out.print(_told(pointer), highlight=False)


@registry_app.command()
def show(adapter_id: _Id, as_json: _Json = False) -> None:
    """Show one adapter: where it comes from, how it did, when it served."""
    with readable_errors():
        adapter = _registry().show(adapter_id)
    if as_json:
        print_json(_record(adapter))
        return
    table = Table("what", "value", box=None)
    for name, value in asdict(adapter.manifest).items():
        if name not in ("files", "gate") and value not in ("", None, (), {}):
            table.add_row(name, str(value))
    table.add_row("role", adapter.role or "does not serve")
    table.add_row("objection", adapter.objection or "none")
    out.print(table)


@registry_app.command()
def promote(
    adapter_id: Annotated[str, typer.Argument(help="An id, a shipped name, `default` or `none`.")],
    share: Annotated[float, typer.Option(help="Percent of conversations; below 100 it is a canary.")] = 100,
    force: Annotated[str, typer.Option(help="Reason to switch it on against its gate; recorded.")] = "",
    as_json: _Json = False,
) -> None:
    """Switch an adapter on; a running server changes to it without a restart."""
    with readable_errors():
        pointer = _registry_of_base().promote(adapter_id, share, forced_because=force)
        _record_action("adapter-promoted", adapter_id, share_percent=share, is_forced=bool(force))
    _say(pointer, as_json)


@registry_app.command()
def rollback(as_json: _Json = False) -> None:
    """End a canary, or go back to the adapter that served before."""
    with readable_errors():
        pointer = _registry_of_base().rollback()
        _record_action("adapter-rolled-back", pointer.active)
    _say(pointer, as_json)


@registry_app.command()
def feedback(
    everything: Annotated[bool, typer.Option("--all", help="Not only since the canary began.")] = False,
    as_json: _Json = False,
) -> None:
    """Compare what customers think of each adapter's answers, since the canary began when there is one."""
    with readable_errors():
        settings = load_settings()
        since = None if everything else canary_began(_registry())
        counted: tuple[AdapterFeedback, ...] = ()
        if settings.database_url.get_secret_value() or settings.database_path.is_file():
            store = ConversationStore(settings.database_address)
            counted = store.adapter_feedback(since)
            store.close()
    if as_json:
        print_json({"since": since, "adapters": [asdict(one) for one in counted]})
        return
    table = Table("adapter", "answers", "declined", "liked", "disliked", box=None)
    for one in counted:
        table.add_row(one.adapter, *map(str, (one.answers, one.declined, one.thumbs_up, one.thumbs_down)))
    out.print(table)


@registry_app.command()
def delete(adapter_id: _Id, as_json: _Json = False) -> None:
    """Delete an adapter that does not serve."""
    with readable_errors():
        _registry().delete(adapter_id)
        _record_action("adapter-deleted", adapter_id)
    _done({"deleted": adapter_id}, f"Deleted {adapter_id}.", as_json)


@registry_app.command()
def export(
    adapter_id: _Id,
    archive: Annotated[Path, typer.Argument(help="TAR file to write.")],
    as_json: _Json = False,
) -> None:
    """Write an adapter into one file, for another machine."""
    with readable_errors():
        _registry().export(adapter_id, archive)
        _record_action("adapter-exported", adapter_id)
    _done({"exported": adapter_id, "archive": str(archive)}, f"{adapter_id} is in {archive}.", as_json)


@registry_app.command()
def load(
    archive: Annotated[Path, typer.Argument(help="TAR file that `export` wrote, or an adapter's folder.")],
    as_json: _Json = False,
) -> None:
    """Take an exported adapter in, after verifying it; it does not serve before it is promoted."""
    with readable_errors():
        registry = _registry()
        adapter = registry.register(archive, None) if archive.is_dir() else registry.import_archive(archive)
        _record_action("adapter-imported", adapter.id)
    if as_json:
        print_json(_record(adapter))
    else:
        out.print(f"Registered {adapter.id}.", highlight=False)


def _record_action(action: str, target: str, **details: float | bool) -> None:
    record_command(load_settings(), action, target, **details)


def _registry() -> AdapterRegistry:
    return AdapterRegistry(load_settings().data_dir)


def _registry_of_base() -> AdapterRegistry:
    """The registry that knows the base which serves, so that an adapter of another one is refused."""
    settings = load_settings()
    return AdapterRegistry(settings.data_dir, base_sha256=base_of_settings(settings))


def base_of_settings(settings: Settings) -> str | None:
    """`base_digest` of the base that the settings name; None when a remote server has it."""
    if settings.engine == "openai":
        return None  # the remote server checks its own adapters
    purpose = Purpose.LLM_GGUF if settings.engine == "llama_cpp" else Purpose.LLM_TORCH
    models = ModelStore(settings.models_path, offline=settings.offline)
    return base_digest(models.resolve(settings.llm, purpose))


def canary_began(registry: AdapterRegistry) -> datetime | None:
    """When the adapter on trial was switched on; None when there is none."""
    canary = registry.pointer().canary
    if canary is None or canary.id not in {adapter.id for adapter in registry.list()}:
        return None
    promotions = registry.show(canary.id).registration.promotions
    return datetime.fromisoformat(promotions[-1].at) if promotions else None


def _record(adapter: RegisteredAdapter) -> dict[str, Any]:
    return {
        "id": adapter.id,
        "role": adapter.role,
        "objection": adapter.objection,
        "folder": adapter.folder,
        "manifest": asdict(adapter.manifest),
        "registration": asdict(adapter.registration),
    }


def _told(pointer: Pointer) -> str:
    told = f"Serving: {pointer.active or 'the adapter of the settings'}"
    if pointer.canary:
        told += f"; {pointer.canary.share_percent:g} % of conversations: {pointer.canary.id}"
    return told


def _say(pointer: Pointer, as_json: bool) -> None:
    _done(asdict(pointer), _told(pointer), as_json)


def _done(record: dict[str, Any], told: str, as_json: bool) -> None:
    if as_json:
        print_json(record)
    else:
        out.print(told, highlight=False)

"""The audit log keeps what was done, in order, however much it is."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import cli
from chatbot.api_keys import ApiKeyStore
from chatbot.audit import COMMAND_LINE, THIS_MACHINE, AuditLog
from chatbot.database import Database
from chatbot.policy import Cause
from chatbot.services import Services
from chatbot.settings import Settings


def test_entries_come_back_in_order_from_a_time_on(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    log = AuditLog(database)
    log.record("ann", "adapter-promoted", "shop-1", share_percent=10.0)
    log.record("ann", "login")
    first, second = log.entries()
    assert (first.actor, first.action, first.target) == ("ann", "adapter-promoted", "shop-1")
    assert first.details == {"share_percent": 10.0}
    assert first.id < second.id
    assert datetime.now(UTC) - first.at < timedelta(minutes=5)
    assert list(log.entries(datetime.now(UTC) + timedelta(minutes=1))) == []
    assert list(log.entries(first.at)) == [first, second]
    database.close()


def test_more_than_a_page_of_entries_comes_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatbot.audit._PAGE", 3)
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    log = AuditLog(database)
    for number in range(7):
        log.record("ann", "login", str(number))
    assert [entry.target for entry in log.entries()] == [str(number) for number in range(7)]
    database.close()


def test_what_commands_do_is_printed_line_by_line_from_a_day_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path))
    run = CliRunner().invoke
    run(cli, ["keys", "create", "Shop of Ann"])
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    (key,) = ApiKeyStore(database).list()
    run(cli, ["keys", "revoke", key.id])
    AuditLog(database).record("ann", "login")
    database.close()
    run(cli, ["finetune", "forget", "ann@shop.example", "--no-retrain"])
    lines = [json.loads(line) for line in run(cli, ["audit"]).stdout.splitlines()]
    assert [(line["actor"], line["action"], line["target"]) for line in lines] == [
        (COMMAND_LINE, "key-created", key.id),
        (COMMAND_LINE, "key-revoked", key.id),
        ("ann", "login", ""),
        (COMMAND_LINE, "conversations-forgotten", ""),
    ]
    assert "shop" not in json.dumps(lines).lower()
    assert run(cli, ["audit", "--since", "2999-01-01"]).stdout == ""
    assert len(run(cli, ["audit", "--since", "2020-01-01T00:00:00"]).stdout.splitlines()) == 4


def test_a_name_that_somebody_typed_on_a_server_without_accounts_is_no_actor(tmp_path: Path) -> None:
    services = Services(Settings(data_dir=tmp_path))
    conversation = services.store.create("visitor-1")
    standing, _ = services.handoff.request(conversation.id, "visitor-1", cause=Cause.ASKED)
    services.handoff.claim(standing.ticket.id, "Ann")
    (entry,) = AuditLog(services.store.database).entries()
    assert (entry.actor, entry.action, entry.target) == (THIS_MACHINE, "ticket-claimed", standing.ticket.id)
    services.close()

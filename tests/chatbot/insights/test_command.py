"""`frontdesk insights`, and the database of before."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from typer.testing import CliRunner

from app import cli
from chatbot.database import Database, migrate_to
from chatbot.errors import InputError
from chatbot.insights.period import Granularity
from chatbot.insights_cli import period_of
from tests.chatbot.insights.made import Said, put


def run(folder: Path, *arguments: str) -> str:
    done = CliRunner().invoke(cli, ["insights", *arguments], env={"FRONTDESK_DATA_DIR": str(folder)})
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_command_prints_one_object_or_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    at = datetime.now(UTC) - timedelta(days=2)
    put(database, Said("How do I pay?", ratings=(1,)), at=at)
    put(database, Said("Do you ship to Norway?", decision="decline"), at=at, visitor="bob")
    database.close()
    found = json.loads(run(tmp_path, "--no-topics", "--json"))
    assert found["resolution"]["outcomes"]["confirmed"] == 1
    assert found["resolution"]["outcomes"]["abandoned"] == 1
    assert found["volume"]["channels"] == {"text": 2}
    assert found["unanswered"] == 1
    assert found["topics"] is None
    printed = run(tmp_path, "--no-topics")
    assert "2 messages of 2 customers" in printed
    assert "resolved surely" in printed
    empty = json.loads(
        run(tmp_path, "--no-topics", "--json", "--since", "2020-01-01", "--until", "2020-01-02")
    )
    assert empty["volume"]["visitors"] == 0


def test_days_are_read_in_the_companys_time_zone() -> None:
    now = datetime(2026, 3, 2, 9, tzinfo=UTC)
    period = period_of("2026-02-01", "2026-02-03", Granularity.DAY, "Europe/Berlin", now)
    assert period.since == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert period.until == datetime(2026, 2, 3, 23, tzinfo=UTC)
    assert period_of("", "", Granularity.DAY, "UTC", now).until == now
    assert len(period_of("", "", Granularity.DAY, "UTC", now).buckets()) == 29
    with pytest.raises(InputError):
        period_of("yesterday", "", Granularity.DAY, "UTC", now)
    with pytest.raises(InputError):
        period_of("2026-03-03", "2026-03-01", Granularity.DAY, "UTC", now)


def test_deliveries_that_wait_survive_the_change_of_the_schema(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        migrate_to(connection, "0007")
        connection.execute(
            text("INSERT INTO conversations VALUES ('c', 'v', '', '2026-01-01', '2026-01-01');")
        )
        connection.execute(
            text(
                "INSERT INTO webhook_deliveries (id, conversation_id, webhook, body, attempts, due_at, last_error) "
                "VALUES ('d', 'c', 'desk', '{}', 0, '2026-01-01', '')"
            )
        )
    engine.dispose()
    database = Database(url)
    with database.writing() as session:
        assert session.execute(text("SELECT id, conversation_id FROM webhook_deliveries")).all() == [
            ("d", "c")
        ]
        session.execute(text("DELETE FROM conversations"))
        assert (
            session.execute(text("SELECT id FROM webhook_deliveries")).all() == []
        )  # erased with it, as before
    database.close()

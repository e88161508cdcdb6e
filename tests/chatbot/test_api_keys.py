"""Keys are shown once, kept hashed, limited to scopes and revocable, also from the command line."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from chatbot.api_keys import ApiKeyStore, Scope
from chatbot.cli import cli
from chatbot.database import Database
from chatbot.errors import InputError


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


def test_a_key_is_known_by_its_text_only(database: Database, tmp_path: Path) -> None:
    keys = ApiKeyStore(database)
    key, text = keys.create("Shop", [Scope.CHAT])
    assert keys.verify(text) == key
    other, _ = keys.create("Other", [Scope.CHAT])
    for wrong in (
        "",
        text[:-1],
        text[:-1] + ("A" if text[-1] != "A" else "B"),
        text.replace(key.id, other.id),
    ):
        assert keys.verify(wrong) is None
    secret = text.rpartition(key.id)[2].encode()
    assert not any(secret in path.read_bytes() for path in tmp_path.iterdir())


def test_a_revoked_key_is_none(database: Database) -> None:
    keys = ApiKeyStore(database)
    key, text = keys.create("Shop", [Scope.CHAT])
    keys.revoke(key.id)
    assert keys.verify(text) is None
    assert keys.list()[0].revoked_at
    with pytest.raises(InputError, match="no key"):
        keys.revoke("nobody")


def test_a_key_needs_a_name_and_a_scope(database: Database) -> None:
    for name, scopes in (("  ", [Scope.CHAT]), ("Shop", [])):
        with pytest.raises(InputError):
            ApiKeyStore(database).create(name, scopes)


def test_keys_are_made_listed_and_revoked_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path))
    run = CliRunner().invoke
    made = run(cli, ["keys", "create", "Shop", "--scope", "chat", "--scope", "transcribe"])
    text = next(line for line in made.output.splitlines() if line.startswith("fd-"))
    database = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    key = ApiKeyStore(database).verify(text)
    assert key is not None
    assert key.scopes == (Scope.CHAT, Scope.TRANSCRIBE)
    assert "Shop" in run(cli, ["keys", "list"]).output
    assert run(cli, ["keys", "revoke", key.id]).exit_code == 0
    assert ApiKeyStore(database).verify(text) is None
    database.close()

"""Conversations end with their retention period, and all that belongs to them; a customer's data can be handed over."""

import io
import json
import os
import stat
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from chatbot.attachments import AttachmentStore
from chatbot.cli import cli
from chatbot.customer_data import DATA_NAME, export_customer
from chatbot.errors import InputError
from chatbot.handoff_desk import HandoffDesk
from chatbot.handoff_settings import HandoffSettings
from chatbot.messages import Decision, Message
from chatbot.policy import Cause
from chatbot.retention import erase_expired
from chatbot.schema import ConversationRow
from chatbot.settings import Settings
from chatbot.store import ConversationStore, Evidence
from chatbot.turn_log import TurnLog
from chatbot.web.api.hub import Hub
from chatbot.web.api.runner import TurnRunner

NOTE = b"Order 4711 never came, says Zoe."
DAYS = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}", folder)
    yield opened
    opened.close()


def asked(store: ConversationStore, folder: Path, visitor: str = "zoe", note: bytes = NOTE) -> str:
    """A conversation with a question, a file, an answer and a ticket."""
    attachment = AttachmentStore(folder, Settings(), store.claims).add(note, "note.txt")
    conversation = store.create(visitor).id
    question = store.add_question(conversation, visitor, Message("Where is it?", (attachment,)))
    store.add_answer(conversation, visitor, "On its way.", Evidence(Decision.GENERATE), question)
    store.add_csat(conversation, visitor, 2, "slow")
    HandoffDesk(store, HandoffSettings()).request(conversation, visitor, cause=Cause.ASKED, note="call me")
    return conversation


def aged(store: ConversationStore, conversation_id: str, days: float) -> None:
    """As if its last message had been so long ago."""
    then = datetime.now(UTC) - timedelta(days=days)
    with store.database.writing() as session:
        session.execute(
            update(ConversationRow).where(ConversationRow.id == conversation_id).values(updated_at=then)
        )


def test_an_old_conversation_goes_with_its_file_and_ticket_and_a_young_one_stays(
    store: ConversationStore, folder: Path
) -> None:
    old, young = asked(store, folder), asked(store, folder, note=b"Another note.")
    aged(store, old, DAYS + 0.1)
    aged(store, young, DAYS - 0.1)
    assert erase_expired(store, DAYS) == (1, 1)
    assert [c.id for c in store.list("zoe")] == [young]
    assert [t.conversation_id for t in HandoffDesk(store, HandoffSettings()).queue()] == [young]
    assert len(list(folder.glob("??/*"))) == 1
    assert erase_expired(store, DAYS) == (0, 0)


def test_a_file_that_a_young_conversation_has_too_stays(store: ConversationStore, folder: Path) -> None:
    old, _ = asked(store, folder), asked(store, folder, "ann")
    aged(store, old, DAYS + 1)
    assert erase_expired(store, DAYS) == (1, 0)
    assert len(list(folder.glob("??/*"))) == 1


def test_more_than_one_transaction_takes_are_all_erased(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatbot.store._ERASED_AT_ONCE", 2)
    for _ in range(5):
        aged(store, store.create("zoe").id, DAYS + 1)
    assert erase_expired(store, DAYS) == (5, 0)


def test_a_message_that_still_waits_for_its_answer_keeps_its_conversation(store: ConversationStore) -> None:
    conversation = store.create("zoe").id
    turn, _ = TurnLog(store.database).accept(conversation, "zoe", Message("Still there?"), ("message", {}))
    aged(store, conversation, DAYS + 1)
    assert erase_expired(store, DAYS) == (0, 0)
    assert turn.conversation_id == conversation


def test_the_server_erases_what_is_old_by_itself_where_that_is_set(store: ConversationStore) -> None:
    conversation = store.create("zoe").id
    aged(store, conversation, DAYS + 1)
    runner = TurnRunner(
        assistant=partial(pytest.fail, "nothing was asked"),
        store=store,
        turns=TurnLog(store.database),
        hub=Hub(1),
        workers=1,
        retention_days=DAYS,
    )
    runner.start()
    try:
        deadline_s = time.monotonic() + 30
        while store.list("zoe") and time.monotonic() < deadline_s:
            time.sleep(0.05)
    finally:
        runner.close(5)
    assert store.list("zoe") == ()


def test_a_customers_data_are_handed_over_whole_and_nobody_elses(
    store: ConversationStore, folder: Path
) -> None:
    theirs = [asked(store, folder), asked(store, folder, note=b"Another note.")]
    asked(store, folder, "ann", b"Ann's note.")
    file = io.BytesIO()
    exported = export_customer(store, "zoe", folder, file)
    assert (exported.conversations, exported.tickets, exported.files, exported.missing) == (2, 2, 2, ())
    with zipfile.ZipFile(file) as archive:
        data = json.loads(archive.read(DATA_NAME))
        notes = {archive.read(name) for name in archive.namelist() if name != DATA_NAME}
    assert [c["id"] for c in data["conversations"]] == theirs
    assert [m["text"] for m in data["conversations"][0]["messages"]][:2] == ["Where is it?", "On its way."]
    assert {t["note"] for t in data["tickets"]} == {"call me"}
    assert notes == {NOTE, b"Another note."}


def test_a_file_that_is_gone_is_named_and_the_rest_handed_over(
    store: ConversationStore, folder: Path
) -> None:
    conversation = asked(store, folder)
    next(folder.glob("??/*")).unlink()
    exported = export_customer(store, conversation, folder, io.BytesIO())
    assert (exported.files, exported.missing) == (0, ("note.txt",))


def test_nobody_is_an_error_and_no_file(store: ConversationStore, folder: Path) -> None:
    with pytest.raises(InputError, match="Nothing is kept"):
        export_customer(store, "nobody", folder, io.BytesIO())


def test_the_commands_export_count_and_erase(store: ConversationStore, folder: Path, tmp_path: Path) -> None:
    conversation = asked(store, folder)
    aged(store, conversation, DAYS + 1)
    environment = {"FRONTDESK_DATA_DIR": str(tmp_path), "FRONTDESK_DATABASE_URL": ""}

    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["privacy", *words], env=environment)
        return result.exit_code, result.output

    file = tmp_path / "zoe.zip"
    assert run("export", "nobody", str(file))[0] == 1
    assert not file.exists()
    assert run("export", "zoe", str(file))[0] == 0
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert zipfile.is_zipfile(file)
    code, said = run("expire")
    assert (code, "No retention period is set" in said) == (1, True)
    assert "1 conversations would be erased" in run("expire", "--days", str(DAYS), "--dry-run")[1]
    assert len(store.list("zoe")) == 1
    assert "Erased 1 conversations and 1 files" in run("expire", "--days", str(DAYS))[1]
    assert store.list("zoe") == ()

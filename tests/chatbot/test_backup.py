"""A backup is of one moment and whole, and a restore gives it back or leaves everything as it was."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from chatbot.account_settings import AccountSettings
from chatbot.accounts import AccountStore, LinkError, Role
from chatbot.api_keys import ApiKeyStore, Scope
from chatbot.attachments import AttachmentStore
from chatbot.audit import COMMAND_LINE, AuditLog
from chatbot.backup.parts import Part
from chatbot.backup.restore import restore_backup
from chatbot.backup.take import take_backup
from chatbot.cli import cli
from chatbot.errors import InputError, StorageError
from chatbot.messages import Decision, Message
from chatbot.passwords import Passwords
from chatbot.restore_mark import RESTORING
from chatbot.services import Services
from chatbot.sessions import SessionStore
from chatbot.settings import Settings
from chatbot.store import Conversation, ConversationStore, Evidence
from chatbot.turn_log import TurnLog
from knowledge_base.errors import IndexUnavailableError
from knowledge_base.pause import paused
from knowledge_base.settings import KnowledgeBaseSettings
from tests.cheap import CHEAP
from tests.postgres import PostgresServer


def desk(folder: Path, url: str = "") -> Settings:
    folder.mkdir(exist_ok=True)
    return Settings(data_dir=folder, database_url=SecretStr(url))


def accounts(store: ConversationStore) -> AccountStore:
    return AccountStore(store.database, Passwords(12, CHEAP))


def fill(settings: Settings) -> Conversation:
    """One of everything."""
    store = ConversationStore(settings.database_address)
    conversation = store.create("ann")
    attachment = AttachmentStore(settings.data_dir / "attachments", settings).add(
        b"All about Dots", "dots.txt"
    )
    turn, _ = TurnLog(store.database).accept(
        conversation.id, "ann", Message("What is this?", (attachment,)), ("question", {"text": "错 \ud83d"})
    )
    store.add_question(conversation.id, "ann", turn.message, turn.id)
    answer_id = store.add_answer(
        conversation.id, "ann", "A Dot.", Evidence(Decision.GENERATE, timings_ms={"total": 0.1}), turn.id
    )
    store.add_feedback(answer_id, "ann", 1, "thanks")
    ApiKeyStore(store.database).create("Shop", [Scope.CHAT])
    account, _ = accounts(store).create("root", Role.ADMIN)
    SessionStore(store.database, AccountSettings()).open(account.id)
    AuditLog(store.database).record(COMMAND_LINE, "account-created", "root")
    kept = store.get(conversation.id, "ann")
    store.close()
    for name in (
        "adapters/shop-1/adapter.gguf",
        "finetune/datasets/a.jsonl",
        "chroma/graph.bin",
        "browser.key",
    ):
        (settings.data_dir / name).parent.mkdir(parents=True, exist_ok=True)
        (settings.data_dir / name).write_text(f"content of {name}")
    return kept


def stored(settings: Settings, conversation: Conversation) -> Conversation:
    store = ConversationStore(settings.database_address)
    try:
        return store.get(conversation.id, conversation.visitor_id)
    finally:
        store.close()


def files(settings: Settings) -> dict[str, bytes]:
    every = (p for p in settings.data_dir.rglob("*") if p.is_file() and not p.name.startswith("frontdesk.db"))
    return {p.relative_to(settings.data_dir).as_posix(): p.read_bytes() for p in every if p.suffix != ".lock"}


@pytest.fixture
def source(tmp_path: Path) -> Settings:
    return desk(tmp_path / "source")


@pytest.mark.parametrize(
    ("there", "back"), [("sqlite", "sqlite"), ("sqlite", "postgres"), ("postgres", "sqlite")]
)
def test_everything_comes_back_also_into_the_other_database(
    tmp_path: Path, there: str, back: str, request: pytest.FixtureRequest
) -> None:
    def url(kind: str) -> str:
        return "" if kind == "sqlite" else request.getfixturevalue("postgres").emptied()

    source, target = desk(tmp_path / "source", url(there)), desk(tmp_path / "target", url(back))
    before = fill(source)
    manifest = take_backup(source, tmp_path / "b.tar", secrets=True)
    assert restore_backup(target, tmp_path / "b.tar") == manifest
    assert stored(target, before) == before
    assert files(target) == files(source)
    store = ConversationStore(target.database_address)
    assert [key.name for key in ApiKeyStore(store.database).list()] == ["Shop"]
    assert [a.name for a in accounts(store).list()] == ["root"]
    assert [entry.target for entry in AuditLog(store.database).entries()] == ["root"]
    assert [e.data["text"] for e in TurnLog(store.database).after(before.id, 0)] == ["错 \ud83d"]
    answer = before.messages[1]
    store.add_feedback(answer.id, "ann", -1)  # numbers that the database gives go on
    feedback = store.get(before.id, "ann").messages[1].feedback
    assert feedback is not None
    assert feedback.rating == -1
    store.close()


def test_secrets_and_parts_stay_out_unless_they_are_wanted(source: Settings, tmp_path: Path) -> None:
    fill(source)
    target = desk(tmp_path / "target")
    take_backup(source, tmp_path / "b.tar", [Part.TUNING, Part.ADAPTERS])
    restore_backup(target, tmp_path / "b.tar")
    left_out = [n for n in files(source) if n.startswith(("finetune/", "adapters/", "browser.key"))]
    assert left_out
    assert set(files(target)) == set(files(source)) - set(left_out)
    store = ConversationStore(target.database_address)
    assert ApiKeyStore(store.database).list() == ()
    assert accounts(store).list() == ()
    store.close()
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0


def test_what_was_signed_out_stays_out_and_what_was_opened_once_stays_used(
    source: Settings, tmp_path: Path
) -> None:
    store = ConversationStore(source.database_address)
    account, link = accounts(store).create("root", Role.ADMIN)
    session = SessionStore(store.database, AccountSettings()).open(account.id)
    store.close()
    target = desk(tmp_path / "target")
    store = ConversationStore(target.database_address)
    accounts(store).first_admin_token()  # a server that has only been started is still empty
    store.close()
    take_backup(source, tmp_path / "b.tar", secrets=True)
    restore_backup(target, tmp_path / "b.tar")
    store = ConversationStore(target.database_address)
    assert SessionStore(store.database, AccountSettings()).read(session) is None
    with pytest.raises(LinkError):
        accounts(store).owner_of_link(link)
    store.close()


def test_a_backup_of_a_busy_desk_is_of_one_moment(database_url: str, tmp_path: Path) -> None:
    settings = desk(tmp_path, "" if database_url.startswith("sqlite") else database_url)
    store = ConversationStore(settings.database_address)
    conversation_id = store.create("ann").id
    stopping, begun = threading.Event(), threading.Event()

    def write() -> None:
        while not stopping.is_set():
            question_id = store.add_question(conversation_id, "ann", Message("Hello?"))
            store.add_answer(conversation_id, "ann", "Yes.", Evidence(Decision.GENERATE), question_id)
            begun.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert begun.wait(120)
    try:
        take_backup(settings, tmp_path / "b.tar")
    finally:
        stopping.set()
        writer.join()
    target = desk(tmp_path / "target")
    restore_backup(target, tmp_path / "b.tar")
    restored = ConversationStore(target.database_address)
    kept = restored.get(conversation_id, "ann").messages
    assert kept
    assert kept == store.get(conversation_id, "ann").messages[: len(kept)]
    restored.close()
    store.close()


def test_a_target_that_holds_something_is_replaced_only_by_force(source: Settings, tmp_path: Path) -> None:
    before = fill(source)
    take_backup(source, tmp_path / "b.tar")
    target = desk(tmp_path / "target")
    other = fill(target)
    (target.data_dir / "adapters" / "mine").write_text("mine")
    with pytest.raises(InputError, match=r"attachments, chroma, adapters, finetune, the database.*--force"):
        restore_backup(target, tmp_path / "b.tar")
    assert stored(target, other) == other
    restore_backup(target, tmp_path / "b.tar", force=True)
    assert stored(target, before) == before
    assert not (target.data_dir / "adapters" / "mine").exists()


@pytest.mark.parametrize("harm", ["cut", "flipped", "added", "escaping", "no tar"])
def test_a_backup_that_was_harmed_is_refused_before_anything_is_touched(
    source: Settings, tmp_path: Path, harm: str
) -> None:
    fill(source)
    file = tmp_path / "b.tar"
    take_backup(source, file)
    data = file.read_bytes()
    if harm == "cut":
        file.write_bytes(data[: data.index(b"manifest.json") - 1])
    elif harm == "flipped":
        file.write_bytes(data.replace(b"content of chroma", b"Content of chroma"))
    elif harm == "no tar":
        file.write_bytes(b"nothing")
    else:
        name = "../../out" if harm == "escaping" else "adapters/shop-1/more"
        (tmp_path / "more").write_text("more")
        with tarfile.open(file, "a") as tar:
            tar.add(tmp_path / "more", name)
    target = desk(tmp_path / "target")
    kept = fill(target)
    before = files(target)
    with pytest.raises(InputError, match=r"no usable backup.*Nothing was changed"):
        restore_backup(target, file, force=True)
    assert (files(target), stored(target, kept)) == (before, kept)


def test_a_backup_of_a_newer_version_leaves_everything_as_it_was(source: Settings, tmp_path: Path) -> None:
    from chatbot.backup import take

    kept = fill(source)
    newer = tmp_path / "b.tar"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(take, "dump", lambda *_, **__: iter([json.dumps({"revision": "9999"}).encode()]))
        take_backup(source, newer)
    with pytest.raises(InputError, match="newest version"):
        restore_backup(source, newer, force=True)
    assert stored(source, kept) == kept
    Services(source).close()


KILLED = """
import os, signal, sys
from pathlib import Path
from chatbot.backup import {module} as module
from chatbot.backup.restore import restore_backup
from chatbot.backup.take import take_backup
from chatbot.settings import Settings
calls = 0
def killed(*args, **kwargs):
    global calls
    calls += 1
    if calls == {call}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*args, **kwargs)
original = module.{function}
module.{function} = killed
{then}(Settings(data_dir=Path(sys.argv[1])), Path(sys.argv[2]))
"""


def kill_in(folder: Path, file: Path, **how: object) -> None:
    script = KILLED.format(**how)
    done = subprocess.run([sys.executable, "-c", script, str(folder), str(file)], env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL


@pytest.mark.parametrize(("function", "call"), [("extract", 1), ("load", 1), ("_put", 1), ("_put", 3)])
def test_a_restore_that_is_killed_is_done_again_and_no_server_starts_before(
    source: Settings, tmp_path: Path, function: str, call: int
) -> None:
    before = fill(source)
    file = tmp_path / "b.tar"
    take_backup(source, file)
    target = desk(tmp_path / "target")
    kill_in(target.data_dir, file, module="restore", function=function, call=call, then="restore_backup")
    with pytest.raises(StorageError, match="frontdesk restore"):
        Services(target)
    restore_backup(target, file)
    assert stored(target, before) == before
    assert not (target.data_dir / RESTORING).exists()
    Services(target).close()


def test_a_backup_that_is_killed_leaves_no_file_of_that_name(source: Settings, tmp_path: Path) -> None:
    fill(source)
    file = tmp_path / "b.tar"
    kill_in(source.data_dir, file, module="take", function="add_part", call=2, then="take_backup")
    assert not file.exists()
    take_backup(source, file)
    restore_backup(desk(tmp_path / "target"), file)


def test_backup_and_restore_on_the_command_line(
    source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fill(source)
    file = str(tmp_path / "b.tar")
    run = CliRunner().invoke
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(source.data_dir))
    assert "database, attachments" in run(cli, ["backup", file, "--leave-out", "tuning"]).output
    assert run(cli, ["backup", file]).exit_code == 1
    monkeypatch.setenv("FRONTDESK_DATA_DIR", str(tmp_path / "target"))
    assert run(cli, ["restore", file]).exit_code == 0
    assert stored(desk(tmp_path / "target"), before) == before
    assert run(cli, ["restore", file]).exit_code == 1


def test_on_postgres_a_failed_restore_keeps_every_row(
    postgres: PostgresServer, source: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(source)
    take_backup(source, tmp_path / "b.tar")
    target = desk(tmp_path / "target", postgres.emptied())
    kept = fill(target)

    def fail(*_: object) -> None:
        raise InputError("not today")

    monkeypatch.setattr("chatbot.backup.rows._count_on", fail)
    with pytest.raises(InputError, match="not today"):
        restore_backup(target, tmp_path / "b.tar", force=True)
    assert stored(target, kept) == kept


def test_a_knowledge_base_on_a_server_must_be_left_out(source: Settings, tmp_path: Path) -> None:
    fill(source)
    elsewhere = source.model_copy(
        update={"knowledge_base": KnowledgeBaseSettings(chroma_url="http://chroma:8000")}
    )
    with pytest.raises(InputError, match="--leave-out knowledge-base"):
        take_backup(elsewhere, tmp_path / "b.tar")
    assert "chroma/graph.bin" not in take_backup(elsewhere, tmp_path / "b.tar", [Part.KNOWLEDGE_BASE]).members


def test_the_knowledge_base_is_not_changed_while_it_is_copied(source: Settings, tmp_path: Path) -> None:
    fill(source)
    folder = source.data_dir / "chroma"
    with paused(folder), pytest.raises(IndexUnavailableError), paused(folder, timeout_s=0):
        raise AssertionError("somebody else could write")

"""An erasure takes the files that nobody else refers to, also when it was killed, and none that is attached anew."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatbot.attachment_claims import CLAIM_S, AttachmentClaims
from chatbot.attachments import AttachmentStore
from chatbot.messages import Attachment, Message
from chatbot.settings import Settings
from chatbot.store import ConversationStore
from chatbot.turn_log import TurnLog

NOTE = b"Order 4711 never came, says Zoe."
Open = Callable[[], tuple[ConversationStore, AttachmentStore]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "attachments"


@pytest.fixture
def opened(tmp_path: Path, folder: Path) -> Iterator[Open]:
    stores: list[ConversationStore] = []

    def make() -> tuple[ConversationStore, AttachmentStore]:
        stores.append(ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}", folder))
        return stores[-1], AttachmentStore(folder, Settings(), stores[-1].claims)

    yield make
    for store in stores:
        store.close()


def asked(store: ConversationStore, attachment: Attachment, visitor: str = "zoe") -> str:
    """A conversation with a question that has the file."""
    conversation = store.create(visitor)
    store.add_question(conversation.id, visitor, Message("Where is it?", (attachment,)))
    return conversation.id


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("??/*"))


def test_the_files_of_a_deleted_conversation_go_with_it(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    conversation = asked(store, attachments.add(NOTE, "note.txt"))
    assert len(files(folder)) == 1
    store.delete(conversation, "zoe")
    assert files(folder) == []


def test_a_file_that_another_conversation_has_too_stays_as_long_as_that(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    first = asked(store, attachments.add(NOTE, "note.txt"))
    second = asked(store, attachments.add(NOTE, "the same.txt"), "ben")
    assert store.erase("zoe") == ((first,), 0)
    assert len(files(folder)) == 1
    assert store.erase("ben") == ((second,), 1)
    assert files(folder) == []


def test_a_question_that_was_asked_again_with_a_correction_keeps_its_file(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    attached = attachments.add(NOTE, "note.txt")
    conversation = asked(store, attached)
    corrected = Message("Where is it?", (attached,), {attached.sha256: "Order 4712"})
    store.add_question(conversation, "zoe", corrected)
    store.claims.sweep()
    assert files(folder) == [attached.sha256]
    store.delete(conversation, "zoe")
    assert files(folder) == []


def test_a_file_that_is_attached_anew_during_an_erasure_is_not_lost(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    conversation = asked(store, attachments.add(NOTE, "note.txt"))
    anew = attachments.add(NOTE, "note.txt")
    store.delete(conversation, "zoe")
    assert files(folder) == [anew.sha256]
    second = asked(store, anew)
    store.claims.sweep()
    assert files(folder) == [anew.sha256]
    store.delete(second, "zoe")
    assert files(folder) == []


def test_a_message_that_waits_for_its_answer_keeps_its_file(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    other = asked(store, attachments.add(NOTE, "note.txt"), "ben")
    conversation, attached = store.create("zoe"), attachments.add(NOTE, "note.txt")
    message = Message("Where is it?", (attached,))
    turn, _ = TurnLog(store.database).accept(conversation.id, "zoe", message, ("question", {}))
    store.delete(other, "ben")
    assert files(folder) == [attached.sha256]
    store.add_question(conversation.id, "zoe", message, turn.id)
    store.delete(conversation.id, "zoe")
    assert files(folder) == []


def test_an_upload_whose_message_never_comes_is_dropped(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    asked(store, attachments.add(b"another", "other.txt"))
    attachments.drop((attachments.add(NOTE, "note.txt"), attachments.add(b"another", "other.txt")))
    assert files(folder) == [attachments.add(b"another", "other.txt").sha256]


KILLED = """
import os, signal, sys
from pathlib import Path
from chatbot import attachment_claims
from chatbot.store import ConversationStore
attachment_claims._unlink = lambda path: os.kill(os.getpid(), signal.SIGKILL)
ConversationStore(sys.argv[1], Path(sys.argv[2])).delete(sys.argv[3], "zoe")
"""


@pytest.mark.parametrize("start", [ConversationStore.erase, None])
def test_a_killed_erasure_is_finished_by_the_next_call_or_start(
    opened: Open, folder: Path, tmp_path: Path, start: Callable[..., object] | None
) -> None:
    store, attachments = opened()
    conversation = asked(store, attachments.add(NOTE, "note.txt"))
    url = f"sqlite:///{tmp_path / 'frontdesk.db'}"
    command = [sys.executable, "-c", KILLED, url, str(folder), conversation]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert store.list("zoe") == ()
    assert len(files(folder)) == 1
    if start:
        start(store, "somebody else")
    else:
        opened()[0].claims.sweep_folder()
    assert files(folder) == []


def test_a_start_removes_old_files_that_nobody_refers_to(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    kept = attachments.add(b"kept", "kept.txt")
    asked(store, kept)
    lost, young = "ab" + "0" * 62, "ab" + "1" * 62
    (folder / "ab").mkdir(exist_ok=True)
    for name in (lost, young, "tmphalf"):
        (folder / "ab" / name).write_bytes(NOTE)
    long_ago = time.time() - 2 * CLAIM_S
    for path in (attachments.path(kept), folder / "ab" / lost, folder / "ab" / "tmphalf"):
        os.utime(path, (long_ago, long_ago))
    store.claims.sweep_folder()
    assert files(folder) == sorted([kept.sha256, young])


def test_a_file_that_cannot_be_removed_is_tried_again(
    opened: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, attachments = opened()
    conversation = asked(store, attachments.add(NOTE, "note.txt"))
    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", lambda self, missing_ok=False: os.stat("x" * 10_000))
        store.delete(conversation, "zoe")
    assert len(files(folder)) == 1
    assert store.claims.sweep() == 1
    assert files(folder) == []


def test_a_claim_runs_out(opened: Open, folder: Path) -> None:
    store, _ = opened()
    impatient = AttachmentClaims(store.database, folder, claim_s=-1)
    AttachmentStore(folder, Settings(), impatient).add(NOTE, "note.txt")
    store.claims.sweep()
    assert files(folder) == []


def test_a_text_that_only_looks_like_a_reference_keeps_no_file(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    attached = attachments.add(NOTE, "note.txt")
    conversation, other = asked(store, attached), store.create("ben")
    TurnLog(store.database).accept(
        other.id, "ben", Message(f'"sha256": "{attached.sha256}"'), ("question", {})
    )
    store.delete(conversation, "zoe")
    assert files(folder) == []


def test_what_is_referred_to_is_there_whatever_is_erased_at_the_same_time(opened: Open, folder: Path) -> None:
    store, attachments = opened()
    doomed: queue.SimpleQueue[str] = queue.SimpleQueue()

    def erase() -> None:
        eraser, _ = opened()
        while conversation := doomed.get():
            eraser.erase(conversation)

    thread = threading.Thread(target=erase)
    thread.start()
    try:
        for _ in range(25):
            attached = attachments.add(NOTE, "note.txt")
            conversation = asked(store, attached)
            assert attached in attachments
            doomed.put(conversation)  # erased while the next one comes with the same file
    finally:
        doomed.put("")
        thread.join()
    assert (store.list("zoe"), files(folder)) == ((), [])

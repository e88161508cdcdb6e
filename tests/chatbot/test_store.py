"""Conversations outlive restarts, full disks and killed processes, and stay with their visitor."""

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, event

from chatbot.database import migrate
from chatbot.database_url import engine_url
from chatbot.errors import ConversationNotFoundError, InputError, StorageError
from chatbot.export import to_json, to_markdown
from chatbot.messages import (
    Attachment,
    Citation,
    Decision,
    Kind,
    Message,
    Observation,
    OcrLine,
    ScreenReading,
)
from chatbot.schema import Base
from chatbot.store import TITLE_CHARS, AdapterFeedback, ConversationStore, Evidence, _append, _owned
from tests.postgres import PostgresServer

PHOTO = Attachment("a" * 64, Kind.IMAGE, "image/png", "screen.png", 1234, 640, 480)
SCREEN = ScreenReading("a" * 64, (OcrLine("Error E-07", 0.9, (0, 0, 9, 9)),), 640, 480, ("E-07",))
SEEN = Observation("What is this?", screens=(SCREEN,), problems=("bad.gif is empty.",))
RETURNS = Citation(
    1, "returns", "Returns", "https://wren.example/returns", "Within 45 days.", "Within 45 days."
)
ANSWERED = Evidence(Decision.GENERATE, ("sure",), (RETURNS,), (("returns#0", 0.5),), {"total": 3.5}, ("hm",))


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


@pytest.fixture
def store(url: str) -> Iterator[ConversationStore]:
    opened = ConversationStore(url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[ConversationStore]:
    opened = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


def said(store: ConversationStore, conversation_id: str, visitor: str = "ann") -> list[str]:
    return [m.text for m in store.get(conversation_id, visitor).messages]


def a_turn(store: ConversationStore, visitor: str = "ann") -> tuple[str, str]:
    """A conversation with one full turn; its id and the answer's."""
    conversation = store.create(visitor)
    question_id = store.add_question(conversation.id, visitor, Message("What is this?", (PHOTO,)))
    store.set_observation(question_id, SEEN)
    return conversation.id, store.add_answer(conversation.id, visitor, "Within 45 days. [1]", ANSWERED)


def test_a_restart_keeps_every_part_of_a_conversation(store: ConversationStore, url: str) -> None:
    conversation_id, answer_id = a_turn(store)
    store.add_feedback(answer_id, "ann", 1, "thanks")
    before = store.get(conversation_id, "ann")
    store.close()
    after = ConversationStore(url).get(conversation_id, "ann")
    assert after == before
    question, answer = after.messages
    assert (question.attachments, question.observation) == ((PHOTO,), SEEN)
    assert answer.evidence == ANSWERED
    assert after.created_at.tzinfo is not None


def test_nothing_of_a_conversation_is_open_to_another_visitor(store: ConversationStore) -> None:
    conversation_id, answer_id = a_turn(store, "ann")
    attempts = [
        lambda: store.get(conversation_id, "bob"),
        lambda: store.rename(conversation_id, "bob", "Mine"),
        lambda: store.delete(conversation_id, "bob"),
        lambda: store.add_question(conversation_id, "bob", Message("hi")),
        lambda: store.add_answer(conversation_id, "bob", "hi", ANSWERED),
        lambda: store.add_feedback(answer_id, "bob", -1),
    ]
    before = store.get(conversation_id, "ann")
    for attempt in attempts:
        with pytest.raises(ConversationNotFoundError):
            attempt()
    assert store.list("bob") == ()
    assert store.get(conversation_id, "ann") == before


def test_conversations_are_listed_by_newest_activity_without_their_messages(store: ConversationStore) -> None:
    first, second = store.create("ann", "First"), store.create("ann", "Second")
    store.add_question(first.id, "ann", Message("again"))
    listed = store.list("ann")
    assert [c.id for c in listed] == [first.id, second.id]
    assert all(c.messages == () for c in listed)


def test_the_first_question_names_the_conversation_in_one_short_line(store: ConversationStore) -> None:
    conversation = store.create("ann")
    store.add_question(conversation.id, "ann", Message("How do\n I return " + "it " * 50))
    store.add_question(conversation.id, "ann", Message("Another"))
    title = store.get(conversation.id, "ann").title
    assert title.startswith("How do I return it")
    assert len(title) <= TITLE_CHARS
    picture = store.create("ann")
    store.add_question(picture.id, "ann", Message("", (PHOTO,)))
    assert store.get(picture.id, "ann").title == "screen.png"


def test_a_title_cannot_be_blank(store: ConversationStore) -> None:
    conversation = store.create("ann", "Before")
    with pytest.raises(InputError):
        store.rename(conversation.id, "ann", " \n ")
    store.rename(conversation.id, "ann", "After")
    assert store.get(conversation.id, "ann").title == "After"


def test_deleting_leaves_no_row_of_the_conversation_and_every_row_of_others(
    store: ConversationStore, url: str
) -> None:
    gone, answer_id = a_turn(store)
    kept, kept_answer = a_turn(store)
    store.add_feedback(answer_id, "ann", 1)
    store.add_feedback(kept_answer, "ann", -1)
    store.delete(gone, "ann")
    with pytest.raises(ConversationNotFoundError):
        store.get(gone, "ann")
    assert said(store, kept) == ["What is this?", "Within 45 days. [1]"]
    with create_engine(engine_url(url)).connect() as connection:
        counts = [
            connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar()
            for table in ("conversations", "messages", "feedback")
        ]
    assert counts == [1, 2, 1]


def test_the_newest_feedback_counts(store: ConversationStore) -> None:
    conversation_id, answer_id = a_turn(store)
    for rating, comment in ((1, "good"), (-1, "no, wrong"), (0, "")):
        store.add_feedback(answer_id, "ann", rating, comment)
        feedback = store.get(conversation_id, "ann").messages[1].feedback
        assert feedback is not None
        assert (feedback.rating, feedback.comment) == (rating, comment)


def test_only_answers_are_rated_and_only_up_or_down(store: ConversationStore) -> None:
    conversation_id, answer_id = a_turn(store)
    question_id = store.get(conversation_id, "ann").messages[0].id
    with pytest.raises(InputError, match="5 was given"):
        store.add_feedback(answer_id, "ann", 5)
    for wrong in (question_id, "nothing"):
        with pytest.raises(ConversationNotFoundError):
            store.add_feedback(wrong, "ann", 1)


def test_a_half_character_from_a_browser_is_stored_like_any_other(store: ConversationStore) -> None:
    conversation_id, answer_id = a_turn(store)
    store.rename(conversation_id, "ann", "half \ud83d emoji")
    store.add_feedback(answer_id, "ann", 1, "half \ud83d emoji")
    stored = store.get(conversation_id, "ann")
    assert stored.title == "half emoji"
    assert stored.messages[1].feedback is not None


def test_messages_from_many_threads_all_arrive_in_one_order(store: ConversationStore) -> None:
    conversation_id = store.create("ann").id
    expected = {f"{thread}-{n}" for thread in range(6) for n in range(5)}

    def write(thread: int) -> None:
        for n in range(5):
            store.add_question(conversation_id, "ann", Message(f"{thread}-{n}"))

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = said(store, conversation_id)
    assert set(kept) == expected
    assert len(kept) == len(expected)
    for thread in range(6):
        assert [t for t in kept if t.startswith(f"{thread}-")] == [f"{thread}-{n}" for n in range(5)]


def test_a_full_disk_is_a_readable_error_and_loses_nothing(
    sqlite_store: ConversationStore, tmp_path: Path
) -> None:
    store = sqlite_store
    conversation_id, _ = a_turn(store)
    before = said(store, conversation_id)

    @event.listens_for(store.database._engine, "begin")
    def _fill(connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StorageError, match=r"disk is full.*Free some disk space"):
        store.add_question(conversation_id, "ann", Message("x" * 1_000_000))
    assert said(store, conversation_id) == before

    event.remove(store.database._engine, "begin", _fill)
    store.close()
    again = ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    again.add_question(conversation_id, "ann", Message("Is there room now?"))
    assert said(again, conversation_id) == [*before, "Is there room now?"]


def test_a_folder_that_cannot_be_written_is_a_readable_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="data folder"):
        ConversationStore(f"sqlite:///{tmp_path / 'nowhere' / 'frontdesk.db'}")


def test_a_file_that_is_no_database_is_a_readable_error(tmp_path: Path) -> None:
    (tmp_path / "frontdesk.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(StorageError):
        ConversationStore(f"sqlite:///{tmp_path / 'frontdesk.db'}")


def test_a_database_server_that_is_not_there_is_a_readable_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"postgresql://frontdesk:hidden@127.0.0.1:{taken.getsockname()[1]}/frontdesk"
        with pytest.raises(StorageError, match=r"cannot be used.*database server runs") as caught:
            ConversationStore(address)
    assert "hidden" not in str(caught.value)


def test_what_a_database_refuses_is_told_without_what_the_customer_wrote(store: ConversationStore) -> None:
    conversation_id, _ = a_turn(store)
    with (
        pytest.raises(StorageError, match="refused the change") as caught,
        store.database.writing() as session,
    ):
        _append(session, _owned(session, conversation_id, "ann"), None, "my secret", attachments=[])  # type: ignore[arg-type]
    assert "my secret" not in str(caught.value)


def test_processes_that_start_together_migrate_once(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    failed: list[Exception] = []

    def start() -> None:
        try:
            ConversationStore(url).close()
        except StorageError as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_migrations_build_exactly_what_the_models_say(store: ConversationStore) -> None:
    engine = store.database._engine
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_again_changes_nothing(store: ConversationStore, url: str) -> None:
    conversation_id, _ = a_turn(store)
    migrate(create_engine(engine_url(url)))
    assert len(said(store, conversation_id)) == 2


HALF_AN_ANSWER = """
import sys, time
from chatbot.messages import Message
from chatbot.store import ConversationStore, Evidence
from chatbot.messages import Decision
store = ConversationStore(sys.argv[1])
conversation = store.create("ann")
for n in range(5):
    store.add_question(conversation.id, "ann", Message(f"question {n}"))
    store.add_answer(conversation.id, "ann", f"answer {n}", Evidence(Decision.GENERATE))
store.add_question(conversation.id, "ann", Message("the last question"))
with store.database.writing() as session:
    from chatbot.store import _append, _owned
    _append(session, _owned(session, conversation.id, "ann"), "assistant", "half", attachments=[])
    session.flush()
    print(conversation.id, flush=True)
    time.sleep(60)
"""


def test_a_process_killed_in_the_middle_of_an_answer_loses_no_message_before_it(url: str) -> None:
    process = subprocess.Popen([sys.executable, "-c", HALF_AN_ANSWER, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    conversation_id = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.wait()
    store = ConversationStore(url)
    turns = [text for n in range(5) for text in (f"question {n}", f"answer {n}")]
    assert said(store, conversation_id) == [*turns, "the last question"]
    store.add_answer(conversation_id, "ann", "Here you are.", Evidence(Decision.GENERATE))
    assert said(store, conversation_id)[-1] == "Here you are."


def test_a_conversation_exported_as_json_holds_what_was_said_read_and_cited(store: ConversationStore) -> None:
    conversation_id, answer_id = a_turn(store)
    store.add_feedback(answer_id, "ann", -1, "错了")
    text = to_json(store.get(conversation_id, "ann"))
    question, answer = json.loads(text)["messages"]
    assert (question["role"], question["attachments"]) == ("user", ["screen.png"])
    assert question["read"] == "Error E-07"
    assert answer["citations"][0]["quote"] == "Within 45 days."
    assert answer["feedback"] == {"rating": -1, "comment": "错了"}
    assert "错了" in text
    assert "ann" not in json.loads(text).values()


def test_a_conversation_exported_as_markdown_reads_like_one(store: ConversationStore) -> None:
    conversation_id, _ = a_turn(store)
    text = to_markdown(store.get(conversation_id, "ann"))
    assert text.startswith("# What is this?\n")
    assert text.index("**Customer**") < text.index("**Assistant**")
    assert "- attached: screen.png" in text
    assert "[1] Returns https://wren.example/returns" in text


def test_feedback_is_counted_by_adapter_and_only_the_newest_of_an_answer(store: ConversationStore) -> None:
    def answered(adapter: str, decision: Decision = Decision.GENERATE) -> str:
        evidence = Evidence(decision, adapter=adapter)
        return store.add_answer(store.create("ann").id, "ann", "Within 45 days.", evidence)

    liked, changed, taken_back = answered("shop-1"), answered("shop-1"), answered("shop-2")
    answered("shop-2", Decision.DECLINE)
    answered("")  # a reviewed answer asks no adapter
    ratings = ((liked, 1), (changed, 1), (changed, -1), (taken_back, 1), (taken_back, 0))
    for message_id, rating in ratings:
        store.add_feedback(message_id, "ann", rating)
    assert store.adapter_feedback() == (
        AdapterFeedback("shop-1", answers=2, declined=0, thumbs_up=1, thumbs_down=1),
        AdapterFeedback("shop-2", answers=2, declined=1, thumbs_up=0, thumbs_down=0),
    )
    trial_began = datetime.now(UTC)
    store.add_feedback(answered("shop-2"), "ann", 1)
    assert store.adapter_feedback(trial_began) == (AdapterFeedback("shop-2", 1, 0, 1, 0),)

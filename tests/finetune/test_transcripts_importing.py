"""Many files to one: without repeats, resumable, the same bytes every time, with a report."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chatbot.messages import Decision, Message
from chatbot.store import ConversationStore, Evidence
from finetune.conversations import SupportConversation, Turn
from finetune.transcripts import (
    Dropped,
    ReadOptions,
    TranscriptError,
    dump_conversation,
    from_store,
    import_transcripts,
    load_conversation,
    load_conversations,
    load_report,
    read_transcripts,
)
from tests.finetune.transcripts_files import ANSWERED, ASKED, chat, said, write

ROOT = Path(__file__).resolve().parents[2]


def chats(path: Path, first: int, count: int) -> Path:
    return write(path, *(chat(str(i), f"Question {i}", f"Answer {i}") for i in range(first, first + count)))


def test_files_are_joined_without_repeats(tmp_path: Path) -> None:
    one, two = chats(tmp_path / "a.jsonl", 0, 4), chats(tmp_path / "b.jsonl", 2, 4)
    out = tmp_path / "all.jsonl"
    report = import_transcripts([one, two], out)
    assert [c.id for c in load_conversations(out)] == ["0", "1", "2", "3", "4", "5"]
    assert (report.conversations, report.turns, dict(report.reasons)) == (6, 12, {"duplicate": 2})
    assert [(d.source, d.line, d.kind) for d in report.dropped] == [
        ("b.jsonl", n, "duplicate") for n in (1, 2)
    ]
    assert [c.id for c in report.first] == ["0", "1", "2"]
    assert report.formats == {"a.jsonl": "jsonl", "b.jsonl": "jsonl"}
    assert not (tmp_path / "all.jsonl.parts").exists()


def test_the_same_id_with_other_words_is_kept_under_a_name_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", chat("1"), chat("1", "Another", "Thing"), chat("1"))
    report = import_transcripts([path], tmp_path / "out.jsonl")
    ids = [c.id for c in load_conversations(tmp_path / "out.jsonl")]
    assert ids[0] == "1"
    assert ids[1].startswith("1~")
    assert (report.renamed, dict(report.reasons)) == (1, {"duplicate": 1})


def test_an_import_is_repeated_only_when_something_changed(tmp_path: Path) -> None:
    path, out = chats(tmp_path / "a.jsonl", 0, 3), tmp_path / "out.jsonl"
    first = import_transcripts([path], out)
    written = out.stat().st_mtime_ns
    assert import_transcripts([path], out) == first == load_report(out)
    assert out.stat().st_mtime_ns == written
    out.write_text("tampered")
    assert import_transcripts([path], out).sha256 == first.sha256
    chats(path, 0, 4)
    assert import_transcripts([path], out).conversations == 4


def test_what_was_imported_imports_to_itself(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        {**chat("1"), "customer": "c9", "started_at": "2024-05-01T09:00:00+00:00", "source": "old.csv"},
    )
    import_transcripts([path], tmp_path / "one.jsonl")
    import_transcripts([tmp_path / "one.jsonl"], tmp_path / "two.jsonl")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert next(load_conversations(tmp_path / "two.jsonl")).source == "old.csv"


def test_one_bad_file_is_reported_and_the_others_are_used(tmp_path: Path) -> None:
    empty, table = tmp_path / "empty.txt", tmp_path / "bad.csv"
    empty.touch()
    table.write_text("x,y\n1,2\n")
    report = import_transcripts(
        [empty, chats(tmp_path / "a.jsonl", 0, 2), table, tmp_path / "absent.csv"], tmp_path / "out.jsonl"
    )
    assert report.conversations == 2
    assert (
        report.formats["empty.txt"] == report.formats["bad.csv"] == report.formats["absent.csv"] == "unusable"
    )
    assert "'x', 'y'" in next(d.why for d in report.dropped if d.source == "bad.csv")


def test_nothing_but_bad_files_is_an_error_and_writes_nothing(tmp_path: Path) -> None:
    table, out = tmp_path / "bad.csv", tmp_path / "out.jsonl"
    table.write_text("x,y\n1,2\n")
    with pytest.raises(TranscriptError, match="'x', 'y'"):
        import_transcripts([table], out)
    assert not out.exists()


KILLED = """
import os, sys
from pathlib import Path
from finetune.transcripts import import_transcripts
seen = []
def progress(label, count):
    seen.append(label)
    if len(seen) == int(sys.argv[1]):
        os.kill(os.getpid(), 9)
import_transcripts([Path(p) for p in sys.argv[3:]], Path(sys.argv[2]), progress=progress)
"""


@pytest.mark.parametrize("calls", [1, 3, 6])
def test_killed_at_any_point_it_goes_on_to_the_same_bytes(tmp_path: Path, calls: int) -> None:
    paths = [chats(tmp_path / f"{i}.jsonl", i * 100, 220) for i in range(3)]
    whole = import_transcripts(paths, tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(calls), str(out), *map(str, paths)], cwd=ROOT, check=False
    )
    assert done.returncode == -9
    assert not out.exists()
    read: list[str] = []
    report = import_transcripts(paths, out, progress=lambda label, _: read.append(label))
    assert report.sha256 == whole.sha256
    assert ("0.jsonl" in read) == (calls <= 3)
    assert sorted(p.name for p in tmp_path.iterdir() if "out" in p.name) == [
        "out.jsonl",
        "out.jsonl.report.json",
    ]


def test_a_report_is_json(tmp_path: Path) -> None:
    report = import_transcripts([chats(tmp_path / "a.jsonl", 0, 2)], tmp_path / "out.jsonl", ReadOptions())
    assert json.loads(json.dumps(report.as_record()))["conversations"] == 2


def test_a_written_conversation_is_read_back_whole() -> None:
    turns = (
        Turn("system", "s"),
        Turn("customer", "q\n'\"", "2024-05-01T09:00:00"),
        Turn("agent", "答", rating=-1),
    )
    conversation = SupportConversation("1", turns, "c", "a.csv", "2024-05-01T09:00:00")
    assert load_conversation(json.loads(dump_conversation(conversation))) == conversation


def test_own_conversations_come_with_their_ratings_and_without_citation_marks(tmp_path: Path) -> None:
    store = ConversationStore(f"sqlite:///{tmp_path / 'a.db'}")
    made = store.create("visitor-1")
    evidence = Evidence(Decision.GENERATE)
    store.add_question(made.id, "visitor-1", Message(ASKED))
    answer = store.add_answer(made.id, "visitor-1", f"{ANSWERED} [1]", evidence)
    store.add_feedback(answer, "visitor-1", -1)
    time.sleep(0.001)
    store.add_question(made.id, "visitor-1", Message("And the bill?"))
    store.add_answer(made.id, "visitor-1", "The bill wi", Evidence(Decision.GENERATE, stopped=True))
    found = list(from_store([store.get(made.id, "visitor-1")]))
    store.close()
    conversation = found[0]
    assert isinstance(conversation, SupportConversation)
    assert said(conversation) == [("customer", ASKED), ("agent", ANSWERED)]
    assert (conversation.id, conversation.customer, conversation.turns[1].rating) == (
        made.id,
        "visitor-1",
        -1,
    )


@pytest.mark.parametrize(
    ("folder", "least"),
    [("sgd", 1.0), ("taskmaster4", 1.0), ("crosswoz_zh", 1.0), ("telecom_calls_raw", 0.95)],
)
def test_real_transcripts_are_imported(eval_data: Path, folder: str, least: float) -> None:
    path = next((eval_data / "transcripts" / folder).glob("*.jsonl"))
    found = list(read_transcripts(path))
    used = [f for f in found if not isinstance(f, Dropped)]
    assert len(used) >= least * len(found)
    assert all({"customer", "agent"} <= {turn.role for turn in c.turns} for c in used)

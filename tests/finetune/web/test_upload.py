"""Uploaded transcripts are looked into, mapped, imported and then removed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from chatbot.errors import InputError
from chatbot.settings import Settings
from finetune.forgotten import Forgotten
from finetune.hearing import Hearing
from finetune.transcripts import (
    ColumnMapping,
    ReadOptions,
    TranscriptError,
    import_transcripts,
    load_conversations,
)
from finetune.web.alone import alone
from finetune.web.upload import RECORDING, Uploads, speakers
from tests.finetune.test_transcripts_calls import by_pitch, tone, wav
from tests.finetune.transcripts_files import chat, write

NAMED = "ticket_id,sender,message\n1,customer,Where is it?\n1,agent,On its way.\n2,customer,Nobody answers\n"
UNNAMED = "a,b,c\n7,customer,Is it broken?\n7,agent,Restart it please.\n"


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path / "data" / "uploads", tmp_path / "data" / "imported.jsonl")


def given(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_files_are_moved_in_and_looked_into(uploads: Uploads, tmp_path: Path) -> None:
    table, picture = given(tmp_path, "chats.csv", NAMED), given(tmp_path, "empty.json", "")
    taken, refused = uploads.take([table, picture])
    assert not Path(table).exists()
    assert taken.format == "csv"
    assert taken.columns == ("ticket_id", "sender", "message")
    assert (taken.mapping.text, taken.mapping.role) == ("message", "sender")
    assert taken.problem == ""
    assert refused.format == ""
    assert "empty" in refused.problem


def test_a_recording_is_heard_when_it_is_imported(tmp_path: Path) -> None:
    sides = tone(300, 0, 1), tone(1200, 1.2, 2.2)
    call = str(wav(tmp_path / "call.wav", *sides))
    out = tmp_path / "data" / "imported.jsonl"
    uploads = Uploads(tmp_path / "data" / "uploads", out, transcribe=by_pitch)
    (taken,) = uploads.take([call])
    assert (taken.format, taken.problem) == (RECORDING, "")
    report, left = uploads.import_all([taken], speakers("", ""))
    assert (report.conversations, left) == (1, ())
    (conversation,) = load_conversations(out)
    assert [(turn.role, turn.text) for turn in conversation.turns][:2] == [
        ("agent", "Thank you for calling."),
        ("customer", "My line is dead."),
    ]


def test_a_recording_without_a_model_says_what_is_missing(tmp_path: Path, uploads: Uploads) -> None:
    call = wav(tmp_path / "call.wav", tone(300, 0, 1))
    (taken,) = uploads.take([str(call)])
    assert "speech recognition is not set up" in taken.problem
    nowhere = Settings(models_dir=tmp_path / "models", offline=True, whisper="whisper-base")
    with pytest.raises(TranscriptError, match="whisper-base"):
        import_transcripts(
            [wav(tmp_path / "call.wav", tone(300, 0, 1))],
            tmp_path / "out.jsonl",
            ReadOptions(transcribe=Hearing(nowhere)),
        )


def test_what_a_stopped_server_left_is_removed(tmp_path: Path) -> None:
    folder = tmp_path / "uploads"
    first = Uploads(folder, tmp_path / "imported.jsonl")
    (taken,) = first.take([given(tmp_path, "chats.csv", NAMED)])
    Uploads(folder, tmp_path / "imported.jsonl")
    assert not taken.path.exists()


def test_a_table_without_telling_names_is_read_by_the_chosen_columns(
    uploads: Uploads, tmp_path: Path
) -> None:
    (taken,) = uploads.take([given(tmp_path, "chats.csv", UNNAMED)])
    assert "columns do not say" in taken.problem
    mapping = ColumnMapping(text="c", role="b", conversation_id="a")
    found = uploads.look(taken, mapping, speakers("", ""))
    assert [turn.text for turn in found.conversations[0].turns] == ["Is it broken?", "Restart it please."]
    assert found.problem == ""


def test_each_table_is_imported_by_its_own_columns_and_removed(uploads: Uploads, tmp_path: Path) -> None:
    first, second = uploads.take([given(tmp_path, "one.csv", NAMED), given(tmp_path, "two.csv", UNNAMED)])
    second = replace(second, mapping=ColumnMapping(text="c", role="b", conversation_id="a"))
    told: list[str] = []
    report, left = uploads.import_all(
        [first, second], speakers("", ""), progress=lambda label, n: told.append(label)
    )
    assert report.conversations == 2
    assert report.reasons == {"no_agent": 1}
    assert left == ()
    assert {"one.csv", "two.csv"} <= set(told)
    assert not first.path.parent.exists()
    assert uploads.report() == report


def test_a_file_that_cannot_be_read_is_kept_and_returned(uploads: Uploads, tmp_path: Path) -> None:
    files = uploads.take([given(tmp_path, "one.csv", NAMED), given(tmp_path, "two.csv", UNNAMED)])
    report, left = uploads.import_all(files, speakers("", ""))
    assert report.conversations == 1
    assert [upload.label for upload in left] == ["two.csv"]
    assert left[0].path.is_file()


def test_earlier_conversations_are_kept_when_asked_for(uploads: Uploads, tmp_path: Path) -> None:
    uploads.import_all(uploads.take([given(tmp_path, "one.csv", NAMED)]), speakers("", ""))
    for keep, expected in ((True, 2), (False, 1)):
        path = write(tmp_path / "chats.jsonl", chat("c9", "Hello?", "Good day."))
        uploads.import_all(uploads.take([str(path)]), speakers("", ""), keep_earlier=keep)
        assert len(list(load_conversations(tmp_path / "data" / "imported.jsonl"))) == expected


def test_names_and_domains_say_who_an_agent_is(uploads: Uploads, tmp_path: Path) -> None:
    record = {"messages": [{"role": "Ann", "text": "Is it open?"}, {"role": "Bo", "text": "Until six."}]}
    (taken,) = uploads.take([given(tmp_path, "chats.json", json.dumps([record]))])
    options = speakers("Bo, Cem", "@shop.example\nmail.shop.example")
    assert options.company_domains == ("shop.example", "mail.shop.example")
    found = uploads.look(taken, None, options)
    assert [turn.role for turn in found.conversations[0].turns] == ["customer", "agent"]


def test_nothing_to_import_and_a_second_import_are_refused(uploads: Uploads, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no files"):
        uploads.import_all([], speakers("", ""))
    files = uploads.take([given(tmp_path, "one.csv", NAMED)])
    running = alone(tmp_path / "data" / "imported.jsonl", "x")
    with running, pytest.raises(InputError, match="Another import"):
        uploads.import_all(files, speakers("", ""))
    report, _ = uploads.import_all(files, speakers("", ""))
    assert report.conversations == 1


def test_what_was_forgotten_stays_out(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path / "uploads", tmp_path / "imported.jsonl", lambda: Forgotten(tmp_path))
    Forgotten(tmp_path).add(["c1"])
    path = write(tmp_path / "chats.jsonl", chat("c1"), chat("c2", "Hello?", "Good day."))
    report, _ = uploads.import_all(uploads.take([str(path)]), speakers("", ""))
    assert [conversation.id for conversation in report.first] == ["c2"]


def test_files_are_kept_when_none_can_be_used(uploads: Uploads, tmp_path: Path) -> None:
    files = uploads.take([given(tmp_path, "two.csv", UNNAMED)])
    with pytest.raises(TranscriptError):
        uploads.import_all(files, speakers("", ""))
    assert files[0].path.is_file()
    uploads.discard(files)
    assert not files[0].path.exists()

"""JSON and JSON Lines: shapes of chats, streaming, and what is done about broken ones."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.transcripts import Limits, ReadOptions, TranscriptError, detect_format
from finetune.transcripts.json_items import json_values
from finetune.transcripts.records import is_conversation
from finetune.transcripts.values import Dropped, Source
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, chat, read, said, write

OPENAI = {"messages": [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWERED}]}
PARTS = {
    "messages": [
        {"role": "system", "content": "Be polite."},
        {
            "role": "user",
            "content": [{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {}}],
        },
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "{}"},
        {"role": "assistant", "content": ANSWERED},
    ]
}
SHAREGPT = {"conversations": [{"from": "human", "value": ASKED}, {"from": "gpt", "value": ANSWERED}]}
NESTED = {
    "id": "7",
    "messages": [
        {"sender": {"type": "visitor"}, "body": ASKED},
        {"sender": {"type": "operator"}, "body": ANSWERED},
    ],
}


@pytest.mark.parametrize(
    "record",
    [
        chat(),
        OPENAI,
        SHAREGPT,
        NESTED,
        OPENAI["messages"],
        {"prompt": ASKED, "completion": ANSWERED},
        {"instruction": ASKED, "input": "", "output": ANSWERED},
        {"customer": ASKED, "agent": ANSWERED},
        {"ConversationId": "9", "Content": f"Customer: {ASKED}\n\nAgent (Ben): {ANSWERED}"},
    ],
)
def test_every_shape_of_a_chat_gives_the_same_turns(tmp_path: Path, record: Any) -> None:
    for path in (write(tmp_path / "a.jsonl", record), write(tmp_path / "b.json", [record, record])):
        found, dropped = read(path)
        assert [said(c) for c in found] == [SAID] * len(found)
        assert found
        assert not dropped


def test_content_parts_become_text_and_tools_say_nothing(tmp_path: Path) -> None:
    found, _ = read(write(tmp_path / "a.jsonl", PARTS))
    assert said(found[0]) == [("system", "Be polite."), *SAID]


def test_messages_in_a_row_are_one_turn_and_keep_the_first_time(tmp_path: Path) -> None:
    messages = [
        {"role": "user", "content": "Hello", "created_at": 1700000000},
        {"role": "user", "content": ASKED, "created_at": 1700000060},
        {"role": "assistant", "content": ANSWERED, "feedback": {"rating": -1}},
    ]
    found, _ = read(write(tmp_path / "a.jsonl", {"messages": messages}))
    assert said(found[0]) == [("customer", f"Hello\n{ASKED}"), ("agent", ANSWERED)]
    assert found[0].started_at == found[0].turns[0].at == "2023-11-14T22:13:20+00:00"
    assert found[0].turns[1].rating == -1


def test_one_message_a_line_is_put_together_by_its_conversation(tmp_path: Path) -> None:
    rows = [
        {"conversation_id": "a", "role": "customer", "text": ASKED},
        {"conversation_id": "b", "role": "customer", "text": "Hi"},
        {"conversation_id": "a", "role": "agent", "text": ANSWERED},
        {"conversation_id": "b", "role": "agent", "text": "Hello"},
    ]
    found, dropped = read(write(tmp_path / "a.jsonl", *rows))
    assert [c.id for c in found] == ["a", "b"]
    assert said(found[0]) == SAID
    assert not dropped


def test_bad_lines_are_reported_by_number_and_the_rest_is_used(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        json.dumps(chat("1")),
        "{not json}",
        "",
        json.dumps({"a": 1}),
        "[]",
        "3",
        json.dumps(chat("2"))[:-20],
    ]
    path.write_text("\n".join([*lines, json.dumps(chat("3"))]) + "\n", encoding="utf-8")
    found, dropped = read(path)
    assert [c.id for c in found] == ["1", "3"]
    assert [(d.line, d.kind) for d in dropped] == [
        (2, "not_json"),
        (4, "unknown"),
        (5, "unknown"),
        (6, "unknown"),
        (7, "truncated"),
    ]
    assert all(d.source == "a.jsonl" and d.why for d in dropped)


def test_a_giant_line_is_refused_without_being_read_and_the_next_one_used(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"messages": "{"x" * 50_000}"}}\n{json.dumps(chat())}\n', encoding="utf-8")
    found, dropped = read(path, ReadOptions(limits=Limits(max_item_chars=5_000)))
    assert [(d.line, d.kind) for d in dropped] == [(1, "too_long")]
    assert [said(c) for c in found] == [SAID]


def test_a_file_of_one_giant_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "dump.json"
    path.write_text("[" + '{"text": "' + "x" * 3_000_000, encoding="utf-8")
    found, dropped = read(path, ReadOptions(limits=Limits(max_item_chars=100_000)))
    assert not found
    assert [d.kind for d in dropped] == ["too_long"]


class CountingText(io.StringIO):
    """Text that says how far it was read."""

    def read(self, size: int | None = -1) -> str:
        assert size is not None
        assert size > 0, "the whole file was asked for"
        return super().read(size)


def test_an_array_is_read_record_by_record(tmp_path: Path) -> None:
    file = CountingText(json.dumps([chat(str(i)) for i in range(20_000)]))
    source = Source(tmp_path, "a.json", ReadOptions())
    items = json_values(file, source, is_conversation)
    assert next(items)[1]["conversation_id"] == "0"  # type: ignore[index]
    assert file.tell() < 600_000 < len(file.getvalue())
    assert sum(1 for _ in items) == 19_999


@pytest.mark.parametrize("key", ["conversations", "tickets", "items"])
def test_an_array_inside_of_an_object_is_found(tmp_path: Path, key: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        json.dumps({"count": 2, key: [chat("1"), chat("2", "Hi", "Hello")], "next": None}, indent=2)
    )
    found, dropped = read(path)
    assert [c.id for c in found] == ["1", "2"]
    assert not dropped


def test_pretty_printed_objects_one_after_another_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n".join(json.dumps(chat(str(i), f"Question {i}", "Yes"), indent=2) for i in range(3)))
    assert [c.id for c in read(path)[0]] == ["0", "1", "2"]


def test_truncated_json_loses_only_its_last_record(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    whole = json.dumps([chat(str(i), f"Question {i}", "Yes") for i in range(5)], indent=1)
    path.write_text(whole[: whole.rindex("Question")], encoding="utf-8")
    found, dropped = read(path)
    assert [c.id for c in found] == ["0", "1", "2", "3"]
    assert [d.kind for d in dropped] == ["truncated"]
    assert dropped[0].line > 30


def test_a_broken_record_in_an_array_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    records = [json.dumps(chat(str(i), f"Question {i}", "Yes")) for i in range(5)]
    records[2] = records[2].replace('"role": "agent"', '"role" "agent"')
    path.write_text("[\n" + ",\n".join(records) + "\n]", encoding="utf-8")
    found, dropped = read(path)
    assert [c.id for c in found] == ["0", "1", "3", "4"]
    assert [(d.line, d.kind) for d in dropped] == [(4, "not_json")]


def test_deep_nesting_is_refused_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("[" * 100_000 + "\n" + json.dumps(chat()) + "\n")
    found, dropped = read(path)
    assert len(found) == 1
    assert [d.line for d in dropped] == [1]


@pytest.mark.parametrize(
    ("said_by", "kind"),
    [
        (["customer", "customer"], "no_agent"),
        (["agent", "agent"], "no_customer"),
        (["customer", ""], "no_role"),
        (["customer", "agent", "Zorg"], "no_role"),
        ([], "unknown"),
    ],
)
def test_one_sided_or_unnamed_conversations_are_dropped_with_the_reason(
    tmp_path: Path, said_by: list[str], kind: str
) -> None:
    messages = [{"role": role, "text": f"Text {i}"} for i, role in enumerate(said_by)]
    found, dropped = read(write(tmp_path / "a.jsonl", {"id": "x", "messages": messages}, chat()))
    assert [(d.line, d.kind) for d in dropped] == [(1, kind)]
    assert [said(c) for c in found] == [SAID]


def test_conversations_and_messages_of_absurd_length_are_dropped(tmp_path: Path) -> None:
    many = chat("many", *(f"Text {i}" for i in range(30)))
    long = chat("long", "x" * 500, "Yes")
    options = ReadOptions(limits=Limits(max_turns=20, max_turn_chars=400))
    found, dropped = read(write(tmp_path / "a.jsonl", many, long, chat()), options)
    assert [d.kind for d in dropped] == ["too_long", "too_long"]
    assert len(found) == 1


def test_names_of_the_companys_own_people_can_be_given(tmp_path: Path) -> None:
    messages = [{"role": "Zoë", "text": ASKED}, {"role": "Max", "text": ANSWERED}]
    path = write(tmp_path / "a.jsonl", {"messages": messages})
    assert "'Zoë', 'Max'" in read(path)[1][0].why
    found, _ = read(path, ReadOptions(roles={"max": "agent", "zoë": "customer"}))
    assert said(found[0]) == SAID


def test_control_characters_and_overrides_are_removed(tmp_path: Path) -> None:
    found, _ = read(
        write(
            tmp_path / "a.jsonl",
            chat("1", "a\x00b\u202ec\ud800".encode("utf-8", "replace").decode(), "\ufeffYes\r\n"),
        )
    )
    assert [t.text for t in found[0].turns] == ["abc?", "Yes"]


def test_without_an_id_the_content_gives_one(tmp_path: Path) -> None:
    first, _ = read(write(tmp_path / "a.jsonl", OPENAI))
    second, _ = read(write(tmp_path / "b.jsonl", SHAREGPT))
    assert first[0].id == second[0].id
    assert first[0].id.startswith("c-")


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf \n")
    with pytest.raises(TranscriptError, match="is empty"):
        read(path)


def test_json_is_told_from_json_lines_by_content(tmp_path: Path) -> None:
    assert detect_format(write(tmp_path / "a.txt", chat("1"), chat("2"))) == "jsonl"
    assert detect_format(write(tmp_path / "b.txt", [chat("1"), chat("2")])) == "json"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=8), st.sampled_from([None, 2]))
def test_any_array_is_taken_apart_into_its_elements(values: list[Any], indent: int | None) -> None:
    source = Source(Path("a"), "a", ReadOptions())
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    items = list(json_values(io.StringIO(text, newline=""), source, lambda _: False))
    assert [item[1] for item in items] == values  # type: ignore[index]


@given(st.text(max_size=300))
def test_any_text_is_read_to_its_end(text: str) -> None:
    source = Source(Path("a"), "a", ReadOptions())
    for item in json_values(io.StringIO(text, newline=""), source, is_conversation):
        assert isinstance(item, Dropped) or item[0] >= 1


@given(st.data())
def test_json_cut_anywhere_gives_a_beginning_of_its_records(data: st.DataObject) -> None:
    records = [chat(str(i), f"Q{i} \\ \"'{{", "A\n") for i in range(4)]
    text = json.dumps(records)
    cut = data.draw(st.integers(1, len(text) - 1))
    source = Source(Path("a"), "a", ReadOptions())
    found = list(json_values(io.StringIO(text[:cut]), source, is_conversation))
    whole = [item[1] for item in found if not isinstance(item, Dropped)]
    assert whole == records[: len(whole)]
    assert [d.kind for d in found if isinstance(d, Dropped)] == ["truncated"]

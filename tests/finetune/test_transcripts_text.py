"""Plain text and Markdown with speakers in front of what is said."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finetune.transcripts import Limits, ReadOptions
from finetune.transcripts.chat_text import messages_in
from finetune.transcripts.roles import part_of
from finetune.transcripts.times import iso_time
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, read, said


def text(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [
        f"Customer: {ASKED}\nAgent: {ANSWERED}\n",
        f"**Customer:** {ASKED}\n\n**Agent:** {ANSWERED}\n",
        f"**Customer**: {ASKED}\n\n**Agent**: {ANSWERED}\n",
        f"# Parcel\n\n**Customer**, 2024-05-01 10:03 UTC\n\n{ASKED}\n\n"
        f"**Assistant**, 2024-05-01 10:04 UTC\n\n{ANSWERED}\n",
        f"## Customer\n\n{ASKED}\n\n## Agent\n\n{ANSWERED}\n",
        f"[10:03] Tom (customer): {ASKED}\n[10:04] Anna (support): {ANSWERED}\n",
        f"(10:03:12 AM) Visitor 4711: {ASKED}\n(10:03:50 AM) Anna (Agent): {ANSWERED}\n",
        f"12/31/23, 10:03 PM - Customer: {ASKED}\n12/31/23, 10:04 PM - Agent: {ANSWERED}\n",
        f"<visitor> {ASKED}\n<support> {ANSWERED}\n",
        f"客户：{ASKED}\n客服小王：{ANSWERED}\n",
        f"Kunde: {ASKED}\nKundenservice: {ANSWERED}\n",
        f"- Customer: {ASKED}\n- Customer Service Representative: {ANSWERED}\n",
        f"Transcript starting...\n\n00:00:01\n\nCustomer: {ASKED}\n\n00:00:07\n\n"
        f"Agent: {ANSWERED}\n[typing]\nEnd of call.\n",
        f"Agent: {ANSWERED}".join([f"Clara: {ASKED}\n", ""]),
    ],
)
def test_speakers_are_recognised_however_they_are_written(tmp_path: Path, content: str) -> None:
    found, dropped = read(text(tmp_path / "a.md", content))
    assert [said(c) for c in found] == [SAID]
    assert not dropped


def test_what_follows_on_further_lines_belongs_to_the_turn(tmp_path: Path) -> None:
    content = "Customer: How?\nAgent: Like this:\n\n1. Login: open\n2. Note: be quick\nStep 3: done\nCustomer: Thanks\n"
    found, _ = read(text(tmp_path / "a.txt", content))
    assert found[0].turns[1].text == "Like this:\n\n1. Login: open\n2. Note: be quick\nStep 3: done"


def test_conversations_are_parted_by_rules_and_headings(tmp_path: Path) -> None:
    one = "Customer: Question {0}\nAgent: Yes\n"
    content = (
        "# Chats\n\n"
        + "\n---\n".join(one.format(i) for i in range(2))
        + "\nConversation 12:\n"
        + one.format(2)
    )
    found, dropped = read(text(tmp_path / "a.txt", content))
    assert [c.turns[0].text for c in found] == ["Question 0", "Question 1", "Question 2"]
    assert not dropped


def test_names_are_understood_from_what_their_bearers_say(tmp_path: Path) -> None:
    content = (
        "Contoso Representative: Hello, my name is Daleen.\nCustomer (Adam): Hi, I need help.\n"
        "Daleen: Sure.\nAdam: My order is late.\nDaleen: I am sorry.\nAdam: Thanks.\n"
    )
    found, _ = read(text(tmp_path / "a.txt", content))
    assert [t.role for t in found[0].turns] == ["agent", "customer", "agent", "customer", "agent", "customer"]


def test_of_two_names_the_one_who_greets_like_an_agent_is_it(tmp_path: Path) -> None:
    content = "Chris: Thank you for calling.\nHelena: My plan is too dear.\nChris: I see.\nHelena: So?\n"
    found, _ = read(text(tmp_path / "a.txt", content))
    assert [t.role for t in found[0].turns] == ["agent", "customer", "agent", "customer"]


def test_two_strangers_are_not_guessed_at(tmp_path: Path) -> None:
    content = "Chris: Hello.\nHelena: Hi.\nChris: Well.\nHelena: Well.\n"
    found, dropped = read(text(tmp_path / "a.txt", content))
    assert not found
    assert dropped[0].kind == "no_role"
    assert "'Chris', 'Helena'" in dropped[0].why
    found, _ = read(
        text(tmp_path / "a.txt", content), ReadOptions(roles={"chris": "agent", "helena": "customer"})
    )
    assert len(found) == 1


def test_prose_without_speakers_is_reported_with_its_line(tmp_path: Path) -> None:
    found, dropped = read(text(tmp_path / "a.txt", "\n\nOnce upon a time\nthere was a parcel.\n"))
    assert not found
    assert [(d.line, d.kind) for d in dropped] == [(3, "no_role")]


def test_a_giant_line_of_text_is_skipped(tmp_path: Path) -> None:
    content = f"{'x' * 9000}\n---\nCustomer: {ASKED}\nAgent: {ANSWERED}\n"
    found, dropped = read(text(tmp_path / "a.txt", content), ReadOptions(limits=Limits(max_item_chars=1000)))
    assert [said(c) for c in found] == [SAID]
    assert [(d.line, d.kind) for d in dropped] == [(1, "too_long")]


@pytest.mark.parametrize(
    ("speaker", "part"),
    [
        ("USER", "customer"),
        ("End-User", "customer"),
        ("Visitor 12", "customer"),
        ("Customer Daniel", "customer"),
        ("Customer Support", "agent"),
        ("Contoso Inc. Representative", "agent"),
        ("gpt", "agent"),
        ("Bot", "agent"),
        ("operator", "agent"),
        ("用户123", "customer"),
        ("developer", "system"),
        ("tool", "ignored"),
        ("Anna", None),
        ("", None),
        ("1", None),
    ],
)
def test_labels_of_the_field_are_known(speaker: str, part: str | None) -> None:
    assert part_of(speaker) == part


def test_yes_and_no_are_read_by_their_column() -> None:
    assert part_of("True", column="Inbound") == "customer"
    assert part_of("0", column="inbound") == "agent"
    assert part_of("1", column="is_staff") == "agent"


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        (1714554000, "2024-05-01T09:00:00+00:00"),
        ("1714554000000", "2024-05-01T09:00:00+00:00"),
        ("2024-05-01T09:00:00Z", "2024-05-01T09:00:00+00:00"),
        ("2024-05-01 09:00:00", "2024-05-01T09:00:00"),
        ("Wed, 01 May 2024 09:00:00 +0200", "2024-05-01T09:00:00+02:00"),
        ("Tue Oct 31 22:10:47 +0000 2017", "2017-10-31T22:10:47+00:00"),
        ("05/04/2024 09:00", ""),
        ("yesterday", ""),
        (None, ""),
        (True, ""),
        (42, ""),
    ],
)
def test_times_are_read_or_left_out(value: object, iso: str) -> None:
    assert iso_time(value) == iso


@given(st.text(max_size=400))
def test_any_text_can_be_looked_through(content: str) -> None:
    assert all(message.speaker for message in messages_in(content, {}))


@given(
    st.lists(st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=30), min_size=2, max_size=8)
)
def test_what_is_written_with_speakers_is_read_back(texts: list[str]) -> None:
    lines = [f"{'Customer' if i % 2 == 0 else 'Agent'}: {t}" for i, t in enumerate(texts)]
    assert [m.text for m in messages_in("\n".join(lines), {})] == texts

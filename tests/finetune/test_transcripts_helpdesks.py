"""Exports of Zendesk, Intercom, Chatwoot and Freshdesk, as their documentation describes them."""

from pathlib import Path
from typing import Any

import pytest

from finetune.transcripts import ReadOptions
from tests.finetune.transcripts_files import ANSWERED, ASKED, SAID, chat, read, said, write

ZENDESK = {
    "id": 35436,
    "requester_id": 20978392,
    "created_at": "2024-05-01T09:00:00Z",
    "satisfaction_rating": {"score": "bad"},
    "comments": [
        {
            "id": 1,
            "author_id": 20978392,
            "plain_body": ASKED,
            "public": True,
            "created_at": "2024-05-01T09:00:00Z",
        },
        {"id": 2, "author_id": 235323, "body": "Ask the warehouse first", "public": False},
        {
            "id": 3,
            "author_id": 235323,
            "html_body": f"<p>{ANSWERED}</p><div class='zendesk_quote'>{ASKED}</div>",
            "public": True,
            "created_at": "2024-05-01T09:30:00Z",
        },
    ],
}
INTERCOM = {
    "type": "conversation",
    "id": "147",
    "created_at": 1714554000,
    "source": {"type": "conversation", "body": f"<p>{ASKED}</p>", "author": {"type": "user", "id": "u1"}},
    "contacts": {
        "type": "contact.list",
        "contacts": [{"type": "contact", "id": "u1", "external_id": "cust-9"}],
    },
    "conversation_rating": {"rating": 1},
    "conversation_parts": {
        "type": "conversation_part.list",
        "conversation_parts": [
            {
                "part_type": "note",
                "body": "<p>Angry one</p>",
                "author": {"type": "admin"},
                "created_at": 1714554100,
            },
            {"part_type": "assignment", "body": None, "author": {"type": "bot"}, "created_at": 1714554110},
            {
                "part_type": "comment",
                "body": f"<p>{ANSWERED}</p>",
                "author": {"type": "admin"},
                "created_at": 1714554200,
            },
        ],
    },
}
CHATWOOT = {
    "id": 12,
    "meta": {"sender": {"id": 5}},
    "messages": [
        {"id": 1, "content": ASKED, "message_type": 0, "created_at": 1714554000, "private": False},
        {"id": 2, "content": "Assigned to Kim", "message_type": 2, "created_at": 1714554001},
        {"id": 3, "content": "check stock", "message_type": 1, "private": True, "created_at": 1714554002},
        {"id": 4, "content": ANSWERED, "message_type": 1, "private": False, "created_at": 1714554003},
        {
            "id": 5,
            "content": "Please rate",
            "message_type": 3,
            "content_type": "input_csat",
            "content_attributes": {"submitted_values": {"csat_survey_response": {"rating": 2}}},
        },
    ],
}
FRESHDESK = {
    "id": 77,
    "requester_id": 9,
    "subject": "Parcel",
    "description": f"<div>{ASKED}</div>",
    "description_text": ASKED,
    "created_at": "2024-05-01T09:00:00Z",
    "satisfaction_rating": -103,
    "conversations": [
        {"id": 1, "body_text": "internal", "incoming": False, "private": True, "user_id": 4},
        {"id": 2, "body_text": ANSWERED, "incoming": False, "private": False, "user_id": 4},
    ],
}
DESKS = {"zendesk": ZENDESK, "intercom": INTERCOM, "chatwoot": CHATWOOT, "freshdesk": FRESHDESK}


@pytest.mark.parametrize("name", DESKS)
def test_public_words_are_taken_and_private_notes_counted(tmp_path: Path, name: str) -> None:
    found, dropped = read(write(tmp_path / "a.jsonl", DESKS[name]))
    assert [said(c) for c in found] == [SAID]
    assert found[0].id == str(DESKS[name]["id"])
    assert found[0].customer
    assert found[0].started_at.startswith("2024-05-01T09:00:00")
    assert found[0].turns[1].rating == -1
    assert [(d.kind, d.count) for d in dropped] == [("private_note", 1)]


@pytest.mark.parametrize(
    "document",
    [
        {"tickets": [ZENDESK], "count": 1, "next_page": None},
        {"type": "conversation.list", "pages": {"page": 1}, "conversations": [INTERCOM]},
        {"data": {"meta": {"all_count": 1}, "payload": [CHATWOOT]}},
        [FRESHDESK],
        FRESHDESK,
        {"ticket": {k: v for k, v in ZENDESK.items() if k != "comments"}, "comments": ZENDESK["comments"]},
        {"helpdesk_ticket": {"display_id": 77, "requester_id": 9, "description": ASKED,
                             "notes": [{"helpdesk_note": {"body": ANSWERED, "incoming": False, "private": False}}]}},
    ],
)  # fmt: skip
def test_the_envelopes_of_their_interfaces_are_opened(tmp_path: Path, document: Any) -> None:
    found, _ = read(write(tmp_path / "a.json", document))
    assert [said(c) for c in found] == [SAID]


def test_a_named_help_desk_is_demanded(tmp_path: Path) -> None:
    found, dropped = read(write(tmp_path / "a.jsonl", ZENDESK, chat()), ReadOptions(format="zendesk"))
    assert len(found) == 1
    assert (dropped[0].line, dropped[0].kind) == (2, "unknown")
    assert "zendesk" in dropped[0].why


def test_a_ticket_that_only_agents_wrote_in_is_dropped(tmp_path: Path) -> None:
    ticket = {**ZENDESK, "comments": [ZENDESK["comments"][2]]}  # type: ignore[index]
    found, dropped = read(write(tmp_path / "a.jsonl", ticket))
    assert not found
    assert [d.kind for d in dropped] == ["no_customer"]


def test_html_bodies_become_lines(tmp_path: Path) -> None:
    parts = dict(INTERCOM)
    parts["source"] = {
        "body": "<p>It says:<br>Error&nbsp;5 &amp; stops</p><ul><li>red</li><li>blue</li></ul>",
        "author": {"type": "lead"},
    }
    found, _ = read(write(tmp_path / "a.jsonl", parts))
    assert found[0].turns[0].text == "It says:\nError 5 & stops\n- red\n- blue"

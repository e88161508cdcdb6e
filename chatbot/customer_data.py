"""Everything that is kept of one customer, as one file to hand over."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sqlalchemy import select

from chatbot.errors import InputError
from chatbot.export import as_object
from chatbot.schema import TicketRow
from chatbot.store import Conversation, ConversationStore

DATA_NAME = "conversations.json"
FILES_FOLDER = "attachments"


@dataclass(frozen=True, slots=True)
class Exported:
    """How much went into an export; `missing` names files that are not there any more."""

    conversations: int
    tickets: int
    files: int
    missing: tuple[str, ...]


def export_customer(store: ConversationStore, identity: str, folder: Path, file: IO[bytes]) -> Exported:
    """Writes a ZIP of a customer's conversations, ratings, tickets and files.

    Args:
        identity: Id of a conversation, or of a visitor: then all of theirs.
        folder: Of the attachments.

    Raises:
        InputError: Nothing is kept of them.
    """
    conversations = store.all_of(identity)
    if not conversations:
        raise InputError(
            f"Nothing is kept of {identity!r}.", "Give the id of a conversation or of a visitor."
        )
    tickets = _tickets(store, conversations)
    attached = {a.sha256: a for c in conversations for m in c.messages for a in m.attachments}
    missing = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for sha256, attachment in attached.items():
            path = folder / sha256[:2] / sha256
            if path.is_file():  # many are called screenshot.png
                archive.write(path, f"{FILES_FOLDER}/{sha256[:8]}-{attachment.name}")
            else:
                missing.append(attachment.name)
        data = {"conversations": [as_object(c) for c in conversations], "tickets": tickets}
        archive.writestr(DATA_NAME, json.dumps(data, ensure_ascii=False, indent=2))
    return Exported(len(conversations), len(tickets), len(attached) - len(missing), tuple(missing))


def _tickets(store: ConversationStore, conversations: Sequence[Conversation]) -> list[dict[str, str]]:
    ids = [conversation.id for conversation in conversations]
    query = select(TicketRow).where(TicketRow.conversation_id.in_(ids)).order_by(TicketRow.created_at)
    with store.database.reading() as session:
        return [
            {
                "conversation_id": row.conversation_id,
                "cause": row.cause,
                "note": row.note,
                "contact": row.contact,
                "state": row.status,
                "created_at": row.created_at.isoformat(),
                "changed_at": row.changed_at.isoformat(),
            }
            for row in session.scalars(query)
        ]

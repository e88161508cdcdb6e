"""Takes a backup while the server runs."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path

from chatbot.backup.archive import Manifest, writing
from chatbot.backup.parts import Part, add_part, add_secrets
from chatbot.backup.rows import dump
from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.settings import Settings

DATABASE = "database.jsonl"


def take_backup(
    settings: Settings, file: Path, leave_out: Collection[Part] = (), *, secrets: bool = False
) -> Manifest:
    """Writes a backup that holds the state of one moment; it is there whole or not at all.

    The database comes first: what it names is in the files that are read after it.

    Args:
        leave_out: Parts that are not wanted.
        secrets: Also accounts, API keys and what signs tokens; whoever has the file can then act for visitors.

    Raises:
        InputError: The file is there already, or the knowledge base is on a server and not left out.
        StorageError: The disk is full, or the database cannot be read.
    """
    if settings.knowledge_base.chroma_url and Part.KNOWLEDGE_BASE not in leave_out:
        raise InputError(
            "The knowledge base is on a Chroma server, where it cannot be held still.",
            "Write it with `frontdesk kb export FILE`, and give `--leave-out knowledge-base` here.",
        )
    parts = [part for part in Part if part not in leave_out]
    names = ("database", *parts, *(("secrets",) if secrets else ()))
    made: list[Manifest] = []

    def manifest(members: Mapping[str, tuple[int, str]]) -> Manifest:
        made.append(Manifest(datetime.now(UTC).isoformat(), names, members))
        return made[0]

    database = Database(settings.database_address)
    try:
        with writing(file, manifest) as archive:
            archive.add_lines(DATABASE, dump(database, secrets=secrets))
            for part in parts:
                add_part(archive, settings.data_dir, part)
            if secrets:
                add_secrets(archive, settings.data_dir)
    finally:
        database.close()
    return made[0]

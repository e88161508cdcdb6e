"""Which stored files are still needed: a file goes when no message refers to it and none is about to.

Files are shared by everybody who sent the same content, so an erasure removes only what nobody else refers to. A
claim is kept from the moment a file is stored until the message that it came with is kept too; what is left of
erased conversations is noted in the transaction that erases them, so that a killed erasure is finished later. It
knows nothing of what the files hold.
"""

import logging
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import String, cast, delete, select, text
from sqlalchemy.orm import Session

from chatbot.database import Database
from chatbot.schema import AttachmentClaimRow, MessageRow, TurnRow

log = logging.getLogger(__name__)
CLAIM_S = 3600.0
_LOCK = 5_230_419  # any number that nobody else locks in our database
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REFERENCE = re.compile(r'"sha256":\s*"([0-9a-f]{64})"')  # in a text of a customer the quotes are escaped


class AttachmentClaims:
    """Claims on the files of one folder, in the database of the conversations.

    Claiming and sweeping never overlap: SQLite has one lock for writing, and in Postgres they take one of their own.

    Args:
        folder: Of the files, each at `ab/<sha256>`; without one nothing is ever removed.
        claim_s: How long a file is kept whose message never comes.
    """

    def __init__(self, database: Database, folder: Path | None, claim_s: float = CLAIM_S) -> None:
        self._database = database
        self._folder = folder
        self._claim_s = claim_s

    def claim(self, sha256: str) -> None:
        """Keeps a file that is about to be stored, until its message is."""
        until = datetime.now(UTC) + timedelta(seconds=self._claim_s)
        with self._database.writing() as session:
            _wait_for_turn(session)
            session.add(AttachmentClaimRow(sha256=sha256, until=until))

    def drop(self, sha256: str) -> None:
        """Takes back a claim: no message will come for it."""
        with self._database.writing() as session:
            settle(session, [sha256])
            loosen(session, [sha256])
        self.sweep()

    def sweep(self) -> int:
        """Removes the files that were left loose and are not needed; how many.

        A file that cannot be removed is logged, and tried again by the next sweep.
        """
        if self._folder is None:
            return 0
        removed = 0
        with self._database.writing() as session:
            _wait_for_turn(session)
            due = _due(session)
            referred = _referred_to(session) if due else set()
            for sha256 in due:
                if sha256 not in referred:
                    was_there = _unlink(self._folder / sha256[:2] / sha256)
                    if was_there is None:
                        continue
                    removed += was_there
                session.execute(delete(AttachmentClaimRow).where(AttachmentClaimRow.sha256 == sha256))
        return removed

    def sweep_folder(self) -> int:
        """The same for all files, also those that no claim tells of, and half-written ones; for a start."""
        if self._folder is None:
            return 0
        before = datetime.now(UTC).timestamp() - self._claim_s
        with self._database.writing() as session:
            old = [path for path in self._folder.glob("??/*") if _is_older(path, before)]
            whole = {path.name for path in old if _SHA256.fullmatch(path.name)}
            loosen(session, whole - _referred_to(session) if whole else ())
        for path in old:
            if path.name not in whole:
                _unlink(path)
        return self.sweep()


def _wait_for_turn(session: Session) -> None:
    """Until this transaction ends no other one claims or sweeps."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def settle(session: Session, hashes: Iterable[str]) -> None:
    """Ends one claim on each file: its message is kept in the same transaction."""
    now = datetime.now(UTC)
    for sha256 in hashes:
        first = (
            select(AttachmentClaimRow.id)
            .where(AttachmentClaimRow.sha256 == sha256, AttachmentClaimRow.until > now)
            .order_by(AttachmentClaimRow.until)
            .limit(1)
        )
        if (found := session.scalar(first)) is not None:
            session.execute(delete(AttachmentClaimRow).where(AttachmentClaimRow.id == found))


def loosen(session: Session, hashes: Iterable[str]) -> None:
    """Notes files of messages that are erased in the same transaction, for the next sweep."""
    now = datetime.now(UTC)
    session.add_all(AttachmentClaimRow(sha256=sha256, until=now) for sha256 in sorted(set(hashes)))


def _due(session: Session) -> list[str]:
    """Files with claims that have all run out."""
    now = datetime.now(UTC)
    waiting = select(AttachmentClaimRow.sha256).where(AttachmentClaimRow.until > now)
    query = select(AttachmentClaimRow.sha256).where(AttachmentClaimRow.sha256.not_in(waiting)).distinct()
    return list(session.scalars(query))


def _referred_to(session: Session) -> set[str]:
    """Hashes of the files of all messages, also of those that wait for their answer; one pass over each table."""
    found: set[str] = set()
    for column in (MessageRow.attachments, TurnRow.message):
        dumped = cast(column, String)
        for value in session.scalars(select(dumped).where(dumped.contains('"sha256"'))):
            found.update(_REFERENCE.findall(value))
    return found


def _unlink(path: Path) -> bool | None:
    """Whether the file was there; None when it cannot be removed, which is logged."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        log.error("a file of an erased message cannot be removed: %s", error)
        return None
    return True


def _is_older(path: Path, timestamp: float) -> bool:
    try:
        return path.stat().st_mtime < timestamp
    except OSError:
        return False

"""Keys of programs: made once, shown once, kept as a hash, limited to scopes, revocable.

It knows nothing of HTTP. A key has 256 random bits, so a fast hash is enough: there is nothing to guess.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select

from chatbot.database import Database
from chatbot.errors import InputError
from chatbot.schema import ApiKeyRow
from chatbot.text import clean_text

_FORM = re.compile(r"fd-([0-9a-f]{16})-([A-Za-z0-9_-]{43})")
_NAME_CHARS = 100


class Scope(StrEnum):
    """What a key may do."""

    CHAT = "chat"
    TRANSCRIBE = "transcribe"
    METRICS = "metrics"
    KNOWLEDGE = "knowledge"
    FINETUNE = "finetune"
    PRIVACY = "privacy"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    revoked_at: datetime | None = None


class ApiKeyStore:
    """All reading and writing of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, scopes: Sequence[Scope]) -> tuple[ApiKey, str]:
        """A new key and its text, which cannot be shown again.

        Raises:
            InputError: It has no name or no scope.
        """
        shown = " ".join(clean_text(name).split())[:_NAME_CHARS]
        if not shown or not scopes:
            raise InputError("A key needs a name and at least one scope.", f"Scopes: {', '.join(Scope)}.")
        secret = secrets.token_urlsafe(32)
        row = ApiKeyRow(
            id=secrets.token_hex(8),
            name=shown,
            secret_sha256=_hashed(secret),
            scopes=sorted(set(scopes)),
            created_at=datetime.now(UTC),
        )
        with self._database.writing() as session:
            session.add(row)
        return _key(row), f"fd-{row.id}-{secret}"

    def list(self) -> tuple[ApiKey, ...]:
        """Every key that was ever made, oldest first."""
        with self._database.reading() as session:
            return tuple(
                _key(row) for row in session.scalars(select(ApiKeyRow).order_by(ApiKeyRow.created_at))
            )

    def revoke(self, key_id: str) -> None:
        """Ends a key at once; a key that is revoked stays so.

        Raises:
            InputError: There is no such key.
        """
        with self._database.writing() as session:
            row = session.get(ApiKeyRow, key_id)
            if row is None:
                raise InputError(f"There is no key {key_id!r}.", "See `frontdesk keys list`.")
            row.revoked_at = row.revoked_at or datetime.now(UTC)

    def verify(self, text: str) -> ApiKey | None:
        """The key that this text is, None when it is none or was revoked."""
        match = _FORM.fullmatch(text)
        if match is None:
            return None
        with self._database.reading() as session:
            row = session.get(ApiKeyRow, match[1])
            known = row.secret_sha256 if row and row.revoked_at is None else ""
            is_right = hmac.compare_digest(known, _hashed(match[2]))
            return _key(row) if row and is_right else None


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _key(row: ApiKeyRow) -> ApiKey:
    scopes = tuple(Scope(scope) for scope in row.scopes)
    return ApiKey(row.id, row.name, scopes, row.created_at, row.revoked_at)

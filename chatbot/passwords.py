"""Passwords: which are taken, and their Argon2 hashes. It knows nothing of accounts."""

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from chatbot.errors import InputError

MOST_CHARS = 256
_LEAST_DISTINCT = 5
_AT_ONCE = 2  # each takes 64 MiB and a core for a moment


class Passwords:
    """Hashes with Argon2id (RFC 9106, second recommendation); a few at a time, so that guessing cannot exhaust memory.

    Args:
        min_chars: Shortest password that is taken.
        hasher: With other costs.
    """

    def __init__(self, min_chars: int, hasher: PasswordHasher | None = None) -> None:
        self._min_chars = min_chars
        self._hasher = hasher or PasswordHasher()
        self._running = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = ""

    def check(self, password: str, name: str) -> None:
        """Whether a password may be chosen.

        Raises:
            InputError: It is too short, too long, too simple, or little more than the account's name.
        """
        chars = _normal(password)
        if not self._min_chars <= len(chars) <= MOST_CHARS:
            raise InputError(f"A password has {self._min_chars} to {MOST_CHARS} characters.")
        rest = chars.casefold().replace(name.casefold(), "") if name else chars
        if len(set(chars)) < _LEAST_DISTINCT or len(rest) < self._min_chars // 2:
            raise InputError(
                "This password is too easy to guess.", "A few words that do not belong together do well."
            )

    def hash(self, password: str) -> str:
        """What is kept of a password."""
        with self._running:
            return self._hasher.hash(_bytes(password))

    def verify(self, known: str | None, password: str) -> bool:
        """Whether the password is the one that was hashed; takes as long when there is none."""
        given = _bytes(password[:MOST_CHARS])
        with self._running:
            self._nobodys = self._nobodys or self._hasher.hash("nobody's")
            try:
                is_right = self._hasher.verify(known or self._nobodys, given)
            except (VerificationError, InvalidHashError):
                return False
        return is_right and known is not None and len(password) <= MOST_CHARS

    def is_outdated(self, known: str) -> bool:
        """Whether a hash was made with other costs than are used now."""
        return self._hasher.check_needs_rehash(known)


def _bytes(password: str) -> bytes:
    return _normal(password).encode("utf-8", "surrogatepass")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)

"""Challenges that cost an anonymous visitor's browser some work (hashcash, Back 2002): forty lines that slow a flood.

A challenge is signed, not stored; a solved one is stored until it expires, so that it counts once.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

from sqlalchemy import delete

from chatbot.database import Database
from chatbot.schema import SpentChallengeRow

LIFE_S = 300
_HASH_BITS = 256


class ProofOfWork:
    """Makes challenges and judges answers.

    Args:
        secret: Challenges are signed with a key made from it.
        now: Seconds since 1970.
    """

    def __init__(self, database: Database, secret: str, now: Callable[[], float] = time.time) -> None:
        self._database = database
        self._key = hmac.digest(secret.encode(), b"frontdesk proof of work", "sha256")
        self._now = now

    def challenge(self) -> str:
        """Something to work on, for `LIFE_S` seconds."""
        text = f"{int(self._now()) + LIFE_S}.{secrets.token_urlsafe(16)}"
        return f"{text}.{self._signature(text)}"

    def accepts(self, challenge: str, nonce: str, bits: int) -> bool:
        """Whether it is a challenge of ours that holds, was solved with so many zero bits, and never before."""
        text, _, signature = challenge.rpartition(".")
        expected = self._signature(text)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):
            return False
        expires_at = int(text.partition(".")[0])
        if expires_at < self._now() or leading_zero_bits(challenge, nonce) < bits:
            return False
        return self._spend(challenge, expires_at)

    def _spend(self, challenge: str, expires_at: int) -> bool:
        spent = hashlib.sha256(challenge.encode()).hexdigest()
        with self._database.writing_alone("proofs") as session:
            session.execute(delete(SpentChallengeRow).where(SpentChallengeRow.expires_at < int(self._now())))
            if session.get(SpentChallengeRow, spent):
                return False
            session.add(SpentChallengeRow(challenge_sha256=spent, expires_at=expires_at))
        return True

    def _signature(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def leading_zero_bits(challenge: str, nonce: str) -> int:
    """How many zero bits the SHA-256 of `challenge:nonce` begins with."""
    digest = hashlib.sha256(f"{challenge}:{nonce}".encode("utf-8", "surrogatepass")).digest()
    return _HASH_BITS - int.from_bytes(digest, "big").bit_length()


def solve(challenge: str, bits: int) -> str:
    """A nonce, found by trying: what a client does."""
    number = 0
    while leading_zero_bits(challenge, str(number)) < bits:
        number += 1
    return str(number)

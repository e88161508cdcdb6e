"""Work is accepted once, in time, when it is enough and for a challenge of ours."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatbot.database import Database
from chatbot.proof_of_work import LIFE_S, ProofOfWork, leading_zero_bits, solve


class Clock:
    now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def database(tmp_path: Path, empty_database: Path) -> Iterator[Database]:
    shutil.copy(empty_database, tmp_path / "frontdesk.db")
    opened = Database(f"sqlite:///{tmp_path / 'frontdesk.db'}")
    yield opened
    opened.close()


def test_a_solution_is_taken_once_also_by_another_process(database: Database) -> None:
    proofs, other = ProofOfWork(database, "s"), ProofOfWork(database, "s")
    challenge = proofs.challenge()
    nonce = solve(challenge, 8)
    assert other.accepts(challenge, nonce, 8)
    assert not proofs.accepts(challenge, nonce, 8)
    assert not other.accepts(challenge, nonce, 1)


def test_too_little_work_late_work_and_foreign_challenges_are_refused(database: Database) -> None:
    clock = Clock()
    proofs = ProofOfWork(database, "s", clock)
    challenge = proofs.challenge()
    nonce = solve(challenge, 8)
    assert not proofs.accepts(challenge, nonce, leading_zero_bits(challenge, nonce) + 1)
    for forged in (
        ProofOfWork(database, "x", clock).challenge(),
        f"9{challenge}",
        "",
        "..",
        "é.é.é",
        "\ud800",
    ):
        assert not proofs.accepts(forged, solve(forged, 0), 0)
    clock.now_s += LIFE_S + 1
    assert not proofs.accepts(challenge, nonce, 8)


def test_a_hash_is_counted_bit_by_bit() -> None:
    nonce = solve("challenge", 10)
    import hashlib

    bits = bin(int.from_bytes(hashlib.sha256(f"challenge:{nonce}".encode()).digest(), "big"))[2:].zfill(256)
    assert bits.index("1") == leading_zero_bits("challenge", nonce) >= 10

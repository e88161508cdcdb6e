"""Which passwords are taken, and that only their hashes tell them apart."""

import pytest
from argon2 import PasswordHasher

from chatbot.errors import InputError
from chatbot.passwords import Passwords
from tests.cheap import CHEAP

GOOD = "purple otter ladder"


@pytest.mark.parametrize(
    "password", ["", "short", "elevenchars", "a" * 40, "abababababab", "x" * 257, "ann@shop.example"]
)
def test_short_simple_and_telling_passwords_are_refused(password: str) -> None:
    with pytest.raises(InputError):
        Passwords(12, CHEAP).check(password, "ann@shop.example")


def test_a_few_words_of_any_script_are_taken() -> None:
    for password in (GOOD, "紫色的水獭爬上了木头梯子", "ann walks purple otters"):
        Passwords(12, CHEAP).check(password, "ann")


def test_a_password_is_known_by_its_hash_however_it_was_composed() -> None:
    passwords = Passwords(12, CHEAP)
    hashed = passwords.hash("Caf\u00e9 au lait noir")
    assert hashed.startswith("$argon2id$")
    assert hashed != passwords.hash("Caf\u00e9 au lait noir")
    assert passwords.verify(hashed, "Cafe\u0301 au lait noir")
    for wrong in ("", "cafe au lait noir", "x" * 10_000):
        assert not passwords.verify(hashed, wrong)


def test_nobodys_password_is_never_right_but_is_looked_at_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[str] = []
    verify = PasswordHasher.verify
    monkeypatch.setattr(
        PasswordHasher, "verify", lambda self, known, text: looked.append(known) or verify(self, known, text)
    )
    passwords = Passwords(12, CHEAP)
    assert not passwords.verify(None, "nobody's")
    assert not passwords.verify("no hash", GOOD)
    assert len(looked) == 2


def test_the_real_costs_are_those_of_the_rfc() -> None:
    used = Passwords(12)._hasher
    assert (used.time_cost, used.memory_cost, used.parallelism) == (3, 65_536, 4)
    assert Passwords(12).is_outdated(CHEAP.hash(GOOD))

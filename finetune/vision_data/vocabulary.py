"""The words on the screens: lists by language, and values such as names, amounts and codes made up from a seed."""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "zh": "Chinese"}
LANGUAGE_WEIGHTS = {"en": 6, "de": 1, "fr": 1, "es": 1, "zh": 1}
_COMPANIES = (
    "Northwind Harbor Lumen Quillon Brightway Tessaro Oakline Velmora Pinecrest Zephyro Corvia Mistral "
    "Solvane Kestrel Arboria Nuvelo Stellat Quarry Fenwick Ostara Halden Marlowe Tivoli Cobalto Juniper"
).split()
_FIRST = "anna jonas mei lucia omar sophie peter ines david clara ravi emma tom nora felix lea".split()
_LAST = "weber martin chen garcia haddad laurent novak silva brown rossi patel olsen keller moreau".split()
_NETWORKS = "Casa Home Villa Office Studio Loft Garden Cabin Atelier Nest".split()
_LETTERS = "ABCDEFGHKLMNPRTVWX"


@dataclass(frozen=True)
class Vocabulary:
    """The words of one language.

    Attributes:
        titles: Titles by screen type.
        lists: Other words by what they are for: `settings`, `menu`, `actions`, `refusals`, `errors` and so on.
        labels: Fixed labels of fields and buttons by their key.
    """

    titles: dict[str, list[str]]
    lists: dict[str, list[str]]
    labels: dict[str, str]


@cache
def vocabulary(language: str) -> Vocabulary:
    """The words of a language in `LANGUAGES`."""
    text = (files("finetune.vision_data") / "words" / f"{language}.json").read_text(encoding="utf-8")
    words: dict[str, Any] = json.loads(text)
    return Vocabulary(words.pop("titles"), labels=words.pop("labels"), lists=words)


def company(rng: Random) -> str:
    """A made-up company."""
    return rng.choice(_COMPANIES)


def person(rng: Random) -> str:
    """A first and a last name."""
    return f"{rng.choice(_FIRST).title()} {rng.choice(_LAST).title()}"


def email(rng: Random) -> str:
    """An address in a domain reserved for examples (RFC 2606)."""
    return f"{rng.choice(_FIRST)}.{rng.choice(_LAST)}@example.{rng.choice(('com', 'org', 'net'))}"


def amount(rng: Random) -> str:
    """An amount of money."""
    value = f"{rng.randint(3, 480)}.{rng.choice(('00', '50', '90', '95', '99'))}"
    return rng.choice((f"${value}", f"{value} €", f"£{value}"))


def code(rng: Random) -> str:
    """An error code."""
    letters = "".join(rng.choices(_LETTERS, k=2))
    return rng.choice((f"{letters}-{rng.randint(100, 999)}", f"E{rng.randint(1000, 9999)}"))


def number(rng: Random) -> str:
    """A number of an order or ticket."""
    return f"{rng.choice(_LETTERS)}{rng.randint(10_000, 99_999)}"


def network(rng: Random) -> str:
    """A name of a wireless network."""
    return f"{rng.choice(_NETWORKS)}-{rng.randint(10, 99)}"


def version(rng: Random) -> str:
    """A version of firmware or of an app."""
    return f"{rng.randint(1, 9)}.{rng.randint(0, 14)}.{rng.randint(0, 9)}"


def date(rng: Random) -> str:
    """A day, written with digits so that it fits every language."""
    return f"{rng.randint(1, 28):02}.{rng.randint(1, 12):02}.{rng.randint(2023, 2027)}"


FACTS = {
    "email": email,
    "amount": amount,
    "code": code,
    "number": number,
    "network": network,
    "version": version,
}
"""Makers of values that a question may ask for, by kind: also of the wrong choices."""

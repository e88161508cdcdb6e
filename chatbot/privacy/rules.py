"""What differs from company to company: the form of its codes, words that stay and words that go."""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chatbot.errors import InputError, SettingsError
from chatbot.privacy.spans import PiiType
from chatbot.settings import Settings


@dataclass(frozen=True, slots=True)
class CodePattern:
    """A company's own code, for example its order number, as a regular expression."""

    entity_type: PiiType
    pattern: str


EXAMPLE_CODES = (
    CodePattern(PiiType.ORDER_ID, r"\bWF-?\d{8}\b"),
    CodePattern(PiiType.TICKET_ID, r"\bT-\d{6}\b"),
    CodePattern(PiiType.SERIAL_NUMBER, r"\bWR(?=[A-Z0-9]{0,9}\d)[A-Z0-9]{10}\b"),
)
EXAMPLE_ALLOWED = (
    "Wrenfield",
    "Wrenfield Plus",
    "Wren One",
    "Wren Pro",
    "Wren Dot",
    "Wren Out",
    "Wren",
    "Dot",
    "Dots",
    "help@wrenfield.example",
    "+49 30 5550 1720",
    "030 5550 1720",
)


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """The defaults are those of the example company.

    Attributes:
        codes: Patterns of order, ticket and serial numbers, tried ignoring case.
        kept: Regular expressions for text that is never masked: by default error codes such as `WR-101`.
        allowed: Names that are never masked: products, the company, its own addresses; case is ignored.
        denied: Terms a reviewer wants masked wherever they stand, with their kind; case is ignored.
    """

    codes: tuple[CodePattern, ...] = EXAMPLE_CODES
    kept: tuple[str, ...] = (r"\b[A-Z]{2,4}-\d{2,4}\b(?!-)",)
    allowed: tuple[str, ...] = EXAMPLE_ALLOWED
    denied: Mapping[str, PiiType] | None = None

    def reviewed(self, terms: "ReviewerTerms") -> "PrivacyRules":
        """These rules with what a reviewer added."""
        return replace(
            self,
            allowed=(*self.allowed, *terms.false_positives),
            denied={**(self.denied or {}), **terms.masked},
        )


def rules_from_settings(settings: Settings) -> PrivacyRules:
    """The rules in the file that the settings name, else the example company's; the company's name always stays.

    The file may hold `kept` and `allowed` (lists), `codes` (a table from kind to a list of regular expressions) and
    `denied` (a table from term to kind).

    Raises:
        SettingsError: The file cannot be read or holds something else; the text says what.
    """
    if settings.privacy_rules is None:
        rules = PrivacyRules()
    else:
        rules = _loaded_rules(Path(settings.privacy_rules).expanduser())
    return replace(rules, allowed=(*rules.allowed, settings.company_name))


def _loaded_rules(path: Path) -> PrivacyRules:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The privacy rules {path.name} cannot be read: {error}", _RULES_HINT) from error
    if unknown := sorted(set(given) - {"kept", "allowed", "codes", "denied"}):
        raise SettingsError(f"{path.name} holds the unknown key {unknown[0]!r}.", _RULES_HINT)
    codes = _table(given, "codes", path.name)
    denied = _table(given, "denied", path.name)
    return PrivacyRules(
        codes=tuple(
            CodePattern(_kind(name, path.name), form)
            for name in codes
            for form in _texts(codes, name, path.name)
        ),
        kept=tuple(_checked(form, path.name) for form in _texts(given, "kept", path.name)),
        allowed=tuple(_texts(given, "allowed", path.name)),
        denied={term: _kind(name, path.name) for term, name in denied.items()},
    )


_RULES_HINT = "Write for example allowed = [\"Acme Hub\"], and under [codes] ORDER_ID = ['\\bAC-\\d{6}\\b']."


def _table(given: Mapping[str, Any], key: str, file: str) -> Mapping[str, Any]:
    table = given.get(key, {})
    if not isinstance(table, dict):
        raise SettingsError(f"`{key}` in {file} is no table.", _RULES_HINT)
    return table


def _texts(given: Mapping[str, Any], key: str, file: str) -> list[str]:
    values = given.get(key, [])
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SettingsError(f"`{key}` in {file} is no list of texts.", _RULES_HINT)
    return values


def _kind(name: object, file: str) -> PiiType:
    if str(name) not in PiiType.__members__:
        raise SettingsError(
            f"{file} names the unknown kind {name!r}.", f"Kinds are {', '.join(PiiType.__members__)}."
        )
    return PiiType[str(name)]


def _checked(form: str, file: str) -> str:
    try:
        re.compile(form)
    except re.error as error:
        raise SettingsError(f"{form!r} in {file} is no regular expression: {error}.", _RULES_HINT) from error
    return form


@dataclass(frozen=True, slots=True)
class ReviewerTerms:
    """What a reviewer of a sample found: terms that were missed, with their kind, and terms wrongly masked."""

    masked: Mapping[str, PiiType]
    false_positives: tuple[str, ...] = ()


def load_reviewer_terms(path: Path) -> ReviewerTerms:
    """Reads a JSON list of `{"term": …, "type": "PERSON"}` and `{"term": …, "keep": true}`.

    A bare string is a term to mask as `<PRIVATE>`.

    Raises:
        InputError: It is no such list; the text names the item.
    """
    try:
        items = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path.name} cannot be read as JSON: {error}", _HINT) from error
    if not isinstance(items, list):
        raise InputError(f"{path.name} holds no list.", _HINT)
    return _terms(items, path.name)


_HINT = (
    'Write a list such as [{"term": "Project Heron", "type": "PRIVATE"}, {"term": "Pilot", "keep": true}].'
)


def _terms(items: Iterable[object], name: str) -> ReviewerTerms:
    masked: dict[str, PiiType] = {}
    kept: list[str] = []
    for number, item in enumerate(items, 1):
        record = {"term": item} if isinstance(item, str) else item
        if not isinstance(record, dict) or not _is_term(record.get("term")):
            raise InputError(f"Item {number} of {name} has no term.", _HINT)
        if record.get("keep"):
            kept.append(record["term"].strip())
            continue
        kind = str(record.get("type", PiiType.PRIVATE)).upper()
        if kind not in PiiType.__members__:
            raise InputError(
                f"Item {number} of {name} has the unknown type {kind!r}.",
                f"Types are {', '.join(PiiType.__members__)}.",
            )
        masked[record["term"].strip()] = PiiType[kind]
    return ReviewerTerms(masked, tuple(kept))


def _is_term(term: object) -> bool:
    return isinstance(term, str) and bool(re.search(r"\w", term))

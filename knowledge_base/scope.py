"""Whom a document is for and when it holds: language, product, audience, dates; and filters by these."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from knowledge_base.documents import Document, FaqEntry
from knowledge_base.errors import DocumentError
from knowledge_base.records import Record

FIELDS = ("product", "audience", "valid_from", "valid_until")
"""Front matter, columns of a table and `<meta>` names that say it, beside the language."""
CUSTOMERS = "customers"
_CALLED_CUSTOMERS = frozenset(("customers", "customer", "public", "everyone", "all"))


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a document is for, and when.

    Attributes:
        products: In lower case; none when it holds for all.
        audiences: In lower case; none when everybody may read it.
        valid_from, valid_until: The first and the last day.
    """

    language: str = ""
    products: frozenset[str] = frozenset()
    audiences: frozenset[str] = frozenset()
    valid_from: date = date.min
    valid_until: date = date.max

    @property
    def is_public(self) -> bool:
        """Whether customers may read it, at least while it is valid."""
        return not self.audiences or not self.audiences.isdisjoint(_CALLED_CUSTOMERS)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search may find; by default what a customer may read today.

    Attributes:
        language: ISO 639-1 code; all when empty.
        product: Documents about it and those that name no product; all when empty.
        audience: Documents for it and those that customers may read; all when empty.
        on: The day on which they must be valid; today when None.
        any_time: Also what is not valid yet, or no longer.
    """

    language: str = ""
    product: str = ""
    audience: str = CUSTOMERS
    on: date | None = None
    any_time: bool = False

    def admit(self, scope: Scope) -> bool:
        """Whether a document of this scope may be found."""
        product, audience = self.product.strip().casefold(), self.audience.strip().casefold()
        return (
            self.language[:2].lower() in ("", scope.language)
            and (not product or not scope.products or product in scope.products)
            and (not audience or scope.is_public or audience in scope.audiences)
            and (self.any_time or scope.valid_from <= (self.on or date.today()) <= scope.valid_until)
        )


FOR_CUSTOMERS = Filters()
EVERYTHING = Filters(audience="", any_time=True)


def checked_facts(fields: Mapping[str, str], name: str) -> dict[str, str]:
    """Those of the fields that make a scope, the empty ones left out.

    Raises:
        DocumentError: A date is none, or the last day is before the first.
    """
    facts = {field: value for field in FIELDS if (value := fields.get(field, ""))}
    days = {field: _checked_day(facts[field], field, name) for field in FIELDS[2:] if field in facts}
    if days.get("valid_from", date.min) > days.get("valid_until", date.max):
        raise DocumentError(
            f"{name}: it is valid until {days['valid_until']}, before {days['valid_from']}, from when it is valid.",
            "Correct `valid_from` or `valid_until`.",
        )
    return facts


def scope_of(record: Record) -> Scope:
    """The scope of a document or FAQ entry."""
    facts = record.metadata
    return Scope(
        record.language,
        _names(facts.get("product", "")),
        _names(facts.get("audience", "")),
        _day(facts.get("valid_from", "")) or date.min,
        _day(facts.get("valid_until", "")) or date.max,
    )


def public_documents(documents: Iterable[Document]) -> list[Document]:
    """Those that customers may read today."""
    return [document for document in documents if FOR_CUSTOMERS.admit(scope_of(document))]


def public_entries(entries: Iterable[FaqEntry]) -> list[FaqEntry]:
    """Those that customers may read today."""
    return [entry for entry in entries if FOR_CUSTOMERS.admit(scope_of(entry))]


def names_in(text: str) -> tuple[str, ...]:
    """The names of a list as front matter writes it, separated by commas or semicolons."""
    return tuple(name.strip() for name in text.replace(";", ",").split(",") if name.strip())


def _names(text: str) -> frozenset[str]:
    return frozenset(name.casefold() for name in names_in(text))


def _checked_day(text: str, field: str, name: str) -> date:
    day = _day(text)
    if day is None:
        raise DocumentError(
            f"{name}: `{field}` is {text[:40]!r}, which is no date.", "Write it like 2026-12-31."
        )
    return day


def _day(text: str) -> date | None:
    """A day as written, or the day of a time; None for anything else."""
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None

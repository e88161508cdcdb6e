"""Recall and precision of masking against annotated sentences or spoken answers.

**Mapping of entity names** (the other sets' on the left, ours on the right):

- PERSON → PERSON
- STREET_ADDRESS, ADDRESS → ADDRESS
- ZIP_CODE, POSTCODE → POSTCODE
- EMAIL_ADDRESS, EMAIL → EMAIL
- PHONE_NUMBER, PHONE → PHONE
- CREDIT_CARD → CREDIT_CARD
- IBAN_CODE, IBAN → IBAN
- US_SSN, US_DRIVER_LICENSE, US_PASSPORT, US_ITIN, UK_NHS, UK_NINO, IDENTITY_NUMBER → IDENTITY_NUMBER
- US_BANK_NUMBER, ACCOUNT_NUMBER → ACCOUNT_NUMBER
- ORDER_ID, TICKET_ID, SERIAL_NUMBER, IP_ADDRESS, PASSWORD, DATE_OF_BIRTH → the same
- DATE_TIME → DATE_OF_BIRTH where a word of birth stands in the 40 characters before it

Out of scope, neither a hit nor a miss: other DATE_TIME, GPE (a town or country on its own names nobody), ORGANIZATION,
NRP, TITLE, AGE, DOMAIN_NAME and whatever else a set annotates.

**Matching.** Letters and digits are counted, nothing else. An annotated span is a hit when masks of any kind cover at
least 90 % of it: what matters is that it is gone, so `<PHONE>` over a card number is a confusion of kinds (counted in
`confused`) and no miss. A mask is right when at least half of it lies on annotated spans in scope, and for an address
also on the town, state and country that belong to it; a mask on anything else, also on a company or a lone town,
counts against precision.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chatbot.errors import InputError
from chatbot.privacy.redactor import Redactor
from chatbot.privacy.spans import PiiSpan, PiiType

COVERED = 0.9
CORRECT = 0.5
_BATCH = 100
_RENAMED: Mapping[PiiType, str] = {
    PiiType.ADDRESS: "STREET_ADDRESS",
    PiiType.POSTCODE: "ZIP_CODE",
    PiiType.EMAIL: "EMAIL_ADDRESS",
    PiiType.PHONE: "PHONE_NUMBER",
    PiiType.IBAN: "IBAN_CODE",
    PiiType.IDENTITY_NUMBER: "US_SSN US_DRIVER_LICENSE US_PASSPORT US_ITIN UK_NHS UK_NINO",
    PiiType.ACCOUNT_NUMBER: "US_BANK_NUMBER",
}
MAPPING: Mapping[str, PiiType] = {
    **{kind.value: kind for kind in PiiType},
    **{name: kind for kind, names in _RENAMED.items() for name in names.split()},
}
_ADDRESS_PARTS = frozenset({"GPE", "LOCATION", "ZIP_CODE"})
_ADDRESSES = (PiiType.ADDRESS, PiiType.POSTCODE)
_BIRTH = re.compile(r"\b(?:born|birth|birthday|d\.?o\.?b)\b", re.IGNORECASE)
_BIRTH_CHARS = 40
_QUESTIONS = {
    "name": ("What is your full name?", PiiType.PERSON),
    "dob": ("What is your date of birth?", PiiType.DATE_OF_BIRTH),
    "postcode": ("What is your postcode?", PiiType.POSTCODE),
}
_Row = Mapping[str, Any]


@dataclass(slots=True)
class _Tally:
    gold: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    masked: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)
    confused: int = 0


def evaluate_privacy(
    data: Path, redactor: Redactor, *, first: int = 0, last: int | None = None
) -> dict[str, Any]:
    """Measures a redactor on a folder with `sentences.jsonl`, or with `turns.jsonl` of spoken answers.

    Args:
        first: Row to begin with, for a part that was not tuned on.
        last: Row to stop before.

    Returns:
        `task`, `data`, `n` (rows), `metrics` (`recall`, `precision` and each per kind as `recall_person`, …; of spoken
        answers only recall, the share of answers to a question of which at least half is masked), `settings`.

    Raises:
        InputError: The folder holds neither file, or a line of it is no such record.
    """
    sentences, turns = data / "sentences.jsonl", data / "turns.jsonl"
    if sentences.is_file():
        rows = _rows(sentences)[first:last]
        metrics = _metrics(_tally(rows, redactor))
    elif turns.is_file():
        rows = _rows(turns)[first:last]
        metrics = _spoken(rows, redactor)
    else:
        raise InputError(
            f"{data} holds neither sentences.jsonl nor turns.jsonl.",
            'Lines are {"text": …, "spans": [{"entity_type": …, "start": …, "end": …}]} or {"text": …, "item": …}.',
        )
    settings = {"covered": COVERED, "correct": CORRECT, "first_row": first, "last_row": first + len(rows)}
    return {"task": "privacy", "data": data.name, "n": len(rows), "metrics": metrics, "settings": settings}


def mapped(text: str, span: _Row) -> PiiType | None:
    """Our kind of an annotated span, None when it is out of scope."""
    name = span["entity_type"]
    if name == "DATE_TIME":
        before = text[max(0, span["start"] - _BIRTH_CHARS) : span["start"]]
        return PiiType.DATE_OF_BIRTH if _BIRTH.search(before) else None
    return MAPPING.get(name)


def _rows(path: Path) -> list[_Row]:
    with path.open(encoding="utf-8") as file:
        return [_row(line, f"Line {number} of {path.name}") for number, line in enumerate(file, 1)]


def _row(line: str, place: str) -> _Row:
    try:
        row = json.loads(line)
        if not isinstance(row["text"], str):
            raise TypeError("its text is no string")
        for span in row.get("spans", ()):
            if not 0 <= span["start"] <= span["end"] <= len(row["text"]) or not span["entity_type"]:
                raise ValueError("a span lies outside of its text")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place} is no record with a text and spans: {error}.") from error
    found: _Row = row
    return found


def _tally(rows: Sequence[_Row], redactor: Redactor) -> _Tally:
    tally = _Tally()
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        found = redactor.detect_conversations([[row["text"]] for row in batch])
        for row, (spans,) in zip(batch, found, strict=True):
            _count(row["text"], row.get("spans", ()), spans, tally)
    return tally


def _count(text: str, annotated: Sequence[_Row], spans: Sequence[PiiSpan], tally: _Tally) -> None:
    """Adds one sentence to the tally."""
    named = [(mapped(text, s), _signs(text, s["start"], s["end"])) for s in annotated]
    gold = [(kind, places) for kind, places in named if kind and places]
    hidden = {i: s.entity_type for s in spans for i in range(s.start, s.end)}
    for kind, places in gold:
        tally.gold[kind.value] += 1
        covered = [hidden[i] for i in places if i in hidden]
        if len(covered) >= COVERED * len(places):
            tally.hit[kind.value] += 1
            tally.confused += Counter(covered).most_common(1)[0][0] is not kind
    in_scope = {i for _, places in gold for i in places}
    parts = {i for s in annotated if s["entity_type"] in _ADDRESS_PARTS for i in range(s["start"], s["end"])}
    for span in spans:
        places = _signs(text, span.start, span.end)
        allowed = in_scope | parts if _is_on_address(places, gold) else in_scope
        tally.masked[span.entity_type.value] += 1
        tally.right[span.entity_type.value] += sum(i in allowed for i in places) >= CORRECT * len(places)


def _is_on_address(places: Sequence[int], gold: Sequence[tuple[PiiType, Sequence[int]]]) -> bool:
    return any(kind in _ADDRESSES and not set(places).isdisjoint(there) for kind, there in gold)


def _signs(text: str, start: int, end: int) -> list[int]:
    """Places of letters and digits."""
    return [i for i in range(start, end) if text[i].isalnum()]


def _metrics(tally: _Tally) -> dict[str, float]:
    return {
        "recall": _ratio(tally.hit.total(), tally.gold.total()),
        "precision": _ratio(tally.right.total(), tally.masked.total()),
        "annotated": float(tally.gold.total()),
        "masked": float(tally.masked.total()),
        "confused": float(tally.confused),
        **dict(_per_kind("recall", tally.hit, tally.gold)),
        **dict(_per_kind("precision", tally.right, tally.masked)),
    }


def _per_kind(name: str, part: Counter[str], whole: Counter[str]) -> Iterator[tuple[str, float]]:
    for kind in sorted(whole):
        yield f"{name}_{kind.lower()}", _ratio(part[kind], whole[kind])


def _ratio(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _spoken(rows: Sequence[_Row], redactor: Redactor) -> dict[str, float]:
    """Recall of single answers, each after the question that the item names."""
    answers = [row for row in rows if row.get("item") in _QUESTIONS and re.search(r"\w", row["text"])]
    asked = [(row["text"], *_QUESTIONS[row["item"]]) for row in answers]
    said, hit = Counter[str](), Counter[str]()
    found = redactor.detect_conversations([[question, text] for text, question, _ in asked])
    for (text, _, kind), (_, spans) in zip(asked, found, strict=True):
        said[kind.value] += 1
        hit[kind.value] += sum(s.end - s.start for s in spans) >= CORRECT * len(text.strip())
    return {"recall": _ratio(hit.total(), said.total()), **dict(_per_kind("recall", hit, said))}

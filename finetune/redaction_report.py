"""What a redaction masked, in numbers only: it holds no personal data and may be shown to anybody."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class RedactionReport:
    """What a redaction masked.

    Attributes:
        masked: How many of each kind stand in the file, over all turns.
        affected: Conversations in which anything was masked.
        sample: Numbers, from 0, of conversations for a reviewer to read; the same ones for the same file.
        has_model: Whether the language model was used, and not patterns alone.
        sha256: Hash of the redacted file.
        fingerprint: Hash of the input, the rules and the salt; the same ones are not redacted twice.
    """

    conversations: int
    turns: int
    affected: int
    masked: Mapping[str, int]
    sample: tuple[int, ...]
    has_model: bool
    sha256: str
    fingerprint: str

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "sample": list(self.sample)}


def redaction_report_path(out: Path) -> Path:
    """Where the report of a redaction lies."""
    return out.with_name(f"{out.name}.report.json")


def load_redaction_report(out: Path) -> RedactionReport | None:
    """The report of the redaction that wrote `out`; None when there is none that can be read."""
    try:
        record = json.loads(redaction_report_path(out).read_text(encoding="utf-8"))
        return RedactionReport(**{**record, "sample": tuple(record["sample"])})
    except (OSError, ValueError, KeyError, TypeError):
        return None

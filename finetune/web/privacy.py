"""What the step "Privacy" does: masks what was imported, shows a sample, keeps a reviewer's terms. Knows no page."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chatbot.errors import InputError, StorageError
from chatbot.privacy import PiiType, load_reviewer_terms
from finetune.errors import RedactionError
from finetune.redact import Redaction, Reviewed, redact_file, review_sample
from finetune.redaction_report import RedactionReport, load_redaction_report
from finetune.transcripts import load_report
from finetune.web.alone import alone
from knowledge_base.atomic import write_atomically

OpenRedaction = Callable[[Path | None], Redaction]
_PLACEHOLDER = re.compile(r"<[A-Z_]+>")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a reviewer wrote, one term a line; a masked one may end with `= KIND`."""

    mask: str = ""
    keep: str = ""


class PrivacyDesk:
    """Masking of the imported conversations, with the terms of a reviewer.

    Args:
        imported: Conversations with personal data.
        redacted: Gets them without.
        terms: JSON file of a reviewer's terms, as `frontdesk finetune redact --terms` reads it.
        open_redaction: Makes the redaction with these terms.
    """

    def __init__(self, imported: Path, redacted: Path, terms: Path, open_redaction: OpenRedaction) -> None:
        self._imported = imported
        self._redacted = redacted
        self._terms = terms
        self._open = open_redaction

    def terms(self) -> Terms:
        """What a reviewer wrote so far.

        Raises:
            InputError: The file was changed to something else.
        """
        if not self._terms.is_file():
            return Terms()
        known = load_reviewer_terms(self._terms)
        mask = [f"{term} = {kind.name}" for term, kind in known.masked.items()]
        return Terms("\n".join(mask), "\n".join(known.false_positives))

    def keep_terms(self, terms: Terms) -> None:
        """Writes a reviewer's terms down.

        Raises:
            InputError: A kind is not known; nothing is written.
            StorageError: The data folder cannot be written.
        """
        items: list[dict[str, object]] = [_masked(line) for line in _lines(terms.mask)]
        items += [{"term": line, "keep": True} for line in _lines(terms.keep)]
        try:
            self._terms.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._terms, json.dumps(items, ensure_ascii=False, indent=1).encode())
        except OSError as error:
            raise StorageError(f"{self._terms.name} cannot be written: {error.strerror}.") from error

    def redact(
        self, terms: Terms, progress: Callable[[int], None] | None = None
    ) -> tuple[RedactionReport, tuple[Reviewed, ...]]:
        """Masks everything anew with these terms; returns the report and a sample to read.

        Raises:
            InputError: A term is not usable, or another redaction is running.
            RedactionError: Nothing was imported yet.
            ModelError: The language model is needed and cannot be had.
        """
        self._require_import()
        with alone(self._redacted, "Another masking is running."):
            self.keep_terms(terms)
            redaction = self._open(self._terms)
            report = redact_file(self._imported, self._redacted, redaction, progress)
            return report, tuple(review_sample(self._imported, redaction, report))

    def sample(self) -> tuple[Reviewed, ...]:
        """The sample of the newest masking, made anew; errors as for `redact`."""
        self._require_import()
        report = self.report()
        if report is None:
            return ()
        redaction = self._open(self._terms if self._terms.is_file() else None)
        return tuple(review_sample(self._imported, redaction, report))

    def report(self) -> RedactionReport | None:
        """Of the newest masking; None when there was none."""
        return load_redaction_report(self._redacted) if self._redacted.is_file() else None

    @property
    def is_outdated(self) -> bool:
        """Whether something else was imported since the newest masking."""
        report, imported = self.report(), load_report(self._imported)
        return bool(report and imported and not report.fingerprint.startswith(imported.sha256))

    def _require_import(self) -> None:
        if not self._imported.is_file():
            raise RedactionError("Nothing was imported yet.", "Import transcripts first.")


def _lines(text: str) -> list[str]:
    return [line.strip() for line in (text or "").splitlines() if line.strip()]


def _masked(line: str) -> dict[str, object]:
    term, equals, kind = (part.strip() for part in line.rpartition("="))
    if not equals:
        term, kind = line, PiiType.PRIVATE.name
    if kind.upper() not in PiiType.__members__:
        raise InputError(
            f"{kind!r} in {line!r} is no kind of personal data.",
            f"Kinds are {', '.join(PiiType.__members__)}.",
        )
    if not re.search(r"\w", term):
        raise InputError(f"{line!r} names nothing to mask.", "Write the words, then perhaps `= KIND`.")
    return {"term": term, "type": kind.upper()}


def masked_parts(before: str, after: str) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with the placeholder that took its place, or with an empty one where it stayed.

    Where the two cannot be laid over each other the whole text is one piece that stayed.
    """
    kept, placeholders = _PLACEHOLDER.split(after), _PLACEHOLDER.findall(after)
    pieces: list[tuple[str, str]] = []
    place = 0
    for number, text in enumerate(kept):
        is_last = number == len(kept) - 1
        found = len(before) - len(text) if is_last else before.find(text, place)
        if found < place or before[found : found + len(text)] != text:
            yield before, ""
            return
        if number:
            pieces.append((before[place:found], placeholders[number - 1]))
        elif found:
            yield before, ""
            return
        pieces.append((text, ""))
        place = found + len(text)
    yield from ((text, mask) for text, mask in pieces if text or mask)

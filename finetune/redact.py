"""Conversations without personal data: the only form in which the dataset builder takes them.

It knows nothing of examples and training. A file is read as a stream; what is done is on the disk every few hundred
conversations, so that a killed redaction goes on where it was and ends in the same bytes.
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from chatbot.errors import StorageError
from chatbot.models import Progress
from chatbot.privacy import (
    Masked,
    Redactor,
    load_reviewer_terms,
    redactor_from_settings,
    rules_from_settings,
)
from chatbot.settings import Settings
from finetune.conversations import SupportConversation
from finetune.errors import RedactionError
from finetune.pseudonyms import load_salt, masked_file_name, masked_id, pseudonym
from finetune.redaction_report import RedactionReport, load_redaction_report, redaction_report_path
from finetune.transcripts import dump_conversation, load_conversation
from knowledge_base.atomic import write_atomically

_VERSION = 3  # a change of what is masked makes older redactions stale
_BATCH = 32
_CHECKPOINT_EVERY = 8  # batches
_SAMPLE = 20
_SEAL = object()


@dataclass(frozen=True, slots=True)
class RedactedConversation:
    """A conversation that went through redaction. Only this module makes them.

    Attributes:
        conversation: Its texts with typed placeholders; its customer is a salted hash.
    """

    conversation: SupportConversation
    _: KW_ONLY
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Only `finetune.redact` makes redacted conversations.")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One conversation of the sample, before and after, for a reviewer; the first holds personal data."""

    before: SupportConversation
    after: SupportConversation


class Redaction:
    """How conversations are redacted.

    Args:
        redactor: With the company's rules and a reviewer's terms.
        salt: Of the data folder (`load_salt`).
    """

    def __init__(self, redactor: Redactor, salt: bytes) -> None:
        self._redactor = redactor
        self._salt = salt

    @property
    def fingerprint(self) -> str:
        """Hash of everything that the result depends on beside the conversations."""
        rules = json.dumps(asdict(self._redactor.rules), sort_keys=True, default=str)
        parts = (str(_VERSION), rules, str(self.has_model), hashlib.sha256(self._salt).hexdigest())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    @property
    def has_model(self) -> bool:
        """Whether names are found by the language model too."""
        return self._redactor.has_model

    def redact(self, conversations: Iterable[SupportConversation]) -> Iterator[RedactedConversation]:
        """Each conversation without personal data, in order.

        Raises:
            ModelError: The language model is needed and cannot be had.
        """
        for conversation, _ in self.redact_counted(conversations):
            yield conversation

    def redact_counted(
        self, conversations: Iterable[SupportConversation]
    ) -> Iterator[tuple[RedactedConversation, Mapping[str, int]]]:
        """`redact`, each with how many of each kind were masked."""
        iterator = iter(conversations)
        while batch := list(islice(iterator, _BATCH)):
            texts = [[turn.text for turn in conversation.turns] for conversation in batch]
            masked = self._redactor.mask_conversations(texts)
            for conversation, turns in zip(batch, masked, strict=True):
                counts = sum((Counter(turn.counts) for turn in turns), Counter[str]())
                yield RedactedConversation(self._rewritten(conversation, turns), seal=_SEAL), counts

    def _rewritten(self, conversation: SupportConversation, masked: Sequence[Masked]) -> SupportConversation:
        turns = (replace(t, text=m.text) for t, m in zip(conversation.turns, masked, strict=True))
        return SupportConversation(
            id=masked_id(conversation.id, self._redactor, self._salt),
            turns=tuple(turns),
            customer=pseudonym(conversation.customer, self._salt),
            source=masked_file_name(conversation.source, self._redactor),
            started_at=conversation.started_at,
        )


def redaction_from_settings(
    settings: Settings, terms: Path | None = None, progress: Progress | None = None
) -> Redaction:
    """Redaction by the company's rules, with what a reviewer of a sample wrote into a file of terms.

    Args:
        progress: Told how much of the language model was fetched, when it has to be.

    Raises:
        InputError: The terms cannot be read.
        SettingsError: The rules cannot be read.
        StorageError: The data folder cannot be written.
    """
    rules = rules_from_settings(settings)
    if terms is not None:
        rules = rules.reviewed(load_reviewer_terms(terms))
    return Redaction(redactor_from_settings(settings, rules, progress), load_salt(settings.data_dir))


def redact_file(
    source: Path, out: Path, redaction: Redaction, progress: Callable[[int], None] | None = None
) -> RedactionReport:
    """Redacts a file that `import_transcripts` wrote, and writes the report beside the result.

    Args:
        out: Replaced only when the new one is complete.
        progress: Told now and then how many conversations are done.

    Raises:
        RedactionError: The source is not there or no such file.
        StorageError: The result cannot be written.
        ModelError: The language model is needed and cannot be had.
    """
    try:
        fingerprint = f"{_hash_of(source)}{redaction.fingerprint}"
    except OSError as error:
        raise RedactionError(f"{source.name} cannot be read: {error.strerror}.", _IMPORT) from error
    if done := _finished(out, fingerprint):
        return done
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        return _Work(source, out, fingerprint).run(redaction, progress)
    except OSError as error:
        raise StorageError(f"{out.name} cannot be written: {error.strerror}.") from error


def load_redacted(path: Path) -> Iterator[RedactedConversation]:
    """The conversations of a redacted file, after its hash was compared with its report.

    Raises:
        RedactionError: It was never redacted, is not complete, or was changed since.
    """
    report = load_redaction_report(path)
    if report is None or not path.is_file() or _hash_of(path) != report.sha256:
        raise RedactionError(
            f"{path.name} is no file of redacted conversations, or it was changed since.",
            "Run `frontdesk finetune redact` on the imported transcripts.",
        )
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield RedactedConversation(load_conversation(json.loads(line)), seal=_SEAL)


def review_sample(source: Path, redaction: Redaction, report: RedactionReport) -> Iterator[Reviewed]:
    """The sampled conversations before and after, made anew: the report itself keeps no personal data.

    Raises:
        RedactionError: The source is not there or no such file.
    """
    wanted = set(report.sample)
    with _opened(source) as file:
        chosen = [_parsed(line, i, source) for i, line in enumerate(file) if i in wanted]
    for before, after in zip(chosen, redaction.redact(chosen), strict=True):
        yield Reviewed(before, after.conversation)


_IMPORT = "Import the transcripts with `frontdesk finetune import`."


@dataclass(slots=True)
class _State:
    """How far a redaction is: places in both files, and what was counted up to them."""

    read: int = 0
    written: int = 0
    conversations: int = 0
    turns: int = 0
    affected: int = 0
    masked: dict[str, int] = field(default_factory=dict)
    sample: list[tuple[str, int]] = field(default_factory=list)

    def add(self, conversation: SupportConversation, counts: Mapping[str, int]) -> None:
        self.masked = dict(Counter(self.masked) + Counter(counts))
        key = hashlib.sha256(f"{self.conversations}".encode()).hexdigest()
        self.sample = sorted([*self.sample, (key, self.conversations)])[:_SAMPLE]
        self.conversations += 1
        self.turns += len(conversation.turns)
        self.affected += bool(counts)


class _Work:
    """One redaction in the making: `OUT.partial` and, beside it, how far it is."""

    def __init__(self, source: Path, out: Path, fingerprint: str) -> None:
        self._source, self._out, self._fingerprint = source, out, fingerprint
        self._partial = out.with_name(f"{out.name}.partial")
        self._checkpoint = out.with_name(f"{out.name}.partial.json")

    def run(self, redaction: Redaction, progress: Callable[[int], None] | None) -> RedactionReport:
        state = self._resumed()
        with _opened(self._source) as source, self._opened_partial(state) as partial:
            source.seek(state.read)
            for number, batch in enumerate(self._batches(source, state.conversations), 1):
                self._redact_batch(redaction, batch, partial, state)
                state.read = source.tell()
                if number % _CHECKPOINT_EVERY == 0:
                    self._keep(partial, state)
                if progress:
                    progress(state.conversations)
            self._keep(partial, state)
        return self._finish(state, redaction.has_model)

    def _batches(self, source: BinaryIO, done: int) -> Iterator[list[SupportConversation]]:
        while lines := list(islice(iter(source.readline, b""), _BATCH)):
            yield [_parsed(line, done + i, self._source) for i, line in enumerate(lines)]
            done += len(lines)

    @staticmethod
    def _redact_batch(
        redaction: Redaction, batch: list[SupportConversation], partial: BinaryIO, state: _State
    ) -> None:
        for redacted, counts in redaction.redact_counted(batch):
            line = f"{dump_conversation(redacted.conversation)}\n".encode()
            partial.write(line)
            state.written += len(line)
            state.add(redacted.conversation, counts)

    def _resumed(self) -> _State:
        try:
            record = json.loads(self._checkpoint.read_text(encoding="utf-8"))
            state = _State(**record["state"])
            state.sample = [(key, number) for key, number in state.sample]
            is_ours = record["fingerprint"] == self._fingerprint
            return state if is_ours and self._partial.stat().st_size >= state.written else _State()
        except (OSError, ValueError, KeyError, TypeError):
            return _State()

    def _opened_partial(self, state: _State) -> BinaryIO:
        file = self._partial.open("r+b" if state.written else "wb")
        file.truncate(state.written)
        file.seek(state.written)
        return file

    def _keep(self, partial: BinaryIO, state: _State) -> None:
        partial.flush()
        os.fsync(partial.fileno())
        record = {"fingerprint": self._fingerprint, "state": asdict(state)}
        write_atomically(self._checkpoint, json.dumps(record).encode())

    def _finish(self, state: _State, has_model: bool) -> RedactionReport:
        """The report first: a result without its report would not be taken for redacted."""
        report = RedactionReport(
            state.conversations,
            state.turns,
            state.affected,
            dict(sorted(state.masked.items())),
            tuple(sorted(number for _, number in state.sample)),
            has_model,
            _hash_of(self._partial),
            self._fingerprint,
        )
        text = json.dumps(report.as_record(), ensure_ascii=False, indent=1)
        write_atomically(redaction_report_path(self._out), text.encode())
        self._partial.replace(self._out)
        self._checkpoint.unlink(missing_ok=True)
        return report


def _finished(out: Path, fingerprint: str) -> RedactionReport | None:
    report = load_redaction_report(out)
    if report is None or report.fingerprint != fingerprint or not out.is_file():
        return None
    return report if _hash_of(out) == report.sha256 else None


def _opened(source: Path) -> BinaryIO:
    try:
        return source.open("rb")
    except OSError as error:
        raise RedactionError(f"{source.name} cannot be read: {error.strerror}.", _IMPORT) from error


def _parsed(line: bytes, number: int, source: Path) -> SupportConversation:
    try:
        return load_conversation(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        raise RedactionError(
            f"{source.name}, line {number + 1}, is no imported conversation.", _IMPORT
        ) from error


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

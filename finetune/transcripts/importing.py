"""Many files of transcripts to one file of conversations: joined, without repeats, with a report.

Each file is read into a part that is complete or absent, and the parts are put together at the end: killed at any
moment, an import goes on with the file it was at, and ends in the same bytes.
"""

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from finetune.conversations import SupportConversation
from finetune.forgotten import Forgotten
from finetune.transcripts.archives import members
from finetune.transcripts.formats import format_of
from finetune.transcripts.own_format import as_record, dump_conversation, load_conversation
from finetune.transcripts.read import member_source, read_numbered
from finetune.transcripts.values import ColumnMapping, Dropped, ReadOptions, Source, TranscriptError
from knowledge_base.atomic import opened_atomically

_VERSION = 1  # a change of what readers find makes older parts and reports stale
_MAX_LISTED = 1000
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import took and what it left.

    Attributes:
        turns: Turns of all conversations, after messages in a row by one side were joined.
        renamed: Conversations whose id another one with other words already has; theirs got a suffix.
        formats: Label of every file → its format, or `unusable`.
        reasons: Kind of reason → how often something was dropped for it.
        dropped: The first thousand of them, in the order of the files.
        first: The first conversations, to look at.
        sha256: Hash of the written file.
        fingerprint: Hash of the inputs and options; the same ones are not imported twice.
    """

    conversations: int
    turns: int
    renamed: int
    formats: Mapping[str, str]
    reasons: Mapping[str, int]
    dropped: tuple[Dropped, ...]
    first: tuple[SupportConversation, ...]
    sha256: str
    fingerprint: str

    def as_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        first = [as_record(conversation) for conversation in self.first]
        return {**asdict(self), "first": first, "dropped": [asdict(d) for d in self.dropped]}


@dataclass(frozen=True, slots=True)
class _Part:
    """What was read of one file."""

    label: str
    format: str
    path: Path | None
    reasons: Mapping[str, int]
    dropped: tuple[Dropped, ...]


def import_transcripts(
    paths: Sequence[Path],
    out: Path,
    options: ReadOptions | None = None,
    progress: Callable[[str, int], None] | None = None,
    mappings: Mapping[Path, ColumnMapping] | None = None,
    leave_out: Forgotten | None = None,
) -> ImportReport:
    """Reads all files and writes their conversations to `out`, one a line, and the report beside it.

    Args:
        paths: The files, in the order in which conversations shall be written.
        out: The file to write; it is replaced only when the new one is complete.
        progress: Told the label of the file at hand and how many conversations were read from it so far.
        mappings: Columns of single tables, where `options.mapping` is not right for all of them.
        leave_out: Conversations that were forgotten, though a file still holds them.

    Raises:
        TranscriptError: No file can be used at all.
    """
    options = options or ReadOptions()
    own = mappings or {}
    sources = [
        Source(path, options.label(path.name), replace(options, mapping=own.get(path, options.mapping)))
        for path in paths
    ]
    fingerprint = _fingerprint(sources, leave_out.fingerprint if leave_out else "")
    if done := _finished(out, fingerprint):
        return done
    folder = out.with_name(f"{out.name}.parts")
    folder.mkdir(parents=True, exist_ok=True)
    parts = [part for source in sources for part in _parts(source, folder, progress)]
    if parts and all(part.path is None for part in parts):
        raise TranscriptError(parts[0].dropped[0].why if len(parts) == 1 else _all_unusable(parts))
    report = _merge(parts, out, fingerprint, leave_out)
    with opened_atomically(report_path(out)) as file:
        json.dump(report.as_record(), file, ensure_ascii=False, indent=1)
    shutil.rmtree(folder)
    return report


def report_path(out: Path) -> Path:
    """Where the report of an import lies."""
    return out.with_name(f"{out.name}.report.json")


def load_report(out: Path) -> ImportReport | None:
    """The report of the import that wrote `out`; None when there is none that can be read."""
    try:
        record = json.loads(report_path(out).read_text(encoding="utf-8"))
        record["dropped"] = tuple(Dropped(**d) for d in record["dropped"])
        record["first"] = tuple(load_conversation(c) for c in record["first"])
        return ImportReport(**record)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _finished(out: Path, fingerprint: str) -> ImportReport | None:
    report = load_report(out)
    if report is None or report.fingerprint != fingerprint or not out.is_file():
        return None
    return report if _hash_of(out) == report.sha256 else None


def _parts(source: Source, folder: Path, progress: Callable[[str, int], None] | None) -> Iterator[_Part]:
    """The parts of a file: one, or one for each file in a ZIP."""
    try:
        if format_of(source) != "zip":
            yield _part(source, folder, progress)
            return
        for member in members(source):
            if isinstance(member, Dropped):
                yield _unusable(member)
                continue
            inner = member_source(source, member.path, member.name)
            yield _part(inner, folder, progress)
    except TranscriptError as error:
        yield _unusable(source.dropped(0, "file", str(error)))


def _unusable(dropped: Dropped) -> _Part:
    return _Part(dropped.source, "unusable", None, {dropped.kind: dropped.count}, (dropped,))


def _part(source: Source, folder: Path, progress: Callable[[str, int], None] | None) -> _Part:
    """Reads a file into its part, unless that is there already."""
    try:
        kind = format_of(source)
        if kind == "zip":
            return _unusable(source.dropped(0, "refused", "a ZIP inside of a ZIP is not unpacked"))
        key = hashlib.sha256(f"{_hash_of(source.path)}{_options_key(source)}".encode()).hexdigest()[:32]
        lines, summary = folder / f"{key}.jsonl", folder / f"{key}.json"
        if not summary.is_file():
            _write_part(source, lines, summary, progress)
    except TranscriptError as error:
        return _unusable(source.dropped(0, "file", str(error)))
    record = json.loads(summary.read_text(encoding="utf-8"))
    return _Part(source.label, kind, lines, record["reasons"], tuple(Dropped(**d) for d in record["dropped"]))


def _write_part(
    source: Source, lines: Path, summary: Path, progress: Callable[[str, int], None] | None
) -> None:
    reasons: Counter[str] = Counter()
    dropped: list[Dropped] = []
    count = 0
    with opened_atomically(lines) as file:
        for found in read_numbered(source):
            if isinstance(found, Dropped):
                reasons[found.kind] += found.count
                dropped += [found] if len(dropped) < _MAX_LISTED else []
                continue
            line, conversation = found
            file.write(f"{line}\t{dump_conversation(conversation)}\n")
            count += 1
            if progress and count % 100 == 0:
                progress(source.label, count)
    if progress:
        progress(source.label, count)
    with opened_atomically(summary) as file:  # written last: a part with a summary is complete
        json.dump({"reasons": reasons, "dropped": [asdict(d) for d in dropped]}, file, ensure_ascii=False)


def _merge(parts: Sequence[_Part], out: Path, fingerprint: str, leave_out: Forgotten | None) -> ImportReport:
    """Writes the parts' conversations without repeats, and counts."""
    reasons: Counter[str] = Counter()
    dropped: list[Dropped] = []
    first: list[SupportConversation] = []
    conversations = turns = renamed = 0
    with opened_atomically(out) as file, closing(_Seen()) as seen:
        for part in parts:
            reasons.update(part.reasons)
            dropped += part.dropped
            for line, conversation in _conversations(part):
                if leave_out and conversation in leave_out:
                    reasons["forgotten"] += 1
                    continue
                if not seen.is_new(conversation):
                    reasons["duplicate"] += 1
                    if len(dropped) < _MAX_LISTED:
                        dropped.append(Dropped(part.label, line, _DUPLICATE, "duplicate"))
                    continue
                named = seen.with_own_id(conversation)
                renamed += named is not conversation
                file.write(dump_conversation(named) + "\n")
                conversations, turns = conversations + 1, turns + len(named.turns)
                first += [named] if len(first) < _SHOWN else []
    formats = {part.label: part.format for part in parts}
    listed = tuple(dropped[:_MAX_LISTED])
    return ImportReport(
        conversations,
        turns,
        renamed,
        formats,
        dict(reasons),
        listed,
        tuple(first),
        _hash_of(out),
        fingerprint,
    )


_DUPLICATE = "the same words as a conversation before it"


def _conversations(part: _Part) -> Iterator[tuple[int, SupportConversation]]:
    if part.path is None:
        return
    with part.path.open(encoding="utf-8") as file:
        for text in file:
            line, _, record = text.partition("\t")
            conversation = load_conversation(json.loads(record))
            if conversation.source != part.label and conversation.source == "":
                conversation = replace(conversation, source=part.label)
            yield int(line), conversation


class _Seen:
    """Hashes and ids of the conversations written so far, on disk when they are many."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("BEGIN")
        self._database.execute("CREATE TABLE hashes (hash BLOB PRIMARY KEY) WITHOUT ROWID")
        self._database.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")

    def is_new(self, conversation: SupportConversation) -> bool:
        return self._added(
            "INSERT OR IGNORE INTO hashes VALUES (?)", bytes.fromhex(conversation.content_hash)
        )

    def with_own_id(self, conversation: SupportConversation) -> SupportConversation:
        """The conversation, under an id that no other one has."""
        if self._added("INSERT OR IGNORE INTO ids VALUES (?)", conversation.id):
            return conversation
        named = f"{conversation.id}~{conversation.content_hash[:12]}"
        self._added("INSERT OR IGNORE INTO ids VALUES (?)", named)
        return replace(conversation, id=named)

    def close(self) -> None:
        self._database.close()

    def _added(self, statement: str, value: bytes | str) -> bool:
        return self._database.execute(statement, (value,)).rowcount == 1


def _fingerprint(sources: Sequence[Source], forgotten: str) -> str:
    """Hash of all inputs and of how they are read."""
    digest = hashlib.sha256(forgotten.encode())
    for source in sources:
        content = _hash_of(source.path) if source.path.is_file() else "absent"
        digest.update(f"{content}{_options_key(source)}".encode())
    return digest.hexdigest()


def _options_key(source: Source) -> str:
    given = source.options
    values = {
        "version": _VERSION,
        "label": source.label,
        "suffix": source.path.suffix.lower(),
        "mapping": asdict(given.mapping) if given.mapping else None,
        "format": given.format,
        "hears": given.transcribe is not None,
        "roles": dict(given.roles),
        "domains": list(given.company_domains),
        "channel": given.agent_channel,
        "encoding": given.encoding,
        "limits": asdict(given.limits),
    }
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def _hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _all_unusable(parts: Sequence[_Part]) -> str:
    first = "; ".join(part.dropped[0].why for part in parts[:_SHOWN])
    return f"None of the {len(parts)} files can be used: {first}"

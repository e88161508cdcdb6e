"""Results that survive a kill: one JSON line each, on the disk before the next one is begun."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chatbot.errors import StorageError
from knowledge_base import atomic

Record = dict[str, Any]


class Journal:
    """Keyed records of one piece of work; made again with the same header, it goes on where it was left.

    A journal of other work (another header) at the same path is begun anew. A last line torn by a kill is dropped.

    Args:
        path: The JSONL file; None keeps everything in memory.
        header: What the records depend on; equal headers mean the same work.

    Raises:
        StorageError: The file cannot be read or written.
    """

    def __init__(self, path: Path | None, header: Mapping[str, Any]) -> None:
        self._path = path
        self._header: Record = json.loads(json.dumps({"header": dict(header)}))  # as it is read back
        self.records: dict[str, Record] = {}
        if path is None:
            return
        try:
            self._open(path)
        except OSError as error:
            raise StorageError(f"{path.name} cannot be opened: {error.strerror}.") from error

    def add(self, key: str, record: Record) -> None:
        """Keeps a record; it is on the disk when this returns.

        Raises:
            StorageError: It cannot be written, for example because the disk is full.
        """
        self.records[key] = record
        if self._path is None:
            return
        try:
            with self._path.open("ab") as file:
                file.write(_line({"key": key, "record": record}))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise StorageError(f"{self._path.name} cannot be written: {error.strerror}.") from error

    def _open(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = path.read_bytes() if path.is_file() else b""
        whole = kept[: kept.rfind(b"\n") + 1]
        lines = [_parsed(line) for line in whole.splitlines()]
        if not lines or lines[0] != self._header:
            lines = [self._header]
        self.records = {line["key"]: line["record"] for line in lines[1:] if "key" in line}
        content = b"".join(map(_line, [line for line in lines if line]))
        if content != kept:
            write_atomically(path, content.decode())


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file so that a kill at any moment leaves the old or the new content, whole.

    Raises:
        StorageError: The folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_atomically(path, text.encode())
    except OSError as error:
        raise StorageError(f"{path.name} cannot be written: {error.strerror}.") from error


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _parsed(line: bytes) -> Record:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

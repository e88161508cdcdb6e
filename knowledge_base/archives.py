"""The files of a ZIP, one after another, unpacked into a folder of their own. Names in a ZIP are never paths here."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO

from knowledge_base.errors import DocumentError

_BLOCK_BYTES = 2**20
_SMALL_BYTES = 2**20  # a small file may shrink a lot and harms nobody
_NOISE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What Python's own reader raises for a damaged ZIP."""


Packed = Path | IO[bytes]


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What is refused rather than unpacked.

    Attributes:
        max_bytes: All files of a ZIP together, unpacked.
        max_ratio: Unpacked size over packed size of a file (small files are exempt).
    """

    max_files: int = 20_000
    max_bytes: int = 8 * 2**30
    max_ratio: float = 200.0


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a ZIP, unpacked to `path` until the next one is asked for.

    Attributes:
        name: Its name inside of the ZIP, with forward slashes and no way out of it.
    """

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A file of a ZIP that is not unpacked.

    Attributes:
        number: Its place in the ZIP, counted from 1: its name is not to be trusted.
        kind: `refused` or `damaged`.
    """

    number: int
    kind: str
    why: str


def check_sizes(path: Packed, label: str, limits: ArchiveLimits) -> None:
    """Refuses a ZIP (or an Office file, which is one) that would unpack to too much.

    The sizes in its directory can be believed: no more than that is ever unpacked of a file.

    Args:
        label: What errors call it.

    Raises:
        DocumentError: It is damaged, too large or a ZIP bomb.
    """
    with _opened(path, label) as archive:
        _check(archive, label, limits)


def members(path: Packed, label: str, limits: ArchiveLimits) -> Iterator[Member | Refused]:
    """Every file of a ZIP in turn; those that are refused are told.

    Raises:
        DocumentError: The ZIP is damaged as a whole, too large or a bomb.
    """
    with _opened(path, label) as archive, TemporaryDirectory(prefix="frontdesk-zip-") as folder:
        _check(archive, label, limits)
        for number, info in enumerate(archive.infolist(), 1):
            if info.is_dir() or any(part in info.filename for part in _NOISE):
                continue
            if why := _refused(info):
                yield Refused(number, "refused", f"file {number} of the ZIP {why}")
                continue
            unpacked = Path(folder) / f"member{_suffix(info.filename)}"
            try:
                _unpack(archive, info, unpacked)
            except ZIP_ERRORS:
                yield Refused(number, "damaged", f"file {number} of the ZIP is damaged")
                continue
            yield Member(unpacked, info.filename.replace("\\", "/"))
            unpacked.unlink(missing_ok=True)


@contextmanager
def _opened(path: Packed, label: str) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_ERRORS as error:
        raise DocumentError(f"{label} is a damaged ZIP file.", "Pack it again.") from error
    with archive:
        yield archive


def _check(archive: zipfile.ZipFile, label: str, limits: ArchiveLimits) -> None:
    entries = archive.infolist()
    if len(entries) > limits.max_files:
        raise DocumentError(
            f"{label} holds {len(entries):,} files; at most {limits.max_files:,} are read.", "Split it."
        )
    total = sum(entry.file_size for entry in entries)
    if total > limits.max_bytes:
        raise DocumentError(
            f"{label} would unpack to {total / 1e9:.1f} GB; at most {limits.max_bytes / 1e9:.1f} GB are unpacked.",
            "Split it.",
        )
    for entry in entries:
        if entry.file_size > max(_SMALL_BYTES, entry.compress_size * limits.max_ratio):
            raise DocumentError(
                f"{label} looks like a ZIP bomb: one of its files would grow"
                f" {entry.file_size / max(1, entry.compress_size):,.0f} times.",
                "Upload the files unpacked.",
            )


def _refused(info: zipfile.ZipInfo) -> str:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/") or (len(name) > 1 and name[1] == ":"):
        return "has a name that points outside of it"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a link"
    return "is encrypted" if info.flag_bits & 1 else ""


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix[1:].isalnum() and suffix.isascii() and len(suffix) <= 8 else ""


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    with archive.open(info) as packed, path.open("wb") as file:
        while block := packed.read(_BLOCK_BYTES):
            file.write(block)

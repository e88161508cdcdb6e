"""The files of a ZIP, one after another, unpacked into a folder of their own. Names in a ZIP are never paths here."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from finetune.transcripts.values import Dropped, Source, TranscriptError

_BLOCK_BYTES = 2**20
_SMALL_BYTES = 2**20  # a small file may shrink a lot and harms nobody
_NOISE = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of a ZIP, unpacked to `path` until the next one is asked for."""

    path: Path
    name: str


def check_sizes(source: Source) -> None:
    """Refuses a ZIP (or a spreadsheet, which is one) that would unpack to too much.

    The sizes in its directory can be believed: no more than that is ever unpacked of a file.

    Raises:
        TranscriptError: It is damaged, too large or a ZIP bomb.
    """
    with _opened(source) as archive:
        _check(archive, source)


@contextmanager
def _opened(source: Source) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(source.path)
    except _ERRORS as error:
        raise TranscriptError(f"{source.label} is a damaged ZIP file.", "Pack it again.") from error
    with archive:
        yield archive


def _check(archive: zipfile.ZipFile, source: Source) -> None:
    limits, members = source.limits, archive.infolist()
    if len(members) > limits.max_archive_files:
        raise TranscriptError(
            f"{source.label} holds {len(members):,} files; at most {limits.max_archive_files:,} are read.",
            "Split it.",
        )
    total = sum(m.file_size for m in members)
    if total > limits.max_archive_bytes:
        raise TranscriptError(
            f"{source.label} would unpack to {total / 1e9:.1f} GB; at most {limits.max_archive_bytes / 1e9:.1f} GB"
            " are unpacked.",
            "Split it.",
        )
    for member in members:
        if member.file_size > max(_SMALL_BYTES, member.compress_size * limits.max_ratio):
            raise TranscriptError(
                f"{source.label} looks like a ZIP bomb: one of its files would grow"
                f" {member.file_size / max(1, member.compress_size):,.0f} times.",
                "Upload the files unpacked.",
            )


def members(source: Source) -> Iterator[Member | Dropped]:
    """Every file of a ZIP in turn; those that are refused are reported.

    Raises:
        TranscriptError: The ZIP is damaged as a whole, too large or a bomb.
    """
    with _opened(source) as archive, TemporaryDirectory(prefix="frontdesk-zip-") as folder:
        _check(archive, source)
        for number, info in enumerate(archive.infolist(), 1):
            if info.is_dir() or any(part in info.filename for part in _NOISE):
                continue
            if why := _refused(info):
                yield source.dropped(number, "refused", f"file {number} of the ZIP {why}")
                continue
            path = Path(folder) / f"member{_suffix(info.filename)}"
            try:
                _unpack(archive, info, path)
            except _ERRORS:
                yield source.dropped(number, "damaged", f"file {number} of the ZIP is damaged")
                continue
            yield Member(path, PurePosixPath(info.filename).name)
            path.unlink(missing_ok=True)


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

"""The file of a backup: a tar whose last member lists size and SHA-256 of all others.

It knows nothing of their meaning. What breaks off has no list, what was changed does not match it: neither is taken.
"""

import hashlib
import io
import json
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from chatbot.errors import InputError, StorageError

MANIFEST = "manifest.json"
FORMAT = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds.

    Attributes:
        parts: What was backed up, by name.
        members: Size in bytes and SHA-256 of each file in it.
    """

    made_at: str
    parts: tuple[str, ...]
    members: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    format: int = FORMAT


class ArchiveWriter:
    """Adds members one after the other."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.members: dict[str, tuple[int, str]] = {}

    def add_lines(self, name: str, lines: Iterable[bytes]) -> None:
        """Adds what is made on the way."""
        with tempfile.TemporaryFile() as spooled:
            spooled.writelines(lines)
            spooled.seek(0)
            self._add(name, spooled)

    def add_file(self, name: str, path: Path) -> None:
        """Adds a file; one that was removed meanwhile is left out."""
        try:
            opened = path.open("rb")
        except FileNotFoundError:
            return
        with opened:
            self._add(name, opened)

    def _add(self, name: str, file: IO[bytes]) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = os.fstat(file.fileno()).st_size, 0o600
        hashed = _Hashed(file, info.size)
        self._tar.addfile(info, cast("IO[bytes]", hashed))
        self.members[name] = (info.size, hashed.sha256.hexdigest())


class _Hashed:
    """Reads so many bytes and no more: a file that grows is taken as it was when it was opened."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size
        self.sha256 = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        self.sha256.update(data)
        return data


@contextmanager
def writing(
    path: Path, manifest: Callable[[Mapping[str, tuple[int, str]]], Manifest]
) -> Iterator[ArchiveWriter]:
    """Writes a backup beside its place and puts it there when it is whole.

    Raises:
        InputError: There is a file of that name already.
        StorageError: The disk is full or a file could not be read.
    """
    if path.exists():
        raise InputError(f"{path} is there already.", "Name another file, or remove it first.")
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with unfinished.open("xb") as file:
            unfinished.chmod(0o600)
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                writer = ArchiveWriter(tar)
                yield writer
                _add_manifest(tar, manifest(writer.members))
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
        sync_folder(path.absolute().parent)
    except (OSError, tarfile.TarError) as error:
        raise StorageError(
            f"The backup could not be written: {error}.", "Check the disk and its rights."
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)


def _add_manifest(tar: tarfile.TarFile, manifest: Manifest) -> None:
    data = json.dumps(asdict(manifest)).encode()
    info = tarfile.TarInfo(MANIFEST)
    info.size, info.mode = len(data), 0o600
    tar.addfile(info, io.BytesIO(data))


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder onto the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verify(path: Path) -> Manifest:
    """Reads the whole backup and compares each file with the list.

    Raises:
        InputError: It is no backup, broke off, or was changed.
    """
    found: dict[str, tuple[int, str]] = {}
    manifest: Manifest | None = None
    for name, file in _members(path):
        if manifest is not None:
            raise _refused(path, f"{name} comes after the list of files")
        if name == MANIFEST:
            manifest = _manifest(path, file.read())
        elif name in found:
            raise _refused(path, f"{name} is in it twice")
        else:
            found[name] = _measured(file)
    if manifest is None:
        raise _refused(path, "it breaks off before its list of files")
    if wrong := sorted({*found.items()} ^ {*manifest.members.items()}):
        raise _refused(path, f"{wrong[0][0]} is not what was backed up")
    return manifest


def extract(path: Path, manifest: Manifest, folder: Path) -> None:
    """Writes the files of a backup into a folder, onto the disk; errors as for `verify`."""
    for name, file in _members(path):
        if name == MANIFEST:
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as out:
            target.chmod(0o600)
            if _measured(file, out) != manifest.members.get(name):
                raise _refused(path, f"{name} has changed since it was checked")
            out.flush()
            os.fsync(out.fileno())


def _members(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    try:
        with tarfile.open(path, mode="r:") as tar:
            for member in tar:
                parts = PurePosixPath(member.name)
                if not member.isfile() or parts.is_absolute() or ".." in parts.parts:
                    raise _refused(path, f"{member.name} has no place in one")
                yield member.name, cast("BinaryIO", tar.extractfile(member))
    except (OSError, tarfile.TarError) as error:
        raise _refused(path, str(error)) from error


def _measured(file: BinaryIO, copy: BinaryIO | None = None) -> tuple[int, str]:
    size, sha256 = 0, hashlib.sha256()
    while data := file.read(_BLOCK_BYTES):
        size += len(data)
        sha256.update(data)
        if copy:
            copy.write(data)
    return size, sha256.hexdigest()


def _manifest(path: Path, data: bytes) -> Manifest:
    try:
        values: dict[str, Any] = json.loads(data)
        members = {name: (int(size), str(sha256)) for name, (size, sha256) in values["members"].items()}
        manifest = Manifest(values["made_at"], tuple(values["parts"]), members, values["format"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(path, "its list of files cannot be read") from error
    if manifest.format != FORMAT:
        raise _refused(path, "it is of another version of Frontdesk")
    return manifest


def _refused(path: Path, why: str) -> InputError:
    return InputError(f"{path} is no usable backup: {why}.", "Nothing was changed. Use another backup.")

"""An adapter as one tar file. Only a means of transport: what comes out is verified like any adapter folder."""

import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chatbot.adapter_files import FILE_NAME, MANIFEST, AdapterManifest, manifest_bytes
from chatbot.errors import AdapterError

_MOST_FILES = 64
_MOST_BYTES = 4_000_000_000
_BLOCK_BYTES = 1 << 20


def write_adapter_archive(folder: Path, manifest: AdapterManifest, archive: Path) -> None:
    """Writes the files of a verified adapter with its manifest; the archive appears when it is complete.

    Raises:
        AdapterError: It cannot be written.
    """
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with partial.open("wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                _add(tar, MANIFEST, manifest_bytes(manifest))
                for name in sorted(manifest.files):
                    _add(tar, name, (folder / name).read_bytes())
            out.flush()
            os.fsync(out.fileno())
        partial.replace(archive)
    except OSError as error:
        raise AdapterError(f"{archive.name} cannot be written: {error.strerror}.") from error
    finally:
        partial.unlink(missing_ok=True)


def read_adapter_archive(archive: Path, folder: Path) -> None:
    """Unpacks plain files into an empty folder; links, paths and too much of anything are refused.

    Raises:
        AdapterError: It is no archive of an adapter, or is cut short.
    """
    left_bytes = _MOST_BYTES
    with _readable_errors(archive), tarfile.open(archive) as tar:
        for count, member in enumerate(tar):
            left_bytes -= member.size
            if count >= _MOST_FILES or left_bytes < 0:
                raise AdapterError(f"{archive.name} holds too much for one adapter; nothing was taken in.")
            _take(tar, member, folder)


@contextmanager
def _readable_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise AdapterError(f"There is no file {archive}.") from error
    except IsADirectoryError as error:
        raise AdapterError(f"{archive} is a folder.", "Register it instead of importing it.") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise AdapterError(
            f"{archive.name} is not an archive of an adapter, or is damaged: {error}; nothing was taken in.",
            "Expected a file written by `frontdesk finetune export`; copy it again.",
        ) from error


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o644
    tar.addfile(member, io.BytesIO(content))


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    source = tar.extractfile(member) if member.isreg() else None
    if source is None or not FILE_NAME.fullmatch(member.name) or (folder / member.name).exists():
        raise AdapterError(
            f"The archive holds {member.name!r}, which is no file of an adapter; nothing was taken in.",
            "Expected a file written by `frontdesk finetune export`.",
        )
    with source, (folder / member.name).open("wb") as out:
        shutil.copyfileobj(source, out, _BLOCK_BYTES)

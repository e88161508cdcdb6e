"""Models as one tar file, for machines without a network.

An archive is only a means of transport: every file taken out of it is checked against the catalogue, and
whatever else it holds is refused.
"""

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from chatbot.errors import ModelError
from chatbot.model_catalogue import CatalogueModel, ModelFile
from chatbot.model_files import MANIFEST, check_files, write_manifest


def write_archive(models: Sequence[CatalogueModel], folder: Path, archive: Path) -> None:
    """Writes models from the models folder; equal models give equal bytes. It appears when it is complete."""
    partial = archive.with_name(f".{archive.name}.partial")
    try:
        with partial.open("wb") as out:
            with tarfile.open(fileobj=out, mode="w") as tar:
                for model in models:
                    for target in (MANIFEST, *(file.target for file in model.files)):
                        _add(tar, folder / model.name / target, f"{model.name}/{target}")
            out.flush()
            os.fsync(out.fileno())
        partial.replace(archive)
    finally:
        partial.unlink(missing_ok=True)


def read_archive(
    archive: Path, catalogue: Mapping[str, CatalogueModel], folder: Path
) -> list[CatalogueModel]:
    """Unpacks an archive into an empty folder and checks every file against the catalogue.

    Raises:
        ModelError: It is no archive of models, is cut short, or holds anything that the catalogue does not.
    """
    files = {(name, file.target): file for name, model in catalogue.items() for file in model.files}
    with _readable_archive_errors(archive), tarfile.open(archive) as tar:
        for member in tar:
            _take(tar, member, files, folder)
    models = [model for name, model in catalogue.items() if (folder / name).is_dir()]
    if not models:
        raise ModelError(
            f"{archive.name} holds no models.", "Expected a file written by `frontdesk models export`."
        )
    for model in models:
        _check(archive, model, folder / model.name)
        write_manifest(model, folder / model.name)
    return models


@contextmanager
def _readable_archive_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ModelError(f"There is no file {archive}.") from error
    except IsADirectoryError as error:
        raise ModelError(f"{archive} is a folder, not an archive of models.") from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ModelError(
            f"{archive.name} is not an archive of models, or is damaged: {error}; nothing was taken in.",
            "Expected a file written by `frontdesk models export`; copy it again.",
        ) from error


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = path.stat().st_size, 0o644
    with path.open("rb") as source:
        tar.addfile(member, source)


def _take(
    tar: tarfile.TarFile, member: tarfile.TarInfo, files: Mapping[tuple[str, str], ModelFile], folder: Path
) -> None:
    name, *rest = PurePosixPath(member.name).parts or ("",)
    target = "/".join(rest)
    if member.isdir() or target == MANIFEST:  # manifests are written anew
        return
    file = files.get((name, target))
    if not file or not member.isreg():
        raise ModelError(
            f"The archive holds {member.name!r}, which is no file of the catalogue; nothing was taken in.",
            "Was it written by another release of Frontdesk? Export again with this one.",
        )
    source = tar.extractfile(member)
    if not source or member.size != file.size_bytes:
        raise ModelError(f"The archive's {member.name} is not the expected file; nothing was taken in.")
    path = folder / name / target
    path.parent.mkdir(parents=True, exist_ok=True)
    with source, path.open("wb") as out:
        shutil.copyfileobj(source, out, 1 << 20)


def _check(archive: Path, model: CatalogueModel, folder: Path) -> None:
    try:
        check_files(model, folder)
    except ModelError as error:
        raise ModelError(
            f"{archive.name} was not taken in: {error.message}", "Export or copy it again."
        ) from error

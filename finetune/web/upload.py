"""What the step "Transcripts" does: takes files, shows what they seem to hold, imports them. Knows no page."""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from chatbot.errors import InputError, StorageError
from finetune.forgotten import Forgotten
from finetune.hearing import Transcribe
from finetune.transcripts import (
    ColumnMapping,
    ImportReport,
    Preview,
    ReadOptions,
    TranscriptError,
    import_transcripts,
    load_report,
    preview,
    safe_label,
)
from finetune.web.alone import alone

MAPPING_FIELDS = tuple(field.name for field in fields(ColumnMapping))
RECORDING = "audio"
_TOKEN_BYTES = 9


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded and not imported yet.

    Attributes:
        columns: Names of the columns of a table.
        problem: Why nothing of it can be read as it stands; empty when something can.
    """

    path: Path
    label: str
    format: str = ""
    columns: tuple[str, ...] = ()
    mapping: ColumnMapping = field(default_factory=ColumnMapping)
    problem: str = ""


def speakers(agents: str, domains: str) -> ReadOptions:
    """How files are read, from two fields in which things are separated by commas or lines."""
    names = {name.casefold(): "agent" for name in _listed(agents)}
    return ReadOptions(roles=names, company_domains=tuple(d.lstrip("@") for d in _listed(domains)))  # type: ignore[arg-type]


def _listed(text: str) -> list[str]:
    return [part.strip() for part in (text or "").replace("\n", ",").split(",") if part.strip()]


class Uploads:
    """Uploaded files, in folders of their own until they are imported.

    Args:
        folder: For the files; what a stopped server left there is removed.
        imported: The file that an import writes.
        leave_out: Reads which conversations were forgotten, though a file still holds them.
        transcribe: Writes recordings of calls down when they are imported; without it they are refused.
    """

    def __init__(
        self,
        folder: Path,
        imported: Path,
        leave_out: Callable[[], Forgotten | None] = lambda: None,
        transcribe: Transcribe | None = None,
    ) -> None:
        self._folder = folder
        self._imported = imported
        self._leave_out = leave_out
        self._transcribe = transcribe
        shutil.rmtree(folder, ignore_errors=True)

    def take(self, paths: Sequence[str]) -> tuple[Upload, ...]:
        """Moves files in and looks into each; those that cannot be used say why.

        Raises:
            StorageError: The data folder cannot be written.
        """
        return tuple(self._taken(Path(path)) for path in paths)

    def look(self, upload: Upload, mapping: ColumnMapping | None, options: ReadOptions) -> Preview:
        """The beginning of a file as it would be imported.

        Raises:
            TranscriptError: It cannot be used at all.
        """
        return preview(upload.path, mapping if upload.columns else None, options)

    def import_all(
        self,
        uploads: Sequence[Upload],
        options: ReadOptions,
        *,
        keep_earlier: bool = False,
        progress: Callable[[str, int], None] | None = None,
    ) -> tuple[ImportReport, tuple[Upload, ...]]:
        """Imports the files and removes them; those of which nothing could be read are kept and returned.

        Args:
            keep_earlier: Keep what was imported before; else it is replaced.

        Raises:
            InputError: There is no file, or another import is running.
            TranscriptError: None of them can be used; they are kept.
        """
        usable = [upload for upload in uploads if upload.path.is_file()]
        if not usable:
            raise InputError("There are no files to import.", "Add some first.")
        paths = [upload.path for upload in usable]
        if keep_earlier and self._imported.is_file():
            paths.insert(0, self._imported)
        options = replace(options, transcribe=self._transcribe)
        mappings = {upload.path: upload.mapping for upload in usable if upload.columns}
        with alone(self._imported, "Another import is running."):
            report = import_transcripts(paths, self._imported, options, progress, mappings, self._leave_out())
        left = tuple(upload for upload in usable if report.formats.get(upload.label) == "unusable")
        self.discard([upload for upload in usable if upload not in left])
        return report, left

    def report(self) -> ImportReport | None:
        """Of the newest import; None when there was none."""
        return load_report(self._imported) if self._imported.is_file() else None

    def discard(self, uploads: Sequence[Upload]) -> None:
        """Removes uploaded files."""
        for upload in uploads:
            if upload.path.parent.parent == self._folder:
                shutil.rmtree(upload.path.parent, ignore_errors=True)

    def _taken(self, path: Path) -> Upload:
        label = safe_label(path.name)
        target = self._folder / secrets.token_hex(_TOKEN_BYTES) / path.name
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.parent.mkdir(mode=0o700)
            shutil.move(path, target)
        except OSError as error:
            raise StorageError(f"{label} cannot be kept: {error.strerror}.") from error
        try:
            found = preview(target)
        except TranscriptError as error:
            return Upload(target, label, problem=str(error))
        is_heard = found.format == RECORDING and self._transcribe is not None
        problem = "" if is_heard else found.problem
        return Upload(target, label, found.format, found.columns, ColumnMapping(**found.mapping), problem)

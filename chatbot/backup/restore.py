"""Puts a backup in the place of an installation; killed at any moment, it is done again from the beginning.

Files are unpacked beside the data first. While that folder is there the server does not start, so that nobody
works on half of one state and half of another.
"""

import os
import shutil
from pathlib import Path

from chatbot.backup.archive import Manifest, extract, sync_folder, verify
from chatbot.backup.parts import FOLDERS, SECRET_FILES
from chatbot.backup.rows import is_empty, load
from chatbot.backup.take import DATABASE
from chatbot.database import Database
from chatbot.errors import InputError, StorageError
from chatbot.restore_mark import RESTORING
from chatbot.settings import Settings


def restore_backup(settings: Settings, file: Path, *, force: bool = False) -> Manifest:
    """Checks the backup, then replaces the parts that it holds. No server may run on the target meanwhile.

    Args:
        force: Replace what is there already.

    Raises:
        InputError: The backup is not usable, or the target is not empty.
        StorageError: The disk is full, or the database refuses; the same call again goes on.
    """
    manifest = verify(file)
    if DATABASE not in manifest.members:
        raise InputError(
            f"{file} is a backup without a database.", "Nothing was changed. Use another backup."
        )
    data_dir, staging = settings.data_dir, settings.data_dir / RESTORING
    is_again = staging.exists()
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database_address)
        try:
            if not (force or is_again):
                _check_empty(database, data_dir)
            _make(staging)
            try:
                extract(file, manifest, staging)
                with (staging / DATABASE).open("rb") as lines:
                    load(database, iter(lines))
            except BaseException:
                if not is_again:  # nothing has been replaced
                    shutil.rmtree(staging, ignore_errors=True)
                raise
        finally:
            database.close()
        for name in _places(manifest):
            _put(staging / name, data_dir / name)
        sync_folder(data_dir)
        shutil.rmtree(staging)
    except OSError as error:
        raise StorageError(f"The backup could not be restored: {error}.", "Run it again.") from error
    return manifest


def _check_empty(database: Database, data_dir: Path) -> None:
    full = [name for name in FOLDERS.values() if any((data_dir / name).glob("*"))]
    if not is_empty(database):
        full.append("the database")
    if full:
        raise InputError(
            f"There is something already: {', '.join(full)}.",
            "Stop the server and give `--force` to replace it, or restore to another data folder.",
        )


def _make(staging: Path) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir()
    sync_folder(staging.parent)


def _places(manifest: Manifest) -> list[str]:
    """Folders and files that are replaced: those of parts that the backup holds, also when they were empty."""
    folders = [folder for part, folder in FOLDERS.items() if part in manifest.parts]
    return [*folders, *(name for name in SECRET_FILES if name in manifest.members)]


def _put(new: Path, place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    if new.exists():
        os.replace(new, place)

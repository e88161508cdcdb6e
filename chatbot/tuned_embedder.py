"""Which tuned embedder stands in for the configured one, if any: a small file in the data folder."""

import json
from pathlib import Path

from chatbot.errors import StorageError
from chatbot.settings import Settings
from knowledge_base.atomic import write_atomically

FOLDER = "embedders"
_CHOSEN = "chosen.json"


def embedders_path(settings: Settings) -> Path:
    """Where tuned embedders are kept, each in a folder named by its id."""
    return settings.data_dir / FOLDER


def chosen_embedder(settings: Settings) -> Path | None:
    """The tuned model to use; None when there is none, or it was tuned from another one than is configured now.

    Raises:
        StorageError: It was chosen and is not there.
    """
    file = embedders_path(settings) / _CHOSEN
    try:
        chosen = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    except (OSError, ValueError) as error:
        raise StorageError(f"{file} cannot be read: {error}.", "Remove it to search as before.") from error
    if chosen.get("base") != settings.embedder:
        return None
    folder = embedders_path(settings) / str(chosen.get("id"))
    if not (folder / "modules.json").is_file():
        raise StorageError(
            f"The tuned embedder {folder.name} is missing.", f"Remove {file} to search as before."
        )
    return folder


def choose_embedder(settings: Settings, folder: Path | None) -> None:
    """From the next start on this model is used instead of the configured one, or with None that one again."""
    file = embedders_path(settings) / _CHOSEN
    if folder is None:
        file.unlink(missing_ok=True)
        return
    write_atomically(file, json.dumps({"base": settings.embedder, "id": folder.name}).encode())

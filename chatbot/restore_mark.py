"""Whether a restore broke off in a data folder."""

from pathlib import Path

from chatbot.errors import StorageError

RESTORING = "restore.partial"


def check_restored(data_dir: Path) -> None:
    """Nothing may work on a data folder that is half of one state and half of another.

    Raises:
        StorageError: A restore broke off there, or is under way.
    """
    if (data_dir / RESTORING).exists():
        raise StorageError(
            f"A restore into {data_dir} is under way or broke off.",
            "Run `frontdesk restore` again with the same file.",
        )

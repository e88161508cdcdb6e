"""Who and what was forgotten, as salted hashes: an import leaves it out although a file still holds it."""

import json
from collections.abc import Iterable
from pathlib import Path

from chatbot.errors import StorageError
from finetune.conversations import SupportConversation
from finetune.pseudonyms import load_salt, pseudonym
from knowledge_base.atomic import write_atomically

_FILE = "forgotten.json"


class Forgotten:
    """The list of a data folder.

    Raises:
        StorageError: It is damaged or cannot be read.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / "finetune" / _FILE
        self._hashes = self._read()
        self._salt = load_salt(data_dir) if self._hashes else b""

    @property
    def fingerprint(self) -> str:
        """Empty while nothing was forgotten; another one whenever something is."""
        return " ".join(sorted(self._hashes))

    def __contains__(self, conversation: SupportConversation) -> bool:
        if not self._hashes:
            return False
        ids = (conversation.id, plain_id(conversation.id), conversation.customer)
        return any(pseudonym(one, self._salt) in self._hashes for one in ids if one)

    def add(self, identities: Iterable[str]) -> None:
        """Adds ids of conversations or customers; on the disk when this returns.

        Raises:
            StorageError: The data folder cannot be written.
        """
        self._salt = load_salt(self._data_dir)
        self._hashes |= {pseudonym(one, self._salt) for one in identities if one.strip()}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(sorted(self._hashes)).encode())
        except OSError as error:
            raise StorageError(f"{_FILE} cannot be written: {error.strerror}.") from error

    def _read(self) -> set[str]:
        try:
            return set(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return set()
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"{_FILE} cannot be read: {error}.", "Restore it: without it forgotten data comes back."
            ) from error


def plain_id(conversation_id: str) -> str:
    """The source's own id of a conversation that got a suffix because another one had it too."""
    return conversation_id.partition("~")[0]

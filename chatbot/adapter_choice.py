"""Which adapter answers: the setting, overruled by the registry's pointer file, and a canary's share of conversations.

The registry writes the pointer; this side only reads it, so that a promotion takes effect without a restart.
"""

import hashlib
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from chatbot.adapter_files import (
    DEFAULT_ADAPTER,
    MANIFEST,
    NO_ADAPTER,
    Adapter,
    base_digest,
    check_id,
    load_adapter,
    read_manifest,
)
from chatbot.errors import AdapterError
from chatbot.prompt import PROMPT_FORMAT
from chatbot.settings import SHIPPED_ADAPTER, Settings

log = logging.getLogger(__name__)
POINTER = "active.json"
SHIPPED = Path(__file__).parent / "adapters"
"""Folder of the adapters that come with Frontdesk; it holds data and no code."""
_PARTS_PER_PERCENT = 100

Stamp = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Canary:
    """An adapter on trial in a share of the conversations."""

    id: str
    share_percent: float


@dataclass(frozen=True, slots=True)
class Pointer:
    """What is switched on; ids may also be a shipped adapter's, `none` or `default` (what the settings say)."""

    active: str = DEFAULT_ADAPTER
    previous: str | None = None
    canary: Canary | None = None


_POINTER = TypeAdapter(Pointer)


@dataclass(frozen=True, slots=True)
class Lineup:
    """The adapters that serve; None is the bare base."""

    active: Adapter | None = None
    canary: Adapter | None = None
    share_percent: float = 0.0

    def adapter_for(self, conversation_id: str) -> Adapter | None:
        """The adapter of a conversation, always the same one while the line-up stays."""
        if self.share_percent and in_share(conversation_id, self._canary_id, self.share_percent):
            return self.canary
        return self.active

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Those that have to be loaded, the active one first."""
        return tuple(adapter for adapter in (self.active, self.canary) if adapter)

    @property
    def _canary_id(self) -> str:
        return self.canary.id if self.canary else NO_ADAPTER


def in_share(conversation_id: str, canary_id: str, share_percent: float) -> bool:
    """Whether a conversation is among the canary's; growing the share keeps those that already are."""
    digest = hashlib.sha256(f"{canary_id}\n{conversation_id}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") % (100 * _PARTS_PER_PERCENT)
    return bool(conversation_id) and place < share_percent * _PARTS_PER_PERCENT


def read_pointer(folder: Path) -> Pointer:
    """What is switched on according to a registry folder; a registry that never was says nothing.

    Raises:
        AdapterError: The file is damaged.
    """
    try:
        return _POINTER.validate_json((folder / POINTER).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return Pointer()
    except OSError as error:
        raise AdapterError(f"{POINTER} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        raise AdapterError(
            f"{folder / POINTER} is damaged.", "Remove it, then promote an adapter again."
        ) from error


class AdapterShelf:
    """Finds and verifies the adapters that the settings and the registry name.

    Args:
        model_path: The base model's file or folder.
        shipped: Folder of the adapters that come with Frontdesk.
    """

    def __init__(self, settings: Settings, model_path: Path, shipped: Path = SHIPPED) -> None:
        self._settings = settings
        self._model_path = model_path
        self._shipped = shipped
        self._folder = settings.adapters_path
        self._base_sha256 = ""

    def stamp(self) -> Stamp:
        """Changes whenever the registry's pointer is written; costs one look at the file system."""
        try:
            found = os.stat(self._folder / POINTER)
        except OSError:
            return ()
        return (found.st_mtime_ns, found.st_ino, found.st_size)

    def lineup(self) -> Lineup:
        """The verified adapters that serve now.

        Raises:
            AdapterError: One of them is missing, tampered with or does not fit the base.
        """
        pointer = read_pointer(self._folder)
        active = self.find(pointer.active)
        if pointer.canary is None:
            return Lineup(active)
        return Lineup(active, self.find(pointer.canary.id), pointer.canary.share_percent)

    def default(self) -> Lineup:
        """What the settings alone say.

        Raises:
            AdapterError: An adapter that was set on purpose cannot be used.
        """
        return Lineup(self.find(DEFAULT_ADAPTER))

    def find(self, reference: str) -> Adapter | None:
        """The verified adapter of a registered id, a shipped name, a folder, `none` or `default`.

        Raises:
            AdapterError: There is none of that name, or it cannot be used with the base.
        """
        if reference == DEFAULT_ADAPTER:
            return self._of_settings()
        if reference == NO_ADAPTER:
            return None
        return load_adapter(self._place_of(reference), self._digest(), PROMPT_FORMAT)

    def _of_settings(self) -> Adapter | None:
        reference = self._settings.adapter
        if reference != SHIPPED_ADAPTER or "adapter" in self._settings.model_fields_set:
            return self.find(reference)
        place = self._shipped / reference
        if not (place / MANIFEST).is_file():
            log.info("no adapter is used: %s does not come with this copy of Frontdesk", reference)
            return None
        manifest = read_manifest(place)
        if manifest.base_sha256 != self._digest():
            log.info("the adapter %s is left out: it was made for %s", reference, manifest.base_model)
            return None
        return self.find(reference)

    def _place_of(self, reference: str) -> Path:
        if any(sign in reference for sign in "/\\~"):
            return Path(reference).expanduser()
        check_id(reference)
        places = [self._folder / reference, self._shipped / reference]
        found = next((place for place in places if (place / MANIFEST).is_file()), None)
        if found is None:
            raise AdapterError(
                f"There is no adapter {reference!r}.",
                "See `frontdesk finetune list`, or set `adapter` to a folder or to `none`.",
            )
        return found

    def _digest(self) -> str:
        if not self._base_sha256:
            self._base_sha256 = base_digest(self._model_path)
        return self._base_sha256

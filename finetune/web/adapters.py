"""What the step "Adapters" does: looks at the registry and changes what answers. Knows no page."""

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chatbot.adapter_choice import Pointer
from chatbot.errors import FrontdeskError, InputError
from chatbot.store import AdapterFeedback
from finetune.registry import AdapterRegistry, RegisteredAdapter

EVERYBODY = 100.0


@dataclass(frozen=True, slots=True)
class Shelf:
    """What there is and what answers.

    Attributes:
        default: The adapter that the settings name.
    """

    adapters: tuple[RegisteredAdapter, ...]
    pointer: Pointer
    default: str

    @property
    def current(self) -> RegisteredAdapter | None:
        """The registered adapter that answers everybody; None when it comes from the settings."""
        return self.find(self.pointer.active)

    def find(self, adapter_id: str) -> RegisteredAdapter | None:
        """A registered adapter by its id."""
        return next((adapter for adapter in self.adapters if adapter.id == adapter_id), None)


class AdapterDesk:
    """Every change names the adapter it is about; the registry decides whether it may be.

    Args:
        registry: Opens the registry to look at it.
        registry_of_base: Opens it knowing the base that serves.
        default: The adapter that the settings name.
        feedback: What customers think of each adapter.
    """

    def __init__(
        self,
        registry: Callable[[], AdapterRegistry],
        registry_of_base: Callable[[], AdapterRegistry],
        default: str,
        feedback: Callable[[], tuple[AdapterFeedback, ...]] = tuple,
    ) -> None:
        self._registry = registry
        self._registry_of_base = registry_of_base
        self._default = default
        self._feedback = feedback

    def shelf(self) -> Shelf:
        """What there is and what answers.

        Raises:
            AdapterError: The registry's pointer is damaged.
        """
        registry = self._registry()
        return Shelf(registry.list(), registry.pointer(), self._default)

    def feedback(self) -> tuple[AdapterFeedback, ...]:
        """What customers think, since the trial began when there is one."""
        return self._feedback()

    def promote(
        self, adapter_id: str, typed_id: str = "", share_percent: float = EVERYBODY, *, because: str
    ) -> Pointer:
        """Switches an adapter on.

        Args:
            typed_id: What the operator typed to overrule the gate; the id itself, or nothing.
            because: The reason that is recorded when something is overruled.

        Raises:
            InputError: No adapter is chosen, or another id was typed.
            AdapterError: The registry refuses it.
        """
        chosen, typed = _chosen(adapter_id), typed_id.strip()
        if typed and typed != chosen:
            raise InputError(f"You typed {typed!r} and the adapter is {chosen!r}.", "Nothing was changed.")
        return self._registry_of_base().promote(
            chosen, share_percent, forced_because=because if typed else ""
        )

    def rollback(self) -> Pointer:
        """Ends a trial, or goes back to the adapter before; errors as the registry raises them."""
        return self._registry_of_base().rollback()

    def delete(self, adapter_id: str) -> None:
        """Removes an adapter that does not answer; errors as the registry raises them."""
        self._registry().delete(_chosen(adapter_id))

    def export(self, adapter_id: str, folder: Path) -> Path:
        """Writes an adapter into one file in a folder of its own; errors as the registry raises them."""
        chosen = _chosen(adapter_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        place = Path(tempfile.mkdtemp(dir=folder))
        try:
            self._registry().export(chosen, place / f"{chosen}.tar")
        except FrontdeskError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return place / f"{chosen}.tar"

    def take(self, archive: Path) -> RegisteredAdapter:
        """Imports an exported adapter and removes the upload; errors as the registry raises them."""
        try:
            return self._registry().import_archive(archive)
        finally:
            archive.unlink(missing_ok=True)


def _chosen(adapter_id: str) -> str:
    if not re.search(r"\w", adapter_id or ""):
        raise InputError("No adapter is chosen.", "Choose one from the list.")
    return adapter_id

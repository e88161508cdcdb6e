"""Adapters of one installation: register, promote, try on a share, roll back, export, mark what was forgotten.

An adapter appears by one rename and what is switched on changes by another (`adapters/active.json`), both under a
file lock, so a kill at any point leaves the old state or the new. Knows nothing of engines: a running server reads
the pointer itself.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import filelock
from pydantic import TypeAdapter, ValidationError

from chatbot.adapter_choice import POINTER, SHIPPED, Canary, Pointer, read_pointer
from chatbot.adapter_files import (
    MANIFEST,
    REGISTRATION,
    RESERVED,
    AdapterManifest,
    Gate,
    check_id,
    load_adapter,
    read_manifest,
    trained_on,
    write_json,
    write_manifest,
)
from chatbot.errors import AdapterError
from chatbot.model_files import put_in_place, readable_disk_errors, sha256_of, staging_folder, tidy
from chatbot.prompt import PROMPT_FORMAT
from finetune.registry_archive import read_adapter_archive, write_adapter_archive

_LIST = "See `frontdesk finetune list`."


@dataclass(frozen=True, slots=True)
class Promotion:
    """One time an adapter was switched on; `forced_because` says why against its gate."""

    at: str
    share_percent: float
    forced_because: str = ""


@dataclass(frozen=True, slots=True)
class Registration:
    """What the registry keeps beside an adapter's own files.

    Attributes:
        gate: Result of its newest evaluation; its manifest has that of the time when it was registered.
        stale_since: When a conversation it was trained on was forgotten; empty while that never happened.
    """

    manifest_sha256: str
    registered_at: str
    gate: Gate | None = None
    stale_since: str = ""
    promotions: tuple[Promotion, ...] = ()


_REGISTRATION = TypeAdapter(Registration)


@dataclass(frozen=True, slots=True)
class RegisteredAdapter:
    """An adapter of the registry and its part in serving: `active`, `canary`, `previous`, or none of them."""

    manifest: AdapterManifest
    registration: Registration
    folder: Path
    role: str = ""

    @property
    def id(self) -> str:
        """The adapter's id."""
        return self.manifest.id

    @property
    def objection(self) -> str:
        """Why it should not serve; empty when nothing speaks against it."""
        gate, since = self.registration.gate, self.registration.stale_since
        if since:
            return f"it was trained on conversations that were forgotten on {since[:10]}"
        if gate is None:
            return "it has not been evaluated"
        return "" if gate.passed else "its gate failed: " + ("; ".join(gate.reasons) or "no reason was noted")


class AdapterRegistry:
    """The adapters under a data folder.

    Args:
        base_sha256: `base_digest` of the base that serves; adapters of others are then not promoted.
        shipped: Adapters that come with Frontdesk; their ids are taken and may be promoted.
    """

    def __init__(self, data_dir: Path, *, base_sha256: str | None = None, shipped: Path = SHIPPED) -> None:
        self.folder = data_dir / "adapters"
        self._base_sha256 = base_sha256
        self._shipped = shipped

    def register(self, folder: Path, gate: Gate | None) -> RegisteredAdapter:
        """Takes a verified copy of an adapter folder in; the same files may be registered again with a new gate.

        Raises:
            AdapterError: The folder is not a sound adapter, or its id belongs to another one.
        """
        manifest = load_adapter(folder).manifest
        with self._changing():
            self._take_in(folder, manifest, gate)
        return self.show(manifest.id)

    def list(self) -> tuple[RegisteredAdapter, ...]:
        """All adapters, newest first; damaged folders are left out, `show` says what is wrong with one."""
        found = []
        for path in sorted(self.folder.glob(f"[!.]*/{MANIFEST}")):
            try:
                found.append(self.show(path.parent.name))
            except AdapterError:
                continue
        return tuple(sorted(found, key=lambda a: a.registration.registered_at, reverse=True))

    def show(self, adapter_id: str) -> RegisteredAdapter:
        """One adapter; its weights are not hashed.

        Raises:
            AdapterError: There is none of that id, or it is damaged.
        """
        folder = self._place_of(adapter_id)
        return RegisteredAdapter(
            read_manifest(folder), _read_registration(folder), folder, _role(self.pointer(), adapter_id)
        )

    def pointer(self) -> Pointer:
        """What is switched on.

        Raises:
            AdapterError: The pointer file is damaged.
        """
        return read_pointer(self.folder)

    def promote(self, adapter_id: str, share_percent: float = 100, *, forced_because: str = "") -> Pointer:
        """Switches an adapter on, for all conversations or as a canary for a share of them.

        Args:
            adapter_id: A registered id, a shipped name, `none` for the bare base or `default` for the settings'.
            forced_because: A reason to do so although something speaks against it; kept in its record.

        Raises:
            AdapterError: It is damaged or unknown, does not fit the base, or its gate failed and nothing forces it.
        """
        if not 0 < share_percent <= 100:
            raise AdapterError(f"A share lies above 0 and up to 100 percent; {share_percent:g} was given.")
        with self._changing():
            pointer = _promoted(self.pointer(), adapter_id, share_percent)
            if self._is_registered(adapter_id):
                self._note_promotion(adapter_id, share_percent, forced_because.strip())
            else:
                self._require_usable(adapter_id)
            return self._point(pointer)

    def rollback(self) -> Pointer:
        """Ends a canary; without one, goes back to the adapter that served before.

        Raises:
            AdapterError: Nothing was switched on before, or the earlier adapter is damaged, does not fit the base or
                was trained on conversations that were forgotten since.
        """
        with self._changing():
            pointer = self.pointer()
            if pointer.canary:
                return self._point(replace(pointer, canary=None))
            if pointer.previous is None:
                raise AdapterError("There is no earlier adapter to go back to.", _LIST)
            self._require_usable(pointer.previous)
            return self._point(Pointer(pointer.previous, pointer.active))

    def delete(self, adapter_id: str) -> None:
        """Removes an adapter that does not serve.

        Raises:
            AdapterError: It serves, or there is none of that id.
        """
        with self._changing():
            folder, pointer = self._place_of(adapter_id), self.pointer()
            if _role(pointer, adapter_id) in ("active", "canary"):
                raise AdapterError(
                    f"The adapter {adapter_id} answers customers and cannot be deleted.",
                    "Promote another one or roll back first.",
                )
            if pointer.previous == adapter_id:
                self._point(replace(pointer, previous=None))
            with (
                readable_disk_errors(f"the adapter {adapter_id}"),
                staging_folder(self.folder, "deleted") as bin_,
            ):
                folder.rename(bin_ / adapter_id)

    def export(self, adapter_id: str, archive: Path) -> None:
        """Writes a verified adapter into one tar file; equal adapters give equal bytes.

        Raises:
            AdapterError: It is damaged, or was trained on conversations that were forgotten since.
        """
        adapter = self.show(adapter_id)
        if adapter.registration.stale_since:
            raise AdapterError(
                f"The adapter {adapter_id} is not exported: {adapter.objection}.", "Train it again."
            )
        manifest = replace(load_adapter(adapter.folder).manifest, gate=adapter.registration.gate)
        write_adapter_archive(adapter.folder, manifest, archive)

    def import_archive(self, archive: Path) -> RegisteredAdapter:
        """Takes in an adapter from a tar file after verifying it, with the gate result that it states.

        Raises:
            AdapterError: It is no such archive, or the adapter in it is not sound; nothing was changed.
        """
        with (
            self._changing(),
            readable_disk_errors("the adapters folder"),
            staging_folder(self.folder, "import") as staging,
        ):
            unpacked = staging / "adapter"
            unpacked.mkdir()
            read_adapter_archive(archive, unpacked)
            manifest = load_adapter(unpacked).manifest
            self._take_in(unpacked, manifest, manifest.gate)
        return self.show(manifest.id)

    def mark_stale(self, conversations: Sequence[str] = (), customer: str = "") -> tuple[str, ...]:
        """Marks every adapter that was trained on these conversations or this customer; returns their ids.

        Those that were marked before are returned too, so that an interrupted erasure can be run again.
        """
        marked = []
        with self._changing():
            for adapter in self.list():
                if not trained_on(adapter.manifest, conversations, customer):
                    continue
                marked.append(adapter.id)
                if not adapter.registration.stale_since:
                    self._write(adapter, replace(adapter.registration, stale_since=_now()))
        return tuple(marked)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with readable_disk_errors("the adapters folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with filelock.FileLock(self.folder / ".lock"):
                self._mend()
                yield

    def _mend(self) -> None:
        """Ends what a kill interrupted: a half-made copy goes, a folder that was being replaced comes back."""
        for path in self.folder.glob(".old-*"):
            tidy(self.folder / path.name.removeprefix(".old-"))
        for path in self.folder.glob(".staging-*"):
            shutil.rmtree(path, ignore_errors=True)

    def _take_in(self, source: Path, manifest: AdapterManifest, gate: Gate | None) -> None:
        if (self._shipped / manifest.id / MANIFEST).is_file():
            raise AdapterError(f"The id {manifest.id} belongs to an adapter that comes with Frontdesk.")
        if not self._is_registered(manifest.id):
            self._copy_in(source, replace(manifest, gate=gate))
            return
        known = self.show(manifest.id)
        if known.manifest.files != manifest.files:
            raise AdapterError(f"Another adapter is registered as {manifest.id}.", "Give it another id.")
        self._write(known, replace(known.registration, gate=gate))

    def _copy_in(self, source: Path, manifest: AdapterManifest) -> None:
        with staging_folder(self.folder, "register") as staging:
            for name in manifest.files:
                shutil.copyfile(source / name, staging / name)
            if write_manifest(staging, manifest).files != manifest.files:
                raise AdapterError(
                    f"The adapter {manifest.id} changed while it was copied.", "Register it again."
                )
            registration = Registration(sha256_of(staging / MANIFEST), _now(), manifest.gate)
            write_json(staging / REGISTRATION, asdict(registration))
            put_in_place(staging, self.folder / manifest.id)

    def _require_usable(self, reference: str) -> None:
        if self._is_registered(reference):
            adapter = self.show(reference)
            if adapter.registration.stale_since:
                raise AdapterError(
                    f"The adapter {reference} does not come back: {adapter.objection}.",
                    "Promote another one, `default` or `none`.",
                )
            load_adapter(adapter.folder, self._base_sha256, PROMPT_FORMAT)
        elif reference not in RESERVED:
            load_adapter(self._shipped_place(reference), self._base_sha256, PROMPT_FORMAT)

    def _note_promotion(self, adapter_id: str, share_percent: float, forced_because: str) -> None:
        load_adapter(self._place_of(adapter_id), self._base_sha256, PROMPT_FORMAT)
        adapter = self.show(adapter_id)
        if adapter.objection and not forced_because:
            raise AdapterError(
                f"The adapter {adapter_id} is not promoted: {adapter.objection}.",
                "Train a better one, or force it with a reason, which is recorded.",
            )
        promotion = Promotion(_now(), share_percent, forced_because if adapter.objection else "")
        known = adapter.registration
        self._write(adapter, replace(known, promotions=(*known.promotions, promotion)))

    def _point(self, pointer: Pointer) -> Pointer:
        write_json(self.folder / POINTER, asdict(pointer))
        return pointer

    def _write(self, adapter: RegisteredAdapter, registration: Registration) -> None:
        write_json(adapter.folder / REGISTRATION, asdict(registration))

    def _is_registered(self, adapter_id: str) -> bool:
        return adapter_id not in RESERVED and (self.folder / adapter_id / MANIFEST).is_file()

    def _place_of(self, adapter_id: str) -> Path:
        check_id(adapter_id)
        if not self._is_registered(adapter_id):
            raise AdapterError(f"No adapter is registered as {adapter_id!r}.", _LIST)
        return self.folder / adapter_id

    def _shipped_place(self, adapter_id: str) -> Path:
        check_id(adapter_id)
        if not (self._shipped / adapter_id / MANIFEST).is_file():
            raise AdapterError(f"There is no adapter {adapter_id!r}.", _LIST)
        return self._shipped / adapter_id


def _promoted(pointer: Pointer, adapter_id: str, share_percent: float) -> Pointer:
    if share_percent < 100:
        if adapter_id == pointer.active:
            raise AdapterError(
                f"The adapter {adapter_id} already answers all customers.", "Nothing was changed."
            )
        return replace(pointer, canary=Canary(adapter_id, share_percent))
    if adapter_id == pointer.active:
        return replace(pointer, canary=None)
    return Pointer(adapter_id, pointer.active)


def _role(pointer: Pointer, adapter_id: str) -> str:
    if adapter_id == pointer.active:
        return "active"
    if pointer.canary and adapter_id == pointer.canary.id:
        return "canary"
    return "previous" if adapter_id == pointer.previous else ""


def _read_registration(folder: Path) -> Registration:
    try:
        return _REGISTRATION.validate_json((folder / REGISTRATION).read_bytes())
    except (OSError, ValidationError) as error:
        raise AdapterError(
            f"{REGISTRATION} of adapter {folder.name} is damaged.", "Register it again."
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")

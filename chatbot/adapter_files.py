"""An adapter folder describes itself; nothing of it is used before it has been verified.

The folder holds `adapter.json`, the weights in one or both forms (`adapter.gguf` for llama.cpp, PEFT's
`adapter_model.safetensors` with `adapter_config.json`), and perhaps more JSON and a data card. It knows nothing
of which adapter serves.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from chatbot.errors import AdapterError
from chatbot.model_files import sha256_of
from chatbot.refusal import BIAS, CHOICE, FEATURES, RefusalRule
from knowledge_base.atomic import write_atomically

MANIFEST = "adapter.json"
GGUF_WEIGHTS = "adapter.gguf"
PEFT_WEIGHTS = "adapter_model.safetensors"
PEFT_CONFIG = "adapter_config.json"
REGISTRATION = "registration.json"
"""What the registry keeps beside the adapter's own files, with the hash of the manifest."""
NO_ADAPTER = "none"
DEFAULT_ADAPTER = "default"
RESERVED = frozenset({NO_ADAPTER, DEFAULT_ADAPTER})
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SUFFIXES = frozenset({".safetensors", ".gguf", ".json", ".md"})
_MOST_MANIFEST_BYTES = 32_000_000
_KEY_CHARS = 24


@dataclass(frozen=True, slots=True)
class Gate:
    """Whether an adapter is good enough to serve, and why or why not."""

    passed: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AdapterManifest:
    """What an adapter says of itself.

    Attributes:
        base_model: Name of the base for people; `base_sha256` is what counts.
        base_sha256: `base_digest` of the base it was trained on, tokenizer included.
        prompt_format: `prompt.PROMPT_FORMAT` of its examples.
        refusal_threshold: Probability from which it refuses; None where nothing was fitted.
        refusal_weights: What that probability is made of, see `refusal.RefusalRule`; empty where it is the model's own.
        dataset_hash: Hash of the examples it was trained on.
        metrics: Figures of its evaluation.
        files: SHA-256 of every other file of the folder.
        created_at: ISO 8601.
        gate: None before it has been evaluated.
        conversations: `erasure_key` of every conversation it was trained on.
        customers: `erasure_key` of their customers.
        languages: Codes of the languages that its refusal threshold was fitted in; it means nothing in others.
    """

    id: str
    base_model: str
    base_sha256: str
    prompt_format: str
    refusal_threshold: float | None
    r: int
    lora_alpha: float
    dataset_hash: str
    seed: int
    metrics: Mapping[str, float]
    files: Mapping[str, str]
    created_at: str
    gate: Gate | None = None
    conversations: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    refusal_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def refusal(self) -> RefusalRule | None:
        """From when on it refuses; None where nothing was fitted."""
        if self.refusal_threshold is None:
            return None
        return RefusalRule(self.refusal_threshold, self.refusal_weights)


_MANIFEST = TypeAdapter(AdapterManifest)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A verified adapter folder."""

    folder: Path
    manifest: AdapterManifest = field(repr=False)

    @property
    def id(self) -> str:
        """The adapter's id."""
        return self.manifest.id

    @property
    def gguf(self) -> Path:
        """Weights for llama.cpp.

        Raises:
            AdapterError: It has none.
        """
        return self._having(GGUF_WEIGHTS, self.folder / GGUF_WEIGHTS)

    @property
    def peft(self) -> Path:
        """The folder as PEFT reads it.

        Raises:
            AdapterError: It has no PEFT weights.
        """
        return self._having(PEFT_WEIGHTS, self.folder)

    def _having(self, name: str, path: Path) -> Path:
        if name not in self.manifest.files:
            raise AdapterError(f"The adapter {self.id} has no {name}.", "Export it to that form first.")
        return path


def load_adapter(folder: Path, base_sha256: str | None = None, prompt_format: str | None = None) -> Adapter:
    """Verifies an adapter folder: every byte, the kinds of its files, and what it was made for.

    Args:
        base_sha256: `base_digest` of the model it is to be used with; None to leave that open.
        prompt_format: Format it will be asked in; None to leave that open.

    Raises:
        AdapterError: It is missing, incomplete, tampered with, holds anything foreign, or does not fit.
    """
    manifest = read_manifest(folder)
    _check_names(folder, manifest)
    for name, sha256 in manifest.files.items():
        if _hash_of(folder / name) != sha256:
            raise AdapterError(f"The file {name} of adapter {manifest.id} was changed or damaged.", _AGAIN)
    _check_registration(folder, manifest)
    _check_weights(folder, manifest)
    _check_refusal(manifest)
    _check_fit(manifest, base_sha256, prompt_format)
    return Adapter(folder, manifest)


_AGAIN = "Train, export or import it again."


def read_manifest(folder: Path) -> AdapterManifest:
    """What an adapter folder says of itself; its other files are not looked at.

    Raises:
        AdapterError: There is no manifest, or it cannot be understood.
    """
    path = folder / MANIFEST
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise AdapterError(f"{MANIFEST} in {folder.name} is too large to be a manifest.")
        manifest = _MANIFEST.validate_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AdapterError(
            f"{folder} is not an adapter: it has no {MANIFEST}.", "See `frontdesk finetune list`."
        ) from error
    except OSError as error:
        raise AdapterError(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise AdapterError(f"{MANIFEST} in {folder.name} is damaged: {place} {first['msg']}.") from error
    check_id(manifest.id)
    return manifest


def write_manifest(folder: Path, manifest: AdapterManifest) -> AdapterManifest:
    """Completes a folder: hashes its files into the manifest and writes that last, whole or not at all.

    Returns:
        The manifest with `files` filled in.

    Raises:
        AdapterError: The id or a file's name is not allowed, or the folder cannot be written.
    """
    check_id(manifest.id)
    names = sorted(set(_file_names(folder)) - {MANIFEST, REGISTRATION})
    manifest = replace(manifest, files={name: _hash_of(folder / name) for name in names})
    _check_names(folder, manifest)
    _write_bytes(folder / MANIFEST, manifest_bytes(manifest))
    return manifest


def manifest_bytes(manifest: AdapterManifest) -> bytes:
    """The manifest as the text of its file."""
    return _MANIFEST.dump_json(manifest, indent=1)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON beside the file, then renames: a reader sees the old text or the new, never a part.

    Raises:
        AdapterError: The folder cannot be written.
    """
    _write_bytes(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def _write_bytes(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content)
    except OSError as error:
        raise AdapterError(
            f"{path.name} cannot be written: {error.strerror}.",
            "Free some disk space and check the rights of the data folder.",
        ) from error


def check_id(adapter_id: str) -> None:
    """Refuses ids that could not be a folder's name or mean something else.

    Raises:
        AdapterError: It is no usable id.
    """
    if not _ID.fullmatch(adapter_id) or adapter_id in RESERVED:
        raise AdapterError(
            f"{adapter_id!r} cannot be the id of an adapter.",
            "Use up to 64 small letters, digits, dots, dashes and underscores; not `none` or `default`.",
        )


def base_digest(model_path: Path) -> str:
    """What identifies a base model: the hash of its GGUF file, or of a folder's weights, config and tokenizer.

    Raises:
        AdapterError: It cannot be read.
    """
    if not model_path.is_dir():
        return _hash_of(model_path)
    digest = hashlib.sha256()
    for path in sorted(model_path.iterdir()):
        if path.suffix in (".safetensors", ".json", ".model", ".jinja"):
            digest.update(f"{path.name} {_hash_of(path)}\n".encode())
    return digest.hexdigest()


def erasure_key(identity: str) -> str:
    """Stands for a conversation or customer in a manifest, which may travel further than their data may."""
    return hashlib.sha256(identity.strip().lower().encode()).hexdigest()[:_KEY_CHARS]


def _file_names(folder: Path) -> Iterator[str]:
    """Names of the files; a temporary file that a kill left behind is passed over."""
    for path in folder.iterdir():
        if path.name.startswith((f".{MANIFEST}.", f".{REGISTRATION}.")) and path.suffix == ".tmp":
            continue
        if path.is_symlink() or not path.is_file() or not FILE_NAME.fullmatch(path.name):
            raise AdapterError(f"{path.name} in {folder.name} is not a file of an adapter.", "Remove it.")
        yield path.name


def _check_names(folder: Path, manifest: AdapterManifest) -> None:
    found = set(_file_names(folder)) - {MANIFEST, REGISTRATION}
    for name in sorted(found | manifest.files.keys()):
        if Path(name).suffix not in _SUFFIXES or not FILE_NAME.fullmatch(name):
            raise AdapterError(
                f"The adapter {manifest.id} holds {name}, which is not allowed.",
                "Only safetensors, GGUF, JSON and Markdown files are.",
            )
        if name not in manifest.files:
            raise AdapterError(f"{name} does not belong to adapter {manifest.id}.", "Remove it.")
        if name not in found:
            raise AdapterError(f"The adapter {manifest.id} lacks its file {name}.", _AGAIN)
    if not {GGUF_WEIGHTS, PEFT_WEIGHTS} & found or (PEFT_WEIGHTS in found and PEFT_CONFIG not in found):
        raise AdapterError(
            f"The adapter {manifest.id} has no weights.",
            f"Expected {GGUF_WEIGHTS}, or {PEFT_WEIGHTS} with {PEFT_CONFIG}.",
        )


def _check_registration(folder: Path, manifest: AdapterManifest) -> None:
    try:
        known = json.loads((folder / REGISTRATION).read_bytes())["manifest_sha256"]
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"{REGISTRATION} of adapter {manifest.id} is damaged.", _AGAIN) from error
    if _hash_of(folder / MANIFEST) != known:
        raise AdapterError(
            f"{MANIFEST} of adapter {manifest.id} was changed since it was registered.", _AGAIN
        )


def _check_weights(folder: Path, manifest: AdapterManifest) -> None:
    """The right hashes may be those of the wrong files: an archive brings both."""
    for name in manifest.files:
        if name.endswith(".gguf"):
            _check_gguf(folder / name, manifest.id)
        elif name.endswith(".safetensors"):
            _check_safetensors(folder / name, manifest.id)


def _check_gguf(path: Path, adapter_id: str) -> None:
    import gguf

    try:
        reader = gguf.GGUFReader(path)
        kinds = [
            str(f.contents()) for key in ("general.type", "adapter.type") if (f := reader.fields.get(key))
        ]
        names = [tensor.name for tensor in reader.tensors]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise AdapterError(f"{path.name} of adapter {adapter_id} is not a GGUF file.", _AGAIN) from error
    if (
        kinds != ["adapter", "lora"]
        or not names
        or not all(n.endswith((".lora_a", ".lora_b")) for n in names)
    ):
        raise AdapterError(f"{path.name} of adapter {adapter_id} is a GGUF file, but no LoRA adapter.")


def _check_safetensors(path: Path, adapter_id: str) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
    except (OSError, SafetensorError) as error:
        raise AdapterError(
            f"{path.name} of adapter {adapter_id} is not a safetensors file.", _AGAIN
        ) from error
    if not names:
        raise AdapterError(f"{path.name} of adapter {adapter_id} is empty.", _AGAIN)


def _check_refusal(manifest: AdapterManifest) -> None:
    weights = manifest.refusal_weights
    if unknown := sorted(weights.keys() - {BIAS, CHOICE, *FEATURES}):
        raise AdapterError(
            f"The adapter {manifest.id} weighs {', '.join(unknown)}, which this release does not know.",
            "Update Frontdesk, or train it again with this release.",
        )
    if not all(map(math.isfinite, weights.values())):
        raise AdapterError(
            f"{MANIFEST} of adapter {manifest.id} has a refusal weight that is no number.", _AGAIN
        )


def _check_fit(manifest: AdapterManifest, base_sha256: str | None, prompt_format: str | None) -> None:
    if base_sha256 is not None and manifest.base_sha256 != base_sha256:
        raise AdapterError(
            f"The adapter {manifest.id} was trained on another base, {manifest.base_model}.",
            "Set `llm` to that model, or train an adapter for this one.",
        )
    if prompt_format is not None and manifest.prompt_format != prompt_format:
        raise AdapterError(
            f"The adapter {manifest.id} knows the prompt format {manifest.prompt_format}; "
            f"this release asks in {prompt_format}.",
            "Train it again with this release.",
        )


def _hash_of(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise AdapterError(f"{path.name} cannot be read: {error.strerror}.") from error


def trained_on(manifest: AdapterManifest, conversations: Sequence[str] = (), customer: str = "") -> bool:
    """Whether an adapter learned from one of these conversations or from this customer."""
    wanted = {erasure_key(conversation) for conversation in conversations}
    return bool(wanted & set(manifest.conversations)) or (
        bool(customer) and erasure_key(customer) in manifest.customers
    )

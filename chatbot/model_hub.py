"""Models of the Hugging Face hub: `org/name[/file.gguf][@revision]`, only in formats that hold no code.

Knows nothing of the catalogue. huggingface_hub keeps its own cache, with its own hashes and resumption, in the
`hub` folder of the models.
"""

import errno
import re
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from chatbot.errors import ModelError
from chatbot.model_catalogue import Purpose
from chatbot.model_files import require_free_bytes

_REFERENCE = re.compile(
    r"(?P<repository>[\w-][\w.-]*/[\w-][\w.-]*)(?P<file>/[^@*?\[\]\\]+\.gguf)?(@(?P<revision>[\w-][\w./-]*))?"
)
_SHARD = re.compile(r"-\d{5}-of-\d{5}(?=\.gguf$)")
_TORCH = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
# The first pattern of each is that of the weights.
_PATTERNS = {
    Purpose.LLM_GGUF: ("*.gguf",),
    Purpose.LLM_TORCH: _TORCH,
    Purpose.EMBEDDER: _TORCH,
    Purpose.RERANKER: _TORCH,
    Purpose.VISION: _TORCH,
    # CTranslate2 calls its own format model.bin; it holds no pickle, and model_checks looks at its first bytes.
    Purpose.SPEECH: ("model.bin", "*.json", "vocabulary.*"),
    Purpose.VOICE: ("*.onnx", "*.onnx.json"),
}
_NAMES_SHOWN = 8


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository, a GGUF file in it or an empty string, and a branch, tag or commit or an empty string."""

    repository: str
    file: str
    revision: str


def parse_hub_reference(reference: str) -> HubReference | None:
    """The parts of a hub id, or None if the text cannot be one."""
    match = _REFERENCE.fullmatch(reference)
    if not match or ".." in reference:
        return None
    return HubReference(match["repository"], (match["file"] or "").removeprefix("/"), match["revision"] or "")


def hub_snapshot(wanted: HubReference, purpose: Purpose, cache: Path, *, offline: bool) -> Path:
    """The local copy of a repository, or of the one GGUF file wanted of it.

    Raises:
        ModelError: It is not there, not allowed, not here while offline, or holds nothing of use.
    """
    import httpx2
    from huggingface_hub.errors import XetDownloadError

    try:
        patterns = _patterns(wanted, purpose)
        if not offline:
            patterns = _plan(wanted, purpose, patterns, cache)
        folder = _snapshot(wanted, patterns, cache, offline)
    except (httpx2.HTTPError, XetDownloadError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
            raise
        raise _readable(wanted, error, offline) from error
    return folder / wanted.file


def _snapshot(wanted: HubReference, patterns: list[str], cache: Path, offline: bool) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(
            wanted.repository,
            revision=wanted.revision or None,
            cache_dir=cache,
            allow_patterns=patterns,
            local_files_only=offline,
        )
    )


def _patterns(wanted: HubReference, purpose: Purpose) -> list[str]:
    if wanted.file:
        return [_all_shards(wanted.file)]
    if purpose not in _PATTERNS:
        raise ModelError(
            f"{wanted.repository} is not usable: no {purpose} can come from the hub.",
            "Give a catalogue name or a local folder.",
        )
    return list(_PATTERNS[purpose])


def _plan(wanted: HubReference, purpose: Purpose, patterns: list[str], cache: Path) -> list[str]:
    """Checks what would be downloaded; without a network the copy that is here decides."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    cache.mkdir(parents=True, exist_ok=True)
    try:
        files = snapshot_download(
            wanted.repository,
            revision=wanted.revision or None,
            cache_dir=cache,
            allow_patterns=patterns,
            dry_run=True,
        )
    except DryRunError:
        return patterns
    if not any(fnmatch(file.filename, patterns[0]) for file in files):
        raise ModelError(
            f"The hub's {wanted.repository} holds no file {patterns[0]}; pickled weights are never used.",
            "Choose a repository that has one.",
        )
    if purpose is Purpose.LLM_GGUF or wanted.file:
        patterns = [_only_gguf(wanted, {_all_shards(file.filename) for file in files})]
    needed_bytes = sum(file.file_size or 0 for file in files if file.will_download)
    require_free_bytes(cache, needed_bytes, wanted.repository)
    return patterns


def _only_gguf(wanted: HubReference, names: set[str]) -> str:
    if len(names) == 1:
        return names.pop()
    shown = ", ".join(sorted(names)[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    raise ModelError(
        f"The hub's {wanted.repository} holds {len(names)} GGUF files: {shown}.",
        f"Name one of them, as in {wanted.repository}/{min(names)}.",
    )


def _all_shards(name: str) -> str:
    return _SHARD.sub("-*", name)


def _readable(wanted: HubReference, error: Exception, offline: bool) -> ModelError:
    from huggingface_hub.errors import LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError):
        return _absent(wanted.repository, offline)
    for kind, message, hint in _refusals(wanted):
        if isinstance(error, kind):
            return ModelError(message, hint)
    first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"The model {wanted.repository} could not be fetched from the hub: {first_line}",
        "Check the network and run it again; what has been downloaded is kept.",
    )


def _absent(name: str, offline: bool) -> ModelError:
    if offline:
        return ModelError(
            f"The model {name} is not here, or not whole, and `offline` is set.",
            "Unset FRONTDESK_OFFLINE once, or give a local folder.",
        )
    return ModelError(
        f"The model {name} is not here and the hub cannot be reached.",
        "Check the network, HF_ENDPOINT and HF_HUB_OFFLINE, or give a local folder.",
    )


def _refusals(wanted: HubReference) -> list[tuple[type[Exception], str, str]]:
    """What the hub may answer, narrower kinds first, with the text and the way out."""
    from huggingface_hub import errors

    name = wanted.repository
    no_model = "There is no local folder of that name either. Check the id; a private one needs HF_TOKEN."
    return [
        (
            errors.GatedRepoError,
            f"The hub lets only approved users have {name}.",
            "Accept its terms there and set HF_TOKEN.",
        ),
        (errors.RepositoryNotFoundError, f"The hub has no model {name}, or it is private.", no_model),
        (
            errors.RevisionNotFoundError,
            f"The hub's {name} has no revision {wanted.revision!r}.",
            "Check the part after @.",
        ),
        (
            errors.HFValidationError,
            f"{name!r} is no valid hub id.",
            "Expected org/name or org/name@revision.",
        ),
    ]

"""Whether somebody's own model folder or file is of the kind that is needed, and safe to load.

Decides by purpose and content: a pickle can run code when it is loaded, so a folder whose only weights are
pickles is refused before any engine sees it.
"""

from pathlib import Path

from chatbot.errors import ModelError
from chatbot.model_catalogue import Purpose

_PICKLES = (
    "pytorch_model*.bin",
    "adapter_model.bin",
    "*.pt",
    "*.pth",
    "*.pkl",
    "*.pickle",
    "*.ckpt",
    "*.joblib",
)
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_LFS_START = b"version https://git-lfs"
_LANGUAGE_MODELS = frozenset({Purpose.LLM_GGUF, Purpose.LLM_TORCH})
# Each line of a need is met by any one of its patterns.
_NEEDS: dict[Purpose, tuple[tuple[str, ...], ...]] = {
    Purpose.LLM_TORCH: (
        ("*.safetensors",), ("config.json",), ("tokenizer.json", "tokenizer.model", "vocab.json"),
    ),
    Purpose.EMBEDDER: (("*.safetensors", "*/*.safetensors"), ("modules.json",)),
    Purpose.RERANKER: (("*.safetensors",), ("config.json",), ("tokenizer.json", "vocab.txt")),
    Purpose.SPEECH: (("model.bin",), ("config.json",), ("tokenizer.json",), ("vocabulary.*",)),
    Purpose.VISION: (("*.safetensors",), ("config.json",)),
    Purpose.ENTITIES: (("meta.json",), ("config.cfg",)),
    Purpose.VOICE: (("*.onnx",), ("*.onnx.json",)),
}  # fmt: skip


def checked(path: Path, purpose: Purpose) -> Path:
    """The file or folder to load, which exists.

    Returns:
        The GGUF or ONNX file where one is loaded by file, else the folder.

    Raises:
        ModelError: It lacks what the purpose needs, or its weights are pickles.
    """
    try:
        return _checked(path, purpose)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error


def _checked(path: Path, purpose: Purpose) -> Path:
    wants_gguf = purpose is Purpose.LLM_GGUF or (purpose is Purpose.LLM_TORCH and not _has_safetensors(path))
    if wants_gguf and (gguf := _gguf_in(path)):
        return gguf
    if path.is_file() and purpose is Purpose.VOICE and path.suffix == ".onnx":
        path = path.parent
    if path.is_file() or purpose is Purpose.LLM_GGUF:
        raise ModelError(
            f"{path} is not usable as a {purpose}: {_why_not(path, purpose)}.", _expected(purpose)
        )
    _refuse_pickles(path, purpose)
    for patterns in _NEEDS[purpose]:
        if not any(any(path.glob(pattern)) for pattern in patterns):
            raise ModelError(
                f"{path} is not usable as a {purpose}: it has no {' or '.join(patterns)}.", _expected(purpose)
            )
    _check_starts(path, purpose)
    return min(path.glob("*.onnx")) if purpose is Purpose.VOICE else path


def _has_safetensors(path: Path) -> bool:
    return any(path.glob("*.safetensors"))


def _gguf_in(path: Path) -> Path | None:
    """The GGUF file of a language model; a split one is loaded by its first part."""
    files = [path] if path.is_file() else sorted(path.rglob("*.gguf"))
    found = [file for file in files if _start(file).startswith(b"GGUF")]
    whole = [file for file in found if "-of-" not in file.name or "-00001-of-" in file.name]
    if len(whole) > 1:
        names = ", ".join(file.name for file in whole[:8])
        raise ModelError(f"{path} holds {len(whole)} GGUF files: {names}.", "Give the path of one of them.")
    return whole[0] if whole else None


def _refuse_pickles(folder: Path, purpose: Purpose) -> None:
    """Every folder in it that holds pickles must hold weights of a safe format too: engines then take those."""
    safe = "model.bin" if purpose is Purpose.SPEECH else "*.safetensors"
    found = (file for pattern in _PICKLES for file in sorted(folder.rglob(pattern)))
    pickles = [file for file in found if not any(file.parent.glob(safe))]
    if purpose is Purpose.SPEECH and _start(folder / "model.bin").startswith(_PICKLE_STARTS):
        pickles.append(folder / "model.bin")
    if pickles:
        raise ModelError(
            f"{folder} holds pickled weights ({pickles[0].relative_to(folder)}), which can run code when loaded "
            "and are never used.",
            _expected(purpose),
        )


def _check_starts(folder: Path, purpose: Purpose) -> None:
    """Catches what only looks like weights: pointers of Git LFS and renamed files."""
    for file in sorted(folder.rglob("*.safetensors")):
        start = _start(file)
        if start.startswith(_LFS_START):
            raise ModelError(
                f"{file} is a Git LFS pointer, not the weights.", "Run `git lfs pull` in its repository."
            )
        if start[8:9] != b"{":
            raise ModelError(f"{file} is not a safetensors file.", _expected(purpose))


def _why_not(path: Path, purpose: Purpose) -> str:
    if not path.is_file():
        return "it holds no GGUF file"
    start = _start(path)
    if start.startswith(_LFS_START):
        return "it is a Git LFS pointer, not the weights (run `git lfs pull`)"
    if start.startswith(_PICKLE_STARTS):
        return "it is a pickle, which can run code when loaded"
    return "it is not a GGUF file" if purpose in _LANGUAGE_MODELS else "it is a file, not a folder"


def _expected(purpose: Purpose) -> str:
    if purpose is Purpose.LLM_GGUF:
        return "Expected a GGUF file, or a folder with one."
    needs = ", ".join(patterns[0] for patterns in _NEEDS[purpose])
    return f"Expected a folder with {needs}."


def _start(path: Path) -> bytes:
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(32)

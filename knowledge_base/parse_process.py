"""Reading untrusted files in a process of its own, which can neither hang this one nor fill the memory.

The process reads one file after another; after a time-out, a crash or too much memory the next file gets a new one.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from pypdf.errors import PyPdfError

from knowledge_base.archives import ZIP_ERRORS, ArchiveLimits, check_sizes
from knowledge_base.documents import Document, FaqEntry
from knowledge_base.embedded_images import EmbeddedImages
from knowledge_base.errors import DocumentError
from knowledge_base.parse import Parsed, ParseLimits, parse
from knowledge_base.records import Record, record_from_dict, record_to_dict

_ROOT = Path(__file__).resolve().parent.parent
_GRACE_S = 10


class ParseProcess:
    """Reads files in another process, which starts with the first one.

    Args:
        timeout_s: Longest time for one file.
        memory_bytes: Most memory of the process (where the system can limit it: not on Windows).
    """

    def __init__(self, limits: ParseLimits, timeout_s: float, memory_bytes: int) -> None:
        self._limits = limits
        self._timeout_s = timeout_s
        self._memory_bytes = memory_bytes
        self._process: subprocess.Popen[bytes] | None = None

    def parse(self, path: Path, source: str) -> Parsed:
        """As `parse.parse`, for a file.

        Raises:
            DocumentError: As there, or the limits of time or memory were reached.
        """
        answer = self._answered(path.name, {"path": str(path.resolve()), "source": source})
        records = [record_from_dict(values) for values in answer["records"]]
        return Parsed(
            tuple(record for record in records if isinstance(record, Document)),
            tuple(record for record in records if isinstance(record, FaqEntry)),
            tuple(answer["problems"]),
        )

    def image(self, path: Path, member: str, image: str, into: Path) -> None:
        """Takes an image out of a file.

        Args:
            member: The file's name inside of a ZIP at `path`; empty when it is no ZIP of documents.
            image: As `embedded_images.path_inside` names it.
            into: The file that its bytes are written to.

        Raises:
            DocumentError: It is not there, damaged or too large, or the limits of time or memory were reached.
        """
        request = {"path": str(path.resolve()), "member": member, "image": image, "into": str(into.resolve())}
        self._answered(path.name, request)

    def _answered(self, name: str, request: dict[str, str]) -> dict[str, Any]:
        process = self._started()
        is_late = threading.Event()
        timer = threading.Timer(self._timeout_s, _stop, (process, is_late))
        timer.start()
        try:
            line = _asked(process, json.dumps(request).encode())
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self.close()
            raise _gave_up(name, self._timeout_s if is_late.is_set() else None)
        answer: dict[str, Any] = json.loads(line)
        if answer.get("spent"):
            self.close()
        if "error" in answer:
            raise DocumentError(*answer["error"])
        return answer

    def close(self) -> None:
        """Ends the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            given = {
                "timeout_s": self._timeout_s + _GRACE_S,
                "memory_bytes": self._memory_bytes,
                "limits": asdict(self._limits),
            }
            paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH", "")]))
            self._process = subprocess.Popen(
                [sys.executable, "-m", "knowledge_base.parse_process", json.dumps(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": paths},
            )
        return self._process


def _stop(process: subprocess.Popen[bytes], is_late: threading.Event) -> None:
    is_late.set()
    process.kill()


def _asked(process: subprocess.Popen[bytes], request: bytes) -> bytes:
    """The answer's line; not a whole one when the process ended."""
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(request + b"\n")
        process.stdin.flush()
    return process.stdout.readline()


def _gave_up(name: str, timeout_s: float | None) -> DocumentError:
    if timeout_s is None:
        return DocumentError(f"{name} cannot be read: its reader crashed.", "Export it again or split it.")
    return DocumentError(
        f"{name} took longer than {timeout_s:g} s to read.", "Split it or raise `parse_timeout_s`."
    )


def _serve(given: dict[str, Any], requests: IO[str], answers: IO[str]) -> None:
    """The other process: an answer a line for each request, until there are no more."""
    _limit_memory(given["memory_bytes"])
    limits = ParseLimits(**{**given["limits"], "archive": ArchiveLimits(**given["limits"]["archive"])})
    images = _Images(limits)
    for line in requests:
        _end_after(given["timeout_s"])
        answer = _answer(json.loads(line), limits, images, given["memory_bytes"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
        _end_after(0)


@dataclass
class _Images:
    """The file that images were taken out of last stays open: a document's images are asked for one after another."""

    limits: ParseLimits
    key: tuple[str, str, int] = ("", "", 0)
    opened: EmbeddedImages | None = None

    def take(self, path: Path, member: str, image: str, into: Path) -> None:
        key = (str(path), member, path.stat().st_mtime_ns)
        if self.opened is None or key != self.key:
            self.opened, self.key = self._open(path, member), key
        into.write_bytes(self.opened.read(image, self.limits.max_document_bytes))

    def _open(self, path: Path, member: str) -> EmbeddedImages:
        if not member:
            return EmbeddedImages(path.read_bytes(), path.name, self.limits.archive)
        check_sizes(path, path.name, self.limits.archive)
        with zipfile.ZipFile(path) as archive:
            return EmbeddedImages(archive.read(member), member, self.limits.archive)


def _answer(
    request: dict[str, str], limits: ParseLimits, images: _Images, memory_bytes: int
) -> dict[str, Any]:
    path = Path(request["path"])
    try:
        if "image" in request:
            images.take(path, request["member"], request["image"], Path(request["into"]))
            return {}
        found = parse(path.read_bytes(), request["source"], limits)
        kept: list[Record] = [*found.documents, *found.faq]
        records = [record_to_dict(record) for record in kept]
        return {"records": records, "problems": found.problems}
    except DocumentError as error:
        cause = error.__cause__
        if not isinstance(cause, MemoryError):
            return {"error": [error.message, error.hint]}
    except OSError as error:
        return {"error": [f"{path.name} cannot be opened: {error.strerror}.", ""]}
    except (*ZIP_ERRORS, KeyError, PyPdfError) as error:
        return {"error": [f"{path.name} is damaged: {error}.", "Export it again."]}
    except MemoryError:
        pass
    message = f"{path.name} needs more than {memory_bytes / 1e9:.1f} GB of memory to be read."
    return {"error": [message, "Split it or raise `parse_memory_bytes`."], "spent": True}


def _limit_memory(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):  # macOS refuses
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _end_after(seconds: float) -> None:
    """Ends this process even when the one that would do it is gone; 0 calls it off."""
    import signal

    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Serves requests from standard input; what libraries print does not mix with the answers."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        _serve(json.loads(sys.argv[1]), sys.stdin, answers)


if __name__ == "__main__":
    main()

"""Intake of uploads: what they are by content, whether they are within limits, and where they are stored.

Images are stored as plain 8-bit RGB without metadata, so nothing downstream meets an odd format. It knows nothing
of what an upload says.
"""

import errno
import hashlib
import logging
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from chatbot.errors import AttachmentError, StorageError
from chatbot.media import DecodedImage, decode_image, probe_media
from chatbot.messages import Attachment, Kind
from chatbot.settings import Settings
from chatbot.sniff import sniff

log = logging.getLogger(__name__)
NAME_CHARS = 120
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})  # controls, directions, lone surrogates
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ClaimsFiles(Protocol):
    """What is needed of `attachment_claims.AttachmentClaims`."""

    def claim(self, sha256: str) -> None:
        """Keeps a file that is about to be stored, until its message is."""
        ...

    def drop(self, sha256: str) -> None:
        """Takes back a claim: no message will come for it."""
        ...


class HidesPersonalData(Protocol):
    """What is needed of `privacy.screens.ScreenRedactor`."""

    def redacted(self, data: bytes, media_type: str) -> bytes:
        """The picture with boxes over personal data."""
        ...


class AttachmentStore:
    """Uploads by the SHA-256 of what is stored, at `ab/<sha256>` inside one folder.

    Args:
        folder: Made at the first upload.
        settings: The limits on bytes, pixels and seconds.
        claims: Keeps what is added from an erasure of the same content until its message is stored.
        screens: Covers personal data on pictures before they are stored; without it they are stored as they are.
    """

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        claims: ClaimsFiles | None = None,
        screens: HidesPersonalData | None = None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._claims = claims
        self._screens = screens

    def add(self, source: Path | bytes, name: str) -> Attachment:
        """Checks and stores an upload; the same content is stored once.

        Args:
            source: The file or its bytes.
            name: The sender's file name, used for display only.

        Raises:
            AttachmentError: Empty, too large, too long, damaged, or of a kind that is not taken.
            StorageError: The disk is full or cannot be written.
        """
        shown = display_name(name)
        data = self._read(source, shown)
        kind, media_type = sniff(data, shown)
        match kind:
            case Kind.IMAGE:
                return self._add_image(data, shown)
            case Kind.TEXT:
                return self._store(data, Kind.TEXT, media_type, shown)
        return self._add_media(data, shown)

    def picture(self, source: Path | bytes, name: str) -> DecodedImage | None:
        """An upload as `add` would look through it, checked in the same way; nothing of it is stored.

        Returns:
            None where it is no picture.

        Raises:
            AttachmentError: Empty, too large, damaged, or of a kind that is not taken.
        """
        shown = display_name(name)
        data = self._read(source, shown)
        kind, _ = sniff(data, shown)
        return decode_image(data, shown, self._settings.max_image_pixels) if kind is Kind.IMAGE else None

    def drop(self, attachments: Iterable[Attachment]) -> None:
        """Says that no message comes for what was added: it is removed unless another message refers to it."""
        if self._claims:
            for attachment in attachments:
                self._claims.drop(attachment.sha256)

    def path(self, attachment: Attachment | str) -> Path:
        """Where the content of an attachment, or of a hash, is stored.

        Raises:
            AttachmentError: The hash is not one.
        """
        sha256 = attachment if isinstance(attachment, str) else attachment.sha256
        if not _SHA256.fullmatch(sha256):
            raise AttachmentError(f"{sha256!r} is no attachment.")
        return self._folder / sha256[:2] / sha256

    def open(self, attachment: Attachment | str) -> BinaryIO:
        """The stored content, to be closed by the caller.

        Raises:
            AttachmentError: It is not stored (any more).
        """
        try:
            return self.path(attachment).open("rb")
        except OSError as error:
            name = "The file" if isinstance(attachment, str) else attachment.name
            raise AttachmentError(f"{name} is no longer stored.", "Please attach it again.") from error

    def __contains__(self, attachment: Attachment | str) -> bool:
        return self.path(attachment).is_file()

    def _read(self, source: Path | bytes, name: str) -> bytes:
        limit = self._settings.max_attachment_bytes
        try:
            size, data = _start_of(source, limit + 1)
        except OSError as error:
            raise AttachmentError(
                f"{name} could not be opened: {error.strerror}.", "Please attach it again."
            ) from error
        if len(data) > limit:
            raise AttachmentError(
                f"{name} has {_megabytes(size)}; at most {_megabytes(limit)} are taken.",
                "Send a smaller file.",
            )
        if not data:
            raise AttachmentError(f"{name} is empty (0 bytes).", "Please attach it again.")
        return data

    def _add_image(self, data: bytes, name: str) -> Attachment:
        image = decode_image(data, name, self._settings.max_image_pixels)
        data = self._hidden(image.data, image.media_type, name)
        return self._store(
            data, Kind.IMAGE, image.media_type, name, width_px=image.width_px, height_px=image.height_px
        )

    def _hidden(self, data: bytes, media_type: str, name: str) -> bytes:
        """The picture as it may be stored; none is stored that could not be looked through."""
        if self._screens is None:
            return data
        try:
            return self._screens.redacted(data, media_type)
        except Exception as error:  # engines raise anything
            log.exception("a picture could not be looked through for personal data")
            raise AttachmentError(
                f"{name} could not be looked through for personal data, so it was not kept.",
                "Please try again, or describe in words what the picture shows.",
            ) from error

    def _add_media(self, data: bytes, name: str) -> Attachment:
        found = probe_media(data, name)
        limit = self._settings.max_video_s if found.kind is Kind.VIDEO else self._settings.max_audio_s
        if found.duration_s > limit:
            raise AttachmentError(
                f"{name} lasts {_spoken(found.duration_s)}; at most {_spoken(limit)} are taken.",
                "Send a shorter recording, or type your question.",
            )
        return self._store(
            data,
            found.kind,
            found.media_type,
            name,
            width_px=found.width_px,
            height_px=found.height_px,
            duration_s=round(found.duration_s, 3),
        )

    def _store(
        self,
        data: bytes,
        kind: Kind,
        media_type: str,
        name: str,
        *,
        width_px: int = 0,
        height_px: int = 0,
        duration_s: float = 0.0,
    ) -> Attachment:
        sha256 = hashlib.sha256(data).hexdigest()
        if self._claims:
            self._claims.claim(sha256)  # first: an erasure that comes between would take it away again
        self._write(self.path(sha256), data)
        return Attachment(sha256, kind, media_type, name, len(data), width_px, height_px, duration_s)

    def _write(self, target: Path, data: bytes) -> None:
        with _storage_errors():
            if target.is_file() and target.stat().st_size == len(data):
                return
            target.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=target.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, target)
            finally:
                Path(temporary).unlink(missing_ok=True)


def display_name(name: str) -> str:
    """A file name that is safe to show: no folders, no control or direction characters, not too long."""
    base = PurePath(name.replace("\\", "/")).name
    kept = "".join(c for c in base if unicodedata.category(c) not in _UNSHOWN).strip()
    if len(kept) > NAME_CHARS:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: NAME_CHARS - 12]}…{dot}{suffix[:10]}" if dot else kept[:NAME_CHARS]
    return kept if kept.strip(".") else "file"


def _start_of(source: Path | bytes, length: int) -> tuple[int, bytes]:
    """Size in bytes and the first `length` bytes: a device or a growing file has no end."""
    if isinstance(source, bytes):
        return len(source), source[:length]
    with source.open("rb") as file:
        data = file.read(length)
    return max(source.stat().st_size, len(data)), data


def _megabytes(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.1f} MB"


def _spoken(seconds: float) -> str:
    """A length of time in words, exact to the second: `3 h`, `1 min 30 s`."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        raise StorageError(
            f"The upload could not be stored: {reason}.", "Please tell the site's operator."
        ) from error

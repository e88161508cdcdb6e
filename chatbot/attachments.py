"""Intake of uploads: what they are by content, whether they are within limits, and where they are stored.

Images are stored as plain 8-bit RGB without metadata, so nothing downstream meets an odd format. It knows nothing
of what an upload says.
"""

import errno
import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath

from chatbot.errors import AttachmentError, StorageError
from chatbot.media import decode_image, probe_media
from chatbot.messages import Attachment, Kind
from chatbot.settings import Settings
from chatbot.sniff import sniff

NAME_CHARS = 120
_SHA256 = re.compile(r"[0-9a-f]{64}")


class AttachmentStore:
    """Uploads by the SHA-256 of what is stored, at `ab/<sha256>` inside one folder.

    Args:
        folder: Made at the first upload.
        settings: The limits on bytes, pixels and seconds.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        self._settings = settings

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

    def path(self, attachment: Attachment | str) -> Path:
        """Where the content of an attachment, or of a hash, is stored.

        Raises:
            AttachmentError: The hash is not one.
        """
        sha256 = attachment if isinstance(attachment, str) else attachment.sha256
        if not _SHA256.fullmatch(sha256):
            raise AttachmentError(f"{sha256!r} is no attachment.")
        return self._folder / sha256[:2] / sha256

    def _read(self, source: Path | bytes, name: str) -> bytes:
        limit = self._settings.max_attachment_bytes
        try:
            size = len(source) if isinstance(source, bytes) else source.stat().st_size
            if size > limit:
                raise AttachmentError(
                    f"{name} has {size / 1e6:.1f} MB; at most {limit / 1e6:.0f} MB are taken.",
                    "Send a smaller file.",
                )
            data = source if isinstance(source, bytes) else source.read_bytes()
        except OSError as error:
            raise AttachmentError(f"{name} could not be opened: {error.strerror}.") from error
        if not data:
            raise AttachmentError(f"{name} is empty (0 bytes).", "Please attach it again.")
        return data

    def _add_image(self, data: bytes, name: str) -> Attachment:
        image = decode_image(data, name, self._settings.max_image_pixels)
        return self._store(
            image.data, Kind.IMAGE, image.media_type, name, width_px=image.width_px, height_px=image.height_px
        )

    def _add_media(self, data: bytes, name: str) -> Attachment:
        found = probe_media(data, name)
        limit = self._settings.max_video_s if found.kind is Kind.VIDEO else self._settings.max_audio_s
        if found.duration_s > limit:
            raise AttachmentError(
                f"{name} lasts {_clock(found.duration_s)}; at most {_clock(limit)} are listened to.",
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
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise


def display_name(name: str) -> str:
    """A file name that is safe to show: no folders, no control or direction characters, not too long."""
    base = PurePath(name.replace("\\", "/")).name
    kept = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Cn", "Co"}).strip()
    if len(kept) > NAME_CHARS:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: NAME_CHARS - 12]}…{dot}{suffix[:10]}" if dot else kept[:NAME_CHARS]
    return kept or "file"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d} minutes"


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror
        raise StorageError(
            f"The upload could not be stored: {reason}.", "Please tell the site's operator."
        ) from error

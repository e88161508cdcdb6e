"""What an upload is, from its first bytes; its name is never believed."""

import filetype

from chatbot.errors import AttachmentError
from chatbot.messages import Kind

_IMAGES = {
    "image/png",
    "image/jpeg",
    "image/webp",
    "image/gif",
    "image/bmp",
    "image/heic",
    "image/heif",
    "image/avif",
}
_MARKUP = (b"<svg", b"<!doctype html", b"<html", b"<?xml", b"<script")
ACCEPTED = "Text, images (PNG, JPEG, WebP, GIF, BMP, HEIC), voice notes and short videos can be read."


def sniff(data: bytes, name: str) -> tuple[Kind, str]:
    """Kind and media type of an upload; a video container without pictures is sorted out later.

    Raises:
        AttachmentError: It is of a kind that is not taken; the text says what it seems to be.
    """
    found = filetype.guess(data[:8192])
    media_type = found.mime if found else ""
    if media_type in _IMAGES:
        return Kind.IMAGE, media_type
    if media_type.startswith(("audio/", "video/")) or _is_ogg_or_asf(data):
        return Kind.AUDIO, media_type or "application/ogg"
    if media_type:
        raise AttachmentError(f"{name} seems to be a {media_type} file, which is not taken.", ACCEPTED)
    return _text(data, name)


def _is_ogg_or_asf(data: bytes) -> bool:
    return data.startswith(b"OggS")


def _text(data: bytes, name: str) -> tuple[Kind, str]:
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_MARKUP):
        what = "an SVG drawing" if b"<svg" in start else "a web page or XML file"
        raise AttachmentError(f"{name} seems to be {what}, which is not taken.", ACCEPTED)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AttachmentError(f"{name} is neither text nor a picture, sound or video.", ACCEPTED) from error
    if b"\0" in data:
        raise AttachmentError(f"{name} is a binary file of an unknown kind.", ACCEPTED)
    return Kind.TEXT, "text/plain"

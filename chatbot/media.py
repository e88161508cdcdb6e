"""Pictures, sound and video as plain values: decoded carefully, measured without decoding where possible."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from chatbot.errors import AttachmentError
from chatbot.messages import Kind

SAMPLE_RATE_HZ = 16_000
MAX_DECODED_S = 4 * 3600.0
_JPEG_QUALITY = 92
_PHOTO = "image/jpeg"


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image as it is stored: upright 8-bit sRGB, no metadata."""

    data: bytes
    media_type: str
    width_px: int
    height_px: int


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a sound or video file holds."""

    kind: Kind
    media_type: str
    duration_s: float
    width_px: int = 0
    height_px: int = 0


def decode_image(data: bytes, name: str, max_pixels: int) -> DecodedImage:
    """Checks an image's size in its header, then decodes it into plain RGB.

    The first picture of an animation counts; transparency becomes white; colour profiles are applied; EXIF
    orientation too. Photos stay JPEG, everything else becomes PNG.

    Raises:
        AttachmentError: Too many pixels, or damaged.
    """
    plain, is_photo = open_plain(data, name, max_pixels)
    media_type = _PHOTO if is_photo else "image/png"
    return DecodedImage(encoded_image(plain, media_type), media_type, plain.width, plain.height)


def encoded_image(image: Image.Image, media_type: str) -> bytes:
    """An image as it is stored: JPEG where the media type says so, else PNG."""
    buffer = io.BytesIO()
    if media_type == _PHOTO:
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY)
    else:
        image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def open_plain(data: bytes, name: str, max_pixels: int) -> tuple[Image.Image, bool]:
    """An image's pixels as upright 8-bit sRGB, and whether it came as a photo; otherwise as `decode_image`.

    Raises:
        AttachmentError: Too many pixels, or damaged.
    """
    import pillow_heif

    pillow_heif.register_heif_opener()
    with _image_errors(name):
        image: Image.Image = Image.open(io.BytesIO(data))
        width, height = image.size
        if width * height > max_pixels:
            raise AttachmentError(
                f"{name} has {width:,} × {height:,} pixels; at most {max_pixels / 1e6:.0f} million are read.",
                "Send a smaller picture or crop it.",
            )
        is_photo = image.format in {"JPEG", "HEIF", "MPO"}
        image.seek(0)
        image.load()
        return _flat(_srgb(ImageOps.exif_transpose(image))), is_photo


def _srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in {"RGB", "RGBA", "CMYK", "L"}:
        return image
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = "RGBA" if image.mode == "RGBA" else "RGB"
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a broken profile costs some colour, not the picture
    return converted or image


def _flat(image: Image.Image) -> Image.Image:
    """8-bit RGB without metadata, transparency on white."""
    if image.mode in {"I;16", "I;16B", "I;16L", "I", "F"}:
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        image = Image.fromarray((values.clip(0, top) / top * 255).astype(np.uint8))
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        image = Image.alpha_composite(white, layered)
    rgb = image.convert("RGB")
    plain = Image.new("RGB", rgb.size)
    plain.paste(rgb)
    return plain


@contextmanager
def _image_errors(name: str) -> Iterator[None]:
    hint = "Take the screenshot again, or save it as PNG."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except Image.DecompressionBombError as error:
        raise AttachmentError(
            f"{name} has too many pixels to be opened.", "Send a smaller picture."
        ) from error
    except (
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        TypeError,
        IndexError,
        RuntimeError,
        ZeroDivisionError,
    ) as error:
        # Pillow's decoders raise any of these on damaged files.
        raise AttachmentError(
            f"{name} is damaged or cut off and cannot be read as a picture.", hint
        ) from error


def probe_media(data: bytes, name: str) -> MediaInfo:
    """Kind, type and length of a sound or video file, from its container where that says so.

    Raises:
        AttachmentError: Damaged, or without sound and picture.
    """
    with _media_errors(name), _opened(io.BytesIO(data)) as container:
        format_name = container.format.name
        video = next((s for s in container.streams.video if not _is_cover(s)), None)
        if video is None and not container.streams.audio:
            raise AttachmentError(f"{name} holds neither sound nor moving pictures.")
        duration_s = _duration_s(container)
        if video is not None:
            return MediaInfo(
                Kind.VIDEO, _media_type("video", format_name), duration_s, video.width, video.height
            )
        return MediaInfo(Kind.AUDIO, _media_type("audio", format_name), duration_s)


def decode_audio(path: Path, name: str) -> npt.NDArray[np.float32]:
    """Mono samples `[n]` at 16 kHz in [-1, 1], of the first sound track.

    Raises:
        AttachmentError: Damaged or silent in the sense that it has no sound track.
    """
    import av

    pieces: list[npt.NDArray[np.float32]] = []
    with _media_errors(name), _opened(str(path)) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
        for frame in container.decode(container.streams.audio[0]):
            frame.pts = None
            pieces += [_samples(f) for f in resampler.resample(frame)]
        pieces += [_samples(f) for f in resampler.resample(None)]
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _samples(frame: Any) -> npt.NDArray[np.float32]:
    samples: npt.NDArray[np.float32] = frame.to_ndarray().reshape(-1).astype(np.float32) / 32768.0
    return samples


def key_frames(path: Path, name: str, count: int) -> list[tuple[float, bytes]]:
    """The frames of a video that differ most from the one before: (time in seconds, PNG bytes), in time order.

    The first frame is always one of them. Frames are compared as 32 × 32 grey pictures, a few each second.

    Raises:
        AttachmentError: The pictures cannot be decoded.
    """
    kept: list[tuple[float, float, Any]] = []  # (change, time, frame)
    before: npt.NDArray[np.float32] | None = None
    next_s = 0.0
    with _media_errors(name), _opened(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            time_s = float(frame.time or 0.0)
            if time_s < next_s and before is not None:
                continue
            next_s = time_s + 0.25
            small = frame.reformat(width=32, height=32, format="gray").to_ndarray().astype(np.float32)
            change = float("inf") if before is None else float(np.abs(small - before).mean())
            before = small
            kept.append((change, time_s, frame.to_image()))
            kept = sorted(kept, key=lambda k: -k[0])[:count]
    return [
        (time_s, _png(image)) for change, time_s, image in sorted(kept, key=lambda k: k[1]) if change > 1.0
    ]


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def _duration_s(container: Any) -> float:
    known = [float(container.duration) / 1e6] if container.duration else []
    known += [float(s.duration * s.time_base) for s in container.streams if s.duration and s.time_base]
    if known:
        return max(known)
    end_s = 0.0
    for packet in container.demux():  # live recordings from browsers carry no length
        if packet.pts is not None and packet.time_base:
            end_s = max(end_s, float((packet.pts + (packet.duration or 0)) * packet.time_base))
        if end_s > MAX_DECODED_S:
            break
    return end_s


def _is_cover(stream: Any) -> bool:
    return stream.codec_context.name in {"mjpeg", "png", "bmp", "gif"} and "attached_pic" in str(
        stream.disposition
    )


def _media_type(kind: str, format_name: str) -> str:
    for part, subtype in (
        ("webm", "webm"),
        ("mp4", "mp4"),
        ("ogg", "ogg"),
        ("wav", "wav"),
        ("flac", "flac"),
        ("mp3", "mpeg"),
    ):
        if part in format_name:
            return f"{kind}/{subtype}"
    return f"{kind}/{format_name.split(',')[0]}"


def _opened(source: Any) -> Any:
    import av

    return av.open(source, metadata_errors="ignore")


@contextmanager
def _media_errors(name: str) -> Iterator[None]:
    import av

    try:
        yield
    except (
        av.FFmpegError,
        OSError,
        ValueError,
        IndexError,
        OverflowError,
        AssertionError,
        RuntimeError,
    ) as error:
        # FFmpeg's wrappers raise any of these on damaged files.
        raise AttachmentError(
            f"{name} is damaged or of an unknown kind and cannot be played.", "Please record it again."
        ) from error

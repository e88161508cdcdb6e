"""Intake: what is taken, what is refused and with which words, and how it is stored."""

import errno
import io
import os
import struct
import time
import tracemalloc
import unicodedata
import wave
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from chatbot.attachments import NAME_CHARS, AttachmentStore, display_name
from chatbot.errors import AttachmentError, FrontdeskError, StorageError
from chatbot.messages import Attachment, Kind
from chatbot.settings import Settings


@pytest.fixture
def store(settings: Settings) -> AttachmentStore:
    return AttachmentStore(settings.data_dir / "attachments", settings)


def encoded(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def stored_image(store: AttachmentStore, data: bytes, name: str = "shot.png") -> Image.Image:
    attachment = store.add(data, name)
    assert attachment.kind is Kind.IMAGE
    image = Image.open(store.path(attachment))
    assert image.mode == "RGB"
    assert (attachment.width_px, attachment.height_px) == image.size
    return image


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def wav(seconds: float, rate_hz: int = 8000) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(rate_hz)
        file.writeframes(b"\x80" * int(seconds * rate_hz))
    return buffer.getvalue()


def sound(form: str, codec: str, seconds: float = 1.0, rate_hz: int = 48_000, **options: str) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        _encode_tone(container, stream, seconds)
    return buffer.getvalue()


def video(form: str, codec: str, *, with_sound: bool = True) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        pictures = container.add_stream(codec, rate=5)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        track = (
            container.add_stream("aac" if form != "webm" else "libopus", rate=48_000) if with_sound else None
        )
        for i in range(10):
            pixels = np.full((48, 64, 3), 20 * i, np.uint8)
            container.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(pictures.encode())
        if track is not None:
            _encode_tone(container, track, 2.0)
    return buffer.getvalue()


def _encode_tone(container: Any, stream: Any, seconds: float) -> None:
    rate_hz = stream.rate
    fifo = av.AudioFifo()
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate_hz)) / rate_hz)
    whole = av.AudioFrame.from_ndarray((tone * 32767).astype(np.int16)[None], format="s16", layout="mono")
    whole.sample_rate = rate_hz
    resampler = av.AudioResampler(stream.format.name, stream.layout.name, rate_hz)
    for frame in resampler.resample(whole):
        frame.pts = None
        fifo.write(frame)
    size = stream.codec_context.frame_size or 1024
    while frame := fifo.read(size, partial=True):
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


# What is refused


@pytest.mark.parametrize("source", [b"", Path("/dev/null")])
def test_zero_bytes_are_refused(store: AttachmentStore, source: bytes | Path) -> None:
    with pytest.raises(AttachmentError, match=r"note\.txt is empty \(0 bytes\)"):
        store.add(source, "note.txt")


def test_a_file_that_is_not_there_is_refused(store: AttachmentStore, tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match="could not be opened: No such file"):
        store.add(tmp_path / "gone.png", "gone.png")


def test_too_many_bytes_are_refused_with_both_sizes(tmp_path: Path) -> None:
    store = AttachmentStore(tmp_path, Settings(max_attachment_bytes=2_000_000))
    with pytest.raises(AttachmentError, match=r"big\.txt has 3\.0 MB; at most 2\.0 MB"):
        store.add(b"a" * 3_000_000, "big.txt")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless device here")
def test_a_file_without_end_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    store = AttachmentStore(tmp_path, Settings(max_attachment_bytes=10_000))
    with pytest.raises(AttachmentError, match="at most"):
        store.add(Path("/dev/zero"), "zero.png")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "hello")
    return buffer.getvalue()


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("data", "name", "seems"),
    [
        (zipped(), "shot.png", "zip"),
        (SVG, "logo.svg", "SVG"),
        (b'<?xml version="1.0"?>\n' + SVG, "logo.png", "SVG"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"><rect/></svg>', "logo.svg", "SVG"),
        (b"<!DOCTYPE html><html><body>x</body></html>", "page.txt", "web page"),
        (b"MZ" + bytes(200), "setup.png", "msdownload"),
        (b"\x7fELF\x02\x01\x01" + bytes(200), "tool.png", "executable"),
        (b"%PDF-1.7\n%\xe2\xe3", "invoice.pdf", "pdf"),
        (bytes(range(256)) * 4, "blob.png", "neither text nor"),
    ],
)
def test_other_kinds_are_refused_by_content_and_told_what_is_taken(
    store: AttachmentStore, data: bytes, name: str, seems: str
) -> None:
    with pytest.raises(AttachmentError) as refused:
        store.add(data, name)
    assert seems in refused.value.message
    assert name in refused.value.message
    assert "PNG" in refused.value.hint
    assert "voice" in refused.value.hint


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "BMP", "GIF"])
def test_a_cut_off_image_is_refused(store: AttachmentStore, form: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (80, 80, 3), np.uint8)
    data = encoded(Image.fromarray(noise), form)
    with pytest.raises(AttachmentError, match="damaged or cut off"):
        store.add(data[: len(data) // 2], "shot.png")


def test_a_gigantic_image_is_refused_from_its_header(store: AttachmentStore) -> None:
    tracemalloc.start()
    with pytest.raises(AttachmentError, match="pixels"):
        store.add(png_header(30_000, 30_000), "huge.png")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 10_000_000


def test_an_image_over_the_pixel_limit_is_refused_with_its_size(store: AttachmentStore) -> None:
    with pytest.raises(AttachmentError, match="8,000 × 6,000 pixels; at most 40 million"):
        store.add(png_header(8_000, 6_000), "huge.png")


def test_a_corrupt_wav_is_refused(store: AttachmentStore) -> None:
    with pytest.raises(AttachmentError, match=r"note\.wav is damaged"):
        store.add(wav(1)[:20], "note.wav")


def test_three_hours_of_sound_are_refused_with_both_durations(store: AttachmentStore) -> None:
    data = wav(3 * 3600, rate_hz=1000)
    started_s = time.monotonic()
    with pytest.raises(AttachmentError, match=r"talk\.wav lasts 3 h; at most 5 min are taken"):
        store.add(data, "talk.wav")
    assert time.monotonic() - started_s < 5


def test_a_recording_that_does_not_say_its_length_is_measured(tmp_path: Path) -> None:
    store = AttachmentStore(tmp_path, Settings(max_audio_s=5))
    live = sound("webm", "libopus", seconds=8, live="1")
    with pytest.raises(AttachmentError, match="lasts 8 s; at most 5 s"):
        store.add(live, "note.webm")
    short = store.add(sound("webm", "libopus", seconds=2, live="1"), "note.webm")
    assert short.duration_s == pytest.approx(2, abs=0.1)


# What is taken


def test_text_is_kept_as_it_is(store: AttachmentStore) -> None:
    attachment = store.add("código,描述\n1,x\n".encode(), "log.csv")
    assert (attachment.kind, attachment.media_type) == (Kind.TEXT, "text/plain")
    assert store.path(attachment).read_text(encoding="utf-8") == "código,描述\n1,x\n"


@pytest.mark.parametrize(
    ("form", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 16_000),
        ("mp3", "libmp3lame", 44_100),
        ("ipod", "aac", 44_100),
        ("ogg", "flac", 44_100),
        ("ogg", "libopus", 48_000),
        ("webm", "libopus", 48_000),
        ("flac", "flac", 44_100),
        ("mp4", "aac", 48_000),
    ],
)
def test_sound_is_known_by_its_streams(store: AttachmentStore, form: str, codec: str, rate_hz: int) -> None:
    attachment = store.add(sound(form, codec, 1.0, rate_hz), "note.bin")
    assert attachment.kind is Kind.AUDIO
    assert attachment.media_type.startswith("audio/")
    assert attachment.duration_s == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize(
    ("form", "codec"), [("mp4", "libx264"), ("mov", "libx264"), ("webm", "libvpx"), ("webm", "libvpx-vp9")]
)
@pytest.mark.parametrize("with_sound", [True, False])
def test_video_is_known_by_its_streams(
    store: AttachmentStore, form: str, codec: str, with_sound: bool
) -> None:
    attachment = store.add(video(form, codec, with_sound=with_sound), "clip.bin")
    assert attachment.kind is Kind.VIDEO
    assert (attachment.width_px, attachment.height_px) == (64, 48)
    assert attachment.duration_s == pytest.approx(2.0, abs=0.3)


def test_a_long_video_has_its_own_limit(tmp_path: Path) -> None:
    store = AttachmentStore(tmp_path, Settings(max_video_s=1))
    with pytest.raises(AttachmentError, match=r"clip\.mp4 lasts 2 s; at most 1 s"):
        store.add(video("mp4", "libx264", with_sound=False), "clip.mp4")


def test_transparency_becomes_white(store: AttachmentStore) -> None:
    image = stored_image(store, encoded(Image.new("RGBA", (4, 4), (255, 0, 0, 0))))
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_a_transparent_palette_colour_becomes_white(store: AttachmentStore) -> None:
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([10, 20, 30] * 256)
    image = stored_image(store, encoded(palette, "GIF", transparency=0))
    assert image.getpixel((0, 0)) == (255, 255, 255)


def test_sixteen_bits_become_eight(store: AttachmentStore) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(4, axis=0)
    image = stored_image(store, encoded(Image.fromarray(ramp)))
    reds = [image.getpixel((x, 0))[0] for x in (0, 128, 255)]
    assert reds == [0, pytest.approx(128, abs=1), 255]


def test_print_colours_become_screen_colours(store: AttachmentStore) -> None:
    image = stored_image(store, encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    red, green, blue = image.getpixel((4, 4))
    assert red > 180
    assert green < 80
    assert blue < 80


def test_an_animation_is_its_first_picture(store: AttachmentStore) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    image = stored_image(store, encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert image.getpixel((4, 4))[0] > 250
    assert getattr(image, "n_frames", 1) == 1


def test_a_turned_photo_is_set_upright(store: AttachmentStore) -> None:
    photo = Image.new("RGB", (40, 20), "white")
    exif = photo.getexif()
    exif[0x0112] = 6
    assert stored_image(store, encoded(photo, "JPEG", exif=exif)).size == (20, 40)


def test_metadata_is_dropped(store: AttachmentStore) -> None:
    photo = Image.new("RGB", (40, 20), "white")
    exif = photo.getexif()
    exif[0x010E] = "taken at home"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Author", "taken at home")
    for data in (encoded(photo, "JPEG", exif=exif), encoded(photo, "PNG", pnginfo=notes, exif=exif)):
        assert b"taken at home" in data
        assert b"taken at home" not in store.path(store.add(data, "photo")).read_bytes()


def test_a_heic_photo_is_stored_as_jpeg(store: AttachmentStore) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    attachment = store.add(encoded(Image.new("RGB", (64, 64), "green"), "HEIF"), "IMG_1.HEIC")
    assert attachment.media_type == "image/jpeg"


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_dots_and_slivers_are_taken(store: AttachmentStore, size: tuple[int, int]) -> None:
    assert stored_image(store, encoded(Image.new("RGB", size))).size == size


# How it is stored


def test_content_lies_at_its_hash_and_is_stored_once(store: AttachmentStore, settings: Settings) -> None:
    first, second = store.add(b"hello", "a.txt"), store.add(b"hello", "b.txt")
    assert first.sha256 == second.sha256
    assert (first.name, second.name) == ("a.txt", "b.txt")
    assert store.path(first) == settings.data_dir / "attachments" / first.sha256[:2] / first.sha256
    assert [p for p in (settings.data_dir / "attachments").rglob("*") if p.is_file()] == [store.path(first)]


def test_a_stored_image_sent_again_keeps_its_hash(store: AttachmentStore) -> None:
    first = store.add(encoded(Image.new("RGBA", (9, 9), "teal")), "a.png")
    assert store.add(store.path(first), "b.png").sha256 == first.sha256


def test_stored_content_can_be_opened_and_asked_for(store: AttachmentStore) -> None:
    attachment = store.add(b"hello", "a.txt")
    with store.open(attachment) as file:
        assert file.read() == b"hello"
    assert attachment in store
    assert attachment.sha256 in store
    store.path(attachment).unlink()
    assert attachment not in store
    with pytest.raises(AttachmentError, match=r"a\.txt is no longer stored"):
        store.open(attachment)


@pytest.mark.parametrize(
    "sha256", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64 + "\n", "0" * 63 + "/"]
)
def test_only_hashes_are_addresses(store: AttachmentStore, sha256: str) -> None:
    with pytest.raises(AttachmentError, match="no attachment"):
        store.path(sha256)


@pytest.mark.parametrize(
    ("code", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "Permission denied")]
)
def test_a_full_disk_is_told_and_leaves_nothing_behind(
    store: AttachmentStore, settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int, says: str
) -> None:
    def fail(_descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=says):
        store.add(b"hello", "a.txt")
    assert not [p for p in settings.data_dir.rglob("*") if p.is_file()]


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\shot.png", "shot.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),
        ("a\nb\x00c\u2028d.txt", "abcd.txt"),
        ("", "file"),
        ("..", "file"),
        ("截图 1.png", "截图 1.png"),
    ],
)
def test_names_are_cleaned_for_display(given_name: str, shown: str) -> None:
    assert display_name(given_name) == shown


@given(st.text(st.characters(), max_size=300))
def test_any_name_becomes_one_short_visible_line(name: str) -> None:
    shown = display_name(name)
    assert 0 < len(shown) <= NAME_CHARS
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


# The worst that others have collected


def malformed(folder: Path, kind: str) -> Iterator[Path]:
    if not (folder / "malformed" / kind).is_dir():
        pytest.skip(f"no malformed files at {folder / 'malformed' / kind}")
    yield from sorted((folder / "malformed" / kind).iterdir())


@pytest.mark.parametrize("kind", ["image", "audio", "pdf"])
def test_malformed_files_are_taken_or_refused_in_words(
    store: AttachmentStore, eval_data: Path, kind: str
) -> None:
    for path in malformed(eval_data, kind):
        started_s = time.monotonic()
        outcome = taken_or_refused(store, path)
        assert time.monotonic() - started_s < 10, path.name
        if isinstance(outcome, FrontdeskError):
            assert path.name in outcome.message
        else:
            assert kind != "pdf", path.name
            assert outcome in store


def taken_or_refused(store: AttachmentStore, path: Path) -> Attachment | FrontdeskError:
    try:
        return store.add(path, path.name)
    except FrontdeskError as error:
        return error


def test_a_picture_is_checked_without_being_stored(store: AttachmentStore, tmp_path: Path) -> None:
    data = encoded(Image.new("RGBA", (40, 30), (255, 0, 0, 128)))
    picture = store.picture(data, "shot.png")
    assert picture is not None
    assert (picture.width_px, picture.height_px, picture.media_type) == (40, 30, "image/png")
    assert store.picture(b"only words", "note.txt") is None
    with pytest.raises(AttachmentError, match="empty"):
        store.picture(b"", "nothing.png")
    assert not list(tmp_path.rglob("attachments"))
    assert store.path(store.add(data, "shot.png")).read_bytes() == picture.data

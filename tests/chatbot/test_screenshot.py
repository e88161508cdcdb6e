"""What is picked out of the text on a screen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from chatbot.errors import AttachmentError
from chatbot.messages import OcrLine
from chatbot.screenshot import ScreenReader, corrected, error_codes, urls

SHA = "ab" * 32


class FixedText:
    """Reads the same lines on every image."""

    def __init__(self, *texts: str) -> None:
        self.texts = texts
        self.modes: list[str] = []

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        self.modes.append(image.mode)
        return tuple(OcrLine(text, 0.9, (0, 20 * i, 100, 20 * i + 16)) for i, text in enumerate(self.texts))


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("WR-501", ["WR-501"]),
        ("Update failed (WR-204).", ["WR-204"]),
        ("Error WR-5O1 occurred", ["WR-501"]),
        ("wR-3Ol", ["WR-301"]),
        ("WR- 112", ["WR-112"]),
        ("E-104", ["E-104"]),
        ("CE-34878-0", ["CE-34878-0"]),
        ("ERR_CONNECTION_REFUSED", ["ERR_CONNECTION_REFUSED"]),
        ("ERR CONNECTION REFUSED", ["ERR_CONNECTION_REFUSED"]),
        ("DNS_PROBE_FINISHED_NXDOMAIN", ["DNS_PROBE_FINISHED_NXDOMAIN"]),
        ("Stop code: IRQL_NOT_LESS_OR_EQUAL", ["IRQL_NOT_LESS_OR_EQUAL"]),
        ("0x80070005", ["0x80070005"]),
        ("Error Ox8007OOO5", ["0x80070005"]),
        ("Error 403", ["Error 403"]),
        ("Error-4O4", ["Error 404"]),
        ("Error code: 1603", ["Error 1603"]),
        ("Error: E104", ["E104"]),
        ("错误代码：10061", ["Error 10061"]),
        ("HTTP 502", ["HTTP 502"]),
        ("HTTP ERROR 404", ["HTTP 404"]),
        ("502 Bad Gateway", ["HTTP 502"]),
        ("WR-501 then WR-107 then WR-501", ["WR-501", "WR-107"]),
    ],
)
def test_error_codes_are_found_and_put_right(line: str, codes: list[str]) -> None:
    assert list(error_codes([line])) == codes


@pytest.mark.parametrize(
    "line",
    [
        "Your code 482913",
        "24 NOV - 2024, MAY-2024",
        "UTF-16 SHA-256 ISO-8859",
        "MAX_PATH first_name API_KEY",
        "pre-oil co-Oll",
        "2024-11-24 14:05",
        "Oxford",
        "error: it failed",
        "+44-20-7946",
        "HTTP 200",
        "B-52",
        "",
    ],
)
def test_what_only_looks_like_a_code_is_none(line: str) -> None:
    assert error_codes([line]) == ()


@given(st.text(max_size=200))
def test_any_text_can_be_searched(text: str) -> None:
    assert all(code == code.strip() for code in error_codes([text]))
    assert not any(c.isspace() for url in urls([text]) for c in url)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("See https://help.wrenfield.example/a?b=1).", ["https://help.wrenfield.example/a?b=1"]),
        ("https: //wren.local/x", ["https://wren.local/x"]),
        ("go to my.wren.local now", ["my.wren.local"]),
        ("www.foo.org, ok", ["www.foo.org"]),
        ("请访问 https://wren.example/帮助。谢谢", ["https://wren.example/帮助"]),
        ("http://192.168.1.1/admin", ["http://192.168.1.1/admin"]),
        ("support@wrenfield.com", []),
        ("version 1.2.3", []),
    ],
)
def test_addresses_are_found_without_punctuation(line: str, found: list[str]) -> None:
    assert list(urls([line])) == found


def test_a_reading_holds_everything_and_names_the_image_for_visual_tokens(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    Image.new("L", (120, 60)).save(path, "PNG")
    ocr = FixedText("Payment declined", "WR-5O1 at my.wren.local")
    reading = ScreenReader(ocr).read(path, "shot.png", SHA)
    assert reading.text == "Payment declined\nWR-5O1 at my.wren.local"
    assert (reading.width_px, reading.height_px) == (120, 60)
    assert (reading.error_codes, reading.urls) == (("WR-501",), ("my.wren.local",))
    assert (reading.attachment_sha256, reading.visual_sha256) == (SHA, SHA)
    assert ocr.modes == ["RGB"]


def test_a_key_frame_has_an_image_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "frame"
    Image.new("RGB", (9, 9)).save(path, "PNG")
    reading = ScreenReader(FixedText()).read(path, "clip.mp4", SHA, visual_sha256="cd" * 32)
    assert (reading.attachment_sha256, reading.visual_sha256) == (SHA, "cd" * 32)


def test_a_correction_brings_its_own_codes(tmp_path: Path) -> None:
    path = tmp_path / "shot"
    Image.new("RGB", (9, 9)).save(path, "PNG")
    mended = corrected(ScreenReader(FixedText("WR-S01")).read(path, "shot.png", SHA), "WR-501")
    assert (mended.text, mended.error_codes) == ("WR-501", ("WR-501",))
    assert mended.lines[0].text == "WR-S01"


@pytest.mark.parametrize("content", [None, b"not an image"])
def test_an_image_that_is_gone_or_broken_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "shot"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AttachmentError, match=r"shot\.png cannot be opened any more"):
        ScreenReader(FixedText()).read(path, "shot.png", SHA)

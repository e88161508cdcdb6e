"""Personal data on screenshots: covered before anything is stored, and unreadable afterwards."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from chatbot.attachments import AttachmentStore
from chatbot.errors import AttachmentError
from chatbot.messages import OcrLine
from chatbot.privacy import PiiSpan, PiiType, Redactor, pattern_redactor
from chatbot.privacy.screens import ScreenRedactor, span_boxes
from chatbot.screenshot import ScreenReader
from chatbot.services import Services
from chatbot.settings import Settings
from chatbot.vision.ocr import Ocr

ACCOUNT = (
    "Account settings",
    "Name: Ottoline Marchbanks",
    "E-mail: ottoline.marchbanks@example.org",
    "Phone: +49 171 5550 1834",
    "Your plan renews on 3 March.",
)
ORDER = (
    "Order confirmation",
    "Dear Ms Marchbanks, thank you for your order WF-90417733.",
    "We ship to 14 Larchwood Avenue, Portland, OR 97205.",
    "Total 129.00 EUR",
)
PAYMENT = (
    "Payment failed (WR-301)",
    "Card number 4111 1111 1111 1111",
    "IBAN DE89 3704 0044 0532 0130 00",
    "Please choose another card.",
)
CHAT = (
    "Chat with support",
    "You: I am Kenneth Brandt, born 12.04.1981.",
    "You: my address is kbrandt77@mail.example",
    "Agent: Thank you, one moment please.",
)
PRIVATE = (
    *("ottoline", "marchbanks", "example.org", "171", "5550", "1834", "9041", "7733", "larchwood", "97205"),
    *("4111", "1111", "de89", "3704", "0532", "kenneth", "brandt", "1981", "kbrandt", "mail.example"),
)


def drawn(lines: Sequence[str], size: int = 22, colour: str = "black", ground: str = "white") -> Image.Image:
    image = Image.new("RGB", (size * 34, size * 2 * (len(lines) + 1)), ground)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((size, size * (1 + 2 * number)), line, fill=colour, font=ImageFont.load_default(size=size))
    return image


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def text_of(lines: Sequence[OcrLine]) -> str:
    return "\n".join(line.text for line in lines).casefold()


@pytest.fixture(scope="module")
def ocr() -> Ocr:
    return Ocr(threads=2)


@pytest.mark.parametrize(
    ("lines", "size", "colour", "ground", "stays"),
    [
        (ACCOUNT, 22, "black", "white", ("account settings", "renews on 3 march")),
        (ORDER, 16, "white", "#202830", ("order confirmation", "129.00")),
        (PAYMENT, 18, "#203060", "#eef2f8", ("wr-301", "choose another card")),
        (CHAT, 20, "black", "#f4f4f4", ("chat with support", "one moment")),
    ],
)
def test_nothing_personal_can_be_read_any_more_and_the_rest_can(
    ocr: Ocr, lines: Sequence[str], size: int, colour: str, ground: str, stays: Sequence[str]
) -> None:
    data = png(drawn(lines, size, colour, ground))
    before = text_of(ocr.read(opened(data)))
    assert any(piece in before for piece in PRIVATE)
    after = text_of(ocr.read(opened(ScreenRedactor(ocr, pattern_redactor).redacted(data, "image/png"))))
    assert [piece for piece in PRIVATE if piece in after] == []
    assert all(piece in after for piece in stays)


def test_the_words_as_they_stood_are_known_for_the_customers_own_question(ocr: Ocr, tmp_path: Path) -> None:
    redactor = ScreenRedactor(ocr, pattern_redactor)
    data = redactor.redacted(png(drawn(PAYMENT)), "image/png")
    sha256 = hashlib.sha256(data).hexdigest()
    path = tmp_path / "stored.png"
    path.write_bytes(data)
    reading = ScreenReader(ocr, redactor.lines_of).read(path, "shot.png", sha256)
    assert "4111" in reading.text
    assert reading.error_codes == ("WR-301",)
    again = ScreenReader(ocr).read(path, "shot.png", sha256)
    assert "4111" not in again.text
    assert again.error_codes == ("WR-301",)


class Reads:
    """Reads what it is told, one answer after the other; the last one stays."""

    def __init__(self, *answers: tuple[OcrLine, ...]) -> None:
        self.answers = list(answers)

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


MAIL = OcrLine("write to ann.b@shop.example today", 0.9, (10, 10, 330, 30))
PLAIN = OcrLine("Router settings", 0.9, (10, 50, 160, 70))


def test_a_picture_without_personal_data_stays_byte_for_byte() -> None:
    data = png(Image.new("RGB", (400, 100), "white"))
    redactor = ScreenRedactor(Reads((PLAIN,)), pattern_redactor)
    assert redactor.redacted(data, "image/png") == data
    assert redactor.lines_of(hashlib.sha256(data).hexdigest()) == (PLAIN,)


def test_only_the_personal_part_of_a_line_is_covered() -> None:
    covered = ScreenRedactor(Reads(()), pattern_redactor).covered(
        Image.new("RGB", (400, 100), "white"), (MAIL, PLAIN)
    )
    assert covered is not None
    black = [x for x in range(400) if covered.getpixel((x, 20)) == (0, 0, 0)]
    assert 60 < min(black) < 110
    assert 230 < max(black) < 300
    assert all(covered.getpixel((x, 60)) == (255, 255, 255) for x in range(400))


@pytest.mark.parametrize("piece", ["write to ann.b", "ample today", "ann.b@shop.example"])
def test_a_line_of_which_a_piece_can_still_be_read_is_covered_whole(piece: str) -> None:
    left = OcrLine(piece, 0.9, (10, 10, 90, 30))
    covered = ScreenRedactor(Reads((left,), ()), pattern_redactor).covered(
        Image.new("RGB", (400, 100), "white"), (MAIL,)
    )
    assert covered is not None
    assert all(covered.getpixel((x, 20)) == (0, 0, 0) for x in range(10, 330))


def test_what_stands_beside_a_box_may_be_read() -> None:
    left = OcrLine("write to", 0.9, (10, 10, 90, 30))
    covered = ScreenRedactor(Reads((left,), ()), pattern_redactor).covered(
        Image.new("RGB", (400, 100), "white"), (MAIL,)
    )
    assert covered is not None
    assert covered.getpixel((15, 20)) == (255, 255, 255)


def test_a_box_goes_to_the_end_where_one_or_two_characters_would_be_left() -> None:
    line = OcrLine("abcdefghij", 0.9, (100, 0, 200, 20))
    left, _, right, _ = span_boxes(line, [PiiSpan(PiiType.PERSON, 2, 8, 1.0)])[0]
    assert left < 100
    assert right > 200
    inner = span_boxes(line, [PiiSpan(PiiType.PERSON, 4, 6, 1.0)])[0]
    assert 100 < inner[0] < 150 < inner[2] < 200


def test_pictures_are_covered_before_they_are_stored(settings: Settings) -> None:
    screens = ScreenRedactor(Reads((MAIL,), ()), pattern_redactor)
    store = AttachmentStore(settings.data_dir / "attachments", settings, screens=screens)
    attachment = store.add(png(Image.new("RGB", (400, 100), "white")), "screen.png")
    stored = store.path(attachment).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == attachment.sha256
    assert opened(stored).getpixel((150, 20)) == (0, 0, 0)
    assert screens.lines_of(attachment.sha256) == (MAIL,)


def test_a_photo_stays_a_photo(settings: Settings) -> None:
    store = AttachmentStore(
        settings.data_dir / "attachments",
        settings,
        screens=ScreenRedactor(Reads((MAIL,), ()), pattern_redactor),
    )
    data = io.BytesIO()
    Image.new("RGB", (400, 100), "white").save(data, "JPEG")
    attachment = store.add(data.getvalue(), "photo.jpg")
    assert attachment.media_type == "image/jpeg"
    assert Image.open(store.path(attachment)).format == "JPEG"


def test_a_picture_that_cannot_be_looked_through_is_not_kept(settings: Settings) -> None:
    def broken() -> Redactor:
        raise OSError("no model")

    folder = settings.data_dir / "attachments"
    store = AttachmentStore(folder, settings, screens=ScreenRedactor(Reads((MAIL,)), broken))
    with pytest.raises(AttachmentError, match="could not be looked through for personal data"):
        store.add(png(Image.new("RGB", (400, 100), "white")), "screen.png")
    assert not list(folder.rglob("*"))


@pytest.mark.parametrize("is_on", [True, False])
def test_the_setting_decides(settings: Settings, is_on: bool, ocr: Ocr) -> None:
    services = Services(settings.model_copy(update={"redact_screenshots": is_on}))
    try:
        stored = services.attachments.path(services.attachments.add(png(drawn(PAYMENT)), "screen.png"))
        assert ("4111" in text_of(ocr.read(opened(stored.read_bytes())))) is not is_on
    finally:
        services.close()

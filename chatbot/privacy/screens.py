"""Screenshots without personal data: opaque boxes over it, drawn before a picture is stored or sent anywhere.

The words as they stood are remembered for a while, by the hash of what is stored, so that the customer's own question
is answered from the screen as it was sent. Knows no files, no conversations and no recogniser of text in particular.
"""

import hashlib
import io
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from PIL import Image, ImageDraw

from chatbot.media import encoded_image
from chatbot.messages import OcrLine
from chatbot.privacy.redactor import Redactor
from chatbot.privacy.spans import PiiSpan

Box = tuple[int, int, int, int]
COLOUR = "black"
_LOOKS = 3
"""Times a picture is read again at most; each covers more of what could still be read."""
_REMEMBERED = 128
_MARGIN = 0.35
"""Of a line's height that a box goes beyond its characters, whose places are estimated by their usual widths."""
_NEAR = 2.5
"""Of a box's height that is read again above and below it: the line there may be its label."""
_FEWEST_BESIDE = 3
"""Characters at an end of a line that are worth leaving."""
_NARROW, _WIDE, _DOUBLE = 0.55, 1.4, 1.8
_WORD = re.compile(r"[^\W_]+")


class ReadsLines(Protocol):
    """What is needed of `vision.ocr.Ocr`."""

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        """Lines in reading order."""
        ...


@dataclass(frozen=True, slots=True)
class LookedThrough:
    """A picture that may be stored, and what could be read on it before its boxes were drawn."""

    data: bytes
    lines: tuple[OcrLine, ...]


class ScreenRedactor:
    """Safe to share between threads.

    Args:
        redactor: Gives what finds personal data; called at the first picture with words on it.
    """

    def __init__(self, ocr: ReadsLines, redactor: Callable[[], Redactor]) -> None:
        self._ocr = ocr
        self._make_redactor = redactor
        self._redactor: Redactor | None = None
        self._lines: OrderedDict[str, tuple[OcrLine, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def redacted(self, data: bytes, media_type: str) -> bytes:
        """The picture with a box over all personal data that can be read on it; the same bytes where there is none.

        Args:
            data: A PNG or JPEG file, as `media_type` says.
        """
        looked = self.look(data, media_type)
        self.remember(looked)
        return looked.data

    def look(self, data: bytes, media_type: str) -> LookedThrough:
        """As `redacted`, and keeps nothing of it."""
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
        lines = self._ocr.read(image)
        covered = self.covered(image, lines)
        return LookedThrough(data if covered is None else encoded_image(covered, media_type), lines)

    def remember(self, looked: LookedThrough) -> None:
        """Keeps the words of a picture that was sent, for `lines_of`."""
        sha256 = hashlib.sha256(looked.data).hexdigest()
        with self._lock:
            self._lines[sha256] = looked.lines
            self._lines.move_to_end(sha256)
            while len(self._lines) > _REMEMBERED:
                self._lines.popitem(last=False)

    def covered(self, image: Image.Image, lines: Sequence[OcrLine]) -> Image.Image | None:
        """The picture with its boxes; None where nothing on it is personal data.

        Args:
            lines: What can be read on it.
        """
        found = self._personal(lines)
        if not any(found):
            return None
        boxes = [box for line, spans in zip(lines, found, strict=True) for box in span_boxes(line, spans)]
        covered = _with_boxes(image, boxes)
        for _ in range(_LOOKS):
            left = self._left_over(covered, boxes, lines, found)
            if not left:
                break
            covered = _with_boxes(covered, left)
            boxes = left
        return covered

    def lines_of(self, sha256: str) -> tuple[OcrLine, ...] | None:
        """What stood on a picture that was stored under this hash, before its boxes; None when that is forgotten."""
        with self._lock:
            return self._lines.get(sha256)

    def _personal(self, lines: Sequence[OcrLine]) -> list[tuple[PiiSpan, ...]]:
        """Read together: a label says what stands in the line below it."""
        if not lines:
            return []
        with self._lock:
            self._redactor = redactor = self._redactor or self._make_redactor()
        return redactor.detect_turns([line.text for line in lines])

    def _left_over(
        self,
        covered: Image.Image,
        boxes: Sequence[Box],
        lines: Sequence[OcrLine],
        found: Sequence[Sequence[PiiSpan]],
    ) -> list[Box]:
        """Whole lines on which personal data, or a piece of it beside a box, can still be read.

        Only what is around the boxes is read again: elsewhere the picture is as it was.
        """
        again = self._ocr.read(_with_boxes(covered, _elsewhere(boxes, covered)))
        left = [line.box for line, spans in zip(again, self._personal(again), strict=True) if spans]
        for line, spans in zip(lines, found, strict=True):
            torn = [
                one.box for one in again if spans and _meet(one.box, line.box) and _tells(one, line, spans)
            ]
            left += [line.box, *torn] if torn else []
        return left


def span_boxes(line: OcrLine, spans: Iterable[PiiSpan]) -> list[Box]:
    """Where some characters of a line stand in its picture, in pixels, generously; to the end where little is left."""
    left, top, right, bottom = line.box
    ends = [0.0, *accumulate(_width(character) for character in line.text)]
    margin, scale = _MARGIN * (bottom - top), (right - left) / (ends[-1] or 1.0)
    boxes = []
    for span in spans:
        start, end = left + scale * ends[span.start] - margin, left + scale * ends[span.end] + margin
        if span.start < _FEWEST_BESIDE:
            start = left - margin
        if len(line.text) - span.end < _FEWEST_BESIDE:
            end = right + margin
        boxes.append((round(start), round(top - margin / 2), round(end), round(bottom + margin / 2)))
    return boxes


def _elsewhere(boxes: Sequence[Box], image: Image.Image) -> list[Box]:
    """What is not near a box, in stripes as wide as the picture."""
    stripes, done = [], 0
    for _, top, _, bottom in sorted(boxes, key=lambda box: box[1]):
        near = round(_NEAR * (bottom - top))
        if top - near > done:
            stripes.append((0, done, image.width, top - near - 1))
        done = max(done, bottom + near)
    return [*stripes, (0, done, image.width, image.height)] if done < image.height else stripes


def _width(character: str) -> float:
    """Of a character in usual fonts, in widths of an average letter."""
    if character in "iIljtfr.,:;'|!()[] ":
        return _NARROW
    if character in "mwMW@%":
        return _WIDE
    return _DOUBLE if ord(character) > 0x2E7F else 1.0


def _tells(again: OcrLine, line: OcrLine, spans: Sequence[PiiSpan]) -> bool:
    """Whether a line beside a box shows part of a word that the box should hide."""
    hidden = {word for span in spans for word in _words(line.text[span.start : span.end])}
    open_text = line.text
    for span in sorted(spans, key=lambda s: -s.start):
        open_text = f"{open_text[: span.start]} {open_text[span.end :]}"
    shown = _words(again.text) - _words(open_text)
    return any(word in piece or piece in word for word in hidden for piece in shown)


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(text.casefold()) if len(word) > 1}


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _with_boxes(image: Image.Image, boxes: Sequence[Box]) -> Image.Image:
    covered = image.copy()
    draw = ImageDraw.Draw(covered)
    for left, top, right, bottom in boxes:
        draw.rectangle((max(0, left), max(0, top), right, bottom), fill=COLOUR)
    return covered

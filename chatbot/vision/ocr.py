"""Text on screens: PP-OCR through RapidOCR, as lines in reading order."""

import math
import threading
from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from PIL import Image

from chatbot.messages import OcrLine
from knowledge_base.memory import release_memory

MIN_CONFIDENCE = 0.5
_MAX_SIDE_PX = 1920
_MAX_AREA_PX = 1920 * 1080  # memory at the peak grows with the area: about 200 MB a megapixel
_SMALL_SIDE_PX = 900  # small screens are read at twice their size: thin text on dark is missed otherwise
_MIN_SIDE_PX = 8
_LINES_AT_ONCE = 4
_MAX_ASPECT = 200
_PADDED_ASPECT = 8  # the detector loses slivers, so that they get margins
_PROSE_ASPECT = 7  # lines this much wider than high are sentences; labels of a form are shorter
_COLUMN_LINES = 3


class Ocr:
    """The recogniser; its models are in the rapidocr wheel and load at first use. One image at a time.

    Args:
        threads: CPU threads.
    """

    def __init__(self, threads: int = 2) -> None:
        self._threads = threads
        self._reading = threading.Lock()
        self._engine: Any = None

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        """Lines of an RGB image in reading order, boxes in its own pixels; none for slivers and dots."""
        width, height = image.size
        if min(width, height) < _MIN_SIDE_PX or max(width, height) > _MAX_ASPECT * min(width, height):
            return ()
        scale = _scale(width, height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = _bgr(_padded(image.resize(size, Image.Resampling.LANCZOS)))
        with self._reading:
            found = self._loaded()(pixels, use_cls=False)
            release_memory()
        if found.boxes is None or found.txts is None or found.scores is None:
            return ()
        lines = [
            OcrLine(text.strip(), round(float(score), 4), _box(corners, scale, width, height))
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if text.strip() and score >= MIN_CONFIDENCE
        ]
        return tuple(in_reading_order(lines))

    def warm_up(self) -> None:
        """Loads the models now rather than at the first screenshot."""
        with self._reading:
            self._loaded()

    def _loaded(self) -> Any:
        if self._engine is None:
            from rapidocr import RapidOCR

            self._engine = RapidOCR(
                params={
                    "Global.log_level": "critical",
                    "Global.use_cls": False,
                    "Global.max_side_len": _MAX_SIDE_PX,
                    "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                    "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
                    "Rec.rec_batch_num": _LINES_AT_ONCE,
                }
            )
        return self._engine


def in_reading_order(lines: Sequence[OcrLine]) -> list[OcrLine]:
    """Rows from top to bottom, each from left to right; of two columns of prose the left one first.

    Lines whose heights overlap by half share a row. A line across both columns, such as a heading, separates
    what is above it from what is below.
    """
    gutter = _gutter(lines)
    if gutter is None:
        return _by_rows(lines)
    ordered: list[OcrLine] = []
    waiting: list[OcrLine] = []
    for line in sorted(lines, key=_middle):
        if line.box[0] < gutter < line.box[2]:
            ordered += [*_by_columns(waiting, gutter), line]
            waiting = []
        else:
            waiting.append(line)
    return ordered + _by_columns(waiting, gutter)


def _by_columns(lines: Sequence[OcrLine], gutter: float) -> list[OcrLine]:
    left = [line for line in lines if line.box[2] <= gutter]
    right = [line for line in lines if line.box[2] > gutter]
    return _by_rows(left) + _by_rows(right)


def _by_rows(lines: Iterable[OcrLine]) -> list[OcrLine]:
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=_middle):
        if rows and _same_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box[0])]


def _gutter(lines: Sequence[OcrLine]) -> float | None:
    """Where two columns of prose meet, if there are two; a form's labels and values are no columns."""
    best: tuple[int, float] | None = None
    for x in {line.box[0] - 0.5 for line in lines}:
        left = [line for line in lines if line.box[2] <= x]
        right = [line for line in lines if line.box[0] > x]
        across = len(lines) - len(left) - len(right)
        size = min(len(left), len(right))
        if size >= _COLUMN_LINES and across < size and _are_columns(left, right) and size > (best or (0,))[0]:
            best = size, x
    return best[1] if best else None


def _are_columns(left: Sequence[OcrLine], right: Sequence[OcrLine]) -> bool:
    if not (_is_prose(left) and _is_prose(right)):
        return False
    fewer, more = sorted((left, right), key=len)
    beside = sum(any(_overlap(a, b) > 0 for b in more) for a in fewer)
    return beside >= len(fewer) / 2  # bubbles of a chat alternate instead


def _is_prose(lines: Sequence[OcrLine]) -> bool:
    return median((b[2] - b[0]) / max(1, b[3] - b[1]) for b in (line.box for line in lines)) >= _PROSE_ASPECT


def _middle(line: OcrLine) -> float:
    return (line.box[1] + line.box[3]) / 2


def _same_row(one: OcrLine, other: OcrLine) -> bool:
    return _overlap(one, other) > 0.5 * min(one.box[3] - one.box[1], other.box[3] - other.box[1])


def _overlap(one: OcrLine, other: OcrLine) -> int:
    return min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])


def _scale(width: int, height: int) -> float:
    longest = max(width, height)
    wanted = 2.0 if longest <= _SMALL_SIDE_PX else min(1.0, _MAX_SIDE_PX / longest)
    return min(wanted, math.sqrt(_MAX_AREA_PX / (width * height)))


def _padded(image: Image.Image) -> Image.Image:
    """Room below or right of a sliver, in the colour of its corner, so that all coordinates stay."""
    width, height = image.size
    wide, high = max(width, height // _PADDED_ASPECT), max(height, width // _PADDED_ASPECT)
    if (wide, high) == (width, height):
        return image
    canvas = Image.new("RGB", (wide, high), image.convert("RGB").getpixel((0, 0)))
    canvas.paste(image, (0, 0))
    return canvas


def _bgr(image: Image.Image) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _box(corners: Any, scale: float, width: int, height: int) -> tuple[int, int, int, int]:
    xs, ys = [float(x) / scale for x, _ in corners], [float(y) / scale for _, y in corners]
    return (
        max(0, round(min(xs))),
        max(0, round(min(ys))),
        min(width, round(max(xs))),
        min(height, round(max(ys))),
    )

"""Text on screens: PP-OCR through RapidOCR, as lines in reading order."""

import threading
from functools import cached_property
from typing import Any

from PIL import Image

from chatbot.messages import OcrLine

MIN_CONFIDENCE = 0.5
_MAX_SIDE_PX = 1920
_SMALL_SIDE_PX = 900  # small screens are read at twice their size: thin text on dark is missed otherwise
_MIN_SIDE_PX = 12
_MAX_ASPECT = 40


class Ocr:
    """The recogniser; its models are in the rapidocr wheel and load at first use."""

    def __init__(self, threads: int = 2) -> None:
        self._threads = threads
        self._reading = threading.Lock()

    def read(self, image: Image.Image) -> tuple[OcrLine, ...]:
        """Lines of an RGB image in reading order, boxes in its own pixels; none for slivers and dots."""
        width, height = image.size
        if min(width, height) < _MIN_SIDE_PX or max(width, height) > _MAX_ASPECT * min(width, height):
            return ()
        scale = _scale(width, height)
        scaled = image.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)
        with self._reading:
            found = self._engine(_bgr(scaled), use_cls=False)
        if found.boxes is None or found.txts is None or found.scores is None:
            return ()
        lines = [
            OcrLine(text.strip(), round(float(score), 4), _box(corners, scale))
            for corners, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
            if text.strip() and score >= MIN_CONFIDENCE
        ]
        return tuple(in_reading_order(lines))

    def warm_up(self) -> None:
        """Loads the models now rather than at the first screenshot."""
        _ = self._engine

    @cached_property
    def _engine(self) -> Any:
        from rapidocr import RapidOCR

        return RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.use_cls": False,
                "Global.max_side_len": _MAX_SIDE_PX,
                "EngineConfig.onnxruntime.intra_op_num_threads": self._threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
                "EngineConfig.onnxruntime.enable_cpu_mem_arena": False,
                "Rec.rec_batch_num": 4,
            }
        )


def in_reading_order(lines: list[OcrLine]) -> list[OcrLine]:
    """Rows from top to bottom, each from left to right; lines whose heights overlap by half share a row."""
    rows: list[list[OcrLine]] = []
    for line in sorted(lines, key=lambda line: (line.box[1] + line.box[3]) / 2):
        if rows and _same_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda line: line.box[0])]


def _same_row(one: OcrLine, other: OcrLine) -> bool:
    overlap = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return overlap > 0.5 * min(one.box[3] - one.box[1], other.box[3] - other.box[1])


def _scale(width: int, height: int) -> float:
    longest = max(width, height)
    if longest > _MAX_SIDE_PX:
        return _MAX_SIDE_PX / longest
    return 2.0 if longest <= _SMALL_SIDE_PX else 1.0


def _bgr(image: Image.Image) -> Any:
    import numpy as np

    return np.ascontiguousarray(np.asarray(image.convert("RGB"))[:, :, ::-1])


def _box(corners: Any, scale: float) -> tuple[int, int, int, int]:
    xs, ys = [float(x) / scale for x, _ in corners], [float(y) / scale for _, y in corners]
    return round(min(xs)), round(min(ys)), round(max(xs)), round(max(ys))

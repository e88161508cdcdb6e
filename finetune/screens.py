"""Screens with known truth, as `screens.jsonl` beside a folder of images describes them, one a line."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from finetune.errors import DatasetError

ROWS = "screens.jsonl"
Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True)
class AskedOfScreen:
    """A question about a screen and its answer.

    Attributes:
        kind: What it asks for: `screen_type`, `control_state`…
        needs: Whether looking answers it or reading does.
        choices: The answers there are, of a closed question.
    """

    question: str
    answer: str
    kind: str
    needs: Literal["sight", "ocr"]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture of a screen and what is true of it."""

    image: str
    split: Split
    ocr_text: str
    caption: str
    questions: tuple[AskedOfScreen, ...]
    screen_type: str = ""
    title: str = ""
    template: str = ""
    theme: str = ""
    language: str = ""


_SCREEN = TypeAdapter(Screen)


def read_screens(folder: Path) -> dict[Split, list[Screen]]:
    """The screens of a folder by split.

    Raises:
        DatasetError: There are none, a line is no screen, or an image is missing.
    """
    try:
        lines = (folder / ROWS).read_text("utf-8").splitlines()
    except OSError as error:
        raise DatasetError(
            f"There is no {ROWS} in {folder}.", "Make screens first, or name their folder."
        ) from error
    found: dict[Split, list[Screen]] = {"train": [], "validation": [], "test": []}
    for number, line in enumerate(lines, 1):
        if line.strip():
            screen = _screen(line, number)
            if not (folder / screen.image).is_file():
                raise DatasetError(f"Line {number} of {ROWS} names {screen.image}, which is not there.")
            found[screen.split].append(screen)
    if not found["train"]:
        raise DatasetError(f"{ROWS} in {folder.name} has no screen to train on.", "Make more screens.")
    return found


def _screen(line: str, number: int) -> Screen:
    try:
        return _SCREEN.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DatasetError(f"Line {number} of {ROWS} is no screen: {place} {first['msg']}.") from error


def as_line(screen: Screen) -> str:
    """A screen as it stands in the file."""
    row: Mapping[str, Any] = _SCREEN.dump_python(screen, mode="json")
    return json.dumps(row, ensure_ascii=False) + "\n"


def images_of(screens: Mapping[Split, Sequence[Screen]]) -> list[str]:
    """Every image once, in the order of the file."""
    return list(dict.fromkeys(screen.image for part in screens.values() for screen in part))

"""Screens of one colour with a question about it, drawn in the test: only looking tells the answer."""

import random
from pathlib import Path

from PIL import Image

from finetune.screens import ROWS, AskedOfScreen, Screen, Split, as_line

COLOURS = {"red": (220, 30, 30), "blue": (30, 60, 220)}


def write_screens(folder: Path, count: int, seed: int = 0) -> Path:
    """Every fifth screen is held out; each has a shade of its own."""
    chance = random.Random(seed)
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(count):
        name, shade = chance.choice(sorted(COLOURS.items()))
        colour = tuple(max(0, min(255, value + chance.randint(-25, 25))) for value in shade)
        image = f"images/{number}.png"
        Image.new("RGB", (100, 60), colour).save(folder / image)
        split: Split = "validation" if number % 5 == 4 else "train"
        lines.append(as_line(_screen(image, name, split)))
    (folder / ROWS).write_text("".join(lines), encoding="utf-8")
    return folder


def _screen(image: str, colour: str, split: Split) -> Screen:
    questions = (
        AskedOfScreen("Colour?", colour, "colour", "sight", tuple(COLOURS)),
        AskedOfScreen("Text?", "Hello", "text", "ocr"),
    )
    return Screen(image, split, "Hello", f"A {colour} screen.", questions)

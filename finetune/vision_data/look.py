"""How a screen looks: themes, accent colours, window sizes. Some themes are kept for testing."""

import colorsys
import json
from dataclasses import dataclass, replace
from importlib.resources import files
from random import Random
from typing import Literal

Split = Literal["train", "validation", "test"]
Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Theme:
    """Neutral colours, shapes and type of a design; the accent colour comes beside it.

    Attributes:
        surface: Colour of cards and dialogs on `background`.
        switch: Shape of switches: `pill`, `thin`, `square` or `outline`.
        button: Shape of buttons: `solid`, `pill`, `raised` or `flat`.
        field: Shape of text fields: `box`, `line` or `fill`.
    """

    name: str
    dark: bool
    background: str
    surface: str
    text: str
    muted: str
    line: str
    font: str
    radius_px: int
    switch: str
    button: str
    field: str
    shadow: bool


def _themes(split: str) -> tuple[Theme, ...]:
    text = (files("finetune.vision_data") / "themes.json").read_text(encoding="utf-8")
    return tuple(Theme(**fields) for fields in json.loads(text)[split])


TRAINING_THEMES = _themes("training")
TEST_THEMES = _themes("test")

ACCENTS = {
    "blue": (0.600, 0.80, 0.85),
    "green": (0.380, 0.75, 0.60),
    "red": (0.995, 0.80, 0.82),
    "orange": (0.075, 0.95, 0.95),
    "purple": (0.765, 0.65, 0.75),
    "pink": (0.905, 0.55, 0.95),
}
"""Hue, saturation and value at the middle of each accent colour."""
LIGHTS = {
    "green": "#22e05a",
    "red": "#ff2a22",
    "orange": "#ffa11a",
    "blue": "#2f7dff",
    "white": "#ffffff",
    "off": "#3a3a3a",
}
"""Status lights by their colour."""
DESKTOP_SIZES = ((640, 640), (720, 560), (640, 480), (760, 600), (560, 560), (800, 600), (600, 700))
TALL_SIZES = ((480, 720), (440, 760), (520, 700))


@dataclass(frozen=True, slots=True)
class Look:
    """The look of one screen.

    Attributes:
        accent: Colour that highlights, as `#rrggbb`; `accent_name` is what people call it.
        size_px: Width and height of the window.
        font_px: Size of running text.
    """

    theme: Theme
    accent: str
    accent_name: str
    size_px: tuple[int, int]
    font_px: int

    def variables(self) -> str:
        """The look as CSS custom properties."""
        theme = self.theme
        values = {
            "bg": theme.background, "surface": theme.surface, "text": theme.text, "muted": theme.muted,
            "line": theme.line, "accent": self.accent, "font": theme.font, "radius": f"{theme.radius_px}px",
            "shadow": "0 6px 24px rgba(0,0,0,.28)" if theme.shadow else "none",
        }  # fmt: skip
        return "".join(f"--{name}:{value};" for name, value in values.items())


def choose_look(split: Split, sizes: tuple[tuple[int, int], ...], rng: Random) -> Look:
    """A look of the split: dark and light equally often, and every accent as often as the others."""
    themes = TEST_THEMES if split == "test" else TRAINING_THEMES
    dark = rng.random() < 0.5
    theme = rng.choice([theme for theme in themes if theme.dark == dark])
    name = rng.choice(list(ACCENTS))
    size = rng.choice(sizes)
    font = round(min(size) / rng.uniform(22, 29))
    return Look(theme, shade_of(name, rng), name, size, font)


def seen_from_afar(look: Look, rng: Random) -> Look:
    """The same look in a larger window, wider or taller than the usual ones, so that everything on it is smaller."""
    width, height = look.size_px
    return replace(
        look, size_px=(round(width * rng.uniform(1.1, 2.0)), round(height * rng.uniform(0.8, 1.6)))
    )


def shade_of(accent: str, rng: Random) -> str:
    """A colour that people still call by the accent's name."""
    hue, saturation, value = ACCENTS[accent]
    rgb = colorsys.hsv_to_rgb(
        (hue + rng.uniform(-0.012, 0.012)) % 1,
        min(1, saturation * rng.uniform(0.88, 1.1)),
        min(1, value * rng.uniform(0.9, 1.1)),
    )
    return "#" + "".join(f"{round(255 * part):02x}" for part in rgb)


def accent_called(rgb: Rgb) -> str:
    """The name of an accent colour by its hue."""
    hue = colorsys.rgb_to_hsv(*(part / 255 for part in rgb))[0]
    return min(ACCENTS, key=lambda name: _apart(hue, ACCENTS[name][0]))


def light_called(rgb: Rgb) -> str:
    """The name of a status light's colour: the nearest of `LIGHTS`."""
    return min(
        LIGHTS, key=lambda name: sum((a - b) ** 2 for a, b in zip(rgb, _rgb(LIGHTS[name]), strict=True))
    )


def is_dark(rgb: Rgb) -> bool:
    """Whether a background is nearer to black than to white (ITU-R BT.601 luma)."""
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] < 128


def _apart(one: float, other: float) -> float:
    return min(abs(one - other), 1 - abs(one - other))


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)

"""The truth about a drawn screen, read back from the browser's document rather than from what a template meant."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from finetune.vision_data.look import Rgb, is_dark


class Page(Protocol):
    """The part of a browser page that reading needs."""

    def evaluate(self, expression: str, arg: Any = None) -> Any:
        """The value of a JavaScript function called with the argument."""
        ...


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is: its middle and its size as shares of the picture."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Control:
    """A switch, checkbox, radio, button, field, or an entry of a list.

    Attributes:
        group: Controls of one group stand beside or below each other.
        visible: Whether all of it is in the picture and nothing covers it.
        on: Switched on, ticked or chosen.
        active: Not greyed out.
        filled: Filled with the accent colour, so highlighted.
        wrong: Framed in red.
    """

    kind: str
    name: str
    group: str
    visible: bool
    on: bool
    active: bool
    filled: bool
    wrong: bool
    rgb: Rgb
    spot: Spot


@dataclass(frozen=True, slots=True)
class Mark:
    """A light, a part of the page, a port or a bubble of a chat.

    Attributes:
        on: Filled with the accent colour (parts), plugged (ports), on the right side (bubbles).
    """

    name: str
    on: bool
    rgb: Rgb
    spot: Spot


@dataclass(frozen=True, slots=True)
class ScreenTruth:
    """All that is known about a screen.

    Attributes:
        lines: Visible texts in the order of the document.
        facts: Kind and text of the values that may be asked for.
        signs: Signs that are seen: `cross`, `tick`, `triangle`, `circle`.
        progress: Filled shares of progress bars.
        cracked: Whether the device's display is cracked; None without a display.
        console: Colours of paper and ink of the console, if there is one and no other.
    """

    title: str
    lines: tuple[str, ...]
    dark: bool
    controls: tuple[Control, ...]
    lights: tuple[Mark, ...]
    parts: tuple[Mark, ...]
    ports: tuple[Mark, ...]
    bubbles: tuple[Mark, ...]
    facts: tuple[tuple[str, str], ...]
    signs: tuple[str, ...]
    progress: tuple[float, ...]
    antennas: int
    body: Rgb | None
    cracked: bool | None
    console: tuple[Rgb, Rgb] | None

    def of(self, kind: str) -> list[Control]:
        """Controls of a kind that are visible."""
        return [control for control in self.controls if control.kind == kind and control.visible]

    def has_all(self, kind: str) -> bool:
        """Whether there are controls of the kind and each of them is visible."""
        found = [control.visible for control in self.controls if control.kind == kind]
        return bool(found) and all(found)

    def group(self, name: str) -> list[Control]:
        """The controls of a group up to the first that is not visible."""
        members = [control for control in self.controls if control.group == name]
        hidden = next((place for place, control in enumerate(members) if not control.visible), len(members))
        return members[:hidden]


def read_truth(page: Page, clip: Mapping[str, float]) -> ScreenTruth:
    """Reads the part of the window that the picture shows.

    Args:
        page: A page on which the screen is drawn.
        clip: `x`, `y`, `width` and `height` of that part in CSS pixels.
    """
    return truth_of(page.evaluate(_script(), dict(clip)))


def truth_of(found: Mapping[str, Any]) -> ScreenTruth:
    """What the script found, with types."""
    return ScreenTruth(
        title=found["title"],
        lines=tuple(found["lines"]),
        dark=is_dark(_rgb(found["background"])),
        controls=tuple(_control(one) for one in found["controls"]),
        lights=tuple(_mark(one) for one in found["lights"] if one["visible"]),
        parts=tuple(_mark(one, on=one["filled"]) for one in found["parts"]),
        ports=tuple(_mark(one, on=one["plugged"]) for one in found["ports"] if one["visible"]),
        bubbles=tuple(_mark(one, on=one["right"]) for one in found["bubbles"] if one["visible"]),
        facts=tuple((one["kind"], one["value"]) for one in found["facts"]),
        signs=tuple(found["signs"]),
        progress=tuple(found["progress"]),
        antennas=found["antennas"],
        body=_rgb(found["bodies"][0]) if found["bodies"] else None,
        cracked=found["displays"][0]["cracked"] if found["displays"] else None,
        console=_console(found["consoles"]),
    )


@cache
def _script() -> str:
    return (files("finetune.vision_data") / "reading.js").read_text(encoding="utf-8")


def _control(one: Mapping[str, Any]) -> Control:
    plain = {key: one[key] for key in ("kind", "name", "group", "visible", "on", "active", "filled", "wrong")}
    return Control(**plain, rgb=_rgb(one["rgb"]), spot=_spot(one))


def _mark(one: Mapping[str, Any], *, on: bool = False) -> Mark:
    return Mark(one.get("name", ""), on, _rgb(one.get("rgb", (0, 0, 0))), _spot(one))


def _spot(one: Mapping[str, Any]) -> Spot:
    return Spot(one["x"], one["y"], one["width"], one["height"])


def _console(found: list[Mapping[str, Any]]) -> tuple[Rgb, Rgb] | None:
    return (_rgb(found[0]["paper"]), _rgb(found[0]["ink"])) if len(found) == 1 else None


def _rgb(parts: Any) -> Rgb:
    red, green, blue = (int(part) for part in parts)
    return red, green, blue

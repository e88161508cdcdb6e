"""Pieces of HTML. What may be asked about is marked with `data-` attributes, from which the truth is read back."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

SIGNS = ("cross", "tick", "triangle", "circle")
Sign = Literal["cross", "tick", "triangle", "circle"]
_SIGN_SHAPES = {
    "cross": '<circle cx="20" cy="20" r="19" fill="#d92d20"/><path d="M12 12 28 28M28 12 12 28" {stroke}/>',
    "tick": '<circle cx="20" cy="20" r="19" fill="#12924f"/><path d="M10 21 17 28 30 13" {stroke}/>',
    "triangle": '<path d="M20 2 39 37H1Z" fill="#f5a300"/><path d="M20 14v11M20 30v3" {stroke}/>',
    "circle": '<circle cx="20" cy="20" r="19" fill="#2f7dd1"/><path d="M20 17v14M20 9v3" {stroke}/>',
}
_STROKE = 'stroke="#fff" stroke-width="4" fill="none"'


def text(tag: str, content: str, classes: str = "", marks: str = "") -> str:
    """An element with escaped text."""
    return f'<{tag} class="{classes}" {marks}>{escape(content)}</{tag}>'


def box(classes: str, *inside: str, style: str = "", marks: str = "") -> str:
    """A block around other pieces."""
    return f'<div class="{classes}" style="{style}" {marks}>{"".join(inside)}</div>'


def title(content: str, tag: str = "h1") -> str:
    """The title of the screen."""
    return text(tag, content, marks="data-title")


def fact(kind: str, value: str) -> str:
    """A value that a question may ask for; `kind` is one of `vocabulary.FACTS`."""
    return f'<span data-fact="{kind}">{escape(value)}</span>'


def button(
    label: str, *, main: bool = False, active: bool = True, group: str = "", wide: bool = False
) -> str:
    """A button; buttons of one group stand beside each other, and one of them may be the main one."""
    classes = " ".join(["bt", *(["main"] if main else []), *(["wide"] if wide else [])])
    off = "" if active else " disabled"
    return f'<button class="{classes}" {_control("button", label)} data-group="{group}"{off}>{escape(label)}</button>'


def buttons(labels: Sequence[str], main: int) -> str:
    """Buttons beside each other, the main one filled with the accent colour."""
    made = (button(label, main=place == main, group="choice") for place, label in enumerate(labels))
    return box("row end", *made)


def switch(name: str, on: bool) -> str:
    """A line with a switch at its end."""
    return box("row between", text("span", name), _input("switch", "sw", name, on))


def checkbox(name: str, checked: bool) -> str:
    """A box to tick, and its label."""
    return box("row", _input("checkbox", "ck", name, checked), text("span", name))


def radios(names: Sequence[str], chosen: int) -> str:
    """Options of which one is chosen."""
    made = (
        box("row", _input("radio", "rd", name, place == chosen, "radio"), text("span", name))
        for place, name in enumerate(names)
    )
    return box("col", *made)


def field(label: str, value: str = "", *, wrong: bool = False) -> str:
    """A text field under its label; `value` is HTML. A wrong one is framed in red."""
    classes = "field wrong" if wrong else "field"
    return box(classes, text("span", label, "small muted"), f"<div {_control('field', label)}>{value}</div>")


def entries(names: Iterable[str], here: int, group: str, classes: str = "nav") -> str:
    """Entries of a menu, a side bar or tabs, of which one may be highlighted (-1 for none)."""
    return "".join(
        text(
            "div",
            name,
            f"{classes}{' here' if place == here else ''}",
            f'{_control("entry", name)} data-group="{group}"',
        )
        for place, name in enumerate(names)
    )


def sign(kind: str) -> str:
    """A sign: a white cross on red, a tick on green, a yellow triangle or a blue circle."""
    return f'<svg class="sign" viewBox="0 0 40 40" data-sign="{kind}">{_SIGN_SHAPES[kind].format(stroke=_STROKE)}</svg>'


def light(name: str, colour: str, style: str = "") -> str:
    """A status light; `colour` is any CSS colour."""
    glow = f"background:{colour};box-shadow:0 0 .7em {colour};{style}"
    return f'<div class="light" style="{glow}" data-light="{escape(name)}"></div>'


def progress(share: float, classes: str = "track") -> str:
    """A bar that is filled to a share from 0 to 1."""
    return f'<div class="{classes}" data-progress><div style="width:{share:.1%}"></div></div>'


def bar(*inside: str, tinted: bool = False) -> str:
    """The bar along the top."""
    return box("bar row tinted" if tinted else "bar row", *inside, marks='data-part="bar"')


def _control(kind: str, name: str) -> str:
    return f'data-control="{kind}" data-name="{escape(name)}"'


def _input(kind: str, classes: str, name: str, on: bool, form: str = "checkbox") -> str:
    return f'<input type="{form}" class="{classes}" {_control(kind, name)}{" checked" if on else ""}>'

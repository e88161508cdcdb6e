"""What several templates share: bars, side bars, pages behind a dialog, a window, a mouse pointer."""

from html import escape

from finetune.vision_data.layouts.template import Draft
from finetune.vision_data.markup import bar, box, entries, text
from finetune.vision_data.vocabulary import amount, date, number

CORNERS = {
    "top left": "top:4%;left:3%",
    "top right": "top:4%;right:3%",
    "bottom left": "bottom:4%;left:3%",
    "bottom right": "bottom:4%;right:3%",
}


def top_bar(d: Draft) -> str:
    """The company's mark and name, and perhaps a menu."""
    names = d.some("menu", 2, 3) if d.coin() and d.look.size_px[0] > 600 else []
    links = [text("span", name, "small") for name in names]
    tinted = d.coin(0.3)
    mark = "" if tinted else box(f"logo{' round' if d.coin() else ''}")
    return bar(mark, text("b", d.company(), "grow"), *links, tinted=tinted)


def side_bar(d: Draft, least: int = 4, most: int = 7) -> str:
    """Entries one above the other, one of them highlighted."""
    names = d.some("menu", least, most)
    return box("side", entries(names, d.place(names), "side"), marks='data-part="sidebar"')


def beside(d: Draft, side: str, *main: str) -> str:
    """A side bar on the left or on the right of the rest, equally often."""
    order = "row grow" if d.coin() else "row grow reversed"
    style = "align-items:stretch;gap:0"
    return box(order, side, box("col grow pad", *main, style="overflow:hidden"), style=style)


def grey_lines(d: Draft, n: int) -> str:
    """Lines whose text does not matter."""
    lines = (box("sk", style=f"width:{d.rng.randint(40, 98)}%") for _ in range(n))
    return box("col", *lines, style="gap:.6em")


def backdrop(d: Draft, heading: str = "") -> str:
    """A page to open something on: cards, lines or a list."""
    heading = heading or text("h2", d.one("menu"))
    cards = (box("card", text("b", name), grey_lines(d, 2)) for name in d.some("items", 4, 4))
    rows = (box("item", box("avatar"), text("span", name)) for name in d.some("items", 5, 7))
    body = d.rng.choice((box("grid", *cards), grey_lines(d, 9), box("", *rows)))
    main = box("col grow pad", heading, body, style="overflow:hidden")
    if d.coin(0.3):
        return top_bar(d) + beside(d, side_bar(d), heading, body)
    return top_bar(d) + main


def _cell(d: Draft, column: int) -> str:
    if column == 0:
        return escape(d.one("items"))
    return d.rng.choice((escape(d.one("states")), date(d.rng), amount(d.rng), number(d.rng)))


def rows_and_columns(
    d: Draft,
    classes: str = "table",
    rows: int = 6,
    *,
    ticks: bool = False,
    icons: bool = False,
    marked: bool = True,
) -> str:
    """A table, perhaps with one of its rows highlighted.

    Args:
        ticks: Whether each row begins with a box to tick.
        icons: Whether each row begins with a sign.
        marked: Whether its rows may be asked about.
    """
    names = d.some("columns", 3, 4)
    here = d.maybe_one_of(rows)
    first = f"{'☐ ' * ticks}{'▪ ' * icons}"
    head = "".join(text("th", name) for name in names)
    body = []
    for row in range(rows):
        cells = "".join(f"<td>{first * (not column)}{_cell(d, column)}</td>" for column in range(len(names)))
        mark = f'data-control="entry" data-name="{row}" data-group="rows"' if marked else ""
        body.append(f'<tr class="{"here" if row == here else ""}" {mark}>{cells}</tr>')
    return f'<table class="{classes}"><tr>{head}</tr>{"".join(body)}</table>'


def window(d: Draft, heading: str, *inside: str, style: str = "width:84%") -> str:
    """A window of a desktop with its title bar."""
    mac = d.coin(0.4)
    marks = '<span class="dots"><i></i><i></i><i></i></span>' if mac else "<i></i>"
    classes = "titlebar plain" if mac or d.coin(0.3) else "titlebar"
    bars = box(classes, *((marks, heading, "<span></span>") if mac else (heading, marks)))
    return box("window", bars, box("col pad", *inside), style=style)


def system_message(d: Draft) -> str:
    """The small message of another program at the top of the display; nobody asks about it."""
    who = text("b", d.rng.choice(("WhatsApp", "Calendar", "Mail", "Battery")))
    return box(
        "system", box("avatar square"), box("col grow", who, text("span", d.one("messages")), style="gap:0")
    )


def pointer(d: Draft) -> str:
    """A mouse pointer somewhere."""
    left, top = d.rng.randint(10, 85), d.rng.randint(10, 85)
    shape = '<path d="M2 1v22l6-6 4 9 4-2-4-9h8z" fill="#fff" stroke="#000" stroke-width="1.5"/>'
    return f'<svg class="cursor" viewBox="0 0 22 28" style="left:{left}%;top:{top}%">{shape}</svg>'

"""Tables, mail, settings, menus, errors and consoles in the windows of desktop programs and in admin pages.

On real desktops most of a picture is not what the screen is about: menus, toolbars, trees and side bars stand around
it, small and in rows. These layouts are for training only.
"""

from html import escape

from finetune.vision_data.layouts.parts import grey_lines, rows_and_columns, side_bar, window
from finetune.vision_data.layouts.template import Draft, template
from finetune.vision_data.markup import bar, box, button, buttons, entries, sign, text
from finetune.vision_data.vocabulary import company, date, number, person

_WINDOWS = (
    (900, 640), (1000, 560), (1100, 700), (800, 420), (1000, 340), (900, 260), (760, 620), (1200, 520), (640, 560),
)  # fmt: skip
_SMALL = ((520, 560), (560, 640), (640, 520), (600, 420), (480, 520))
_ICONS = (
    "#2f7dd1",
    "#f5a300",
    "#12924f",
    "#d92d20",
    "#7a5cc7",
    "var(--muted)",
    "var(--muted)",
    "var(--line)",
)
_MENU_ROW = ("File", "Edit", "View", "Insert", "Format", "Tools", "Actions", "Help")


def _icon(d: Draft, size: float = 1.1) -> str:
    shape = d.rng.choice(("border-radius:50%", "border-radius:20%", ""))
    return (
        f'<i style="width:{size}em;height:{size}em;flex:none;background:{d.rng.choice(_ICONS)};{shape}"></i>'
    )


def _small(d: Draft, *inside: str, style: str = "") -> str:
    """What stands in a window is written much smaller than a page made for phones."""
    size = f"font-size:{min(17.0, max(10.0, d.look.size_px[0] / d.rng.uniform(50, 85))):.1f}px"
    return box(
        "col grow",
        *inside,
        style=f"{size};gap:0;overflow:hidden;background:var(--surface);width:100%;{style}",
    )


def _menu_row(d: Draft) -> str:
    names = _MENU_ROW[: d.rng.randint(3, 7)] if d.coin() else d.some("menu", 3, 4)
    made = (text("span", name) for name in names)
    return box("row", *made, style="padding:.3em .8em;gap:1.1em")


def _tools(d: Draft) -> str:
    """A row of commands, each a sign and a word."""
    made = (
        box("row", _icon(d, 0.9), text("span", name), style="gap:.4em") for name in d.some("commands", 3, 4)
    )
    return box("row", *made, style="padding:.5em .8em;gap:1.2em;border-bottom:1px solid var(--line)")


def _ribbon(d: Draft) -> str:
    """Tabs, and below them groups of large and small signs."""
    names = d.some("menu", 3, 4)
    tabs = box("row", *(text("span", name) for name in names), style="padding:.35em .8em;gap:1.4em")
    made = []
    for _ in range(d.rng.randint(4, 8)):
        if d.coin():
            made.append(box("col centre", _icon(d, 2.2), text("span", d.one("commands")), style="gap:.3em"))
        else:
            lines = (
                box("row", _icon(d, 0.8), text("span", name), style="gap:.3em")
                for name in d.some("commands", 3, 3)
            )
            made.append(box("col", *lines, style="gap:.25em"))
    signs = box("row", *made, style="padding:.5em .8em;gap:1.3em;border-bottom:1px solid var(--line)")
    tint = f"background:{'var(--accent);color:#fff' if d.coin(0.4) else 'var(--line)'}"
    return box("", tabs, style=tint) + box("", signs, style="white-space:nowrap;overflow:hidden")


def _head(d: Draft) -> str:
    """What a program has above its content."""
    return d.rng.choice((_menu_row, _tools, _ribbon, lambda d: _menu_row(d) + _tools(d)))(d)


def _tree(d: Draft) -> str:
    """Folders in folders, one of them chosen."""
    names = d.some("menu", 3, 4) + d.some("items", 4, 5)
    d.rng.shuffle(names)
    here = d.maybe_one_of(len(names))
    rows = (
        box(
            "row",
            text("span", "▸▾ "[d.rng.randrange(3)], "muted"),
            _icon(d, 0.9),
            text("span", name),
            style=f"gap:.4em;padding:.15em .3em .15em {0.4 + 1.1 * d.rng.randrange(3):.1f}em"
            + (";background:var(--accent);color:#fff" if place == here else ""),
        )
        for place, name in enumerate(names)
    )
    width = d.rng.randint(18, 34)
    return box(
        "",
        *rows,
        style=f"width:{width}%;flex:none;border-right:1px solid var(--line);padding:.5em 0;overflow:hidden;"
        "white-space:nowrap",
    )


def _across(*inside: str) -> str:
    return box("row grow", *inside, style="align-items:stretch;gap:0;overflow:hidden")


def _rows(d: Draft, *, ticks: bool = False) -> str:
    """A table without the marks that questions are made of: its rows are too small to be told apart."""
    lined = "table lined" if d.coin(0.3) else "table"
    return rows_and_columns(d, lined, d.rng.randint(4, 14), ticks=ticks, icons=d.coin(0.6), marked=False)


def _framed(d: Draft, *inside: str) -> str:
    """A window that fills the picture, or a part of it without its title bar, as people cut it out."""
    if d.coin(0.3):
        return _small(d, *inside, style="height:100%")
    head = box(
        "titlebar plain" if d.coin() else "titlebar", d.title("span"), "<i></i>", style="font-size:.75em"
    )
    return box("window grow", head, _small(d, *inside), style="box-shadow:none")


@template("table", sizes=_WINDOWS)
def table_folder(d: Draft) -> str:
    """A window with files: an address, folders on the left, and names, dates and sizes."""
    path = " › ".join(d.some("menu", 2, 3))
    address = box("row", text("span", "← → ↑"), text("span", path), style="padding:.4em .8em;gap:1em")
    return _framed(d, _head(d), address, _across(_tree(d), box("grow", _rows(d), style="overflow:hidden")))


@template("table", sizes=_WINDOWS)
def table_over_details(d: Draft) -> str:
    """Lines of a log, and below them what the chosen one says."""
    tabs = d.some("menu", 2, 2)
    lines = (text("p", line) for line in d.some("errors", 2, 3))
    below = box(
        "col",
        box("row", *(text("span", name) for name in tabs)),
        *lines,
        grey_lines(d, 2),
        style="padding:.6em",
    )
    inner = box("col grow", box("grow", _rows(d), style="overflow:hidden"), box("line"), below, style="gap:0")
    return _framed(d, _head(d), _across(_tree(d), inner) if d.coin() else inner)


def _admin(d: Draft, *main: str) -> str:
    """A page for administrators: a dark bar, entries on the left, and small things on the right."""
    top = bar(text("span", "☰"), text("b", d.company(), "grow"), box("avatar"), tinted=d.coin(0.7))
    side = side_bar(d, 4, 7) if d.coin(0.7) else ""
    return _small(
        d, top, _across(side, box("col grow pad", *main, style="overflow:hidden")), style="height:100%"
    )


@template("table", sizes=_WINDOWS)
def table_admin(d: Draft) -> str:
    """Users or groups with boxes to tick in front of them, under a row of commands."""
    crumbs = text("span", " › ".join(d.some("menu", 2, 2)), "muted")
    return _admin(d, crumbs if d.coin() else "", d.title(), _tools(d), _rows(d, ticks=d.coin(0.6)))


@template("table", sizes=_WINDOWS)
def table_library(d: Draft) -> str:
    """The files of a site, cut out."""
    return _small(d, box("pad", d.title("h2")), _tools(d), _rows(d, ticks=d.coin()), style="height:100%")


@template("table", sizes=_WINDOWS)
def table_workbook(d: Draft) -> str:
    """A workbook: signs above, letters over the columns, most cells empty."""
    columns, rows = d.rng.randint(6, 11), d.rng.randint(8, 18)
    head = "".join(text("th", letter) for letter in " ABCDEFGHIJK"[: columns + 1])
    filled = d.rng.randint(0, rows)
    body = []
    for row in range(rows):
        cells = (
            (number(d.rng) if d.coin(0.7) else escape(d.one("items")))
            if row < filled and column < 4
            else "&nbsp;"
            for column in range(columns)
        )
        body.append(f"<tr><th>{row + 1}</th>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return _framed(d, _ribbon(d), f'<table class="table lined"><tr>{head}</tr>{"".join(body)}</table>')


@template("table", sizes=_WINDOWS)
def table_week(d: Draft) -> str:
    """Days beside each other, with appointments as blocks."""
    days = []
    for day in range(d.rng.randint(3, 7)):
        blocks = (
            box(
                "",
                text("span", d.one("items")),
                style="background:var(--accent);color:#fff;padding:.3em;margin:.2em",
            )
            if d.coin(0.3)
            else box("", "&nbsp;", style="border-bottom:1px solid var(--line);padding:.3em")
            for _ in range(d.rng.randint(6, 10))
        )
        days.append(
            box("grow", text("b", f"{day + 12}"), *blocks, style="border-right:1px solid var(--line)")
        )
    return _framed(d, _head(d) if d.coin() else "", _across(*days))


def _from(d: Draft) -> str:
    """Who wrote, when, and to whom."""
    who = box(
        "col grow", text("b", person(d.rng)), text("span", f"To {person(d.rng)}", "muted"), style="gap:.1em"
    )
    return box("row", box("avatar"), who, text("span", date(d.rng), "muted"))


def _letter(d: Draft) -> str:
    lines = (text("p", line) for line in d.some("messages", 1, 4))
    card = box("card row", _icon(d, 1.6), text("span", d.one("items"))) if d.coin(0.3) else ""
    return box("col pad", d.title("h2"), _from(d), *lines, card, style="gap:.7em")


@template("chat", sizes=_WINDOWS)
def mail_window(d: Draft) -> str:
    """A letter in a window of its own, under the signs for answering it."""
    return _framed(d, _head(d), _letter(d))


@template("chat", sizes=(*_WINDOWS, *_SMALL))
def mail_cut_out(d: Draft) -> str:
    """A letter and nothing around it."""
    return _small(d, _letter(d), style="height:100%")


@template("chat", sizes=_WINDOWS)
def mail_being_written(d: Draft) -> str:
    """To, copy, subject, and the first lines."""
    rows = (
        box(
            "row",
            text("span", name, "bt" if d.coin() else "muted"),
            text("span", person(d.rng) if d.coin() else "", "tag" if d.coin() else ""),
            style="border-bottom:1px solid var(--line);padding:.4em .8em",
        )
        for name in ("To", "Cc", "Subject")[: d.rng.randint(2, 3)]
    )
    lines = (text("p", line) for line in d.some("messages", 1, 2))
    return _framed(d, _head(d) if d.coin(0.7) else "", *rows, box("col pad", d.title("h2"), *lines))


def _senders(d: Draft, least: int, most: int) -> str:
    """Letters one below the other in a narrow column."""
    n = d.rng.randint(least, most)
    here = d.maybe_one_of(n)
    rows = (
        box(
            "col",
            box("row between", text("b", person(d.rng)), text("span", date(d.rng), "muted")),
            text("span", d.one("items")),
            text("span", d.one("messages"), "muted"),
            style="gap:.1em;padding:.5em .8em;border-bottom:1px solid var(--line);white-space:nowrap;overflow:hidden"
            + (";background:var(--line);border-left:.3em solid var(--accent)" if place == here else ""),
        )
        for place in range(n)
    )
    return box(
        "", *rows, style=f"width:{d.rng.randint(26, 42)}%;flex:none;border-right:1px solid var(--line)"
    )


@template("chat", sizes=_WINDOWS)
def mail_panes(d: Draft) -> str:
    """Folders, letters and the open letter beside each other."""
    read = box("grow", _letter(d), style="overflow:hidden")
    return _framed(d, _head(d), _across(_tree(d) if d.coin() else "", _senders(d, 3, 7), read))


@template("chat", sizes=(*_WINDOWS, *_SMALL))
def chat_thread(d: Draft) -> str:
    """What several people said, without bubbles: a picture, a name, a time, a line."""
    said = (
        box(
            "row",
            box("avatar"),
            box(
                "col grow",
                box(
                    "row",
                    text("b", person(d.rng)),
                    text("span", f"{d.rng.randint(7, 19)}:{d.rng.randint(10, 59)}", "muted"),
                ),
                text("span", line),
                style="gap:.1em",
            ),
            style="padding:.5em .8em;align-items:flex-start",
        )
        for line in d.some("messages", 2, 6)
    )
    rail = box(
        "col", *(_icon(d, 1.6) for _ in range(5)), style="padding:.8em .6em;background:var(--line);gap:1.2em"
    )
    head = bar(text("b", company(d.rng)), d.title("h2"), tinted=d.coin(0.2))
    return _small(d, head, _across(rail if d.coin() else "", box("grow", *said)), style="height:100%")


def _options(d: Draft, least: int, most: int) -> str:
    """Boxes to tick, options and lists to unfold, as plain small controls."""
    made = []
    for name in d.some("settings", least, most):
        control = d.rng.choice(("checkbox", "checkbox", "radio", "select"))
        if control == "select":
            made.append(
                box(
                    "row",
                    text("span", name),
                    box("", d.one("states"), " ▾", style="border:1px solid var(--muted);padding:.1em .5em"),
                )
            )
        else:
            made.append(
                box(
                    "row",
                    f'<input type="{control}"{" checked" if d.coin() else ""}>',
                    text("span", name),
                    style="gap:.5em",
                )
            )
    return box("col", *made, style="gap:.6em")


def _group(d: Draft) -> str:
    name = f"<legend>{escape(d.one('menu'))}</legend>"
    return f'<fieldset style="border:1px solid var(--line)">{name}{_options(d, 2, 3)}</fieldset>'


def _end(d: Draft) -> str:
    return box(
        "row end", buttons([d.one("actions"), d.one("refusals")], 0), style="padding:.6em .8em;font-size:.9em"
    )


@template("settings", sizes=_SMALL)
def settings_sheet(d: Draft) -> str:
    """The properties of something: tabs, groups in frames, buttons below."""
    tabs = d.some("menu", 2, 3)
    row = box("tabs", entries(tabs, 0, "tabs"), style="font-size:.8em")
    head = box(
        "titlebar plain" if d.coin() else "titlebar", d.title("span"), "<i></i>", style="font-size:.8em"
    )
    groups = "".join(_group(d) for _ in range(d.rng.randint(1, 3)))
    inside = _small(d, box("col pad", row, groups, style="gap:.8em"))
    return box("window grow", head, inside, _end(d), style="box-shadow:none")


@template("settings", sizes=_WINDOWS)
def settings_options(d: Draft) -> str:
    """The options of a program: kinds on the left, what belongs to one on the right."""
    kinds = box(
        "",
        *(text("div", name, "nav") for name in d.some("menu", 3, 4)),
        style="width:24%;flex:none;border-right:1px solid var(--line)",
    )
    groups = box(
        "col grow pad",
        d.title("h2"),
        *(_group(d) for _ in range(d.rng.randint(1, 2))),
        style="overflow:hidden",
    )
    return _framed(d, _across(kinds, groups), _end(d))


@template("settings", sizes=_WINDOWS)
def settings_admin(d: Draft) -> str:
    """A page for administrators with fields and options."""
    fields = (
        box(
            "col",
            text("span", name),
            box("", "&nbsp;", style="border:1px solid var(--muted);width:60%"),
            style="gap:.2em",
        )
        for name in d.some("settings", 1, 2)
    )
    return _admin(d, d.title(), *fields, _options(d, 2, 4), _end(d))


@template("settings", sizes=_WINDOWS)
def settings_steps(d: Draft) -> str:
    """One of several steps: their names on the left, options on the right."""
    steps = d.words.lists["steps"][: d.rng.randint(4, 5)]
    names = (box("row", box("avatar", style="width:1em;height:1em"), text("span", name)) for name in steps)
    left = box("col pad", *names, style="width:28%;flex:none;border-right:1px solid var(--line)")
    return _small(
        d, _across(left, box("col grow pad", d.title(), _options(d, 2, 4))), _end(d), style="height:100%"
    )


@template("menu", sizes=_WINDOWS)
def menu_over_window(d: Draft) -> str:
    """A menu with many entries that hangs over a window with a tree and a table."""
    names = d.some("commands", 4, 6)
    here = d.maybe_one_of(len(names))
    made = entries(names, here, "menu")
    place = f"left:{d.rng.randint(2, 55)}%;top:{d.rng.randint(8, 30)}%;min-width:22%;font-size:.75em"
    menu = box("menu", made, style=place, marks='data-part="menu"')
    return _framed(d, _head(d), _across(_tree(d), box("grow", _rows(d), style="overflow:hidden"))) + menu


@template("error_dialog", sizes=_WINDOWS)
def error_over_window(d: Draft) -> str:
    """A message box over a program, small in the picture."""
    said = box(
        "row",
        sign(d.rng.choice(("cross", "triangle", "circle"))),
        box("col grow", text("p", d.one("errors"))),
    )
    act = box("row end", button(d.one("actions"), main=d.coin()))
    width = d.rng.randint(36, 60)
    left, top = d.rng.randint(8, 92 - width), d.rng.randint(12, 40)
    place = f"position:absolute;left:{left}%;top:{top}%;width:{width}%;font-size:.75em"
    return _framed(
        d, _head(d), _across(_tree(d), _senders(d, 3, 5) if d.coin() else box("grow", _rows(d)))
    ) + window(d, d.title("span"), said, act, style=place)


@template("error_dialog", sizes=((900, 160), (1000, 220), (800, 120), (700, 240), (640, 180)))
def error_line(d: Draft) -> str:
    """A coloured line with a sign that says what failed, cut out of its page."""
    paper = d.rng.choice(("#fde7e9", "#fff4ce", "#ffe0e6", "#fdf3d0"))
    code = f"<p>{d.label('code')}: {d.fact('code')}</p>" if d.coin(0.6) else ""
    said = box("col grow", d.title("b"), text("p", d.one("errors")), code, style="gap:.3em")
    return box(
        "row grow pad",
        sign(d.rng.choice(("cross", "triangle", "circle"))),
        said,
        style=f"background:{paper};color:#222;font-size:{d.rng.randint(15, 24)}px",
    )


_SHELL = (
    "Get-Mailbox -Identity {name} | Format-List", "Set-Service -Name {name} -StartupType Automatic",
    "Test-Path C:\\{name}",
    "Connect-Service -Credential $cred", "New-Folder -Name {name}", "Get-Item -Path D:\\{name}\\data",
)  # fmt: skip
_SHELL_SAID = (
    "{name} : The operation couldn't be performed because object couldn't be found.",
    "    + CategoryInfo : NotSpecified",
    "Name                 : {name}", "Identity             : {name}", "Status               : Running", "True", "",
    "    + FullyQualifiedErrorId : {n},{name}", "ModifiedOn           : {n}",
)  # fmt: skip


@template("terminal", sizes=_WINDOWS)
def terminal_shell(d: Draft) -> str:
    """A shell of an administrator: commands, properties in two columns, errors in red on blue or black."""
    paper = d.rng.choice(("#012456", "#000000", "#0c0c0c", "#ffffff"))
    ink = "#161616" if paper == "#ffffff" else d.rng.choice(("#f2f2f2", "#cccccc", "#eeedf0"))
    lines = []
    for _ in range(d.rng.randint(6, 24)):
        given = {"name": d.one("items").replace(" ", ""), "n": d.rng.randint(1000, 99999)}
        command = d.coin(0.3)
        line = escape(
            ("PS C:\\> " if command else "")
            + d.rng.choice(_SHELL if command else _SHELL_SAID).format(**given)
        )
        red = not command and d.coin(0.3)
        lines.append(f'<span style="color:#ff4b4b">{line}</span>' if red else line)
    style = f"--paper:{paper};--ink:{ink};font-size:{d.rng.randint(11, 17)}px"
    shown = f'<div class="term" data-console style="{style}">{chr(10).join(lines)}</div>'
    head = box("titlebar plain", d.title("span"), "<i></i>", style="font-size:.75em") if d.coin() else ""
    return head + shown

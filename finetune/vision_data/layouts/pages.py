"""Router pages, tables, phone apps, chats and mail, open menus, and terminals."""

from collections.abc import Sequence
from html import escape

from finetune.vision_data.layouts.parts import (
    backdrop,
    beside,
    grey_lines,
    rows_and_columns,
    side_bar,
    top_bar,
    window,
)
from finetune.vision_data.layouts.template import Draft, template
from finetune.vision_data.look import DESKTOP_SIZES, LIGHTS
from finetune.vision_data.markup import bar, box, button, entries, field, light, switch, text
from finetune.vision_data.vocabulary import company, number, person


def _lights(d: Draft, n: int) -> list[str]:
    """Lights with their names; all but one alike, or all at random."""
    names = d.some("items", n, n)
    return [light(name, LIGHTS[d.rng.choice(list(LIGHTS))]) + text("span", name) for name in names]


def _values(d: Draft) -> str:
    rows = (("network", "network"), ("version", "version"))
    made = (
        box("row between", text("span", d.label(key), "muted"), f"<b>{d.fact(kind)}</b>")
        for key, kind in rows
    )
    return box("card col", *made)


@template("router_admin", sizes=DESKTOP_SIZES)
def router_side_bar(d: Draft) -> str:
    """A side bar, lights and values."""
    lights = (box("row", one) for one in _lights(d, d.rng.randint(1, 3)))
    return top_bar(d) + beside(d, side_bar(d), d.title(), box("card col", *lights), _values(d))


@template("router_admin")
def router_cards(d: Draft) -> str:
    """A card for each connection, its light in it."""
    cards = (box("card row", one) for one in _lights(d, 4))
    return top_bar(d) + box("col grow pad", d.title(), box("grid", *cards), _values(d))


@template("router_admin")
def router_tabs(d: Draft) -> str:
    """Tabs, and the wireless network as a form."""
    tabs = d.some("menu", 3, 3)
    form = (field(d.label("network"), d.fact("network")), switch(d.one("settings"), d.coin()))
    lights = box("row", *_lights(d, 1))
    save = box("row end", button(d.one("actions"), main=True, active=d.coin()))
    row = box("tabs", entries(tabs, d.place(tabs), "tabs"))
    return bar(box("logo"), text("b", d.company())) + box("col grow pad", d.title(), row, lights, *form, save)


@template("router_admin", for_test=True, sizes=DESKTOP_SIZES)
def router_map(d: Draft) -> str:
    """The way to the internet: three circles in a row with their lights."""
    nodes = (box("card col centre grow", one) for one in _lights(d, 3))
    return top_bar(d) + box("col grow pad", d.title(), box("row", *nodes), _values(d), grey_lines(d, 3))


@template("router_admin", for_test=True, sizes=DESKTOP_SIZES)
def router_table(d: Draft) -> str:
    """A light at the beginning of each line."""
    rows = (box("item", one) for one in _lights(d, 4))
    return top_bar(d) + beside(d, side_bar(d), d.title(), box("", *rows), _values(d))


@template("table", sizes=DESKTOP_SIZES)
def table_page(d: Draft) -> str:
    """A table under a title and a button."""
    head = box("row between", d.title(), button(d.one("commands"), main=True, active=d.coin()))
    return top_bar(d) + box("col grow pad", head, rows_and_columns(d))


@template("table", sizes=DESKTOP_SIZES)
def table_side_bar(d: Draft) -> str:
    """A table beside a side bar."""
    return top_bar(d) + beside(d, side_bar(d), d.title(), rows_and_columns(d, rows=7))


@template("table")
def table_list(d: Draft) -> str:
    """Lines with a name, a number and a state."""
    n = d.rng.randint(6, 8)
    here = d.maybe_one_of(n)
    rows = (
        box(
            f"item{' here' if place == here else ''}",
            box("col grow", text("b", d.one("items")), text("span", number(d.rng), "small"), style="gap:0"),
            text("span", d.one("states"), "tag"),
            marks=f'data-control="entry" data-name="{place}" data-group="rows"',
        )
        for place in range(n)
    )
    total = box("row between", text("span", d.label("total")), f"<b>{d.fact('amount')}</b>")
    return top_bar(d) + box("col grow pad", d.title(), total, box("", *rows), style="overflow:hidden")


@template("table", for_test=True, sizes=DESKTOP_SIZES)
def table_sheet(d: Draft) -> str:
    """A spreadsheet with lines around every cell."""
    return window(d, d.title("span"), rows_and_columns(d, "table lined", 9), style="width:100%;height:100%")


@template("table", for_test=True)
def table_search(d: Draft) -> str:
    """A search field, and a table across the page."""
    search = box("card row", text("span", d.label("search"), "muted"))
    return box(
        "col grow pad",
        d.title(),
        search,
        rows_and_columns(d, rows=7),
        style="padding-left:.4em;padding-right:.4em",
    )


def _phone(d: Draft, *inside: str, style: str = "") -> str:
    """A phone, and around it a background that is not its own."""
    width, height = d.look.size_px
    tall = f"height:{d.rng.randint(88, 98)}%;width:{min(0.92, 0.52 * height / width) * 100:.0f}%;{style}"
    clock, battery = f"{d.rng.randint(7, 23)}:{d.rng.randint(10, 59)}", f"▮▮▯ {d.rng.randint(12, 99)}%"
    status = box("status", text("span", clock), text("span", battery))
    return box(
        "grow row centre",
        box("phone", status, *inside, style=f"text-align:left;{tall}"),
        style="background:var(--line)",
    )


def _bottom(d: Draft) -> str:
    names = d.some("menu", 3, 3)
    return box("bottomnav", entries(names, d.place(names), "bottom"))


_PHONE_SIZES = ((480, 720), (520, 700), (640, 760), (600, 700), (440, 760))


@template("phone_app", sizes=_PHONE_SIZES)
def app_tiles(d: Draft) -> str:
    """Tiles with the devices of a home."""
    tiles = (
        box("card col", box("avatar square"), text("b", name, "small")) for name in d.some("items", 4, 4)
    )
    return _phone(d, box("col grow pad", d.title("h2"), box("grid", *tiles)), _bottom(d))


@template("phone_app", sizes=_PHONE_SIZES)
def app_switches(d: Draft) -> str:
    """Switches in an app."""
    rows = (box("item", box("grow", switch(name, d.coin()))) for name in d.some("items", 3, 5))
    return _phone(d, box("pad", d.title("h2")), box("grow", *rows), _bottom(d))


@template("phone_app", sizes=_PHONE_SIZES)
def app_status(d: Draft) -> str:
    """One large light and what it belongs to."""
    lamp = light("status", LIGHTS[d.rng.choice(list(LIGHTS))], "width:5em;height:5em")
    inside = box("col grow centre pad", lamp, d.title("h2"), text("p", d.one("notes"), "muted"))
    return _phone(d, inside, button(d.one("actions"), main=True, active=d.coin()), style="padding-bottom:1em")


@template("phone_app", for_test=True, sizes=_PHONE_SIZES)
def app_feed(d: Draft) -> str:
    """News one below the other under a coloured bar."""
    cards = (box("card col", text("b", note, "small"), grey_lines(d, 1)) for note in d.some("notes", 4, 4))
    return _phone(
        d, box("bar tinted", d.title("h2")), box("col grow pad", *cards, style="overflow:hidden"), _bottom(d)
    )


@template("phone_app", for_test=True, sizes=_PHONE_SIZES)
def app_card(d: Draft) -> str:
    """A picture, a title, a switch and a button."""
    head = box("picture", style="height:30%", marks='data-part="picture"')
    inside = box("col grow pad", d.title("h2"), switch(d.one("settings"), d.coin()), grey_lines(d, 3))
    return _phone(
        d, head, inside, button(d.one("actions"), main=True, active=d.coin()), style="padding-bottom:1em"
    )


def _talk(d: Draft, n: int) -> list[str]:
    said = d.rng.sample(d.words.lists["messages"], n)
    return [
        text("div", line, f"bubble{' mine' if d.coin() else ''}", f'data-bubble="{place}"')
        for place, line in enumerate(said)
    ]


def _write(d: Draft) -> str:
    act = button(d.one("actions"), main=True, active=d.coin())
    return box("bar row", text("span", d.label("write"), "muted grow"), act)


@template("chat")
def chat_bubbles(d: Draft) -> str:
    """Bubbles on both sides."""
    head = bar(box("avatar"), d.title("h2"), tinted=d.coin(0.3))
    return head + box("col grow pad", *_talk(d, d.rng.randint(4, 6)), style="overflow:hidden") + _write(d)


def _letters(d: Draft, n: int) -> str:
    here = d.maybe_one_of(n)
    rows = (
        box(
            f"item{' here' if place == here else ''}",
            box("avatar"),
            box(
                "col grow", text("b", person(d.rng)), text("span", d.one("messages"), "small"), style="gap:0"
            ),
            marks=f'data-control="entry" data-name="{place}" data-group="rows"',
        )
        for place in range(n)
    )
    return box("", *rows)


@template("chat")
def mail_list(d: Draft) -> str:
    """Letters one below the other."""
    return top_bar(d) + box("col grow", box("pad", d.title()), _letters(d, 6), style="gap:0;overflow:hidden")


@template("chat")
def mail_open(d: Draft) -> str:
    """One letter, with the buttons to answer it."""
    sender = box(
        "row", box("avatar"), text("b", person(d.rng)), f"<span class='small muted'>{d.fact('email')}</span>"
    )
    lines = (text("p", line) for line in d.some("messages", 3, 4))
    act = (button(d.one("actions"), main=True, active=d.coin()), button(d.one("refusals")))
    return top_bar(d) + box(
        "col grow pad", d.title(), sender, box("line"), *lines, grey_lines(d, 2), box("row", *act)
    )


@template("chat", for_test=True, sizes=DESKTOP_SIZES)
def chat_people(d: Draft) -> str:
    """The people on one side, what they said on the other."""
    people = (box("row", box("avatar"), text("span", company(d.rng), "small")) for _ in range(4))
    side = box("side", *people, marks='data-part="sidebar"')
    return top_bar(d) + beside(d, side, d.title("h2"), *_talk(d, 4)) + _write(d)


@template("chat", for_test=True)
def chat_in_corner(d: Draft) -> str:
    """A chat window over a web page."""
    talk = box("col grow pad", *_talk(d, 3), style="overflow:hidden")
    side = d.rng.choice(("left:3%", "right:3%"))
    style = f"{side};bottom:3%;width:66%;height:78%;padding:0;flex-direction:column;align-items:stretch;gap:0"
    return backdrop(d) + box(
        "toast", bar(d.title("h2"), tinted=True), talk, _write(d), style=style, marks='data-part="chat"'
    )


def _entries_of(d: Draft, least: int = 4, most: int = 6) -> str:
    names = d.some("commands", least, most)
    here, off = d.maybe_one_of(len(names)), d.maybe_one_of(len(names))
    return "".join(
        f'<div class="nav{" here" if place == here else ""}{" off" if place == off != here else ""}" '
        f'data-control="entry" data-name="{escape(name)}" data-group="menu"><span>{escape(name)}</span></div>'
        for place, name in enumerate(names)
    )


def _menu(d: Draft, style: str, *, classes: str = "menu") -> str:
    return box(classes, _entries_of(d), style=style, marks='data-part="menu"')


@template("menu")
def menu_context(d: Draft) -> str:
    """A context menu somewhere on the page."""
    style = f"left:{d.rng.randint(4, 50)}%;top:{d.rng.randint(12, 40)}%"
    return backdrop(d, d.title("h2")) + _menu(d, style)


@template("menu", sizes=DESKTOP_SIZES)
def menu_bar(d: Draft) -> str:
    """A menu that hangs from the bar of a program."""
    names = d.some("menu", 3, 4)
    open_at = d.place(names)
    row = "".join(text("span", name, "nav", 'style="flex:1"') for name in names)
    left = min(58, 100 * open_at // len(names))
    head = box("bar row", row)
    return head + box("col grow pad", d.title(), grey_lines(d, 10)) + _menu(d, f"left:{left}%;top:3.4em")


@template("menu")
def menu_select(d: Draft) -> str:
    """The options of a field."""
    menu = _menu(d, "position:static;width:100%")
    return top_bar(d) + box(
        "col grow pad", d.title(), field(d.one("settings"), escape(d.one("commands"))), menu, grey_lines(d, 3)
    )


@template("menu", for_test=True)
def menu_drawer(d: Draft) -> str:
    """A drawer over one side of the page."""
    side = d.rng.choice(("left:0", "right:0"))
    drawer = _menu(d, f"{side};top:0;height:100%;width:58%;border-radius:0;padding:1.2em .6em")
    return backdrop(d, d.title("h2")) + box("shade") + drawer


@template("menu", for_test=True)
def menu_from_button(d: Draft) -> str:
    """A menu that opens upwards from a button in the corner."""
    act = box("row end", button(d.one("actions"), main=True, active=d.coin()))
    return (
        top_bar(d)
        + box("col grow pad", d.title(), grey_lines(d, 6), box("grow"), act)
        + _menu(d, "right:4%;bottom:5em;width:55%")
    )


_PAPERS = (("#000000", True), ("#0c1f3f", True), ("#1e1e1e", True), ("#ffffff", False), ("#fdf6e3", False))
_INKS = {
    True: (("green", "#3fe06a"), ("white", "#f2f2f2"), ("orange", "#ffb347")),
    False: (("black", "#161616"), ("blue", "#1f4fbf"), ("red", "#b3261e")),
}
_COMMANDS = (
    "ping -c 4 192.168.1.1", "ipconfig /all", "systemctl status router", "tail -f /var/log/syslog", "ls -la",
    "git pull", "docker compose up", "curl -I https://example.com", "Get-Service -Name Spooler", "npm install",
)  # fmt: skip
_LINES = (
    "64 bytes from 192.168.1.1: time={n} ms", "[{t}] INFO connection established", "[{t}] ERROR timeout after {n} s",
    "drwxr-xr-x 2 user staff {n} notes", "packet loss {n}%", "[{t}] WARN retry {n}", "Started service (pid {n})",
    "Exception in thread main: code {n}", "  at handler.run(line {n})", "status: exited with {n}",
)  # fmt: skip


def _written(d: Draft, n: int, numbers: bool = False) -> str:
    lines = []
    for place in range(n):
        clock = f"{d.rng.randint(0, 23):02}:{d.rng.randint(0, 59):02}:{d.rng.randint(0, 59):02}"
        line = d.rng.choice(_LINES).format(n=d.rng.randint(1, 999), t=clock)
        line = f"$ {d.rng.choice(_COMMANDS)}" if d.coin(0.25) else line
        lines.append(f"{place + 1:>3}  {line}" if numbers else line)
    return escape("\n".join(lines))


def _console(d: Draft, n: int, numbers: bool = False, inks: Sequence[bool] = (True, False)) -> str:
    dark = d.rng.choice(inks)
    paper = d.rng.choice([colour for colour, is_dark in _PAPERS if is_dark == dark])
    ink = d.rng.choice(_INKS[dark])[1]
    error = f"<div>{d.label('code')}: {d.fact('code')}</div>" if d.coin() else ""
    return f'<div class="term" data-console style="--paper:{paper};--ink:{ink}">{error}{_written(d, n, numbers)}</div>'


@template("terminal", sizes=DESKTOP_SIZES)
def terminal_full(d: Draft) -> str:
    """Text over the whole screen."""
    return _console(d, d.rng.randint(8, 22))


@template("terminal", sizes=DESKTOP_SIZES)
def terminal_window(d: Draft) -> str:
    """A window on a desktop."""
    shown = window(d, d.title("span"), style="width:88%;text-align:left")
    shown = shown.replace('<div class="col pad" style="" ></div>', _console(d, d.rng.randint(7, 13)))
    return box("grow row centre picture", shown)


@template("terminal", sizes=DESKTOP_SIZES)
def terminal_log(d: Draft) -> str:
    """A log inside a page."""
    return top_bar(d) + box("col grow pad", d.title("h2"), _console(d, 14))


@template("terminal", for_test=True, sizes=DESKTOP_SIZES)
def terminal_numbered(d: Draft) -> str:
    """Numbered lines under tabs."""
    tabs = d.some("menu", 2, 3)
    row = box("tabs", entries(tabs, d.place(tabs), "tabs"))
    return box("col grow", row, _console(d, 18, numbers=True), style="gap:0")


@template("terminal", for_test=True, sizes=DESKTOP_SIZES)
def terminal_split(d: Draft) -> str:
    """Two consoles, one above the other."""
    head = box("titlebar plain", d.title("span"), "<i></i>")
    second = f'<div class="term" data-console style="--paper:#2b2b2b;--ink:#cccccc">{_written(d, 7)}</div>'
    return head + _console(d, 8) + box("line") + second

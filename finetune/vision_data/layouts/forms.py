"""Sign-in, payment and settings pages."""

from html import escape

from finetune.vision_data.layouts.parts import beside, grey_lines, side_bar, top_bar, window
from finetune.vision_data.layouts.template import Draft, template
from finetune.vision_data.look import DESKTOP_SIZES, TALL_SIZES
from finetune.vision_data.markup import box, button, checkbox, entries, field, radios, switch, text
from finetune.vision_data.vocabulary import date, person

_DOTS = "●●●●●●●●"


def _credentials(d: Draft) -> list[str]:
    wrong = d.rng.choice((None, None, "email", "password"))
    address = d.fact("email") if d.coin(0.8) else ""
    return [
        field(d.label("email"), address, wrong=wrong == "email"),
        field(d.label("password"), _DOTS if d.coin() else "", wrong=wrong == "password"),
    ]


def _sign_in(d: Draft) -> list[str]:
    extra = [checkbox(d.label("remember"), d.coin())] if d.coin(0.7) else []
    link = [text("span", d.label("forgot"), "small muted")] if d.coin() else []
    return [
        *_credentials(d),
        *extra,
        button(d.label("sign_in"), main=True, active=d.coin(), wide=True),
        *link,
    ]


@template("sign_in")
def sign_in_card(d: Draft) -> str:
    """A card in the middle."""
    card = box("card col", box("logo"), d.title(), *_sign_in(d), style="width:78%")
    return box("grow row centre", card)


@template("sign_in", sizes=DESKTOP_SIZES)
def sign_in_split(d: Draft) -> str:
    """A picture beside the form."""
    picture = box("picture grow", style="align-self:stretch", marks='data-part="picture"')
    form = box("col pad", d.title(), *_sign_in(d), style="width:60%")
    return box("row grow" if d.coin() else "row grow reversed", picture, form, style="gap:0")


@template("sign_in")
def sign_in_page(d: Draft) -> str:
    """Under the company's bar, across the page."""
    return top_bar(d) + box("col grow pad", d.title(), grey_lines(d, 1), *_sign_in(d))


@template("sign_in", for_test=True)
def sign_in_top_picture(d: Draft) -> str:
    """A coloured band above, the form over its edge."""
    band = box("picture", style="height:28%")
    card = box("card col", d.title(), *_sign_in(d), style="width:84%;margin:-4em auto 0")
    return band + card


@template("sign_in", for_test=True)
def sign_in_window(d: Draft) -> str:
    """A window of a desktop program."""
    return box(
        "grow row centre picture", window(d, d.title("span"), *_sign_in(d), style="width:76%;text-align:left")
    )


def _card_fields(d: Draft) -> list[str]:
    wrong = d.rng.choice((None, None, "card", "expiry"))
    digits = f"•••• {d.rng.randint(1000, 9999)}" if d.coin(0.7) else ""
    return [
        field(d.label("card"), digits, wrong=wrong == "card"),
        box(
            "grid",
            field(
                d.label("expiry"),
                f"{d.rng.randint(1, 12):02}/{d.rng.randint(27, 34)}",
                wrong=wrong == "expiry",
            ),
            field("CVC", "•••"),
        ),
    ]


def _total(d: Draft) -> str:
    return box("row between", text("b", d.label("total")), f"<b>{d.fact('amount')}</b>")


def _methods(d: Draft) -> str:
    names = [d.label("credit"), "PayPal", d.label("transfer"), d.label("invoice")][: d.rng.randint(3, 4)]
    return radios(names, d.place(names))


def _pay(d: Draft) -> str:
    return button(d.label("pay"), main=True, active=d.coin(), wide=True)


@template("payment")
def payment_card(d: Draft) -> str:
    """A card form in the middle."""
    holder = field(d.label("holder"), escape(person(d.rng)))
    return box(
        "grow row centre",
        box(
            "card col",
            d.title(),
            *_card_fields(d),
            holder,
            _total(d),
            _pay(d),
            style="width:82%;text-align:left",
        ),
    )


@template("payment")
def payment_methods(d: Draft) -> str:
    """Ways to pay, one of them chosen."""
    return top_bar(d) + box("col grow pad", d.title(), _methods(d), box("line"), _total(d), _pay(d))


@template("payment", sizes=DESKTOP_SIZES)
def payment_columns(d: Draft) -> str:
    """The form beside what is bought."""
    items = (
        box("row between", text("span", name), text("span", f"{d.rng.randint(2, 90)}.00"))
        for name in d.some("items", 2, 3)
    )
    basket = box("card col", *items, box("line"), _total(d), style="width:44%", marks='data-part="basket"')
    form = box("col grow", d.title(), *_card_fields(d), _pay(d))
    order = "row grow pad" if d.coin() else "row grow pad reversed"
    return top_bar(d) + box(order, form, basket, style="align-items:flex-start")


@template("payment", for_test=True)
def payment_sheet(d: Draft) -> str:
    """A sheet from below over a shop."""
    sheet = box("dialog", d.title(), _methods(d), _total(d), _pay(d), style="width:100%;margin-top:auto")
    return top_bar(d) + box("pad", grey_lines(d, 5)) + box("shade", sheet)


@template("payment", for_test=True)
def payment_picture_of_card(d: Draft) -> str:
    """A drawn bank card above the fields."""
    card = box(
        "picture col pad",
        text("b", d.company()),
        text("span", f"•••• •••• •••• {d.rng.randint(1000, 9999)}"),
        style="width:64%;height:8em;border-radius:1em;align-self:center;color:#fff;justify-content:space-between",
    )
    return box("col grow pad", d.title(), card, *_card_fields(d), _total(d), _pay(d))


def _switches(d: Draft, most: int = 6) -> list[str]:
    names = d.some("settings", 1 if d.coin(0.3) else 3, most)
    everything = d.rng.choice((True, False, None))
    return [switch(name, d.coin() if everything is None else everything) for name in names]


def _checkboxes(d: Draft, most: int = 5) -> list[str]:
    return [checkbox(name, d.coin()) for name in d.some("settings", 2, most)]


def _save(d: Draft) -> str:
    return box("row end", button(d.one("actions"), main=True, active=d.coin()))


@template("settings")
def settings_list(d: Draft) -> str:
    """Switches one below the other."""
    lines = [piece for row in _switches(d) for piece in (row, box("line"))]
    return top_bar(d) + box("col grow pad", d.title(), *lines, _save(d))


@template("settings", sizes=DESKTOP_SIZES)
def settings_side_bar(d: Draft) -> str:
    """A side bar and switches."""
    return top_bar(d) + beside(d, side_bar(d), d.title(), *_switches(d, 5), _save(d))


@template("settings")
def settings_checkboxes(d: Draft) -> str:
    """Boxes to tick and options to choose."""
    names = d.some("commands", 3, 3)
    return box(
        "col grow pad", d.title(), *_checkboxes(d), box("line"), radios(names, d.place(names)), _save(d)
    )


@template("settings", sizes=DESKTOP_SIZES)
def settings_properties(d: Draft) -> str:
    """The properties of a program: tabs, boxes to tick, two buttons."""
    tabs = d.some("menu", 3, 3)
    row = box("tabs", entries(tabs, d.place(tabs), "tabs"))
    dialog = window(d, d.title("span"), row, *_checkboxes(d), _save(d), style="width:86%;text-align:left")
    return box("grow row centre", dialog)


@template("settings", sizes=TALL_SIZES)
def settings_groups(d: Draft) -> str:
    """Cards with switches, as on a phone."""
    rows = _switches(d, 7)
    half = max(1, len(rows) // 2)
    cards = [box("card col", *part) for part in (rows[:half], rows[half:]) if part]
    return box("col grow pad", d.title(), *cards)


@template("settings", for_test=True, sizes=DESKTOP_SIZES)
def settings_tiles(d: Draft) -> str:
    """A switch in every tile."""
    tiles = (box("card", row) for row in _switches(d, 6))
    return top_bar(d) + box("col grow pad", d.title(), box("grid", *tiles, style="font-size:.82em"), _save(d))


@template("settings", for_test=True)
def settings_sections(d: Draft) -> str:
    """Tabs above, boxes to tick and switches below."""
    tabs = d.some("menu", 3, 3)
    row = box("tabs", entries(tabs, d.place(tabs), "tabs"))
    since = text("span", date(d.rng), "small muted")
    return box(
        "col grow pad", d.title(), row, *_checkboxes(d, 3), box("line"), *_switches(d, 3), since, _save(d)
    )

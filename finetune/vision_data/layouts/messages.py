"""Error messages, notifications, progress and empty pages."""

from collections.abc import Sequence

from finetune.vision_data.layouts.parts import (
    CORNERS,
    backdrop,
    beside,
    grey_lines,
    side_bar,
    top_bar,
    window,
)
from finetune.vision_data.layouts.template import ALL_SIZES, Draft, template
from finetune.vision_data.look import DESKTOP_SIZES
from finetune.vision_data.markup import SIGNS, box, button, buttons, progress, sign, text


def _sign(d: Draft, kinds: Sequence[str] = SIGNS) -> str:
    return sign(d.rng.choice(kinds))


def _choice(d: Draft) -> str:
    """Two buttons, one of them highlighted, in any order."""
    labels = [d.one("actions"), d.one("refusals")]
    d.rng.shuffle(labels)
    return buttons(labels, d.place(labels))


def _reason(d: Draft) -> str:
    mark = f"<p class='muted'>{d.label('code')}: {d.fact('code')}</p>" if d.coin(0.7) else ""
    return text("p", d.one("errors")) + mark


_ERROR_SIGNS = ("cross", "triangle", "circle")


@template("error_dialog")
def error_over_page(d: Draft) -> str:
    """A dialog over a darkened page."""
    dialog = box(
        "dialog",
        box("row", _sign(d, _ERROR_SIGNS), d.title("h2")),
        _reason(d),
        _choice(d),
        marks='data-part="dialog"',
    )
    return backdrop(d) + box("shade centre", dialog, style="text-align:left")


@template("error_dialog", sizes=DESKTOP_SIZES)
def error_window(d: Draft) -> str:
    """The message box of a desktop program."""
    inside = box("row", _sign(d, _ERROR_SIGNS), box("col grow", _reason(d)))
    return box(
        "grow row centre", window(d, d.title("span"), inside, _choice(d), style="width:88%;text-align:left")
    )


@template("error_dialog", sizes=((640, 330), (560, 300), (700, 380), *ALL_SIZES))
def error_alone(d: Draft) -> str:
    """Nothing but the dialog, as people cut it out."""
    head = box("row", _sign(d, _ERROR_SIGNS), d.title("h2"))
    return box(
        "col grow pad", head, _reason(d), _choice(d), style="background:var(--surface);justify-content:center"
    )


@template("error_dialog")
def error_page(d: Draft) -> str:
    """A whole page that says what failed."""
    return top_bar(d) + box("col grow centre pad", _sign(d, _ERROR_SIGNS), d.title(), _reason(d), _choice(d))


@template("error_dialog", for_test=True)
def error_sheet(d: Draft) -> str:
    """A sheet from below."""
    sheet = box(
        "dialog centre",
        _sign(d, _ERROR_SIGNS),
        d.title("h2"),
        _reason(d),
        _choice(d),
        style="width:100%;margin-top:auto",
    )
    return backdrop(d) + box("shade", sheet)


@template("error_dialog", for_test=True, sizes=((640, 330), (640, 480), (720, 560)))
def error_classic(d: Draft) -> str:
    """A message box that fills the picture, its sign on the left and its buttons in the middle."""
    inside = box("row", _sign(d, _ERROR_SIGNS), box("col grow", _reason(d)), style="padding:1em")
    choice = box("row centre", _choice(d))
    return window(d, d.title("span"), inside, choice, style="width:100%;height:100%")


def _toast(d: Draft, classes: str, style: str) -> str:
    note = box(
        "col grow", text("b", d.one("notes")), text("span", d.one("waiting"), "small"), style="gap:.2em"
    )
    return box(classes, _sign(d), note, style=style, marks='data-part="notification"')


@template("notification")
def toast_in_corner(d: Draft) -> str:
    """A card in one of the corners."""
    corner = d.rng.choice(list(CORNERS.values()))
    return backdrop(d, d.title("h2")) + _toast(d, "toast", corner)


@template("notification")
def toast_inverse(d: Draft) -> str:
    """A card in the colours of the other theme."""
    corner = d.rng.choice(list(CORNERS.values()))
    return backdrop(d, d.title("h2")) + _toast(d, "toast inverse", corner)


@template("notification")
def banner_across(d: Draft) -> str:
    """A banner across the page, above or below."""
    edge = d.rng.choice(("top:0", "bottom:0"))
    return backdrop(d, d.title("h2")) + _toast(d, "toast edge", f"{edge};left:0;width:100%;border-radius:0")


@template("notification", for_test=True)
def toast_edge(d: Draft) -> str:
    """A card with a coloured edge in one of the corners."""
    corner = d.rng.choice(list(CORNERS.values()))
    return backdrop(d, d.title("h2")) + _toast(d, "toast edge", f"{corner};width:56%")


@template("notification", for_test=True)
def toast_stack(d: Draft) -> str:
    """Two cards, one above the other."""
    side = d.rng.choice(("left:3%", "right:3%"))
    first = _toast(d, "toast", f"top:4%;{side}")
    second = box("toast", box("avatar"), box("grow", grey_lines(d, 2)), style=f"top:30%;{side}")
    return backdrop(d, d.title("h2")) + first + second


_SHARES = (0.25, 0.5, 0.75, 1.0)


def _share(d: Draft) -> float:
    return min(1.0, d.rng.choice(_SHARES) + d.rng.uniform(-0.04, 0.04))


def _percent(d: Draft, share: float) -> str:
    return text("span", f"{share:.0%}") if d.coin(0.3) else ""


def _bar(d: Draft, classes: str = "track") -> str:
    share = _share(d)
    return progress(share, classes) + _percent(d, share)


def _stop(d: Draft) -> str:
    return box("row centre", button(d.one("refusals"), active=d.coin()))


@template("progress")
def progress_card(d: Draft) -> str:
    """A bar in a card in the middle."""
    wait = text("p", d.one("waiting"), "muted")
    return box("grow row centre", box("card col", d.title(), _bar(d), wait, _stop(d), style="width:80%"))


@template("progress")
def progress_ring(d: Draft) -> str:
    """A ring that fills."""
    share = _share(d)
    fill = f"background:conic-gradient(var(--accent) {share:.1%}, var(--line) 0)"
    ring = box("ring", box(""), style=fill, marks="data-progress")
    return box(
        "col grow centre pad", ring, d.title(), _percent(d, share), text("p", d.one("waiting"), "muted")
    )


@template("progress", sizes=DESKTOP_SIZES)
def progress_window(d: Draft) -> str:
    """The window of a program that copies or installs."""
    inside = (
        text("p", d.one("waiting")),
        _bar(d),
        box("row end", button(d.one("refusals"), active=d.coin())),
    )
    return box(
        "grow row centre picture", window(d, d.title("span"), *inside, style="width:86%;text-align:left")
    )


@template("progress")
def progress_steps(d: Draft) -> str:
    """Steps, and a bar below them."""
    steps = d.words.lists["steps"][: d.rng.randint(4, 5)]
    done = d.rng.randint(1, len(steps) - 1)
    rows = (
        box("row", sign("tick") if place < done else box("avatar"), text("span", name))
        for place, name in enumerate(steps)
    )
    return top_bar(d) + box("col grow pad", d.title(), *rows, _bar(d))


@template("progress", for_test=True)
def progress_striped(d: Draft) -> str:
    """A striped bar low on an empty page."""
    wait = text("p", d.one("waiting"), "muted")
    return top_bar(d) + box(
        "col grow pad", box("grow"), d.title(), _bar(d, "track striped"), wait, box("grow"), _stop(d)
    )


@template("progress", for_test=True)
def progress_over_page(d: Draft) -> str:
    """A dialog with a bar over a darkened page."""
    dialog = box(
        "dialog",
        d.title("h2"),
        _bar(d),
        text("p", d.one("waiting"), "muted"),
        _stop(d),
        marks='data-part="dialog"',
    )
    return backdrop(d) + box("shade centre", dialog, style="text-align:left")


_DRAWINGS = (
    '<rect x="15" y="30" width="70" height="50" rx="6"/><path d="M15 36 50 60 85 36"/>',
    '<circle cx="44" cy="44" r="26"/><path d="M63 63 86 86"/>',
    '<path d="M12 30h76l-10 52H22z"/><path d="M32 30a18 18 0 0 1 36 0"/>',
    '<path d="M12 26h28l8 10h40v46H12z"/>',
    '<path d="M25 70a20 20 0 0 1 4-38 24 24 0 0 1 45 4 18 18 0 0 1 2 34z"/>',
)


def _drawing(d: Draft) -> str:
    return f'<svg viewBox="0 0 100 100" class="drawing" data-part="drawing">{d.rng.choice(_DRAWINGS)}</svg>'


def _nothing(d: Draft) -> list[str]:
    act = [button(d.one("actions"), main=True, active=d.coin())] if d.coin(0.8) else []
    return [_drawing(d), d.title(), text("p", d.one("empty"), "muted"), *act]


@template("empty_state")
def empty_centre(d: Draft) -> str:
    """A drawing and a sentence in the middle."""
    return top_bar(d) + box("col grow centre pad", *_nothing(d))


@template("empty_state", sizes=DESKTOP_SIZES)
def empty_side_bar(d: Draft) -> str:
    """Beside a side bar."""
    return top_bar(d) + beside(d, side_bar(d), box("col grow centre", *_nothing(d)))


@template("empty_state")
def empty_card(d: Draft) -> str:
    """In a card."""
    return box("grow row centre", box("card col centre", *_nothing(d), style="width:80%"))


@template("empty_state", for_test=True, sizes=DESKTOP_SIZES)
def empty_beside(d: Draft) -> str:
    """The drawing beside the words."""
    drawing, *words = _nothing(d)
    order = "row grow pad" if d.coin() else "row grow pad reversed"
    return top_bar(d) + box(order, drawing, box("col grow", *words))


@template("empty_state", for_test=True)
def empty_low(d: Draft) -> str:
    """A search field above, the words below."""
    search = box("card row", text("span", d.label("search"), "muted"))
    return box("col grow pad", search, box("col grow centre", *_nothing(d)))

"""Drawn photographs of devices: routers with their lights, ports and cables, small displays, chargers."""

from finetune.vision_data.layouts.template import Draft, template
from finetune.vision_data.look import LIGHTS
from finetune.vision_data.markup import box, light, text

_SIZES = ((640, 480), (640, 640), (720, 560), (600, 700))
_PLACES = (
    "linear-gradient(#cfc7bb 0 55%, #8a6a4c 55%)",
    "linear-gradient(#dfe5e8 0 60%, #b9b3a8 60%)",
    "linear-gradient(#6f7f8c 0 50%, #3e4148 50%)",
    "radial-gradient(circle at 30% 20%, #f4efe6, #a99c8a)",
    "linear-gradient(160deg, #5c4634, #8d6f55 60%, #4a3828)",
    "radial-gradient(circle at 70% 30%, #9aa7ad, #4d565c)",
)
_BODIES = {"black": ("#1d1f22", "#d8d8d8"), "white": ("#f4f4f1", "#55585c")}
_CRACK = (
    '<svg viewBox="0 0 100 100" preserveAspectRatio="none" data-crack '
    'style="position:absolute;inset:0;width:100%;height:100%">'
    '<path d="M62 0 55 28 70 47 48 55 60 100M55 28 20 18 0 30M48 55 22 70 0 66M70 47 100 58M55 28 80 20 100 8" '
    'fill="none" stroke="#fff" stroke-width="1.6"/></svg>'
)


def _scene(d: Draft, *things: str) -> str:
    return box("", *things, style=f"position:absolute;inset:0;background:{d.rng.choice(_PLACES)}")


def _body(d: Draft, style: str, *inside: str) -> str:
    colour, ink = _BODIES[d.rng.choice(list(_BODIES))]
    shade = "box-shadow:0 1.2em 2.4em rgba(0,0,0,.5), inset 0 -.8em 1.4em rgba(0,0,0,.18)"
    return box(
        "",
        *inside,
        style=f"position:absolute;background:{colour};color:{ink};{shade};{style}",
        marks="data-body",
    )


def _colour(d: Draft) -> str:
    return LIGHTS[d.rng.choice(list(LIGHTS))]


def _row_of_lights(d: Draft, n: int, style: str) -> str:
    alike = _colour(d) if d.coin(0.3) else ""
    named = d.coin()
    lamps = []
    for place in range(n):
        name = d.rng.choice(d.words.titles["device_photo"]) if named else ""
        lamp = light(str(place), alike or _colour(d))
        lamps.append(box("col centre", lamp, text("span", name, "small"), style="gap:.3em"))
    return box("row", *lamps, style=f"position:absolute;{style}")


def _antennas(d: Draft, bottom: int, colour: str = "#26282b") -> str:
    places = {0: (), 1: (50,), 2: (24, 76), 3: (22, 50, 78), 4: (20, 40, 60, 80)}[d.rng.randint(0, 4)]
    return "".join(
        box(
            "",
            style=f"position:absolute;left:{x}%;bottom:{bottom}%;width:2.6%;height:32%;background:{colour};border-radius:1em",
            marks="data-antenna",
        )
        for x in places
    )


@template("device_photo", sizes=_SIZES)
def router_front(d: Draft) -> str:
    """A flat router, lights in a row, antennas behind it."""
    top = d.rng.randint(46, 56)
    lights = _row_of_lights(d, d.rng.randint(3, 5), "left:10%;right:10%;top:28%;justify-content:space-around")
    body = _body(d, f"left:12%;width:76%;top:{top}%;height:32%;border-radius:1.2em", lights)
    return _scene(d, _antennas(d, 98 - top), body)


@template("device_photo", sizes=_SIZES)
def router_tower(d: Draft) -> str:
    """A tower with one light."""
    left = d.rng.randint(25, 50)
    size = d.rng.choice(("3em", "4em"))
    lamp = light("status", _colour(d), f"width:{size};height:{size}")
    middle = box("col centre", lamp, style="position:absolute;inset:0 0 auto;top:16%")
    return _scene(
        d, _body(d, f"left:{left}%;width:30%;top:14%;height:70%;border-radius:1.6em 1.6em .6em .6em", middle)
    )


def _ports(d: Draft, n: int) -> str:
    made = []
    cable = d.rng.choice(("#e8c21a", "#2f6fd0", "#d6d6d6", "#c43c2e"))
    for place in range(n):
        plug = box("plug", style=f"background:{cable}") if d.coin() else ""
        made.append(box("port", plug, marks=f'data-port="{place}"'))
    return box("row", *made, style="position:absolute;left:6%;right:6%;top:34%;justify-content:space-around")


@template("device_photo", sizes=_SIZES)
def router_back(d: Draft) -> str:
    """The back with its ports, cables in some of them."""
    body = _body(
        d,
        f"left:8%;width:84%;top:{d.rng.randint(24, 36)}%;height:30%;border-radius:.8em",
        _ports(d, d.rng.randint(3, 4)),
    )
    return _scene(d, body)


@template("device_photo", sizes=_SIZES)
def device_display(d: Draft) -> str:
    """A device with a display, perhaps cracked."""
    lit = d.coin()
    words = (
        box("col centre", text("b", d.rng.choice(d.words.titles["device_photo"])), d.fact("code"))
        if lit
        else ""
    )
    colours = "background:#dff0ff;color:#10202c" if lit else "background:#16181a"
    glass = box(
        "",
        words,
        _CRACK if d.coin() else "",
        style=f"position:absolute;inset:12% 10% 34%;{colours};display:grid;place-items:center;border-radius:.4em",
        marks="data-display",
    )
    lamp = box("col centre", light("status", _colour(d)), style="position:absolute;left:0;right:0;bottom:9%")
    return _scene(
        d,
        _body(
            d, f"left:{d.rng.randint(16, 34)}%;width:50%;top:12%;height:74%;border-radius:1.4em", glass, lamp
        ),
    )


@template("device_photo", for_test=True, sizes=_SIZES)
def router_puck(d: Draft) -> str:
    """A round device seen from above, its light in the middle."""
    lamp = box(
        "col centre", light("status", _colour(d), "width:4em;height:4em"), style="position:absolute;inset:0"
    )
    return _scene(
        d, _body(d, f"left:{d.rng.randint(15, 35)}%;width:50%;aspect-ratio:1;top:20%;border-radius:50%", lamp)
    )


@template("device_photo", for_test=True, sizes=_SIZES)
def router_upright(d: Draft) -> str:
    """An upright box, lights one below the other on the left, a port with or without a cable on the right."""
    lamps = [light(str(place), _colour(d)) for place in range(3)]
    column = box("col", *lamps, style="position:absolute;left:12%;top:12%")
    port = _ports(d, 2).replace("left:6%", "left:40%")
    return _scene(
        d,
        _antennas(d, 84),
        _body(d, "left:22%;width:56%;top:16%;height:56%;border-radius:.8em", column, port),
    )

"""One English sentence that describes a screen: its type, its title, and what is striking about it."""

from collections.abc import Iterator

from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.vision_data.look import is_dark, light_called
from finetune.vision_data.questions import NUMBERS, PROGRESS, SIGN_NAMES
from finetune.vision_data.reading import ScreenTruth

_MOST = 2


def caption_of(truth: ScreenTruth, screen_type: str) -> str:
    """The sentence."""
    kind = SCREEN_TYPES[screen_type]
    theme = "" if screen_type in ("device_photo", "terminal") else f"{'dark' if truth.dark else 'light'} "
    named = f" titled “{truth.title}”" if truth.title else ""
    article = "An" if not theme and kind[0] in "aeiou" else "A"
    striking = list(_striking(truth))[:_MOST]
    return f"{article} {theme}{kind}{named}{' with ' + ' and '.join(striking) if striking else ''}."


def _striking(truth: ScreenTruth) -> Iterator[str]:
    if truth.cracked:
        yield "a cracked display"
    if any(field.wrong for field in truth.of("field")):
        yield "a field framed in red"
    if len(truth.signs) == 1:
        yield f"a {SIGN_NAMES[truth.signs[0]]}"
    yield from _lit(truth)
    if truth.ports:
        yield f"{NUMBERS[sum(port.on for port in truth.ports)]} of its ports in use"
    yield from _set(truth)
    if truth.console:
        yield f"a {'dark' if is_dark(truth.console[0]) else 'light'} background"


def _set(truth: ScreenTruth) -> Iterator[str]:
    """How bars, switches, buttons and entries are set."""
    if truth.progress:
        nearest = min(PROGRESS, key=lambda step: abs(step - truth.progress[0]))
        yield f"{PROGRESS[nearest]} of the progress done"
    if switches := truth.of("switch"):
        on = sum(switch.on for switch in switches)
        yield (
            "all switches on" if on == len(switches) else "all switches off" if not on else "some switches on"
        )
    buttons = truth.of("button")
    if buttons and not all(button.active for button in buttons):
        yield "a greyed-out button"
    if any(entry.filled for entry in truth.group("rows")):
        yield "a highlighted row"
    if any(entry.filled for entry in truth.group("menu")):
        yield "a highlighted entry"


def _lit(truth: ScreenTruth) -> Iterator[str]:
    colours = [light_called(light.rgb) for light in truth.lights]
    if len(colours) == 1:
        yield "a light that is off" if colours[0] == "off" else f"a {colours[0]} light"
    elif colours and len(set(colours)) == 1:
        yield "all lights off" if colours[0] == "off" else f"only {colours[0]} lights"
    elif colours:
        shown = list(dict.fromkeys(colour for colour in colours if colour != "off"))
        yield f"{' and '.join(shown[:2])} lights"

"""Questions about a drawn screen, and their answers, from its truth.

A question needs *sight* when the text on the screen does not answer it, and *ocr* when it does. Every question is
closed: its choices are given, and the right one is as likely to be any of them as chance has drawn the screens.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Literal

from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.vision_data.look import ACCENTS, LIGHTS, accent_called, is_dark, light_called
from finetune.vision_data.reading import Control, Mark, ScreenTruth
from finetune.vision_data.vocabulary import FACTS, LANGUAGES, Vocabulary

Kind = Literal["screen_type", "control_state", "highlight", "colour", "layout", "light", "text"]
Needs = Literal["sight", "ocr"]
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
NUMBERS = ("none", "one", "two", "three", "four", "five")
SIGN_NAMES = {
    "cross": "red cross",
    "tick": "green tick",
    "triangle": "yellow triangle",
    "circle": "blue circle",
}
PROGRESS = {0.25: "a quarter", 0.5: "half", 0.75: "three quarters", 1.0: "all"}
INKS = {
    "green": (63, 224, 106), "white": (242, 242, 242), "orange": (255, 179, 71),
    "black": (22, 22, 22), "blue": (31, 79, 191), "red": (179, 38, 30),
}  # fmt: skip
_YES_NO = ("yes", "no")
_SIDES = ("left", "right")
_CHOICES = 4
MOST_SIGHT = 3
"""Most questions that need sight about one screen; each screen of a measurement counts about as much."""
MOST_SIGHT_TRAINED = 9
"""The same in training, where the questions of a screen share its visual tokens and cost little."""
_MOST_OCR = 2
_THEME_LAST = 0.65
"""How often the theme, which every screen has, is asked for only when there is little else to ask."""


@dataclass(frozen=True, slots=True)
class Question:
    """A closed question and its answer."""

    question: str
    answer: str
    kind: Kind
    needs: Needs
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """A screen to ask about.

    Attributes:
        words: The words of its language, for wrong choices.
    """

    truth: ScreenTruth
    screen_type: str
    language: str
    words: Vocabulary
    rng: Random

    def ask(
        self,
        key: str,
        answer: str,
        choices: Sequence[str],
        kind: Kind,
        needs: Needs = "sight",
        **fill: object,
    ) -> Question:
        """A question in one of its phrasings."""
        words = self.rng.choice(_phrasings()[key]).format(**fill)
        return Question(words, answer, kind, needs, tuple(choices))

    def several(self, right: str, others: Sequence[str]) -> list[str]:
        """The right answer among wrong ones, in any order; none of the others stands on the screen."""
        seen = "\n".join(self.truth.lines)
        wrong = [other for other in dict.fromkeys(others) if other != right and other not in seen]
        chosen = [right, *self.rng.sample(wrong, min(len(wrong), _CHOICES - 1))]
        self.rng.shuffle(chosen)
        return chosen


_ASK_FOR_NOTHING = 0.4
"""How often it is asked for a mark that is not there: where one is, there are other questions about it to choose."""
Maker = Callable[[Asked], Iterator[Question]]


def questions_about(asked: Asked, most_sight: int = MOST_SIGHT) -> tuple[Question, ...]:
    """The screen type, up to `most_sight` questions for the eye and up to two for the text."""
    sight = [question for maker in _SIGHT for question in maker(asked)]
    asked.rng.shuffle(sight)
    if asked.rng.random() < _THEME_LAST:
        sight.sort(key=lambda question: question.question in _phrasings()["theme"])
    text = [question for maker in _TEXT for question in maker(asked)]
    asked.rng.shuffle(text)
    return (_screen_type(asked), *_one_of_each(sight, most_sight), *text[:_MOST_OCR])


def screen_type_question(name: str, rng: Random) -> Question:
    """Asks for the screen type, `name`, of a picture of which nothing else is known."""
    words = rng.choice(_phrasings()["screen_type"])
    return Question(words, name, "screen_type", "sight", tuple(SCREEN_TYPES.values()))


def _one_of_each(found: Sequence[Question], most: int) -> list[Question]:
    """The first questions, those of new kinds before a second one of a kind."""
    first = {question.kind: question for question in reversed(found)}
    rest = [question for question in found if first[question.kind] is not question]
    return [*(question for question in found if first[question.kind] is question), *rest][:most]


def _screen_type(asked: Asked) -> Question:
    names = list(SCREEN_TYPES.values())
    text = "\n".join(asked.truth.lines).lower()
    told = any(
        word.lower() in text
        for word in (*asked.words.titles[asked.screen_type], SCREEN_TYPES[asked.screen_type])
    )
    return asked.ask(
        "screen_type", SCREEN_TYPES[asked.screen_type], names, "screen_type", "ocr" if told else "sight"
    )


def _theme(asked: Asked) -> Iterator[Question]:
    if asked.screen_type not in ("device_photo", "terminal", "phone_app"):
        yield asked.ask("theme", "dark" if asked.truth.dark else "light", ("dark", "light"), "colour")


def _colours(asked: Asked) -> Iterator[Question]:
    """One question for the accent colour, about the largest thing that has it."""
    truth = asked.truth
    sources: list[tuple[str, Control | Mark]] = [
        *(("button_colour", one) for one in truth.of("button") if one.filled and one.active),
        *(("entry_colour", one) for one in truth.of("entry") if one.filled),
        *(("bar_colour", one) for one in truth.parts if one.name == "bar" and one.on),
        *(("bubble_colour", one) for one in truth.bubbles if one.on),
    ]
    entries = sum(key == "entry_colour" for key, _ in sources)
    sources = [(key, one) for key, one in sources if key != "entry_colour" or entries == 1]
    if sources:
        key, one = asked.rng.choice(sources)
        yield asked.ask(key, accent_called(one.rgb), list(ACCENTS), "colour")


def _switches(asked: Asked) -> Iterator[Question]:
    if not asked.truth.has_all("switch"):
        return
    found = asked.truth.of("switch")
    states = ("on", "off")
    if len(found) == 1:
        yield asked.ask("one_switch", _on(found[0]), states, "control_state")
        return
    place = asked.rng.randrange(len(found))
    yield asked.ask("switch_at", _on(found[place]), states, "control_state", place=ORDINALS[place])
    named = asked.rng.choice(found)
    yield asked.ask("switch_named", _on(named), states, "control_state", name=named.name)
    on = {one.on for one in found}
    answer = "mixed" if len(on) == 2 else "all on" if True in on else "all off"
    yield asked.ask("switches", answer, ("all on", "all off", "mixed"), "control_state")


def _on(control: Control) -> str:
    return "on" if control.on else "off"


def _checkboxes(asked: Asked) -> Iterator[Question]:
    if not asked.truth.has_all("checkbox"):
        return
    found = asked.truth.of("checkbox")
    place = asked.rng.randrange(len(found))
    key = "one_checkbox" if len(found) == 1 else "checkbox_at"
    answer = "ticked" if found[place].on else "empty"
    yield asked.ask(key, answer, ("ticked", "empty"), "control_state", place=ORDINALS[place])


def _radios(asked: Asked) -> Iterator[Question]:
    if asked.truth.has_all("radio"):
        found = asked.truth.of("radio")
        place = next(i for i, one in enumerate(found) if one.on)
        yield asked.ask("radio", ORDINALS[place], ORDINALS[: len(found)], "control_state")


def _main_button(asked: Asked) -> Iterator[Question]:
    found = [one for one in asked.truth.controls if one.kind == "button"]
    if len(found) == 1 and found[0].visible:
        answer = "active" if found[0].active else "greyed out"
        yield asked.ask("button_active", answer, ("active", "greyed out"), "control_state")


def _fields(asked: Asked) -> Iterator[Question]:
    if asked.truth.has_all("field") and asked.screen_type in ("sign_in", "payment"):
        wrong = any(one.wrong for one in asked.truth.of("field"))
        yield asked.ask("wrong_field", "yes" if wrong else "no", _YES_NO, "highlight")


def _chosen_button(asked: Asked) -> Iterator[Question]:
    found = asked.truth.group("choice")
    if len(found) == 2:
        left, right = sorted(found, key=lambda one: one.spot.x)
        yield asked.ask("button_side", "left" if left.filled else "right", _SIDES, "highlight")
        main = left if left.filled else right
        yield asked.ask("button_named", main.name, [one.name for one in found], "highlight")


def _entries(asked: Asked) -> Iterator[Question]:
    for group, key in (
        ("side", "side_entry"),
        ("tabs", "tab"),
        ("bottom", "bottom_entry"),
        ("menu", "menu_entry"),
        ("rows", "row"),
    ):
        found = asked.truth.group(group)[: len(ORDINALS)]
        place = next((i for i, one in enumerate(found) if one.filled), None)
        if place is not None and len(found) > 1:
            yield asked.ask(key, ORDINALS[place], ORDINALS[: len(found)], "highlight")


def _any_entry(asked: Asked) -> Iterator[Question]:
    for group, key in (("menu", "any_menu_entry"), ("rows", "any_row")):
        members = [one for one in asked.truth.controls if one.group == group]
        marked = [one for one in members if one.filled]
        if any(one.visible for one in marked):
            yield asked.ask(key, "yes", _YES_NO, "highlight")
        elif members and not marked and asked.rng.random() < _ASK_FOR_NOTHING:
            yield asked.ask(key, "no", _YES_NO, "highlight")
    members = asked.truth.group("menu")
    if members and len(members) == sum(one.group == "menu" for one in asked.truth.controls):
        yield asked.ask(
            "greyed_entry", "no" if all(one.active for one in members) else "yes", _YES_NO, "control_state"
        )


def _layout(asked: Asked) -> Iterator[Question]:
    parts = {part.name: part.spot for part in asked.truth.parts}
    for name, key in (("sidebar", "side_bar"), ("picture", "picture"), ("basket", "basket")):
        if name in parts and parts[name].width < 0.7:
            yield asked.ask(key, "left" if parts[name].x < 0.5 else "right", _SIDES, "layout")
    if spot := parts.get("notification"):
        high = "top" if spot.y < 0.5 else "bottom"
        if spot.width < 0.9:
            answer = f"{high} {'left' if spot.x < 0.5 else 'right'}"
            yield asked.ask(
                "toast", answer, ("top left", "top right", "bottom left", "bottom right"), "layout"
            )
        else:
            yield asked.ask("toast", high, ("top", "bottom"), "layout")
    if asked.truth.bubbles:
        last = max(asked.truth.bubbles, key=lambda bubble: bubble.spot.y)
        yield asked.ask("last_message", "right" if last.on else "left", _SIDES, "layout")


def _signs(asked: Asked) -> Iterator[Question]:
    if len(asked.truth.signs) == 1:
        names = list(SIGN_NAMES.values())
        if asked.screen_type == "error_dialog":
            names.remove("green tick")
        yield asked.ask("sign", SIGN_NAMES[asked.truth.signs[0]], names, "highlight")


def _progress(asked: Asked) -> Iterator[Question]:
    told = any("%" in line for line in asked.truth.lines)
    for share in asked.truth.progress[:1]:
        nearest = min(PROGRESS, key=lambda step: abs(step - share))
        if not told:
            yield asked.ask("progress", PROGRESS[nearest], list(PROGRESS.values()), "layout")


def _lights(asked: Asked) -> Iterator[Question]:
    lights, names = asked.truth.lights, list(LIGHTS)
    if len(lights) == 1:
        yield asked.ask("light", light_called(lights[0].rgb), names, "light")
    elif lights:
        yield from _light_at(asked, lights)
        lit = sum(light_called(one.rgb) != "off" for one in lights)
        yield asked.ask("lit", NUMBERS[lit], NUMBERS[: len(lights) + 1], "light")
        alike = len({light_called(one.rgb) for one in lights}) == 1
        if alike or asked.rng.random() < 0.4:
            yield asked.ask("alike", "yes" if alike else "no", _YES_NO, "light")
        named = [one for one in lights if one.name in asked.truth.lines]
        if named:
            one = asked.rng.choice(named)
            yield asked.ask("light_named", light_called(one.rgb), names, "light", name=one.name)


def _light_at(asked: Asked, lights: Sequence[Mark]) -> Iterator[Question]:
    xs, ys = [one.spot.x for one in lights], [one.spot.y for one in lights]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    if min(wide, high) > 0.1:
        return  # a grid has no first and second
    across = wide > high
    ordered = sorted(lights, key=lambda one: one.spot.x if across else one.spot.y)
    place = asked.rng.randrange(len(ordered))
    answer = light_called(ordered[place].rgb)
    side = "left" if across else "top"
    yield asked.ask(
        "light_at", answer, list(LIGHTS), "light", place=ORDINALS[place], number=place + 1, side=side
    )


def _device(asked: Asked) -> Iterator[Question]:
    truth = asked.truth
    if truth.ports:
        ordered = sorted(truth.ports, key=lambda port: port.spot.x)
        plugged = sum(port.on for port in ordered)
        yield asked.ask("plugged", NUMBERS[plugged], NUMBERS[: len(ordered) + 1], "control_state")
        place = asked.rng.randrange(len(ordered))
        answer = "yes" if ordered[place].on else "no"
        yield asked.ask("port_at", answer, _YES_NO, "control_state", place=ORDINALS[place])
    if truth.cracked is not None:
        yield asked.ask("cracked", "yes" if truth.cracked else "no", _YES_NO, "control_state")
    if truth.body:
        yield asked.ask("body", "black" if is_dark(truth.body) else "white", ("black", "white"), "colour")
        if len(truth.lights) > 1:
            yield asked.ask("antennas", NUMBERS[truth.antennas], NUMBERS[:5], "layout")


def _console(asked: Asked) -> Iterator[Question]:
    if asked.truth.console:
        paper, ink = asked.truth.console
        yield asked.ask("paper", "dark" if is_dark(paper) else "light", ("dark", "light"), "colour")
        name = min(INKS, key=lambda one: sum((a - b) ** 2 for a, b in zip(ink, INKS[one], strict=True)))
        yield asked.ask("ink", name, list(INKS), "colour")


def _title(asked: Asked) -> Iterator[Question]:
    if asked.truth.title:
        others = [title for titles in asked.words.titles.values() for title in titles]
        yield asked.ask("title", asked.truth.title, asked.several(asked.truth.title, others), "text", "ocr")


def _facts(asked: Asked) -> Iterator[Question]:
    for kind, value in asked.truth.facts:
        if kind in _phrasings():
            others = [FACTS[kind](asked.rng) for _ in range(8)]
            yield asked.ask(kind, value, asked.several(value, others), "text", "ocr")


def _language(asked: Asked) -> Iterator[Question]:
    if (
        len(asked.truth.lines) > 3
        and asked.screen_type != "terminal"
        and (asked.language != "en" or asked.rng.random() < 1 / 6)
    ):
        yield asked.ask("language", LANGUAGES[asked.language], list(LANGUAGES.values()), "text", "ocr")


def _named(asked: Asked) -> Iterator[Question]:
    listed = [word for kind in ("menu", "settings", "items") for word in asked.words.lists[kind]]
    seen = [word for word in listed if word in asked.truth.lines]
    if seen:
        right = asked.rng.choice(seen)
        yield asked.ask("entry_named", right, asked.several(right, listed), "text", "ocr")


_SIGHT: tuple[Maker, ...] = (
    _theme, _colours, _switches, _checkboxes, _radios, _main_button, _fields, _chosen_button, _entries, _any_entry,
    _layout, _signs, _progress, _lights, _device, _console,
)  # fmt: skip
_TEXT: tuple[Maker, ...] = (_title, _facts, _language, _named)


@cache
def _phrasings() -> dict[str, list[str]]:
    text = (files("finetune.vision_data") / "phrasings.json").read_text(encoding="utf-8")
    found: dict[str, list[str]] = json.loads(text)
    return found

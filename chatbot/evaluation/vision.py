"""What a model makes of a screen, against `screens.jsonl` {image, caption, questions}.

Each question {question, answer, choices, kind, needs} is asked in four ways: with nothing to look at, with the text
that was read on the screen, with the picture, and with both. Questions are closed; the answer is the first choice that
the model mentions. Questions that need *sight* are those that the text on the screen does not answer; the screen type
has a figure of its own, since words tell some types and not others.
"""

import json
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from chatbot.errors import InputError
from chatbot.evaluation.overlap import rouge_l
from chatbot.evaluation.report import Evaluation, Measure, Miss, Places, all_rows, intervals, worst
from chatbot.evaluation.rows import Row, read_rows, spread
from chatbot.generators.base import Generator
from chatbot.vision.asking import DESCRIBE, ask_about_screen
from chatbot.vision.screen_types import SCREEN_TYPES

ReadScreen = Callable[[Path], str]
Told = Callable[[int, int], None]
CONDITIONS = {"none": (False, False), "ocr": (True, False), "vision": (False, True), "both": (True, True)}
"""Whether the prompt holds the text of the screen, and whether the picture goes with it."""
TYPE_QUESTION = "What kind of screen is this?"
_NEEDS = {"sight": "sight_only_accuracy", "ocr": "ocr_answerable_accuracy"}
_GAINS = (
    ("sight_only_accuracy", "vision", "none"),
    ("sight_only_accuracy", "both", "ocr"),
    ("ocr_answerable_accuracy", "both", "ocr"),
)
_ANSWER_TOKENS = 16
_CAPTION_TOKENS = 48
_END = ("\n",)


@dataclass(frozen=True, slots=True)
class ScreenQuestion:
    """A closed question about a screen, and its answer."""

    question: str
    answer: str
    choices: tuple[str, ...]
    kind: str
    needs: str

    @property
    def figures(self) -> tuple[str, ...]:
        """The figures that it counts for."""
        if self.kind == "screen_type":
            return ("screen_type_accuracy",)
        state = ("control_state_accuracy",) if self.kind == "control_state" else ()
        return (_NEEDS[self.needs], *state)


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture, what it shows in a sentence (empty when nobody wrote one), and the questions about it."""

    image: Path
    caption: str
    questions: tuple[ScreenQuestion, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """One question under one condition; `value` is 1 for right, 0 for wrong, or the ROUGE-L of a caption."""

    screen: int
    condition: str
    figures: tuple[str, ...]
    value: float


def evaluate_vision(
    screens: Sequence[Screen],
    data: Path,
    generator: Generator,
    read: ReadScreen,
    *,
    at_once: int = 1,
    tell: Told = lambda done, total: None,
) -> Evaluation:
    """Asks everything in every way that the generator can be asked.

    Args:
        read: The text on a picture; called from several threads.
        at_once: Screens that are asked about at the same time.
        tell: Called with the screens done and their number.

    Returns:
        `screen_type_accuracy`, `sight_only_accuracy`, `ocr_answerable_accuracy`, `control_state_accuracy` and
        `caption_rouge_l`, each ending in `_none`, `_ocr`, `_vision` or `_both`; `_chance` is what guessing gives.
        Differences between two conditions end in `_gain_A_over_B`. `both_against_ocr_p` is the p-value of the exact
        McNemar test on the questions that the text answers. Intervals come from drawing screens, not questions.
        A generator that does not see pictures has no figures of `_vision` and `_both`, and the settings say why.

    Raises:
        FrontdeskError: A picture is missing, or the generator fails.
    """
    conditions = [name for name, (_, sees) in CONDITIONS.items() if generator.sees_images or not sees]
    answered: list[Answered] = []
    misses: list[Miss] = []
    ask = partial(_ask, generator, read, conditions)
    with ThreadPoolExecutor(at_once) as pool:
        asked = pool.map(ask, range(len(screens)), screens)
        for done, found in enumerate(asked, 1):
            answered += [one for one, _ in found]
            misses += [miss for one, miss in found if not one.value and one.condition == conditions[-1]]
            tell(done, len(screens))
    measure = _measure(answered, len(screens), conditions)
    settings: dict[str, Any] = {
        "generator": generator.name,
        "questions": sum(len(s.questions) for s in screens),
    }
    if not generator.sees_images:
        settings["without_pictures"] = f"{generator.name} does not see pictures"
    metrics = {**measure(all_rows(len(screens))), **_chances(screens), **_paired(answered)}
    return Evaluation(
        "vision", data.name, len(screens), metrics, intervals(measure, len(screens)), settings, worst(misses)
    )


def read_screens(data: Path, limit: int | None = None) -> list[Screen]:
    """The screens that were kept for testing; all of them where none was.

    Args:
        limit: How many at most, evenly spread over the file.

    Raises:
        InputError: The file or a picture is missing, or a row is not as it should be.
    """
    rows = read_rows(data / "screens.jsonl", ("image", "questions"))
    rows = [row for row in rows if row.get("split") == "test"] or rows
    return [_screen(data, row) for row in spread(rows, limit)]


def read_labelled(data: Path, labels: Path, limit: int | None = None) -> list[Screen]:
    """Pictures of which only the screen type is known.

    Args:
        data: Folder that the paths of the pictures begin in.
        labels: JSON object of paths and ids of screen types.

    Raises:
        InputError: The file is not such an object, or a picture is missing.
    """
    try:
        found = json.loads(labels.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{labels.name} cannot be read: {error}.") from error
    if not isinstance(found, dict) or not found or not set(found.values()) <= set(SCREEN_TYPES):
        raise InputError(
            f"{labels.name} does not name screen types.",
            f"It is an object of paths and one of {', '.join(SCREEN_TYPES)}.",
        )
    names = tuple(SCREEN_TYPES.values())
    return [
        Screen(
            _existing(data, path),
            "",
            (ScreenQuestion(TYPE_QUESTION, SCREEN_TYPES[kind], names, "screen_type", "sight"),),
        )
        for path, kind in spread(list(found.items()), limit)
    ]


def choice_in(answer: str, choices: Sequence[str]) -> str:
    """The choice that the answer mentions first, of those at one place the longest; empty when it mentions none."""
    said = f" {_plain(answer)} "
    found = [(said.find(f" {_plain(choice)} "), -len(choice), choice) for choice in choices if _plain(choice)]
    return min((one for one in found if one[0] >= 0), default=(0, 0, ""))[2]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


def _ask(
    generator: Generator, read: ReadScreen, conditions: Sequence[str], number: int, screen: Screen
) -> list[tuple[Answered, Miss]]:
    """All questions about a screen, condition by condition: so the engine keeps the picture from one to the next."""
    seen = read(screen.image)
    return [pair for condition in conditions for pair in _ask_so(generator, number, screen, seen, condition)]


def _ask_so(
    generator: Generator, number: int, screen: Screen, seen: str, condition: str
) -> Iterator[tuple[Answered, Miss]]:
    reads, sees = CONDITIONS[condition]
    text, images = (seen if reads else ""), ([screen.image] if sees else [])
    for one in screen.questions:
        prompt = ask_about_screen(one.question, text, one.choices)
        said = "".join(generator.stream(prompt, images=images, max_new_tokens=_ANSWER_TOKENS, stop=_END))
        right = choice_in(said, one.choices) == one.answer
        miss = Miss(f"{screen.image.name}: {one.question}", one.answer, said, 1.0)
        yield Answered(number, condition, one.figures, float(right)), miss
    if screen.caption:
        prompt = ask_about_screen(DESCRIBE, text)
        said = "".join(generator.stream(prompt, images=images, max_new_tokens=_CAPTION_TOKENS, stop=_END))
        value = rouge_l(said, [screen.caption])
        miss = Miss(f"{screen.image.name}: {DESCRIBE}", screen.caption, said, 1 - value)
        yield Answered(number, condition, ("caption_rouge_l",), value), miss


def _measure(answered: Sequence[Answered], screens: int, conditions: Sequence[str]) -> Measure:
    """Means over all questions about the drawn screens, and differences between conditions."""
    sums: dict[str, Any] = {}
    for one in answered:
        for figure in one.figures:
            table = sums.setdefault(f"{figure}_{one.condition}", np.zeros((screens, 2)))
            table[one.screen] += (one.value, 1)
    gains = [(figure, a, b) for figure, a, b in _GAINS if {f"{figure}_{a}", f"{figure}_{b}"} <= sums.keys()]

    def measure(places: Places) -> Mapping[str, float]:
        totals = {name: table[places].sum(axis=0) for name, table in sums.items()}
        means = {name: float(t[0] / t[1]) if t[1] else float("nan") for name, t in totals.items()}
        differences = {
            f"{figure}_gain_{a}_over_{b}": means[f"{figure}_{a}"] - means[f"{figure}_{b}"]
            for figure, a, b in gains
        }
        return {**means, **differences}

    return measure


def _chances(screens: Sequence[Screen]) -> dict[str, float]:
    chances: dict[str, list[float]] = {}
    for screen in screens:
        for one in screen.questions:
            for figure in one.figures:
                chances.setdefault(f"{figure}_chance", []).append(1 / len(one.choices))
    return {name: sum(values) / len(values) for name, values in chances.items()}


def _paired(answered: Sequence[Answered]) -> dict[str, float]:
    """Exact McNemar test (1947) of both channels against the text alone, on questions that the text answers."""
    values = {
        condition: [
            one.value for one in answered if one.condition == condition and _NEEDS["ocr"] in one.figures
        ]
        for condition in ("ocr", "both")
    }
    if not values["both"]:
        return {}
    pairs = list(zip(values["both"], values["ocr"], strict=True))
    better, worse = sum(a > b for a, b in pairs), sum(a < b for a, b in pairs)
    p = float(binomtest(better, better + worse).pvalue) if better + worse else 1.0
    return {"both_right_ocr_wrong": better, "both_wrong_ocr_right": worse, "both_against_ocr_p": p}


def _screen(data: Path, row: Row) -> Screen:
    return Screen(_existing(data, str(row["image"])), str(row.get("caption") or ""), tuple(_questions(row)))


def _questions(row: Row) -> Iterator[ScreenQuestion]:
    place = f"A question about {row['image']}"
    for one in row["questions"] if isinstance(row["questions"], list) else [None]:
        if not isinstance(one, dict) or not {"question", "answer", "choices", "kind", "needs"} <= one.keys():
            raise InputError(f"{place} lacks question, answer, choices, kind or needs.")
        if one["needs"] not in _NEEDS or one["answer"] not in one["choices"]:
            raise InputError(f"{place} needs neither sight nor ocr, or its answer is none of its choices.")
        yield ScreenQuestion(
            str(one["question"]),
            str(one["answer"]),
            tuple(map(str, one["choices"])),
            one["kind"],
            one["needs"],
        )


def _existing(data: Path, path: str) -> Path:
    if not (data / path).is_file():
        raise InputError(f"{path} is named and not in {data}.")
    return data / path

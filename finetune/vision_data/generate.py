"""Draws a folder of screens: `images/000001.jpg`… and `screens.jsonl` with the truth about each.

The same seed gives the same screens whatever else is drawn beside them: every choice comes from the seed and the
number of the screen. A run that was killed goes on where it stopped.
"""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import Image

from chatbot.errors import InputError
from chatbot.vision.ocr import Ocr
from chatbot.vision.screen_types import SCREEN_TYPES
from finetune.vision_data.browser import drawing_page
from finetune.vision_data.captions import caption_of
from finetune.vision_data.layouts import TEMPLATES, Draft, Template
from finetune.vision_data.layouts.parts import pointer, system_message
from finetune.vision_data.look import Look, Split, choose_look, seen_from_afar
from finetune.vision_data.noise import encoded, spoil
from finetune.vision_data.questions import MOST_SIGHT, MOST_SIGHT_TRAINED, Asked, questions_about
from finetune.vision_data.reading import ScreenTruth, read_truth
from finetune.vision_data.screenshots import screenshot_rows
from finetune.vision_data.vocabulary import LANGUAGE_WEIGHTS, vocabulary
from knowledge_base.atomic import write_atomically

if TYPE_CHECKING:
    from playwright.sync_api import Page

Told = Callable[[int, int], None]
SCREENS_FILE = "screens.jsonl"
_PARTIAL_FILE = "screens.jsonl.part"
_RECIPE_FILE = "recipe.json"
_VERSION = 3
_SPLITS: tuple[Split, ...] = (*("train",) * 12, "validation", "test", "test")
"""Of each 15 screens, 12 are for training."""
_CROPPED, _MOST_CROPPED = 0.25, 0.06
_FAR = 0.3
"""Share of the training screens with more window around the same words, as on real desktops."""
_POINTER, _SYSTEM_MESSAGE = 0.3, 0.04


@dataclass(frozen=True)
class Plan:
    """What one screen will be, decided before anything is drawn.

    Attributes:
        number: From 0; the image is named by the number after it.
        clip: Part of the window in the picture, in CSS pixels.
    """

    number: int
    split: Split
    template: Template
    language: str
    look: Look
    clip: dict[str, float]
    html: str
    rng: Random

    @property
    def image(self) -> str:
        """Path of the picture inside the folder."""
        return f"images/{self.number + 1:06}.jpg"


def generate_screens(
    folder: Path,
    count: int,
    seed: int,
    tell: Told = lambda done, total: None,
    screenshots: Path | None = None,
) -> Path:
    """Draws the screens that are missing.

    Args:
        folder: Where they go; empty, or begun with the same seed and count.
        count: Screens in all, of which an eighth and a bit is for validation and testing.
        tell: Called with the screens done and their number.
        screenshots: Folder of screenshot sets whose labelled ones are added for training; none when None.

    Returns:
        The file with the truth.

    Raises:
        InputError: The folder holds something else.
        DatasetError: A labelled screenshot is missing.
        NoBrowserError: No Chromium can be started.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    recipe = {"version": _VERSION, "count": count, "seed": seed, "screenshots": screenshots is not None}
    _claim(folder, recipe)
    target, partial = folder / SCREENS_FILE, folder / _PARTIAL_FILE
    if target.exists():
        return target
    done = _keep_whole_lines(partial)
    with partial.open("a", encoding="utf-8") as out:
        for row in _missing_rows(folder, done, count, seed, screenshots):
            out.write(json.dumps(row, ensure_ascii=False) + "\n")
            out.flush()
            done += 1
            tell(min(done, count), count)
    partial.replace(target)
    return target


def _missing_rows(
    folder: Path, done: int, count: int, seed: int, screenshots: Path | None
) -> Iterator[dict[str, Any]]:
    if done < count:
        with drawing_page() as page:
            for number in range(done, count):
                yield draw(page, plan(number, seed), folder)
    if screenshots:
        rows = screenshot_rows(folder, screenshots, seed, Ocr().read)
        yield from islice(rows, max(0, done - count), None)


def plan(number: int, seed: int) -> Plan:
    """Everything about a screen that chance decides."""
    rng = Random(f"{seed}/{number}")  # noqa: S311 - data, not secrets
    split = _SPLITS[number % len(_SPLITS)]
    template = _template(number, split, rng)
    language = rng.choices(list(LANGUAGE_WEIGHTS), list(LANGUAGE_WEIGHTS.values()))[0]
    look = choose_look(split, template.sizes_px, rng)
    if split == "train" and template.screen_type != "device_photo" and rng.random() < _FAR:
        look = seen_from_afar(look, rng)
    draft = Draft(rng, look, vocabulary(language), template.screen_type)
    return Plan(
        number, split, template, language, look, _clip(look, rng), page_of(template.build(draft), draft), rng
    )


def draw(page: "Page", planned: Plan, folder: Path) -> dict[str, Any]:
    """Draws one screen, saves its picture, and returns its row."""
    width, height = planned.look.size_px
    if page.viewport_size != {"width": width, "height": height}:
        page.set_viewport_size({"width": width, "height": height})
    page.set_content(planned.html, wait_until="load")
    truth = read_truth(page, planned.clip)
    shot = page.screenshot(type="png", clip=planned.clip, animations="disabled", caret="hide")  # type: ignore[arg-type]
    photo = planned.template.screen_type == "device_photo"
    image = spoil(Image.open(io.BytesIO(shot)).convert("RGB"), planned.rng, photo=photo)
    (folder / planned.image).write_bytes(
        encoded(image, planned.rng)
    )  # its row comes after it, so it may be torn
    return row_of(planned, truth)


def row_of(planned: Plan, truth: ScreenTruth) -> dict[str, Any]:
    """The line of `screens.jsonl`."""
    kind = planned.template.screen_type
    asked = Asked(truth, kind, planned.language, vocabulary(planned.language), _questions_rng(planned))
    most_sight = MOST_SIGHT_TRAINED if planned.split == "train" else MOST_SIGHT
    return {
        "image": planned.image,
        "screen_type": kind,
        "title": truth.title,
        "template": planned.template.name,
        "theme": planned.look.theme.name,
        "language": planned.language,
        "split": planned.split,
        "ocr_text": "\n".join(truth.lines),
        "caption": caption_of(truth, kind),
        "questions": [asdict(question) for question in questions_about(asked, most_sight)],
    }


def page_of(body: str, draft: Draft) -> str:
    """A whole document around the body of a template."""
    look, theme = draft.look, draft.look.theme
    extra = (
        system_message(draft) if draft.screen_type != "notification" and draft.coin(_SYSTEM_MESSAGE) else ""
    )
    extra += pointer(draft) if draft.coin(_POINTER) else ""
    shapes = f'data-switch="{theme.switch}" data-button="{theme.button}" data-field="{theme.field}"'
    style = f"{look.variables()}--size:{look.font_px}px"
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><style>{_stylesheet()}</style></head>'
        f'<body style="{style}" {shapes}>{body}{extra}</body></html>'
    )


@cache
def _stylesheet() -> str:
    return (Path(__file__).parent / "style.css").read_text(encoding="utf-8")


def _template(number: int, split: Split, rng: Random) -> Template:
    """Types take turns within each split, so that there are as many of each."""
    of_split = number // len(_SPLITS) * _SPLITS.count(split) + _SPLITS[: number % len(_SPLITS)].count(split)
    kind = list(SCREEN_TYPES)[of_split % len(SCREEN_TYPES)]
    wanted = split == "test"
    return rng.choice(
        [one for one in TEMPLATES.values() if one.screen_type == kind and one.for_test == wanted]
    )


def _clip(look: Look, rng: Random) -> dict[str, float]:
    width, height = look.size_px
    left, top, right, bottom = (
        round(rng.uniform(0, _MOST_CROPPED) * side) if rng.random() < _CROPPED else 0
        for side in (width, height, width, height)
    )
    return {"x": left, "y": top, "width": width - left - right, "height": height - top - bottom}


def _questions_rng(planned: Plan) -> Random:
    """Of its own, so that noise and questions can change without each other."""
    name = f"questions/{hashlib.sha256(planned.html.encode()).hexdigest()}"
    return Random(name)  # noqa: S311 - data, not secrets


def _claim(folder: Path, recipe: Mapping[str, int]) -> None:
    path = folder / _RECIPE_FILE
    if not path.exists():
        write_atomically(path, json.dumps(recipe).encode())
        return
    found = json.loads(path.read_text(encoding="utf-8"))
    if found != recipe:
        raise InputError(
            f"{folder} holds other screens: {found}.", "Give an empty folder, or the same seed and count."
        )


def _keep_whole_lines(partial: Path) -> int:
    """Cuts off a line that was not written to its end, and counts the rest."""
    if not partial.exists():
        return 0
    data = partial.read_bytes()
    whole = data[: data.rfind(b"\n") + 1]
    if len(whole) < len(data):
        write_atomically(partial, whole)
    return whole.count(b"\n")

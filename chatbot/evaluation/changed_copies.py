"""A screenshot as another customer would send it: the same screen, changed in ways that a seed decides.

Every copy is cropped to 60 to 90 % of each side, scaled by 0.5 to 1.5, made brighter or darker and saved as JPEG of
quality 30. One more change takes turns: the frame of another window around it, a phone's photo of it (perspective,
uneven light, blur) or a notification on top of it. Knows no index and no model.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont

KEPT_SHARE = (0.6, 0.9)
SCALE = (0.5, 1.5)
BRIGHTNESS = (0.6, 1.35)
JPEG_QUALITY = 30
_MIN_SIDE_PX = 16
_TILT = 0.09  # how far a corner of a photographed screen moves, as a share of the side
_DARKEST = 0.65  # light at the dark end of a photo
_DESKTOPS = ((38, 70, 83), (24, 26, 32), (196, 208, 219), (94, 53, 99))
_TITLE_BARS = ((242, 242, 242), (45, 45, 48), (0, 99, 177), (222, 225, 230))
_NOTICES = (
    "Mail\nNew message from Dana",
    "Calendar\nStand-up in 5 minutes",
    "Update\nRestart to finish installing",
)


@dataclass(frozen=True, slots=True)
class ChangedCopy:
    """A changed copy.

    Attributes:
        data: A JPEG file.
        change: `frame`, `photo` or `notification`: what was done beside crop, scale, brightness and compression.
    """

    data: bytes
    change: str


def changed_copy(image: Image.Image, seed: int) -> ChangedCopy:
    """The same seed makes the same copy of an image; three seeds in a row have the three changes."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    change = tuple(_CHANGES)[seed % len(_CHANGES)]
    picture = _CHANGES[change](_cropped(image.convert("RGB"), chance), chance)
    picture = _scaled(picture, chance.uniform(*SCALE))
    picture = ImageEnhance.Brightness(picture).enhance(chance.uniform(*BRIGHTNESS))
    file = BytesIO()
    picture.save(file, "JPEG", quality=JPEG_QUALITY)
    return ChangedCopy(file.getvalue(), change)


def _cropped(image: Image.Image, chance: random.Random) -> Image.Image:
    width, height = (max(1, round(side * chance.uniform(*KEPT_SHARE))) for side in image.size)
    left, top = chance.randint(0, image.width - width), chance.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    width, height = (max(_MIN_SIDE_PX, round(side * scale)) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _framed(image: Image.Image, chance: random.Random) -> Image.Image:
    """In a window with a title bar, on a desktop."""
    bar, edge = chance.randint(24, 40), chance.randint(1, 8)
    colour, margin = chance.choice(_TITLE_BARS), chance.randint(10, 60)
    ink = (20, 20, 20) if sum(colour) > 384 else (235, 235, 235)
    width, height = image.width + 2 * edge, image.height + bar + edge
    canvas = Image.new("RGB", (width + 2 * margin, height + 2 * margin), chance.choice(_DESKTOPS))
    canvas.paste(colour, (margin, margin, margin + width, margin + height))
    canvas.paste(image, (margin + edge, margin + bar))
    draw = ImageDraw.Draw(canvas)
    draw.text(
        (margin + 10, margin + 6), "Remote session", fill=ink, font=ImageFont.load_default(size=bar * 0.5)
    )
    for place in (1, 2, 3):
        x = margin + width - place * bar
        draw.rectangle((x, margin + bar // 3, x + bar // 3, margin + 2 * bar // 3), outline=ink)
    return canvas


def _photographed(image: Image.Image, chance: random.Random) -> Image.Image:
    """Seen aslant, in uneven light and a little out of focus."""
    width, height = image.size
    margin = round(0.06 * max(image.size))
    canvas = Image.new("RGB", (width + 2 * margin, height + 2 * margin), chance.choice(_DESKTOPS))
    canvas.paste(image, (margin, margin))
    seen = canvas.transform(
        canvas.size, Image.Transform.PERSPECTIVE, _perspective(canvas.size, chance), Image.Resampling.BICUBIC
    )
    light = np.linspace(1.0, chance.uniform(_DARKEST, 0.9), seen.width)[None, :, None]
    grain = np.random.default_rng(chance.randrange(2**32)).normal(0, 4, (seen.height, seen.width, 1))
    pixels = np.asarray(seen, np.float32) * light + grain
    photo = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return photo.filter(ImageFilter.GaussianBlur(chance.uniform(0.3, 0.8)))


def _perspective(size: tuple[int, int], chance: random.Random) -> tuple[float, ...]:
    """Coefficients that Pillow takes: from the photo's corners back to those of the screen, each moved inwards."""
    width, height = size
    corners = ((0, 0), (width, 0), (width, height), (0, height))
    equations, wanted = [], []
    for x, y in corners:
        at_x = x + (1 if x == 0 else -1) * chance.uniform(0, _TILT) * width
        at_y = y + (1 if y == 0 else -1) * chance.uniform(0, _TILT) * height
        equations.append([at_x, at_y, 1, 0, 0, 0, -x * at_x, -x * at_y])
        equations.append([0, 0, 0, at_x, at_y, 1, -y * at_x, -y * at_y])
        wanted += [x, y]
    return tuple(np.linalg.solve(np.array(equations, np.float64), np.array(wanted, np.float64)).tolist())


def _notified(image: Image.Image, chance: random.Random) -> Image.Image:
    """A notification covers the upper right or the upper middle."""
    picture = image.copy()
    width, height = max(8, round(image.width * 0.42)), max(8, round(image.height * 0.2))
    left = max(0, image.width - width - 6 if chance.random() < 0.5 else (image.width - width) // 2)
    top = max(0, min(6, image.height - height))
    dark = chance.random() < 0.5
    draw = ImageDraw.Draw(picture)
    draw.rounded_rectangle(
        (left, top, left + width, top + height),
        radius=min(10, width // 4, height // 4),
        fill=(40, 42, 48) if dark else (250, 250, 250),
        outline=(120, 120, 120),
    )
    font = ImageFont.load_default(size=max(8.0, height * 0.22))
    ink = (240, 240, 240) if dark else (20, 20, 20)
    draw.multiline_text(
        (left + width * 0.06, top + height * 0.15), chance.choice(_NOTICES), fill=ink, font=font
    )
    return picture


_CHANGES: dict[str, Callable[[Image.Image, random.Random], Image.Image]] = {
    "frame": _framed,
    "photo": _photographed,
    "notification": _notified,
}

"""What happens to a customer's screenshot on its way: frames, photographs of a screen, blur, poor JPEG."""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

Effect = Callable[[Image.Image, np.random.Generator], Image.Image]
Point = tuple[float, float]
Corners = tuple[Point, Point, Point, Point]


def crop(left: float, top: float, right: float, bottom: float) -> Effect:
    """Keep a part of the picture, given as fractions of its width and height."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = image.size
        box = (left * width, top * height, right * width, bottom * height)
        return image.crop((round(box[0]), round(box[1]), round(box[2]), round(box[3])))

    return apply


def resize(factor: float) -> Effect:
    """Scale the picture."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        size = (round(image.width * factor), round(image.height * factor))
        return image.resize(size, Image.Resampling.LANCZOS)

    return apply


def blur(radius: float) -> Effect:
    """Make the picture a little unsharp."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(radius))

    return apply


def jpeg(quality: int) -> Effect:
    """Leave the traces of one more save as JPEG, as messengers do."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(buffer).convert("RGB")

    return apply


def noise(sigma: float) -> Effect:
    """Add the grain of a small camera sensor."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        grain = rng.normal(0, sigma, (image.height, image.width, 1))
        return Image.fromarray(np.clip(np.asarray(image, dtype=np.float64) + grain, 0, 255).astype(np.uint8))

    return apply


def phone_frame(border: int = 12, radius: int = 46) -> Effect:
    """Draw a phone around the picture."""

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = image.width + 2 * border, image.height + 2 * border
        mask = Image.new("L", (image.width * 2, image.height * 2), 0)
        ImageDraw.Draw(mask).rounded_rectangle((0, 0, *mask.size), (radius - border) * 2, fill=255)
        body = Image.new("RGB", (width * 2, height * 2), "#c9cdd2")
        edge = (0, 0, width * 2 - 1, height * 2 - 1)
        ImageDraw.Draw(body).rounded_rectangle(edge, radius * 2, fill="#15181b")
        framed = body.resize((width, height), Image.Resampling.LANCZOS)
        framed.paste(image, (border, border), mask.resize(image.size, Image.Resampling.LANCZOS))
        return framed

    return apply


def _coefficients(target: Corners, size: tuple[int, int]) -> list[float]:
    """The perspective that maps the target corners back to a picture's corners."""
    width, height = size
    source: Corners = ((0, 0), (width, 0), (width, height), (0, height))
    rows: list[list[float]] = []
    wanted: list[float] = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(wanted)).tolist()
    return solved


def _table(size: tuple[int, int], colour: tuple[int, int, int], rng: np.random.Generator) -> Image.Image:
    """A table top with a soft grain and light from one side."""
    width, height = size
    grain = rng.normal(0, 1, (height, max(width // 60, 2)))
    wide = np.asarray(Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC))
    light = np.linspace(1.12, 0.8, width)[None, :] * np.linspace(0.94, 1.06, height)[:, None]
    pixels = np.array(colour)[None, None, :] * light[..., None] + 3 * wide[..., None]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def photo(
    corners: Corners,
    size: tuple[int, int],
    colour: tuple[int, int, int] = (120, 92, 68),
    bezel: int = 26,
    glare: Point = (0.7, 0.25),
) -> Effect:
    """Photograph the screen: slanted, with its bezel, a reflection, and the shade of the room.

    Args:
        corners: the bezel's corners as fractions of the photograph, clockwise from the top left.
        size: width and height of the photograph.
        colour: the table behind the screen.
        bezel: width of the black edge around the screen, 0 for a picture that brings its own.
        glare: centre of the reflection, as fractions of the photograph.
    """

    def apply(image: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = size
        screen = Image.new("RGB", (image.width + 2 * bezel, image.height + 2 * bezel), "#17181a")
        screen.paste(image, (bezel, bezel))
        target: Corners = tuple((x * width, y * height) for x, y in corners)  # type: ignore[assignment]
        data = _coefficients(target, screen.size)
        method, bicubic = Image.Transform.PERSPECTIVE, Image.Resampling.BICUBIC
        seen = screen.transform(size, method, data, bicubic)
        outline = Image.new("L", screen.size, 255).transform(size, method, data, bicubic)
        shot = _table(size, colour, rng)
        shot.paste("#000000", (8, 12), outline.filter(ImageFilter.GaussianBlur(12)).point(lambda v: v * 0.45))
        shot.paste(seen, (0, 0), outline.filter(ImageFilter.GaussianBlur(0.6)))
        ys, xs = np.mgrid[0:height, 0:width]
        far = ((xs / width - glare[0]) ** 2 + (ys / height - glare[1]) ** 2) / 0.06
        pixels = np.asarray(shot, dtype=np.float64) * [0.97, 0.94, 0.88] + 46 * np.exp(-far)[..., None]
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))

    return apply

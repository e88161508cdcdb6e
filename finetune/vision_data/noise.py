"""What happens to a screenshot on its way to a help desk: scaling, poor JPEG, blur, a photograph of the screen."""

import io
from random import Random

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

_METHOD = Image.Transform.PERSPECTIVE
Corner = tuple[float, float]


def spoil(image: Image.Image, rng: Random, *, photo: bool) -> Image.Image:
    """The picture as a customer sends it; every part of it stays in sight.

    Args:
        image: RGB.
        photo: Whether it is a photograph already, so that it gets grain instead of another frame.
    """
    if photo:
        image = grain(image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2))), rng)
    elif rng.random() < 0.15:
        image = grain(photographed(image, rng), rng)
    elif rng.random() < 0.15:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 0.9)))
    if rng.random() < 0.35:
        scale = rng.uniform(0.65, 1.25)
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC)
    return image


def encoded(image: Image.Image, rng: Random) -> bytes:
    """JPEG of a quality that messengers and mail programs use."""
    buffer = io.BytesIO()
    quality = rng.randint(35, 60) if rng.random() < 0.3 else rng.randint(70, 90)
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def photographed(image: Image.Image, rng: Random) -> Image.Image:
    """The screen slanted on a background, with a bezel, a reflection and warmer light."""
    width, height = image.size
    bezel = round(0.03 * width)
    screen = Image.new("RGB", (width + 2 * bezel, height + 2 * bezel), (20, 21, 23))
    screen.paste(image, (bezel, bezel))
    corners = tuple(
        (
            (x + (0.5 - x) * 2 * rng.uniform(0.0, 0.09)) * width,
            (y + (0.5 - y) * 2 * rng.uniform(0.0, 0.09)) * height,
        )
        for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))
    )
    data = _perspective(corners, screen.size)
    seen = screen.transform((width, height), _METHOD, data, Image.Resampling.BICUBIC)
    inside = Image.new("L", screen.size, 255).transform(
        (width, height), _METHOD, data, Image.Resampling.BICUBIC
    )
    table = Image.new(
        "RGB", (width, height), (rng.randint(60, 170), rng.randint(60, 140), rng.randint(50, 120))
    )
    table.paste(seen, (0, 0), inside)
    return _lit(table, rng)


def grain(image: Image.Image, rng: Random) -> Image.Image:
    """The noise of a small camera."""
    random = np.random.default_rng(rng.getrandbits(32))
    noise = random.standard_normal((image.height, image.width, 1), np.float32) * rng.uniform(1.5, 5)
    return _clipped(np.asarray(image, np.float32) + noise)


def _lit(image: Image.Image, rng: Random) -> Image.Image:
    ys, xs = np.mgrid[0:1:32j, 0:1:32j]
    far = ((xs - rng.random()) ** 2 + (ys - rng.random()) ** 2) / 0.08
    small = Image.fromarray((rng.uniform(10, 45) * np.exp(-far)).astype(np.float32))
    glare = np.asarray(small.resize(image.size, Image.Resampling.BILINEAR))[..., None]
    warm = np.array([0.97, 0.95, rng.uniform(0.86, 0.95)], np.float32)
    return _clipped(np.asarray(image, np.float32) * warm + glare)


def _clipped(pixels: npt.NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _perspective(target: tuple[Corner, ...], size: tuple[int, int]) -> list[float]:
    """Coefficients of the map from the target corners back to the corners of a picture."""
    width, height = size
    rows, wanted = [], []
    for (x, y), (u, v) in zip(target, ((0, 0), (width, 0), (width, height), (0, height)), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        wanted += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows, float), np.array(wanted, float)).tolist()
    return solved

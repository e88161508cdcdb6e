"""Every picture becomes the tower's square, or a clear error; features are those of the chosen block."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from transformers import Dinov2Model

from chatbot.errors import AttachmentError, ModelError
from chatbot.vision.encoder import VisionEncoder, pixels_of, png_of, read_square, square_of
from tests.chatbot.vision.tiny_towers import save_tiny_tower

SIDE = 84


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_tower(tmp_path_factory.mktemp("tower"))


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def halves(mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right."""
    image = Image.new("RGB", (120, 60), "red")
    image.paste("blue", (60, 0, 120, 60))
    return image.convert(mode)


def colour(square: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = square.getpixel((x, y))
    assert isinstance(found, tuple)
    return found


def test_a_picture_is_brought_to_the_square() -> None:
    square = square_of(encoded(halves(), "PNG"), "a.png", SIDE)
    assert (square.size, square.mode) == ((SIDE, SIDE), "RGB")
    assert colour(square, 5, 42) == (255, 0, 0)
    assert colour(square, 78, 42) == (0, 0, 255)


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (60, 60), name) for name in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert colour(square_of(data, "a.gif", SIDE), 40, 40)[0] > 240


def test_transparency_becomes_white() -> None:
    assert colour(square_of(encoded(Image.new("RGBA", (50, 50)), "PNG"), "a.png", SIDE), 9, 9) == (255,) * 3


def test_sixteen_bits_are_scaled_and_not_cut() -> None:
    values = np.full((40, 40), 32_768, np.uint16)
    square = square_of(encoded(Image.fromarray(values), "PNG"), "a.png", SIDE)
    assert abs(colour(square, 20, 20)[0] - 127) <= 1


def test_colours_for_print_become_colours_of_a_screen() -> None:
    red, blue = (colour(square_of(encoded(halves("CMYK"), "JPEG"), "a.jpg", SIDE), x, 40) for x in (9, 75))
    assert red[0] > 180 > 90 > red[2]
    assert blue[2] > 180 > 90 > blue[0]


def test_a_photo_is_turned_as_its_camera_was_held() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    square = square_of(encoded(halves(), "JPEG", quality=95, exif=exif.tobytes()), "a.jpg", SIDE)
    assert colour(square, 42, 6)[0] > 200
    assert colour(square, 42, 78)[2] > 200


def test_a_colour_profile_is_applied() -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = encoded(halves(), "PNG", icc_profile=lab_like.tobytes())
    assert colour(square_of(data, "a.png", SIDE), 5, 42)[0] > 250


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_extreme_shapes_give_a_square(size: tuple[int, int]) -> None:
    square = square_of(encoded(Image.new("RGB", size, "green"), "PNG"), "a.png", SIDE)
    assert square.size == (SIDE, SIDE)
    assert colour(square, 40, 40) == (0, 128, 0)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", encoded(halves(), "PNG")[:80]])
def test_a_damaged_picture_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(AttachmentError, match=r"broken\.png"):
        square_of(data, "broken.png", SIDE)


def test_a_picture_that_is_gone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttachmentError, match=r"gone\.png"):
        read_square(tmp_path / "gone.png", SIDE)


def test_another_engine_sees_the_same_pixels() -> None:
    square = square_of(encoded(halves(), "JPEG"), "a.jpg", SIDE)
    again = Image.open(io.BytesIO(png_of(square)))
    assert np.array_equal(np.asarray(square), np.asarray(again))


@pytest.mark.parametrize("layer", [1, 2, 3])
def test_features_are_what_the_block_gives(tower: Path, layer: int) -> None:
    square = square_of(encoded(halves(), "PNG"), "a.png", SIDE)
    found = VisionEncoder(tower, layer=layer, image_px=SIDE).features([square])
    model = Dinov2Model.from_pretrained(tower).eval()
    kept: list[torch.Tensor] = []
    model.encoder.layer[layer - 1].register_forward_hook(
        lambda _block, _given, out: kept.append(out[0] if isinstance(out, tuple) else out)
    )
    with torch.inference_mode():
        mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        model(torch.from_numpy(pixels_of([square], mean, std)))
    assert found.shape == (1, 36, 24)
    assert torch.allclose(found, kept[0][:, 1:], atol=1e-5)


@pytest.mark.parametrize(("layer", "image_px"), [(0, SIDE), (4, SIDE), (2, 85)])
def test_a_layer_or_square_that_the_tower_has_not_is_refused(tower: Path, layer: int, image_px: int) -> None:
    with pytest.raises(ModelError, match="3 layers and patches of 14 pixels"):
        VisionEncoder(tower, layer=layer, image_px=image_px)


def test_a_folder_that_is_no_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="vision tower"):
        VisionEncoder(tmp_path)

"""The same picture is known again, another is not."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from knowledge_base.local_features import MAX_FEATURES, LocalFeatures, Votes, agreeing, local_features
from tests.knowledge_base.test_images import SCREENS, screen

EVEN = local_features(Image.new("RGB", (200, 100), "white"))


def test_a_crop_at_another_scale_agrees_and_another_screen_does_not() -> None:
    whole = local_features(screen("guests"))
    crop = local_features(screen("guests").crop((40, 40, 330, 240)).resize((190, 130)))
    other = local_features(screen("invoices"))
    assert agreeing(crop, whole) > 40
    assert agreeing(crop, other) < 12
    assert agreeing(crop, whole) == agreeing(crop, whole)


def test_a_mirrored_picture_is_no_view_of_it() -> None:
    whole = local_features(screen("guests"))
    assert agreeing(local_features(ImageOps.mirror(screen("guests"))), whole) < 12


def test_even_and_tiny_images_have_no_features_and_agree_with_nothing() -> None:
    assert EVEN.count == 0
    assert agreeing(EVEN, EVEN) == 0
    for size in ((1, 1), (1, 500), (500, 1)):
        assert local_features(Image.new("RGB", size)).count == 0


def test_features_are_few_and_of_every_size() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (500, 600), np.uint8))
    found = local_features(noise)
    assert 0 < found.count <= MAX_FEATURES
    assert (found.places.dtype, found.descriptors.shape) == (np.uint16, (found.count, 128))


@pytest.mark.parametrize("name", SCREENS)
def test_votes_name_the_image(name: str) -> None:
    images: list[LocalFeatures | None] = [local_features(screen(one)) for one in SCREENS]
    copy = local_features(screen(name).crop((30, 30, 340, 230)).resize((200, 130)))
    assert int(np.argmax(Votes([None, *images, EVEN]).count(copy))) - 1 == SCREENS.index(name)


def test_votes_with_nothing_to_vote_on() -> None:
    assert Votes([]).count(EVEN).tolist() == []
    assert Votes([None, EVEN]).count(local_features(screen("guests"))).tolist() == [0, 0]
    assert Votes([local_features(screen("guests"))]).count(EVEN).tolist() == [0]

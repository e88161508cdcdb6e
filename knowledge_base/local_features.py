"""Is it the same picture? Local features of an image, and how many of them agree on one place in another.

SIFT (Lowe 2004) with the square root of its descriptors (Arandjelović & Zisserman 2012), which OpenCV finds; pairs of
nearest neighbours vote, and RANSAC counts those that one homography explains. Survives what a copy of a screen goes
through: a crop, another scale, compression, light, a photo's perspective, things on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

MAX_FEATURES = 600
_LONG_SIDE_PX = 600
_MAX_ENLARGED = 3.0
_CONTRAST = 0.02  # half of OpenCV's default: screens are flat
_FULL = 512.0  # square roots of a descriptor as bytes: none is above 0.5 in practice
_MAX_PLACE = 65_535
_MIN_COSINE = 0.8
_MIN_PAIRS = 4
_TOLERANCE = 0.015  # of the long side, by which a pair may miss the place that the others expect
_TRIES = 500
_SPREAD = 0.004  # of the long side: features closer than this are one
_SCALES = (0.1, 10.0)
_KEPT = 4  # one in so many features of an image votes

Places = npt.NDArray[np.uint16]
Descriptors = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class LocalFeatures:
    """What stands out on an image.

    Attributes:
        places: `[n, 2]`: x and y as shares of the long side, 65,535 for the whole.
        descriptors: `[n, 128]`.
    """

    places: Places
    descriptors: Descriptors

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.places)


def local_features(image: Image.Image) -> LocalFeatures:
    """At most `MAX_FEATURES`, of every size the strongest; none on an even image.

    Fine features outnumber coarse ones and are the first that a small or compressed copy loses: with the strongest
    of all, copies of half the size found nothing.
    """
    import cv2

    pixels = _sized(image.convert("L"))
    detector = cv2.SIFT_create(contrastThreshold=_CONTRAST)  # type: ignore[attr-defined]
    points, found = detector.detectAndCompute(pixels, None)
    if found is None or not len(points):
        return LocalFeatures(np.zeros((0, 2), np.uint16), np.zeros((0, 128), np.uint8))
    kept = _of_every_size([point.size for point in points], [point.response for point in points])
    places = np.array([points[i].pt for i in kept], np.float64) / max(pixels.shape)
    shares = np.sqrt(found[kept] / np.maximum(found[kept].sum(axis=1, keepdims=True), 1e-6))
    return LocalFeatures(
        np.clip(np.rint(places * _MAX_PLACE), 0, _MAX_PLACE).astype(np.uint16),
        np.clip(np.rint(shares * _FULL), 0, 255).astype(np.uint8),
    )


def agreeing(one: LocalFeatures, other: LocalFeatures) -> int:
    """How many pairs of features one view of a plane explains; 0 when it is no possible view.

    Pairs are each other's nearest. An affine view is near enough to a photo's perspective, and five times faster than
    a homography, which also found more where there was nothing.
    """
    if min(one.count, other.count) < _MIN_PAIRS:
        return 0
    similar = _directions(one.descriptors) @ _directions(other.descriptors).T
    nearest = similar.argmax(axis=1)
    places = np.arange(one.count)
    mutual = (similar.argmax(axis=0)[nearest] == places) & (similar[places, nearest] > _MIN_COSINE)
    if mutual.sum() < _MIN_PAIRS:
        return 0
    return _explained(one.places[mutual], other.places[nearest[mutual]])


class Votes:
    """Which of many images has the features of another one: quick, and near enough to choose candidates.

    Every feature of the query votes for the image with the nearest one, by how much nearer that is than in any other
    image: what all screens share, such as letters, says little.

    Args:
        images: Features of each; of every image a part is kept.
    """

    def __init__(self, images: Sequence[LocalFeatures | None]) -> None:
        kept = [(i, one.descriptors[::_KEPT]) for i, one in enumerate(images) if one and one.count]
        self._size = len(images)
        self._owners = np.array([i for i, _ in kept], np.intp)
        self._starts = np.cumsum([0, *(len(rows) for _, rows in kept)])[:-1]
        none = np.zeros((0, 128), np.uint8)
        self._rows = _directions(np.concatenate([none, *(rows for _, rows in kept)]))

    def count(self, query: LocalFeatures) -> npt.NDArray[np.float32]:
        """The votes for each image, `[images]`; all for the only one there is."""
        found = np.zeros(self._size, np.float32)
        if len(self._owners) < 2 or not query.count:
            found[self._owners] = float(query.count > 0)
            return found
        similar = _directions(query.descriptors) @ self._rows.T
        nearest = np.maximum.reduceat(similar, self._starts, axis=1)
        second = np.partition(nearest, -2, axis=1)[:, -2:-1]
        found[self._owners] = np.maximum(nearest - second, 0).sum(axis=0)
        return found


def _directions(descriptors: Descriptors) -> npt.NDArray[np.float32]:
    return descriptors.astype(np.float32) / np.float32(_FULL)


def _explained(one: Places, other: Places) -> int:
    import cv2

    start, end = one.astype(np.float32) / _MAX_PLACE, other.astype(np.float32) / _MAX_PLACE
    cv2.setRNGSeed(0)
    view, fits = cv2.estimateAffine2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE, maxIters=_TRIES
    )
    if view is None:
        return 0
    growth = float(np.linalg.det(view[:, :2]))  # negative when mirrored
    if not _SCALES[0] ** 2 < growth < _SCALES[1] ** 2:
        return 0
    return len(np.unique(np.rint(end[fits.ravel() > 0] / _SPREAD), axis=0))


def _of_every_size(sizes: list[float], strengths: list[float]) -> npt.NDArray[np.intp]:
    """Places of the strongest, octave by octave; what a small octave leaves free goes to the others."""
    octaves = np.floor(np.log2(np.maximum(sizes, 1.0)))
    strongest = np.argsort(-np.asarray(strengths), kind="stable")
    groups = sorted((strongest[octaves[strongest] == octave] for octave in np.unique(octaves)), key=len)
    kept, free = [], MAX_FEATURES
    for number, group in enumerate(groups):
        kept.append(group[: free // (len(groups) - number)])
        free -= len(kept[-1])
    return np.concatenate(kept)


def _sized(image: Image.Image) -> npt.NDArray[np.uint8]:
    scale = min(_MAX_ENLARGED, _LONG_SIDE_PX / max(image.size))
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC))

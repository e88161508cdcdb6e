"""A screenshot to the images of documents that show the same screen. Knows no store: it searches one frozen state.

Votes of local features, the words and the whole image's vector name candidates; the local features that agree on one
place, and the words, rank them. A vector alone is easily misled by a crop or another window's frame, words by the many
dialogs that share them, local features by neither.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from knowledge_base.documents import Chunk
from knowledge_base.embed_backends import Vectors
from knowledge_base.image_reading import ImageReading
from knowledge_base.images import ImageMatch, StoredImage
from knowledge_base.lexical import Scores
from knowledge_base.lexical_similarity import CharacterIndex
from knowledge_base.local_features import LocalFeatures, Votes, agreeing
from knowledge_base.ranking import best

MIN_SAME = 0.4
"""From this score on two images surely show the same screen."""
MIN_LIKE = 0.35
"""From this score on they are alike."""
SIBLING_GAP = 0.1
"""Where one is so much better, the others are screens of the same program rather than the same screen."""
MIN_TOLD = 0.5
"""Below it the words on a screen are no more than those of a window's frame."""
_MIN_WEAK = 12.0
_WEAK_LEAD = (
    1.25  # over every other image: what is nowhere has two or three images that are equally little like it
)
_BY_VOTES, _BY_WORDS, _BY_VECTOR = 50, 20, 20
_MAX_VOTED = 2_000  # of more images, those with the nearest vectors and words are voted on
_HALF_SURE = 15.0
_ENOUGH_READ = 40
_WORDS_WEIGHT = 0.5
FeaturesOf = Callable[[str], LocalFeatures | None]
"""Local features of a document's image by SHA-256; None where they are lost."""


@dataclass(frozen=True)
class Pictures:
    """Everything that a search for images sees: never changed, only replaced.

    Attributes:
        chunk_ids: The passage where each image stands; empty where there is none.
        vectors: Unit vectors `[images, dimension]`.
        words: Of what is written on each.
    """

    images: tuple[StoredImage, ...]
    chunk_ids: tuple[str, ...]
    vectors: Vectors
    words: CharacterIndex
    features_of: FeaturesOf

    @classmethod
    def of(
        cls, images: Iterable[StoredImage], chunks: Iterable[Chunk], features_of: FeaturesOf
    ) -> "Pictures":
        """Ties images to the passages they stand in."""
        images = tuple(images)
        by_document: dict[str, list[Chunk]] = defaultdict(list)
        for chunk in chunks if images else ():
            by_document[chunk.document_id].append(chunk)
        vectors = np.stack([image.vector for image in images]) if images else np.zeros((0, 1), np.float32)
        return cls(
            images,
            tuple(_chunk_at(by_document[_document_id(image)], image.offset) for image in images),
            vectors,
            CharacterIndex(image.text for image in images),
            features_of,
        )

    def search(self, query: ImageReading) -> tuple[ImageMatch, ...]:
        """Images that look like the query, best first."""
        if not self.images:
            return ()
        cosines, words = self.vectors @ query.vector, self.words.coverage(query.text)
        told = evidence_of_words(query.text)
        candidates = self._candidates(query, cosines, words)
        agreed = self._agreed(query.features, {self.images[i].sha256 for i in candidates})
        found = [
            self._match(i, float(cosines[i]), float(words[i]), told, agreed[self.images[i].sha256])
            for i in candidates
        ]
        return tuple(sorted(found, key=lambda match: (-match.score, -match.scores["image"])))

    def _candidates(self, query: ImageReading, cosines: Scores, words: Scores) -> list[int]:
        near = [*best(words, _BY_WORDS), *best(cosines, _BY_VECTOR)]
        if len(self.images) <= _MAX_VOTED:
            voted = best(self._votes.count(query.features), _BY_VOTES)
        else:
            some = list(dict.fromkeys([*best(words, _MAX_VOTED // 2), *best(cosines, _MAX_VOTED // 2)]))
            features = [self.features_of(self.images[i].sha256) for i in some]
            voted = [some[i] for i in best(Votes(features).count(query.features), _BY_VOTES)]
        return list(dict.fromkeys([*voted, *near]))

    @cached_property
    def _votes(self) -> Votes:
        return Votes([self.features_of(image.sha256) for image in self.images])

    def _agreed(self, query: LocalFeatures, hashes: Iterable[str]) -> dict[str, int]:
        held = {sha256: self.features_of(sha256) for sha256 in hashes}
        return {sha256: agreeing(query, features) if features else 0 for sha256, features in held.items()}

    def _match(self, i: int, cosine: float, words: float, told: float, features: int) -> ImageMatch:
        image, score = self.images[i], same_screen(features, words * told)
        return ImageMatch(
            _document_id(image),
            self.chunk_ids[i],
            image.sha256,
            image.source,
            image.alt,
            score,
            {"image": cosine, "features": float(features), "words": words},
        )


def evidence_of_words(text: str) -> float:
    """How far the words on a screen can say which one it is, in [0, 1]: 1 from some forty letters on.

    The few of a window's frame are on many screens.
    """
    # A Chinese character tells more than a letter, and has more bytes.
    read = sum(len(character.encode()) for character in text if character.isalnum())
    return min(1.0, read / _ENOUGH_READ)


def same_screen(features: int, words: float) -> float:
    """How sure it is that two images show the same screen, in [0, 1]: local features first, words beside.

    Args:
        features: Local features that agree.
        words: Share of the words in common, less where there are few.
    """
    seen = features / (features + _HALF_SURE)
    return (seen + _WORDS_WEIGHT * words) / (1 + _WORDS_WEIGHT)


def worth_showing(matches: Sequence[ImageMatch], *, is_wordless: bool) -> Sequence[ImageMatch]:
    """The images that are alike.

    Args:
        is_wordless: Hardly more than the picture was given: then, where no image is alike, the one that has clearly
            more in common with it than every other counts, as there is little else to go by.
    """
    alike = [match for match in matches if match.score >= MIN_LIKE]
    return alike if alike or not is_wordless else _weak(matches)


def _weak(matches: Sequence[ImageMatch]) -> list[ImageMatch]:
    first = max(matches, key=_features, default=None)
    if first is None or _features(first) < _MIN_WEAK:
        return []
    others = (_features(match) for match in matches if match.sha256 != first.sha256)
    if _features(first) < _WEAK_LEAD * max(others, default=0.0):
        return []
    return [match for match in matches if match.sha256 == first.sha256]


def _features(match: ImageMatch) -> float:
    return match.scores["features"]


def _document_id(image: StoredImage) -> str:
    return image.item.partition("/")[2]


def _chunk_at(chunks: Sequence[Chunk], offset: int) -> str:
    """The passage at a place, or the one before it; the first where there is none before."""
    if not chunks:
        return ""
    at = bisect_right([chunk.start for chunk in chunks], offset)
    return chunks[max(0, at - 1)].id

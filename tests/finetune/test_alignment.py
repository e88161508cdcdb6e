"""Aligned, a visual token lies nearest to the word for what it shows, in the language model's own embeddings."""

import torch
from torch import nn

from finetune.alignment import Named, align, named_of
from finetune.packing import IGNORE
from finetune.vision_encoding import EncodedQuestion

COLOURS = {0: 3, 1: 7}  # what a picture shows, and the token that names it
ASKED = (11, 12)


def pictures(count: int, seed: int) -> tuple[list[torch.Tensor], list[int]]:
    """Features `[4, 6]` of pictures whose third patch alone tells what they show."""
    generator = torch.Generator().manual_seed(seed)
    shown = [number % 2 for number in range(count)]
    features = [torch.randn(4, 6, generator=generator) for _ in shown]
    for one, what in zip(features, shown, strict=True):
        one[2, 0] = 6.0 if what else -6.0
    return features, shown


def test_the_projector_names_what_it_has_not_seen_before() -> None:
    torch.manual_seed(0)
    embeddings = torch.randn(20, 16)
    projector = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Linear(32, 16))
    features, shown = pictures(64, seed=1)
    questions = [Named(number, ASKED, (COLOURS[what],)) for number, what in enumerate(shown)]
    told: list[float] = []
    align(
        projector,
        embeddings,
        features,
        questions,
        steps=200,
        seed=0,
        tell=lambda step, loss: told.append(loss),
    )
    assert told[-1] < 0.2
    unseen, truth = pictures(40, seed=2)
    with torch.inference_mode():
        tokens = nn.functional.normalize(projector(torch.stack(unseen))[:, 2], dim=1)
        nearest = (tokens @ nn.functional.normalize(embeddings[list(COLOURS.values())], dim=1).T).argmax(1)
    assert nearest.tolist() == truth


def test_questions_without_a_picture_teach_it_nothing() -> None:
    def question(picture: int) -> EncodedQuestion:
        return EncodedQuestion(
            (5, -1, 6, 8, 2), (IGNORE, IGNORE, IGNORE, 8, 2), (0, 0, 0, 1, 1),
            "colour", "sight", "vision", picture, (6,),
        )  # fmt: skip

    assert named_of([question(4), question(-1)]) == [Named(4, (6,), (8,))]

"""Examples without a picture of their own beside the questions about screens: one adapter learns both.

Some of them are given somebody's screen, picture and text, that says nothing about the question: passages are
answered from with a screenshot in the prompt as without one.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from chatbot.prompt import with_screen_text
from chatbot.vision.asking import SEEN_CHARS
from chatbot.vision.places import ids_with_pictures
from finetune.dataset.example import Example
from finetune.encoding import answer_of, harmless_turns
from finetune.packing import IGNORE
from finetune.screens import Screen
from finetune.settings import VisionTrainSettings
from finetune.vision_encoding import EncodedQuestion


@dataclass(frozen=True, slots=True)
class TextEncoder:
    """Encodes examples of answering from passages for one language model.

    Attributes:
        screens: Those that are shown beside an example; the number of a picture is its place, from `first_picture`.
        visual_tokens: Tokens that one picture takes.
    """

    tokenizer: Any
    screens: Sequence[Screen]
    first_picture: int
    visual_tokens: int
    settings: VisionTrainSettings

    def encode_all(self, examples: Sequence[Example]) -> list[EncodedQuestion]:
        """The examples in their order; those of one source are shown the same screen, if any."""
        return [self._encoded(example) for example in examples]

    def _encoded(self, example: Example) -> EncodedQuestion:
        picture, example = self._beside_a_screen(example)
        prompt = ids_with_pictures(
            self.tokenizer,
            harmless_turns(self.tokenizer, example.prompt),
            () if picture is None else (picture,),
            self.visual_tokens,
        )
        answer, weights = answer_of(self.tokenizer, example, self.settings.mark_weight)
        return EncodedQuestion(
            (*prompt, *answer),
            (*([IGNORE] * len(prompt)), *answer),
            (*([0.0] * len(prompt)), *weights),
            example.kind,
            "passages",
            "text" if picture is None else "mixed",
            -1 if picture is None else picture,
            (),
        )

    def _beside_a_screen(self, example: Example) -> tuple[int | None, Example]:
        chance = random.Random(f"{self.settings.seed}/{example.source}")  # noqa: S311 (a draw, not a secret)
        if not self.screens or chance.random() >= self.settings.mixed_share:
            return None, example
        place = chance.randrange(len(self.screens))
        *before, asked = example.prompt
        seen = self.screens[place].ocr_text[:SEEN_CHARS]
        asked = replace(asked, content=with_screen_text(asked.content, seen))
        return self.first_picture + place, replace(example, prompt=(*before, asked))

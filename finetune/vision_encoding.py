"""Questions about screens to tokens: the prompt of serving with the picture's place in it, labels on the answers only.

The questions of one screen follow each other, so that packing makes one tree of them: picture and screen text are
computed once, and no question sees another.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chatbot.generators.base import ChatTurn
from chatbot.vision.asking import DESCRIBE, ask_about_screen
from chatbot.vision.places import ids_with_pictures
from finetune.encoding import harmless
from finetune.packing import IGNORE, Encoded
from finetune.screens import AskedOfScreen, Screen
from finetune.settings import VisionTrainSettings

Channel = Literal["vision", "both", "ocr", "text", "mixed"]
_NEEDS: dict[Channel, set[str]] = {"vision": {"sight"}, "ocr": {"ocr"}, "both": {"sight", "ocr"}}
CAPTION, SCREEN_TYPE = "caption", "screen_type"


@dataclass(frozen=True, slots=True)
class EncodedQuestion(Encoded):
    """A question in tokens, and how its answer is judged.

    Attributes:
        channel: Whether it comes with the picture, with the screen's text, or with both; `text` and `mixed` are no
            questions about a screen but answers from passages, `mixed` with a screen beside them.
        picture: Number of its picture; -1 without one.
        words: The question alone, in tokens.
        options: The first token of each choice; empty where they do not tell the choices apart.
        right: Which of them is the answer's.
    """

    kind: str
    needs: str
    channel: Channel
    picture: int
    words: tuple[int, ...]
    options: tuple[int, ...] = ()
    right: int = 0


@dataclass(frozen=True, slots=True)
class ScreenEncoder:
    """Encodes screens for one language model.

    Attributes:
        visual_tokens: Tokens that one picture takes.
    """

    tokenizer: Any
    visual_tokens: int
    settings: VisionTrainSettings

    def all_questions(self, screens: Sequence[Screen], first_picture: int = 0) -> list[EncodedQuestion]:
        """Every screen's questions in the channels it is trained in, those of one screen and channel together.

        Args:
            first_picture: Number of the first screen's picture, for `places.visual_id`.
        """
        return [
            question
            for picture, screen in enumerate(screens, first_picture)
            for channel in channels_of(screen, self.settings)
            for question in self.questions(screen, picture, channel)
        ]

    def questions(self, screen: Screen, picture: int, channel: Channel) -> list[EncodedQuestion]:
        """The questions that a channel can answer; the caption is one of them where there is a picture."""
        asked = _asked(screen, channel, self.settings)
        return [self._encoded(screen, one, picture, channel) for one in asked]

    def _encoded(
        self, screen: Screen, asked: AskedOfScreen, picture: int, channel: Channel
    ) -> EncodedQuestion:
        seen = "" if channel == "vision" else screen.ocr_text
        turns = [
            ChatTurn(turn.role, harmless(self.tokenizer, turn.content))
            for turn in ask_about_screen(asked.question, seen, asked.choices)
        ]
        pictures = () if channel == "ocr" else (picture,)
        prompt = ids_with_pictures(self.tokenizer, turns, pictures, self.visual_tokens)
        answer = [*self._ids(asked.answer), self.tokenizer.eos_token_id]
        weight = 1.0 if asked.kind == CAPTION else self.settings.answer_weight
        options, right = self._options(asked)
        return EncodedQuestion(
            (*prompt, *answer),
            (*([IGNORE] * len(prompt)), *answer),
            (*([0.0] * len(prompt)), *([weight] * len(answer))),
            asked.kind,
            asked.needs,
            channel,
            -1 if channel == "ocr" else picture,
            tuple(self._ids(asked.question)),
            options,
            right,
        )

    def _options(self, asked: AskedOfScreen) -> tuple[tuple[int, ...], int]:
        firsts = tuple(self._ids(choice)[0] for choice in asked.choices)
        if len(set(firsts)) != len(firsts) or asked.answer not in asked.choices:
            return (), 0
        return firsts, asked.choices.index(asked.answer)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def channels_of(screen: Screen, settings: VisionTrainSettings) -> list[Channel]:
    """The channels in which a screen is trained: always its picture, by chance the others, the same in every run."""
    chance = random.Random(f"{settings.seed}/{screen.image}")  # noqa: S311 (a draw, not a secret)
    drawn: tuple[tuple[Channel, float], ...] = (("both", settings.both_share), ("ocr", settings.ocr_share))
    return ["vision", *(channel for channel, share in drawn if chance.random() < share and screen.ocr_text)]


def _asked(screen: Screen, channel: Channel, settings: VisionTrainSettings) -> Iterator[AskedOfScreen]:
    needs = _NEEDS[channel]
    kinds = {SCREEN_TYPE} if channel == "vision" else set()  # reading may tell it, and looking always should
    questions = [one for one in screen.questions if one.needs in needs or one.kind in kinds]
    chance = random.Random(f"{settings.seed}/{screen.image}/{channel}")  # noqa: S311
    if channel != "ocr" and screen.caption:
        yield AskedOfScreen(DESCRIBE, screen.caption, CAPTION, "sight")
    yield from chance.sample(questions, min(len(questions), settings.questions_per_screen))

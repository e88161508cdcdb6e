"""What customers of the example company ask: reviewed questions and free ones."""

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chatbot.errors import InputError
from chatbot.evaluation.rows import read_rows


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """A question, and the reviewed answer that it has word for word; empty for a free one."""

    text: str
    reviewed: str = ""


class Mixture:
    """Questions in a random order that a seed fixes.

    Args:
        template_share: Part of them that has a reviewed answer, from 0 to 1.

    Raises:
        InputError: One of the two kinds is not there.
    """

    def __init__(
        self,
        reviewed: Sequence[AskedQuestion],
        free: Sequence[AskedQuestion],
        template_share: float,
        seed: int,
    ) -> None:
        if not reviewed or not free:
            raise InputError("Questions of both kinds are needed, reviewed and free ones.")
        self._reviewed, self._free = tuple(reviewed), tuple(free)
        self._share = template_share
        self._random = random.Random(seed)  # noqa: S311 - an order, not a secret

    def next(self) -> AskedQuestion:
        """What is asked next."""
        return self._random.choice(self._reviewed if self._random.random() < self._share else self._free)

    def free(self) -> AskedQuestion:
        """A question that needs the language model, or is declined."""
        return self._random.choice(self._free)

    def pause_s(self, mean_s: float) -> float:
        """How long a customer reads and thinks: between half and one and a half times the mean, in seconds."""
        return mean_s * self._random.uniform(0.5, 1.5)


def reviewed_questions(faq: Path) -> list[AskedQuestion]:
    """The questions of a FAQ file with their answers.

    Raises:
        InputError: The file is not there or has other columns.
    """
    try:
        with faq.open(encoding="utf-8", newline="") as file:
            return [AskedQuestion(row["question"], row["answer"]) for row in csv.DictReader(file)]
    except (OSError, KeyError) as error:
        raise InputError(f"{faq.name} is no FAQ file with the columns question and answer.") from error


def free_questions(questions: Path) -> list[AskedQuestion]:
    """The questions of a JSON-lines file; errors as for `read_rows`."""
    return [AskedQuestion(str(row["question"])) for row in read_rows(questions, ("question",))]

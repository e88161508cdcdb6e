"""Asks a model the rows, as the assistant would: refuse by the probability of "0" after "[", else answer.

Every answer is on the disk before the next is asked, so a killed run goes on where it was. Knows no metric.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from chatbot.generators.base import Generator
from chatbot.prompt import ANSWER_PREFIX, REFUSAL, REFUSAL_NUMBER
from finetune.evaluation_rows import EvaluationRow
from finetune.journal import Journal
from finetune.metrics import is_refusal

_MOST_PASSAGES = 9  # numbers of one digit are one token
Progress = Callable[[int, int], None]
"""Called with the rows done and all rows."""


def no_progress(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How rows are answered.

    Attributes:
        adapter: Id of an adapter loaded in the generator; None is its default one, or the bare base.
        refusal_threshold: Probability of "0" from which is refused; None lets the model write freely, as a
            base without calibration does, and reads a refusal from its words.
    """

    adapter: str | None = None
    refusal_threshold: float | None = None
    max_new_tokens: int = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        refusal_probability: Of "0" as the first passage number; None when it was not asked for.
        tokens: Pieces streamed, about one token each.
        decode_s: Seconds from the first piece to the last.
        total_s: Seconds of the whole answer, prompt included.
    """

    text: str
    refused: bool
    refusal_probability: float | None = None
    tokens: int = 0
    decode_s: float = 0.0
    total_s: float = 0.0


def answer_rows(
    rows: Sequence[EvaluationRow],
    generator: Generator,
    settings: AnswerSettings,
    journal: Journal,
    progress: Progress = no_progress,
) -> dict[str, Answer]:
    """The answer to each row by its key; rows that the journal holds are not asked again.

    Raises:
        GenerationError: The engine failed, or does not tell the probabilities that a threshold needs.
    """
    for done, row in enumerate(rows):
        progress(done, len(rows))
        if row.key not in journal.records:
            journal.add(row.key, asdict(answer_row(row, generator, settings)))
    progress(len(rows), len(rows))
    return {row.key: Answer(**journal.records[row.key]) for row in rows}


def answer_row(row: EvaluationRow, generator: Generator, settings: AnswerSettings) -> Answer:
    """Answers one row; errors as for `answer_rows`."""
    started_s = time.perf_counter()
    if settings.refusal_threshold is None or not row.is_grounded:
        return _written(row, generator, settings, "", None, started_s)
    likely = first_numbers(row, generator, settings.adapter)
    probability = likely.pop(REFUSAL_NUMBER)
    if probability >= settings.refusal_threshold or not likely:
        return Answer(REFUSAL, True, probability, total_s=time.perf_counter() - started_s)
    best = max(likely, key=lambda number: likely[number])
    prefix = f"{ANSWER_PREFIX}{best}] "
    return _written(row, generator, settings, prefix.rstrip(), probability, started_s)


def first_numbers(row: EvaluationRow, generator: Generator, adapter: str | None) -> dict[int, float]:
    """How likely an answer begins with each passage's number, and with 0."""
    numbers = range(min(len(row.passages), _MOST_PASSAGES) + 1)
    likely = generator.choose(row.prompt, [str(n) for n in numbers], prefix=ANSWER_PREFIX, adapter=adapter)
    return dict(zip(numbers, likely, strict=True))


def refusal_probabilities(
    rows: Sequence[EvaluationRow],
    generator: Generator,
    adapter: str | None,
    journal: Journal,
    progress: Progress = no_progress,
) -> Mapping[str, float]:
    """The probability of a refusal by row key; nothing is generated."""
    for done, row in enumerate(rows):
        progress(done, len(rows))
        if row.key not in journal.records:
            likely = first_numbers(row, generator, adapter)
            journal.add(row.key, {"refusal_probability": likely[REFUSAL_NUMBER]})
    progress(len(rows), len(rows))
    return {row.key: float(journal.records[row.key]["refusal_probability"]) for row in rows}


def _written(
    row: EvaluationRow,
    generator: Generator,
    settings: AnswerSettings,
    prefix: str,
    probability: float | None,
    started_s: float,
) -> Answer:
    pieces, stamps = [], []
    for piece in generator.stream(
        row.prompt,
        adapter=settings.adapter,
        max_new_tokens=settings.max_new_tokens,
        temperature=0.0,
        prefix=prefix,
    ):
        pieces.append(piece)
        stamps.append(time.perf_counter())
    text = (prefix + "".join(pieces)).strip()
    decode_s = stamps[-1] - stamps[0] if stamps else 0.0
    refused = row.is_grounded and is_refusal(text)
    return Answer(text, refused, probability, len(pieces), decode_s, time.perf_counter() - started_s)

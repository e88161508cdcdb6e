"""Asks a model the rows, as the assistant would: refuse by the probability of "0" as the first mark, else answer.

Every answer is on the disk before the next is asked, so a killed run goes on where it was. Knows no metric.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from chatbot.first_mark import first_mark
from chatbot.generators.base import Generator
from chatbot.prompt import REFUSAL
from finetune.evaluation_rows import EvaluationRow
from finetune.journal import Journal
from finetune.metrics import is_refusal

Progress = Callable[[int, int], None]
"""Called with the rows done and all rows."""


def no_progress(done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class AnswerSettings:
    """How rows are answered.

    Attributes:
        adapter: Id of an adapter loaded in the generator; None is its default one, or the bare base.
        refusal_threshold: `FirstMark.refusal_probability` from which is refused; None lets the model write freely, as a
            base without calibration does, and reads a refusal from its words.
    """

    adapter: str | None = None
    refusal_threshold: float | None = None
    max_new_tokens: int = 120


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        refusal_probability: See `FirstMark`; None when it was not asked for.
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
    mark = first_mark(generator, row.prompt, len(row.passages), adapter=settings.adapter)
    if mark.refusal_probability >= settings.refusal_threshold or not row.passages:
        return Answer(REFUSAL, True, mark.refusal_probability, total_s=time.perf_counter() - started_s)
    return _written(row, generator, settings, mark.prefix, mark.refusal_probability, started_s)


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
            mark = first_mark(generator, row.prompt, len(row.passages), adapter=adapter)
            journal.add(row.key, {"refusal_probability": mark.refusal_probability})
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

"""Asks a model the rows, as the assistant would: refuse by the rule of the adapter, else answer.

Every answer is on the disk before the next is asked, so a killed run goes on where it was. Knows no metric.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from chatbot.first_mark import FirstMark, first_mark
from chatbot.generators.base import Generator
from chatbot.prompt import REFUSAL
from chatbot.refusal import Asked, RefusalRule, Similarity
from finetune.evaluation_rows import EvaluationError, EvaluationRow
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
        refusal_threshold: Probability from which is refused; None lets the model write freely, as a base without
            calibration does, and reads a refusal from its words.
        refusal_weights: What that probability is made of, see `RefusalRule`.
    """

    adapter: str | None = None
    refusal_threshold: float | None = None
    max_new_tokens: int = 120
    refusal_weights: Mapping[str, float] = field(default_factory=dict)

    @property
    def refusal(self) -> RefusalRule | None:
        """From when on is refused; None lets the model write freely."""
        if self.refusal_threshold is None:
            return None
        return RefusalRule(self.refusal_threshold, self.refusal_weights)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered.

    Attributes:
        refusal_probability: See `RefusalRule`; None when it was not asked for.
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
    similarity: Similarity | None = None,
) -> dict[str, Answer]:
    """The answer to each row by its key; rows that the journal holds are not asked again.

    Raises:
        EvaluationError: The adapter's refusal needs the similarity.
        GenerationError: The engine failed, or does not tell the probabilities that a threshold needs.
    """
    if similarity is None and settings.refusal and settings.refusal.compares:
        raise EvaluationError(
            "This adapter refuses by how near the passages are, too.", "Give the embedder that serves."
        )
    for done, row in enumerate(rows):
        progress(done, len(rows))
        if row.key not in journal.records:
            journal.add(row.key, asdict(answer_row(row, generator, settings, similarity)))
    progress(len(rows), len(rows))
    return {row.key: Answer(**journal.records[row.key]) for row in rows}


def answer_row(
    row: EvaluationRow, generator: Generator, settings: AnswerSettings, similarity: Similarity | None = None
) -> Answer:
    """Answers one row; errors as for `answer_rows`."""
    started_s = time.perf_counter()
    rule = settings.refusal
    if rule is None or not row.is_grounded:
        return _written(row, generator, settings, "", None, started_s)
    mark = first_mark(generator, row.prompt, len(row.passages), adapter=settings.adapter)
    asked = _asked(row, similarity if rule.compares else None)
    probability = rule.probability(mark, asked)
    if probability >= rule.threshold or not row.passages:
        return Answer(REFUSAL, True, probability, total_s=time.perf_counter() - started_s)
    if (number := rule.passage(mark, asked)) != mark.number:
        row, mark = replace(row, prompt=row.with_one_passage(number)), replace(mark, number=number)
    return _written(row, generator, settings, mark.prefix, probability, started_s)


def _asked(row: EvaluationRow, similarity: Similarity | None) -> Asked:
    return Asked(row.question, row.passages, similarity(row.question, row.passages) if similarity else ())


def first_marks(
    rows: Sequence[EvaluationRow],
    generator: Generator,
    adapter: str | None,
    journal: Journal,
    progress: Progress = no_progress,
) -> Mapping[str, FirstMark]:
    """How each answer would begin, by row key; nothing is generated."""
    for done, row in enumerate(rows):
        progress(done, len(rows))
        if row.key not in journal.records:
            mark = first_mark(generator, row.prompt, len(row.passages), adapter=adapter)
            journal.add(row.key, asdict(mark))
    progress(len(rows), len(rows))
    return {row.key: _mark(journal.records[row.key]) for row in rows}


def _mark(record: Mapping[str, Any]) -> FirstMark:
    return FirstMark(record["refusal_probability"], record["number"], tuple(record["likely"]))


def row_asked(row: EvaluationRow, similarity: Similarity) -> Asked:
    """The row as a rule sees it."""
    return _asked(row, similarity)


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

"""Measures an adapter on questions with known answers: answers kept for reading, scores row by row, speed.

What is asked comes from `protocols.py` or a dataset, who answers is `answering.py`, what is good is `metrics.py`.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chatbot.generators.base import Generator
from finetune.answering import (
    Answer,
    AnswerSettings,
    Progress,
    answer_rows,
    no_progress,
    refusal_probabilities,
)
from finetune.evaluation_rows import EvaluationError, EvaluationRow, load_rows, read_jsonl
from finetune.journal import Journal, write_atomically
from finetune.metrics import (
    Interval,
    RowScores,
    Scores,
    answer_f1,
    bootstrap,
    mean_of,
    metric_names,
    score_answer,
    values_of,
)
from finetune.protocols import Searches, heading_questions, human_questions, passage_questions
from finetune.thresholds import fit_threshold

MAX_WRONG_REFUSALS = 0.05


@dataclass(frozen=True, slots=True)
class ReadableAnswer:
    """A question with what was answered, for people to read beside another run's."""

    key: str
    question: str
    passages: tuple[str, ...]
    references: tuple[str, ...]
    gold: tuple[int, ...]
    answer: Answer


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """One model's answers to one set of rows, and their scores by row key."""

    name: str
    answers: tuple[ReadableAnswer, ...]
    scores: Scores
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Means over the rows, and the speed: `tokens_per_s` of decoding, median `ms_per_answer`."""
        means = {name: mean_of(values_of(self.scores, name)) for name in metric_names(self.scores)}
        return {name: mean for name, mean in means.items() if mean == mean} | self._speed()

    def intervals(self, *, seed: int = 0) -> dict[str, Interval]:
        """Bootstrap intervals of the scores' means."""
        found = {n: bootstrap(values_of(self.scores, n), seed=seed) for n in metric_names(self.scores)}
        return {name: interval for name, interval in found.items() if interval.n}

    def save(self, path: Path) -> None:
        """Writes the run as JSON, whole or not at all.

        Raises:
            StorageError: It cannot be written.
        """
        write_atomically(path, json.dumps(asdict(self), ensure_ascii=False, indent=1))

    @classmethod
    def load(cls, path: Path) -> "EvaluationRun":
        """Reads what `save` wrote.

        Raises:
            EvaluationError: It is missing or something else.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            answers = tuple(_readable(answer) for answer in found["answers"])
            return cls(found["name"], answers, found["scores"], found["settings"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise EvaluationError(f"{path.name} is no evaluation that can be read: {error}.") from error

    def _speed(self) -> dict[str, float]:
        written = [a.answer for a in self.answers if a.answer.tokens > 1]
        if not written:
            return {}
        decode_s = sum(answer.decode_s for answer in written)
        return {
            "tokens_per_s": sum(answer.tokens - 1 for answer in written) / max(decode_s, 1e-9),
            "ms_per_answer": 1000 * statistics.median(answer.total_s for answer in written),
        }


def _readable(found: dict[str, Any]) -> ReadableAnswer:
    lists = {name: tuple(found[name]) for name in ("passages", "references", "gold")}
    return ReadableAnswer(found["key"], found["question"], answer=Answer(**found["answer"]), **lists)


def evaluate_adapter(
    rows: Sequence[EvaluationRow],
    generator: Generator,
    adapter: str | None,
    refusal_threshold: float | None,
    *,
    name: str = "",
    journal_path: Path | None = None,
    max_new_tokens: int = 120,
    progress: Progress = no_progress,
) -> EvaluationRun:
    """Answers the rows and scores the answers.

    Args:
        adapter: Id of an adapter loaded in the generator; None is its default one, or the bare base.
        refusal_threshold: That of the adapter; None lets the model write freely, as the bare base does.
        name: What people call the run; the adapter's id, else the model's name, when empty.
        journal_path: Where answers are kept as they are made; a killed run goes on from there.

    Raises:
        EvaluationError: There are no rows.
        GenerationError: The engine failed or does not tell probabilities.
    """
    if not rows:
        raise EvaluationError("There are no questions to evaluate with.")
    rows = list({row.key: row for row in rows}.values())
    settings = AnswerSettings(adapter, refusal_threshold, max_new_tokens)
    about = asdict(settings) | {"model": generator.name}
    answers = answer_rows(rows, generator, settings, Journal(journal_path, about), progress)
    return EvaluationRun(
        name or adapter or generator.name,
        tuple(_for_reading(row, answers[row.key]) for row in rows),
        {row.key: score_row(row, answers[row.key]) for row in rows},
        about | {"n": len(rows)},
    )


def score_row(row: EvaluationRow, answer: Answer) -> RowScores:
    """The metrics of one answer; a free row, which is neither cited nor refused, has only `free_f1`."""
    if not row.is_grounded:
        return {"free_f1": answer_f1(answer.text, row.references)}
    return score_answer(
        answer.text,
        refused=answer.refused,
        references=row.references,
        gold=row.gold,
        passages=row.passages,
    )


def _for_reading(row: EvaluationRow, answer: Answer) -> ReadableAnswer:
    return ReadableAnswer(
        row.key, row.question, row.passages, row.references, tuple(sorted(row.gold)), answer
    )


def calibrate_refusal(
    rows: Sequence[EvaluationRow],
    generator: Generator,
    adapter: str | None,
    *,
    max_wrong_refusals: float = MAX_WRONG_REFUSALS,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
) -> float:
    """The probability of "0" from which is refused, fitted on validation rows.

    Of all thresholds that refuse at most `max_wrong_refusals` of the answerable rows, the one that refuses most of
    the unanswerable ones. Details of the fit: `thresholds.fit_threshold` on `refusal_probabilities`.

    Raises:
        EvaluationError: There are no answerable or no unanswerable rows.
        GenerationError: The engine failed or does not tell probabilities.
    """
    rows = list({row.key: row for row in rows if row.is_grounded and row.passages}.values())
    journal = Journal(journal_path, {"calibrate": adapter, "model": generator.name})
    likely = refusal_probabilities(rows, generator, adapter, journal, progress)
    fitted = fit_threshold(
        [likely[row.key] for row in rows], [bool(row.gold) for row in rows], max_wrong_refusals
    )
    return fitted.threshold


def evaluate_heading_questions(
    articles: Path,
    generator: Generator,
    adapter: str | None = None,
    refusal_threshold: float | None = None,
    *,
    n: int = 240,
    seed: int = 0,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
) -> EvaluationRun:
    """The heading protocol on a company's `articles.jsonl`; errors as for `evaluate_adapter`."""
    rows = heading_questions(articles, n=n, seed=seed)
    return evaluate_adapter(
        rows, generator, adapter, refusal_threshold, journal_path=journal_path, progress=progress
    )


def rows_for(
    data: Path, knowledge_base: Searches | None = None, *, n: int = 240, seed: int = 0
) -> list[EvaluationRow]:
    """The rows that a folder of data stands for, by what it holds.

    `test.jsonl` of a dataset, `questions.jsonl` with passages, `questions.jsonl` for the given knowledge base, or
    `articles.jsonl` for heading questions; looked for in this order.

    Raises:
        EvaluationError: It holds none of them, or questions without passages and no knowledge base is given.
    """
    if (data / "test.jsonl").is_file():
        return load_rows(data / "test.jsonl")
    if (questions := data / "questions.jsonl").is_file():
        if any("passages" in record for _, record in read_jsonl(questions)):
            return passage_questions(questions, seed=seed)
        if knowledge_base is None:
            raise EvaluationError(
                "questions.jsonl has no passages.", "Give the knowledge base that answers it."
            )
        return human_questions(questions, knowledge_base)
    if (data / "articles.jsonl").is_file():
        return heading_questions(data / "articles.jsonl", n=n, seed=seed)
    raise EvaluationError(
        f"{data.name or data} holds nothing to evaluate an adapter with.",
        "Give a dataset (test.jsonl), questions (questions.jsonl) or a help centre (articles.jsonl).",
    )


def evaluate_task(
    data: Path,
    generator: Generator,
    adapter: str | None = None,
    refusal_threshold: float | None = None,
    *,
    knowledge_base: Searches | None = None,
    n: int = 240,
    seed: int = 0,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The object that `frontdesk evaluate adapter --json` prints; errors as for `rows_for` and `evaluate_adapter`."""
    rows = rows_for(data, knowledge_base, n=n, seed=seed)
    run = evaluate_adapter(
        rows, generator, adapter, refusal_threshold, journal_path=journal_path, progress=progress
    )
    intervals = {name: [round(i.low, 4), round(i.high, 4)] for name, i in run.intervals(seed=seed).items()}
    return {
        "task": "adapter",
        "data": str(data),
        "n": len(run.answers),
        "metrics": {metric: round(value, 4) for metric, value in run.metrics.items()},
        "settings": dict(run.settings) | {"seed": seed, "intervals_95": intervals},
    }

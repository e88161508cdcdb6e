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
from chatbot.refusal import CHOICE, HEADING, RefusalRule, Similarity, features
from finetune.answering import (
    Answer,
    AnswerSettings,
    Progress,
    answer_rows,
    first_marks,
    no_progress,
    row_asked,
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
from finetune.thresholds import fit_choice, fit_heading_threshold, fit_threshold, fit_weights_by_wording

MAX_WRONG_REFUSALS = 0.05
CONFIDENCE = 0.9
"""How sure it must be that a rule which serves any company refuses no more than that."""
Refusal = RefusalRule | float | None
"""From when on is refused; a number is a threshold of the model's own probability, None lets it write freely."""


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
    refusal: Refusal,
    *,
    name: str = "",
    journal_path: Path | None = None,
    max_new_tokens: int = 120,
    progress: Progress = no_progress,
    similarity: Similarity | None = None,
) -> EvaluationRun:
    """Answers the rows and scores the answers.

    Args:
        adapter: Id of an adapter loaded in the generator; None is its default one, or the bare base.
        refusal: That of the adapter; None lets the model write freely, as the bare base does.
        name: What people call the run; the adapter's id, else the model's name, when empty.
        journal_path: Where answers are kept as they are made; a killed run goes on from there.
        similarity: What a refusal may need beside the model.

    Raises:
        EvaluationError: There are no rows, or the refusal needs the similarity.
        GenerationError: The engine failed or does not tell probabilities.
    """
    if not rows:
        raise EvaluationError("There are no questions to evaluate with.")
    rows = list({row.key: row for row in rows}.values())
    rule = RefusalRule(refusal) if isinstance(refusal, int | float) else refusal
    threshold, weights = (rule.threshold, dict(rule.weights)) if rule else (None, {})
    settings = AnswerSettings(adapter, threshold, max_new_tokens, weights)
    about = asdict(settings) | {"model": generator.name}
    answers = answer_rows(rows, generator, settings, Journal(journal_path, about), progress, similarity)
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
    the unanswerable ones. Details of the fit: `thresholds.fit_threshold`.

    Raises:
        EvaluationError: There are no answerable or no unanswerable rows.
        GenerationError: The engine failed or does not tell probabilities.
    """
    rows = _judgeable(rows)
    marks = first_marks(rows, generator, adapter, _calibration(adapter, generator, journal_path), progress)
    likely = [marks[row.key].refusal_probability for row in rows]
    return fit_threshold(likely, [bool(row.gold) for row in rows], max_wrong_refusals).threshold


def fit_refusal(
    rows: Mapping[str, Sequence[EvaluationRow]],
    generator: Generator,
    adapter: str | None,
    similarity: Similarity,
    *,
    max_wrong_refusals: float = MAX_WRONG_REFUSALS,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
) -> RefusalRule:
    """A rule that weighs the model's doubt, its choice of a passage, and what the question shares with the passages.

    Args:
        rows: By kind of question; each kind counts the same. Of questions worded like headings, and of all others,
            at most `max_wrong_refusals` of the answerable are refused.

    Raises:
        EvaluationError: There are no answerable or no unanswerable rows.
        GenerationError: The engine failed or does not tell probabilities.
    """
    kind_of = {row.key: kind for kind, found in rows.items() for row in found}
    asked = _judgeable([row for found in rows.values() for row in found])
    marks = first_marks(asked, generator, adapter, _calibration(adapter, generator, journal_path), progress)
    seen = [row_asked(row, similarity) for row in asked]
    found = [features(marks[row.key], one) for row, one in zip(asked, seen, strict=True)]
    answerable, kinds = [bool(row.gold) for row in asked], [kind_of[row.key] for row in asked]
    weights = fit_weights_by_wording(found, answerable, kinds)
    weighed = [RefusalRule(1.0, weights).weighed(values) for values in found]
    headings = [bool(values[HEADING]) for values in found]
    threshold, more = fit_heading_threshold(weighed, answerable, headings, max_wrong_refusals, CONFIDENCE)
    weights[HEADING] = weights.get(HEADING, 0.0) + more
    likely = [marks[row.key].likely for row in asked]
    choice = fit_choice(likely, [one.similarities for one in seen], [row.gold for row in asked], kinds)
    return RefusalRule(threshold, weights | ({CHOICE: choice} if choice else {}))


def _judgeable(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    return list({row.key: row for row in rows if row.is_grounded and row.passages}.values())


def _calibration(adapter: str | None, generator: Generator, path: Path | None) -> Journal:
    return Journal(path, {"calibrate": adapter, "model": generator.name, "kept": "first marks"})


def evaluate_heading_questions(
    articles: Path,
    generator: Generator,
    adapter: str | None = None,
    refusal: Refusal = None,
    *,
    n: int = 240,
    seed: int = 0,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
    similarity: Similarity | None = None,
) -> EvaluationRun:
    """The heading protocol on a company's `articles.jsonl`; errors as for `evaluate_adapter`."""
    rows = heading_questions(articles, n=n, seed=seed)
    return evaluate_adapter(
        rows, generator, adapter, refusal, journal_path=journal_path, progress=progress, similarity=similarity
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
    refusal: Refusal = None,
    *,
    knowledge_base: Searches | None = None,
    n: int = 240,
    seed: int = 0,
    journal_path: Path | None = None,
    progress: Progress = no_progress,
    similarity: Similarity | None = None,
) -> dict[str, Any]:
    """The object that `frontdesk evaluate adapter --json` prints; errors as for `rows_for` and `evaluate_adapter`."""
    rows = rows_for(data, knowledge_base, n=n, seed=seed)
    run = evaluate_adapter(
        rows, generator, adapter, refusal, journal_path=journal_path, progress=progress, similarity=similarity
    )
    intervals = {name: [round(i.low, 4), round(i.high, 4)] for name, i in run.intervals(seed=seed).items()}
    return {
        "task": "adapter",
        "data": str(data),
        "n": len(run.answers),
        "metrics": {metric: round(value, 4) for metric, value in run.metrics.items()},
        "settings": dict(run.settings) | {"seed": seed, "intervals_95": intervals},
    }
